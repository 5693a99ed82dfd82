"""Formulas written in the picture: put values in, or solve for the unknown.

The solution copies what is written, then does one operation a line.
"""

from __future__ import annotations

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import NAMED_COLORS, Style
from r1v.figures.item import Draft, Family, Request

_LEAD = "[|Look at the picture. |Read the picture. |Something is written in the picture. ]"
_ASK = "[What is|How large is|Find|Work out|Calculate]"

KINDS = {
    "insert": f"{_LEAD}{_ASK} {{name}} [from the formula|with the values given|for these values][.| in the "
    f"picture.]",
    "linear": f"{_LEAD}{_ASK} {{name}} [from the equation|if the equation holds|that solves the equation]"
    "[.| in the picture.]",
    "system": f"{_LEAD}{_ASK} {{name}} [from the two lines|from both lines|if both lines hold][.| in the "
    f"picture.]",
    "polynomial": f"{_LEAD}{_ASK} {{name}} [at the given x|for this x|with the x below][.| in the picture.]",
}
# result, its formula, and how the result follows: factors to multiply, a divisor, or terms to add
PRODUCTS = (
    ("F", "m", "a"),
    ("U", "R", "I"),
    ("s", "v", "t"),
    ("A", "b", "h"),
    ("P", "U", "I"),
    ("E", "P", "t"),
)
QUOTIENTS = (
    ("v", "s", "t"),
    ("I", "U", "R"),
    ("a", "F", "m"),
    ("d", "m", "V"),
    ("p", "F", "A"),
    ("P", "W", "t"),
)


def _write(style: Style, lines: list[str]) -> Sheet:
    """The lines below each other in large letters, at any place."""
    sheet = Sheet(style, spread=0.15)
    sheet.clutter()
    size = style.integer(36, 24, 44)
    longest = max(len(line) for line in lines)
    size = min(size, int((sheet.width - 24) / (0.64 * longest)))
    color = style.choice((style.ink, *(NAMED_COLORS[c] for c in ("blue", "red", "green", "purple", "brown"))))
    gap = size * style.uniform(1.7, 1.4, 2.2)
    gap = min(gap, (sheet.height - 1.4 * size) / max(1, len(lines)))
    wide, high = 0.64 * size * longest / 2, gap * (len(lines) - 1) / 2
    x = style.uniform(sheet.width / 2, wide + 10, sheet.width - wide - 10)
    y = style.uniform(sheet.height / 2, high + size, sheet.height - high - size)
    if style.flag(0.3):
        w, h = min(wide + 14, x - 3, sheet.width - x - 3), high + size * 0.9
        frame = [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h), (x - w, y - h)]
        sheet.line(frame, style.tint((120, 120, 120), 40), 2)
    for i, line in enumerate(lines):
        sheet.text((x, y - high + i * gap), line, size, color)
    return sheet


def _insert(request: Request) -> tuple[list[str], str, int, list[str]]:
    """A product or a quotient of named quantities."""
    rng, level = request.rng, request.level
    high = (9, 12, 20)[level]
    a, b = rng.randint(2, high), rng.randint(2, (9, 12, 12)[level])
    if rng.random() < 0.5:
        name, p, q = rng.choice(PRODUCTS)
        top, values, work, answer = f"{name} = {p} · {q}", (a, b), [f"{a} * {b} = {a * b}"], a * b
    else:
        name, p, q = rng.choice(QUOTIENTS)
        top, values, work, answer = f"{name} = {p} / {q}", (a * b, b), [f"{a * b} / {b} = {a}"], a
    if level == 2:
        c = rng.randint(2, 20)
        top += " + c"
        work.append(f"{answer} + {c} = {answer + c}")
        return [top, f"{p} = {values[0]}", f"{q} = {values[1]}", f"c = {c}"], name, answer + c, work
    return [top, f"{p} = {values[0]}", f"{q} = {values[1]}"], name, answer, work


def _linear(request: Request) -> tuple[list[str], str, int, list[str]]:
    """a x + b = c, on the hard level with x on both sides."""
    rng, level = request.rng, request.level
    name = rng.choice("xyzn")
    x, a, b = (
        rng.randint(1, (9, 12, 15)[level]),
        rng.randint(2, (5, 9, 12)[level]),
        rng.randint(1, (9, 20, 40)[level]),
    )
    if level == 0 and rng.random() < 0.5:
        return [f"{name} + {b} = {x + b}"], name, x, [f"{x + b} - {b} = {x}"]
    if level == 2:
        d = rng.randint(1, a - 1)
        written = f"{a}{name} + {b} = {'' if d == 1 else d}{name} + {(a - d) * x + b}"
        work = [f"{a} - {d} = {a - d}", f"{(a - d) * x + b} - {b} = {(a - d) * x}"]
        if a - d > 1:
            work.append(f"{(a - d) * x} / {a - d} = {x}")
        return [written], name, x, work
    if rng.random() < 0.4 and a * x > b:
        work = [f"{a * x - b} + {b} = {a * x}", f"{a * x} / {a} = {x}"]
        return [f"{a}{name} - {b} = {a * x - b}"], name, x, work
    return (
        [f"{a}{name} + {b} = {a * x + b}"],
        name,
        x,
        [f"{a * x + b} - {b} = {a * x}", f"{a * x} / {a} = {x}"],
    )


def _system(request: Request) -> tuple[list[str], str, int, list[str]]:
    """One unknown is given or found first, the other follows."""
    rng, level = request.rng, request.level
    p, q = rng.sample("abxyuv", 2)
    a, b = rng.randint(1, (9, 15, 25)[level]), rng.randint(1, (9, 15, 25)[level])
    if level == 2:
        big, small = max(a, b) + 1, min(a, b)
        total, gap = big + small, big - small
        work = [f"{total} + {gap} = {2 * big}", f"{2 * big} / 2 = {big}"]
        return [f"{p} + {q} = {total}", f"{p} - {q} = {gap}"], p, big, work
    factor = rng.randint(2, (3, 6, 6)[level])
    if rng.random() < 0.5:
        return [f"{p} = {a}", f"{q} = {factor}{p} + {b}"], q, factor * a + b, [
            f"{factor} * {a} = {factor * a}", f"{factor * a} + {b} = {factor * a + b}"]  # fmt: skip
    return [f"{p} = {a}", f"{p} + {q} = {a + b}"], q, b, [f"{a + b} - {a} = {b}"]


def _polynomial(request: Request) -> tuple[list[str], str, int, list[str]]:
    """a x² + b at an x."""
    rng, level = request.rng, request.level
    name = rng.choice(("y", "f(x)", "z"))
    x, a, b = (
        rng.randint(1, (5, 9, 12)[level]),
        rng.randint(1, (1, 3, 5)[level]),
        rng.randint(1, (9, 20, 40)[level]),
    )
    minus = a * x * x > b and rng.random() < 0.4
    sign, value = ("-", a * x * x - b) if minus else ("+", a * x * x + b)
    work = [f"{x} * {x} = {x * x}"]
    if a > 1:
        work.append(f"{a} * {x * x} = {a * x * x}")
    work.append(f"{a * x * x} {sign} {b} = {value}")
    return [f"{name} = {'' if a == 1 else a}x² {sign} {b}", f"x = {x}"], name, value, work


MAKE = {"insert": _insert, "linear": _linear, "system": _system, "polynomial": _polynomial}


def draw(request: Request) -> Draft:
    """One to four written lines and the value that follows from them."""
    written, name, answer, work = MAKE[request.kind](request)
    image = _write(request.style, written).finish()
    facts = {f"line {i}": line for i, line in enumerate(written, 1)}
    lines = [f"{key}: {line}" for key, line in facts.items()]
    solution = "\n".join([*lines, *work, f"{name} is {answer}."])
    return Draft(request.wording(name=name), str(answer), "number", solution, facts, (image,))


FAMILY = Family("formula", "formulas and equations read off and solved", KINDS, draw)
