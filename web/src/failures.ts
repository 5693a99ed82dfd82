/** What went wrong, in words, and what a person can do about it. */

import { t } from "./i18n";
import type { Words } from "./words/en";
import type { Failure } from "./types";

export type Remedy = "retry" | "key" | "settings" | "new" | "pictures" | "none";

interface Explained {
  title: string;
  text: string;
  /** What the server itself said. */
  said: string;
  remedy: Remedy;
}

const KNOWN: Record<string, [keyof Words, Remedy]> = {
  connection: ["fail_connection", "retry"],
  cut_off: ["fail_cut_off", "retry"],
  no_store: ["fail_pictures_gone", "none"],
  context_length_exceeded: ["fail_context", "new"],
  invalid_image: ["fail_image", "pictures"],
  invalid_prompt: ["fail_prompt", "new"],
  invalid_value: ["fail_value", "settings"],
  unknown_parameter: ["fail_unknown", "settings"],
  unknown_variant: ["fail_unknown", "settings"],
  missing_parameter: ["fail_unknown", "none"],
  unsupported: ["fail_unsupported", "settings"],
  invalid_json: ["fail_unknown", "none"],
  invalid_api_key: ["fail_key", "key"],
  unknown_host: ["fail_host", "none"],
  cross_site: ["fail_site", "none"],
  model_not_found: ["fail_model", "retry"],
  not_found: ["fail_endpoint", "none"],
  method_not_allowed: ["fail_endpoint", "none"],
  body_timeout: ["fail_slow", "retry"],
  body_too_large: ["fail_large", "pictures"],
  queue_full: ["fail_queue", "retry"],
  no_capacity: ["fail_capacity", "retry"],
  unavailable: ["fail_unavailable", "retry"],
  shutting_down: ["fail_shutdown", "retry"],
  stalled: ["fail_stalled", "retry"],
  deadline_exceeded: ["fail_deadline", "retry"],
  client_gone: ["fail_cut_off", "retry"],
  internal_error: ["fail_internal", "retry"],
};

const BY_STATUS: Record<number, string> = {
  400: "invalid_value", 401: "invalid_api_key", 403: "cross_site", 404: "not_found", 405: "method_not_allowed",
  408: "body_timeout", 413: "body_too_large", 429: "queue_full", 500: "internal_error", 502: "unavailable",
  503: "unavailable", 504: "deadline_exceeded",
};

/** The codes that have words of their own. */
export const KNOWN_CODES = Object.keys(KNOWN);

export function explain(failure: Failure): Explained {
  const byStatus = BY_STATUS[failure.status] ?? (failure.status >= 500 ? "internal_error" : "invalid_value");
  const [name, remedy] = KNOWN[failure.code] ?? KNOWN[byStatus]!;
  const [title, text] = t(name).split("|");
  const wait = failure.retryAfterS;
  return {
    title: title!,
    text: text! + (wait ? ` ${t("fail_wait", { n: wait })}` : ""),
    said: failure.message,
    remedy,
  };
}
