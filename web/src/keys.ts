/** Keys that work everywhere on the page. */

import { stopAll } from "./ask";
import { preferences } from "./settings";
import { dialog, drawer, enlarged, focusInput, show } from "./state";

const command = /Mac|iP(hone|ad)/.test(navigator.userAgent) ? "⌘" : "Ctrl";

/** Names of words, and their keys. */
export const SHORTCUTS: [string, string][] = [
  ["key_focus", "/"],
  ["key_new", `${command} Shift O`],
  ["key_search", `${command} K`],
  ["key_stop", "Esc"],
  ["key_edit", "↑"],
  ["key_thinking", `${command} Shift H`],
  ["key_help", "?"],
];

function typing(): boolean {
  const active = document.activeElement;
  return active instanceof HTMLTextAreaElement || active instanceof HTMLInputElement || active instanceof HTMLSelectElement;
}

export function watchKeys(): void {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    const held = event.ctrlKey || event.metaKey;
    const open = dialog.value !== null || enlarged.value !== null || document.querySelector("dialog[open]") !== null;
    const key = event.key.toLowerCase();
    const act = ((): (() => void) | null => {
      if (held && event.shiftKey && key === "o") return () => void show(null).then(() => focusInput());
      if (held && event.shiftKey && key === "h") return toggleThinking;
      if (held && !event.shiftKey && key === "k") return search;
      if (key === "escape" && !open) return drawer.value ? () => (drawer.value = false) : stopAll;
      if (held || typing() || open) return null;
      if (key === "/") return () => focusInput(true);
      if (key === "?") return () => (dialog.value = "shortcuts");
      return null;
    })();
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function search(): void {
  drawer.value = true;
  preferences.value = { ...preferences.value, sidebar: true };
  requestAnimationFrame(() => document.querySelector<HTMLInputElement>("#search")?.focus());
}

function toggleThinking(): void {
  [...document.querySelectorAll<HTMLElement>(".thinking-toggle")].at(-1)?.click();
}
