/** The branch of the conversation that is shown. It follows a growing answer unless a person scrolled up. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { currentId, path, running, runs } from "../state";
import type { Turn } from "../types";
import { Icon } from "./parts/icons";
import { ModelTurn } from "./ModelTurn";
import { UserTurn } from "./UserTurn";

const NEAR = 80; // pixels from the end that count as being there

interface Props {
  editing: string | null;
  onEdit: (turn: Turn | null) => void;
}

export function Thread({ editing, onEdit }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [away, setAway] = useState(false);
  const shown = path.value;
  const last = shown.at(-1);

  const toEnd = () => {
    const box = scroller.current;
    if (box) box.scrollTop = box.scrollHeight;
    follows.current = true;
    setAway(false);
  };
  useLayoutEffect(toEnd, [currentId.value, shown.length]);
  useLayoutEffect(() => {
    if (follows.current) toEnd();
  }, [last]);
  useEffect(() => {
    // pictures and formulas get their height after they were drawn
    const box = scroller.current!;
    const observer = new ResizeObserver(() => follows.current && toEnd());
    observer.observe(box.firstElementChild!);
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  const scrolled = () => {
    const box = scroller.current;
    if (!box) return; // it had scrolled before the thread was taken away
    const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    follows.current = near;
    setAway(!near);
  };
  const busy = running.value !== null;
  return (
    <div class="scroller" ref={scroller} onScroll={scrolled}>
      <div class="thread">
        {shown.map((turn, index) =>
          turn.role === "user" ? (
            <UserTurn key={turn.id} turn={turn} editing={editing === turn.id} busy={busy} onEdit={onEdit} />
          ) : (
            <ModelTurn
              key={turn.id} turn={turn} run={runs.value.get(turn.id) ?? null} last={turn === last}
              onEdit={turn.failure && shown[index - 1] ? () => onEdit(shown[index - 1]!) : null}
            />
          ),
        )}
      </div>
      {away && (
        <button type="button" class="to-end" onClick={toEnd} aria-label={t("newest")} title={t("newest")}>
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}
