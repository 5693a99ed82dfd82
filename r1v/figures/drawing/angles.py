"""Questions about angles, for the geometry family: triangles, quadrilaterals, parallel lines.

Enters: a request. Leaves: a draft with one drawing, true to scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random

from r1v.figures.drawing.sketch import Point, Sketch, arrange, fit, has_glyph, middle, outward, unit
from r1v.figures.drawing.style import Style
from r1v.figures.item import Draft, Request

LETTERS = ("ABC", "PQR", "KLM", "XYZ", "DEF", "RST")


def draft(
    request: Request,
    build: Callable[[Style], Sketch],
    lines: list[str],
    facts: dict[str, str],
    answer: int,
    **fields: str,
) -> Draft:
    """The draft of a question with a number as its answer."""
    return Draft(
        question=_question(request, **fields),
        answer=str(answer),
        answer_type="number",
        solution="\n".join(lines),
        facts=facts,
        images=(arrange(request.style, build).paint(),),
    )


def _question(request: Request, **fields: str) -> str:
    text = request.wording(**fields)
    return text[0].upper() + text[1:]


def mark_text(request: Request) -> str:
    """What stands at the place that is asked for."""
    return request.rng.choice(("x", "?"))


def _degrees(style: Style, value: int) -> str:
    """The angle with its sign; some faces have none, and a face that shows it always does."""
    return f"{value}°" if has_glyph(style.font_name, "°") else str(value)


def _angles(rng: Random, level: int, count: int = 3, low: int = 28, high: int = 120) -> list[int]:
    """The angles of a triangle (or quadrilateral), in multiples of 10, 5 or 1 by level."""
    step = (10, 5, 1)[level]
    total = 180 * (count - 2)
    while True:
        values = [rng.randrange(-(-low // step) * step, high + 1, step) for _ in range(count - 1)]
        last = total - sum(values)
        if low <= last <= high:
            return [*values, last]


def _triangle(angles: Sequence[int]) -> list[Point]:
    """Corners of a triangle with these angles: bottom left, top, bottom right."""
    a, b, c = (math.radians(v) for v in angles)
    side = math.sin(c) / math.sin(b)
    return [(0.0, 0.0), (side * math.cos(a), -side * math.sin(a)), (1.0, 0.0)]


def _mark_angles(sketch: Sketch, corners: Sequence[Point], texts: Mapping[int, str], letters: str) -> None:
    """Letters outside the corners of a polygon; arcs and texts inside those corners that have a text."""
    centre = (sum(x for x, _ in corners) / len(corners), sum(y for _, y in corners) / len(corners))
    radius = sketch.style.uniform(26, 20, 32) if sketch.style.choice((True, False)) else 0
    gap = sketch.style.uniform(9, 7, 13)
    for index, corner in enumerate(corners):
        before, after = corners[index - 1], corners[(index + 1) % len(corners)]
        if index in texts:
            sketch.label_in_angle(corner, before, after, texts[index], gap, radius)
        if letters:
            sketch.label_beside(corner, unit(centre, corner), letters[index], 6)


# ------------------------------------------------------------------------------------------- angles


def missing_angle(request: Request) -> Draft:
    """Two angles of a triangle (at the hard level three of a quadrilateral) are given, the last is asked."""
    rng, mark = request.rng, mark_text(request)
    count = 4 if request.level == 2 else 3
    angles = _angles(
        rng, 2 if count == 4 else request.level * 2, count, *((60, 125) if count == 4 else (28, 120))
    )
    letters = rng.choice(LETTERS) if count == 3 else rng.choice(("ABCD", "KLMN", "PQRS"))
    asked = rng.randrange(count)

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        shape = _triangle(angles) if count == 3 else _quadrilateral(angles, style)
        corners = fit(shape, (sketch.width, sketch.height), 46, style)
        sketch.polygon(corners)
        texts = {i: mark if i == asked else _degrees(style, v) for i, v in enumerate(angles)}
        _mark_angles(sketch, corners, texts, letters)
        return sketch

    facts = {f"angle {letters[i]}": str(v) for i, v in enumerate(angles) if i != asked}
    given = [v for i, v in enumerate(angles) if i != asked]
    total, lines = given[0], [f"{name}: {value}" for name, value in facts.items()]
    for value in given[1:]:
        lines.append(f"{total} + {value} = {total + value}")
        total += value
    whole = 180 * (count - 2)
    lines += [
        f"{whole} - {total} = {whole - total}",
        f"The angle {letters[asked]} is {whole - total} degrees.",
    ]
    return draft(request, build, lines, facts, angles[asked], mark=mark)


def _quadrilateral(angles: Sequence[int], style: Style) -> list[Point]:
    """Corners of a convex quadrilateral with these angles, of balanced sides."""
    a, b, _, d = (math.radians(v) for v in angles)
    best: tuple[float, list[Point]] | None = None
    for left in (0.6, 0.75, 0.9, 1.05, 1.2):
        # From the first corner: a side of length `left` up, one of length 1 along the base.
        p0, p3 = (0.0, 0.0), (1.0, 0.0)
        p1 = (left * math.cos(a), -left * math.sin(a))
        # The upper side leaves p1 turned by the angle there; the right side leaves p3.
        ux, uy = math.cos(a + b - math.pi), -math.sin(a + b - math.pi)
        vx, vy = -math.cos(d), -math.sin(d)
        det = ux * -vy + uy * vx
        if abs(det) < 1e-6:
            continue
        t = ((p3[0] - p1[0]) * -vy + (p3[1] - p1[1]) * vx) / det
        s = (ux * (p3[1] - p1[1]) - uy * (p3[0] - p1[0])) / det
        if t > 0 and s > 0:
            lengths = (left, t, s, 1.0)
            score = min(lengths) / max(lengths)
            if best is None or score > best[0]:
                best = (score, [p0, p1, (p1[0] + ux * t, p1[1] + uy * t), p3])
    assert best is not None, f"no quadrilateral with angles {angles}"
    return best[1]


def exterior(request: Request) -> Draft:
    """The exterior angle from the two remote ones, or at the hard level a remote one from it."""
    rng, mark = request.rng, mark_text(request)
    angles = _angles(rng, request.level, low=35, high=100)
    letters = rng.choice(LETTERS)
    outer = angles[0] + angles[1]
    hidden = rng.randrange(2) if request.level == 2 else 2  # which of A, B, exterior is asked

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        a, b, c = _triangle(angles)
        *corners, end = fit([a, b, c, (1.5, 0.0)], (sketch.width, sketch.height), 46, style)
        sketch.polygon(corners)
        sketch.line(corners[2], end)
        shown = [_degrees(style, v) for v in (angles[0], angles[1], outer)]
        shown[hidden] = mark
        _mark_angles(sketch, corners, {0: shown[0], 1: shown[1]}, "")
        sketch.label_in_angle(corners[2], corners[1], end, shown[2], 9, style.uniform(24, 20, 32))
        centre = (sum(x for x, _ in corners) / 3, sum(y for _, y in corners) / 3)
        for corner, letter in zip(corners[:2], letters, strict=False):
            sketch.label_beside(corner, unit(centre, corner), letter, 6)
        below = outward(corners[0], corners[2], corners[1])
        sketch.label_beside(corners[2], below, letters[2], 6)
        return sketch

    values = {f"angle {letters[0]}": angles[0], f"angle {letters[1]}": angles[1], "exterior": outer}
    facts = {name: str(v) for i, (name, v) in enumerate(values.items()) if i != hidden}
    lines = [f"{name}: {value}" for name, value in facts.items()]
    if hidden == 2:
        lines += [f"{angles[0]} + {angles[1]} = {outer}", f"The exterior angle is {outer} degrees."]
        return draft(request, build, lines, facts, outer, mark=mark)
    other = angles[1 - hidden]
    lines += [
        f"{outer} - {other} = {angles[hidden]}",
        f"The angle {letters[hidden]} is {angles[hidden]} degrees.",
    ]
    return draft(request, build, lines, facts, angles[hidden], mark=mark)


def isosceles(request: Request) -> Draft:
    """Two equal sides, marked by ticks: a base angle to the apex, the apex to a base angle, or more."""
    rng, mark, level = request.rng, mark_text(request), request.level
    base = rng.choice(range(30, 76, 5)) if level == 0 else rng.randrange(29, 77)
    apex = 180 - 2 * base
    letters = rng.choice(LETTERS)

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        a, b, c = _triangle([base, apex, base])
        outline: list[Point] = [a, b, c, (1.55, 0.0)] if level == 2 else [a, b, c]
        placed = fit(outline, (sketch.width, sketch.height), 46, style)
        corners = placed[:3]
        sketch.polygon(corners)
        shown = {0: _degrees(style, base)} if level == 0 else {1: _degrees(style, apex)}
        asked = {1: mark} if level != 1 else {0: mark}
        if level == 2:
            shown = {}
            sketch.line(corners[2], placed[3])
            sketch.label_in_angle(corners[2], corners[1], placed[3], _degrees(style, 180 - base), 9, 26)
        _mark_angles(sketch, corners, shown | asked, "" if level == 2 else letters)
        for end in (corners[0], corners[2]):
            _tick(sketch, end, corners[1])
        return sketch

    if level == 0:
        facts = {f"angle {letters[0]}": str(base)}
        steps = [
            f"{base} + {base} = {2 * base}",
            f"180 - {2 * base} = {apex}",
            f"The angle {letters[1]} is {apex} degrees.",
        ]
        result = apex
    elif level == 1:
        facts = {f"angle {letters[1]}": str(apex)}
        steps = [
            f"180 - {apex} = {2 * base}",
            f"{2 * base} / 2 = {base}",
            f"The angle {letters[0]} is {base} degrees.",
        ]
        result = base
    else:
        facts = {"exterior": str(180 - base)}
        steps = [f"180 - {180 - base} = {base}", f"{base} + {base} = {2 * base}",
                 f"180 - {2 * base} = {apex}", f"The apex angle is {apex} degrees."]  # fmt: skip
        result = apex
    lines = [f"{name}: {value}" for name, value in facts.items()]
    return draft(
        request,
        build,
        [*lines, "Two sides are equal, so the base angles are equal.", *steps],
        facts,
        result,
        mark=mark,
    )


def _tick(sketch: Sketch, p: Point, q: Point) -> None:
    """A short mark across the middle of a side."""
    (x, y), (ux, uy) = middle(p, q), unit(p, q)
    sketch.line((x - uy * 8, y + ux * 8), (x + uy * 8, y - ux * 8))


def parallel(request: Request) -> Draft:
    """Two parallel lines and a transversal; at the hard level a bend between the two lines."""
    if request.level == 2:
        return _bend(request)
    rng, mark = request.rng, mark_text(request)
    steep = rng.randrange(40, 141, 5) if request.level == 0 else rng.randrange(40, 141)
    while 80 < steep < 100:
        steep = rng.randrange(40, 141)
    # Quadrants round a crossing: 0 right above, 1 left above, 2 left below, 3 right below the line.
    if request.level == 0:
        crossing = rng.randrange(2)
        given = (crossing, rng.randrange(4))
        asked = (crossing, (given[1] + rng.choice((1, 2, 3, 2))) % 4)
        pair = "vertical" if (asked[1] - given[1]) % 4 == 2 else "linear pair"
    else:
        given, asked, pair = _pair(rng)
    value = steep if given[1] % 2 == 0 else 180 - steep
    equal = (given[1] - asked[1]) % 2 == 0
    answer = value if equal else 180 - value

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        run = 1.0 / math.tan(math.radians(steep))
        outline: list[Point] = [
            (-1.0, -0.5), (1.0, -0.5), (-1.0, 0.5), (1.0, 0.5),
            (run * 0.95, -0.95), (-run * 0.95, 0.95), (run * 0.5, -0.5), (-run * 0.5, 0.5),
        ]  # fmt: skip
        spots = fit(outline, (sketch.width, sketch.height), 26, style, turn=35, mirror=False, smallest=0.8)
        for p, q in ((0, 1), (2, 3), (4, 5)):
            sketch.line(spots[p], spots[q])
        for (crossing, quadrant), text in ((given, _degrees(style, value)), (asked, mark)):
            corner = spots[6 + crossing]
            line_end = spots[2 * crossing + (1 if quadrant in (0, 3) else 0)]
            across = spots[4 if quadrant in (0, 1) else 5]
            sketch.label_in_angle(corner, line_end, across, text, 8, style.uniform(20, 16, 26))
        return sketch

    facts = {"given": str(value), "pair": pair}
    lines = [f"given: {value}", f"pair: {pair}"]
    lines.append("The angles are equal." if equal else f"180 - {value} = {answer}")
    lines.append(f"The marked angle is {answer} degrees.")
    return draft(request, build, lines, facts, answer, mark=mark)


def _pair(rng: Random) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Two angles at different crossings (crossing, quadrant) with the name of their relation."""
    name = rng.choice(("corresponding", "alternate", "co-interior", "co-interior"))
    upper = rng.randrange(4) if name == "corresponding" else rng.choice((2, 3))
    lower = {"corresponding": upper, "alternate": (upper + 2) % 4, "co-interior": 1 if upper == 2 else 0}[
        name
    ]
    first, second = (0, upper), (1, lower)
    return (first, second, name) if rng.random() < 0.5 else (second, first, name)


def _bend(request: Request) -> Draft:
    """A bent line between two parallels: its angle is the sum of the angles at its ends."""
    rng, mark = request.rng, mark_text(request)
    a, b = rng.randrange(32, 76), rng.randrange(32, 76)
    asked = rng.randrange(3)  # upper, bend, lower

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        up, down = 0.75 / math.tan(math.radians(a)), 0.75 / math.tan(math.radians(b))
        bend = max(up, down)
        outline: list[Point] = [
            (bend - up, -0.75), (bend, 0.0), (bend - down, 0.75),
            (-0.35, -0.75), (bend + 0.5, -0.75), (-0.35, 0.75), (bend + 0.5, 0.75),
        ]  # fmt: skip
        spots = fit(outline, (sketch.width, sketch.height), 30, style, turn=35, smallest=0.85)
        top, turn_at, bottom, l1, r1, l2, r2 = spots
        sketch.line(l1, r1)
        sketch.line(l2, r2)
        sketch.line(top, turn_at, bottom)
        texts = [_degrees(style, v) for v in (a, a + b, b)]
        texts[asked] = mark
        for corner, p, q, text in (
            (top, r1, turn_at, texts[0]), (turn_at, top, bottom, texts[1]), (bottom, r2, turn_at, texts[2]),
        ):  # fmt: skip
            sketch.label_in_angle(corner, p, q, text, 8, style.uniform(22, 18, 28))
        return sketch

    values = {"first line": a, "bend": a + b, "second line": b}
    facts = {name: str(v) for i, (name, v) in enumerate(values.items()) if i != asked}
    lines = [f"{name}: {value}" for name, value in facts.items()]
    answer = (a, a + b, b)[asked]
    lines.append("The bend is the sum of the angles at the two parallel lines.")
    lines.append(f"{a} + {b} = {a + b}" if asked == 1 else f"{a + b} - {b if asked == 0 else a} = {answer}")
    lines.append(f"The marked angle is {answer} degrees.")
    return draft(request, build, lines, facts, answer, mark=mark)
