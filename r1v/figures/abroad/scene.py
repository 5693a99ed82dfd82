"""What another tool draws, what is asked about it, and which tools exist.

Enters: a subject's matter, which holds names and numbers but no look. Leaves: a picture by a tool that
others wrote, and questions about it. Always holds: the facts of a question are those of the matter that was
drawn, and a held-out tool is never used for training.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from PIL import Image

from r1v.figures import wording
from r1v.figures.drawing.style import Style
from r1v.figures.item import AnswerType, Difficulty, Request, Split


@dataclass(frozen=True, slots=True)
class ToolPicture:
    """A picture, and the decisions of its tool that a reader must know: grid lines, order, colours."""

    image: Image.Image
    marks: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a drawn matter. fields: of its wording. tolerance: absolute, for numbers read between
    grid lines."""

    kind: str
    fields: Mapping[str, object]
    answer: str
    answer_type: AnswerType
    solution: str
    facts: Mapping[str, str]
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class DrawingTool:
    """A way to draw a subject. split: ``train``, or ``heldout`` for ever. needs: packages, and programs after
    an exclamation mark, without which it cannot draw. cheap: it draws another picture for each question."""

    name: str
    split: Split
    draw: Callable[[Any, Random], ToolPicture]
    needs: tuple[str, ...] = ()
    cheap: bool = False

    def missing(self) -> list[str]:
        """The packages and programs that it needs and that are not installed."""
        return [need for need in self.needs if not _there(need)]


def _there(need: str) -> bool:
    if need.startswith("!"):
        return shutil.which(need[1:]) is not None
    return importlib.util.find_spec(need) is not None


@dataclass(frozen=True, slots=True)
class Subject:
    """A family as others draw it.

    plan: makes a matter at a level of 0 to 2. ask: one question about it. phrases: for each kind of question
    two grammars of ``wording.py``: those of training, and plain ones that are held out.
    """

    plan: Callable[[Random, int], Any]
    ask: Callable[[Any, ToolPicture, Random], Asked]
    phrases: Mapping[str, tuple[str, str]]
    tools: tuple[DrawingTool, ...]


def phrase(kind: str, grammar: str, rng: Random) -> tuple[str, str]:
    """A template's name and its text: one alternative of every bracket."""
    options = wording.alternatives(grammar)
    name = f"{kind}/" + "".join(f"{rng.randrange(len(one)):x}" for one in options)
    return name, wording.expand(grammar, name)


def plain(value: object) -> str:
    """A number as text: without a point where it is whole, and without zeros behind its last digit."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def plain_request(kind: str, difficulty: Difficulty, rng: Random) -> Request:
    """A request as a family's own functions take it, for what they make without drawing."""
    return Request(kind, difficulty, rng, Style(Random(rng.random())), str)
