"""Decode steps in flight: the next one is launched before the ids of the last one have been read.

Enters: steps in which every sequence decodes one id. Leaves: `Flight`s, to be read a step late. Always holds:
a step that is launched ahead needs unread ids on the device only, never on the host: it has no grammar, no
draft, and no sequence that would reach its length; where a sequence turns out to have ended, its row is
computed and thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from r1v.engine.sampler import Row, Sampled
from r1v.engine.scheduler import Chunk, Scheduler, Step

_FEW = 16  # with more sequences than this, drafts are not considered


class Drawing(Protocol):
    """Ids that were drawn and are on their way."""

    def read(self) -> list[Sampled]:
        """What each row gave; waits until it is there."""
        ...


@dataclass(frozen=True, slots=True)
class Flight:
    """A launched step. alone: other sequences are running that are not in it, so it must be read before the
    next step."""

    chunks: list[Chunk]
    drawing: Drawing
    alone: bool = False


# chunks, their rows, and for each the row of the step before that drew its id (None: all ids are known)
Draw: TypeAlias = Callable[[Sequence[Chunk], Sequence[Row], "list[int] | None"], Drawing]


class Flights:
    """Launches decode steps. draw: the function that launches one; None where the device cannot run ahead."""

    def __init__(self, scheduler: Scheduler, draw: Draw | None) -> None:
        self._scheduler, self._draw = scheduler, draw
        self.current: Flight | None = None

    def takes(self, step: Step) -> bool:
        """Whether a step can be launched without waiting for it."""
        return (
            self._draw is not None
            and bool(step.chunks)
            and not step.tiles
            and all(len(chunk.token_ids) == 1 and chunk.samples and not chunk.tiles for chunk in step.chunks)
        )

    def launch(self, step: Step) -> Flight:
        """Start a step whose ids are known."""
        assert self._draw is not None
        rows = [Row(chunk.sequence, ()) for chunk in step.chunks]
        alone = len(step.chunks) != len(self._scheduler.running)
        return Flight(step.chunks, self._draw(step.chunks, rows, None), alone)

    def follow(self, flight: Flight) -> Flight | None:
        """Start the step that follows a flight whose ids have not been read; None where they have to be read
        first."""
        assert self._draw is not None
        scheduler = self._scheduler
        if flight.alone or (scheduler.waiting and not scheduler.stuck):
            return None
        chunks, sources = [], []
        for index, chunk in enumerate(flight.chunks):
            sequence = chunk.sequence
            if sequence.finish_reason is not None or chunk.end + 1 >= sequence.max_length:
                continue  # it has ended, or its length will end it
            if len(sequence.token_ids) != chunk.end:
                return None  # ids were forced after this flight was launched
            if sequence.mask is not None or self._drafts(chunk, len(flight.chunks)):
                return None
            chunks.append(Chunk(sequence, chunk.end, [-1]))
            sources.append(index)
        if not chunks or not scheduler.extend(chunks):
            return None
        rows = [Row(chunk.sequence, ()) for chunk in chunks]
        return Flight(chunks, self._draw(chunks, rows, sources))

    def _drafts(self, chunk: Chunk, number: int) -> bool:
        """Whether drafts would be worth their cost, as far as this can be judged before the last id is
        known."""
        drafter = chunk.sequence.drafter
        if drafter is None or number > _FEW:
            return False
        return bool(drafter.draft(*self._scheduler.draft_cost(number, chunk.end)))
