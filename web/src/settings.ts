/** What a person has chosen. It stays in localStorage, but an API key stays for the session only. */

import { effect, signal } from "@preact/signals";

export interface Sampling {
  thinkingBudget: number | null;
  temperature: number | null;
  topP: number | null;
  seed: number | null;
  maxTokens: number | null;
  systemPrompt: string;
}

/** Null is the checkpoint's own default: such a value is not sent. */
export const DEFAULTS: Sampling = {
  thinkingBudget: null, temperature: null, topP: null, seed: null, maxTokens: null, systemPrompt: "",
};

export interface Preferences {
  theme: "system" | "light" | "dark";
  language: "system" | "en" | "zh";
  shrink: boolean;
  sidebar: boolean;
}

function read<T extends object>(name: string, fallback: T): T {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(name) ?? "null");
    return found && typeof found === "object" ? { ...fallback, ...found } : fallback;
  } catch {
    return fallback; // the browser keeps nothing, or something else wrote there
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // the browser keeps nothing: the choice holds until the page is closed
  }
}

export const sampling = signal<Sampling>(read("r1v.sampling", DEFAULTS));
export const preferences = signal<Preferences>(
  read("r1v.preferences", { theme: "system", language: "system", shrink: true, sidebar: true }),
);
export const seen = signal<{ figures: string[] }>(read("r1v.seen", { figures: [] }));
/** How many characters a token has in this model's answers, learned from the counts that servers send. */
export const charsPerToken = signal<Record<string, number>>(read("r1v.charsPerToken", {}));

effect(() => remember("r1v.sampling", sampling.value));
effect(() => remember("r1v.preferences", preferences.value));
effect(() => remember("r1v.seen", seen.value));
effect(() => remember("r1v.charsPerToken", charsPerToken.value));

effect(() => {
  const { theme } = preferences.value;
  const root = document.documentElement;
  if (theme === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme);
});

function session(name: string): string {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

function keepForSession(name: string, value: string): void {
  try {
    sessionStorage.setItem(name, value);
  } catch {
    // kept in memory only
  }
}

export const apiKey = signal(session("r1v.key"));
effect(() => keepForSession("r1v.key", apiKey.value));

/** Names this tab, across reloads of it. */
export const tab = session("r1v.tab") || newId();
keepForSession("r1v.tab", tab);

/** A random name. crypto.randomUUID would need HTTPS, which a server in the local network may not have. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
