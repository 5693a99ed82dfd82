/** The page's words, in the language of the browser or the one that was chosen. */

import { computed, effect } from "@preact/signals";
import { preferences } from "./settings";
import { en, type Words } from "./words/en";
import { zh } from "./words/zh";

export const language = computed<"en" | "zh">(() => {
  const chosen = preferences.value.language;
  if (chosen !== "system") return chosen;
  return navigator.languages.find((each) => /^(en|zh)\b/i.test(each))?.toLowerCase().startsWith("zh") ? "zh" : "en";
});

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-Hans" : "en";
});

/** The text of that name, with {x} replaced by values. */
export function t(name: keyof Words, values: Record<string, string | number> = {}): string {
  const words: Words = language.value === "zh" ? zh : en;
  return words[name].replace(/\{(\w+)\}/g, (whole, key: string) => (key in values ? String(values[key]) : whole));
}

/** "1 token", "2 tokens". */
export function count(number: number, one: keyof Words, many: keyof Words): string {
  return t(number === 1 ? one : many, { n: format(number) });
}

export function format(number: number, digits = 0): string {
  return number.toLocaleString(language.value === "zh" ? "zh-CN" : "en-GB", {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  });
}

export function family(name: string): string {
  const key = `family_${name}` as keyof Words;
  return key in en ? t(key) : name.replace(/_/g, " ");
}
