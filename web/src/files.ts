/** Conversations as files: Markdown with pictures to read, JSON to keep and to import again. */

import { strToU8, zip } from "fflate";
import { t } from "./i18n";
import { blobOf, dataUrl } from "./pictures";
import { newId } from "./settings";
import { conversations, saveConversation } from "./state";
import { getConversation, picturesOf, putPicture, putTurn, turnsOf } from "./store";
import { pathTo } from "./tree";
import type { Conversation, Picture, Stats, Turn } from "./types";

const FORMAT = "r1v-conversations";

interface StoredPicture extends Omit<Picture, "blob"> {
  data: string;
}

interface Exported {
  format: typeof FORMAT;
  version: 1;
  conversations: { conversation: Conversation; turns: Turn[]; pictures: StoredPicture[] }[];
}

export function download(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function fileName(title: string): string {
  return title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "conversation";
}

const EXTENSIONS: Record<string, string> = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif" };

/** The branch that is shown, as Markdown; with its pictures beside it in one ZIP file where it has any. */
export async function exportMarkdown(id: string): Promise<void> {
  const conversation = await getConversation(id);
  if (!conversation) return;
  const turns = new Map((await turnsOf(id)).map((turn) => [turn.id, turn]));
  const pictures = new Map((await picturesOf(id)).map((picture) => [picture.id, picture]));
  const files: Record<string, Uint8Array> = {};
  const lines = [`# ${conversation.title}`, ""];
  for (const turn of pathTo(turns, conversation.head)) {
    lines.push(`## ${t(turn.role === "user" ? "you" : "model_word")}`, "");
    for (const picture of turn.pictures.map((each) => pictures.get(each))) {
      if (!picture) continue;
      const name = `images/${Object.keys(files).length + 1}.${EXTENSIONS[picture.blob.type] ?? "png"}`;
      files[name] = new Uint8Array(await picture.blob.arrayBuffer());
      lines.push(`![${picture.name.replace(/[[\]]/g, "")}](${name})`, "");
    }
    if (turn.thinking) lines.push("<details><summary>", "", t("thinking_word"), "", "</summary>", "", fenced(turn.thinking), "", "</details>", "");
    lines.push(turn.text, "");
  }
  const text = lines.join("\n");
  const name = fileName(conversation.title);
  if (!Object.keys(files).length) {
    download(`${name}.md`, new Blob([text], { type: "text/markdown" }));
    return;
  }
  const packed = await new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) =>
    zip({ [`${name}.md`]: strToU8(text), ...files }, (error, data) => (error ? reject(error) : resolve(data as Uint8Array<ArrayBuffer>))),
  );
  download(`${name}.zip`, new Blob([packed], { type: "application/zip" }));
}

function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text.trim()}\n${fence}`;
}

/** All branches of the named conversations with their pictures, as JSON. */
export async function exportJson(ids: readonly string[]): Promise<void> {
  const content: Exported = { format: FORMAT, version: 1, conversations: [] };
  for (const id of ids) {
    const conversation = await getConversation(id);
    if (!conversation) continue;
    const pictures = await Promise.all(
      (await picturesOf(id)).map(async ({ blob, ...rest }) => ({ ...rest, data: await dataUrl(blob) })),
    );
    content.conversations.push({ conversation, turns: await turnsOf(id), pictures });
  }
  const one = content.conversations.length === 1 ? content.conversations[0]!.conversation.title : "r1v-conversations";
  download(`${fileName(one)}.json`, new Blob([JSON.stringify(content)], { type: "application/json" }));
}

export class ImportError extends Error {}

/** Add the conversations of an exported file as new ones. Gives their number; throws an ImportError. */
export async function importJson(file: Blob): Promise<number> {
  let content: Exported;
  try {
    content = JSON.parse(await file.text()) as Exported;
  } catch {
    throw new ImportError();
  }
  if (content?.format !== FORMAT || !Array.isArray(content.conversations)) throw new ImportError();
  const read = content.conversations.map(rebuilt); // all of it is checked before anything is written
  for (const { conversation, turns, pictures } of read) {
    for (const picture of pictures) await putPicture(picture);
    for (const turn of turns) await putTurn(turn);
    await saveConversation(conversation);
  }
  return read.length;
}

/** The same conversation under new names, made only of fields that are known. */
function rebuilt(one: Exported["conversations"][number]): { conversation: Conversation; turns: Turn[]; pictures: Picture[] } {
  if (!one?.conversation || !Array.isArray(one.turns) || !Array.isArray(one.pictures)) throw new ImportError();
  const names = new Map<string, string>();
  const renamed = (id: unknown): string => {
    const known = names.get(String(id)) ?? newId();
    names.set(String(id), known);
    return known;
  };
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
  const conversation = newId();
  const pictures = one.pictures.map((picture): Picture => {
    const match = /^data:(image\/[\w.+-]+);base64,([A-Za-z0-9+/=]*)$/.exec(text(picture.data));
    if (!match || match[1] === "image/svg+xml") throw new ImportError();
    return {
      id: renamed(picture.id), conversation, name: text(picture.name) || "image", blob: blobOf(match[2]!, match[1]!),
      width: number(picture.width), height: number(picture.height),
    };
  });
  const turns = one.turns.map((turn): Turn => {
    const state = turn.state === "running" ? "interrupted" : turn.state;
    return {
      id: renamed(turn.id), conversation, parent: turn.parent == null ? null : renamed(turn.parent),
      role: turn.role === "user" ? "user" : "assistant", text: text(turn.text), thinking: text(turn.thinking),
      pictures: Array.isArray(turn.pictures) ? turn.pictures.map(renamed) : [], created: number(turn.created),
      state: ["done", "stopped", "interrupted"].includes(state) ? state : "done",
      ...(turn.finish ? { finish: text(turn.finish) } : {}), ...(turn.detail ? { detail: text(turn.detail) } : {}),
      ...(turn.refused === true ? { refused: true } : {}),
      ...(turn.model ? { model: text(turn.model) } : {}), ...(turn.expected ? { expected: text(turn.expected) } : {}),
      ...(turn.tool ? { tool: text(turn.tool) } : {}),
      ...(turn.stats ? { stats: statsOf(turn.stats, number) } : {}),
    };
  });
  const old = one.conversation;
  const known = new Set(conversations.value.map((each) => each.title));
  const title = text(old.title).slice(0, 200) || t("untitled");
  return {
    conversation: {
      id: conversation, title: known.has(title) ? `${title} (${t("copy_word")})` : title, named: Boolean(old.named),
      created: number(old.created), updated: number(old.updated) || Date.now(),
      head: old.head == null ? null : renamed(old.head),
    },
    turns, pictures,
  };
}

function statsOf(stats: Stats, number: (value: unknown) => number): Stats {
  return {
    thinkingTokens: number(stats.thinkingTokens), answerTokens: number(stats.answerTokens), waitS: number(stats.waitS),
    thinkingS: number(stats.thinkingS), answerS: number(stats.answerS), exact: Boolean(stats.exact),
  };
}
