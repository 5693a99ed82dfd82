"""What is written, typeset by matplotlib's mathtext or typed as in an editor; by Chromium for what is
held out.
"""

from __future__ import annotations

import re
from html import escape
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from r1v.figures.abroad import pages
from r1v.figures.abroad.mpl import picture
from r1v.figures.abroad.scene import ToolPicture
from r1v.figures.abroad.sums import Written
from r1v.figures.drawing.style import Color, load_font

TYPED = (
    "DejaVuSansMono.ttf",
    "DejaVuSans.ttf",
    "DejaVuSerif.ttf",
    "STIXGeneral.ttf",
    "cmr10.ttf",
    "cmtt10.ttf",
    "DejaVuSans-Bold.ttf",
    "STIXGeneralItalic.ttf",
)
TIMES, OVER = ("×", "×", "*", "x", "·"), ("÷", "÷", "/", ":")


def signs(text: str, rng: Random, plain_only: bool) -> str:
    """Other people's signs for times and divided by, at times without blanks. plain_only: such as a face of
    few letters has."""
    times = rng.choice(("*", "x") if plain_only else TIMES)
    over = "/" if plain_only else rng.choice(OVER)
    text = text.replace("×", times).replace("÷", over).replace("·", "*" if plain_only else "·")
    if rng.random() < 0.3 and not re.search(r"[a-zA-Z%)]", text):
        text = text.replace(" ", "") if "   " not in text else text
    return text


def typed(matter: Written, rng: Random) -> ToolPicture:
    """Lines in one face on a wide sheet: an editor, a slide, a message."""
    face = rng.choice(TYPED)
    size = rng.choice((16, 20, 24, 28, 36, 48, 64))
    size = min(size, max(14, int(1100 / (0.6 * max(len(text) for text in matter.lines)))))
    font = load_font(face, size)
    state, few = rng.random(), face.startswith("cm")
    lines = [signs(text, Random(state), few) for text in matter.lines]
    if few:
        lines = [text.replace("²", "^2") for text in lines]
    dark = rng.random() < 0.2
    paper: Color = (
        rng.choice(((30, 30, 30), (0, 0, 0), (40, 44, 52)))
        if dark
        else rng.choice(((255, 255, 255), (255, 255, 255), (250, 250, 245), (255, 255, 224)))
    )
    ink: Color = (230, 230, 230) if dark else rng.choice(((0, 0, 0), (0, 0, 0), (40, 40, 40), (0, 0, 160)))
    pitch = size * rng.uniform(1.25, 1.9)
    wide, high = max(font.getlength(text) for text in lines), pitch * len(lines)
    left, top = rng.choice((6, 12, 30, 80)), rng.choice((4, 10, 24, 60))
    width = int(max(wide + 2 * left, wide + left + rng.choice((10, 60, 200, 400))))
    height = int(high + 2 * top + rng.choice((0, 0, 40, 150)))
    image = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(image)
    middle = rng.random() < 0.4
    for i, text in enumerate(lines):
        y = top + pitch * (i + 0.5)
        at, anchor = ((width / 2, y), "mm") if middle else ((left, y), "lm")
        draw.text(at, text, font=font, fill=ink, anchor=anchor)
    return ToolPicture(image)


def latex(text: str, rng: Random) -> str:
    """A line as mathtext sets it: fractions, powers, dots."""
    text = re.sub(r"(\S+) / (\S+)", r"\\frac{\1}{\2}", text)
    over = rng.choice((r"\\div", "/", r"\\div"))
    text = re.sub(r"(\d+|\?|\([^()]*\)) ÷ (\d+|\?)", rf"\1 {over} \2", text).replace("÷", r"\div")
    text = text.replace("×", rng.choice((r"\times", r"\times", r"\cdot"))).replace("·", r"\cdot")
    text = (
        text.replace("²", "^2")
        .replace("%", r"\%")
        .replace(" of ", r"\ \mathrm{of}\ ")
        .replace("   ", r"\quad ")
    )
    return f"${text}$"


def mathtext(matter: Written, rng: Random) -> ToolPicture:
    """Figure texts in mathtext's faces."""

    def paint(figure: Any, axes: Any) -> None:
        axes.axis("off")
        size = rng.choice((16, 20, 24, 30, 36))
        count = len(matter.lines)
        for i, text in enumerate(matter.lines):
            axes.text(
                0.5,
                1 - (i + 0.5) / count,
                latex(text, Random(7)),
                fontsize=size,
                ha="center",
                va="center",
                transform=axes.transAxes,
            )

    face = rng.choice(("dejavusans", "cm", "cm", "stix", "dejavuserif"))
    count = len(matter.lines)
    longest = max(len(text) for text in matter.lines)
    wide = max(4.0, longest * 0.32)
    sizes = ((wide, 0.9 * count + 0.4), (wide + 2, 0.8 * count + 0.4), (wide, 1.4 * count + 1.0))
    return ToolPicture(
        picture(rng, paint, sheets=0.15, sizes=sizes, tight=0.0, letters=False, rc={"mathtext.fontset": face})
    )


def mathml(text: str) -> str:
    """A line as Chromium sets mathematics."""
    text = escape(text)
    fraction = re.search(r"(\S+) / (\S+)", text)
    if fraction:
        before, after = text[: fraction.start()], text[fraction.end() :]
        middle = f"<mfrac><mi>{fraction.group(1)}</mi><mi>{fraction.group(2)}</mi></mfrac>"
        return _row(before) + middle + _row(after)
    return _row(text)


def _row(text: str) -> str:
    found = []
    for token in re.findall(r"\d+|[a-zA-Z]²?|[^\s\w]|of", text):
        if token.isdigit():
            found.append(f"<mn>{token}</mn>")
        elif token.endswith("²") and len(token) > 1:
            found.append(f"<msup><mi>{token[0]}</mi><mn>2</mn></msup>")
        elif token.isalpha():
            found.append(f"<mi>{token}</mi>")
        else:
            found.append(f"<mo>{token}</mo>")
    return "".join(found)


def chromium(matter: Written, rng: Random) -> ToolPicture:
    """A page with the lines as text or as mathematics."""
    size, font = rng.choice((18, 24, 32, 40)), rng.choice(pages.FONTS)
    style = f"body{{font-family:{font};font-size:{size}px}}" + rng.choice(
        ("", "", "body{background:#222;color:#eee}")
    )
    spoken = any("of" in text or ")" in text[:2] or "   " in text for text in matter.lines)
    if rng.random() < 0.5 and not spoken:
        body = "".join(
            f"<p><math display='inline'><mrow>{mathml(text)}</mrow></math></p>" for text in matter.lines
        )
    else:
        body = "".join(f"<p style='white-space:pre'>{escape(text)}</p>" for text in matter.lines)
    return ToolPicture(pages.render(pages.page(style, body)))
