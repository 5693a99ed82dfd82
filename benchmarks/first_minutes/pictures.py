"""The pictures that a new user has at hand: what common tools draw without a setting touched.

Enters: a name of PICTURES. Leaves: a picture; None where the tool that draws it is not installed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).parents[2]


def _plot(draw: Callable[[Any], object]) -> Image.Image | None:
    """A figure of matplotlib as it is by default."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        return None
    plt.rcdefaults()
    figure, axes = plt.subplots()
    draw(axes)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    plt.close(figure)
    return Image.open(out).convert("RGB")


def _bars() -> Image.Image | None:
    return _plot(lambda axes: axes.bar(["Mon", "Tue", "Wed", "Thu"], [12, 7, 19, 5]))


def _labelled() -> Image.Image | None:
    def draw(axes: Any) -> None:
        axes.bar_label(axes.bar(["apples", "pears", "plums"], [30, 45, 20]))
        axes.set_title("Fruit sold")

    return _plot(draw)


def _pie() -> Image.Image | None:
    return _plot(lambda axes: axes.pie([50, 30, 20], labels=["rent", "food", "other"], autopct="%1.0f%%"))


def _line() -> Image.Image | None:
    def draw(axes: Any) -> None:
        axes.plot([2020, 2021, 2022, 2023, 2024], [10, 20, 15, 30, 25], marker="o")
        axes.set_xticks([2020, 2021, 2022, 2023, 2024])
        axes.grid(True)

    return _plot(draw)


def _straight() -> Image.Image | None:
    def draw(axes: Any) -> None:
        axes.plot([-3, 3], [-5, 7])
        axes.grid(True)
        axes.axhline(0, color="black")
        axes.axvline(0, color="black")

    return _plot(draw)


def _page(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), "white")
    return image, ImageDraw.Draw(image)


def _letters(size: int) -> Any:
    return ImageFont.load_default(size)


def _table() -> Image.Image:
    image, pen = _page(420, 200)
    for r, row in enumerate((("", "Math", "Art"), ("Ann", "8", "5"), ("Ben", "6", "9"), ("Cleo", "7", "4"))):
        for c, cell in enumerate(row):
            pen.rectangle((10 + 130 * c, 10 + 44 * r, 140 + 130 * c, 54 + 44 * r), outline="black")
            pen.text((24 + 130 * c, 20 + 44 * r), cell, fill="black", font=_letters(22))
    return image


def _clock() -> Image.Image:
    """Ten past three."""
    image, pen = _page(300, 300)
    pen.ellipse((20, 20, 280, 280), outline="black", width=4)
    for n, (x, y) in enumerate(((150, 42), (258, 150), (150, 258), (42, 150))):
        pen.text((x, y), str((12, 3, 6, 9)[n]), fill="black", font=_letters(24), anchor="mm")
    pen.line((150, 150, 150 + 68, 150 + 6), fill="black", width=7)
    pen.line((150, 150, 150 + 90, 150 - 52), fill="black", width=4)
    return image


def _shapes() -> Image.Image:
    image, pen = _page(400, 300)
    pen.ellipse((30, 30, 100, 100), fill="red")
    pen.ellipse((160, 40, 230, 110), fill="red")
    pen.rectangle((290, 40, 360, 110), fill="blue")
    pen.polygon(((60, 250), (100, 180), (140, 250)), fill="green")
    pen.ellipse((220, 180, 290, 250), fill="blue")
    return image


def _sum() -> Image.Image:
    image, pen = _page(360, 120)
    pen.text((180, 60), "36 + 27 = ?", fill="black", font=_letters(40), anchor="mm")
    return image


def _triangle() -> Image.Image:
    """Angles of 50 and 60 degrees, and one that is asked for."""
    image, pen = _page(420, 320)
    pen.line(((40, 280), (380, 280), (230, 47), (40, 280)), fill="black", width=3)
    for at, text in (((88, 262), "50°"), ((328, 262), "60°"), ((228, 90), "x")):
        pen.text(at, text, fill="black", font=_letters(22), anchor="mm")
    return image


def _invoice() -> Image.Image:
    image, pen = _page(460, 560)
    lines = ("ACME Ltd.", "Invoice no. 2214", "Dear Sir or Madam,", "thank you for your order of last week.",
             "Please pay within thirty days.", "Yours faithfully", "J. Smith")  # fmt: skip
    for n, text in enumerate(lines):
        pen.text((30, 40 + 60 * n), text, fill="black", font=_letters(20))
    return image


def _photo(name: str) -> Image.Image | None:
    """A photograph that scikit-image carries."""
    try:
        from skimage import data
    except ImportError:
        return None
    return Image.fromarray(getattr(data, name)()).convert("RGB")


PICTURES: dict[str, Callable[[], Image.Image | None]] = {
    "demo": lambda: Image.open(ROOT / "examples" / "demo.png").convert("RGB"), "bars": _bars,
    "labelled bars": _labelled, "pie": _pie, "line": _line, "straight line": _straight, "table": _table,
    "clock": _clock, "shapes": _shapes, "sum": _sum, "triangle": _triangle, "invoice": _invoice,
    "blank": lambda: Image.new("RGB", (400, 300), "white"), "cat": lambda: _photo("chelsea"),
    "astronaut": lambda: _photo("astronaut"),
}  # fmt: skip
