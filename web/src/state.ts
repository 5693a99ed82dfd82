/** What the page shows: signals that views read, and the actions on conversations that change them. */

import { batch, computed, signal } from "@preact/signals";
import { newId, tab } from "./settings";
import {
  allConversations, allTurns, getConversation, openStore, putConversation, putTurn, removeConversation, turnsOf,
} from "./store";
import { endOf, pathTo, type Turns } from "./tree";
import type { Call } from "./api";
import type { Conversation, Model, Picture, Turn } from "./types";

export type Phase = "uploading" | "reading" | "thinking" | "answering";

/** A request of this tab that has not ended. */
export interface Run {
  call: Call | null;
  phase: Phase;
  upload: number;
  startedMs: number;
  pictures: number;
}

export type DialogName = "settings" | "model" | "examples" | "key" | "shortcuts" | "data";

export const conversations = signal<Conversation[]>([]);
export const currentId = signal<string | null>(null);
export const turns = signal<Turns>(new Map());
export const runs = signal<ReadonlyMap<string, Run>>(new Map());
export const models = signal<Model[]>([]);
export const modelId = signal<string | null>(null);
export const dialog = signal<DialogName | null>(null);
export const enlarged = signal<{ pictures: Picture[]; index: number } | null>(null);
export const drawer = signal(false); // the sidebar on a narrow screen
export const notice = signal<{ text: string; kind: "info" | "problem" } | null>(null);
/** Said to screen readers. */
export const announcement = signal("");
/** What stands in the composer. */
export const draft = signal<{ text: string; pictures: Picture[] }>({ text: "", pictures: [] });

export const current = computed(() => conversations.value.find((each) => each.id === currentId.value) ?? null);
export const path = computed(() => pathTo(turns.value, current.value?.head ?? null));
export const model = computed(
  () => models.value.find((each) => each.id === modelId.value) ?? models.value[0] ?? null,
);
/** The turn of this conversation that is being written, by any tab. */
export const running = computed(() => path.value.find((turn) => turn.state === "running") ?? null);

export function takesImages(of: Model | null): boolean {
  if (!of) return true;
  return of.capabilities?.vision ?? of.input_modalities?.includes("image") ?? true;
}

export function contextLength(of: Model | null): number | null {
  return of?.context_length ?? of?.max_model_len ?? null;
}

// ------------------------------------------------------------------------------------------------ loading

const BEAT_MS = 6_000; // a tab that writes an answer says so more often than this

/** Read what is stored, and show the conversation that the address names. */
export async function load(): Promise<void> {
  await openStore((id) => void reload(id));
  conversations.value = await allConversations();
  await endAbandoned();
  await show(conversationOfAddress());
  window.addEventListener("hashchange", () => void show(conversationOfAddress()));
}

function conversationOfAddress(): string | null {
  const id = location.hash.slice(1);
  return conversations.value.some((each) => each.id === id) ? id : null;
}

/** Turns whose tab was closed or loaded again while it wrote them. */
async function endAbandoned(): Promise<void> {
  let later = false;
  for (const turn of await allTurns()) {
    if (turn.state !== "running" || runs.value.has(turn.id)) continue;
    if (turn.owner === tab || Date.now() - (turn.beat ?? 0) > BEAT_MS) await saveTurn({ ...turn, state: "interrupted" });
    else later = true;
  }
  if (later) setTimeout(() => void endAbandoned(), BEAT_MS + 1_000);
}

/** Another tab wrote to a conversation. */
async function reload(id: string): Promise<void> {
  const found = await getConversation(id);
  const others = conversations.value.filter((each) => each.id !== id);
  if (!found) {
    conversations.value = others;
    if (currentId.value === id) await show(null);
    return;
  }
  const stored = id === currentId.value ? await turnsOf(id) : null;
  batch(() => {
    conversations.value = [...others, found].sort((a, b) => b.updated - a.updated);
    if (!stored || currentId.value !== id) return;
    const next = new Map(stored.map((turn) => [turn.id, turn]));
    for (const [turn, written] of turns.value) if (runs.value.has(turn)) next.set(turn, written);
    turns.value = next;
  });
}

/** Show a conversation; null is the first screen. */
export async function show(id: string | null): Promise<void> {
  const found = id ? await turnsOf(id) : [];
  const live = id ? found.map((turn) => unsaved.get(turn.id) ?? turn) : [];
  batch(() => {
    currentId.value = id;
    turns.value = new Map(live.map((turn) => [turn.id, turn]));
    drawer.value = false;
  });
  const hash = id ? `#${id}` : "";
  if (location.hash !== hash) history.pushState(null, "", hash || location.pathname + location.search);
}

// ----------------------------------------------------------------------------------------- conversations

export function newConversation(title: string): Conversation {
  const now = Date.now();
  return { id: newId(), title, named: false, created: now, updated: now, head: null };
}

export async function saveConversation(conversation: Conversation): Promise<void> {
  const others = conversations.value.filter((each) => each.id !== conversation.id);
  conversations.value = [...others, conversation].sort((a, b) => b.updated - a.updated);
  await putConversation(conversation);
}

export async function rename(id: string, title: string): Promise<void> {
  const found = conversations.value.find((each) => each.id === id);
  if (found && title.trim()) await saveConversation({ ...found, title: title.trim().slice(0, 200), named: true });
}

export async function remove(id: string): Promise<void> {
  for (const [turn, run] of runs.value) if (turns.value.get(turn)?.conversation === id) run.call?.abort();
  conversations.value = conversations.value.filter((each) => each.id !== id);
  if (currentId.value === id) await show(null);
  await removeConversation(id);
}

// ------------------------------------------------------------------------------------------------- turns

/** Turns that run, newer than the store has them; for conversations that are shown again meanwhile. */
const unsaved = new Map<string, Turn>();

/** Put a turn on the screen, where its conversation is shown. */
export function showTurn(turn: Turn): void {
  if (turn.state === "running") unsaved.set(turn.id, turn);
  else unsaved.delete(turn.id);
  if (turn.conversation === currentId.value) turns.value = new Map(turns.value).set(turn.id, turn);
}

export async function saveTurn(turn: Turn): Promise<void> {
  showTurn(turn);
  await putTurn(turn);
}

/** Make a turn the end of the branch that is shown. */
export async function setHead(conversation: string, head: string): Promise<void> {
  const found = conversations.value.find((each) => each.id === conversation);
  if (found) await saveConversation({ ...found, head, updated: Date.now() });
}

/** Walk to another branch. */
export async function walkTo(turn: Turn): Promise<void> {
  const found = conversations.value.find((each) => each.id === turn.conversation);
  if (found) await saveConversation({ ...found, head: endOf(turns.value, turn.id) });
}

export function setRun(turn: string, run: Run | null): void {
  const next = new Map(runs.value);
  if (run) next.set(turn, run);
  else next.delete(turn);
  runs.value = next;
}

let hide: ReturnType<typeof setTimeout> | undefined;

export function notify(text: string, kind: "info" | "problem" = "info"): void {
  notice.value = { text, kind };
  clearTimeout(hide);
  hide = setTimeout(() => (notice.value = null), kind === "info" ? 4_000 : 12_000);
}

let wanted = false;

/** Whether the cursor is on its way to where questions are written: a dialog that closes then does not take it. */
export function inputWanted(): boolean {
  return wanted;
}

/** Put the cursor where questions are written: at once, so that no key is lost, and again when what changes has
 * been drawn. Not by touch: the keyboard would cover what there is to read. */
export function focusInput(byKeyboard = false): void {
  if (!byKeyboard && matchMedia("(pointer: coarse)").matches) return;
  let frames = 0;
  wanted = true;
  const focus = () => {
    // behind a dialog that is being closed nothing takes the focus
    if (document.querySelector("dialog[open]") && ++frames < 60) {
      requestAnimationFrame(focus);
      return;
    }
    wanted = false;
    document.querySelector<HTMLTextAreaElement>("#question")?.focus();
  };
  if (!document.querySelector("dialog[open]")) document.querySelector<HTMLTextAreaElement>("#question")?.focus();
  requestAnimationFrame(() => requestAnimationFrame(focus));
}
