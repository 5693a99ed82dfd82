"""Axes drawn with PIL: the mapping from data to pixels, grid, ticks, labels, titles, and fonts that fit.

Enters: a style, an image, ranges of data. Leaves: lines and text on the image. Always holds: text to be
read is at least ``MIN_SIZE`` px high once the image's longer side is scaled to 448 px.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from r1v.figures.drawing.style import Color, Style, load_font

MIN_SIZE = 15
# fill colours of bars, sectors and lines that stay apart from each other and from any background
PALETTE: tuple[Color, ...] = (
    (66, 120, 190),
    (230, 130, 40),
    (70, 160, 80),
    (200, 60, 60),
    (140, 100, 190),
    (230, 190, 50),
    (70, 180, 190),
    (225, 120, 170),
)
PALETTE_NAMES = ("blue", "orange", "green", "red", "purple", "yellow", "teal", "pink")


def scale_of(image: Image.Image) -> float:
    """Pixels of the image for one pixel of its 448-px form, along the longer side."""
    return max(image.size) / 448


def font_for(style: Style, image: Image.Image, plain: int, low: int, high: int) -> ImageFont.FreeTypeFont:
    """The style's face; sizes are given for the 448-px form."""
    return load_font(style.font_name, round(style.integer(plain, low, high) * scale_of(image)))


def fitted(
    font: ImageFont.FreeTypeFont, texts: Sequence[str], width: float, image: Image.Image, style: Style
) -> ImageFont.FreeTypeFont:
    """The font, made smaller where a text would be wider than ``width``, but never below ``MIN_SIZE``."""
    widest = max(font.getlength(text) for text in texts)
    if widest <= width:
        return font
    size = max(round(MIN_SIZE * scale_of(image)), int(font.size * width / widest))
    return load_font(style.font_name, size)


@dataclass(frozen=True, slots=True)
class Axes:
    """A rectangle of an image (pixels) and the numbers that its edges stand for."""

    left: float
    top: float
    right: float
    bottom: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a point of the data."""
        return (
            self.left + (x - self.x_low) / (self.x_high - self.x_low) * (self.right - self.left),
            self.bottom - (y - self.y_low) / (self.y_high - self.y_low) * (self.bottom - self.top),
        )


@dataclass(frozen=True, slots=True)
class Look:
    """How grid and frame are drawn. frame: ``corner`` (left and bottom edge), ``box`` or ``none``."""

    grid: Color
    grid_width: int
    dashed: bool
    ink: Color
    axis_width: int
    frame: str

    @classmethod
    def of(cls, style: Style) -> Look:
        """A look drawn from the style."""
        shade = style.integer(200, 150, 215)
        paper = sum(style.background) / 3
        shade = min(shade, round(paper - 28))
        return cls(
            grid=style.tint((shade, shade, shade), 14),
            grid_width=style.choice((1, 1, 2)),
            dashed=style.flag(0.12),
            ink=style.ink,
            axis_width=style.choice((2, 2, 3)),
            frame=style.choice(("corner", "corner", "box")),
        )


def _line(
    draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], look: Look
) -> None:
    """One grid line, which runs along an axis."""
    if not look.dashed:
        draw.line((*start, *end), fill=look.grid, width=look.grid_width)
        return
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    dash = 9
    for k in range(0, int(length), 2 * dash):
        a, b = k / length, min(1.0, (k + dash) / length)
        draw.line(
            (
                start[0] + (end[0] - start[0]) * a,
                start[1] + (end[1] - start[1]) * a,
                start[0] + (end[0] - start[0]) * b,
                start[1] + (end[1] - start[1]) * b,
            ),
            fill=look.grid,
            width=look.grid_width,
        )


def draw_grid(
    draw: ImageDraw.ImageDraw, axes: Axes, look: Look, xs: Sequence[float] = (), ys: Sequence[float] = ()
) -> None:
    """Grid lines at the given places of x and y."""
    for x in xs:
        at = axes.point(x, axes.y_low)[0]
        _line(draw, (at, axes.top), (at, axes.bottom), look)
    for y in ys:
        at = axes.point(axes.x_low, y)[1]
        _line(draw, (axes.left, at), (axes.right, at), look)


def draw_frame(draw: ImageDraw.ImageDraw, axes: Axes, look: Look) -> None:
    """The left and bottom edge, or all four."""
    if look.frame == "box":
        draw.rectangle(
            (axes.left, axes.top, axes.right, axes.bottom), outline=look.ink, width=look.axis_width
        )
        return
    draw.line((axes.left, axes.top, axes.left, axes.bottom), fill=look.ink, width=look.axis_width)
    draw.line((axes.left, axes.bottom, axes.right, axes.bottom), fill=look.ink, width=look.axis_width)


def number(value: float) -> str:
    """A number as axes and solutions write it: no trailing zero."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def spaced(low: float, high: float, step: float) -> list[float]:
    """``low, low + step, ...`` up to ``high``, both included where they fit."""
    return [low + k * step for k in range(int((high - low) / step + 1e-9) + 1)]


def draw_y_labels(
    draw: ImageDraw.ImageDraw,
    axes: Axes,
    font: ImageFont.FreeTypeFont,
    ink: Color,
    ys: Sequence[float],
    tick: int = 4,
) -> None:
    """Numbers left of the axes' left edge, each with a small tick."""
    for y in ys:
        at = axes.point(axes.x_low, y)[1]
        draw.line((axes.left - tick, at, axes.left, at), fill=ink, width=2)
        draw.text((axes.left - tick - 6, at), number(y), font=font, fill=ink, anchor="rm")


def draw_x_labels(
    draw: ImageDraw.ImageDraw,
    axes: Axes,
    font: ImageFont.FreeTypeFont,
    ink: Color,
    xs: Sequence[float],
    texts: Sequence[str] = (),
    tick: int = 4,
    stagger: bool = False,
) -> None:
    """Texts (or the numbers themselves) below the axes' bottom edge; stagger: every other one lower."""
    for i, x in enumerate(xs):
        at = axes.point(x, axes.y_low)[0]
        if tick:
            draw.line((at, axes.bottom, at, axes.bottom + tick), fill=ink, width=2)
        drop = font.size * 1.15 if stagger and i % 2 else 0
        text = texts[i] if texts else number(x)
        draw.text((at, axes.bottom + tick + 3 + drop), text, font=font, fill=ink, anchor="ma")


def draw_title(draw: ImageDraw.ImageDraw, image: Image.Image, text: str, style: Style) -> float:
    """A heading at the top, left, middle or right; returns the height it takes in pixels."""
    font = fitted(font_for(style, image, 20, 16, 24), [text], image.width - 24, image, style)
    side = style.choice(("mid", "mid", "left", "right"))
    x, anchor = {"mid": (image.width / 2, "ma"), "left": (12, "la"), "right": (image.width - 12, "ra")}[side]
    draw.text((x, 8), text, font=font, fill=style.ink, anchor=anchor)
    return float(font.size * 1.25 + 8)
