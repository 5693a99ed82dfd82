"""Pictures of no family: photographs that packages ship, noise, textures, scenes, pages, other diagrams.

Enters: a seed and a split. Leaves: a picture. Always holds: no picture comes from the network; some kinds,
and some photographs, occur in held-out items alone.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from r1v.figures.drawing.style import FONTS, load_font
from r1v.figures.item import Split
from r1v.figures.open_names import made_up, person, things

SIDE = 448
Paint = tuple[int, int, int]
# package -> folder in it, photographs of training, and those held out
PHOTOS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "skimage", "data",
        (
            "brick.png", "camera.png", "cell.png", "color.png", "grass.png", "gravel.png", "horse.png",
            "hubble_deep_field.jpg", "ihc.png", "logo.png", "moon.png", "page.png", "phantom.png",
            "retina.jpg", "text.png", "microaneurysms.png",
        ),
        ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png"),
    ),
    (
        "sklearn", "datasets/images", ("china.jpg", "flower.jpg"), (),
    ),
)  # fmt: skip


@functools.cache
def _photographs(split: Split) -> tuple[Image.Image, ...]:
    """The installed ones of PHOTOS, at most 640 pixels wide; packages are found without importing them."""
    found = []
    for package, folder, seen, held in PHOTOS:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        for name in held if split == "heldout" else seen:
            path = Path(spec.origin).parent / folder / name
            if path.is_file():
                with Image.open(path) as image:
                    small = image.convert("RGB")
                    small.thumbnail((640, 640))
                    found.append(small)
    return tuple(found)


def _photo(rng: Random, split: Split) -> Image.Image:
    """A photograph or a part of one, mirrored at times; a scene where none is installed."""
    every = _photographs(split)
    if not every:
        return _scene(rng)
    image = rng.choice(every)
    share = rng.uniform(0.45, 1.0)
    width, height = int(image.width * share), int(image.height * share)
    x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    image = image.crop((x, y, x + width, y + height))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image


def _numbers(rng: Random) -> np.random.Generator:
    return np.random.default_rng(rng.getrandbits(32))


def _image(values: np.ndarray) -> Image.Image:
    """From numbers in [0, 1], (H, W) or (H, W, 3)."""
    pixels = (values.clip(0, 1) * 255).astype(np.uint8)
    return Image.fromarray(pixels).convert("RGB")


def _color(rng: Random, low: int = 0, high: int = 255) -> Paint:
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)


def _noise(rng: Random) -> Image.Image:
    """White noise, or clouds of several sizes."""
    numbers, size = _numbers(rng), rng.choice((3, 6, 14, 40, 150, SIDE))
    channels = rng.choice((1, 3))
    small = _image(numbers.random((size, size, channels)).repeat(3 // channels, 2))
    return small.resize((SIDE, SIDE), rng.choice((Image.Resampling.BICUBIC, Image.Resampling.NEAREST)))


def _waves(rng: Random) -> Image.Image:
    """Gradients, stripes, rings and checks of waves."""
    y, x = np.mgrid[0:200, 0:200] / 200
    angle, pitch = rng.uniform(0, 6.3), rng.choice((0.4, 1, 3, 8, 20))
    line = np.sin(2 * np.pi * pitch * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6))
    ring = np.sin(2 * np.pi * pitch * np.hypot(x - rng.random(), y - rng.random()))
    mix = rng.choice((line, ring, line * ring, np.sign(line), line + ring)) * 0.4 + 0.5
    a, b = (np.array(_color(rng)) / 255 for _ in range(2))
    return _image(mix[..., None] * a + (1 - mix[..., None]) * b).resize((SIDE, SIDE))


def _fractal(rng: Random) -> Image.Image:
    """A part of a Julia set."""
    side = 150
    width = rng.uniform(0.6, 1.6)
    y, x = np.mgrid[-width : width : side * 1j, -width : width : side * 1j]
    z, count = x + 1j * y, np.zeros((side, side))
    c = complex(rng.uniform(-0.8, 0.4), rng.uniform(-0.7, 0.7))
    for _ in range(24):
        inside = np.abs(z) < 2
        z[inside] = z[inside] ** 2 + c
        count += inside
    tint = np.array(_color(rng, 60)) / 255
    return _image((count / 24)[..., None] ** rng.uniform(0.5, 1.5) * tint).resize((SIDE, SIDE))


def _scene(rng: Random) -> Image.Image:
    """Balls on a plain under one light, cast by rays."""
    side = 160
    y, x = np.mgrid[1 : -1 : side * 1j, -1 : 1 : side * 1j]
    ray = np.stack([x, y, np.full_like(x, 1.6)], -1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    sky, ground = (np.array(_color(rng, 80)) / 255 for _ in range(2))
    shade = np.where(ray[..., 1:2] > 0, sky * (0.5 + 0.5 * ray[..., 1:2]), ground)
    checks = (
        np.floor(ray[..., 0] / -ray[..., 1].clip(None, -0.02) * 2)
        + np.floor(1 / -ray[..., 1].clip(None, -0.02))
    ) % 2
    shade = np.where(
        (ray[..., 1:2] <= 0) & (checks[..., None] > 0) & (rng.random() < 0.6), shade * 0.6, shade
    )
    light = np.array([rng.uniform(-1, 1), 1.0, -0.6])
    light /= np.linalg.norm(light)
    for depth in sorted((rng.uniform(2.5, 7) for _ in range(rng.randint(1, 5))), reverse=True):
        center, radius = (
            np.array([rng.uniform(-1.5, 1.5), rng.uniform(-0.8, 0.8), depth]),
            rng.uniform(0.3, 0.9),
        )
        along = ray @ center
        off = along**2 - center @ center + radius**2
        hit = off > 0
        point = ray * (along - np.sqrt(off.clip(0)))[..., None]
        bright = (((point - center) / radius) @ light).clip(0)[..., None]
        shade = np.where(
            hit[..., None], np.array(_color(rng, 40)) / 255 * (0.25 + 0.75 * bright) + bright**30 * 0.5, shade
        )
    return _image(shade).resize((SIDE, SIDE))


def _words(rng: Random, count: int) -> str:
    small = ("the", "of", "and", "to", "is")
    return " ".join(
        rng.choice((made_up(rng).lower(), person(rng), things(rng), *small)) for _ in range(count)
    )


def _page(rng: Random) -> Image.Image:
    """A page of text, with or without a heading and columns."""
    image = Image.new("RGB", (rng.choice((360, SIDE)), SIDE), _color(rng, 225))
    draw, size = ImageDraw.Draw(image), rng.randint(11, 22)
    font, ink, top = load_font(rng.choice(FONTS), size), _color(rng, 0, 80), rng.randint(8, 30)
    if rng.random() < 0.5:
        draw.text((20, top), _words(rng, 3).title(), font=load_font(rng.choice(FONTS), size + 8), fill=ink)
        top += size * 3
    while top < image.height - size:
        if rng.random() < 0.88:
            draw.text((20, top), _words(rng, 40)[: int((image.width - 40) / size * 1.9)], font=font, fill=ink)
        top += int(size * 1.35)
    return image


def _window(rng: Random) -> Image.Image:
    """A program's window: a bar, a menu, buttons, fields."""
    dark = rng.random() < 0.4
    image = Image.new(
        "RGB", (SIDE, rng.choice((300, 380, SIDE))), _color(rng, 20, 60) if dark else _color(rng, 215)
    )
    draw, ink = ImageDraw.Draw(image), (230, 230, 230) if dark else (40, 40, 40)
    font = load_font(rng.choice(FONTS), rng.randint(12, 17))
    draw.rectangle((0, 0, SIDE, 28), fill=_color(rng))
    draw.text((10, 6), _words(rng, 2), font=font, fill=(255, 255, 255))
    for i in range(3):
        draw.ellipse((SIDE - 24 * (i + 1), 8, SIDE - 24 * (i + 1) + 12, 20), fill=_color(rng))
    left = rng.choice((10, 110))
    for y in range(44, image.height - 30, rng.choice((30, 42))):
        if left > 10:
            draw.text((8, y), made_up(rng), font=font, fill=ink)
        kind = rng.random()
        if kind < 0.3:
            draw.rounded_rectangle(
                (left, y, left + rng.randint(60, 130), y + 24), 5, fill=_color(rng, 60, 200)
            )
        elif kind < 0.6:
            draw.rectangle((left, y, SIDE - 20, y + 24), outline=ink)
        draw.text((left + 8, y + 4), _words(rng, rng.randint(1, 4)), font=font, fill=ink)
    return image


_LINES = (
    "def {a}({b}):", "for {a} in {b}:", "{a} = {b}.{c}()", "return {a}", "if {a} > 0:", "print({a})",
    "{a} += 1", "# {a} {b}",
)  # fmt: skip


def _code(rng: Random) -> Image.Image:
    """Lines of a program."""
    paper = rng.choice(((30, 30, 46), (255, 255, 255), (40, 44, 52)))
    image = Image.new("RGB", (SIDE, rng.choice((280, SIDE))), paper)
    draw, font, depth = ImageDraw.Draw(image), load_font("DejaVuSansMono.ttf", rng.randint(11, 16)), 0
    bright = sum(paper) < 300
    for y in range(8, image.height - 12, int(font.size * 1.4)):
        x, line = 10 + depth * 22, rng.choice(_LINES)
        depth = min(4, depth + 1) if line.endswith(":") else max(0, depth - (rng.random() < 0.4))
        text = line.format(a=made_up(rng).lower(), b=made_up(rng).lower(), c=made_up(rng).lower())
        draw.text((x, y), text, font=font, fill=_color(rng, 150, 255) if bright else _color(rng, 0, 120))
    return image


def _flow(rng: Random) -> Image.Image:
    """Boxes, ellipses and rhombs with words, joined by arrows: flow charts and charts of who leads whom."""
    image = Image.new("RGB", (SIDE, SIDE), _color(rng, 230))
    draw, font, ink = (
        ImageDraw.Draw(image),
        load_font(rng.choice(FONTS), rng.randint(13, 18)),
        _color(rng, 0, 90),
    )
    rows = rng.randint(3, 5)
    before: list[tuple[int, int]] = []
    for row in range(rows):
        count = 1 if row == 0 else rng.randint(1, 3)
        here = [(SIDE * (2 * i + 1) // (2 * count), int(SIDE * (row + 0.5) / rows)) for i in range(count)]
        for x, y in here:
            if before:
                ax, ay = rng.choice(before)
                draw.line((ax, ay + 18, x, y - 18), fill=ink, width=2)
                draw.polygon((x, y - 18, x - 5, y - 27, x + 5, y - 27), fill=ink)
        for x, y in here:
            w, fill, shape = 56, _color(rng, 180), rng.randrange(3)
            if shape == 0:
                draw.rectangle((x - w, y - 18, x + w, y + 18), fill=fill, outline=ink, width=2)
            elif shape == 1:
                draw.ellipse((x - w, y - 20, x + w, y + 20), fill=fill, outline=ink, width=2)
            else:
                draw.polygon((x - w, y, x, y - 26, x + w, y, x, y + 26), fill=fill, outline=ink)
            said = rng.choice((person(rng), made_up(rng), "Start", "End", "Yes?", "Check"))
            draw.text((x, y), said, font=font, fill=ink, anchor="mm")
        before = here
    return image


def _strokes(rng: Random) -> Image.Image:
    """Paint thrown about: strokes, blots and polygons."""
    image = Image.new("RGB", (SIDE, SIDE), _color(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(12, 60)):
        points = [
            (rng.randint(-40, SIDE + 40), rng.randint(-40, SIDE + 40)) for _ in range(rng.randint(3, 5))
        ]
        if rng.random() < 0.5:
            draw.line(points, fill=_color(rng), width=rng.randint(2, 30), joint="curve")
        else:
            draw.polygon(points, fill=_color(rng))
    return image


def _bars_of_code(rng: Random) -> Image.Image:
    """A barcode, or a square code of black and white cells."""
    image = Image.new("RGB", (SIDE, rng.choice((240, SIDE))), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.5:
        x = 30
        while x < SIDE - 30:
            w = rng.choice((2, 2, 4, 6))
            draw.rectangle((x, 30, x + w, image.height - 60), fill=(0, 0, 0))
            x += w + rng.choice((2, 4, 6))
        draw.text((60, image.height - 50), "".join(rng.choice("0123456789") for _ in range(13)),
                  font=load_font("DejaVuSansMono.ttf", 24), fill=(0, 0, 0))  # fmt: skip
        return image
    n = rng.choice((21, 25, 29))
    cells = _numbers(rng).integers(0, 2, (n, n))
    for a, b in ((0, 0), (0, n - 7), (n - 7, 0)):
        cells[a : a + 7, b : b + 7] = 1
        cells[a + 1 : a + 6, b + 1 : b + 6] = 0
        cells[a + 2 : a + 5, b + 2 : b + 5] = 1
    return _image(1.0 - cells).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def _face(rng: Random) -> Image.Image:
    """A drawn face, with hair, eyes and a mouth."""
    image = Image.new("RGB", (SIDE, SIDE), _color(rng, 150))
    draw, x, y, r = ImageDraw.Draw(image), rng.randint(180, 270), rng.randint(190, 260), rng.randint(90, 150)
    draw.rectangle((x - r, y + r, x + r, SIDE), fill=_color(rng))
    draw.ellipse((x - r - 10, y - r - 30, x + r + 10, y + r // 2), fill=_color(rng, 0, 140))
    draw.ellipse(
        (x - r, y - r, x + r, y + r), fill=rng.choice(((240, 205, 170), (190, 140, 100), (120, 80, 55)))
    )
    for side in (-1, 1):
        ex = x + side * r // 3
        draw.ellipse((ex - 16, y - 30, ex + 16, y - 6), fill=(255, 255, 255))
        draw.ellipse((ex - 7, y - 26, ex + 7, y - 10), fill=_color(rng, 0, 120))
    draw.arc((x - r // 2, y, x + r // 2, y + r // 2 + 20), 20, 160, fill=(150, 30, 40), width=6)
    return image


def _heat(rng: Random) -> Image.Image:
    """A field of coloured cells without numbers, as of heat."""
    n = rng.randint(5, 24)
    values = _numbers(rng).random((n, n))
    a, b = (np.array(_color(rng)) / 255 for _ in range(2))
    return _image(values[..., None] * a + (1 - values[..., None]) * b).resize(
        (SIDE, SIDE), Image.Resampling.NEAREST
    )


def _coast(rng: Random) -> Image.Image:
    """Land and sea, as on a map of the world, with names."""
    small = _image(_numbers(rng).random((7, 7))).convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    field = np.asarray(small, float)
    land, sea = np.array(_color(rng, 130)), np.array((120, 170, 220))
    image = Image.fromarray(np.where(field[..., None] > 130, land, sea).astype(np.uint8))
    draw, font = ImageDraw.Draw(image), load_font(rng.choice(FONTS), 15)
    for _ in range(rng.randint(2, 8)):
        at = rng.randint(20, SIDE - 80), rng.randint(20, SIDE - 30)
        draw.ellipse((at[0] - 3, at[1] - 3, at[0] + 3, at[1] + 3), fill=(160, 20, 20))
        draw.text((at[0] + 6, at[1] - 8), made_up(rng), font=font, fill=(20, 20, 20))
    return image


def _cross(rng: Random) -> Image.Image:
    """A crossword or another puzzle of cells."""
    image = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    draw, n, dark = ImageDraw.Draw(image), rng.randint(6, 13), _color(rng, 0, 90)
    cell, font = SIDE / n, load_font(rng.choice(FONTS), 16)
    for i in range(n):
        for j in range(n):
            box = (i * cell, j * cell, (i + 1) * cell, (j + 1) * cell)
            filled = rng.random() < 0.25
            draw.rectangle(box, outline=dark, fill=dark if filled else None)
            if not filled and rng.random() < 0.3:
                middle = box[0] + cell / 2, box[1] + cell / 2
                draw.text(middle, rng.choice("ABCDEFGHIKLMNOPRSTUVW"), font=font, fill=dark, anchor="mm")
    return image


def _plain(rng: Random) -> Image.Image:
    """One colour, or an empty frame."""
    image = Image.new("RGB", (SIDE, SIDE), _color(rng))
    if rng.random() < 0.5:
        ImageDraw.Draw(image).rectangle((30, 30, SIDE - 30, SIDE - 30), outline=_color(rng), width=3)
    return image


# held-out kinds


def _chess(rng: Random) -> Image.Image:
    """A board with pieces on it."""
    image = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    draw, font = ImageDraw.Draw(image), load_font("DejaVuSans.ttf", 44)
    dark, light, cell = _color(rng, 60, 140), _color(rng, 200), SIDE / 8
    for i in range(8):
        for j in range(8):
            box = (i * cell, j * cell, (i + 1) * cell, (j + 1) * cell)
            draw.rectangle(box, fill=dark if (i + j) % 2 else light)
            if rng.random() < 0.3:
                middle = box[0] + cell / 2, box[1] + cell / 2
                draw.text(middle, rng.choice("♔♕♖♗♘♙♚♛♜♝♞♟"), font=font, fill=(10, 10, 10), anchor="mm")
    return image


def _music(rng: Random) -> Image.Image:
    """Staves with notes."""
    image = Image.new("RGB", (SIDE, rng.choice((200, 320, SIDE))), (255, 255, 250))
    draw = ImageDraw.Draw(image)
    for top in range(30, image.height - 60, 95):
        for i in range(5):
            draw.line((20, top + 11 * i, SIDE - 20, top + 11 * i), fill=(20, 20, 20))
        for x in range(60, SIDE - 40, rng.choice((28, 36, 50))):
            y = top + rng.randint(-1, 9) * 5.5
            draw.ellipse((x - 7, y - 5, x + 7, y + 5), fill=(0, 0, 0))
            draw.line((x + 6, y, x + 6, y - 34), fill=(0, 0, 0), width=2)
    return image


def _landscape(rng: Random) -> Image.Image:
    """A drawn house, a tree, the sun."""
    image = Image.new("RGB", (SIDE, 340), (150, 200, 245))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 220, SIDE, 340), fill=(90, 170, 80))
    x = rng.randint(40, 220)
    draw.rectangle((x, 150, x + 130, 250), fill=_color(rng, 120))
    draw.polygon((x - 15, 150, x + 65, 80, x + 145, 150), fill=(170, 60, 40))
    draw.rectangle((x + 50, 195, x + 80, 250), fill=(100, 60, 30))
    at = rng.randint(250, 400)
    draw.rectangle((at, 170, at + 16, 250), fill=(110, 70, 30))
    draw.ellipse((at - 40, 90, at + 56, 185), fill=(40, 130, 50))
    sun = rng.randint(20, 380)
    draw.ellipse((sun, 15, sun + 50, 65), fill=(255, 220, 60))
    return image


Maker = Callable[[Random], Image.Image]
# of training with weights, and held out; photographs are drawn apart
SEEN: tuple[tuple[Maker, int], ...] = (
    (_noise, 2), (_waves, 2), (_fractal, 2), (_scene, 4), (_page, 3), (_window, 3), (_code, 2), (_flow, 3),
    (_strokes, 3), (_bars_of_code, 1), (_face, 2), (_heat, 1), (_coast, 2), (_cross, 2), (_plain, 1),
)  # fmt: skip
HELD: tuple[Maker, ...] = (_chess, _music, _landscape)  # fmt: skip


def strange(rng: Random, split: Split) -> tuple[Image.Image, str]:
    """A picture of no family, and its kind."""
    if rng.random() < 0.35:
        return _photo(rng, split), "photo"
    make = (
        rng.choice(HELD) if split == "heldout" else rng.choices([m for m, _ in SEEN], [w for _, w in SEEN])[0]
    )
    image = make(rng)
    if rng.random() < 0.3:
        width, height = image.size
        x, y = rng.randint(0, width // 4), rng.randint(0, height // 4)
        image = image.crop((x, y, x + width * 3 // 4, y + height * 3 // 4))
    return image, make.__name__.lstrip("_")
