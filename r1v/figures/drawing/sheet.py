"""A contact sheet: figures in a grid, each with its question and answer below."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from r1v.core import ConfigError
from r1v.figures.drawing.style import load_font
from r1v.figures.item import Figure

_CJK_FACES = (
    "notosanscjk",
    "notosanssc",
    "notoserifcjk",
    "sourcehansans",
    "wqy",
    "simhei",
    "pingfang",
    "msyh",
    "droidsansfallback",
)
_TEXT_PX = 15
_LINE_PX = 20
_PAD = 12


def contact_sheet(figures: Sequence[Figure], *, columns: int = 4, cell: int = 320) -> Image.Image:
    """The figures on one picture. cell: width of a column in pixels; pictures fit in a square of it."""
    if not figures:
        raise ConfigError("a contact sheet needs at least one figure")
    columns = min(columns, len(figures))
    panels = [_panel(figure, cell) for figure in figures]
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [max(panel.height for panel in row) for row in rows]
    sheet = Image.new(
        "RGB", (columns * (cell + _PAD) + _PAD, sum(heights) + _PAD * (len(rows) + 1)), (205, 208, 214)
    )
    y = _PAD
    for row, height in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            sheet.paste(panel, (_PAD + column * (cell + _PAD), y))
        y += height + _PAD
    return sheet


def _panel(figure: Figure, cell: int) -> Image.Image:
    """One figure on white: its picture or pictures, then family, question and answer."""
    count = len(figure.images)
    small = []
    for image in figure.images:
        shown = image.copy()
        shown.thumbnail(((cell - 4 * (count - 1)) // count, cell), Image.Resampling.LANCZOS)
        small.append(shown)
    bold = load_font("DejaVuSans-Bold.ttf", _TEXT_PX)
    head = wrap(f"{figure.family}, {figure.difficulty}, seed {figure.seed}", bold, cell - 2 * _PAD)
    face = _face(figure.question + figure.answer)
    if face is None:
        question = f"(in Chinese, for which this machine has no font: {figure.template})"
        face = load_font("DejaVuSans.ttf", _TEXT_PX)
    else:
        question = figure.question
    body = wrap(question, face, cell - 2 * _PAD)
    answer = wrap(f"Answer: {figure.answer}", _face(figure.answer) or face, cell - 2 * _PAD)
    above = max((image.height for image in small), default=0)
    panel = Image.new(
        "RGB", (cell, above + _LINE_PX * (len(head) + len(body) + len(answer)) + 2 * _PAD), "white"
    )
    x = 0
    for image in small:
        panel.paste(image, (x + ((cell - image.width) // 2 if count == 1 else 0), 0))
        x += image.width + 4
    draw = ImageDraw.Draw(panel)
    y = above + _PAD
    for lines, font, color in (
        (head, bold, (110, 110, 120)),
        (body, face, (20, 20, 20)),
        (answer, face, (20, 90, 40)),
    ):
        for line in lines:
            draw.text((_PAD, y), line, font=font, fill=color)
            y += _LINE_PX
    return panel


def wrap(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """The text in lines of at most ``width`` pixels, broken at spaces, in a word only where it must be."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            while font.getlength(word) > width:
                fits = next(
                    n for n in range(len(word) - 1, 0, -1) if font.getlength(word[:n]) <= width or n == 1
                )
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        lines.append(line)
    return lines


def _face(text: str) -> ImageFont.FreeTypeFont | None:
    """A face that shows the text: DejaVu Sans, for Chinese one of the system's; None where there is none."""
    if not any(unicodedata.east_asian_width(c) in "WF" for c in text):
        return load_font("DejaVuSans.ttf", _TEXT_PX)
    path = _cjk_face()
    return None if path is None else ImageFont.truetype(path, _TEXT_PX)


@functools.cache
def _cjk_face() -> str | None:
    """The path of an installed face with Chinese characters, if there is one."""
    from matplotlib import font_manager

    for path in sorted(font_manager.findSystemFonts()):
        name = path.rsplit("/", 1)[-1].lower().replace("-", "").replace("_", "")
        if any(face in name for face in _CJK_FACES):
            return path
    return None
