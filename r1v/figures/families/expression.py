"""Arithmetic drawn as text: expressions to evaluate, a missing number, columns to add up.

The plain look has one place, one face and one size; place, size, face, colour and clutter widen with
variation.
"""

from __future__ import annotations

from random import Random

from PIL import Image

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import NAMED_COLORS, Style, load_font
from r1v.figures.item import Draft, Family, Request
from r1v.figures.working import Token, chinese, line, operate, plus, solve, written

_WHERE = "[In the picture|In this image|In the figure|Here|On the sheet|Look at the picture]"
_TAIL = "[| Work it out step by step.| Read it first.]"

KINDS = {
    "evaluate": (
        f"{_WHERE}: [what is the value of the expression?|what is the result of the calculation?|evaluate "
        "the "
        f"expression.|calculate the expression.|work out the calculation.]{_TAIL}"
    ),
    "missing": (
        f"{_WHERE}: [which number belongs in place of the question mark?|what number does the question "
        "mark stand "
        "for?|find the number hidden by the question mark.|which number is missing?|find the missing number.]"
        f"{_TAIL}"
    ),
    "column": (
        f"{_WHERE}: [add up the numbers.|what is the sum of the numbers?|find the total of the numbers."
        "|find the "
        f"sum of all the numbers.|what do you get if you add all the numbers?]{_TAIL}"
    ),
    "largest": (
        f"{_WHERE}: [what is the largest number?|find the largest number.|which number is the greatest?"
        "|name the "
        f"greatest of the numbers.|give the biggest number.]{_TAIL}"
    ),
    "evaluate_zh": (
        "[请计算|算一算|求出|请求出|计算][图中的算式|图里的式子|图片中的算式|图上的式子][。|的值。|的结果。"
        "|，逐步计算。]"
    ),
}

TEXT_COLORS = ("blue", "red", "green", "purple", "black", "brown")
DISTRACTOR_COLORS = ((90, 140, 220), (230, 150, 60), (120, 190, 120))
SIGNS = ("+", "-", "×", "÷")


def _pair(rng: Random, sign: str, level: int) -> tuple[int, int]:
    """Two numbers for one operation; the result is whole and not negative."""
    if sign in "+-":
        high = (20, 99, 400)[level]
        a, b = rng.randint(1, high), rng.randint(1, high)
        return (max(a, b), min(a, b)) if sign == "-" else (a, b)
    a, b = rng.randint(2, (9, 12, 60)[level]), rng.randint(2, 9)
    return (a * b, b) if sign == "÷" else (a, b)


def make_expression(rng: Random, level: int, operations: int | None = None, limit: int = 1500) -> list[Token]:
    """An expression whose steps are all whole, not negative and at most ``limit``.

    Without ``operations``: easy has one; medium one with larger numbers, or two; hard two or three, with
    brackets.
    """
    if operations is None:
        operations = 1 if level == 0 or (level == 1 and rng.random() < 0.4) else rng.randint(2, level + 1)
    if operations == 1:
        sign = rng.choice(SIGNS)
        a, b = _pair(rng, sign, level)
        return [a, sign, b]
    while True:
        signs = [rng.choice(SIGNS[:3] if level < 2 else SIGNS) for _ in range(operations)]
        tokens: list[Token] = [_operand(rng, level, signs[0], "+")]
        for i, sign in enumerate(signs):
            following = signs[i + 1] if i + 1 < operations else "+"
            tokens += [sign, _operand(rng, level, sign, following)]
        if level == 2 and rng.random() < 0.5:
            start = rng.randrange(0, len(tokens) - 2, 2)
            if tokens[start + 1] in ("+", "-"):
                tokens[start : start + 3] = ["(", *tokens[start : start + 3], ")"]
        try:
            steps, _ = solve(tokens)
        except ValueError:
            continue
        if all(operate(*step) <= limit for step in steps):
            return tokens


def _operand(rng: Random, level: int, before: str, after: str) -> int:
    """A number that stands between two signs: small beside × and ÷."""
    if {before, after} & {"×", "÷"}:
        return rng.randint(2, (5, 9, 12)[level])
    return rng.randint(1, (12, 50, 99)[level])


def _size(style: Style, lines: list[str], width: int, height: int) -> int:
    """A text size in pixels at which all lines fit into the picture; plain: 36, or what fits."""
    size = style.integer(36, 24, 56)
    widest = max(load_font(style.font_name, 40).getlength(text) for text in lines) / 40
    return min(size, int(width * 0.94 / widest), int(height * 0.94 / (len(lines) * 1.25)))


def render(style: Style, lines: list[str], gap: float) -> Image.Image:
    """Lines of text below one another; the block is at a place of the style's choice, beside mere decoration.

    gap: the distance of lines, in text sizes.
    """
    sheet = Sheet(style, soft=0.0)  # text has soft edges already
    sheet.clutter()
    size = _size(style, lines, sheet.width, sheet.height)
    font = load_font(style.font_name, size)
    pitch = size * gap
    half_w = max(font.getlength(text) for text in lines) / 2 + 4
    half_h = min((len(lines) * pitch) / 2 + 2, sheet.height / 2)
    x = style.uniform(sheet.width / 2, half_w, max(half_w, sheet.width - half_w))
    y = style.uniform(sheet.height / 2, half_h, max(half_h, sheet.height - half_h))
    color = style.choice((style.ink, *(NAMED_COLORS[c] for c in TEXT_COLORS)))
    if style.flag(0.15):  # a box round the text
        s = sheet.scale
        box = [(x - half_w - 4) * s, (y - half_h - 4) * s, (x + half_w + 4) * s, (y + half_h + 4) * s]
        fill = style.tint((245, 245, 220), 10)
        sheet.draw.rectangle(box, fill=fill, outline=style.ink, width=s * style.integer(1, 1, 3))
    align = style.choice(("mm", "lm", "rm")) if len(lines) > 1 else "mm"
    at = {"mm": x, "lm": x - half_w + 4, "rm": x + half_w - 4}[align]
    for i, text in enumerate(lines):
        sheet.text((at, y + (i - (len(lines) - 1) / 2) * pitch), text, size, color, align)
    _distract(sheet, (x - half_w, y - half_h, x + half_w, y + half_h))
    return sheet.finish()


def _distract(sheet: Sheet, keep_clear: tuple[float, float, float, float]) -> None:
    """Coloured shapes beside the text; none when plain."""
    style = sheet.style
    for _ in range(3):
        radius = style.rng.uniform(10, 34)
        x = style.rng.uniform(radius, sheet.width - radius)
        y = style.rng.uniform(radius, sheet.height - radius)
        left, top, right, bottom = keep_clear
        clear = (
            x + radius < left - 8 or x - radius > right + 8 or y + radius < top - 8 or y - radius > bottom + 8
        )
        if clear and style.flag(0.3):
            shape = style.choice(("circle", "square", "star"))
            sheet.shape(shape, x, y, radius, style.choice(DISTRACTOR_COLORS))


def _evaluate(rng: Random, level: int, in_chinese: bool) -> tuple[list[str], str, str, dict[str, str]]:
    tokens = make_expression(rng, level)
    shown = written(tokens)
    steps, value = solve(tokens)
    name = "算式" if in_chinese else "expression"
    lines = [f"{name}: {shown}", *(line(*step) for step in steps)]
    if in_chinese:
        lines = [*map(chinese, lines), f"结果是{value}。"]
    else:
        lines.append(f"The value is {value}.")
    end = rng.choice(("", " =", " = ?"))
    return [shown + end], str(value), "\n".join(lines), {name: shown}


def _missing(rng: Random, level: int) -> tuple[list[str], str, str, dict[str, str]]:
    sign = rng.choice(SIGNS)
    a, b = _pair(rng, sign, level)
    result = operate(a, sign, b)
    first = rng.random() < 0.5
    shown = f"? {sign} {b} = {result}" if first else f"{a} {sign} ? = {result}"
    if sign == "+":
        work = line(result, "-", b if first else a)
    elif sign == "×":
        work = line(result, "÷", b if first else a)
    elif first:
        work = line(result, "+" if sign == "-" else "×", b)
    else:
        work = line(a, sign, result)
    answer = a if first else b
    text = f"equation: {shown}\n{work}\nThe missing number is {answer}."
    return [shown], str(answer), text, {"equation": shown}


def _numbers(rng: Random, level: int, kind: str) -> tuple[list[str], str, str, dict[str, str]]:
    count = rng.randint(2, 3) + level if kind == "column" else rng.randint(3, 4) + level
    high = (20, 60, 200)[level] if kind == "column" else (99, 999, 999)[level]
    numbers = [rng.randint(1 if level == 0 else 10, high) for _ in range(count)]
    if kind == "largest" and len(set(numbers)) < count:
        numbers = rng.sample(range(10, high + 1), count)
    shown = ", ".join(map(str, numbers))
    lines = [f"numbers: {shown}"]
    best = numbers[0]
    for number in numbers[1:]:
        if kind == "column":
            lines.append(
                plus(best, number) if level < 2 or count < 4 else f"{best} + {number} = {best + number}"
            )
            best += number
        else:
            lines.append(f"{best} or {number}: {max(best, number)}")
            best = max(best, number)
    lines.append(f"The sum is {best}." if kind == "column" else f"The largest is {best}.")
    return [str(n) for n in numbers], str(best), "\n".join(lines), {"numbers": shown}


def draw(request: Request) -> Draft:
    """One piece of written arithmetic."""
    rng, kind, level = request.rng, request.kind, request.level
    if kind == "missing":
        shown, answer, solution, facts = _missing(rng, level)
    elif kind.startswith("evaluate"):
        shown, answer, solution, facts = _evaluate(rng, level, kind.endswith("_zh"))
    else:
        shown, answer, solution, facts = _numbers(rng, level, kind)
    image = render(request.style, shown, request.style.uniform(1.3, 1.15, 1.7))
    return Draft(request.wording(), answer, "number", solution, facts, (image,))


FAMILY = Family(
    name="expression",
    summary="Read arithmetic drawn as text and work it out",
    kinds=KINDS,
    draw=draw,
)
