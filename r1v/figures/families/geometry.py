"""Plane geometry with values printed at the drawing: angles, right triangles, areas, parallel lines.

Enters: a request. Leaves: one drawing and a question about a missing length, angle, area or perimeter. Always
holds: angles and right triangles are drawn true to scale, and every value of the facts stands at its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from r1v.figures.drawing.angles import LETTERS, draft, exterior, isosceles, mark_text, missing_angle, parallel
from r1v.figures.drawing.sketch import Point, Sketch, fit, middle, outward, unit
from r1v.figures.drawing.style import Style
from r1v.figures.item import Draft, Family, Request

_ASK = "[find|work out|calculate|determine|give|compute|tell me]"
_WHERE = "[|in the figure, |in the drawing, |in this picture, |look at the figure and |using the figure, ]"
_CALL = "[Find|Work out|Calculate|Determine|Give|Compute]"
_ANGLE = "the [size|measure|value] of the angle marked {mark}[| in degrees]."
_BOX = "[rectangle|shape|figure shown]"
_CUT = "[L-shape|L-shaped figure|shape with the cut corner]"
_TRIPLES = (
    ((3, 4, 5), (6, 8, 10), (9, 12, 15), (5, 12, 13)),
    ((6, 8, 10), (9, 12, 15), (12, 16, 20), (8, 15, 17), (5, 12, 13), (15, 20, 25), (3, 4, 5)),
    (
        (12, 16, 20),
        (8, 15, 17),
        (15, 20, 25),
        (10, 24, 26),
        (20, 21, 29),
        (7, 24, 25),
        (18, 24, 30),
        (16, 30, 34),
    ),
)


def _draw(request: Request) -> Draft:
    """One question of the request's kind."""
    return _KINDS[request.kind](request)


# ------------------------------------------------------------------------------------ lengths, areas


def _right_triangle(request: Request) -> Draft:
    """A Pythagorean triple with one side asked: the hypotenuse when easy, any when hard."""
    rng, mark = request.rng, mark_text(request)
    sides = list(rng.choice(_TRIPLES[request.level]))
    if rng.random() < 0.5:
        sides[0], sides[1] = sides[1], sides[0]
    letters = rng.choice(LETTERS)
    asked = 2 if request.level == 0 else rng.choice((0, 1)) if request.level == 1 else rng.randrange(3)

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        corners = fit([(0, 0), (0, -sides[0]), (sides[1], 0)], (sketch.width, sketch.height), 52, style)
        sketch.polygon(corners)
        u, v = unit(corners[0], corners[1]), unit(corners[0], corners[2])
        x, y = corners[0]
        sketch.line((x + u[0] * 14, y + u[1] * 14), (x + (u[0] + v[0]) * 14, y + (u[1] + v[1]) * 14),
                    (x + v[0] * 14, y + v[1] * 14))  # fmt: skip
        centre = (sum(x for x, _ in corners) / 3, sum(y for _, y in corners) / 3)
        for corner, letter in zip((corners[1], corners[0], corners[2]), letters, strict=True):
            sketch.label_beside(corner, unit(centre, corner), letter, 6)
        pairs = ((1, 0), (0, 2), (1, 2))
        for index, (p, q) in enumerate(pairs):
            text = mark if index == asked else str(sides[index])
            out = outward(corners[p], corners[q], centre)
            sketch.label_beside(middle(corners[p], corners[q]), out, text, 8)
        return sketch

    a, b, c = letters[0], letters[1], letters[2]
    names = (a + b, b + c, a + c)
    facts = {names[i]: str(v) for i, v in enumerate(sides) if i != asked}
    lines = [f"{name}: {value}" for name, value in facts.items()]
    given = [v for i, v in enumerate(sides) if i != asked]
    p, q = (given[0], given[1]) if asked == 2 else (max(given), min(given))
    sign, result = ("+", p * p + q * q) if asked == 2 else ("-", p * p - q * q)
    answer = sides[asked]
    lines += [f"{p} * {p} = {p * p}", f"{q} * {q} = {q * q}", f"{p * p} {sign} {q * q} = {result}",
              f"{result} = {answer} * {answer}", f"The side {names[asked]} is {answer}."]  # fmt: skip
    return draft(request, build, lines, facts, answer, mark=mark)


def product(a: int, b: int) -> list[str]:
    """The lines of a multiplication, split into tens and ones unless both are small."""
    if (a <= 12 and b <= 12) or a % 10 == 0 or b % 10 == 0 or min(a, b) == 1:
        return [f"{a} * {b} = {a * b}"]
    big, small = max(a, b), min(a, b)
    if small > 12:
        tens, ones = small // 10 * 10, small % 10
        return [
            f"{big} * {tens} = {big * tens}",
            *product(big, ones),
            f"{big * tens} + {big * ones} = {a * b}",
        ]
    tens, ones = big // 10 * 10, big % 10
    return [f"{tens} * {small} = {tens * small}", f"{ones} * {small} = {ones * small}",
            f"{tens * small} + {ones * small} = {a * b}"]  # fmt: skip


def _rectangle(request: Request) -> Draft:
    """Area or perimeter of a rectangle with its width and height."""
    rng, level = request.rng, request.level
    low, high = ((2, 9), (3, 19), (11, 35))[level]
    width, height = rng.randint(low, high), rng.randint(low, ((9, 12, 20)[level]))
    ask_area = request.kind == "rectangle_area"

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        ratio = min(1.7, max(0.6, width / height))
        corners = fit(
            [(0, 0), (ratio, 0), (ratio, 1), (0, 1)], (sketch.width, sketch.height), 56, style, turn=9
        )
        sketch.polygon(corners)
        _label_sides(sketch, corners, {style.choice((2, 0)): str(width), style.choice((3, 1)): str(height)})
        return sketch

    facts = {"width": str(width), "height": str(height)}
    lines = [f"width: {width}", f"height: {height}"]
    if ask_area:
        answer = width * height
        lines += [*product(width, height), f"The area is {answer}."]
    else:
        answer = 2 * (width + height)
        lines += [
            f"{width} + {height} = {width + height}",
            f"2 * {width + height} = {answer}",
            f"The perimeter is {answer}.",
        ]
    return draft(request, build, lines, facts, answer)


def _label_sides(sketch: Sketch, corners: Sequence[Point], texts: Mapping[int, str]) -> None:
    """Texts outside the sides of a polygon, side i running from corner i to the next."""
    for index, text in texts.items():
        p, q = corners[index], corners[(index + 1) % len(corners)]
        # Corners run clockwise on the screen unless mirrored: the sign of the area tells the outer side.
        area = sum(
            x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True)
        )
        ux, uy = unit(p, q)
        out = (uy, -ux) if area > 0 else (-uy, ux)
        sketch.label_beside(middle(p, q), out, text, 7)


def _l_shape(request: Request) -> Draft:
    """Area or perimeter of a rectangle with a corner cut out, from its four outer sides."""
    rng, level = request.rng, request.level
    high = (9, 12, 16)[level]
    full_w, full_h = rng.randint(4, high), rng.randint(4, high)
    part_w, part_h = rng.randint(2, full_w - 2), rng.randint(2, full_h - 2)
    corner = rng.randrange(4)  # cut out: 0 top right, 1 top left, 2 bottom right, 3 bottom left
    ask_area = request.kind == "l_shape_area"
    left_cut, bottom_cut = corner % 2 == 1, corner >= 2

    def build(style: Style) -> Sketch:
        sketch = Sketch(style)
        w = min(0.68, max(0.36, part_w / full_w))
        h = min(0.68, max(0.36, part_h / full_h))
        ratio = min(1.4, max(0.75, full_w / full_h))
        outline: list[Point] = [
            (0, 0),
            (w * ratio, 0),
            (w * ratio, 1 - h),
            (ratio, 1 - h),
            (ratio, 1),
            (0, 1),
        ]
        outline = [(ratio - x if left_cut else x, 1 - y if bottom_cut else y) for x, y in outline]
        corners = fit(outline, (sketch.width, sketch.height), 52, style, turn=6, mirror=False)
        sketch.polygon(corners)
        _label_sides(sketch, corners, {0: str(part_w), 3: str(part_h), 4: str(full_w), 5: str(full_h)})
        return sketch

    top, bottom = (full_w, part_w) if bottom_cut else (part_w, full_w)
    left, right = (part_h, full_h) if left_cut else (full_h, part_h)
    facts = {"left": str(left), "top": str(top), "right": str(right), "bottom": str(bottom)}
    lines = [f"{name}: {value}" for name, value in facts.items()]
    if ask_area:
        cut_w, cut_h = full_w - part_w, full_h - part_h
        whole, cut = full_w * full_h, cut_w * cut_h
        lines += [f"{full_w} - {part_w} = {cut_w}", f"{full_h} - {part_h} = {cut_h}",
                  *product(full_w, full_h), *product(cut_w, cut_h), f"{whole} - {cut} = {whole - cut}",
                  f"The area is {whole - cut}."]  # fmt: skip
        return draft(request, build, lines, facts, whole - cut)
    half = full_w + full_h
    lines += [f"{full_w} + {full_h} = {half}", f"2 * {half} = {2 * half}", f"The perimeter is {2 * half}."]
    return draft(request, build, lines, facts, 2 * half)


_KINDS = {
    "missing_angle": missing_angle,
    "exterior": exterior,
    "isosceles": isosceles,
    "parallel": parallel,
    "right_triangle": _right_triangle,
    "rectangle_area": _rectangle,
    "rectangle_perimeter": _rectangle,
    "l_shape_area": _l_shape,
    "l_shape_perimeter": _l_shape,
}

FAMILY = Family(
    name="geometry",
    summary="missing angles, right triangles, areas and perimeters with the values printed at the drawing",
    kinds={
        "missing_angle": f"{_WHERE}{_ASK} {_ANGLE}",
        "exterior": "[|one side of the triangle is extended. |a side is drawn past its corner. ]"
        f"{_CALL} {_ANGLE}",
        "isosceles": "[|the marked sides are equal. |two sides with a tick are equally long. "
        f"|the triangle is isosceles. ]{_CALL} {_ANGLE}",
        "parallel": f"[two lines are parallel. |the figure shows parallel lines. |]{_CALL} {_ANGLE}",
        "right_triangle": f"{_WHERE}{_ASK} the length of the side marked {{mark}}"
        "[| of the right triangle|, using the theorem of Pythagoras].",
        "rectangle_area": f"{_WHERE}{_ASK} the area of the {_BOX}[| from its sides].",
        "rectangle_perimeter": f"{_WHERE}{_ASK} the perimeter of the {_BOX}[| from its sides].",
        "l_shape_area": f"{_WHERE}{_ASK} the area of the {_CUT}[| from its sides].",
        "l_shape_perimeter": f"{_WHERE}{_ASK} the perimeter of the {_CUT}[| from its sides].",
    },
    draw=_draw,
)
