"""Line drawings with labels: placed first, checked for overlaps, then painted with PIL.

Enters: points, lines and labels in pixels (y downwards). Leaves: a picture. Always holds: ``clear`` is true
only if every label lies inside the canvas and touches neither another label nor a line.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from r1v.figures.drawing.style import Color, Host, Style, load_font

Point = tuple[float, float]
Box = tuple[float, float, float, float]

LINE_COLORS: tuple[Color, ...] = (
    (20, 20, 20),
    (31, 90, 200),
    (150, 30, 30),
    (20, 110, 60),
    (100, 50, 150),
    (90, 90, 90),
)
FILLS: tuple[Color | None, ...] = (
    None,
    (232, 240, 252),
    (252, 240, 225),
    (230, 246, 232),
    (250, 232, 238),
    (240, 240, 240),
)


@functools.lru_cache(maxsize=4096)
def half_size(text: str, font: ImageFont.FreeTypeFont) -> tuple[float, float]:
    """Half the width and height of a text's ink in pixels."""
    left, top, right, bottom = font.getbbox(text, anchor="mm")
    return (right - left) / 2, (bottom - top) / 2


@functools.cache
def has_glyph(font_name: str, character: str) -> bool:
    """Whether a face can show a character (some faces lack the degree and ohm signs)."""
    font = load_font(font_name, 20)
    missing, shown = font.getmask("\uffff"), font.getmask(character)
    return shown.getbbox() is not None and (shown.size, bytes(shown)) != (missing.size, bytes(missing))


class Sketch:
    """What is to be drawn on one canvas: filled areas, lines, arcs and labels."""

    def __init__(
        self, style: Style, width: int = 448, height: int = 448, font_px: tuple[int, int, int] = (24, 19, 30)
    ):
        self.style = style
        self.image = style.canvas(width, height)
        self.width, self.height = self.image.size
        self.font = style.font(*font_px)
        self.line_width = style.integer(2, 2, 4)
        self.line_color = style.choice(LINE_COLORS)
        self.fill = style.choice(FILLS)
        self.areas: list[list[Point]] = []
        self.lines: list[tuple[Point, Point]] = []
        self.arcs: list[tuple[Point, float, float, float]] = []
        self.discs: list[tuple[Point, float]] = []
        self.boxes: list[tuple[Box, bool]] = []
        self.labels: list[tuple[Point, str, Box]] = []

    # ------------------------------------------------------------------------------------------- adding

    def line(self, *points: Point) -> None:
        """A line through the points."""
        self.lines.extend(itertools.pairwise(points))

    def polygon(self, points: Sequence[Point]) -> None:
        """A closed outline, filled where the style fills."""
        self.areas.append(list(points))
        self.line(*points, points[0])

    def label(self, centre: Point, text: str) -> None:
        """A text centred on a point."""
        w, h = half_size(text, self.font)
        x, y = centre
        self.labels.append((centre, text, (x - w - 4, y - h - 2, x + w + 4, y + h + 2)))

    def label_beside(self, at: Point, normal: Point, text: str, gap: float) -> None:
        """A text beside a line through ``at``, wholly on the side of the unit vector ``normal``."""
        distance = self._reach(text, normal) + gap
        self.label((at[0] + normal[0] * distance, at[1] + normal[1] * distance), text)

    def label_in_angle(
        self, corner: Point, first: Point, second: Point, text: str, gap: float, radius: float = 0
    ) -> None:
        """A text between two rays from a corner, clear of both and of an arc with a radius (0: no arc)."""
        u, v = unit(corner, first), unit(corner, second)
        middle = (u[0] + v[0], u[1] + v[1])
        length = math.hypot(*middle)
        bisector = (middle[0] / length, middle[1] / length)
        distance = 0.0
        if radius:
            self._arc(corner, first, second, radius)
            distance = radius + self._reach(text, bisector) + 3
        for ray in (u, v):
            normal = (-ray[1], ray[0])
            sine = normal[0] * bisector[0] + normal[1] * bisector[1]
            if sine < 0:
                normal, sine = (ray[1], -ray[0]), -sine
            distance = max(distance, (self._reach(text, normal) + gap) / sine)
        self.label((corner[0] + bisector[0] * distance, corner[1] + bisector[1] * distance), text)

    def _arc(self, corner: Point, first: Point, second: Point, radius: float) -> None:
        """The mark of the angle (under 180 degrees) between the rays from a corner through two points."""
        start = math.degrees(math.atan2(first[1] - corner[1], first[0] - corner[0]))
        end = math.degrees(math.atan2(second[1] - corner[1], second[0] - corner[0]))
        if (end - start) % 360 > 180:
            start, end = end, start
        self.arcs.append((corner, radius, start, end))

    def _reach(self, text: str, direction: Point) -> float:
        """How far a centred text reaches in a direction (the support of its box)."""
        w, h = half_size(text, self.font)
        return w * abs(direction[0]) + h * abs(direction[1])

    # -------------------------------------------------------------------------------- checking, painting

    def clear(self, margin: float = 3) -> bool:
        """Whether all labels are inside the canvas, apart from each other and from all lines."""
        for index, (_, _, box) in enumerate(self.labels):
            if (
                box[0] < margin
                or box[1] < margin
                or box[2] > self.width - margin
                or box[3] > self.height - margin
            ):
                return False
            if any(boxes_meet(box, other) for _, _, other in self.labels[index + 1 :]):
                return False
            if any(boxes_meet(box, other) for other, _ in self.boxes):
                return False
            if any(line_meets_box(p, q, box) for p, q in self.lines):
                return False
        return all(
            margin <= x <= self.width - margin and margin <= y <= self.height - margin
            for line in self.lines
            for x, y in line
        )

    def paint(self) -> Image.Image:
        """The picture, by another hand where the style has one."""
        if self.style.host is not None:
            return self.style.host.paint(self._handed(self.style.host))
        draw = ImageDraw.Draw(self.image)
        if self.fill is not None:
            for area in self.areas:
                draw.polygon(area, fill=self.fill)
        for p, q in self.lines:
            draw.line((p, q), fill=self.line_color, width=self.line_width)
        for box, filled in self.boxes:
            draw.rectangle(box, fill=self.line_color if filled else self.style.background,
                           outline=self.line_color, width=self.line_width)  # fmt: skip
        for (x, y), radius, start, end in self.arcs:
            draw.arc(
                (x - radius, y - radius, x + radius, y + radius), start, end, fill=self.line_color, width=2
            )
        for (x, y), radius in self.discs:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=self.line_color)
        for centre, text, _ in self.labels:
            draw.text(centre, text, font=self.font, fill=self.style.ink, anchor="mm")
        return self.image

    def _handed(self, host: Host) -> Any:
        """The same on another hand's easel."""
        easel = host.easel(self.width, self.height, self.style.background)
        if self.fill is not None:
            for area in self.areas:
                easel.polygon(area, self.fill)
        for p, q in self.lines:
            easel.line([p, q], self.line_color, self.line_width)
        for box, filled in self.boxes:
            fill = self.line_color if filled else self.style.background
            easel.box(*box, fill, self.line_color, self.line_width)
        for at, radius, start, end in self.arcs:
            turn = math.radians((end - start) % 360 or 360)
            easel.arc(at, radius, math.radians(start), math.radians(start) + turn, self.line_color, 2)
        for at, radius in self.discs:
            easel.disc(at, radius, self.line_color)
        for centre, text, _ in self.labels:
            easel.text(centre, text, self.font.size, self.style.ink)
        return easel


def arrange(style: Style, build: Callable[[Style], Sketch], attempts: int = 12) -> Sketch:
    """The first sketch without overlaps; ``build`` is called again with new layout draws until there is one.

    The later half of the attempts keeps ever nearer to the plain look, and the last one is it.
    """
    sketch = build(style)
    for attempt in range(1, attempts + 1):
        if sketch.clear():
            break
        calm = min(1.0, 2 * (attempts - attempt) / attempts)
        look = Style(Random(style.rng.random()), style.variation * calm, style.fonts)
        look.host = style.host
        sketch = build(look)
    return sketch


def fit(
    points: Sequence[Point],
    size: tuple[int, int],
    margin: float,
    style: Style,
    *,
    turn: float = 180.0,
    mirror: bool = True,
    smallest: float = 0.75,
) -> list[Point]:
    """The points turned (by up to ``turn`` degrees), mirrored, scaled and moved into the canvas by the style.

    Plainly they stay upright, fill the canvas less its margin and stand in the middle.
    """
    angle = math.radians(style.uniform(0, -turn, turn))
    flip = -1 if mirror and style.choice((False, True)) else 1
    cos, sin = math.cos(angle), math.sin(angle)
    turned = [(flip * x * cos - y * sin, flip * x * sin + y * cos) for x, y in points]
    left, top = min(x for x, _ in turned), min(y for _, y in turned)
    width, height = max(x for x, _ in turned) - left, max(y for _, y in turned) - top
    room_x, room_y = size[0] - 2 * margin, size[1] - 2 * margin
    scale = min(room_x / max(width, 1e-9), room_y / max(height, 1e-9)) * style.uniform(1.0, smallest, 1.0)
    dx = margin + (room_x - width * scale) * style.uniform(0.5, 0, 1)
    dy = margin + (room_y - height * scale) * style.uniform(0.5, 0, 1)
    return [((x - left) * scale + dx, (y - top) * scale + dy) for x, y in turned]


def unit(start: Point, end: Point) -> Point:
    """The unit vector from one point to another."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    return dx / length, dy / length


def middle(p: Point, q: Point, share: float = 0.5) -> Point:
    """The point at a share of the way from p to q."""
    return p[0] + (q[0] - p[0]) * share, p[1] + (q[1] - p[1]) * share


def outward(p: Point, q: Point, inside: Point) -> Point:
    """The unit normal of the line p-q that points away from ``inside``."""
    ux, uy = unit(p, q)
    normal = (-uy, ux)
    towards = normal[0] * (inside[0] - p[0]) + normal[1] * (inside[1] - p[1])
    return (uy, -ux) if towards > 0 else normal


def boxes_meet(a: Box, b: Box) -> bool:
    """Whether two boxes overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def line_meets_box(p: Point, q: Point, box: Box) -> bool:
    """Whether a line from p to q passes through a box (separating axes)."""
    left, top, right, bottom = box
    if max(p[0], q[0]) < left or min(p[0], q[0]) > right or max(p[1], q[1]) < top or min(p[1], q[1]) > bottom:
        return False
    dx, dy = q[0] - p[0], q[1] - p[1]
    sides = [dx * (y - p[1]) - dy * (x - p[0]) for x in (left, right) for y in (top, bottom)]
    return min(sides) <= 0 <= max(sides)
