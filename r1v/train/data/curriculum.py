"""How far each family's looks may vary, and how often it is drawn, as training goes on.

A family starts with its plain look, or with full variation if the starting weights have already learned it.
While the model writes more than ``widen_above`` of its solutions without a wrong token, the looks widen by
``widen`` a step; a floor that rises over the run sees to it that every family ends at full variation. A
learned family is drawn less often; a family that is named twice is drawn twice as often. (A trial showed that
jumping to the full variation stalls the reading of text, and widening step by step does not.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from r1v.train.core.checks import at_least, share
from r1v.train.core.keys import key

MEMORY = 0.95  # decay of the running share of exact solutions, per step


@dataclass(frozen=True)
class PlannedSample:
    """One sample that a worker will make: the index-th of its source, at a variation."""

    family: str
    index: int
    variation: float
    thinking: bool = True


@dataclass(frozen=True)
class CurriculumConfig:
    """How the looks of figures widen. Rows of files have no looks and are not touched by it."""

    on: bool = key(False, "let the looks of each family of figures vary more as the model learns it")
    start_variation: float = key(0.0, "variation that a family starts with")
    known: tuple[str, ...] = key(
        (), "families that the model has learned before; they start with variation 1"
    )
    widen: float = key(0.01, "how much the variation of a learned family grows in a step")
    widen_above: float = key(0.4, "share of exact solutions above which the variation grows")
    floor_start: float = key(0.35, "share of the run after which the least variation rises from 0")
    floor_end: float = key(0.65, "share of the run after which the least variation is 1")

    def __post_init__(self) -> None:
        share(self, "start_variation", "widen_above", "floor_start", "floor_end", group="curriculum")
        at_least(self, 0, "widen", group="curriculum")


class Curriculum:
    """The state: per family its variation in [0, 1] and the running share of solutions without an error."""

    def __init__(self, families: Sequence[str], config: CurriculumConfig) -> None:
        self.families = tuple(families)
        self.widen, self.widen_above = config.widen, config.widen_above
        self.floor = (config.floor_start, config.floor_end)
        start = config.start_variation if config.on else 1.0
        self.variation = {name: 1.0 if name in config.known else start for name in self.families}
        self.exact = dict.fromkeys(self.families, 0.0)

    def update(self, counts: Mapping[str, tuple[int, int]], progress: float) -> None:
        """Take one step's results: per family (exact solutions, solutions); progress of the run in [0, 1]."""
        start, end = self.floor
        floor = min(1.0, max(0.0, (progress - start) / max(end - start, 1e-9)))
        for name in self.variation:
            right, total = counts.get(name, (0, 0))
            if total:
                keep = MEMORY ** min(total / 8, 4.0)  # more samples at once move the average faster
                self.exact[name] = keep * self.exact[name] + (1 - keep) * right / total
            if self.exact[name] > self.widen_above:
                self.variation[name] = min(1.0, self.variation[name] + self.widen)
            self.variation[name] = max(self.variation[name], floor)

    def choose(self, rng: Random) -> tuple[str, float]:
        """A family and its variation for one sample. A fifth of the samples repeats narrower variations."""
        weights = [0.25 + (1.0 - self.exact[name]) for name in self.families]
        family = rng.choices(self.families, weights)[0]
        return family, self.variation[family] * (rng.random() if rng.random() < 0.2 else 1.0)

    def state(self) -> dict[str, dict[str, float]]:
        """What a checkpoint keeps."""
        return {"variation": dict(self.variation), "exact": dict(self.exact)}

    def restore(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """Continue from a saved state. Families that it does not contain start anew."""
        for name in self.families:
            self.variation[name] = state["variation"].get(name, self.variation[name])
            self.exact[name] = state["exact"].get(name, 0.0)
