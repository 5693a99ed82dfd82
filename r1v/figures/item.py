"""What a generated question is, and what a family of them offers.

Enters: a family's name and a seed. Leaves: a ``Figure``. Always holds: everything about a figure follows from
(family, seed, variation), its split and its template included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image

    from r1v.figures.drawing.style import Style

AnswerType: TypeAlias = Literal["number", "string", "choice", "time", "formula"]
Difficulty: TypeAlias = Literal["easy", "medium", "hard"]
Split: TypeAlias = Literal["train", "heldout"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")
SPLITS: tuple[Split, ...] = ("train", "heldout")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a family makes of one question; the frame adds who and when.

    question: the text. answer: exact, as it stands in the box. solution: the thinking, which first reads off
    the picture and then computes; a reading is written ``name: value`` or ``name = value`` with a name and
    value of facts. facts: what the picture shows, by name. tolerance: absolute, for numbers; 0 is exact.
    """

    question: str
    answer: str
    answer_type: AnswerType
    solution: str
    facts: Mapping[str, str] = field(default_factory=dict)
    images: tuple[Image, ...] = ()
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One question with its picture(s), exact answer and worked solution."""

    family: str
    template: str
    seed: int
    split: Split
    difficulty: Difficulty
    images: tuple[Image, ...]
    question: str
    answer: str
    answer_type: AnswerType
    tolerance: float
    solution: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of figure question.

    kinds: for each kind of question its wording, in the grammar of ``wording.py``. draw: makes the draft of
    one question; everything of the layout goes through ``style``, everything of the content through ``rng``.
    num_images: 0 for text-only families.
    """

    name: str
    summary: str
    kinds: Mapping[str, str]
    draw: Callable[[Request], Draft]
    num_images: int = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What ``Family.draw`` is given.

    wording: turns the kind's chosen template into the question's text. split: for families that hold content
    out, too.
    """

    kind: str
    difficulty: Difficulty
    rng: Random
    style: Style
    wording: Callable[..., str]
    split: Split = "train"

    @property
    def level(self) -> int:
        """0 easy, 1 medium, 2 hard."""
        return DIFFICULTIES.index(self.difficulty)
