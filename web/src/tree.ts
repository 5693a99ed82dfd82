/** Turns as a tree: which branch is shown, and which branches there are beside each turn of it. */

import type { Turn } from "./types";

export type Turns = ReadonlyMap<string, Turn>;

/** From the first turn to `head`. */
export function pathTo(turns: Turns, head: string | null): Turn[] {
  const path: Turn[] = [];
  const met = new Set<string>();
  for (let id = head; id !== null && !met.has(id); ) {
    met.add(id); // an imported file may hold a circle
    const turn = turns.get(id);
    if (!turn) break;
    path.push(turn);
    id = turn.parent;
  }
  return path.reverse();
}

function childrenOf(turns: Turns, parent: string | null): Turn[] {
  return [...turns.values()].filter((turn) => turn.parent === parent).sort((a, b) => a.created - b.created);
}

/** The branches at a turn, itself among them, oldest first. */
export function siblings(turns: Turns, turn: Turn): Turn[] {
  return childrenOf(turns, turn.parent);
}

/** The end of a branch: always the newest child. */
export function endOf(turns: Turns, id: string): string {
  const met = new Set<string>();
  for (;;) {
    if (met.has(id)) return id;
    met.add(id);
    const newest = childrenOf(turns, id).at(-1);
    if (!newest) return id;
    id = newest.id;
  }
}
