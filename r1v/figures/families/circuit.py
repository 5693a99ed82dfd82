"""Resistor circuits with a battery: total resistance, current, voltage over one resistor.

Enters: a request. Leaves: one circuit drawing with the values beside the symbols and a question about it.
Always holds: every result on the way, and the answer, is a whole number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from PIL import Image

from r1v.core import UnavailableError
from r1v.figures.drawing.sketch import Point, Sketch, arrange, has_glyph, middle, unit
from r1v.figures.drawing.style import Style
from r1v.figures.item import Draft, Family, Request

Shape = Literal["series", "parallel", "behind", "beside", "between"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """Resistances R1, R2, ... in ohm, how they are joined, and the battery in volt.

    shape: series; parallel (R1 | R2); behind: R1 + (R2 | R3); beside: R1 | (R2 + R3);
    between: R1 + (R2 | R3) + R4.
    """

    shape: Shape
    ohms: tuple[int, ...]
    volts: int
    total: int


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the drawing between two points of a grid of 2 by 2; text holds its name and value."""

    symbol: Literal["wire", "resistor", "battery"]
    start: Point
    end: Point
    text: tuple[str, ...] = ()


# ---------------------------------------------------------------------------------------------- values


def _joined(a: int, b: int) -> int | None:
    """The resistance of two in parallel, if it is whole."""
    return a * b // (a + b) if a * b % (a + b) == 0 else None


_PAIRS = tuple(
    [(a, b) for a in range(2, top) for b in range(2, top) if _joined(a, b) and a * b < 1000]
    for top in (13, 31, 61)
)


def plan(request: Request) -> Circuit:
    """Values of the request's level for its kind."""
    rng, level, kind = request.rng, request.level, request.kind
    shape: Shape = "series"
    if level == 1 and kind != "voltage" and rng.random() < 0.6:
        shape = "parallel"
    elif level == 2:
        shape = rng.choice(
            ("behind", "behind", "between") if kind == "voltage" else ("behind", "beside", "between")
        )
    if shape == "series":
        count = (
            rng.randint(*((2, 3), (3, 4))[level])
            if kind == "total"
            else rng.randint(*((1, 2), (2, 3))[level])
        )
        count = max(count, 2) if kind == "voltage" else count
        ohms = [rng.randint(1, 9) if level == 0 else rng.randint(2, 20) for _ in range(count)]
        total = sum(ohms)
    elif shape == "beside":
        one, rest = rng.choice([pair for pair in _PAIRS[1] if pair[1] >= 4])
        first = rng.randint(1, rest - 1)
        ohms, total = [one, first, rest - first], _joined(one, rest) or 0
    else:
        pair = rng.choice(_PAIRS[1])
        ohms, total = list(pair), _joined(*pair) or 0
        for place in {"parallel": (), "behind": (0,), "between": (0, 3)}[shape]:
            ohms.insert(place, rng.randint(1, 12))
            total += ohms[place]
    current = rng.randint(1, max(1, min((6, 9, 9)[level], 240 // total)))
    return Circuit(shape, tuple(ohms), current * total, total)


def _total_steps(circuit: Circuit) -> list[str]:
    """The working of the total resistance."""
    ohms = circuit.ohms
    if circuit.shape == "series":
        return _sum_steps(ohms)
    if circuit.shape == "parallel":
        return ["R1 and R2 are parallel.", *_joined_steps(*ohms)]
    if circuit.shape == "beside":
        rest = ohms[1] + ohms[2]
        return [f"{ohms[1]} + {ohms[2]} = {rest}", "R1 is parallel to that.", *_joined_steps(ohms[0], rest)]
    pair = _joined(ohms[1], ohms[2]) or 0
    return [
        "R2 and R3 are parallel.",
        *_joined_steps(ohms[1], ohms[2]),
        *_sum_steps((ohms[0], pair, *ohms[3:])),
    ]


def _joined_steps(a: int, b: int) -> list[str]:
    return [f"{a} * {b} = {a * b}", f"{a} + {b} = {a + b}", f"{a * b} / {a + b} = {a * b // (a + b)}"]


def _sum_steps(values: Sequence[int]) -> list[str]:
    total, steps = values[0], []
    for value in values[1:]:
        steps.append(f"{total} + {value} = {total + value}")
        total += value
    return steps


# ---------------------------------------------------------------------------------------------- drawing


def _parts(circuit: Circuit, style: Style) -> list[Part]:
    """The pieces of the drawing, turned and mirrored by the style."""
    ohm = "Ω" if has_glyph(style.font_name, "Ω") else "ohm"
    names = [(f"R{i}", f"{value} {ohm}") for i, value in enumerate(circuit.ohms, 1)]
    corner, far, low, end = (0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)
    top, bottom = (1.0, 0.0), (1.0, 2.0)
    spots: list[tuple[Point, Point]]
    if circuit.shape == "series":
        spots = {
            1: [(far, low)],
            2: [(corner, far), (far, low)],
            3: [(corner, far), (far, low), (low, end)],
            4: [(corner, top), (top, far), (far, low), (low, end)],
        }[len(names)]
        wires = {1: [(corner, far), (low, end)], 2: [(low, end)]}.get(len(names), [])
    else:
        spots = {
            "parallel": [(top, bottom), (far, low)],
            "behind": [(corner, top), (top, bottom), (far, low)],
            "beside": [(top, bottom), (top, far), (far, low)],
            "between": [(corner, top), (top, bottom), (far, low), (end, bottom)],
        }[circuit.shape]
        outer = [(corner, top), (top, far), (low, bottom), (end, bottom)]
        wires = [side for side in outer if side not in spots]
    parts = [Part("battery", end, corner, (f"{circuit.volts} V",))]
    parts += [Part("resistor", p, q, text) for (p, q), text in zip(spots, names, strict=True)]
    parts += [Part("wire", p, q) for p, q in wires]
    return _orient(parts, style)


def _orient(parts: list[Part], style: Style) -> list[Part]:
    """One of the eight symmetries of the square, plainly the upright one."""
    flip_x, flip_y, swap = (style.choice((False, True)) for _ in range(3))

    def moved(point: Point) -> Point:
        x, y = (2 - point[0] if flip_x else point[0]), (2 - point[1] if flip_y else point[1])
        return (y, x) if swap else (x, y)

    return [Part(part.symbol, moved(part.start), moved(part.end), part.text) for part in parts]


def sketch_of(circuit: Circuit, style: Style) -> Sketch:
    """The PIL drawing: symbols first, then each label at a free side of its symbol."""
    sketch = Sketch(style, font_px=(23, 19, 27))
    sketch.fill = None
    left, right = style.uniform(55, 35, 95), sketch.width - style.uniform(92, 35, 95)
    top, bottom = style.uniform(66, 40, 90), sketch.height - style.uniform(40, 30, 80)
    length, breadth = style.uniform(72, 56, 84), style.uniform(13, 9, 16)
    zigzag, cells, ring = style.choice((False, True)), style.choice((1, 2)), style.flag(0.15)
    sketch.line_width = style.integer(2, 2, 3)
    labels: list[tuple[Point, Point, tuple[str, ...], float]] = []
    for part in _parts(circuit, style):
        p, q = (
            (left + (right - left) * x / 2, top + (bottom - top) * y / 2) for x, y in (part.start, part.end)
        )
        centre, u = middle(p, q), unit(p, q)
        if part.symbol == "wire":
            sketch.line(p, q)
        elif part.symbol == "resistor":
            _resistor(sketch, p, q, length, breadth, zigzag)
            labels.append((centre, u, part.text, breadth))
        else:
            labels.append((centre, u, part.text, _battery(sketch, p, q, cells, ring)))
    if circuit.shape != "series":
        ends = [p for p, _ in sketch.lines] + [q for _, q in sketch.lines]
        sketch.discs = [(p, 4) for p in set(ends) if sum(_near(p, q) for q in ends) == 3]
    for centre, u, text, reach in labels:
        _place(sketch, centre, u, text, reach + style.uniform(9, 7, 12))
    return sketch


def _near(p: Point, q: Point) -> bool:
    return abs(p[0] - q[0]) + abs(p[1] - q[1]) < 0.1


def _resistor(sketch: Sketch, p: Point, q: Point, length: float, breadth: float, zigzag: bool) -> None:
    """A box (IEC) or zigzag (ANSI) in the middle of a line."""
    (x, y), (ux, uy) = middle(p, q), unit(p, q)
    a, b = (x - ux * length / 2, y - uy * length / 2), (x + ux * length / 2, y + uy * length / 2)
    sketch.line(p, a)
    sketch.line(b, q)
    if not zigzag:
        wide, high = abs(ux) * length / 2 + abs(uy) * breadth, abs(uy) * length / 2 + abs(ux) * breadth
        sketch.boxes.append(((x - wide, y - high, x + wide, y + high), False))
        return
    points = [a]
    for i in range(6):
        along, side = (i + 0.5) / 6 * length, breadth * (1 if i % 2 else -1)
        points.append((a[0] + ux * along - uy * side, a[1] + uy * along + ux * side))
    sketch.line(*points, b)


def _battery(sketch: Sketch, p: Point, q: Point, cells: int, ring: bool) -> float:
    """A long and a short plate for each cell, or a ring with a polarity mark; returns half its breadth."""
    (x, y), (ux, uy) = middle(p, q), unit(p, q)
    reach = 20.0 if ring else 6.0 * (2 * cells - 1)
    sketch.line(p, (x - ux * reach, y - uy * reach))
    sketch.line((x + ux * reach, y + uy * reach), q)
    if ring:
        sketch.arcs.append(((x, y), reach, 0, 360))
        sketch.line((x - ux * 12, y - uy * 12), (x + ux * 12, y + uy * 12))
        return reach
    for plate in range(2 * cells):
        along, half = -reach + 12 * plate, (11 if plate % 2 else 22)
        at = (x + ux * along, y + uy * along)
        sketch.line((at[0] - uy * half, at[1] + ux * half), (at[0] + uy * half, at[1] - ux * half))
    return 22.0


def _place(sketch: Sketch, centre: Point, u: Point, text: tuple[str, ...], reach: float) -> None:
    """A label above or below a horizontal symbol in one line, beside a vertical one in two."""
    level = abs(u[0]) > 0.5
    sides = [(0.0, -1.0), (0.0, 1.0)] if level else [(1.0, 0.0), (-1.0, 0.0)]
    if sketch.style.choice((False, True)):
        sides.reverse()
    stacked = sketch.style.flag(0.3) if level else True
    lines = list(text) if stacked else [sketch.style.choice((" = ", " ", ": ")).join(text)]
    step = sketch.font.size * 1.12
    before = len(sketch.labels)
    for normal in sides:
        del sketch.labels[before:]
        height = step * (len(lines) - 1)
        x, y = centre[0], centre[1] + normal[1] * height / 2
        for i, line in enumerate(lines):
            # Stacked lines stand round the symbol's middle, or wholly above or below it.
            offset = (i - (len(lines) - 1) / 2) * step
            sketch.label_beside((x, y + offset), normal, line, reach)
        if sketch.clear():
            return


def schematic(circuit: Circuit, style: Style) -> Image.Image:
    """The same circuit by schemdraw on matplotlib; slow, for a small share of the items."""
    try:
        import schemdraw
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from schemdraw import elements as elm
    except ImportError as error:
        raise UnavailableError(
            "circuit figures need schemdraw, which is not installed; pip install 'r1v[figures]'"
        ) from error

    box = style.choice((False, True))
    ink, paper = ("#{:02x}{:02x}{:02x}".format(*color) for color in (style.ink, style.background))
    side = style.uniform(4.5, 4.2, 4.9)
    figure = Figure(figsize=(side, side * 0.94), dpi=100, facecolor=paper)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    drawing = schemdraw.Drawing(canvas=axes, show=False)
    drawing.config(unit=3, fontsize=15, color=ink, bgcolor=paper, lw=1.8)
    for part in _parts(circuit, style):
        p, q = ((3.2 * x, -2.9 * y) for x, y in (part.start, part.end))
        if part.symbol == "wire":
            drawing.add(elm.Line().endpoints(p, q))
            continue
        resistor = elm.ResistorIEC if box else elm.ResistorIEEE
        element = resistor() if part.symbol == "resistor" else elm.BatteryCell()
        upright = abs(p[0] - q[0]) < 0.1
        drawing.add(element.endpoints(p, q).label(("\n" if upright else " = ").join(part.text)))
    drawing.draw(show=False)
    # schemdraw puts labels on the left of upright symbols and above the others.
    axes.set_axis_off()
    axes.set_xlim(-1.9, 7.2)
    axes.set_ylim(-6.7, 1.4)
    canvas.draw()
    image = Image.frombytes("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba())).convert("RGB")
    figure.clear()
    return image


# ---------------------------------------------------------------------------------------------- questions


def _draw(request: Request) -> Draft:
    """One question of the request's kind."""
    circuit = plan(request)
    facts = {"battery": str(circuit.volts)} | {f"R{i}": str(ohm) for i, ohm in enumerate(circuit.ohms, 1)}
    read = [f"{name}: {value}" for name, value in facts.items()]
    if request.kind == "total":
        read = read[1:]
    lines, answer, asked = working(request.kind, circuit, request.rng)
    text = request.wording(name=asked)
    style = request.style
    if style.flag(0.04):
        image = schematic(circuit, style)
    else:
        image = arrange(style, lambda look: sketch_of(circuit, look)).paint()
    return Draft(
        question=text[0].upper() + text[1:],
        answer=str(answer),
        answer_type="number",
        solution="\n".join([*read, *lines]),
        facts=facts,
        images=(image,),
    )


def working(kind: str, circuit: Circuit, rng: Random) -> tuple[list[str], int, str]:
    """The lines after the readings, the answer, and the resistor that is asked about."""
    lines = _total_steps(circuit)
    current = circuit.volts // circuit.total
    if kind == "total":
        return [*lines, f"The total resistance is {circuit.total} ohm."], circuit.total, "R1"
    lines.append(f"{circuit.volts} / {circuit.total} = {current}")
    if kind == "current":
        return [*lines, f"The current is {current} A."], current, "R1"
    alone = {"series": range(len(circuit.ohms)), "between": (0, 3)}.get(circuit.shape, (0,))
    asked = rng.choice(list(alone))
    ohm, name = circuit.ohms[asked], f"R{asked + 1}"
    answer = current * ohm
    return [*lines, f"{current} * {ohm} = {answer}", f"The voltage over {name} is {answer} V."], answer, name


_WHERE = (
    "[|in the circuit shown, |in this circuit, |look at the circuit and |for the circuit in the picture, ]"
)
_ASK = "[find|work out|calculate|determine|give|compute|tell me]"

FAMILY = Family(
    name="circuit",
    summary="resistors in series and parallel with a battery: total resistance, current, voltage",
    kinds={
        "total": f"{_WHERE}{_ASK} the [total|overall|equivalent|combined] resistance "
        "[of the resistors |of the circuit |]in [ohm|ohms|Ω].",
        "current": f"{_WHERE}{_ASK} the [current that the battery delivers|total current"
        "|current through the battery|current that leaves the battery] in [ampere|amperes|A].",
        "voltage": f"{_WHERE}{_ASK} the voltage [over|across|at|over the resistor|across the resistor] "
        "{name} in [volt|volts|V].",
    },
    draw=_draw,
)
