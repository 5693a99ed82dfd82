"""Coloured shapes on a sheet, and the places where they stand.

Enters: a style. Leaves: a drawing surface in logical pixels, and places in reading order that never overlap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from random import Random

from PIL import Image, ImageDraw

from r1v.figures.drawing.style import NAMED_COLORS, Color, Style, load_font

SHAPES = ("circle", "square", "triangle", "star", "diamond", "cross", "heart", "ring")
COLORS = tuple(NAMED_COLORS)
PLURALS = {shape: shape + ("es" if shape == "cross" else "s") for shape in SHAPES}
COLORS_ZH = dict(
    zip(COLORS, ("红色", "蓝色", "绿色", "黄色", "橙色", "紫色", "黑色", "灰色", "粉色", "棕色"), strict=True)
)
SHAPES_ZH = dict(
    zip(SHAPES, ("圆形", "正方形", "三角形", "星形", "菱形", "十字", "心形", "圆环"), strict=True)
)


@cache
def outline(shape: str) -> tuple[tuple[float, float], ...]:
    """The corners of a shape of radius 1 about the origin, y downwards; round shapes have none."""
    if shape == "square":
        return ((-0.82, -0.82), (0.82, -0.82), (0.82, 0.82), (-0.82, 0.82))
    if shape == "diamond":
        return ((0.0, -1.0), (0.72, 0.0), (0.0, 1.0), (-0.72, 0.0))
    if shape == "triangle":
        return ((0.0, -0.95), (0.95, 0.75), (-0.95, 0.75))
    if shape == "star":
        turns = [(1.0 if i % 2 == 0 else 0.42, math.pi * i / 5) for i in range(10)]
        return tuple((r * math.sin(a), -r * math.cos(a)) for r, a in turns)
    if shape == "cross":
        a, b = 0.92, 0.32
        return (
            (-b, -a), (b, -a), (b, -b), (a, -b), (a, b), (b, b),
            (b, a), (-b, a), (-b, b), (-a, b), (-a, -b), (-b, -b),
        )  # fmt: skip
    if shape == "heart":
        around = [2 * math.pi * i / 32 for i in range(32)]
        return tuple(
            (
                math.sin(t) ** 3,
                -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
            )
            for t in around
        )
    return ()


class Sheet:
    """A picture to draw on in logical pixels; ``finish`` gives the image.

    A share ``soft`` of the pictures is drawn at twice the size and reduced, which softens the edges.
    """

    def __init__(
        self, style: Style, width: int = 448, height: int = 448, *, spread: float = 0.15, soft: float = 0.3
    ) -> None:
        self.style = style
        if not style.flag(0.5):  # half of the pictures need no resizing, which costs more than drawing
            spread = 0.0
        if style.host is not None:
            width, height = style.host.size(width, height)
            spread = 0.0
        self.width = round(width * style.uniform(1.0, 1 - spread, 1 + spread))
        self.height = round(height * style.uniform(1.0, 1 - spread, 1 + spread))
        self.scale = 2 if style.flag(soft) else 1
        self.image = Image.new("RGB", (self.width * self.scale, self.height * self.scale), style.background)
        self.draw = ImageDraw.Draw(self.image)
        self.easel = (
            None if style.host is None else style.host.easel(self.width, self.height, style.background)
        )

    def shape(
        self,
        shape: str,
        x: float,
        y: float,
        radius: float,
        color: Color,
        *,
        angle: float = 0.0,
        edge: Color | None = None,
    ) -> None:
        """A filled shape about (x, y); angle in degrees clockwise; edge: colour of a thin border."""
        if self.easel is not None:
            self.easel.shape(shape, (x, y), radius, color, edge, math.radians(angle))
            return
        s = self.scale
        width = max(1, round(s * radius / 14)) if edge else 0
        x, y, radius = x * s, y * s, radius * s
        corners = outline(shape)
        if corners:
            cos, sin = math.cos(math.radians(angle)) * radius, math.sin(math.radians(angle)) * radius
            points = [(x + cos * u - sin * v, y + sin * u + cos * v) for u, v in corners]
            self.draw.polygon(points, fill=color, outline=edge, width=width or 1)
            return
        box = (x - radius, y - radius, x + radius, y + radius)
        if shape == "ring":
            self.draw.ellipse(box, outline=color, width=max(2, round(radius * 0.36)))
        else:
            self.draw.ellipse(box, fill=color, outline=edge, width=width)

    def line(self, points: list[tuple[float, float]], color: Color, width: float = 1) -> None:
        """A polyline, width in logical pixels."""
        if self.easel is not None:
            self.easel.line(points, color, width)
            return
        s = self.scale
        self.draw.line([(x * s, y * s) for x, y in points], fill=color, width=max(1, round(width * s)))

    def polygon(self, points: list[tuple[float, float]], color: Color) -> None:
        """A filled polygon."""
        if self.easel is not None:
            self.easel.polygon(points, color)
            return
        s = self.scale
        self.draw.polygon([(x * s, y * s) for x, y in points], fill=color)

    def disc(
        self,
        x: float,
        y: float,
        radius: float,
        fill: Color | None,
        edge: Color | None = None,
        width: float = 1,
    ) -> None:
        """A disc about (x, y) with or without a border inside its radius."""
        if self.easel is not None:
            self.easel.disc((x, y), radius - width / 2 * (edge is not None), fill, edge, width)
            return
        s = self.scale
        box = ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s)
        self.draw.ellipse(box, fill=fill, outline=edge, width=round(width * s) if edge else 0)

    def text(self, xy: tuple[float, float], text: str, size: int, color: Color, anchor: str = "mm") -> None:
        """Text in this picture's face, size in logical pixels."""
        if self.easel is not None:
            self.easel.text(xy, text, size, color, anchor)
            return
        s = self.scale
        font = load_font(self.style.font_name, size * s)
        self.draw.text((xy[0] * s, xy[1] * s), text, font=font, fill=color, anchor=anchor)

    def clutter(self) -> None:
        """Faint things behind the content that mean nothing: rules, specks, a frame. None when plain."""
        style = self.style
        faint = style.tint(tuple(c - 22 for c in style.background), 10)  # type: ignore[arg-type]
        if style.flag(0.15):
            step = style.integer(32, 18, 60)
            for x in range(step, self.width, step):
                self.line([(x, 0), (x, self.height)], faint)
            for y in range(step, self.height, step):
                self.line([(0, y), (self.width, y)], faint)
        if style.flag(0.15):
            for _ in range(style.integer(30, 10, 60)):
                at = style.rng.uniform(0, self.width), style.rng.uniform(0, self.height)
                self.disc(*at, style.rng.uniform(0.8, 2.2), faint)
        if style.flag(0.15):
            edge = (
                (2, 2),
                (self.width - 3, 2),
                (self.width - 3, self.height - 3),
                (2, self.height - 3),
                (2, 2),
            )
            self.line(list(edge), style.ink, style.integer(1, 1, 3))

    def finish(self) -> Image.Image:
        """The finished image, at its logical size."""
        if self.easel is not None and self.style.host is not None:
            return self.style.host.paint(self.easel)
        return self.image.reduce(self.scale) if self.scale > 1 else self.image


@dataclass(frozen=True, slots=True)
class Place:
    """A place on a sheet. row and column count from 0; room: radius that is free about (x, y)."""

    row: int
    column: int
    x: float
    y: float
    room: float


def grid(
    sheet: Sheet, rows: int, columns: int, *, across: float = 0.2, down: float = 0.1, ruled: bool = False
) -> list[Place]:
    """The places of a grid over the whole sheet, in reading order.

    across, down: the most that a place may stray, as a share of its cell; rows stay discernible. ruled: draw
    the lines between the cells, where empty cells must be counted.
    """
    style = sheet.style
    left, right = (style.uniform(0.03, 0.01, 0.1) * sheet.width for _ in range(2))
    top, bottom = (style.uniform(0.03, 0.01, 0.1) * sheet.height for _ in range(2))
    cell_w, cell_h = (sheet.width - left - right) / columns, (sheet.height - top - bottom) / rows
    if ruled:
        color, width = style.tint((160, 160, 160), 40), style.integer(1, 1, 2)
        for i in range(columns + 1):
            x = left + i * cell_w
            sheet.line([(x, top), (x, top + rows * cell_h)], color, width)
        for i in range(rows + 1):
            y = top + i * cell_h
            sheet.line([(left, y), (left + columns * cell_w, y)], color, width)
    places = []
    for row in range(rows):
        for column in range(columns):
            dx, dy = style.uniform(0, -across, across) * cell_w, style.uniform(0, -down, down) * cell_h
            room = min(cell_w / 2 - abs(dx), cell_h / 2 - abs(dy)) - 2
            x, y = left + (column + 0.5) * cell_w + dx, top + (row + 0.5) * cell_h + dy
            places.append(Place(row, column, x, y, room))
    return places


def scatter(sheet: Sheet, count: int) -> list[list[Place]]:
    """``count`` places in discernible rows, top to bottom, each row left to right.

    Plain: the first of 4 x 4.
    """
    style = sheet.style
    rows = style.integer(4, max(2, math.ceil(count / 5)), 5)
    columns = style.integer(4, 3, 5)
    while rows * columns < count:
        columns += 1
    places = grid(sheet, rows, columns)
    taken = sorted(style.rng.sample(range(len(places)), count))
    if not style.flag(1.0):
        taken = list(range(count))
    found: dict[int, list[Place]] = {}
    for i in taken:
        found.setdefault(places[i].row, []).append(places[i])
    return [found[row] for row in sorted(found)]


@dataclass(frozen=True, slots=True)
class Thing:
    """A coloured shape by its names."""

    color: str
    shape: str

    def __str__(self) -> str:
        return f"{self.color} {self.shape}"

    @property
    def zh(self) -> str:
        """Its Chinese name."""
        return COLORS_ZH[self.color] + SHAPES_ZH[self.shape]


def draw_thing(sheet: Sheet, thing: Thing, place: Place, size: float) -> None:
    """A thing at a place; size: the share of the room that it fills, varied a little by the style."""
    style = sheet.style
    radius = max(12.0, place.room * style.uniform(size, size * 0.72, min(0.98, size * 1.15)))
    color = style.tint(NAMED_COLORS[thing.color], 9)
    angle = style.uniform(0, -14, 14)
    edge = style.ink if style.flag(0.25) and thing.color != "black" else None
    sheet.shape(thing.shape, place.x, place.y, radius, color, angle=angle, edge=edge)


def distinct_things(rng: Random, count: int, num_colors: int, num_shapes: int) -> list[Thing]:
    """Different things of a few colours and shapes, in any order; count is at most colours times shapes."""
    colors, shapes = rng.sample(COLORS, num_colors), rng.sample(SHAPES, num_shapes)
    return rng.sample([Thing(c, s) for c in colors for s in shapes], count)
