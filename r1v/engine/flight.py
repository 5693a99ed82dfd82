"""Decode steps in flight: the next one is launched before the ids of the last one have been read.

Enters: steps. Leaves: `Flight`s, to be read a step late. Always holds: a step that is launched ahead needs
unread ids on the device only, never on the host: it has no grammar, no draft, and no sequence that would
reach its length; where a sequence turns out to have ended, its row is computed and thrown away.

What cannot go ahead, such as prompts, is computed once the last ids have been read, in a pass of its own that
the device begins when it has done with the step that is under way (`Flights.join`). So a stream of new
prompts does not hold up those who decode. Such a pass reads the weights a second time: where that takes long,
all that is due is computed in one pass, and nothing is launched ahead of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from r1v.engine.sampler import Row, Sampled, rows_of
from r1v.engine.scheduler import Chunk, Scheduler, Step

_FEW = 16  # with more sequences than this, drafts are not considered


class Drawing(Protocol):
    """Ids that were drawn and are on their way."""

    def read(self) -> list[Sampled]:
        """What each row gave; waits until it is there."""
        ...


class Device(Protocol):
    """A device that runs ahead of the host."""

    def draw(self, chunks: Sequence[Chunk], rows: Sequence[Row], sources: Sequence[int] | None) -> Drawing:
        """Launch a step of chunks of one id each. sources: for each the row of the step before that drew its
        id; None where all ids are known."""
        ...

    def join(self, logits: torch.Tensor, rows: Sequence[Row], place: int) -> Drawing:
        """Draw from logits (rows, V) of a pass beside the step that was launched last. The next step finds
        the ids as those of its sources from ``place`` on."""
        ...


@dataclass(frozen=True, slots=True)
class Flight:
    """A launched step: chunks, the rows of those that sample, and what is drawn for them, in the same order.
    alone: other sequences are running that are not in it, so it must be read before the next step."""

    chunks: list[Chunk] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    alone: bool = False

    def read(self) -> list[Sampled]:
        """What each row gave; waits until it is there."""
        return [row for drawing in self.drawings for row in drawing.read()]


class Flights:
    """Launches steps. device: None where it cannot run ahead. joins: whether what cannot go ahead gets a pass
    of its own."""

    def __init__(self, scheduler: Scheduler, device: Device | None, joins: bool) -> None:
        self._scheduler, self._device, self.joins = scheduler, device, joins
        self.current: Flight | None = None

    def takes(self, step: Step) -> bool:
        """Whether a step can be launched without waiting for it."""
        if self._device is None or not step.chunks:
            return False
        if self.joins:
            return not any(chunk.num_drafts for chunk in step.chunks)
        return not step.tiles and all(map(_decodes, step.chunks))

    def launch(self, step: Step) -> tuple[Flight, Step]:
        """Start what a step decodes from known ids; gives the rest of it, for `join`, as well."""
        assert self._device is not None
        chunks = [chunk for chunk in step.chunks if _decodes(chunk)]
        rest = Step([chunk for chunk in step.chunks if not _decodes(chunk)], step.tiles)
        if not chunks:
            return Flight(), rest
        rows = [Row(chunk.sequence, ()) for chunk in chunks]
        alone = not self.joins and len(chunks) != len(self._scheduler.running)
        return Flight(chunks, rows, [self._device.draw(chunks, rows, None)], alone), rest

    def follow(self, flight: Flight) -> Flight | None:
        """Start the step that follows a flight whose ids have not been read; None where they have to be read
        first."""
        assert self._device is not None
        scheduler = self._scheduler
        if flight.alone or scheduler.pressed:
            return None
        if not self.joins and scheduler.waiting and not scheduler.stuck:
            return None
        ahead: list[tuple[Chunk, int] | None] = []
        for row, chunk in enumerate(chunk for chunk in flight.chunks if chunk.samples):
            sequence = chunk.sequence
            ahead.append(None)
            if sequence.finish_reason is not None or chunk.end + 1 >= sequence.max_length:
                continue  # it has ended, or its length will end it
            if sequence.mask is not None or self._drafts(chunk, len(flight.chunks)):
                return None
            if len(sequence.token_ids) != chunk.end:  # ids were forced after this flight was launched
                if not self.joins:
                    return None
                continue
            ahead[-1] = Chunk(sequence, chunk.end, [-1]), row
        moved = _close_up(ahead)
        chunks = [chunk for chunk, _ in moved]
        if not chunks or not scheduler.extend(chunks):
            return None
        sources = [row for _, row in moved]
        rows = [flight.rows[row] for row in sources]
        return Flight(chunks, rows, [self._device.draw(chunks, rows, sources)])

    def join(self, flight: Flight, chunks: list[Chunk], logits: torch.Tensor | None) -> Flight:
        """A flight together with chunks that were computed after its launch. logits: of their rows."""
        assert self._device is not None
        rows = rows_of(chunks)
        drawings = list(flight.drawings)
        if rows and logits is not None:
            drawings.append(self._device.join(logits, rows, len(flight.chunks)))
        return Flight([*flight.chunks, *chunks], [*flight.rows, *rows], drawings)

    def _drafts(self, chunk: Chunk, number: int) -> bool:
        """Whether drafts would be worth their cost, as far as this can be judged before the last id is
        known."""
        drafter = chunk.sequence.drafter
        if drafter is None or number > _FEW:
            return False
        return bool(drafter.draft(*self._scheduler.draft_cost(number, chunk.end)))


def _decodes(chunk: Chunk) -> bool:
    """Whether a chunk is one id of a text, after which the next one is drawn."""
    return len(chunk.token_ids) == 1 and chunk.samples and not chunk.tiles


def _close_up(rows: list[tuple[Chunk, int] | None]) -> list[tuple[Chunk, int]]:
    """Those that are there, the last ones in place of those that are missing, so that the others keep the
    rows that the device knows them by."""
    found = []
    left = len(rows)
    place = 0
    while place < left:
        one = rows[place]
        while one is None and left > place + 1:
            left -= 1
            one = rows[left]
        if one is not None:
            found.append(one)
        place += 1
    return found
