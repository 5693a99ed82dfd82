import { t } from "../i18n";
import { runs, turns, walkTo } from "../state";
import { siblings } from "../tree";
import type { Turn } from "../types";
import { IconButton } from "./parts/icons";

/** Walks between the versions of a turn. */
export function Branches({ turn }: { turn: Turn }) {
  const all = siblings(turns.value, turn);
  if (all.length < 2) return null;
  const index = all.findIndex((each) => each.id === turn.id);
  const busy = runs.value.has(turn.id);
  const walk = (step: number) => {
    const to = all[index + step];
    if (to) void walkTo(to);
  };
  return (
    <span class="branches" role="group" aria-label={t("branch", { n: index + 1, all: all.length })}>
      <IconButton icon="left" label={t("branch_before")} disabled={index === 0 || busy} onClick={() => walk(-1)} />
      <span class="branch-number">
        {index + 1}/{all.length}
      </span>
      <IconButton icon="right" label={t("branch_after")} disabled={index === all.length - 1 || busy} onClick={() => walk(1)} />
    </span>
  );
}
