/**
 * The client of the public API: /v1/models and /v1/chat/completions, and nothing else.
 *
 * XMLHttpRequest rather than fetch, because only it tells how much of an upload has gone.
 */

import { createParser } from "eventsource-parser";
import { apiKey } from "./settings";
import type { Failure, Model } from "./types";

const BASE = new URL("v1/", document.baseURI);
const MODELS_TIMEOUT_MS = 10_000;

export interface Usage {
  prompt_tokens?: number;
  completion_tokens?: number;
  prompt_tokens_details?: { image_tokens?: number } | null;
  completion_tokens_details?: { reasoning_tokens?: number } | null;
}

export interface Listener {
  /** Part of the request that has gone, 0 to 1. */
  upload(part: number): void;
  thinking(text: string): void;
  answer(text: string): void;
  /** refused: the answer says that the model cannot tell. */
  finish(reason: string, detail: string | null, refused: boolean): void;
  usage(usage: Usage): void;
}

export interface Call {
  /** Resolves at the end of the stream; rejects with a RequestError. */
  done: Promise<void>;
  abort(): void;
}

export class RequestError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

export class Aborted extends Error {}

function failureOf(status: number, text: string, retryAfter: string | null): Failure {
  const failure: Failure = { status, code: status === 0 ? "connection" : `status_${status}`, message: "" };
  try {
    const body = JSON.parse(text) as { error?: unknown; message?: unknown; detail?: unknown };
    const error = (body.error ?? body) as Record<string, unknown>;
    if (typeof error === "string") failure.message = error;
    else {
      failure.message = String(error["message"] ?? error["detail"] ?? "");
      if (typeof error["code"] === "string") failure.code = error["code"];
      if (typeof error["param"] === "string") failure.param = error["param"];
    }
  } catch {
    failure.message = text.slice(0, 300); // a proxy's page, for example
  }
  const seconds = Number(retryAfter);
  if (retryAfter && Number.isFinite(seconds)) failure.retryAfterS = seconds;
  return failure;
}

function open(method: string, path: string): XMLHttpRequest {
  const request = new XMLHttpRequest();
  request.open(method, new URL(path, BASE));
  if (apiKey.value) request.setRequestHeader("Authorization", `Bearer ${apiKey.value}`);
  return request;
}

/** The models that the server has. Rejects with a RequestError. */
export function models(): Promise<Model[]> {
  return new Promise((resolve, reject) => {
    const request = open("GET", "models");
    request.timeout = MODELS_TIMEOUT_MS;
    request.onloadend = () => {
      if (request.status === 200) {
        try {
          const body = JSON.parse(request.responseText) as { data?: Model[] };
          resolve((body.data ?? []).filter((model) => typeof model.id === "string"));
          return;
        } catch {
          // falls through: something else answers at this address
        }
      }
      reject(new RequestError(failureOf(request.status, request.responseText, request.getResponseHeader("Retry-After"))));
    };
    request.send();
  });
}

interface Chunk {
  error?: unknown;
  usage?: Usage | null;
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null; reasoning?: string | null };
    finish_reason?: string | null;
    finish_detail?: string | null;
    refused?: boolean;
  }[];
}

/** Ask, and tell the listener what comes. */
export function chat(body: object, listener: Listener): Call {
  const request = open("POST", "chat/completions");
  let aborted = false;
  const done = new Promise<void>((resolve, reject) => {
    let read = 0;
    let begun = false; // the status of a request is gone once its connection has failed
    let ended = false;
    let failure: Failure | null = null;
    const inText = thinkTags(listener);
    const parser = createParser({
      onEvent({ data }) {
        if (data === "[DONE]") {
          ended = true;
          return;
        }
        let chunk: Chunk;
        try {
          chunk = JSON.parse(data) as Chunk;
        } catch {
          return; // not ours to understand; the end of the stream is judged below
        }
        if (chunk.error) failure = failureOf(request.status, data, null);
        const choice = chunk.choices?.[0];
        const thinking = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning;
        if (thinking) listener.thinking(thinking);
        if (choice?.delta?.content) inText.push(choice.delta.content);
        if (choice?.finish_reason) {
          inText.flush();
          ended = true;
          listener.finish(choice.finish_reason, choice.finish_detail ?? null, choice.refused === true);
        }
        if (chunk.usage) listener.usage(chunk.usage);
      },
    });
    const take = () => {
      if (request.status !== 200) return;
      begun = true;
      const text = request.responseText;
      parser.feed(text.slice(read));
      read = text.length;
    };
    request.upload.onprogress = (event) => listener.upload(event.total ? event.loaded / event.total : 0);
    request.upload.onload = () => listener.upload(1);
    request.onprogress = take;
    request.onloadend = () => {
      take();
      inText.flush();
      if (aborted) reject(new Aborted());
      else if (failure) reject(new RequestError(failure));
      else if (ended) resolve();
      else if (begun) reject(new RequestError({ status: 0, code: "cut_off", message: "" }));
      else reject(new RequestError(failureOf(request.status, request.responseText, request.getResponseHeader("Retry-After"))));
    };
  });
  request.setRequestHeader("Content-Type", "application/json");
  request.send(JSON.stringify(body));
  return {
    done,
    abort() {
      aborted = true;
      request.abort();
    },
  };
}

/** Servers that do not separate thinking send it as <think>…</think> at the start of the content. */
function thinkTags(listener: Listener): { push(text: string): void; flush(): void } {
  let mode: "start" | "thinking" | "answer" = "start";
  let held = "";
  const push = (text: string) => {
    if (mode === "answer") {
      listener.answer(text);
      return;
    }
    held += text;
    if (mode === "start") {
      const begun = held.trimStart();
      if ("<think>".startsWith(begun.slice(0, 7)) && begun.length < 7) return;
      if (!begun.startsWith("<think>")) {
        mode = "answer";
        listener.answer(held);
        held = "";
        return;
      }
      mode = "thinking";
      held = begun.slice(7).replace(/^\n/, "");
    }
    const end = held.indexOf("</think>");
    if (end >= 0) {
      listener.thinking(held.slice(0, end));
      mode = "answer";
      const rest = held.slice(end + 8).replace(/^\s+/, "");
      held = "";
      if (rest) listener.answer(rest);
      return;
    }
    const safe = held.length - 8; // the end may hold the beginning of </think>
    if (safe > 0) {
      listener.thinking(held.slice(0, safe));
      held = held.slice(safe);
    }
  };
  const flush = () => {
    if (held) (mode === "thinking" ? listener.thinking : listener.answer)(held);
    held = "";
  };
  return { push, flush };
}
