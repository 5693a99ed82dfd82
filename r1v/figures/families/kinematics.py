"""Motion graphs of straight pieces: position over time and velocity over time, on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

from r1v.figures.drawing.axes import (
    PALETTE,
    Axes,
    Look,
    draw_frame,
    draw_grid,
    draw_x_labels,
    draw_y_labels,
    font_for,
    number,
    spaced,
)
from r1v.figures.drawing.style import Style
from r1v.figures.item import Draft, Family, Request

_POSITION = (
    "[|The graph shows the position of a {who} over time. |Here is the position-time graph of a {who}. "
    "|A {who} moves along a straight road. ]"
)
_VELOCITY = (
    "[|The graph shows the velocity of a {who} over time. |Here is the velocity-time graph of a {who}. "
    "|A {who} moves along a straight road. ]"
)
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "position": f"{_POSITION}[Where is the {{who}} at|What is the position of the {{who}} at|"
    "Which position x does the {who} have at|How large is x at] t = {t} s [in the graph|in m|here]?"
    f"{_END}",
    "velocity": f"{_POSITION}[What is the velocity of the {{who}} in m/s|"
    "How large is the velocity of the {who} in m/s|Which velocity in m/s does the {who} have] {when} "
    f"[in the graph|according to the graph|here]?{_END}",
    "rest": f"{_POSITION}[For how many seconds is the {{who}} at rest|"
    "How many seconds does the {who} stand still|How long in s does the {who} rest] "
    f"[in the graph|in all|here]?{_END}",
    "distance": f"{_POSITION}[What is the total distance in m that the {{who}} moves|"
    "How many metres does the {who} move in all, there and back|"
    "What is the length of the whole way of the {who} in m] "
    f"[in the graph|according to the graph|here]?{_END}",
    "acceleration": f"{_VELOCITY}[What is the acceleration of the {{who}} in m/s²|"
    "Which acceleration in m/s² does the {who} have|How large is the acceleration in m/s²] {when} "
    f"[in the graph|according to the graph|here]?{_END}",
    "displacement": f"{_VELOCITY}[What is the displacement of the {{who}} in m|"
    "By how many metres does the {who} get ahead|What is the area under the graph of the {who} in m] "
    f"from t = {{first}} s to t = {{last}} s [in the graph|here|according to the graph]?{_END}",
}
MOVERS = ("car", "bike", "bus", "train", "runner", "dog", "cat", "boat")


@dataclass(frozen=True, slots=True)
class Motion:
    """A graph through corners (t in s, value in m or m/s) on the lines of the grid."""

    letter: str  # x or v
    times: list[int]
    values: list[int]
    step: int  # of the grid along the values
    low: int
    high: int
    end: int  # of the time axis

    def pieces(self) -> list[tuple[int, int, int, int]]:
        """Start and end time, and the values there, of each straight piece."""
        return [
            (a, b, u, w) for (a, b), (u, w) in zip(pairwise(self.times), pairwise(self.values), strict=True)
        ]


def fits(kind: str, motion: Motion) -> bool:
    """Whether every result of the kind is a whole number and there is something to find."""
    pieces = motion.pieces()
    flat = [u == w for _, _, u, w in pieces]
    if any(a and b for a, b in pairwise(flat)):  # two flat pieces in a row cannot be told apart
        return False
    slopes = [(w - u) / (b - a) for a, b, u, w in pieces]
    if any(p == q for p, q in pairwise(slopes)):
        return False
    if kind == "displacement":
        return all(u * w >= 0 and (u + w) * (b - a) % 2 == 0 for a, b, u, w in pieces)
    if kind in ("velocity", "acceleration") and any(slope != int(slope) for slope in slopes):
        return False
    return any(flat) if kind == "rest" else not all(flat)


def plan(request: Request) -> Motion:
    rng, style, level, kind = request.rng, request.style, request.level, request.kind
    letter = "v" if kind in ("acceleration", "displacement") else "x"
    lines = style.integer(6, 5, 8)
    below = lines // 3 if letter == "v" and level == 2 else 0
    end = style.integer(8, 7, 10)
    steps = {"x": ((1, 2, 5), (2, 5, 10), (2, 5, 10, 20)), "v": ((1, 2), (1, 2, 5), (1, 2, 4, 5))}[letter][
        level
    ]
    count = rng.randint(*((2, 2), (3, 3), (3, 4))[level])
    while True:
        step = rng.choice(steps)
        times = [0, *sorted(rng.sample(range(1, end + 1), count))]
        values = [step * rng.randint(0, lines - below)]
        for _ in range(count):
            stay = rng.random() < 0.3
            values.append(values[-1] if stay else step * rng.randint(-below, lines - below))
        motion = Motion(letter, times, values, step, -below * step, (lines - below) * step, end)
        if fits(kind, motion):
            return motion


def _render(motion: Motion, style: Style) -> Image.Image:
    image = style.canvas(448, 448, 0.1)
    draw = ImageDraw.Draw(image)
    font = font_for(style, image, 19, 15, 20)
    ys = spaced(motion.low, motion.high, motion.step)
    wide = max(font.getlength(number(y)) for y in ys)
    axes = Axes(
        wide + 16 + style.uniform(0, 0, 20),
        font.size * 1.5 + 12 + style.uniform(0, 0, 15),
        image.width - 14 - style.uniform(0, 0, 20),
        image.height - font.size * 2.5 - 12 - style.uniform(0, 0, 12),
        0,
        motion.end + 0.3,
        motion.low,
        motion.high,
    )
    look = Look.of(style)
    seconds = range(motion.end + 1)
    draw_grid(draw, axes, look, seconds, ys)
    draw_frame(draw, axes, look)
    if motion.low < 0:
        draw.line((*axes.point(0, 0), *axes.point(motion.end + 0.3, 0)), fill=style.ink, width=2)
    draw_x_labels(draw, axes, font, style.ink, seconds)
    draw_y_labels(draw, axes, font, style.ink, ys)
    unit = "m" if motion.letter == "x" else "m/s"
    names = style.choice(
        (f"{motion.letter} in {unit}", f"{motion.letter} ({unit})", f"{motion.letter} [{unit}]")
    )
    draw.text((6, 6), names, font=font, fill=style.ink, anchor="la")
    time = names.replace(motion.letter, "t", 1).replace(unit, "s")
    draw.text((axes.right, image.height - 5), time, font=font, fill=style.ink, anchor="rd")
    color = style.tint(style.choice((PALETTE[0], PALETTE[3], PALETTE[2], PALETTE[4], (30, 30, 30))), 20)
    points = [axes.point(t, y) for t, y in zip(motion.times, motion.values, strict=True)]
    draw.line(points, fill=color, width=style.integer(3, 3, 5), joint="curve")
    if not style.flag(0.6):
        radius = style.uniform(5.5, 4, 6.5)
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    return image


def _minus(left: int, right: int) -> str:
    """``left - right = result``, a negative right side in brackets."""
    return f"{left} - {f'({right})' if right < 0 else right} = {left - right}"


def corners(motion: Motion) -> str:
    return "; ".join(f"{motion.letter}({t}) = {v}" for t, v in zip(motion.times, motion.values, strict=True))


def _signed_sum(values: list[int]) -> str:
    """The lines that add values of either sign from left to right."""
    lines, total = [], values[0]
    for value in values[1:]:
        lines.append(f"{total} {'-' if value < 0 else '+'} {abs(value)} = {total + value}")
        total += value
    return "\n".join(lines)


def _area(piece: tuple[int, int, int, int]) -> str:
    """The line that finds the area of one piece."""
    a, b, u, w = piece
    if u == w:
        return f"{a} to {b} s, {u} x {b - a} = {u * (b - a)}"
    added = f"{u} - {abs(w)}" if w < 0 else f"{u} + {w}"
    double = (u + w) * (b - a)
    return f"{a} to {b} s, {added} = {u + w}, {u + w} x {b - a} = {double}, {double} / 2 = {double // 2}"


def _slope(request: Request, motion: Motion) -> tuple[dict[str, object], str, str]:
    """Velocity or acceleration in one piece."""
    rng = request.rng
    a, b, u, w = rng.choice([p for p in motion.pieces() if p[2] != p[3]] or motion.pieces())
    inside = range(a + 1, b)
    if request.level and inside and rng.random() < 0.5:
        t = rng.choice(inside)
        when, lead = f"at t = {t} s", f"t = {t} s lies between {a} s and {b} s.\n"
    else:
        when, lead = f"between t = {a} s and t = {b} s", ""
    answer = (w - u) // (b - a)
    name, unit = ("velocity", "m/s") if motion.letter == "x" else ("acceleration", "m/s²")
    work = (
        f"{lead}{_minus(w, u)}\n{_minus(b, a)}\n{w - u} / {b - a} = {answer}\nThe {name} is {answer} {unit}."
    )
    return {"when": when}, str(answer), work


def ask(request: Request, motion: Motion) -> tuple[dict[str, object], str, str]:
    """The question's fields, the answer, and the working after the transcription."""
    rng, pieces = request.rng, motion.pieces()
    if request.kind == "position":
        between = [
            (t, u + (w - u) * (t - a) // (b - a))
            for a, b, u, w in pieces
            for t in range(a + 1, b)
            if (w - u) * (t - a) % ((b - a) * motion.step) == 0
        ]
        corners = list(zip(motion.times, motion.values, strict=True))
        t, x = rng.choice(between if request.level and between and rng.random() < 0.5 else corners)
        return {"t": t}, str(x), f"At t = {t} s the graph has the height {x}.\nSo the position is {x} m."
    if request.kind in ("velocity", "acceleration"):
        return _slope(request, motion)
    if request.kind == "rest":
        flat = [(a, b) for a, b, u, w in pieces if u == w]
        work = "\n".join(f"Flat from {a} to {b} s, {b} - {a} = {b - a}" for a, b in flat)
        total = sum(b - a for a, b in flat)
        added = f"\n{_signed_sum([b - a for a, b in flat])}" if len(flat) > 1 else ""
        return {}, str(total), f"{work}{added}\nIt rests for {total} s."
    if request.kind == "distance":
        ways = [abs(w - u) for _, _, u, w in pieces]
        work = "\n".join(
            f"{a} to {b} s, {max(u, w)} - {min(u, w)} = {way}"
            for (a, b, u, w), way in zip(pieces, ways, strict=True)
        )
        return {}, str(sum(ways)), f"{work}\n{_signed_sum(ways)}\nThe total distance is {sum(ways)} m."
    first = rng.randrange(len(pieces)) if request.level else 0
    last = rng.randint(first, min(len(pieces) - 1, first + 2))
    chosen = pieces[first : last + 1]
    areas = [(u + w) * (b - a) // 2 for a, b, u, w in chosen]
    work = "\n".join(_area(piece) for piece in chosen)
    if len(areas) > 1:
        work += "\n" + _signed_sum(areas)
    fields: dict[str, object] = {"first": chosen[0][0], "last": chosen[-1][1]}
    return fields, str(sum(areas)), f"{work}\nThe displacement is {sum(areas)} m."


def _draw(request: Request) -> Draft:
    motion = plan(request)
    image = _render(motion, request.style)
    who = request.rng.choice(MOVERS)
    fields, answer, work = ask(request, motion)
    facts = {f"{motion.letter}({t})": str(v) for t, v in zip(motion.times, motion.values, strict=True)}
    solution = f"{corners(motion)}\n{work}"
    return Draft(request.wording(who=who, **fields), answer, "number", solution, facts, (image,))


FAMILY = Family("kinematics", "position or velocity over time in straight pieces", KINDS, _draw)
