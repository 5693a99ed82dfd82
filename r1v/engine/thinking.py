"""Control of thinking on token ids: where it begins and ends, how long it may be, whether it repeats itself.

Enters: the ids of one sequence as they are sampled. Leaves: ids to force, which end thinking. Always holds:
nothing is forced outside thinking, and after forced ids thinking is closed. Where thinking begins and ends is
decided by the rules of r1v.prompt.thinking, from the same markers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from r1v.core import FinishDetail
from r1v.engine.config import EngineIds

_WHITE_SPACE = b" \t\n\r\v\f"


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """What counts as a loop. All sizes are in ids.

    Exact: the last ids repeat with one period of at most max_period, min_repeats times and over min_span in
    all; of one id alone, over min_single_span. The span is long enough for what has a reason to repeat and an
    end: fifty times the same sentence, thirty equal lines of code, an array of zeros.

    Near: of the last ``window`` runs of ``ngram`` ids at most min_novelty are different from each other
    (ordinary text is above 0.7, a paragraph that comes again with other numbers in it below 0.25). Lists and
    tables are like that too: rows of a truth table, verses that count. They advance, so the runs of ``item``
    ids, which hold a whole row, are new: where more than min_item_novelty of those are different, the text is
    a loop only after max_advancing ids of it.
    """

    min_repeats: int = 4
    min_span: int = 1536
    min_single_span: int = 384
    max_period: int = 1024
    ngram: int = 4
    window: int = 1536
    min_novelty: float = 0.25
    item: int = 64
    min_item_novelty: float = 0.5
    max_advancing: int = 6144


_ID_BITS = 24  # of an id in a number that stands for several
_EVERY = 16  # ids that are looked at together, so that each costs little


class _Novelty:
    """How many different runs of some length there are among the last ones. A run is known by a number:
    its ids as the digits of a polynomial, modulo a prime of 61 bits."""

    _BASE, _PRIME = 0x1B2E9C5A7F3D, (1 << 61) - 1

    def __init__(self, length: int, window: int) -> None:
        self._length, self._window = length, window
        self._leaving = pow(self._BASE, length, self._PRIME)  # the weight of the id that leaves a run
        self._run = 0
        self._recent: deque[int] = deque()
        self._counts: dict[int, int] = {}

    def read(self, ids: Sequence[int], first: int, end: int) -> list[float | None]:
        """The next ids, from first to end: at each the share of different runs, None before there are
        enough."""
        found: list[float | None] = []
        run, recent, counts, window, length = (
            self._run,
            self._recent,
            self._counts,
            self._window,
            self._length,
        )
        for place in range(first, end):
            run = run * self._BASE + ids[place] + 1
            if place >= length:
                run -= self._leaving * (ids[place - length] + 1)
            run %= self._PRIME
            if place >= length - 1:
                recent.append(run)
                counts[run] = counts.get(run, 0) + 1
            if len(recent) <= window:
                found.append(None)
                continue
            old = recent.popleft()
            if counts[old] == 1:
                del counts[old]
            else:
                counts[old] -= 1
            found.append(len(counts) / window)
        self._run = run
        return found


class LoopDetector:
    """Finds repetition in a stream of ids; constant work and memory (beyond the ids) per id. It looks at
    sixteen ids at a time, and at none before there are enough for a loop."""

    _ANCHOR = 8  # a period is guessed from the last time these many ids came in this order

    def __init__(self, config: LoopConfig = LoopConfig()) -> None:
        self.config = config
        self._token_ids: list[int] = []
        self._anchor = 0
        self._last_seen: dict[int, int] = {}
        self._period = 0
        self._matched = 0  # ids in a row that equal the id one period earlier
        self._num_exact = self._num_near = 0  # ids that were looked at
        self._runs = _Novelty(config.ngram, config.window)
        self._items = _Novelty(config.item, config.window)
        self._repetitive = 0  # ids in a row at which few runs were new

    def push(self, token_id: int) -> bool:
        """Take the next id; True when the stream has become a loop."""
        self._token_ids.append(token_id)
        number = len(self._token_ids)
        if number % _EVERY:
            return False
        config = self.config
        exact = number >= min(config.min_single_span, config.min_span) and self._exact(number)
        return (number >= config.window + config.item and self._near(number)) or exact

    def _exact(self, end: int) -> bool:
        config, ids, anchor = self.config, self._token_ids, self._anchor
        period, matched, last_seen = self._period, self._matched, self._last_seen
        mask, found = (1 << _ID_BITS * self._ANCHOR) - 1, False
        for here in range(self._num_exact, end):
            token_id = ids[here]
            if period and token_id == ids[here - period]:
                matched += 1
            else:
                period = matched = 0
            anchor = (anchor << _ID_BITS | token_id) & mask
            if here >= self._ANCHOR - 1:
                back = here - last_seen.get(anchor, here)
                last_seen[anchor] = here
                if not period and 0 < back <= config.max_period:
                    period, matched = back, self._ANCHOR
            if period and matched + period >= config.min_repeats * period:
                least = config.min_single_span if period == 1 else config.min_span
                found = found or matched + period >= least
        self._anchor, self._period, self._matched, self._num_exact = anchor, period, matched, end
        return found

    def _near(self, end: int) -> bool:
        config, ids, first, found = self.config, self._token_ids, self._num_near, False
        for runs, items in zip(
            self._runs.read(ids, first, end), self._items.read(ids, first, end), strict=True
        ):
            if runs is None or items is None or runs > config.min_novelty:
                self._repetitive = 0
                continue
            self._repetitive += 1
            advancing = items > config.min_item_novelty
            found = found or not advancing or self._repetitive > config.max_advancing
        self._num_near = end
        return found


class ThinkingControl:
    """Follows one sequence through its thinking.

    opened: the prompt has already opened thinking. budget: ids of thinking, -1 no limit. detect_loops,
    detect_answer_loops: in thinking, in the answer. After each id, `push` says which ids must follow: none,
    or those that close thinking; answer_is_loop says whether the answer should end.
    """

    def __init__(
        self,
        ids: EngineIds,
        *,
        opened: bool,
        budget: int,
        detect_loops: bool,
        detect_answer_loops: bool = False,
    ) -> None:
        self._ids = ids
        self._budget = budget
        self._loops = LoopDetector() if detect_loops else None
        self._answer_loops = LoopDetector() if detect_answer_loops else None
        self.answer_is_loop = False
        self._open, self._close_marker = self._symbols(ids.think_open), self._symbols(ids.think_close)
        self._blank = frozenset(_WHITE_SPACE) if ids.spelling else ids.blank
        self._tail: tuple[int, ...] = ()  # symbols that may belong to a marker
        self._position = 0  # symbols so far
        self._ends: deque[int] = deque(maxlen=64)  # where the last ids of thinking end
        self._may_begin = not opened and bool(ids.think_open)
        self.inside = opened and bool(ids.think_close)
        self.num_thinking = 0
        self.detail: FinishDetail | None = None

    def start(self) -> tuple[int, ...]:
        """What must follow the prompt itself: with a budget of 0 and thinking opened, its end."""
        return self._over_budget() if self.inside else ()

    def push(self, token_id: int) -> tuple[int, ...]:
        """Take the next id; returns the ids to force after it."""
        if not self.inside and not self._may_begin and self._answer_loops is None:
            return ()  # thinking is closed for good
        if not self._step(token_id):
            if self._answer_loops is not None and self._answer_loops.push(token_id):
                self.answer_is_loop, self.detail = True, FinishDetail.LOOP
            return ()
        if self._budget >= 0 and self.num_thinking >= self._budget:
            return self._over_budget()
        if self._loops is not None and self._loops.push(token_id):
            return self._close(FinishDetail.LOOP)
        return ()

    def _symbols(self, token_ids: Sequence[int]) -> tuple[int, ...]:
        """The symbols in which markers are looked for: the ids themselves, or the bytes that they spell."""
        spelling = self._ids.spelling
        if not spelling:
            return tuple(token_ids)
        return tuple(b"".join(spelling[i] for i in token_ids if i < len(spelling)))

    def _step(self, token_id: int) -> bool:
        """Move the state; True while inside thinking."""
        ends_marker = False
        for symbol in self._symbols((token_id,)) if self._ids.spelling else (token_id,):
            self._position += 1
            ends_marker = self._move(symbol)
        if self.inside and not ends_marker:
            self.num_thinking += 1
            self._ends.append(self._position)
        return self.inside

    def _move(self, symbol: int) -> bool:
        """Take a symbol; True where it is the last one of a marker."""
        if self.inside:
            marker = self._close_marker
            if symbol != marker[-1] or (*self._tail, symbol) != marker:
                self._tail = (*self._tail, symbol)[-len(marker) + 1 :] if len(marker) > 1 else ()
                return False
            start = self._position - len(marker)  # ids that end in the marker were counted as they came
            self.num_thinking -= sum(end > start for end in self._ends)
            self.inside = False
            return True
        if not self._may_begin or (not self._tail and symbol in self._blank):
            return False
        self._tail = (*self._tail, symbol)
        self._may_begin = self._open[: len(self._tail)] == self._tail
        if self._tail != self._open:
            return False
        self._may_begin, self.inside, self._tail = False, True, ()
        return True

    def _over_budget(self) -> tuple[int, ...]:
        return self._close(FinishDetail.BUDGET) if 0 <= self._budget <= self.num_thinking else ()

    def _close(self, detail: FinishDetail) -> tuple[int, ...]:
        """Force the end of thinking. Ids that are forced before the marker itself do not count as
        thinking."""
        counted = self.num_thinking
        for token_id in self._ids.forced_close:
            self._step(token_id)
        assert not self.inside, "close_thinking must contain think_close"
        self.num_thinking = counted
        self.detail = self.detail or detail
        return self._ids.forced_close
