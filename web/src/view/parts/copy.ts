/** Copying text, also where the page did not come over HTTPS and the browser has no clipboard for it. */

import { t } from "../../i18n";
import { announcement, notify } from "../../state";

export async function copyText(text: string): Promise<boolean> {
  const copied = await write(text);
  if (copied) announcement.value = t("copied");
  else notify(t("copy_failed"), "problem");
  return copied;
}

async function write(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // not allowed: the old way may be
  }
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "off-screen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
