"""The look of a picture: fonts, colours, sizes, places. All layout is drawn from here.

``variation`` in [0, 1] scales how far a look may stray from the family's plain one; training widens it step
by step, everything else uses 1. Fonts are those that matplotlib carries, so they are the same everywhere.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol, TypeVar

from PIL import Image, ImageDraw, ImageFont

from r1v.core import UnavailableError

T = TypeVar("T")
Color = tuple[int, int, int]

# Faces for text that must be read; STIX and cmr10 stay out of training, for tests of unseen fonts.
FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSerif-Bold.ttf",
    "DejaVuSansMono-Bold.ttf",
    "DejaVuSans-Oblique.ttf",
)
UNSEEN_FONTS = ("STIXGeneral.ttf", "STIXGeneralBol.ttf", "cmr10.ttf")

NAMED_COLORS: dict[str, Color] = {
    "red": (214, 39, 40),
    "blue": (31, 90, 200),
    "green": (34, 150, 60),
    "yellow": (240, 200, 20),
    "orange": (245, 130, 20),
    "purple": (130, 60, 180),
    "black": (30, 30, 30),
    "gray": (130, 130, 130),
    "pink": (240, 130, 190),
    "brown": (130, 80, 40),
}


@functools.cache
def font_folder() -> Path:
    """Where matplotlib keeps its fonts; found without importing it.

    Raises UnavailableError where matplotlib is not installed.
    """
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise UnavailableError("figures need matplotlib, which is not installed; pip install 'r1v[figures]'")
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"


@functools.lru_cache(maxsize=512)
def load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font face by its file name, at a size in pixels."""
    return ImageFont.truetype(str(font_folder() / name), size)


class Host(Protocol):
    """Another hand that paints what a family lays out: `r1v.figures.abroad.hosted`."""

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The canvas in pixels in place of the family's own."""

    def easel(self, width: float, height: float, paper: Color) -> Any:
        """What takes the drawing's parts; it has the methods of ``abroad.board.Easel``."""

    def paint(self, easel: Any) -> Image.Image:
        """The picture of all parts."""


class Style:
    """A source of layout choices that stays near the plain look while ``variation`` is small."""

    def __init__(self, rng: Random, variation: float = 1.0, fonts: Sequence[str] = FONTS) -> None:
        self.rng = rng
        self.variation = variation
        self.host: Host | None = None
        self.fonts = tuple(fonts)
        own = Random(rng.random())  # of its own, so that another set of fonts leaves all else as it was
        pick = own.choice(self.fonts)
        self.font_name = pick if own.random() < variation else self.fonts[0]
        self.background: Color = self.tint((255, 255, 255), 22)
        self.ink: Color = self.tint((20, 20, 20), 60)

    def choice(self, options: Sequence[T]) -> T:
        """The first option, or with probability ``variation`` any of them."""
        pick = self.rng.choice(options)
        return pick if self.rng.random() < self.variation else options[0]

    def uniform(self, plain: float, low: float, high: float) -> float:
        """``plain``, moved towards a uniform draw from [low, high] by the share ``variation``."""
        return plain + self.variation * (self.rng.uniform(low, high) - plain)

    def integer(self, plain: int, low: int, high: int) -> int:
        """As ``uniform``, rounded."""
        return round(self.uniform(plain, low - 0.49, high + 0.49))

    def flag(self, probability: float) -> bool:
        """True with the probability times ``variation``."""
        return self.rng.random() < probability * self.variation

    def tint(self, plain: Color, spread: int) -> Color:
        """A colour near ``plain``: each channel moves by at most ``spread`` and stays within [0, 255]."""
        moved = []
        for channel in plain:
            low, high = max(0, channel - spread), min(255, channel + spread)
            moved.append(round(self.uniform(channel, low, high)))
        return (moved[0], moved[1], moved[2])

    def font(self, plain: int, low: int, high: int) -> ImageFont.FreeTypeFont:
        """This picture's face at a size in pixels."""
        return load_font(self.font_name, self.integer(plain, low, high))

    def canvas(self, width: int = 448, height: int = 448, spread: float = 0.15) -> Image.Image:
        """An empty picture in the background colour; in half of them each side varies by the share
        ``spread``.

        The other half needs no resizing before it goes to a model, which costs more than drawing.
        """
        if self.host is not None:
            return Image.new("RGB", self.host.size(width, height), self.background)
        if not self.flag(0.5):
            spread = 0.0
        return Image.new(
            "RGB",
            (
                round(width * self.uniform(1.0, 1 - spread, 1 + spread)),
                round(height * self.uniform(1.0, 1 - spread, 1 + spread)),
            ),
            self.background,
        )


def text_size(text: str, font: ImageFont.FreeTypeFont) -> tuple[float, float]:
    """Width and height of a text in pixels."""
    left, top, right, bottom = font.getbbox(text)
    return right - left, bottom - top


def draw_text(
    draw: ImageDraw.ImageDraw,
    xy: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont,
    fill: Color,
    anchor: str = "mm",
) -> None:
    """Text centred on a point (or at another Pillow anchor)."""
    draw.text(xy, text, font=font, fill=fill, anchor=anchor)
