"""Numbers that people wrote by hand: to be read, added up, compared, or searched for a digit.

The digits are real: 1,797 scans of the handwriting of thirteen people. "Optical Recognition of Handwritten
Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, CC BY 4.0; the
copy that scikit-learn carries, put into one picture. One scan in six is held out with the held-out split.
"""

from __future__ import annotations

import functools
from pathlib import Path
from random import Random

from PIL import Image

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import NAMED_COLORS, Color
from r1v.figures.item import Draft, Family, Request, Split
from r1v.figures.working import plus

_WHERE = "[In the picture|In this image|On the sheet|Here|Written by hand|In the handwriting]"
_TAIL = "[| Answer with a number.| Read it digit by digit.]"

KINDS = {
    "read": (
        f"{_WHERE}: [which number is it?|what number is written?|read the number.|which number do you see?"
        f"|what is the number?|give the number that is written.]{_TAIL}"
    ),
    "sum": (
        f"{_WHERE}: [what is the sum of the numbers?|what do you get if you add the numbers?"
        f"|add up the numbers.|find the total of the numbers.|how much are the numbers together?]{_TAIL}"
    ),
    "largest": (
        f"{_WHERE}: [what is the largest number?|find the largest number.|which number is the greatest?"
        f"|name the greatest of the numbers.|give the biggest number.]{_TAIL}"
    ),
    "count": (
        f"{_WHERE}: [how many times is {{digit}} written?|how often does {{digit}} occur?"
        f"|how many times do you see {{digit}}?|count how often {{digit}} is written."
        f"|find the number of times that {{digit}} occurs.]{_TAIL}"
    ),
    "read_zh": (
        "[图中|图里|图片中|这张图上|纸上][手写的数字是多少|写的是什么数|手写的数是几|写的数是多少]"
        "[？|？请逐位读出。|？请回答数字。]"
    ),
}
# of each digit, in a row of the picture each
SCANS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
SIDE = 8  # pixels of a scan
HELDOUT_SCANS = 6  # one scan in this many is held out
INKS: tuple[Color, ...] = (
    (20, 20, 20),
    (30, 50, 140),
    *(NAMED_COLORS[c] for c in ("black", "blue", "green")),
)


@functools.cache
def _all_scans() -> Image.Image:
    """Every scan; a row for each digit. 8 bits of grey: how much of a pixel is ink."""
    with Image.open(Path(__file__).parents[1] / "data" / "handwritten_digits.png") as image:
        return image.convert("L")


def scan(digit: int, split: Split, rng: Random) -> Image.Image:
    """One of the split's scans of a digit, 8 x 8."""
    indices = [i for i in range(SCANS[digit]) if (i % HELDOUT_SCANS == 0) == (split == "heldout")]
    x, y = rng.choice(indices) * SIDE, digit * SIDE
    return _all_scans().crop((x, y, x + SIDE, y + SIDE))


def _numbers(rng: Random, kind: str, level: int) -> list[str]:
    """The numbers to write below one another; to be counted in, rows of digits."""
    if kind == "count":
        rows, digits = ((1, 5), (2, 5), (3, 6))[level]
        return ["".join(rng.choices("0123456789", k=digits)) for _ in range(rows)]
    if kind == "read":
        digits = rng.randint(*((2, 3), (3, 5), (5, 7))[level])
        return [str(rng.randrange(10 ** (digits - 1), 10**digits))]
    if kind == "sum":
        low, high = ((1, 20), (10, 99), (30, 499))[level]
        return [str(rng.randint(low, high)) for _ in range(2 if level != 1 else 3)]
    low, high = ((10, 99), (100, 999), (1000, 9999))[level]
    return [str(number) for number in rng.sample(range(low, high + 1), rng.randint(2, 3) + level // 2)]


def _write(request: Request, numbers: list[str]) -> Image.Image:
    """The numbers below one another, each digit another scan."""
    style, rng = request.style, request.rng
    sheet = Sheet(style, soft=0.0)
    sheet.clutter()
    longest = max(map(len, numbers))
    pitch_x = min(style.uniform(56, 44, 72), sheet.width * 0.94 / longest)
    pitch_y = min(style.uniform(80, 64, 110), sheet.height * 0.94 / len(numbers))
    size = round(min(pitch_x * style.uniform(1.05, 0.95, 1.15), pitch_y * 0.9))
    left_over, above = sheet.width - longest * pitch_x, sheet.height - len(numbers) * pitch_y
    x0, y0 = style.uniform(0.5, 0.05, 0.95) * left_over, style.uniform(0.5, 0.05, 0.95) * above
    ink = style.choice(INKS)
    ink_from, steep = style.uniform(70, 50, 90), style.uniform(2.2, 1.4, 3.5)
    to_right = style.flag(0.5)
    for row, number in enumerate(numbers):
        for column, digit in enumerate(number):
            mask = scan(int(digit), request.split, rng).resize((size, size), Image.Resampling.BICUBIC)
            mask = mask.rotate(style.uniform(0, -6, 6), Image.Resampling.BICUBIC)
            mask = mask.point([min(255, max(0, round((value - ink_from) * steep))) for value in range(256)])
            place = column + (longest - len(number) if to_right else 0) + 0.5
            x = x0 + place * pitch_x + style.uniform(0, -2, 2) - size / 2
            y = y0 + (row + 0.5) * pitch_y + style.uniform(0, -4, 4) - size / 2
            sheet.image.paste(ink, (round(x), round(y)), mask)
    return sheet.finish()


def _read(number: str, chinese: bool) -> tuple[list[str], dict[str, str], str]:
    """Lines, facts, answer: digit by digit."""
    facts = {"数字" if chinese else "digits": " ".join(number)}
    return [f"这个数是{number}。" if chinese else f"The number is {number}."], facts, number


def _combine(numbers: list[str], kind: str) -> tuple[list[str], dict[str, str], str]:
    """Lines, facts, answer: every number read, then the sum or the largest so far."""
    facts = {f"row {i}": number for i, number in enumerate(numbers, 1)}
    lines, so_far = [], int(numbers[0])
    for number in map(int, numbers[1:]):
        if kind == "sum":
            lines.append(plus(so_far, number))
            so_far += number
        else:
            lines.append(f"{so_far} or {number}: {max(so_far, number)}")
            so_far = max(so_far, number)
    return [*lines, f"The {kind} is {so_far}."], facts, str(so_far)


def _count(numbers: list[str], digit: str) -> tuple[list[str], dict[str, str], str]:
    """Lines, facts, answer: every digit read, with the running count behind one that counts."""
    facts, seen = {}, 0
    for i, number in enumerate(numbers, 1):
        parts = []
        for each in number:
            seen += each == digit
            parts.append(f"{each} ({seen})" if each == digit else each)
        facts[f"row {i}"] = ", ".join(parts)
    return [f"{digit} is written {seen} times."], facts, str(seen)


def draw(request: Request) -> Draft:
    """One sheet of handwriting."""
    rng, kind = request.rng, request.kind.removesuffix("_zh")
    numbers = _numbers(rng, kind, request.level)
    digit = rng.choice("".join(numbers)) if rng.random() < 0.9 else rng.choice("0123456789")
    if kind == "read":
        lines, facts, answer = _read(numbers[0], request.kind.endswith("_zh"))
    elif kind == "count":
        lines, facts, answer = _count(numbers, digit)
    else:
        lines, facts, answer = _combine(numbers, kind)
    solution = "\n".join([*(f"{name}: {value}" for name, value in facts.items()), *lines])
    image = _write(request, numbers)
    return Draft(request.wording(digit=digit), answer, "number", solution, facts, (image,))


FAMILY = Family("handwriting", "handwritten numbers: read, add up, compare, count a digit", KINDS, draw)
