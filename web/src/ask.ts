/** Asking: from a question to an answer that grows, and what can be done with an answer afterwards. */

import { Aborted, chat, RequestError, type Usage } from "./api";
import { connectionLost } from "./connection";
import { t } from "./i18n";
import { dataUrl, loadPictures } from "./pictures";
import { charsPerToken, newId, sampling, tab } from "./settings";
import {
  announcement, current, currentId, focusInput, model, newConversation, path, runs, saveConversation, saveTurn,
  setHead, setRun, show, showTurn, turns, type Phase,
} from "./state";
import { putPicture } from "./store";
import { pathTo } from "./tree";
import type { Picture, Stats, Turn } from "./types";

const SHOW_MS = 60; // between two pictures of an answer that grows
const SAVE_MS = 500;
const TITLE_CHARS = 80;

function turnOf(role: Turn["role"], conversation: string, parent: string | null): Turn {
  return {
    id: newId(), conversation, parent, role, text: "", thinking: "", pictures: [], created: Date.now(),
    state: role === "user" ? "done" : "running",
  };
}

/** What is known of a shipped example. */
export type Origin = Pick<Turn, "expected" | "tool">;

/** Ask a question at the end of the conversation that is shown, or in a new one. */
export async function send(text: string, pictures: readonly Picture[], origin: Origin = {}): Promise<void> {
  const conversation = current.value ?? newConversation(titleOf(text));
  if (!current.value) {
    await saveConversation(conversation);
    await show(conversation.id);
  }
  await askAt(path.value.at(-1)?.id ?? null, conversation.id, text, pictures, origin);
}

function titleOf(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > TITLE_CHARS ? `${line.slice(0, TITLE_CHARS)}…` : line || t("untitled");
}

async function askAt(
  parent: string | null, conversation: string, text: string, pictures: readonly Picture[], origin: Origin,
): Promise<void> {
  const question = turnOf("user", conversation, parent);
  question.text = text;
  question.pictures = pictures.map((picture) => picture.id);
  if (origin.expected !== undefined) question.expected = origin.expected;
  if (origin.tool !== undefined) question.tool = origin.tool;
  for (const picture of pictures) await putPicture({ ...picture, conversation });
  await saveTurn(question);
  await answer(question);
}

/** A new branch with another wording of a question. */
export async function edit(turn: Turn, text: string, pictures: readonly Picture[]): Promise<void> {
  const same = pictures.length === turn.pictures.length && text === turn.text;
  await askAt(turn.parent, turn.conversation, text, pictures, same ? turn : {});
}

/** A new branch with another answer to the same question. */
export async function regenerate(turn: Turn): Promise<void> {
  const question = turn.parent ? turns.value.get(turn.parent) : undefined;
  if (question) await answer(question);
}

async function answer(question: Turn): Promise<void> {
  const reply = turnOf("assistant", question.conversation, question.id);
  if (model.value) reply.model = model.value.id;
  if (question.expected !== undefined) reply.expected = question.expected;
  await generate(reply);
}

/** Go on with an answer that was cut off, stopped or interrupted. */
export async function goOn(turn: Turn): Promise<void> {
  const { failure: _, finish: __, detail: ___, refused: ____, ...rest } = turn;
  await generate({ ...rest, state: "running" }, true);
}

export function stop(turn: Turn): void {
  runs.value.get(turn.id)?.call?.abort();
  focusInput();
}

/** Stop whatever this tab is writing in the conversation that is shown. */
export function stopAll(): boolean {
  const mine = path.value.filter((turn) => runs.value.has(turn.id));
  mine.forEach(stop);
  return mine.length > 0;
}

// ----------------------------------------------------------------------------------------------- request

type Part = { type: "text"; text: string } | { type: "image_url"; image_url: { url: string } };

class PicturesGone extends Error {}

async function messageOf(turn: Turn): Promise<object> {
  if (turn.role === "assistant") return { role: "assistant", content: turn.text };
  if (!turn.pictures.length) return { role: "user", content: turn.text };
  const pictures = await loadPictures(turn.pictures);
  if (pictures.length < turn.pictures.length) throw new PicturesGone();
  const parts: Part[] = await Promise.all(
    pictures.map(async ({ blob }) => ({ type: "image_url" as const, image_url: { url: await dataUrl(blob) } })),
  );
  if (turn.text) parts.push({ type: "text", text: turn.text });
  return { role: "user", content: parts };
}

async function bodyOf(reply: Turn, further: boolean): Promise<object> {
  const chosen = sampling.value;
  const before = pathTo(turns.value, reply.parent);
  const messages: object[] = chosen.systemPrompt.trim()
    ? [{ role: "system", content: chosen.systemPrompt.trim() }]
    : [];
  for (const turn of before) {
    if (turn.role === "assistant" && !turn.text) continue; // failed or stopped before it answered
    messages.push(await messageOf(turn));
  }
  const body: Record<string, unknown> = {
    model: reply.model ?? model.value?.id ?? "default",
    messages,
    stream: true,
    stream_options: { include_usage: true },
  };
  if (further) {
    messages.push({
      role: "assistant",
      content: reply.text || null,
      ...(reply.thinking ? { reasoning_content: reply.thinking } : {}),
    });
    body["continue_final_message"] = true;
    if (model.value?.owned_by === "vllm") body["add_generation_prompt"] = false;
  }
  if (chosen.temperature !== null) body["temperature"] = chosen.temperature;
  if (chosen.topP !== null) body["top_p"] = chosen.topP;
  if (chosen.seed !== null) body["seed"] = chosen.seed;
  if (chosen.maxTokens !== null) body["max_tokens"] = chosen.maxTokens;
  if (chosen.thinkingBudget !== null && !(further && reply.thinking)) body["thinking_budget"] = chosen.thinkingBudget;
  return body;
}

// ------------------------------------------------------------------------------------------------ answer

/** Write a reply as it comes. further: it has a beginning already. */
async function generate(reply: Turn, further = false): Promise<void> {
  const writer = new Writer(reply);
  await saveTurn(writer.turn);
  await setHead(reply.conversation, reply.id);
  writer.start();
  try {
    const body = await bodyOf(reply, further);
    if (writer.cancelled) throw new Aborted();
    const call = chat(body, writer);
    setRun(reply.id, { ...runs.value.get(reply.id)!, call });
    await call.done;
    await writer.end("done");
    announcement.value = `${t(writer.turn.refused ? "refused" : "answer_ready")} ${writer.turn.text}`;
  } catch (error) {
    if (error instanceof Aborted) await writer.end("stopped");
    else if (error instanceof RequestError) {
      writer.turn = { ...writer.turn, failure: error.failure };
      await writer.end("failed");
      if (error.failure.status === 0) connectionLost();
    } else if (error instanceof PicturesGone) {
      writer.turn = { ...writer.turn, failure: { status: 0, code: "no_store", message: "" } };
      await writer.end("failed");
    } else {
      await writer.end("failed");
      throw error;
    }
  }
}

/** Takes the pieces of one answer, and puts them on the screen and into the store every now and then. */
class Writer {
  cancelled = false;
  private readonly before: Stats | undefined;
  private readonly startedMs = performance.now();
  private thinkingMs: number | null = null;
  private answerMs: number | null = null;
  private pieces = { thinking: 0, answer: 0 };
  private chars = { thinking: 0, answer: 0 };
  private exact: Usage | null = null;
  private showing: ReturnType<typeof setTimeout> | undefined;
  private saving: ReturnType<typeof setInterval> | undefined;

  constructor(public turn: Turn) {
    this.before = turn.stats;
    this.turn = { ...turn, owner: tab, beat: Date.now() };
  }

  start(): void {
    const parent = this.turn.parent ? turns.value.get(this.turn.parent) : undefined;
    const call = { done: Promise.resolve(), abort: () => (this.cancelled = true) };
    const pictures = parent?.pictures.length ?? 0;
    setRun(this.turn.id, { call, phase: "uploading", upload: 0, startedMs: this.startedMs, pictures });
    announcement.value = t("thinking_now");
    this.saving = setInterval(() => void saveTurn((this.turn = { ...this.turn, beat: Date.now(), stats: this.stats() })), SAVE_MS);
  }

  upload(part: number): void {
    const run = runs.value.get(this.turn.id);
    if (run && (run.phase === "uploading" || run.phase === "reading"))
      setRun(this.turn.id, { ...run, upload: part, phase: part >= 1 ? "reading" : "uploading" });
  }

  thinking(text: string): void {
    this.thinkingMs ??= performance.now();
    this.pieces.thinking++;
    this.chars.thinking += text.length;
    this.turn = { ...this.turn, thinking: this.turn.thinking + text };
    this.grow("thinking");
  }

  answer(text: string): void {
    this.answerMs ??= performance.now();
    this.pieces.answer++;
    this.chars.answer += text.length;
    this.turn = { ...this.turn, text: this.turn.text + text };
    this.grow("answering");
  }

  finish(reason: string, detail: string | null, refused: boolean): void {
    this.turn = { ...this.turn, finish: reason, ...(detail ? { detail } : {}), ...(refused ? { refused } : {}) };
  }

  usage(usage: Usage): void {
    this.exact = usage;
  }

  async end(state: Turn["state"]): Promise<void> {
    clearTimeout(this.showing);
    clearInterval(this.saving);
    const { owner: _, beat: __, ...rest } = this.turn;
    this.turn = { ...rest, state, stats: this.stats() };
    this.learn();
    await saveTurn(this.turn);
    setRun(this.turn.id, null);
    if (this.turn.conversation === currentId.value && document.activeElement === document.body) focusInput();
  }

  private grow(phase: Phase): void {
    const run = runs.value.get(this.turn.id);
    if (run && run.phase !== phase) setRun(this.turn.id, { ...run, phase });
    this.showing ??= setTimeout(() => {
      this.showing = undefined;
      this.turn = { ...this.turn, stats: this.stats() };
      showTurn(this.turn);
    }, SHOW_MS);
  }

  /** Counted by the server at the end; until then estimated from what has come. */
  private stats(): Stats {
    const now = performance.now();
    const first = Math.min(this.thinkingMs ?? now, this.answerMs ?? now);
    const each = charsPerToken.value[this.turn.model ?? ""];
    const estimate = (kind: "thinking" | "answer") =>
      Math.max(this.pieces[kind], each ? Math.round(this.chars[kind] / each) : 0);
    const usage = this.exact;
    const reasoning = usage?.completion_tokens_details?.reasoning_tokens ?? null;
    const thinking = reasoning ?? estimate("thinking");
    const all = usage?.completion_tokens ?? null;
    const before = this.before;
    const seconds = (from: number | null, to: number) => (from === null ? 0 : (to - from) / 1000);
    return {
      thinkingTokens: (before?.thinkingTokens ?? 0) + thinking,
      answerTokens: (before?.answerTokens ?? 0) + (all === null ? estimate("answer") : Math.max(0, all - thinking)),
      ...(usage?.prompt_tokens === undefined ? {} : { promptTokens: usage.prompt_tokens }),
      ...(usage?.prompt_tokens_details?.image_tokens ? { imageTokens: usage.prompt_tokens_details.image_tokens } : {}),
      waitS: before?.waitS ?? (first - this.startedMs) / 1000,
      thinkingS: (before?.thinkingS ?? 0) + seconds(this.thinkingMs, this.answerMs ?? now),
      answerS: (before?.answerS ?? 0) + seconds(this.answerMs, now),
      exact: (before?.exact ?? true) && all !== null,
    };
  }

  private learn(): void {
    const tokens = this.exact?.completion_tokens ?? 0;
    const chars = this.chars.thinking + this.chars.answer;
    if (tokens >= 16 && chars > 0)
      charsPerToken.value = { ...charsPerToken.value, [this.turn.model ?? ""]: chars / tokens };
  }
}
