"""Pictures degraded as in everyday use: pages around them, other scales, JPEG, dark themes, photographed
screens.

Enters: a picture and random numbers. Leaves: a picture of the same content that can still be read. Always
holds: nothing that a question may ask about is cut off, and colours keep their names where a family asks for
them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from r1v.figures.abroad import words
from r1v.figures.drawing.style import Color, load_font

# families whose colours are named, in questions or solutions: a dark theme would turn black to white
COLOURED = ("counting", "spatial", "compare", "odd_one", "pie_chart", "line_chart", "town_map")
# families with bars or lines of their own: whether bars are drawn beside them
LIKE = {"bar_chart": False, "line_chart": True, "function_plot": True, "kinematics": True}
LARGEST = 900  # pixels of the longer side of what is spoilt further
PAPERS: tuple[Color, ...] = (
    (255, 255, 255),
    (255, 255, 255),
    (248, 248, 248),
    (250, 246, 235),
    (235, 235, 240),
)
FACES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf", "DejaVuSansMono.ttf")
Spoiler = Callable[[Image.Image, Random], Image.Image]


def _sentence(rng: Random, count: int) -> str:
    """Words that say nothing about the picture."""
    return " ".join(words.invented(rng) for _ in range(count)).capitalize() + "."


def margins(image: Image.Image, rng: Random) -> Image.Image:
    """Empty paper around, as much as the picture again at most."""
    reach = [int(rng.random() ** 2 * side * 0.6) for side in (image.width, image.height) for _ in range(2)]
    paper = image.getpixel((1, 1)) if rng.random() < 0.5 else rng.choice(PAPERS)
    page = Image.new("RGB", (image.width + reach[0] + reach[1], image.height + reach[2] + reach[3]), paper)
    page.paste(image, (reach[0], reach[2]))
    return page


def caption(image: Image.Image, rng: Random) -> Image.Image:
    """A line above or below, as documents have it."""
    size = max(12, int(image.width * rng.uniform(0.022, 0.04)))
    font = load_font(rng.choice(FACES), size)
    text = rng.choice((f"Figure {rng.randint(1, 9)}: ", f"Fig. {rng.randint(1, 30)}. ", ""))
    text += _sentence(rng, rng.randint(2, 5))
    page = Image.new("RGB", (image.width, image.height + size * 2), rng.choice(PAPERS))
    above = rng.random() < 0.4
    page.paste(image, (0, size * 2 if above else 0))
    y = size if above else image.height + size
    ImageDraw.Draw(page).text((page.width / 2, y), text, font=font, fill=(60, 60, 60), anchor="mm")
    return page


def page(image: Image.Image, rng: Random) -> Image.Image:
    """Lines of text above and below, and at times a column beside."""
    size = rng.choice((11, 13, 15))
    font, ink = load_font(rng.choice(FACES), size), rng.choice(((0, 0, 0), (50, 50, 50), (110, 110, 110)))
    above, below = rng.randint(0, 4), rng.randint(0, 4)
    left, beside = rng.randint(10, 60), rng.choice((0, 0, 0, 160))
    pitch = int(size * 1.5)
    wide = image.width + 2 * left + beside
    sheet = Image.new("RGB", (wide, image.height + (above + below + 2) * pitch), rng.choice(PAPERS))
    draw, top = ImageDraw.Draw(sheet), (above + 1) * pitch
    sheet.paste(image, (left, top))
    rows = [pitch * i + pitch // 2 for i in range(above)]
    rows += [top + image.height + pitch * i + pitch // 2 for i in range(below)]
    for y in rows:
        text = _sentence(rng, 14)
        while font.getlength(text) > wide - 2 * left:
            text = text[: int(len(text) * 0.9)]
        draw.text((left, y), text, font=font, fill=ink, anchor="la")
    for i in range(image.height // pitch if beside else 0):
        draw.text((left + image.width + 10, top + i * pitch), _sentence(rng, 2)[: beside // size], font=font,
                  fill=ink, anchor="la")  # fmt: skip
    return sheet


def second(image: Image.Image, rng: Random, bars: bool | None = None) -> Image.Image:
    """Another figure without names or numbers beside or below: grey bars, or a grey line (None: either)."""
    across = image.width < 1.3 * image.height
    size = (int(image.width * 0.6), image.height) if across else (image.width, int(image.height * 0.5))
    place = (image.width, 0) if across else (0, image.height)
    sheet = Image.new("RGB", (image.width + size[0] * across, image.height + size[1] * (not across)), "white")
    sheet.paste(image, (0, 0))
    draw, count = ImageDraw.Draw(sheet), rng.randint(3, 7)
    left, top = place[0] + size[0] * 0.12, place[1] + size[1] * 0.12
    wide, high = size[0] * 0.76, size[1] * 0.76
    heights = [rng.uniform(0.1, 1.0) for _ in range(count)]
    grey = (rng.randint(120, 190),) * 3
    xs = [left + wide * (i + 0.5) / count for i in range(count)]
    draw.line([(left, top), (left, top + high), (left + wide, top + high)], fill=(90, 90, 90), width=2)
    if rng.random() < 0.5 if bars is None else bars:
        for x, h in zip(xs, heights, strict=True):
            draw.rectangle(
                (x - wide / count * 0.3, top + high * (1 - h), x + wide / count * 0.3, top + high), fill=grey
            )
    else:
        draw.line([(x, top + high * (1 - h)) for x, h in zip(xs, heights, strict=True)], fill=grey, width=3)
    return sheet


def scaled(image: Image.Image, rng: Random) -> Image.Image:
    """A screenshot at another scale, its sides changed alike or a little apart."""
    factor = rng.uniform(0.6, 1.5)
    factor = max(factor, 260 / max(image.size))
    sides = [max(24, round(side * factor * rng.uniform(0.93, 1.07))) for side in image.size]
    ways = (
        Image.Resampling.BILINEAR,
        Image.Resampling.BICUBIC,
        Image.Resampling.NEAREST,
        Image.Resampling.BOX,
    )
    return image.resize((sides[0], sides[1]), rng.choice(ways if factor > 0.9 else ways[:2]))


def jpeg(image: Image.Image, rng: Random) -> Image.Image:
    """Saved as JPEG one to three times."""
    for _ in range(rng.randint(1, 3)):
        data = io.BytesIO()
        image.save(data, "JPEG", quality=rng.randint(25, 85))
        image = Image.open(data).convert("RGB")
    return image


def dark(image: Image.Image, rng: Random) -> Image.Image:
    """Light for dark and dark for light, each hue kept."""
    pixels = np.asarray(image).astype(np.int16)
    turn = 255 - pixels.max(2, keepdims=True) - pixels.min(2, keepdims=True)
    return Image.fromarray((pixels + turn).clip(0, 255).astype(np.uint8))


def screen(image: Image.Image, rng: Random) -> Image.Image:
    """Photographed from a screen: seen askew, a bright spot, fine stripes, some noise."""
    width, height = image.size
    edge = int(0.08 * max(width, height))
    back = Image.new(
        "RGB",
        (width + 2 * edge, height + 2 * edge),
        rng.choice(((25, 25, 28), (70, 60, 50), (120, 120, 118))),
    )
    back.paste(image, (edge, edge))
    reach = edge * 0.8
    corners = [rng.uniform(0, reach) for _ in range(8)]
    w, h = back.size
    quad = (
        corners[0],
        corners[1],
        corners[2],
        h - corners[3],
        w - corners[4],
        h - corners[5],
        w - corners[6],
        corners[7],
    )
    back = back.transform(back.size, Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)
    pixels = np.asarray(back).astype(np.float32)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    at, spread = (rng.uniform(0, w), rng.uniform(0, h)), rng.uniform(0.2, 0.5) * max(w, h)
    glare = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * spread**2)) * rng.uniform(10, 70)
    turn, period = rng.uniform(0, math.pi), rng.uniform(3, 9)
    waves = np.sin((x * math.cos(turn) + y * math.sin(turn)) * 2 * math.pi / period) * rng.uniform(0, 8)
    noise = np.random.default_rng(rng.getrandbits(32)).standard_normal((h, w), np.float32) * rng.uniform(0, 6)
    gain = np.asarray([rng.uniform(0.8, 1.05) for _ in range(3)], np.float32)
    pixels = pixels * gain + (glare + waves + noise)[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


LAYOUT: tuple[Spoiler, ...] = (margins, margins, caption, page, second)
LOOK: tuple[Spoiler, ...] = (scaled, scaled, jpeg, jpeg, dark, screen)


def spoil(image: Image.Image, family: str, rng: Random) -> Image.Image:
    """The picture with something around it, a spoilt look, or both. family: whose colours are kept by
    name.
    """
    image = image.convert("RGB")
    chosen = [rng.choice(LAYOUT)] if rng.random() < 0.6 else []
    if not chosen or rng.random() < 0.6:
        chosen.append(rng.choice([one for one in LOOK if one is not dark or family not in COLOURED]))
    for one in chosen:
        if max(image.size) > LARGEST:
            image = image.copy()
            image.thumbnail((LARGEST, LARGEST))
        if one is second and family in LIKE:  # what is counted in the picture stays what is counted
            image = second(image, rng, bars=LIKE[family])
        else:
            image = one(image, rng)
    return image
