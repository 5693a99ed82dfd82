"""Families whose own layouts are painted by other painters, on sheets of usual shapes, with questions in
people's words.

The family makes the subject matter, the solution and the places; the painter has its own fonts, lines and
edges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from PIL import Image

from r1v.figures.abroad.board import Easel, by_matplotlib, by_pillow, by_svg
from r1v.figures.abroad.scene import Asked, DrawingTool, Subject, ToolPicture
from r1v.figures.catalogue import family
from r1v.figures.drawing.style import Color, Style
from r1v.figures.item import DIFFICULTIES, Draft, Request

# width and height of sheets, as shares of the family's own
SHAPES = ((1.0, 1.0), (1.35, 1.0), (1.35, 0.95), (1.6, 0.9), (1.8, 0.9), (0.85, 1.15), (1.2, 0.8))


@dataclass(frozen=True, slots=True)
class Guest:
    """What a family is to draw. state: of its random numbers."""

    kind: str
    level: int
    state: float


class Painter:
    """A host of ``Style``: a sheet's shape and what paints it."""

    def __init__(
        self, paint: Callable[[Easel, Random], Image.Image], rng: Random, shapes: Any = SHAPES
    ) -> None:
        self._paint, self._rng = paint, rng
        self.share = rng.choice(shapes)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The sheet's shape in place of the nearly square one."""
        return round(width * self.share[0]), round(height * self.share[1])

    def easel(self, width: float, height: float, paper: Color) -> Easel:
        """An empty one; the paper is mostly plain white, as other programs have it."""
        return Easel(width, height, (255, 255, 255) if self._rng.random() < 0.6 else paper)

    def paint(self, easel: Easel) -> Image.Image:
        """The picture."""
        return self._paint(easel, self._rng)


def guest_plan(name: str, phrases: Mapping[str, tuple[str, str]]) -> Callable[[Random, int], Guest]:
    """The plan of a family: a kind of question and its random numbers."""
    return lambda rng, level: Guest(rng.choice(tuple(phrases)), level, rng.random())


def guest_draw(
    name: str, paint: Callable[[Easel, Random], Image.Image]
) -> Callable[[Guest, Random], ToolPicture]:
    """A family drawn by a painter; the draft and the question's fields are the picture's marks."""

    def draw(guest: Guest, rng: Random) -> ToolPicture:
        own = Random(guest.state)
        style = Style(Random(own.random()))
        style.host = Painter(paint, rng)
        fields: dict[str, object] = {}

        def wording(**given: object) -> str:
            fields.update(given)
            return "?"

        draft: Draft = family(name).draw(Request(guest.kind, DIFFICULTIES[guest.level], own, style, wording))
        return ToolPicture(draft.images[0], {"draft": draft, "fields": fields})

    return draw


def guest_ask(guest: Guest, drawn: ToolPicture, rng: Random) -> Asked:
    """The question that was drawn."""
    draft: Draft = drawn.marks["draft"]
    return Asked(
        guest.kind,
        drawn.marks["fields"],
        draft.answer,
        draft.answer_type,
        draft.solution,
        draft.facts,
        draft.tolerance,
    )


def hosted(name: str, phrases: Mapping[str, tuple[str, str]]) -> Subject:
    """A subject of a family by Pillow, matplotlib and, held out, resvg."""
    tools = (
        DrawingTool("painted", "train", guest_draw(name, by_pillow), ("matplotlib",), cheap=True),
        DrawingTool("matplotlib", "train", guest_draw(name, by_matplotlib), ("matplotlib",)),
        DrawingTool("svg", "heldout", guest_draw(name, by_svg), ("vl_convert", "matplotlib")),
    )
    return Subject(guest_plan(name, phrases), guest_ask, phrases, tools)
