"""Similar triangles, a line parallel to a side, and the angle theorems of the circle.

The solution reads the values at the drawing, names the factor or the theorem's number, and computes.
"""

from __future__ import annotations

import math

from r1v.figures.drawing.angles import LETTERS, draft, mark_text
from r1v.figures.drawing.sketch import Point, Sketch, has_glyph, middle, outward, unit
from r1v.figures.drawing.style import Style
from r1v.figures.item import Draft, Family, Request

_CALL = "[Find|Work out|Calculate|Determine|Give|Compute]"

KINDS = {
    "similar": f"[|the two triangles are similar. |both triangles have the same angles. ]{_CALL} the "
    "[length|side] marked {mark}[.| in the second triangle.| from the scale factor.]",
    "ray": "[|the two inner lines are parallel. |one line is parallel to the base. ]"
    f"{_CALL} the [length|distance] marked {{mark}}[.| of the base.| at the bottom.]",
    "inscribed": "[|M is the centre of the circle. |the circle has the centre M. ]"
    f"{_CALL} the [angle|size of the angle] marked {{mark}}[.| in degrees.]",
    "thales": f"[|the side at the bottom is a diameter. |the base goes through the centre. ]{_CALL} the "
    "[angle|size of the angle] marked {mark}[.| in degrees.]",
    "cyclic": f"[|the four corners lie on a circle. |the quadrilateral has a circle through its corners. "
    f"]{_CALL} the "
    "[angle|size of the angle] marked {mark}[.| in degrees.]",
}


def _degrees(style: Style, value: int) -> str:
    return f"{value}°" if has_glyph(style.font_name, "°") else str(value)


def _on_circle(centre: Point, radius: float, degrees: float) -> Point:
    """The point of a circle in a direction, counter-clockwise from the right."""
    return (
        centre[0] + radius * math.cos(math.radians(degrees)),
        centre[1] - radius * math.sin(math.radians(degrees)),
    )


def _circle(sketch: Sketch) -> tuple[Point, float]:
    """A circle of lines on the sketch; its centre and radius."""
    style = sketch.style
    radius = min(sketch.width, sketch.height) / 2 * style.uniform(0.8, 0.68, 0.82)
    centre = (sketch.width / 2 + style.uniform(0, -20, 20), sketch.height / 2 + style.uniform(0, -20, 20))
    points = [_on_circle(centre, radius, 6 * k) for k in range(61)]
    sketch.line(*points)
    return centre, radius


def _similar(request: Request) -> Draft:
    """Two triangles of one form: three sides of the first, one or two of the second."""
    rng, mark, level = request.rng, mark_text(request), request.level
    factor = rng.randint(2, (3, 5, 9)[level])
    sides = rng.choice(((4, 5, 6), (3, 4, 5), (5, 6, 7), (6, 7, 9), (4, 6, 7), (7, 8, 9), (5, 7, 8)))
    shrink = level > 0 and rng.random() < 0.4
    known, asked = rng.sample(range(3), 2)
    large = [s * factor for s in sides]
    first, second = (large, list(sides)) if shrink else (list(sides), large)

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        a, b, c = (s / max(sides) for s in sides)
        x = (a * a - b * b + c * c) / (2 * a)
        shape = [(0.0, 0.0), (a, 0.0), (x, -math.sqrt(max(c * c - x * x, 0.01)))]
        small, big = style.uniform(0.34, 0.3, 0.36), style.uniform(0.48, 0.44, 0.5)
        scales = (big, small) if shrink else (small, big)
        left = style.uniform(46, 40, 52)
        for values, scale, texts in ((first, scales[0], {0, 1, 2}), (second, scales[1], {known, asked})):
            size = sketch.width * scale * 0.95
            low = sketch.height * 0.72 + style.uniform(0, -16, 16)
            corners = [(left + px * size, low + py * size) for px, py in shape]
            sketch.polygon(corners)
            centre = (sum(p[0] for p in corners) / 3, sum(p[1] for p in corners) / 3)
            for i, (p, q) in enumerate(((0, 1), (1, 2), (0, 2))):
                if i in texts:
                    text = mark if values is second and i == asked else str(values[i])
                    out = outward(corners[p], corners[q], centre)
                    sketch.label_beside(middle(corners[p], corners[q]), out, text, 5)
            left += size * max(1.0, a) + 74
        return sketch

    names = ("bottom", "right", "left")
    facts = {f"first {names[i]}": str(first[i]) for i in (known, asked)}
    facts[f"second {names[known]}"] = str(second[known])
    lines = [f"{name}: {value}" for name, value in facts.items()]
    if shrink:
        lines += [
            f"{first[known]} / {second[known]} = {factor}",
            f"{first[asked]} / {factor} = {second[asked]}",
        ]
    else:
        lines += [
            f"{second[known]} / {first[known]} = {factor}",
            f"{first[asked]} * {factor} = {second[asked]}",
        ]
    lines.append(f"The side is {second[asked]}.")
    return draft(request, build, lines, facts, second[asked], mark=mark)


def _ray(request: Request) -> Draft:
    """A triangle cut by a parallel to its base: from the top, to the cut, to the bottom, and both widths."""
    rng, mark, level = request.rng, mark_text(request), request.level
    factor = rng.randint(2, (2, 3, 4)[level])
    part, width = rng.randint(2, (9, 12, 15)[level]), rng.randint(2, (9, 12, 19)[level])
    whole, base = part * factor, width * factor
    letters = rng.choice(LETTERS)

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        top = (sketch.width * style.uniform(0.42, 0.36, 0.6), 46.0)
        low = sketch.height - style.uniform(52, 48, 60)
        left, right = (style.uniform(70, 60, 90), low), (sketch.width - style.uniform(60, 50, 80), low)
        share = 1 / factor if factor < 4 else 0.32
        p, q = middle(top, left, share), middle(top, right, share)
        sketch.polygon([top, left, right])
        sketch.line(p, q)
        sketch.label_beside(middle(top, p), outward(top, left, right), str(part), 6)
        sketch.label_beside(middle(p, left), outward(top, left, right), str(whole - part), 6)
        sketch.label_beside(middle(p, q), (0, 1), str(width), 5)
        sketch.label_beside(middle(left, right), (0, 1), mark, 6)
        sketch.label_beside(top, (0, -1), letters[0], 5)
        return sketch

    facts = {"upper part": str(part), "lower part": str(whole - part), "parallel": str(width)}
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines += [
        f"{part} + {whole - part} = {whole}",
        f"{whole} / {part} = {factor}",
        f"{width} * {factor} = {base}",
    ]
    lines.append(f"The length is {base}.")
    return draft(request, build, lines, facts, base, mark=mark)


def _inscribed(request: Request) -> Draft:
    """The angle at the centre is twice the one at the circle over the same chord."""
    rng, mark, level = request.rng, mark_text(request), request.level
    step = (10, 5, 1)[level]
    rim = rng.randrange(30, 66, step)
    central = 2 * rim
    ask_rim = rng.random() < 0.5

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        centre, radius = _circle(sketch)
        a, b = (_on_circle(centre, radius, 270 + sign * central / 2) for sign in (-1, 1))
        tip = _on_circle(centre, radius, 90 + style.uniform(0, -25, 25))
        for point in (centre, tip):
            sketch.line(a, point, b)
        sketch.label_in_angle(tip, a, b, mark if ask_rim else _degrees(style, rim), 6)
        sketch.label_in_angle(centre, a, b, _degrees(style, central) if ask_rim else mark, 6)
        sketch.label_beside(centre, (0, -1), "M", 4)
        return sketch

    if ask_rim:
        facts, answer = {"angle M": str(central)}, rim
        lines = [f"angle M: {central}", "The angle at the circle is half of it.", f"{central} / 2 = {rim}"]
    else:
        facts, answer = {"angle at the circle": str(rim)}, central
        lines = [f"angle at the circle: {rim}", "The angle M is twice as large.", f"2 * {rim} = {central}"]
    return draft(request, build, lines, facts, answer, mark=mark)


def _thales(request: Request) -> Draft:
    """A triangle over a diameter has a right angle; one other angle is given."""
    rng, mark, level = request.rng, mark_text(request), request.level
    given = rng.randrange(30, 61, (10, 5, 1)[level])
    letters = rng.choice(LETTERS)
    first = rng.random() < 0.5

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        centre, radius = _circle(sketch)
        a, b = _on_circle(centre, radius, 180), _on_circle(centre, radius, 0)
        tip = _on_circle(centre, radius, 2 * given if first else 180 - 2 * given)
        sketch.polygon([a, tip, b])
        sketch.label_in_angle(a, b, tip, _degrees(style, given) if first else mark, 6)
        sketch.label_in_angle(b, a, tip, mark if first else _degrees(style, given), 6)
        for corner, letter in zip((a, tip, b), letters, strict=True):
            sketch.label_beside(corner, unit(centre, corner), letter, 4)
        return sketch

    name = letters[0] if first else letters[2]
    facts = {f"angle {name}": str(given)}
    lines = [f"angle {name}: {given}", "The angle over the diameter is 90.", f"90 - {given} = {90 - given}"]
    return draft(request, build, lines, facts, 90 - given, mark=mark)


def _cyclic(request: Request) -> Draft:
    """Opposite angles of a quadrilateral in a circle add up to 180."""
    rng, mark, level = request.rng, mark_text(request), request.level
    step = (10, 5, 1)[level]
    a = rng.randrange(70, 111, step)  # at the left corner
    tilt = rng.randrange(-18, 19, 2)
    letters = rng.choice(("ABCD", "KLMN", "PQRS"))
    asked = rng.choice((0, 2))

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        centre, radius = _circle(sketch)
        turns = (180 + tilt, 90 + (a - 90) + 0.0, tilt * 0.5, 270 - (a - 90))
        # the arc from the second corner over the third to the fourth is twice the angle at the first
        corners = [_on_circle(centre, radius, turn) for turn in (turns[0], a, turns[2], -a)]
        sketch.polygon(corners)
        for i in (0, 2):
            value = a if i == 0 else 180 - a
            text = mark if i == asked else _degrees(style, value)
            sketch.label_in_angle(corners[i], corners[i - 1], corners[(i + 1) % 4], text, 7)
        for corner, letter in zip(corners, letters, strict=True):
            sketch.label_beside(corner, unit(centre, corner), letter, 4)
        return sketch

    given = 180 - a if asked == 0 else a
    name = letters[2 - asked]
    facts = {f"angle {name}": str(given)}
    lines = [f"angle {name}: {given}", "Opposite angles add up to 180.", f"180 - {given} = {180 - given}"]
    return draft(request, build, lines, facts, 180 - given, mark=mark)


_DRAW = {"similar": _similar, "ray": _ray, "inscribed": _inscribed, "thales": _thales, "cyclic": _cyclic}


def draw(request: Request) -> Draft:
    """One drawing of the request's kind."""
    return _DRAW[request.kind](request)


FAMILY = Family("theorem", "similar triangles, parallels, angles in circles", KINDS, draw)
