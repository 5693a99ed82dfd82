/** The thinking of a turn: a fold that says what it is at. */

import { useEffect, useRef, useState } from "preact/hooks";
import { count, format, t } from "../i18n";
import type { Run } from "../state";
import type { Turn } from "../types";
import { CopyButton } from "./parts/CopyButton";
import { Icon } from "./parts/icons";
import { Prose } from "./parts/Prose";

const SHORT = 700; // characters of thinking that stay open at the end of a conversation

function figures(turn: Turn, busy: boolean): string[] {
  const stats = turn.stats;
  if (!stats) return [];
  const tokens = count(stats.thinkingTokens, "token", "tokens");
  const parts = [stats.exact ? tokens : t("about", { n: tokens })];
  if (stats.thinkingS > 0.05) {
    // below that all of it came in one piece, as from a proxy that holds streams back: the page saw no time pass
    parts.push(t("seconds", { n: format(stats.thinkingS, 1) }));
    if (!busy || stats.thinkingTokens > 2) parts.push(t("rate", { n: format(stats.thinkingTokens / stats.thinkingS) }));
  }
  return parts;
}

export function Thinking({ turn, run, last }: { turn: Turn; run: Run | null; last: boolean }) {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const body = useRef<HTMLDivElement>(null);
  const busy = turn.state === "running" && turn.text === "";
  const open = chosen ?? (busy || (last && turn.thinking.length <= SHORT));
  const id = `thinking-${turn.id}`;

  useEffect(() => {
    const box = body.current;
    // follow what comes, unless a person has scrolled up in it
    if (busy && box && box.scrollHeight - box.scrollTop - box.clientHeight < 120) box.scrollTop = box.scrollHeight;
  }, [turn.thinking, busy]);

  if (!turn.thinking) return null;
  return (
    <section class={`thinking ${busy ? "busy" : ""}`}>
      <div class="thinking-head">
        <button
          type="button" class="thinking-toggle" aria-expanded={open} aria-controls={id}
          title={t(open ? "hide_thinking" : "show_thinking")} onClick={() => setChosen(!open)}
        >
          <span class="thinking-mark" aria-hidden="true" />
          <span class="thinking-title">{t(busy ? "thinking_now" : "thought")}</span>
          <span class="thinking-figures">
            {figures(turn, busy && run !== null).map((part, index, all) => (
              <span key={index}>{index < all.length - 1 ? `${part} · ` : part}</span>
            ))}
          </span>
          <Icon name="down" />
        </button>
        {open && !busy && <CopyButton text={turn.thinking} label={t("copy_thinking")} />}
      </div>
      <div id={id} ref={body} class="thinking-body" hidden={!open} tabIndex={open ? 0 : -1} role="region" aria-label={t("thinking_word")}>
        {open && <Prose text={turn.thinking} growing={busy} />}
      </div>
    </section>
  );
}
