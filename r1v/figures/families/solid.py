"""Solids in parallel projection: volume, surface and edges of boxes, cubes and prisms; stacks of unit cubes.

The solution reads the lengths at the drawing, or counts the cubes along the edges, then computes.
"""

from __future__ import annotations

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import Color, Style
from r1v.figures.families.geometry import product
from r1v.figures.item import Draft, Family, Request

_LEAD = "[|Look at the solid. |The picture shows a solid. |Use the lengths in the drawing. ]"
_ASK = "[What is|How large is|Find|Calculate|Work out]"

KINDS = {
    "box_volume": f"{_LEAD}{_ASK} the volume of the [box|cuboid|block][.| shown.]",
    "box_surface": f"{_LEAD}{_ASK} the surface area of the [box|cuboid|block][.| shown.]",
    "box_edges": f"{_LEAD}{_ASK} the total length of all edges of the [box|cuboid|block][.| shown.]",
    "prism_volume": f"{_LEAD}{_ASK} the volume of the [triangular prism|prism|prism with a right triangle "
    f"as its base]"
    "[.| shown.]",
    "cubes": f"{_LEAD}[How many small cubes make up the block|How many unit cubes does the block have|Count "
    f"the small "
    "cubes of the block, hidden ones too|Of how many small cubes is the block built][?|, with the hidden "
    "ones?]",
}
FILLS: tuple[Color, ...] = (
    (208, 222, 246),
    (246, 222, 196),
    (212, 238, 212),
    (236, 216, 240),
    (232, 232, 232),
)
Point = tuple[float, float]


def _shade(color: Color, share: float) -> Color:
    return (round(color[0] * share), round(color[1] * share), round(color[2] * share))


class _View:
    """A box of w x h x d units on a sheet: width to the right, height up, depth to the right and up."""

    def __init__(self, style: Style, w: float, h: float, d: float, margin: float = 56) -> None:
        self.sheet = Sheet(style, spread=0.1)
        lean = style.uniform(0.5, 0.4, 0.62)
        rise = style.uniform(0.4, 0.3, 0.5)
        wide, high = w + d * lean, h + d * rise
        room = (self.sheet.width - 2 * margin, self.sheet.height - 2 * margin)
        unit = min(room[0] / wide, room[1] / high) * style.uniform(1.0, 0.8, 1.0)
        x = margin + (room[0] - wide * unit) * style.uniform(0.5, 0, 1)
        y = self.sheet.height - margin - (room[1] - high * unit) * style.uniform(0.5, 0, 1)
        self.origin, self.unit, self.lean, self.rise = (x, y), unit, lean, rise

    def at(self, x: float, y: float, z: float) -> Point:
        """The pixel of a corner: x to the right, y up, z to the back."""
        u = self.unit
        return (self.origin[0] + (x + z * self.lean) * u, self.origin[1] - (y + z * self.rise) * u)

    def face(
        self, corners: list[tuple[float, float, float]], fill: Color | None, ink: Color, width: float
    ) -> None:
        """A filled polygon with its outline."""
        points = [self.at(*corner) for corner in corners]
        if fill is not None:
            self.sheet.polygon(points, fill)
        self.sheet.line([*points, points[0]], ink, width)


def _box(view: _View, w: float, h: float, d: float, style: Style) -> None:
    """The three visible faces, and at times the hidden edges."""
    fill = style.tint(style.choice(FILLS), 8)
    ink, width = style.ink, style.integer(2, 2, 4)
    view.face([(0, 0, 0), (w, 0, 0), (w, h, 0), (0, h, 0)], fill, ink, width)
    view.face([(w, 0, 0), (w, 0, d), (w, h, d), (w, h, 0)], _shade(fill, 0.84), ink, width)
    view.face([(0, h, 0), (w, h, 0), (w, h, d), (0, h, d)], _shade(fill, 0.95), ink, width)
    if style.flag(0.4):
        back = view.at(0, 0, d)
        for corner in ((0, 0, 0), (w, 0, d), (0, h, d)):
            view.sheet.line([back, view.at(*corner)], _shade(fill, 0.7), 1)


def _labels(view: _View, w: float, h: float, d: float, texts: tuple[str, str, str], style: Style) -> None:
    """Width below, height at the left, depth at the lower right."""
    size = style.integer(23, 19, 26)
    x, y = view.at(w / 2, 0, 0)
    view.sheet.text((x, y + size * 0.85), texts[0], size, style.ink)
    x, y = view.at(0, h / 2, 0)
    view.sheet.text((x - 8, y), texts[1], size, style.ink, "rm")
    x, y = view.at(w, 0, d / 2)
    view.sheet.text((x + 6, y + size * 0.45), texts[2], size, style.ink, "lm")


def _sized(rng_values: tuple[int, int, int]) -> tuple[float, float, float]:
    """Lengths as drawn: their order is kept, their differences are tamed."""
    middle = sum(rng_values) / 3
    w, h, d = (0.55 + 0.45 * min(1.8, v / middle) for v in rng_values)
    return w, h, d


def _cubes(request: Request) -> Draft:
    """A block of unit cubes."""
    rng, style, level = request.rng, request.style, request.level
    w, h, d = (rng.randint(*((1, 3), (2, 4), (3, 5))[level]) for _ in range(3))
    w, h, d = max(w, 2), h, max(d, 2)
    view = _View(style, w, h, d, 24)
    fill, ink, width = style.tint(style.choice(FILLS), 8), style.ink, style.integer(2, 1, 3)
    for i in range(w):
        for j in range(h):
            view.face([(i, j, 0), (i + 1, j, 0), (i + 1, j + 1, 0), (i, j + 1, 0)], fill, ink, width)
    for k in range(d):
        for j in range(h):
            view.face(
                [(w, j, k), (w, j, k + 1), (w, j + 1, k + 1), (w, j + 1, k)], _shade(fill, 0.84), ink, width
            )
        for i in range(w):
            view.face(
                [(i, h, k), (i + 1, h, k), (i + 1, h, k + 1), (i, h, k + 1)], _shade(fill, 0.95), ink, width
            )
    facts = {"across": str(w), "high": str(h), "deep": str(d)}
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines += [f"{w} * {h} = {w * h}", *product(w * h, d), f"There are {w * h * d} cubes."]
    return Draft(request.wording(), str(w * h * d), "number", "\n".join(lines), facts, (view.sheet.finish(),))


def _prism(request: Request, w: int, h: int, d: int) -> Draft:
    """A lying prism whose front is a right triangle."""
    style = request.style
    if w * h % 2:
        w += 1
    sw, sh, sd = _sized((w, h, d))
    view = _View(style, sw, sh, sd)
    fill, ink, width = style.tint(style.choice(FILLS), 8), style.ink, style.integer(2, 2, 4)
    view.face([(sw, 0, 0), (sw, 0, sd), (0, sh, sd), (0, sh, 0)], _shade(fill, 0.88), ink, width)
    view.face([(0, 0, 0), (sw, 0, 0), (0, sh, 0)], fill, ink, width)
    _labels(view, sw, sh, sd, (str(w), str(h), str(d)), style)
    facts = {"base": str(w), "height": str(h), "length": str(d)}
    area = w * h // 2
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines += [*product(w, h), f"{w * h} / 2 = {area}", *product(area, d), f"The volume is {area * d}."]
    return Draft(request.wording(), str(area * d), "number", "\n".join(lines), facts, (view.sheet.finish(),))


def draw(request: Request) -> Draft:
    """One solid and one question."""
    rng, style, level, kind = request.rng, request.style, request.level, request.kind
    if kind == "cubes":
        return _cubes(request)
    low, high = ((2, 6), (2, 10), (3, 16))[level]
    w, h, d = (rng.randint(low, high) for _ in range(3))
    if kind == "prism_volume":
        return _prism(request, w, h, d)
    if rng.random() < 0.12:
        h = d = w
    sizes = _sized((w, h, d))
    view = _View(style, *sizes)
    _box(view, *sizes, style)
    _labels(view, *sizes, (str(w), str(h), str(d)), style)
    facts = {"width": str(w), "height": str(h), "depth": str(d)}
    lines = [f"{name}: {value}" for name, value in facts.items()]
    if kind == "box_volume":
        answer, word = w * h * d, "volume"
        lines += [*product(w, h), *product(w * h, d)]
    elif kind == "box_surface":
        faces = (w * h, w * d, h * d)
        half = sum(faces)
        answer, word = 2 * half, "surface"
        lines += [*product(w, h), *product(w, d), *product(h, d),
                  f"{faces[0]} + {faces[1]} = {faces[0] + faces[1]}",
                  f"{faces[0] + faces[1]} + {faces[2]} = {half}", f"2 * {half} = {answer}"]  # fmt: skip
    else:
        answer, word = 4 * (w + h + d), "total length"
        lines += [f"{w} + {h} = {w + h}", f"{w + h} + {d} = {w + h + d}", f"4 * {w + h + d} = {answer}"]
    lines.append(f"The {word} is {answer}.")
    return Draft(request.wording(), str(answer), "number", "\n".join(lines), facts, (view.sheet.finish(),))


FAMILY = Family("solid", "boxes, prisms and stacks of cubes: volume, surface, edges", KINDS, draw)
