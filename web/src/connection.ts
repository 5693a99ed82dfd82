/** Whether the server can be reached: asked at the start, when a request fails, and every now and then. */

import { effect, signal } from "@preact/signals";
import { models as askForModels, RequestError } from "./api";
import { t } from "./i18n";
import { apiKey } from "./settings";
import { dialog, modelId, models, notify, runs } from "./state";
import type { Failure } from "./types";

export const connection = signal<"unknown" | "ok" | "lost">("unknown");
/** Why the models could not be listed, where it was not the connection. */
export const listingFailure = signal<Failure | null>(null);

const IDLE_MS = 20_000;
const LOST_MS = [500, 1_000, 2_000, 4_000];
let tries = 0;
let next: ReturnType<typeof setTimeout> | undefined;

/** Ask now, and from then on again. */
export async function checkConnection(): Promise<void> {
  clearTimeout(next);
  try {
    models.value = await askForModels();
    modelId.value ??= models.value[0]?.id ?? null;
    listingFailure.value = null;
    if (dialog.value === "key") dialog.value = null;
    if (connection.value === "lost") notify(t("connected_again"));
    connection.value = "ok";
    tries = 0;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const { failure } = error;
    if (failure.status === 401) dialog.value = "key";
    const gone = failure.status === 0 || failure.status >= 502;
    if (gone) connection.value = "lost";
    else listingFailure.value = failure;
    tries++;
  }
  const wait = connection.value === "lost" ? LOST_MS[Math.min(tries, LOST_MS.length) - 1]! : IDLE_MS;
  next = setTimeout(() => {
    // in a hidden tab or while an answer comes there is nothing to find out
    if (document.hidden || (runs.value.size && connection.value === "ok")) next = setTimeout(checkConnection, IDLE_MS);
    else void checkConnection();
  }, wait);
}

/** A request got no answer. */
export function connectionLost(): void {
  if (connection.value !== "lost") {
    clearTimeout(next);
    next = setTimeout(() => void checkConnection(), LOST_MS[0]);
  }
}

export function watchConnection(): void {
  const look = () => void checkConnection();
  window.addEventListener("online", look);
  window.addEventListener("offline", () => (connection.value = "lost"));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && connection.value === "lost") look();
  });
  let before = apiKey.peek();
  effect(() => {
    if (apiKey.value !== before) look();
    before = apiKey.value;
  });
  look();
}
