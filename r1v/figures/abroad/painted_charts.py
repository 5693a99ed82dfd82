"""Charts painted by Pillow for training. They are quick to draw, so every question can have a chart with
names of its own.

Names stand level, aslant or upright, below or beside; values are printed or read between grid lines; parts
of a pie are named beside it or in a legend. The looks are random and do not imitate any tool.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from PIL import Image, ImageDraw, ImageFont

from r1v.figures.abroad.charts import Chart
from r1v.figures.abroad.faces import faces
from r1v.figures.abroad.mpl import nearest_name
from r1v.figures.abroad.scene import ToolPicture, plain
from r1v.figures.drawing.style import Color, load_font

PALETTES: tuple[tuple[Color, ...], ...] = (
    ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75),
     (227, 119, 194), (127, 127, 127)),
    ((228, 26, 28), (55, 126, 184), (77, 175, 74), (152, 78, 163), (255, 127, 0), (230, 200, 20),
     (166, 86, 40), (247, 129, 191)),
    ((66, 133, 244), (219, 68, 55), (244, 180, 0), (15, 157, 88), (171, 71, 188), (0, 172, 193),
     (255, 112, 67), (120, 120, 120)),
    ((99, 110, 250), (239, 85, 59), (0, 204, 150), (171, 99, 250), (255, 161, 90), (25, 211, 243),
     (255, 102, 146), (182, 232, 128)),
)  # fmt: skip
PAPERS: tuple[Color, ...] = ((255, 255, 255),) * 5 + ((250, 250, 250), (245, 245, 240), (235, 240, 250))
SIZES = (
    (480, 360),
    (640, 480),
    (420, 420),
    (560, 300),
    (720, 360),
    (360, 300),
    (450, 450),
    (600, 260),
    (320, 320),
    (300, 460),
    (800, 280),
    (400, 540),
    (520, 260),
    (860, 420),
)


@dataclass(slots=True)
class Page:
    """A picture in work. scale: pixels drawn for each pixel of the result."""

    image: Image.Image
    draw: ImageDraw.ImageDraw
    scale: int
    face: str
    size: int  # of letters
    ink: Color

    @classmethod
    def open(cls, rng: Random) -> Page:
        """An empty page of a random size and look."""
        width, height = rng.choice(SIZES)
        scale = 2 if rng.random() < 0.6 else 1
        image = Image.new("RGB", (width * scale, height * scale), rng.choice(PAPERS))
        ink = rng.choice(((0, 0, 0), (0, 0, 0), (60, 60, 60), (40, 40, 70), (100, 100, 100), (136, 136, 136)))
        size = (
            rng.choice((9, 10, 11, 12, 13, 14, 16))
            if width < 500
            else rng.choice((10, 11, 12, 13, 14, 16, 18))
        )
        size = max(size, round(width / 60)) if width > 320 else min(size, 12)
        return cls(image, ImageDraw.Draw(image), scale, rng.choice(faces()), size, ink)

    @property
    def width(self) -> float:
        return self.image.width / self.scale

    @property
    def height(self) -> float:
        return self.image.height / self.scale

    def font(self, share: float = 1.0) -> ImageFont.FreeTypeFont:
        """The page's face at a share of its size."""
        return load_font(self.face, max(8, round(self.size * self.scale * share)))

    def length(self, text: str, share: float = 1.0) -> float:
        """Width of a text in pixels of the result."""
        return self.font(share).getlength(text) / self.scale

    def text(
        self, at: tuple[float, float], text: str, anchor: str = "mm", share: float = 1.0,
        ink: Color | None = None,
    ) -> None:  # fmt: skip
        """Level letters, in the page's ink or another."""
        place = (at[0] * self.scale, at[1] * self.scale)
        self.draw.text(place, text, font=self.font(share), fill=ink or self.ink, anchor=anchor)

    def turned(self, at: tuple[float, float], text: str, degrees: int, end: str) -> None:
        """Letters turned against the clock. end: which point of the turned box lies at the place: ``mt`` the
        middle of its top, ``rt`` the right end of its top, ``mm`` its middle."""
        font = self.font()
        left, top, right, bottom = font.getbbox(text)
        mask = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4), 0)
        ImageDraw.Draw(mask).text((2 - left, 2 - top), text, font=font, fill=255)
        mask = mask.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
        x, y = at[0] * self.scale, at[1] * self.scale
        x -= mask.width if end[0] == "r" else mask.width / 2
        y -= mask.height / 2 if end[1] == "m" else 0
        self.image.paste(self.ink, (round(x), round(y)), mask)

    def line(self, points: list[tuple[float, float]], color: Color, width: float = 1.0) -> None:
        """A line through points."""
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self.draw.line(scaled, fill=color, width=max(1, round(width * self.scale)), joint="curve")

    def box(self, corners: tuple[float, float, float, float], fill: Color, edge: Color | None = None) -> None:
        """An upright rectangle: left, top, right, bottom."""
        s = self.scale
        a, b, c, d = corners
        self.draw.rectangle((a * s, b * s, max(a, c) * s, max(b, d) * s), fill=fill, outline=edge)

    def finish(self) -> Image.Image:
        """The picture at its size."""
        return self.image.reduce(self.scale) if self.scale > 1 else self.image


def grid(low: float, high: float, rng: Random) -> tuple[Decimal, Decimal, int]:
    """A round step, the line to begin at, and how many steps reach the highest value."""
    rough = max(high - low, 1e-6) / rng.choice((4, 5, 6, 8))
    power = Decimal(10) ** Decimal(str(rough)).adjusted()
    step = next(power * k for k in (1, 2, 5, 10) if float(power * k) >= rough)
    start = Decimal(str(low)) // step * step
    count = math.ceil((Decimal(str(high)) - start) / step)
    return step.normalize(), start.normalize() + 0, max(count, 1)


def tick(value: Decimal, chart: Chart) -> str:
    """A number at a grid line."""
    return f"{value:,f}" if chart.thousands else plain(value)


@dataclass(frozen=True, slots=True)
class Field:
    """Where a chart's axes lie on its page, and what they measure."""

    left: float
    top: float
    right: float
    bottom: float
    low: float
    high: float

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def x(self, value: float) -> float:
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)


def _slant(page: Page, names: tuple[str, ...], slot: float, rng: Random) -> int:
    """Degrees that the names below an axis are turned by: often upright, level only where they have room."""
    room = max(page.length(name) for name in names) <= slot - 4
    if room:
        return rng.choice((0, 0, 0, 90, 90, 45))
    return rng.choice((90, 90, 45, 60))


def _below(page: Page, names: tuple[str, ...], places: list[float], y: float, slant: int) -> None:
    """Names below an axis."""
    for name, x in zip(names, places, strict=True):
        if slant:
            page.turned((x + (page.size / 2 if slant != 90 else 0), y + 3), name, slant,
                        "mt" if slant == 90 else "rt")  # fmt: skip
        else:
            page.text((x, y + 4), name, "ma")


def _room_below(page: Page, names: tuple[str, ...], slant: int) -> float:
    longest = max(page.length(name) for name in names)
    if not slant:
        return page.size + 12
    return longest * math.sin(math.radians(slant)) + page.size * math.cos(math.radians(slant)) + 14


def _heads(page: Page, chart: Chart, rng: Random) -> tuple[float, float]:
    """Title and name of the value axis; returns how far from the top and left the rest begins."""
    top, left = 12.0, 8.0
    if chart.title:
        at = page.width / 2 if rng.random() < 0.7 else 10 + page.length(chart.title, 1.15) / 2
        page.text((at, 6), chart.title, "ma", 1.15)
        top += page.size * 1.5 + 6
    if chart.axis:
        page.turned((10 + page.size / 2, page.height / 2), chart.axis, 90, "mm")
        left += page.size + 12
    return top, left


def _value_axis(
    page: Page, field: Field, ticks: list[Decimal], chart: Chart, level: bool, rng: Random
) -> None:
    """Numbers and grid lines. level: the lines are level, the numbers stand at the left."""
    lines, pale = rng.random() < 0.6, rng.choice(((221, 221, 221), (200, 200, 200), (230, 230, 230)))
    for value in ticks:
        if level:
            y = field.y(float(value))
            if lines:
                page.line([(field.left, y), (field.right, y)], pale)
            page.line([(field.left - 4, y), (field.left, y)], page.ink)
            page.text((field.left - 6, y), tick(value, chart), "rm")
        else:
            x = field.x(float(value))
            if lines:
                page.line([(x, field.top), (x, field.bottom)], pale)
            page.line([(x, field.bottom), (x, field.bottom + 4)], page.ink)
            page.text((x, field.bottom + 6), tick(value, chart), "ma")


def _frame(page: Page, field: Field, rng: Random) -> None:
    """The axes alone, or all four sides."""
    corners = [(field.left, field.top), (field.left, field.bottom), (field.right, field.bottom)]
    if rng.random() < 0.4:
        corners += [(field.right, field.top), (field.left, field.top)]
    page.line(corners, page.ink)


@dataclass(frozen=True, slots=True)
class Legend:
    """Names in a column with a patch of colour each. share: of the page's letters; pitch: of a letter's
    height; sort: of the patch; left: of the drawing; place: 0 at the top, 1 at the bottom."""

    names: tuple[str, ...]
    share: float
    pitch: float
    sort: str
    left: bool
    place: float
    width: float

    @classmethod
    def chosen(cls, page: Page, names: tuple[str, ...], rng: Random) -> Legend:
        """One of any look."""
        share = rng.choice((0.75, 0.85, 1.0, 1.0))
        width = max(page.length(name, share) for name in names) + page.size * share * 1.6
        return cls(names, share, rng.uniform(1.15, 2.1), rng.choice(("box", "disc", "disc", "line", "small")),
                   rng.random() < 0.2, rng.choice((0.0, 0.0, 0.5, 1.0)), width)  # fmt: skip

    def paint(self, page: Page, top: float, colors: Sequence[Color]) -> None:
        """All names with their colours."""
        letter = page.size * self.share
        step = letter * self.pitch
        y = top + letter + max(0.0, page.height - top - letter - step * len(self.names)) * self.place
        x, s = (8.0 if self.left else page.width - self.width - 8), page.scale
        half = letter * (0.3 if self.sort == "small" else 0.45)
        for name, color in zip(self.names, colors, strict=True):
            at = x + letter * 0.5
            if self.sort == "disc":
                corners = ((at - half) * s, (y - half) * s, (at + half) * s, (y + half) * s)
                page.draw.ellipse(corners, fill=color)
            elif self.sort == "line":
                page.line([(at - letter * 0.5, y), (at + letter * 0.5, y)], color, 3)
            else:
                page.box((at - half, y - half, at + half, y + half), color)
            page.text((x + letter * 1.4, y), name, "lm", self.share)
            y += step


def bars(chart: Chart, rng: Random) -> ToolPicture:
    """Upright or lying bars."""
    page = Page.open(rng)
    turned = rng.random() < 0.25
    step, low, count = grid(0, float(max(chart.values)), rng)
    ticks = [low + step * i for i in range(count + 1)]
    top, left = _heads(page, chart, rng)
    names, number = chart.names, len(chart.names)
    if turned:
        left += max(page.length(name) for name in names) + 8
        right = (
            page.width - 16 - (max(page.length(chart.text(v)) for v in chart.values) if chart.printed else 0)
        )
        field = Field(left, top, right, page.height - page.size - 16, 0.0, float(ticks[-1]))
    else:
        left += max(page.length(tick(t, chart)) for t in ticks) + 8
        top += page.size + 4 if chart.printed else 0
        slant = _slant(page, names, (page.width - left - 14) / number, rng)
        bottom = page.height - _room_below(page, names, slant)
        field = Field(left, min(top, bottom - 60), page.width - 14, bottom, 0.0, float(ticks[-1]))
    _value_axis(page, field, ticks, chart, not turned, rng)
    palette = rng.choice(PALETTES)
    many, shift = rng.random() < 0.4, rng.randrange(8)
    gap, edge = rng.uniform(0.02, 0.3), page.ink if rng.random() < 0.2 else None
    slot = (field.bottom - field.top if turned else field.right - field.left) / number
    for i, value in enumerate(chart.values):
        fill = palette[(shift + (i if many else 0)) % 8]
        if turned:
            y, tip = field.top + slot * i, field.x(float(value))
            page.box((field.left, y + slot * gap, tip, y + slot * (1 - gap)), fill, edge)
            page.text((field.left - 6, y + slot / 2), names[i], "rm")
            if chart.printed:
                page.text((tip + 4, y + slot / 2), chart.text(value), "lm")
        else:
            x, tip = field.left + slot * i, field.y(float(value))
            page.box((x + slot * gap, tip, x + slot * (1 - gap), field.bottom), fill, edge)
            if chart.printed:
                page.text((x + slot / 2, tip - 3), chart.text(value), "mb", 0.9)
    if not turned:
        _below(page, names, [field.left + slot * (i + 0.5) for i in range(number)], field.bottom, slant)
    _frame(page, field, rng)
    return ToolPicture(page.finish(), {"step": step, "low": low})


def lines(chart: Chart, rng: Random) -> ToolPicture:
    """Lines over names, with or without points, named in a legend where there are several."""
    page = Page.open(rng)
    values = [float(v) for row in chart.rows for v in row]
    base = 0.0 if rng.random() < 0.5 else min(values)
    step, low, count = grid(base, max(values), rng)
    ticks = [low + step * i for i in range(count + 1)]
    top, left = _heads(page, chart, rng)
    left += max(page.length(tick(t, chart)) for t in ticks) + 8
    several, right = len(chart.series) > 1, page.width - 16
    key = replace(Legend.chosen(page, chart.series, rng), left=False)
    if several:
        right -= key.width + 8
    slant = _slant(page, chart.names, (right - left) / len(chart.names), rng)
    bottom = page.height - _room_below(page, chart.names, slant)
    field = Field(left, min(top, bottom - 60), right, bottom, float(ticks[0]), float(ticks[-1]))
    _value_axis(page, field, ticks, chart, True, rng)
    shift, palette = rng.randrange(8), rng.choice(PALETTES)
    inset = (field.right - field.left) / len(chart.names) * rng.choice((0.5, 0.5, 0.25))
    gap = (field.right - field.left - 2 * inset) / max(1, len(chart.names) - 1)
    places = [field.left + inset + gap * i for i in range(len(chart.names))]
    dot, width, colors = rng.choice((0, 3, 3, 4)), rng.choice((1.5, 2, 2.5, 3)), []
    for k, row in enumerate(chart.rows):
        color = palette[(shift + k) % 8]
        colors.append(nearest_name(color))
        points = [(x, field.y(float(v))) for x, v in zip(places, row, strict=True)]
        page.line(points, color, width)
        for x, y in points if dot else ():
            s = page.scale
            page.draw.ellipse(((x - dot) * s, (y - dot) * s, (x + dot) * s, (y + dot) * s), fill=color)
    if several:
        key.paint(page, field.top, [palette[(shift + k) % 8] for k in range(len(chart.rows))])
    _below(page, chart.names, places, field.bottom, slant)
    _frame(page, field, rng)
    return ToolPicture(page.finish(), {"step": step, "low": low, "colors": colors})


def pie(chart: Chart, rng: Random) -> ToolPicture:
    """A pie or a ring, clockwise from the top; numbers in it or around, names likewise or in a legend."""
    page = Page.open(rng)
    legend, hole = rng.random() < 0.55, rng.random() < 0.25
    key = Legend.chosen(page, chart.names, rng)
    longest = key.width if legend else max(page.length(name) for name in chart.names)
    top = 12 + (page.size * 1.5 + 6 if chart.title else 0)
    if chart.title:
        page.text((page.width / 2, 6), chart.title, "ma", 1.15)
    around = page.size + 12 if legend else page.size + 16
    wide = page.width - (longest + 20 if legend else 2 * longest)
    radius = max(45.0, min((page.height - top) / 2 - around, wide / 2 - around) * rng.uniform(0.75, 1.0))
    spare = max(0.0, wide / 2 - around - radius)
    middle = (page.width / 2, top + (page.height - top) / 2)
    if legend:
        middle = (wide / 2 + rng.uniform(-spare / 2, spare), middle[1])
        if key.left:
            middle = (page.width - middle[0], middle[1])
    palette, shift = rng.choice(PALETTES), rng.randrange(8)
    outside, edge = legend and rng.random() < 0.6, rng.choice((None, (255, 255, 255), page.ink))
    white = rng.choice(((255, 255, 255), (0, 0, 0)))  # of numbers on dark parts
    total, turn, s, colors = float(sum(chart.values)), -90.0, page.scale, []
    box = tuple(
        side * s for side in (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius)
    )
    for i, value in enumerate(chart.values):
        sweep = float(value) / total * 360
        color = palette[(shift + i) % 8]
        colors.append(nearest_name(color))
        page.draw.pieslice(box, turn, turn + sweep, fill=color, outline=edge, width=s)  # type: ignore[arg-type]
        half = math.radians(turn + sweep / 2)
        at = radius * (1.0 if outside else 0.78 if hole else 0.66)
        at += page.size * 0.9 + 3 if outside else 0
        number = (middle[0] + math.cos(half) * at, middle[1] + math.sin(half) * at)
        light = color[0] * 3 + color[1] * 6 + color[2] > 1400
        page.text(number, chart.text(value), "mm", 0.9, None if outside else (0, 0, 0) if light else white)
        if not legend:
            far = radius + 6
            anchor = ("l" if math.cos(half) >= 0 else "r") + "m"
            page.text(
                (middle[0] + math.cos(half) * far, middle[1] + math.sin(half) * (far + 6)),
                chart.names[i],
                anchor,
            )
        turn += sweep
    if legend:
        key.paint(page, top, [palette[(shift + i) % 8] for i in range(len(chart.names))])
    if hole:
        inner = radius * rng.uniform(0.35, 0.6)
        corners = [(c + d * inner) * s for d in (-1, 1) for c in middle]
        page.draw.ellipse(tuple(corners), fill=page.image.getpixel((1, 1)))  # type: ignore[arg-type]
    return ToolPicture(page.finish(), {"order": list(range(len(colors))), "colors": colors})
