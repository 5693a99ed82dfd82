"""Who runs in the next step, and with how many ids.

Enters: sequences. Leaves: a `Step`, a list of chunks: pieces of prompts and single ids to decode, together at
most ``max_step_tokens``. Always holds: the order of sequences is fixed on arrival (priority, then time), only
later ones give way to earlier ones, so every sequence ends; each running sequence that decodes gets its id in
every step; the other ids of a step go to prompts in their order, so the first of them is read soonest, and a
prompt longer than a step leaves half of it to those behind; ids once computed stay in the cache until their
sequence ends or is preempted.

A sequence preempted for want of blocks goes back to waiting and recomputes its ids, as far as they are not
found in the cache by content. Nothing of its output is lost.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from r1v.engine.config import EngineConfig
from r1v.engine.kv_cache import BlockPool
from r1v.engine.pace import StepPace
from r1v.engine.sequence import Sequence
from r1v.engine.tiles import TileSpan

# A step of priority is worth as much as having arrived this many requests earlier: more urgent requests go
# first, but no stream of them holds up the others for ever.
HEAD_START = 100
# While nearly all places are taken, those who wait are admitted beside steps under way together: when this
# part of the places is free, or so many steps after the first. A pass over few prompts costs the host as much
# as one over many.
WAVE_PART, WAVE_STEPS = 16, 8


@dataclass(slots=True)
class Chunk:
    """Ids of one sequence for one step, from position ``start``; the last num_drafts of them are guesses.

    samples: the chunk reaches the end of the known ids, so the next id can be sampled.
    """

    sequence: Sequence
    start: int
    token_ids: list[int]
    num_drafts: int = 0
    samples: bool = True
    end: int = field(init=False)  # the position after its last id

    def __post_init__(self) -> None:
        self.end = self.start + len(self.token_ids)

    @property
    def tiles(self) -> list[TileSpan]:
        """Tiles whose features it needs."""
        return self.sequence.tiles.within(self.start, self.end)


@dataclass(slots=True)
class Step:
    """What one pass of the model computes. tiles: image tiles to encode first, with their sequences."""

    chunks: list[Chunk] = field(default_factory=list)
    tiles: list[tuple[Sequence, TileSpan]] = field(default_factory=list)


@dataclass(slots=True)
class StepIds:
    """The ids of a step, one behind the other: positions in their sequences, places in the cache, and in
    `sampled` the rows whose logits are wanted: the last id of each chunk that samples, and its drafts."""

    token_ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    sampled: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, chunks: Iterable[Chunk], block_size: int) -> StepIds:
        """Those of chunks, in their order."""
        rows = cls()
        for chunk in chunks:
            rows.token_ids += chunk.token_ids
            rows.positions += range(chunk.start, chunk.end)
            rows.slots += chunk.sequence.table.slots(chunk.start, chunk.end, block_size)
            if chunk.samples:
                end = len(rows.token_ids)
                rows.sampled += range(end - 1 - chunk.num_drafts, end)
        return rows


class Scheduler:
    """Admission, budgets and preemption.

    pace: limits the prompts of each step by the time that steps take; with None only the configuration does.
    has_tile: whether the features of a tile are at hand. draft_cost: of the number of ids
    in a decode step and a sequence's context, what drafts and each id of them cost it (see `Drafter.draft`).
    """

    def __init__(
        self,
        config: EngineConfig,
        pool: BlockPool,
        has_tile: Callable[[bytes], bool] = lambda key: False,
        draft_cost: Callable[[int, int], tuple[float, float]] = lambda rows, context: (0.0, 1.0),
        pace: StepPace | None = None,
    ) -> None:
        self.config, self.pool, self.pace = config, pool, pace
        self._most_tokens, self._most_tiles = config.max_step_tokens, config.max_step_tiles
        self._has_tile, self.draft_cost = has_tile, draft_cost
        self.waiting: list[Sequence] = []
        self.running: list[Sequence] = []
        self.num_preemptions = 0
        self.stuck = False  # no waiting sequence fits until a running one leaves
        self.pressed = False  # somebody needs blocks of sequences that were under way in the last plan
        self._under_way: AbstractSet[Sequence] = frozenset()
        self._num_held = 0  # steps in which those who wait have been held back
        self._promised: int | None = None  # while sequences are admitted; None: has to be counted

    @property
    def has_work(self) -> bool:
        """Whether anything waits or runs."""
        return bool(self.waiting or self.running)

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence."""
        self.stuck = False
        insort(self.waiting, sequence, key=lambda s: s.order)

    def remove(self, sequence: Sequence) -> None:
        """Take a finished or cancelled sequence out and free its blocks."""
        if sequence in self.running:
            self.running.remove(sequence)
        else:
            self.waiting.remove(sequence)
        self._release(sequence)

    def extend(self, chunks: list[Chunk]) -> bool:
        """Give the sequences of chunks blocks to hold them, if there are enough without a preemption."""
        size = self.pool.block_size
        needy = [c for c in chunks if c.end > len(c.sequence.table.blocks) * size]
        if sum(-(-c.end // size) - len(c.sequence.table) for c in needy) > self.pool.num_free:
            return False
        return all(self._reserve(chunk.sequence, chunk.end) for chunk in needy)

    def preempt_all(self) -> None:
        """Send every running sequence back to recompute all its ids."""
        while self.running:
            self._preempt(self.running[-1])

    def plan(self, under_way: AbstractSet[Sequence] = frozenset()) -> Step:
        """Choose the next step. under_way: sequences whose next id is being computed already. They are left
        out, and nobody is preempted; where that would be necessary, `pressed` says so.

        Empty only if there is no work but theirs, or it has to wait for them."""
        self._under_way, self.pressed = under_way, False
        if not self._holds_back():
            self._admit()
        step, claimed = Step(), set[bytes]()
        if self.pace is not None:
            alone = len(self.running) + len(self.waiting) == 1
            self._most_tokens, self._most_tiles = self.pace.limits(self.config, alone=alone)
        left = self.config.max_step_tokens - sum(1 for s in self.running if s.num_pending == 1)
        left = min(left, self._most_tokens)
        for sequence in list(self.running):
            if sequence in under_way or sequence not in self.running:  # preempted for an earlier one
                continue
            decodes = sequence.num_pending == 1
            wanted = 1 if decodes else self._share(sequence, left)
            chunk = self._chunk(sequence, wanted, step, claimed)
            if chunk is not None:
                step.chunks.append(chunk)
                left -= 0 if decodes else len(chunk.token_ids)
        assert step.chunks or under_way or not self.has_work, "there is work, but nothing can run"
        return step

    def computed(self, sequence: Sequence, num_computed: int) -> None:
        """Note that the first num_computed ids are in the cache, and make full blocks findable."""
        sequence.num_computed = num_computed
        full = num_computed // self.pool.block_size
        while sequence.num_committed < full:
            block = sequence.num_committed
            self.pool.commit(sequence.table.blocks[block], sequence.digest(block, self.pool.block_size))
            sequence.num_committed += 1

    # ------------------------------------------------------------------------------------------- admission

    def _admit(self) -> None:
        """Move waiting sequences to running, in order; nobody overtakes one that waits for blocks."""
        self._promised = None
        for sequence in list(self.waiting):
            if sequence.waits_for_leader:
                continue  # another sequence is computing the same prompt
            if not self._make_place(sequence):
                self.stuck = True
                return
            self.waiting.remove(sequence)
            insort(self.running, sequence, key=lambda s: s.order)

    def _holds_back(self) -> bool:
        """Whether those who wait should be admitted with others that leave soon (see WAVE_PART)."""
        free = self.config.max_num_seqs - len(self.running)
        full = self._under_way and 0 < free < self.config.max_num_seqs // WAVE_PART
        self._num_held = self._num_held + 1 if full and self.waiting and self._num_held < WAVE_STEPS else 0
        return self._num_held > 0

    def _make_place(self, sequence: Sequence) -> bool:
        """Take over the blocks that already hold its first ids and make room for the rest, by preemption if
        necessary."""
        while True:
            if len(self.running) < self.config.max_num_seqs:
                found = self._found(sequence)
                needed = self._blocks_for(len(sequence.token_ids) + 1) - len(found)
                idle = sum(1 for block in found if self.pool.references(block) == 0)
                if self._promised is None:
                    self._promised = self._count_promised()
                if self.pool.num_free - idle - self._promised >= needed or not self.running:
                    self._promised += needed
                    break
            if not (self.running and sequence.order < self.running[-1].order and self._may_preempt()):
                return False
            self._preempt(self.running[-1])
        for block in found:
            self.pool.share(block)
            sequence.table.append(block)
        sequence.num_committed = len(found)
        sequence.num_computed = len(found) * self.pool.block_size
        sequence.num_cached = max(sequence.num_cached, min(sequence.num_computed, sequence.num_prompt))
        return True

    def _found(self, sequence: Sequence) -> list[int]:
        """Blocks that already hold its first ids; the last id is always left to compute."""
        found: list[int] = []
        for index in range((len(sequence.token_ids) - 1) // self.pool.block_size):
            block = self.pool.find(sequence.digest(index, self.pool.block_size))
            if block is None:
                break
            found.append(block)
        return found

    def _count_promised(self) -> int:
        """Blocks that running sequences still need for ids they already have."""
        size, promised = self.pool.block_size, 0
        for sequence in self.running:
            missing = len(sequence.token_ids) // size + 1 - len(sequence.table.blocks)
            promised += missing if missing > 0 else 0
        return promised

    def _blocks_for(self, num_tokens: int) -> int:
        return -(-num_tokens // self.pool.block_size)

    # ---------------------------------------------------------------------------------------------- budget

    def _share(self, sequence: Sequence, left: int) -> int:
        """How many ids of a prompt go into this step: as many as are left in its budget. A prompt that would
        fill more than a whole step takes only half of the budget if the prompts behind it can use the other
        half."""
        wanted = min(sequence.num_pending, left)
        if sequence.num_pending <= self._most_tokens:
            return wanted
        behind = sum(s.num_pending for s in self.running if s.num_pending > 1 and s.order > sequence.order)
        return min(wanted, max(-(-left // 2), left - behind))

    def _chunk(self, sequence: Sequence, wanted: int, step: Step, claimed: set[bytes]) -> Chunk | None:
        """Ids for one sequence, with the blocks to hold them; None when it cannot run in this step."""
        start = sequence.num_computed
        end = self._claim_tiles(sequence, start, start + wanted, step, claimed)
        if end == start:
            return None
        drafts = self._drafts(sequence, end, step)
        if not self._reserve(sequence, end):
            return None
        if drafts:  # drafts are not worth preempting another sequence
            room = (len(sequence.table) + self.pool.num_free - self._count_promised()) * self.pool.block_size
            drafts = drafts[: max(0, room - end)]
            if not self._reserve(sequence, end + len(drafts)):
                return None
        samples = end == len(sequence.token_ids)
        return Chunk(sequence, start, sequence.token_ids[start:end] + drafts, len(drafts), samples)

    def _drafts(self, sequence: Sequence, end: int, step: Step) -> list[int]:
        """Guesses to check in this step, if the budget and the cost of a row allow."""
        if sequence.drafter is None or sequence.num_pending != 1 or sequence.masked or self._under_way:
            return []
        used = sum(len(chunk.token_ids) for chunk in step.chunks)
        later = len(self.running)  # each of these sequences may still need its own id
        left = min(self.config.max_step_tokens - used - later, sequence.max_length - end - 1)
        return sequence.drafter.draft(*self.draft_cost(later, end))[: max(0, left)]

    def _claim_tiles(self, sequence: Sequence, start: int, end: int, step: Step, claimed: set[bytes]) -> int:
        """Add tiles to encode; returns how far the chunk can go with the tiles of this step."""
        for tile in sequence.tiles.within(start, end):
            if tile.key in claimed or self._has_tile(tile.key):
                continue
            if len(step.tiles) == self._most_tiles:
                return max(start, tile.start)
            step.tiles.append((sequence, tile))
            claimed.add(tile.key)
        return end

    # ---------------------------------------------------------------------------------------------- blocks

    def _reserve(self, sequence: Sequence, num_tokens: int) -> bool:
        """Give a sequence blocks for so many ids, preempting later sequences if necessary; False if it was
        preempted itself, or nobody may be."""
        table = sequence.table
        while len(table) * self.pool.block_size < num_tokens:
            if self.pool.num_free == 0:
                if not self._may_preempt():
                    return False
                victim = self.running[-1]
                self._preempt(victim)
                if victim is sequence:
                    return False
                continue
            table.append(self.pool.allocate(table.blocks[-1] if table.blocks else None))
        return True

    def _may_preempt(self) -> bool:
        """Whether nobody is under way; notes that it would be necessary."""
        self.pressed = bool(self._under_way)
        return not self.pressed

    def _preempt(self, sequence: Sequence) -> None:
        self.num_preemptions += 1
        self._promised = None
        self.running.remove(sequence)
        self._release(sequence)
        self.add(sequence)

    def _release(self, sequence: Sequence) -> None:
        self.stuck = False
        self.pool.release(sequence.table.blocks)
        sequence.table.clear()
        sequence.num_computed = sequence.num_committed = 0
