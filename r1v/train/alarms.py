"""Alarms for what goes wrong in reinforcement learning without raising an error.

Enters: facts of a step. Leaves: names of the alarms it raises. Always holds: a value is compared with a
stated limit, or with the mean of the run's first steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from r1v.train.core.keys import key

FIRST_STEPS = 5  # the first steps, with which later ones are compared


@dataclass(frozen=True)
class StepFacts:
    """Means over a step. clipped: share of tokens whose ratio left the range. empty, truncated: shares of
    responses. repetition: share of 4-grams that occurred before. length: in tokens. mismatch: KL of engine
    and trainer. rule, model: parts of the reward."""

    clipped: float
    empty: float
    truncated: float
    repetition: float
    length: float
    mismatch: float
    rule: float
    model: float


@dataclass(frozen=True)
class AlarmConfig:
    """Values above which a step is marked."""

    clipped: float = key(0.3, "share of tokens whose ratio was clipped")
    empty: float = key(0.5, "share of responses without an answer")
    truncated: float = key(0.5, "share of responses that were cut off")
    repetition: float = key(0.6, "share of 4-grams that stand in the response before")
    growth: float = key(2.0, "length of responses, as a multiple of that in the run's first steps")
    mismatch: float = key(0.05, "KL divergence of engine and trainer on the same tokens")


class Alarms:
    """Remembers the first steps of a run."""

    def __init__(self, limits: AlarmConfig) -> None:
        self.limits = limits
        self._first: list[tuple[float, float, float]] = []  # length, rule, model

    def check(self, facts: StepFacts) -> list[str]:
        """The alarms of a step."""
        raised = [
            name
            for name in ("clipped", "empty", "truncated", "repetition", "mismatch")
            if not getattr(facts, name) <= getattr(self.limits, name)  # NaN raises an alarm too
        ]
        if len(self._first) < FIRST_STEPS:
            self._first.append((facts.length, facts.rule, facts.model))
            return raised
        length, rule, model = (sum(column) / FIRST_STEPS for column in zip(*self._first, strict=True))
        if facts.length > self.limits.growth * length:
            raised.append("growth")
        if facts.model > model + 0.1 and facts.rule < rule - 0.05:
            raised.append("hacking")  # the reward model prefers replies that are wrong more often
        return raised

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"first": [list(row) for row in self._first]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self._first = [(row[0], row[1], row[2]) for row in state["first"]]
