/** An answer with its thinking, how it ended, and what can be done with it. */

import { goOn, regenerate } from "../ask";
import { lastBox, sameAnswer } from "../boxed";
import { count, format, t } from "../i18n";
import { sampling } from "../settings";
import { focusInput, model, type Run } from "../state";
import type { Turn } from "../types";
import { Branches } from "./Branches";
import { CopyButton } from "./parts/CopyButton";
import { FailureBox } from "./FailureBox";
import { Icon, IconButton } from "./parts/icons";
import { memo } from "./parts/memo";
import { Prose } from "./parts/Prose";
import { Thinking } from "./Thinking";

interface Props {
  turn: Turn;
  run: Run | null;
  last: boolean;
  onEdit: (() => void) | null;
}

export const ModelTurn = memo(function ModelTurn({ turn, run, last, onEdit }: Props) {
  const busy = turn.state === "running";
  return (
    <article class="turn reply" aria-label={t("model_word")} aria-busy={busy} data-state={turn.state}>
      {busy && !turn.thinking && !turn.text && <Progress run={run} />}
      <Thinking turn={turn} run={run} last={last} />
      {turn.text && (turn.refused ? <Refusal text={turn.text} /> : (
        <div class="answer">
          <Prose text={turn.text} growing={busy} />
        </div>
      ))}
      {turn.state === "done" && !turn.text && <p class="note">{t("no_answer")}</p>}
      <Verdict turn={turn} />
      <Ending turn={turn} />
      <FailureBox turn={turn} onEdit={onEdit} />
      {!busy && <Actions turn={turn} />}
    </article>
  );
});

/** What the model says where it cannot tell: a note, not an answer. */
function Refusal({ text }: { text: string }) {
  return (
    <div class="answer refusal" role="note" aria-label={t("refused")}>
      <p class="refusal-head"><Icon name="info" />{t("refused")}</p>
      <Prose text={text} />
    </div>
  );
}

/** Until the first piece comes: how much has been sent, then that the model reads. Without a run, another tab
 * has asked. */
function Progress({ run }: { run: Run | null }) {
  const sending = run?.phase === "uploading";
  const name = `${sending ? "uploading" : "reading"}${run?.pictures ? "" : "_text"}` as const;
  return (
    <div class="progress-line" role="status">
      <span>{t(name)}</span>
      {sending ? (
        <progress max={1} value={run?.upload ?? 0} aria-label={t(name)} />
      ) : (
        <progress aria-label={t(name)} />
      )}
    </div>
  );
}

/** Beside a shipped figure: whether the answer is the figure's own. */
function Verdict({ turn }: { turn: Turn }) {
  if (turn.expected === undefined || turn.state !== "done" || !turn.text) return null;
  if (turn.refused) return <p class="verdict">{t("own_answer", { answer: turn.expected })}</p>;
  const found = lastBox(turn.text) ?? turn.text;
  const right = sameAnswer(found, turn.expected);
  return (
    <p class={`verdict ${right ? "right" : "wrong"}`}>
      <Icon name={right ? "check" : "info"} />
      {right ? t("right_answer") : t("wrong_answer", { answer: turn.expected })}
    </p>
  );
}

const DETAILS = {
  budget: "ended_budget", loop: "ended_loop", deadline: "ended_deadline", shutdown: "ended_shutdown",
} as const;

/** How the answer ended, where it did not end by itself; and a way to go on. */
function Ending({ turn }: { turn: Turn }) {
  const note = endOf(turn);
  if (!note) return null;
  const cut = turn.finish === "length" || turn.state === "stopped" || turn.state === "interrupted" || turn.failure !== undefined;
  const some = turn.text !== "" || turn.thinking !== "";
  const further = () => {
    void goOn(turn);
    focusInput();
  };
  return (
    <p class="ending">
      {note}
      {cut && some && (
        <button type="button" class="continue" onClick={further}>
          <Icon name="play" />
          {t("continue")}
        </button>
      )}
    </p>
  );
}

function endOf(turn: Turn): string {
  if (turn.state === "stopped") return t("ended_stopped");
  if (turn.state === "interrupted") return t("ended_interrupted");
  if (turn.failure && turn.failure.code === "cut_off") return " ";
  const detail = DETAILS[turn.detail as keyof typeof DETAILS];
  if (detail) return t(detail);
  if (turn.finish === "length") return t("ended_length");
  if (turn.finish === "content_filter") return t("ended_filter");
  return "";
}

function Actions({ turn }: { turn: Turn }) {
  const temperature = sampling.value.temperature ?? model.value?.default_sampling?.temperature;
  const again = () => {
    void regenerate(turn);
    focusInput();
  };
  return (
    <footer class="actions">
      <Branches turn={turn} />
      {turn.text && <CopyButton text={turn.text} label={t("copy_answer")} />}
      <IconButton icon="redo" label={t(temperature === 0 ? "regenerate_greedy" : "regenerate")} onClick={again} />
      <Figures turn={turn} />
    </footer>
  );
}

function Figures({ turn }: { turn: Turn }) {
  const stats = turn.stats;
  if (!stats || turn.failure) return null;
  const all = stats.thinkingTokens + stats.answerTokens;
  const seconds = stats.waitS + stats.thinkingS + stats.answerS;
  const tokens = count(all, "token", "tokens");
  const parts = [stats.exact ? tokens : t("about", { n: tokens }), t("seconds", { n: format(seconds, 1) })];
  return <span class="figures">{parts.join(" · ")}</span>;
}
