"""Questions that a figure's facts invite beside the one it was drawn for.

Enters: a figure drawn for one of the kinds that `people.BASES` names. Leaves: questions about the same
picture. Always holds: every answer follows from the facts, and the solution reads the picture in the order
of the family's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from r1v.figures.item import AnswerType, Figure


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One question. kind: names the list of its wordings. answer, solution: as in `Figure`."""

    kind: str
    answer: str
    solution: str
    fields: Mapping[str, object] = field(default_factory=dict)
    answer_type: AnswerType = "number"


@dataclass(frozen=True, slots=True)
class Base:
    """A figure that was drawn for a kind of question, and what that question was about."""

    figure: Figure
    kind: str
    fields: Mapping[str, object]
    rng: Random

    @property
    def lines(self) -> list[str]:
        """The lines of the solution."""
        return self.figure.solution.split("\n")

    @property
    def facts(self) -> Mapping[str, str]:
        """The facts of the figure."""
        return self.figure.facts


Asker = Callable[[Base], list[Inquiry]]


def ask(kind: str, answer: object, lines: Sequence[str], /, **fields: object) -> Inquiry:
    """A question with a number for an answer."""
    return Inquiry(kind, str(answer), "\n".join(lines), fields)


def name(kind: str, answer: str, lines: Sequence[str], /, **fields: object) -> Inquiry:
    """A question with words for an answer."""
    return Inquiry(kind, answer, "\n".join(lines), fields, "string")


def yes(kind: str, holds: bool, lines: Sequence[str], /, **fields: object) -> Inquiry:
    """A question that is answered with yes or no."""
    return name(kind, "yes" if holds else "no", [*lines, "Yes." if holds else "No."], **fields)


def unique(values: Sequence[int], value: int) -> bool:
    """Whether a value occurs once."""
    return values.count(value) == 1


def less(a: int, b: int) -> str:
    """The larger minus the smaller."""
    return f"{max(a, b)} - {min(a, b)} = {abs(a - b)}"
