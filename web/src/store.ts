/**
 * Conversations in the browser: IndexedDB, or memory where the browser allows none.
 *
 * Every tab may write. Turns are records of their own, so two tabs that write into one conversation make two
 * branches and lose nothing. Each write is told to the other tabs.
 */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import { signal } from "@preact/signals";
import type { Conversation, Picture, Turn } from "./types";

interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation };
  turns: { key: string; value: Turn; indexes: { conversation: string } };
  pictures: { key: string; value: Picture; indexes: { conversation: string } };
}

type Table = "conversations" | "turns" | "pictures";

/** Why nothing is kept, or that writing failed; empty while all is well. */
export const storeProblem = signal<"" | "memory" | "full">("");

let database: IDBPDatabase<Schema> | null = null;
const memory = { conversations: new Map(), turns: new Map(), pictures: new Map() } as {
  conversations: Map<string, Conversation>;
  turns: Map<string, Turn>;
  pictures: Map<string, Picture>;
};
const channel = "BroadcastChannel" in window ? new BroadcastChannel("r1v") : null;

/** Open the store. `changed` is called with a conversation's id when another tab wrote to it. */
export async function openStore(changed: (conversation: string) => void): Promise<void> {
  try {
    database = await openDB<Schema>("r1v", 1, {
      upgrade(db) {
        db.createObjectStore("conversations", { keyPath: "id" });
        for (const name of ["turns", "pictures"] as const)
          db.createObjectStore(name, { keyPath: "id" }).createIndex("conversation", "conversation");
      },
      blocking: () => database?.close(),
    });
  } catch {
    storeProblem.value = "memory";
  }
  channel?.addEventListener("message", (event: MessageEvent<{ conversation: string }>) => changed(event.data.conversation));
  // asks the browser not to clear the conversations when the disk fills up; it may say no
  if (database && navigator.storage?.persist) void navigator.storage.persist().catch(() => false);
}

function tell(conversation: string): void {
  channel?.postMessage({ conversation });
}

async function put(table: Table, value: Conversation | Turn | Picture): Promise<void> {
  if (!database) {
    (memory[table] as Map<string, unknown>).set(value.id, value);
    return;
  }
  try {
    await database.put(table, value as never);
  } catch (error) {
    if (error instanceof DOMException && error.name === "QuotaExceededError") storeProblem.value = "full";
    else throw error;
  }
}

export async function putConversation(conversation: Conversation): Promise<void> {
  await put("conversations", conversation);
  tell(conversation.id);
}

export async function putTurn(turn: Turn): Promise<void> {
  await put("turns", turn);
  tell(turn.conversation);
}

export async function putPicture(picture: Picture): Promise<void> {
  await put("pictures", picture);
}

export async function allConversations(): Promise<Conversation[]> {
  const found = database ? await database.getAll("conversations") : [...memory.conversations.values()];
  return found.sort((a, b) => b.updated - a.updated);
}

export async function getConversation(id: string): Promise<Conversation | undefined> {
  return database ? database.get("conversations", id) : memory.conversations.get(id);
}

export async function turnsOf(conversation: string): Promise<Turn[]> {
  const found = database
    ? await database.getAllFromIndex("turns", "conversation", conversation)
    : [...memory.turns.values()].filter((turn) => turn.conversation === conversation);
  return found.sort((a, b) => a.created - b.created);
}

export async function allTurns(): Promise<Turn[]> {
  return database ? database.getAll("turns") : [...memory.turns.values()];
}

export async function getPicture(id: string): Promise<Picture | undefined> {
  return database ? database.get("pictures", id) : memory.pictures.get(id);
}

export async function picturesOf(conversation: string): Promise<Picture[]> {
  return database
    ? database.getAllFromIndex("pictures", "conversation", conversation)
    : [...memory.pictures.values()].filter((picture) => picture.conversation === conversation);
}

/** Remove a conversation with its turns and pictures. */
export async function removeConversation(id: string): Promise<void> {
  if (database) {
    const change = database.transaction(["conversations", "turns", "pictures"], "readwrite");
    await change.objectStore("conversations").delete(id);
    for (const name of ["turns", "pictures"] as const) {
      const table = change.objectStore(name);
      for (const key of await table.index("conversation").getAllKeys(id)) await table.delete(key);
    }
    await change.done;
  } else {
    memory.conversations.delete(id);
    for (const table of [memory.turns, memory.pictures])
      for (const [key, value] of table) if (value.conversation === id) table.delete(key);
  }
  storeProblem.value = storeProblem.value === "full" ? "" : storeProblem.value;
  tell(id);
}
