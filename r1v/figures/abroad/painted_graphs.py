"""Motion graphs and graphs of functions painted by Pillow for training; each question has its own.

The axes stand in a frame or cross at the origin, and their range goes beyond what is drawn by chance, so that
neither the corner of the picture nor its middle says where zero is.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from r1v.figures.abroad.graphs import Curve, Move, motion_look
from r1v.figures.abroad.painted_charts import PALETTES, Field, Page
from r1v.figures.abroad.scene import ToolPicture
from r1v.figures.drawing.style import Color
from r1v.figures.families.function_plot import curve_pieces, dots_of


def _ticks(low: int, high: int, every: int) -> list[int]:
    """The multiples of a step in a range."""
    return [n for n in range(low, high + 1) if n % every == 0]


def _axes(page: Page, field: Field, xs: Sequence[int], ys: Sequence[int], across: tuple[float, float],
          names: tuple[str, str], rng: Random) -> None:  # fmt: skip
    """Grid, numbers and names. across: the lowest and highest x."""

    def right(x: float) -> float:
        return field.left + (x - across[0]) / (across[1] - across[0]) * (field.right - field.left)

    grid = rng.random() < 0.85
    pale = rng.choice(((221, 221, 221), (200, 200, 200), (235, 235, 235), (190, 205, 225)))
    inside = across[0] <= 0 <= across[1] and field.low <= 0 <= field.high
    crossed = inside and rng.random() < 0.35
    x0 = right(0) if crossed else field.left
    y0 = field.y(0) if crossed else field.bottom
    for x in xs:
        if grid:
            page.line([(right(x), field.top), (right(x), field.bottom)], pale)
        page.line([(right(x), y0), (right(x), y0 + 4)], page.ink)
        if not (crossed and x == 0):
            page.text((right(x), y0 + 6), str(x), "ma", 0.9)
    for y in ys:
        if grid:
            page.line([(field.left, field.y(y)), (field.right, field.y(y))], pale)
        page.line([(x0 - 4, field.y(y)), (x0, field.y(y))], page.ink)
        if not (crossed and y == 0):
            page.text((x0 - 6, field.y(y)), str(y), "rm", 0.9)
    page.line([(x0, field.top), (x0, field.bottom)], page.ink)
    page.line([(field.left, y0), (field.right, y0)], page.ink)
    if not crossed and rng.random() < 0.4:
        page.line([(field.left, field.top), (field.right, field.top), (field.right, field.bottom)], page.ink)
    if inside and not crossed and rng.random() < 0.3:
        page.line([(field.left, field.y(0)), (field.right, field.y(0))], page.ink)
        if right(0) > field.left:
            page.line([(right(0), field.top), (right(0), field.bottom)], page.ink)
    if names[0]:
        page.text(((field.left + field.right) / 2, page.height - 4), names[0], "md")
        page.turned((4 + page.size / 2, (field.top + field.bottom) / 2), names[1], 90, "mm")


def _field(page: Page, low: float, high: float, named: bool, title: str) -> Field:
    """The place of the axes on a page."""
    top = 12.0
    if title:
        page.text((page.width / 2, 6), title, "ma", 1.15)
        top += page.size * 1.5 + 4
    left = 14 + page.size * 2.2 + (page.size + 6 if named else 0)
    bottom = page.height - page.size - 16 - (page.size + 4 if named else 0)
    return Field(left, top, page.width - 14, max(bottom, top + 60), low, high)


def _color(rng: Random) -> Color:
    return rng.choice((*rng.choice(PALETTES)[:5], (0, 0, 0)))


def motion(move: Move, rng: Random) -> ToolPicture:
    """Straight pieces over seconds, with or without points."""
    page, found, look = Page.open(rng), move.motion, motion_look(move.motion, rng)
    low = found.low - found.step * rng.choice((0, 0, 0, 1))
    high = found.high + found.step * rng.choice((0, 0, 1))
    end = found.end + rng.choice((0, 0, 1))
    field = _field(page, low, high, True, look["title"])
    ys = [y for y in range(low, high + 1) if (y - found.low) % found.step == 0]
    _axes(page, field, range(end + 1), ys, (0, end), (look["x"], look["y"]), rng)

    def at(x: float, y: float) -> tuple[float, float]:
        return field.left + x / end * (field.right - field.left), field.y(y)

    points = [at(x, y) for x, y in zip(found.times, found.values, strict=True)]
    color, width = _color(rng), rng.choice((1.5, 2, 3))
    page.line(points, color, width)
    if rng.random() < 0.4:
        for x, y in points:
            s, dot = page.scale, width + 1.5
            page.draw.ellipse(((x - dot) * s, (y - dot) * s, (x + dot) * s, (y + dot) * s), fill=color)
    return ToolPicture(page.finish())


def curve(matter: Curve, rng: Random) -> ToolPicture:
    """A graph over a grid, its steps with filled and open points."""
    page, plot = Page.open(rng), matter.plot
    low, high, bottom, top = plot.bounds
    low, high = low - rng.choice((0, 1, 2)), high + rng.choice((0, 1, 2))
    bottom, top = bottom - rng.choice((0, 1, 2)), top + rng.choice((0, 1, 2))
    named = rng.random() < 0.6
    field = _field(page, bottom, top, named, "")
    every = 1 if max(high - low, top - bottom) < 18 or rng.random() < 0.5 else 2
    names = ("x", rng.choice(("y", "f(x)"))) if named else ("", "")
    _axes(page, field, _ticks(low, high, every), _ticks(bottom, top, every), (low, high), names, rng)

    def at(x: float, y: float) -> tuple[float, float]:
        return field.left + (x - low) / (high - low) * (field.right - field.left), field.y(y)

    color, width = _color(rng), rng.choice((1.5, 2, 2.5))
    for piece in curve_pieces(plot):
        page.line([at(x, y) for x, y in piece], color, width)
    for x, y, filled in dots_of(plot) if plot.jumps else ():
        (u, v), s, dot = at(x, y), page.scale, 3.5
        corners = ((u - dot) * s, (v - dot) * s, (u + dot) * s, (v + dot) * s)
        page.draw.ellipse(corners, fill=color if filled else (255, 255, 255), outline=color, width=max(1, s))
    return ToolPicture(page.finish())
