"""What an environment is: two methods, and what passes between it and the model.

Enters: a question, then each turn of the model. Leaves: what the model sees next, or that it has answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from r1v.core import ImageRef


@dataclass(frozen=True)
class EpisodeStart:
    """What an environment is told of a question. columns: other values of its row."""

    question: str
    images: tuple[ImageRef, ...]
    answer: str
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Observation:
    """What the model sees next."""

    text: str
    images: tuple[ImageRef, ...] = ()


class Environment(Protocol):
    """The two methods. An environment is made once, without arguments; what it
    remembers of an episode must be in the state of that episode."""

    def begin(self, asked: EpisodeStart) -> Any:
        """The state that an episode begins with."""

    def reply(self, state: Any, text: str) -> Observation | None:
        """What the model sees after its turn, or None where that was its answer. text: without thinking. The
        state may be changed in place."""
