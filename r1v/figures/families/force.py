"""Force diagrams: arrows with their strengths on a block; net force, balance, acceleration.

The solution reads every arrow by its direction, adds up those of one direction, and subtracts.
"""

from __future__ import annotations

import math

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import NAMED_COLORS, Color, Style
from r1v.figures.item import Draft, Family, Request

_LEAD = "[|Look at the forces. |The picture shows the forces on a block. |All forces are in newtons. ]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "net": f"{_LEAD}[How large is the net force|What is the resultant force|What is the strength of the "
    f"total force|"
    f"How large is the sum of the forces] [on the block|on the box] in N?{_END}",
    "direction": f"{_LEAD}[In which direction does the net force point|Which way is the block pushed|To "
    f"which side does "
    "the resultant force point|Which way will the block start to move]?[| Answer with left or right.| Say "
    "left or right.]",
    "balance": f"{_LEAD}[How large must the force marked {{mark}} be|Which strength of {{mark}} is "
    f"needed|What is {{mark}}|"
    f"Find {{mark}}: how large is it] [for the block to stay at rest|so that all forces balance|in "
    f"balance]?{_END}",
    "acceleration": f"{_LEAD}[What is the acceleration of|How large is the acceleration of|What "
    f"acceleration does the net "
    "force give to|How strongly is accelerated] [the block|the box] in m/s²?[| Use a = F / m.| Divide the "
    "net force by "
    "the mass.]",
    "right_angle": f"{_LEAD}[How large is the resultant of|What is the resultant of|What is the strength of "
    f"the sum of|"
    f"How large is the combined force of] [the two forces|the forces at a right angle|both forces] in "
    f"N?{_END}",
}
TRIPLES = (
    ((3, 4, 5), (6, 8, 10)),
    ((5, 12, 13), (9, 12, 15), (8, 6, 10)),
    ((8, 15, 17), (12, 16, 20), (7, 24, 25)),
)


def _arrow(
    sheet: Sheet, start: tuple[float, float], end: tuple[float, float], color: Color, width: float
) -> None:
    """A line with a head at its end."""
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    head = 10 + 2 * width
    neck = (end[0] - ux * head, end[1] - uy * head)
    sheet.line([start, neck], color, width)
    half = head * 0.55
    sheet.polygon(
        [end, (neck[0] - uy * half, neck[1] + ux * half), (neck[0] + uy * half, neck[1] - ux * half)], color
    )


def _scene(style: Style, sides: dict[str, list[str]], mass: str) -> Sheet:
    """A block with arrows that leave its left, right or upper side; texts stand beside them."""
    sheet = Sheet(style, spread=0.1)
    sheet.clutter()
    half_w, half_h = style.uniform(58, 48, 66), style.uniform(58, 50, 66)
    x = sheet.width / 2 + style.uniform(0, -18, 18)
    y = sheet.height / 2 + (40 if "up" in sides else 0) + style.uniform(0, -25, 25)
    fill = style.tint(style.choice(((226, 226, 226), (214, 226, 246), (246, 226, 200), (216, 238, 216))), 10)
    corners = [
        (x - half_w, y - half_h),
        (x + half_w, y - half_h),
        (x + half_w, y + half_h),
        (x - half_w, y + half_h),
    ]
    sheet.polygon(corners, fill)
    sheet.line([*corners, corners[0]], style.ink, 2)
    size = style.integer(22, 19, 25)
    if mass:
        sheet.text((x, y), mass, min(size, round(half_w * 2 / (0.62 * len(mass)))), style.ink)
    color = style.tint(
        style.choice((style.ink, *(NAMED_COLORS[c] for c in ("red", "blue", "green", "purple")))), 10
    )
    width = style.integer(4, 3, 6)
    for side, texts in sides.items():
        for i, text in enumerate(texts):
            at = (i + 0.5) / len(texts) * 2 - 1
            if side == "up":
                end = (x, 34 + style.uniform(0, 0, 30))
                _arrow(sheet, (x, y - half_h), end, color, width)
                sheet.text((x + 12, (end[1] + y - half_h) / 2), text, size, style.ink, "lm")
                continue
            sign = 1 if side == "right" else -1
            start = (x + sign * half_w, y + at * half_h * 0.86)
            reach = (sheet.width - start[0] if sign > 0 else start[0]) - 6
            end = (start[0] + sign * reach * style.uniform(0.85, 0.7, 0.98), start[1])
            _arrow(sheet, start, end, color, width)
            sheet.text(((start[0] + end[0]) / 2, start[1] - size * 0.62), text, size, style.ink)
    return sheet


def _total(side: str, values: list[int]) -> list[str]:
    """The lines that add up the forces of one direction."""
    if len(values) < 2:
        return []
    total, text = values[0], ""
    for value in values[1:]:
        text += f"{', ' if text else ''}{total} + {value} = {total + value}"
        total += value
    return [f"to the {side}, {text}"]


def _right_angle(request: Request, unit: str) -> Draft:
    rng = request.rng
    a, b, c = rng.choice(TRIPLES[request.level])
    if rng.random() < 0.5:
        a, b = b, a
    side = rng.choice(("left", "right"))
    image = _scene(request.style, {side: [f"{a}{unit}"], "up": [f"{b}{unit}"]}, "").finish()
    facts = {side: str(a), "up": str(b)}
    lines = [f"{side}: {a}", f"up: {b}", f"{a} * {a} = {a * a}", f"{b} * {b} = {b * b}",
             f"{a * a} + {b * b} = {c * c}", f"{c * c} = {c} * {c}", f"The resultant is {c} N."]  # fmt: skip
    return Draft(request.wording(), str(c), "number", "\n".join(lines), facts, (image,))


def draw(request: Request) -> Draft:
    """A block with arrows to both sides and one question."""
    rng, level, kind = request.rng, request.level, request.kind
    unit = request.style.choice((" N", " N", ""))
    if kind == "right_angle":
        return _right_angle(request, unit)
    high = (9, 20, 50)[level]
    counts = rng.choice((((1, 1),), ((1, 2), (2, 1), (1, 1)), ((2, 2), (1, 2), (2, 1)))[level])
    while True:
        left, right = ([rng.randint(1, high) for _ in range(n)] for n in counts)
        net = sum(right) - sum(left)
        if net:
            break
    mass, texts = "", {"left": [f"{v}{unit}" for v in left], "right": [f"{v}{unit}" for v in right]}
    if kind == "balance":  # the last arrow of the weaker side is asked for and made to fit
        side, weak = ("left", left) if net > 0 else ("right", right)
        weak[-1] += abs(net)
        texts = {"left": [f"{v}{unit}" for v in left], "right": [f"{v}{unit}" for v in right]}
        texts[side][-1] = mark = rng.choice(("F", "X", "?"))
        weak.pop()
    elif kind == "acceleration":
        m = rng.choice([n for n in range(1, (6, 10, 20)[level]) if net % n == 0])
        mass = f"{m} kg"
    image = _scene(request.style, texts, mass).finish()
    facts = {"left": ", ".join(map(str, left)) or "none", "right": ", ".join(map(str, right)) or "none"}
    lines = [
        f"left: {facts['left']}",
        f"right: {facts['right']}",
        *_total("left", left),
        *_total("right", right),
    ]
    a, b = sum(left), sum(right)
    word = "right" if b > a else "left"
    lines.append(f"{max(a, b)} - {min(a, b)} = {abs(a - b)}")
    if kind == "direction":
        lines.append(f"The net force points to the {word}.")
        return Draft(request.wording(), word, "string", "\n".join(lines), facts, (image,))
    answer = abs(a - b)
    if kind == "balance":
        lines.append(f"{mark} must be {answer} N.")
        return Draft(request.wording(mark=mark), str(answer), "number", "\n".join(lines), facts, (image,))
    if kind == "acceleration":
        facts["mass"] = str(m)
        lines = [f"mass: {m}", *lines, f"{answer} / {m} = {answer // m}"]
        answer //= m
    else:
        lines.append(f"The net force is {answer} N.")
    return Draft(request.wording(), str(answer), "number", "\n".join(lines), facts, (image,))


FAMILY = Family("force", "arrows on a block: net force, balance, acceleration", KINDS, draw)
