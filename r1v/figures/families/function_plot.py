"""Graphs of functions on a unit grid: lines, parabolas, absolute values and step functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from r1v.figures.drawing import agg
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
)
from r1v.figures.drawing.style import Color, Style
from r1v.figures.item import Draft, Family, Request

_LEAD = "[|Look at the graph. |The picture shows the graph of f. |Here is the graph of a function f. ]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "value": f"{_LEAD}[What is f({{x}})|What is the value of f at x = {{x}}|How large is f(x) for x = {{x}}|"
    f"Which value does the function take at x = {{x}}|Read off f({{x}}): how large is it]?{_END}",
    "solve": f"{_LEAD}[For which {{which}}x is f(x) = {{y}}|What is the {{which}}x with f(x) = {{y}}|"
    "At which {which}x does the graph have the height {y}|Find the {which}x where f(x) = {y}: what is it]?"
    f"{_END}",
    "intercept": f"{_LEAD}[Where does the graph cut the y-axis|At which y does the graph meet the y-axis|"
    "What is the y-intercept|At which height does the graph cross the y-axis] "
    f"[in the picture|here|in this graph]?{_END}",
    "slope": f"{_LEAD}[What is the slope of|How large is the slope of|"
    "What is the gradient of|How large is the gradient of] "
    f"[the line|the straight line|the graph] [in the picture|here|shown]?{_END}",
    "vertex": f"{_LEAD}[What is the {{axis}}-coordinate of|Which {{axis}}-coordinate has|"
    f"What is the value of {{axis}} at] the {{extreme}} point [of the graph|of the curve|in the picture]?"
    f"{_END}",
}
Function = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Plot:
    shape: str  # line, parabola, corner or steps
    f: Function
    vertex: int | None  # its x
    opens_up: bool
    jumps: tuple[int, ...]  # where steps begin, and where the last one ends
    bounds: tuple[int, int, int, int]  # x low, x high, y low, y high
    marked: bool

    def points(self) -> list[tuple[int, int]]:
        """The visible points of the graph with whole coordinates, from left to right."""
        low, high, bottom, top = self.bounds
        if self.jumps:
            low, high = self.jumps[0], self.jumps[-1] - 1
        found = ((x, self.f(x)) for x in range(low, high + 1))
        return [(x, int(y)) for x, y in found if y == int(y) and bottom <= y <= top]


def _line(rng: Random, level: int, bounds: tuple[int, int, int, int]) -> tuple[Function, None, bool]:
    slope = rng.choice(((1, -1, 2, -2), (1, -1, 2, -2, 3, -3), (0.5, -0.5, 1.5, -1.5, 2, -2, 3, -3))[level])
    height = rng.randint(bounds[2] + 1, bounds[3] - 1)
    return lambda x: slope * x + height, None, False


def _parabola(rng: Random, level: int, bounds: tuple[int, int, int, int]) -> tuple[Function, int, bool]:
    a = rng.choice(((1, -1), (1, -1), (1, -1, 2, -2, 0.5, -0.5))[level])
    h, k = rng.randint(bounds[0] + 1, bounds[1] - 1), rng.randint(bounds[2], bounds[3])
    return lambda x: a * (x - h) ** 2 + k, h, a > 0


def _corner(rng: Random, level: int, bounds: tuple[int, int, int, int]) -> tuple[Function, int, bool]:
    a = rng.choice(((1, -1), (1, -1, 2, -2), (1, -1, 2, -2, 3, 0.5, -0.5))[level])
    h, k = rng.randint(bounds[0] + 1, bounds[1] - 1), rng.randint(bounds[2], bounds[3])
    return lambda x: a * abs(x - h) + k, h, a > 0


def _steps(rng: Random, bounds: tuple[int, int, int, int]) -> tuple[Function, tuple[int, ...]]:
    jumps = [bounds[0] + rng.randint(0, 1)]
    heights: list[int] = []
    while jumps[-1] <= bounds[1] - 2:
        jumps.append(min(bounds[1], jumps[-1] + rng.randint(2, 3)))
        heights.append(rng.choice([y for y in range(bounds[2], bounds[3] + 1) if y not in heights[-1:]]))
    edges = tuple(jumps)
    return lambda x: heights[max(i for i in range(len(heights)) if edges[i] <= x)], edges


def plan(request: Request) -> Plot:
    """A function of which enough can be read for the kind of question."""
    rng, style, level, kind = request.rng, request.style, request.level, request.kind
    bounds = (
        style.integer(-5, -7, -2),
        style.integer(5, 3, 7),
        style.integer(-5, -7, -2),
        style.integer(5, 3, 7),
    )
    shapes = {"slope": ("line",), "vertex": ("corner", "parabola")}.get(kind) or (
        ("line", "line", "corner"),
        ("line", "parabola", "corner"),
        ("line", "parabola", "corner", *(("steps",) if kind == "value" else ())),
    )[level]
    marked = not style.flag(0.7)
    jumps: tuple[int, ...]
    while True:
        shape = rng.choice(shapes)
        vertex: int | None = None
        opens_up, jumps = False, ()
        if shape == "steps":
            f, jumps = _steps(rng, bounds)
        elif shape == "line":
            f, vertex, opens_up = _line(rng, level, bounds)
        else:
            f, vertex, opens_up = (_parabola if shape == "parabola" else _corner)(rng, level, bounds)
        plot = Plot(shape, f, vertex, opens_up, jumps, bounds, marked and shape != "steps")
        points = plot.points()
        if len(points) < 3 or (kind == "intercept" and 0 not in (x for x, _ in points)):
            continue
        if vertex is None or (vertex, f(vertex)) in points:
            return plot


def curve_pieces(plot: Plot) -> list[list[tuple[float, float]]]:
    """The visible graph as lists of points in coordinates of the data."""
    if plot.jumps:
        return [[(a, plot.f(a)), (b, plot.f(a))] for a, b in zip(plot.jumps, plot.jumps[1:], strict=False)]
    low, high, bottom, top = plot.bounds
    fine = 10 if plot.shape == "parabola" else 40
    xs = [low - 0.3 + k / fine for k in range(int((high - low + 0.6) * fine) + 1)]
    if plot.vertex is not None:
        xs = sorted([*xs, plot.vertex])
    piece = [(x, y) for x in xs if bottom - 0.3 <= (y := plot.f(x)) <= top + 0.3]
    if plot.shape != "parabola":  # straight pieces: their ends are enough
        piece = [piece[0], *((x, y) for x, y in piece[1:-1] if x == plot.vertex), piece[-1]]
    return [piece]


def dots_of(plot: Plot) -> list[tuple[float, float, bool]]:
    """Dots on the graph: where steps begin (filled) and end (open), or the points with whole coordinates."""
    if plot.jumps:
        pieces = curve_pieces(plot)
        return [(*piece[0], True) for piece in pieces] + [(*piece[1], False) for piece in pieces]
    return [(x, y, True) for x, y in plot.points()] if plot.marked else []


def _axes_inside(
    draw: ImageDraw.ImageDraw, axes: Axes, plot: Plot, style: Style, image: Image.Image, every: int
) -> None:
    """Axes through the origin with their numbers beside them."""
    font = font_for(style, image, 17, 15, 18)
    low, high, bottom, top = plot.bounds
    ink, paper = style.ink, style.background
    ox, oy = axes.point(0, 0)
    draw.line((axes.left, oy, axes.right, oy), fill=ink, width=2)
    draw.line((ox, axes.top, ox, axes.bottom), fill=ink, width=2)
    draw.polygon([(axes.right, oy), (axes.right - 9, oy - 5), (axes.right - 9, oy + 5)], fill=ink)
    draw.polygon([(ox, axes.top), (ox - 5, axes.top + 9), (ox + 5, axes.top + 9)], fill=ink)
    size = font.size
    for x in range(low, high + 1):
        if x and x % every == 0:
            at, half = axes.point(x, 0)[0], len(str(x)) * size * 0.3
            draw.line((at, oy - 4, at, oy + 4), fill=ink, width=2)
            draw.rectangle((at - half, oy + 6, at + half, oy + 5 + size), fill=paper)
            draw.text((at, oy + 6), str(x), font=font, fill=ink, anchor="ma")
    for y in range(bottom, top + 1):
        if y and y % every == 0:
            at, half = axes.point(0, y)[1], size * 0.45
            draw.line((ox - 4, at, ox + 4, at), fill=ink, width=2)
            draw.rectangle((ox - 8 - len(str(y)) * size * 0.6, at - half, ox - 7, at + half), fill=paper)
            draw.text((ox - 8, at), str(y), font=font, fill=ink, anchor="rm")
    draw.text((ox - 7, oy + 5), "0", font=font, fill=ink, anchor="ra")


def _render(plot: Plot, style: Style) -> Image.Image:
    color: Color = style.tint(
        style.choice((PALETTE[0], PALETTE[3], PALETTE[2], PALETTE[4], (40, 40, 40))), 20
    )
    pieces, dots = curve_pieces(plot), dots_of(plot)
    if style.flag(agg.SHARE):
        return agg.curve(style, pieces, plot.bounds, color, dots)
    image = style.canvas(448, 448, 0.1)
    draw = ImageDraw.Draw(image)
    low, high, bottom, top = plot.bounds
    outside, every = style.flag(0.3), 2 if style.flag(0.25) else 1
    side = 44 if outside else 10
    axes = Axes(
        side + style.uniform(0, 0, 20),
        8 + style.uniform(0, 0, 20),
        image.width - 10 - style.uniform(0, 0, 20),
        image.height - (34 if outside else 10) - style.uniform(0, 0, 20),
        low - 0.5,
        high + 0.5,
        bottom - 0.5,
        top + 0.5,
    )
    look = Look.of(style)
    draw_grid(draw, axes, look, range(low, high + 1), range(bottom, top + 1))
    if outside:
        font = font_for(style, image, 17, 15, 18)
        draw_frame(draw, axes, look)
        for start, end in (((low - 0.5, 0), (high + 0.5, 0)), ((0, bottom - 0.5), (0, top + 0.5))):
            draw.line((*axes.point(*start), *axes.point(*end)), fill=style.ink, width=2)
        draw_x_labels(draw, axes, font, style.ink, [x for x in range(low, high + 1) if x % every == 0])
        draw_y_labels(draw, axes, font, style.ink, [y for y in range(bottom, top + 1) if y % every == 0])
    else:
        _axes_inside(draw, axes, plot, style, image, every)
    width = style.integer(3, 2, 4)
    for piece in pieces:
        draw.line([axes.point(*p) for p in piece], fill=color, width=width, joint="curve")
    radius = style.uniform(5.5, 4, 6)
    for x, y, filled in dots:
        at = axes.point(x, y)
        box = (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius)
        draw.ellipse(box, fill=color if filled else style.background, outline=color, width=2)
    return image


def point_text(point: tuple[int, int]) -> str:
    return f"f({point[0]}) = {point[1]}"


def _minus(left: int, right: int) -> str:
    """``left - right = result``, a negative right side in brackets."""
    return f"{left} - {f'({right})' if right < 0 else right} = {left - right}"


def walk(points: list[tuple[int, int]], i: int) -> str:
    """The readings from the y-axis, or the point nearest to it, to a point: one small step after the
    other."""
    start = min(range(len(points)), key=lambda k: abs(points[k][0]))
    way = range(start, i + 1) if i >= start else range(start, i - 1, -1)
    return "; ".join(point_text(points[k]) for k in way)


def ask(request: Request, plot: Plot) -> tuple[dict[str, object], str, str]:
    """The question's fields, the answer and the solution."""
    rng, points = request.rng, plot.points()
    xs = [p[0] for p in points]
    i = rng.randrange(len(points))
    x, y = points[i]
    if request.kind == "value":
        return {"x": x}, str(y), f"{walk(points, i)}\nAt x = {x} the graph has the height {y}."
    if request.kind == "intercept":
        y = points[xs.index(0)][1]
        return {}, str(y), f"{point_text((0, y))}\nThe graph cuts the y-axis at {y}."
    if request.kind == "solve":
        y = 0 if rng.random() < 0.5 and any(p[1] == 0 for p in points) else y
        met = [p[0] for p in points if p[1] == y]
        largest = rng.random() < 0.5
        which = "" if len(met) == 1 else "larger " if largest else "smaller "
        x = max(met) if largest else min(met)
        work = f"{walk(points, xs.index(x))}\nThe graph has the height {y} at x = {x}."
        return {"which": which, "y": y}, str(x), work
    if request.kind == "slope":
        start = min(range(len(points)), key=lambda k: abs(xs[k]))
        first = min(start, len(points) - 2)
        a, b = points[first], points[first + 1]
        rise, run = b[1] - a[1], b[0] - a[0]
        slope = number(rise / run)
        work = f"{point_text(a)}; {point_text(b)}\nRise: {_minus(b[1], a[1])}\nRun: {_minus(b[0], a[0])}"
        return {}, slope, f"{work}\n{rise} / {run} = {slope}\nThe slope is {slope}."
    assert plot.vertex is not None
    x, y = plot.vertex, int(plot.f(plot.vertex))
    axis = rng.choice("xy")
    extreme = "lowest" if plot.opens_up else "highest"
    work = f"{extreme} x: {x}\n{point_text((x, y))}\nThe {extreme} point is ({x}, {y})."
    answer = str(x if axis == "x" else y)
    return {"axis": axis, "extreme": extreme}, answer, f"{work}\nIts {axis}-coordinate is {answer}."


def _draw(request: Request) -> Draft:
    plot = plan(request)
    image = _render(plot, request.style)
    fields, answer, solution = ask(request, plot)
    facts = {f"f({x})": str(y) for x, y in plot.points()}
    if plot.vertex is not None:
        facts["lowest x" if plot.opens_up else "highest x"] = str(plot.vertex)
    return Draft(request.wording(**fields), answer, "number", solution, facts, (image,))


FAMILY = Family("function_plot", "lines, parabolas, absolute values and steps on a grid", KINDS, _draw)
