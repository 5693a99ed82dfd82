"""Line charts: one or two series over months, days or years, with values on grid lines or printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from r1v.figures.drawing import agg
from r1v.figures.drawing.axes import (
    MIN_SIZE,
    PALETTE,
    PALETTE_NAMES,
    Axes,
    Look,
    draw_frame,
    draw_grid,
    draw_title,
    draw_x_labels,
    draw_y_labels,
    fitted,
    font_for,
    number,
    scale_of,
    spaced,
)
from r1v.figures.drawing.style import Color, Style
from r1v.figures.item import AnswerType, Draft, Family, Request
from r1v.figures.names import POOLS, pick
from r1v.figures.steps import grid_lines, readings, record_line, so_far

_LEAD = "[|Look at the graph. |Read the line chart. |Here is a line chart. ]"
_IN = "[in the chart|in this graph|in the picture|according to the line chart|here]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "value": f"{_LEAD}[What is the value{{of}} in|Which value does the line{{of}} have in|"
    f"How high is the line{{of}} in|What number do you read{{of}} for] {{label}} {_IN}?{_END}",
    "extreme": f"{_LEAD}[When is the line{{of}}|Where is the value{{of}}|At which label is the line{{of}}|"
    f"When is the value{{of}}] {{extreme}} {_IN}?[| Give the label below the graph.| Answer with the label.]",
    "rise": f"{_LEAD}[In which one does the line{{of}} rise|When does the value{{of}} grow|"
    f"At which label has the value{{of}} risen|Where has the line{{of}} gone up] "
    f"[the most|by the largest amount] compared with the one before {_IN}?[| Answer with the label.]",
    "change": f"{_LEAD}[By how much does the value{{of}} {{verb}}|By how much does the line{{of}} {{verb}}|"
    f"How much does the value{{of}} {{verb}}] from {{first}} to {{last}} {_IN}?{_END}",
    "gap": f"{_LEAD}[How much higher is {{larger}} than {{smaller}}|"
    "By how much is {larger} above {smaller}|What is the difference between {larger} and {smaller}|"
    f"By how much does {{larger}} exceed {{smaller}}] [in|at] {{label}} {_IN}?{_END}",
}


@dataclass(frozen=True, slots=True)
class _Chart:
    labels: list[str]
    names: list[str]  # of the series; one empty name for a single line
    values: list[list[int]]  # a row for each series
    low: int
    step: int
    printed: bool
    title: str
    hues: list[int]  # of the series, in the palette

    @property
    def colors(self) -> list[Color]:
        """The colour of each series."""
        return [PALETTE[hue] for hue in self.hues]

    @property
    def ticks(self) -> list[float]:
        """Grid lines from the lowest one to the first at or above every value."""
        high = max(max(row) for row in self.values)
        return spaced(self.low, self.low + -(-(high - self.low) // self.step) * self.step, self.step)

    def key(self, row: int, i: int) -> str:
        """The name of a reading."""
        return f"{self.names[row]} {self.labels[i]}".strip()

    def pairs(self, row: int) -> list[tuple[str, object]]:
        """The readings of one series, from left to right."""
        return [(self.key(row, i), value) for i, value in enumerate(self.values[row])]


def _labels(request: Request, count: int) -> list[str]:
    rng = request.rng
    if rng.random() < 0.25:
        count = min(count, 6)
        start = rng.randint(1990, 2025 - count)
        return [str(start + i) for i in range(count)]
    return pick(rng, count, 3, ("month", "month", "day"))[1]


def _row(request: Request, count: int, low: int, part: int, lines: int) -> list[int]:
    """Values on (parts of) grid lines with one largest, one smallest and one largest rise."""
    while True:
        row = [low + part * request.rng.randint(1, lines) for _ in range(count)]
        rises = [b - a for a, b in pairwise(row)]
        best = max(rises)
        if row.count(max(row)) == row.count(min(row)) == rises.count(best) == 1 and best > 0:
            return row


def _plan(request: Request) -> _Chart:
    rng, style, level = request.rng, request.style, request.level
    two = request.kind == "gap" or rng.random() < (0.0, 0.35, 0.65)[level]
    count = rng.randint(*((4, 4), (5, 6), (6, 7))[level])
    labels = _labels(request, count)
    count = len(labels)
    step = rng.choice(((1, 2, 5, 10), (2, 5, 10, 20), (2, 4, 10, 20, 50, 100))[level])
    lines = style.integer(6, 5, 8)
    part = step if level < 2 else step // 2
    low = step * style.integer(0, 1, 5) if style.flag(0.2) else 0
    names = pick(rng, 2, 5, ("person", "city", "letter", "animal"))[1] if two else [""]
    values = [_row(request, count, low, part, lines * step // part) for _ in names]
    shift = style.choice(range(len(PALETTE)))
    hues = [shift, (shift + 1 + style.choice((0, 1, 2, 4))) % len(PALETTE)]
    title = rng.choice(POOLS["month"].titles + POOLS["person"].titles) if style.flag(0.5) else ""
    return _Chart(labels, names, values, low, step, not two and not style.flag(0.65), title, hues)


def _marker(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, color: Color, square: bool
) -> None:
    box = (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius)
    if square:
        draw.rectangle(box, fill=color)
    else:
        draw.ellipse(box, fill=color)


def _legend(
    draw: ImageDraw.ImageDraw,
    chart: _Chart,
    at: tuple[float, float],
    width: float,
    font: ImageFont.FreeTypeFont,
    ink: Color,
) -> None:
    """The names beside a piece of their line, in one row that starts at a point."""
    x, y = at
    for row, name in enumerate(chart.names):
        color = chart.colors[row]
        draw.line((x, y, x + 34, y), fill=color, width=4)
        _marker(draw, (x + 17, y), 6, color, row == 1)
        draw.text((x + 42, y), name, font=font, fill=ink, anchor="lm")
        x += width


def _draw_series(
    draw: ImageDraw.ImageDraw, axes: Axes, chart: _Chart, style: Style, font: ImageFont.FreeTypeFont
) -> None:
    width = style.integer(3, 2, 4)
    radius = style.uniform(6, 4.5, 7)
    for row, values in enumerate(chart.values):
        color = chart.colors[row]
        points = [axes.point(i + 0.5, value) for i, value in enumerate(values)]
        draw.line(points, fill=color, width=width, joint="curve")
        for at in points:
            _marker(draw, at, radius, color, row == 1)
        if not chart.printed:
            continue
        for i, (x, y) in enumerate(points):
            beside = [values[k] for k in (i - 1, i + 1) if 0 <= k < len(values)]
            below = all(v > values[i] for v in beside) and y < axes.bottom - font.size * 1.6
            draw.text(
                (x, y + 9 if below else y - 9),
                str(values[i]),
                font=font,
                fill=style.ink,
                anchor="ma" if below else "mb",
                stroke_width=2,
                stroke_fill=style.background,
            )


def _render(chart: _Chart, style: Style) -> Image.Image:
    if style.flag(agg.SHARE):
        series = list(zip(chart.names, chart.values, chart.colors, strict=False))
        return agg.lines(style, chart.labels, series, chart.ticks, chart.printed, chart.title)
    image = style.canvas(448, 448, 0.1)
    draw = ImageDraw.Draw(image)
    scale = scale_of(image)
    top = draw_title(draw, image, chart.title, style) if chart.title else 10 + style.uniform(0, 0, 15)
    tick, text = font_for(style, image, 19, MIN_SIZE, 21), font_for(style, image, 20, 16, 22)
    left = max(tick.getlength(number(t)) for t in chart.ticks) + 16 + style.uniform(0, 0, 20)
    right = image.width - 10 - style.uniform(0, 0, 20)
    font = fitted(
        font_for(style, image, 19, MIN_SIZE, 21),
        chart.labels,
        (right - left) / len(chart.labels) - 4,
        image,
        style,
    )
    bottom = image.height - font.size * 1.3 - 12 - style.uniform(0, 0, 12)
    if len(chart.names) > 1:
        width = max(text.getlength(n) for n in chart.names) + 66
        x = left + max(0.0, style.uniform(0, 0, right - left - 2 * width))
        if style.flag(0.35):
            bottom -= text.size * 1.4
            y = image.height - text.size * 0.7 - 5
        else:
            y, top = top + text.size * 0.6, top + text.size * 1.3
        _legend(draw, chart, (x, y), width, text, style.ink)
    top += 24 * scale if chart.printed else 10
    axes = Axes(left, top, right, bottom, 0, len(chart.labels), chart.low, chart.ticks[-1])
    look = Look.of(style)
    places = [i + 0.5 for i in range(len(chart.labels))]
    draw_grid(draw, axes, look, places if not style.flag(0.4) else (), chart.ticks)
    draw_y_labels(draw, axes, tick, style.ink, chart.ticks)
    draw_frame(draw, axes, look)
    draw_x_labels(draw, axes, font, style.ink, places, chart.labels)
    _draw_series(draw, axes, chart, style, text)
    return image


def _both(chart: _Chart, fields: Mapping[str, object]) -> list[str]:
    """The readings of both lines at one label: the labels up to it, then each line's height there."""
    i = chart.labels.index(str(fields["label"]))
    lines = [readings((f"point {k + 1}", label) for k, label in enumerate(chart.labels[: i + 1]))]
    for name in (str(fields["larger"]), str(fields["smaller"])):
        value = chart.values[chart.names.index(name)][i]
        (at,) = grid_lines([value], chart.low, chart.step)
        lines.append(
            f"{PALETTE_NAMES[chart.hues[chart.names.index(name)]]}, {at}; {name} {chart.labels[i]}: {value}"
        )
    return lines


def _points(chart: _Chart, row: int, kind: str, extreme: str) -> list[str]:
    """The readings of a series: number, colour where there are two, grid line, label, value; what the kind of
    question asks about, records or changes, is said where it is met."""
    values = chart.values[row]
    pairs = list(zip(chart.labels, values, strict=True))
    read = so_far(pairs, extreme == "highest", extreme) if extreme else [f"{n}: {v}" for n, v in pairs]
    if kind == "rise":
        changes = ["", *(f"; {_signed(b - a)}" for a, b in pairwise(values))]
        read = [said + change for said, change in zip(read, changes, strict=True)]
    color = f", {PALETTE_NAMES[chart.hues[row]]}" if len(chart.names) > 1 else ""
    places = (
        [""] * len(values)
        if chart.printed
        else [f", {at}" for at in grid_lines(values, chart.low, chart.step)]
    )
    return [f"point {i}{color}{at}; {said}" for i, (at, said) in enumerate(zip(places, read, strict=True), 1)]


def _signed(value: int) -> str:
    return f"+{value}" if value > 0 else str(value)


def _ask(request: Request, chart: _Chart) -> tuple[dict[str, object], str, str]:
    """The question's fields, the answer, and the working after the readings."""
    rng, labels = request.rng, chart.labels
    row = rng.randrange(len(chart.names))
    values = chart.values[row]
    fields: dict[str, object] = {"of": f" of {chart.names[row]}" if chart.names[row] else ""}
    whose = f"{chart.names[row]} is" if chart.names[row] else "the line is"
    i = rng.randrange(len(labels))
    if request.kind == "value":
        return {**fields, "label": labels[i]}, str(values[i]), f"In {labels[i]} {whose} at {values[i]}."
    if request.kind == "extreme":
        largest = rng.random() < 0.5
        word = "highest" if largest else "lowest"
        best = (max if largest else min)(values)
        label = labels[values.index(best)]
        end = f"{chart.names[row] or 'The line'} is {word} in {label}, at {best}."
        return {**fields, "extreme": word}, label, end
    if request.kind == "rise":
        changes = [b - a for a, b in pairwise(values)]
        best = max(changes)
        label = labels[changes.index(best) + 1]
        line = record_line(labels[1:], changes, True, "Largest")
        return fields, label, f"{line}.\nThe rise in {label} is the largest, {best}."
    if request.kind == "change":
        pairs = [
            (a, b) for a in range(len(labels)) for b in range(a + 1, len(labels)) if values[a] != values[b]
        ]
        a, b = rng.choice(pairs)
        verb = "rise" if values[b] > values[a] else "fall"
        high, low = max(values[a], values[b]), min(values[a], values[b])
        work = f"{labels[a]}: {values[a]}\n{labels[b]}: {values[b]}\n{high} - {low} = {high - low}"
        work += f"\nThe {verb} is {high - low}."
        return {**fields, "verb": verb, "first": labels[a], "last": labels[b]}, str(high - low), work
    apart = [k for k in range(len(labels)) if chart.values[0][k] != chart.values[1][k]]
    i = rng.choice(apart or [i])
    upper = 0 if chart.values[0][i] >= chart.values[1][i] else 1
    high, low = chart.values[upper][i], chart.values[1 - upper][i]
    fields = {"larger": chart.names[upper], "smaller": chart.names[1 - upper], "label": labels[i]}
    work = f"{high} - {low} = {high - low}\n{chart.names[upper]} is {high - low} higher."
    return fields, str(high - low), work


def _draw(request: Request) -> Draft:
    chart = _plan(request)
    image = _render(chart, request.style)
    fields, answer, work = _ask(request, chart)
    facts = {name: str(value) for row in range(len(chart.names)) for name, value in chart.pairs(row)}
    facts["grid step"] = str(chart.step)
    facts |= {"grid from": str(chart.low)} | {f"point {i + 1}": label for i, label in enumerate(chart.labels)}
    lines = [] if chart.printed else [f"grid from: {chart.low}", f"grid step: {chart.step}"]
    if len(chart.names) > 1:  # the colour of a line comes before what is read from it
        colors = [PALETTE_NAMES[k] for k in chart.hues]
        facts |= dict(zip(chart.names, colors, strict=True))
        lines.append(readings(zip(chart.names, colors, strict=True)))
    if request.kind == "gap":
        lines += _both(chart, fields)
    else:
        row = chart.names.index(str(fields["of"]).removeprefix(" of "))
        values, name = chart.values[row], chart.names[row]
        if name:  # which line is meant is said before any point is read
            lines.append(f"asked: {name}; {name}: {facts[name]}")
        facts |= {label: str(value) for label, value in zip(chart.labels, values, strict=True)}
        lines += _points(chart, row, request.kind, str(fields.get("extreme", "")))
    solution = "\n".join([*lines, work])
    answer_type: AnswerType = "string" if request.kind in ("extreme", "rise") else "number"
    return Draft(request.wording(**fields), answer, answer_type, solution, facts, (image,))


FAMILY = Family("line_chart", "one or two lines over months, days or years", KINDS, _draw)
