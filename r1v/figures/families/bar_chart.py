"""Bar charts: vertical or horizontal bars with names; values printed on the bars or read from grid lines."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from r1v.figures.drawing import agg
from r1v.figures.drawing.axes import (
    MIN_SIZE,
    PALETTE,
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
from r1v.figures.steps import grid_lines, indexed, readings, record_line, running_sum

_LEAD = "[|Look at the chart. |Read the bar chart. |Here is a bar chart. ]"
_IN = "[in the chart|in this bar chart|in the picture|according to the chart|here]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "value": f"{_LEAD}[What is the value of|Which number belongs to|What value is shown for|How large is] "
    f"{{name}} {_IN}?{_END}",
    "extreme": f"{_LEAD}[Which name has the|What is the name with the|Which one has the|"
    f"Tell me which name has the] {{extreme}} [value|number|bar] {_IN}?"
    "[| Answer with its name.| Give the name.]",
    "difference": f"{_LEAD}[How much larger is {{larger}} than {{smaller}}|"
    "How much more does {larger} have than {smaller}|By how much does {larger} exceed {smaller}|"
    "What is the difference between {larger} and {smaller}|What is {larger} minus {smaller}] "
    f"{_IN}?{_END}",
    "total": f"{_LEAD}[What is the sum of|What is the total of|What do you get if you add|"
    f"How much is the sum of] [the values of|the numbers of|the bars of] {{names}} {_IN}?{_END}",
    "above": f"{_LEAD}[How many bars|How many values|How many of the names] [are above|are larger than|"
    f"go beyond|exceed] {{limit}} {_IN}?{_END}",
    "value_zh": "[|请看图。|看柱状图。|根据条形图回答。][图中|图里|这张图中|柱状图中]{name}"
    "[的值是多少|的数值是多少|对应的数是几|是多少]？[|请给出数字。|只答数字。]",
}


@dataclass(frozen=True, slots=True)
class _Fonts:
    name: ImageFont.FreeTypeFont
    tick: ImageFont.FreeTypeFont
    value: ImageFont.FreeTypeFont


@dataclass(frozen=True, slots=True)
class _Chart:
    names: list[str]
    values: list[int]
    printed: bool
    step: int  # between grid lines
    title: str
    horizontal: bool
    colors: list[Color]

    @property
    def ticks(self) -> list[float]:
        """Grid lines from 0 to the first one at or above every value."""
        return spaced(0, -(-max(self.values) // self.step) * self.step, self.step)


def _values(request: Request, count: int, printed: bool) -> tuple[list[int], int]:
    """Different values, and the step of the grid on which they can be read."""
    rng, level = request.rng, request.level
    if printed:
        top = (20, 99, 400)[level]
        values = rng.sample(range(max(2, top // 12), top + 1), count)
        return values, {20: 5, 99: 20, 400: 100}[top]
    step = rng.choice(((1, 2, 5), (2, 5, 10, 20), (2, 4, 10, 20, 50, 100))[level])
    part = step if level < 2 else step // 2  # hard: half-way between two lines
    lines = 8
    return [part * k for k in rng.sample(range(1, lines * step // part + 1), count)], step


def _plan(request: Request) -> _Chart:
    rng, style = request.rng, request.style
    horizontal, printed = style.flag(0.3), not style.flag(0.45)
    count = rng.randint(*((3, 4), (4, 5), (5, 6))[request.level])
    theme, names = pick(rng, count, 6 if count < 5 else 5)
    values, step = _values(request, count, printed)
    title = rng.choice(POOLS[theme].titles)
    return _Chart(
        names, values, printed, step, title if style.flag(0.5) else "", horizontal, _colors(style, count)
    )


def _colors(style: Style, count: int) -> list[Color]:
    """One colour for all bars, or one each."""
    shift = style.choice(range(len(PALETTE)))
    if style.flag(0.5):
        return [PALETTE[(shift + i) % len(PALETTE)] for i in range(count)]
    return [style.tint(PALETTE[shift], 25)] * count


def _axes(chart: _Chart, style: Style, image: Image.Image, top: float, fonts: _Fonts) -> tuple[Axes, bool]:
    """The axes, with room below ``top`` for names and numbers; and whether names stand in two rows."""
    scale = scale_of(image)
    right = image.width - 14 - style.uniform(0, 0, 25)
    highest = chart.ticks[-1]
    if chart.horizontal:
        left = max(fonts.name.getlength(n) for n in chart.names) + 16 + style.uniform(0, 0, 20)
        right -= max(fonts.value.getlength(str(v)) for v in chart.values) if chart.printed else 10
        bottom = image.height - fonts.tick.size - 16 - style.uniform(0, 0, 15)
        return Axes(left, top, right, bottom, 0, highest, 0, len(chart.names)), False
    left = max(fonts.tick.getlength(number(t)) for t in chart.ticks) + 16 + style.uniform(0, 0, 20)
    top += 22 * scale if chart.printed else fonts.tick.size / 2
    slot = (right - left) / len(chart.names)
    stagger = max(fonts.name.getlength(n) for n in chart.names) > slot - 4
    bottom = image.height - fonts.name.size * (2.5 if stagger else 1.3) - 10 - style.uniform(0, 0, 15)
    return Axes(left, top, right, bottom, 0, len(chart.names), 0, highest), stagger


def _draw_bars(
    draw: ImageDraw.ImageDraw, axes: Axes, chart: _Chart, style: Style, font: ImageFont.FreeTypeFont
) -> None:
    """The bars, in the middle of their slots, and their values where they are printed."""
    colors = chart.colors
    gap = style.uniform(0.18, 0.08, 0.3)
    edge = style.ink if style.flag(0.4) else None
    inside = style.flag(0.25)
    count = len(chart.names)
    for i, value in enumerate(chart.values):
        if chart.horizontal:
            start, end = axes.point(0, count - i - gap), axes.point(value, count - i - 1 + gap)
            tip, anchor, shift = (end[0] + 5, (start[1] + end[1]) / 2), "lm", (end[0] - 6, "rm")
        else:
            start, end = axes.point(i + gap, value), axes.point(i + 1 - gap, 0)
            tip, anchor, shift = ((start[0] + end[0]) / 2, start[1] - 3), "mb", (start[1] + 6, "ma")
        draw.rectangle((*start, max(end[0], start[0]), max(end[1], start[1])), fill=colors[i], outline=edge)
        if not chart.printed:
            continue
        text, fill = str(value), style.ink
        length, across = (end[0] - start[0], end[1] - start[1])
        if not chart.horizontal:
            length, across = across, length
        room = font.getlength(text) if chart.horizontal else font.size
        if inside and length > room + 14 and (chart.horizontal or font.getlength(text) < across - 4):
            tip = (shift[0], tip[1]) if chart.horizontal else (tip[0], shift[0])
            anchor, fill = shift[1], (255, 255, 255) if sum(colors[i]) < 420 else (10, 10, 10)
        draw.text(tip, text, font=font, fill=fill, anchor=anchor)


def _render(chart: _Chart, style: Style) -> Image.Image:
    if style.flag(agg.SHARE):
        return agg.bars(
            style,
            chart.names,
            chart.values,
            chart.horizontal,
            chart.ticks,
            chart.printed,
            chart.title,
            chart.colors,
        )
    image = style.canvas(448, 448, 0.1)
    draw = ImageDraw.Draw(image)
    top = draw_title(draw, image, chart.title, style) if chart.title else 12 + style.uniform(0, 0, 25)
    name, tick = font_for(style, image, 21, 16, 24), font_for(style, image, 19, MIN_SIZE, 22)
    if not chart.horizontal:
        name = fitted(name, chart.names, (image.width - 80) / len(chart.names) - 5, image, style)
    fonts = _Fonts(name, tick, font_for(style, image, 22, 17, 25))
    axes, stagger = _axes(chart, style, image, top, fonts)
    look = Look.of(style)
    if not chart.printed or style.flag(0.5):
        draw_grid(draw, axes, look, **{"xs" if chart.horizontal else "ys": chart.ticks})
        if chart.horizontal:
            draw_x_labels(draw, axes, tick, style.ink, chart.ticks[:: 2 if len(chart.ticks) > 7 else 1])
        else:
            draw_y_labels(draw, axes, tick, style.ink, chart.ticks)
    _draw_bars(draw, axes, chart, style, fonts.value)
    draw_frame(draw, axes, look)
    count = len(chart.names)
    if chart.horizontal:
        for i, text in enumerate(chart.names):
            at = axes.point(0, count - i - 0.5)
            draw.text((at[0] - 8, at[1]), text, font=name, fill=style.ink, anchor="rm")
    else:
        places = [i + 0.5 for i in range(count)]
        draw_x_labels(draw, axes, name, style.ink, places, chart.names, tick=0, stagger=stagger)
    return image


def _read(chart: _Chart, limit: int | None) -> str:
    """Every bar from the first on: its place, the grid line it ends at where no value is printed, its value.

    limit: whether a bar goes beyond it, and how many do so far, is said where its value is read.
    """
    values: list[object] = list(chart.values)
    if limit is not None:
        over = [value > limit for value in chart.values]
        values = [
            f"{value}; " + (f"above, {sum(over[: i + 1])}" if over[i] else "below")
            for i, value in enumerate(chart.values)
        ]
    lines = [] if limit is None else [f"limit: {limit}"]
    lines += [] if chart.printed else [f"grid step: {chart.step}"]
    places = () if chart.printed else grid_lines(chart.values, 0, chart.step)
    lines.append(indexed("bar", zip(chart.names, values, strict=True), places))
    return "\n".join(lines) + "\n"


def _ask(request: Request, chart: _Chart) -> tuple[dict[str, object], str, str]:
    """The question's fields, the answer, and the working after the transcription."""
    rng, names, values = request.rng, chart.names, chart.values
    if request.kind.startswith("value"):
        i = rng.randrange(len(names))
        end = (
            f"{names[i]}的值是{values[i]}。" if request.kind == "value_zh" else f"{names[i]} has {values[i]}."
        )
        return {"name": names[i]}, str(values[i]), end
    if request.kind == "extreme":
        largest = rng.random() < 0.5
        word = rng.choice(("largest", "highest", "greatest") if largest else ("smallest", "lowest"))
        best = (max if largest else min)(values)
        name = names[values.index(best)]
        line = record_line(names, values, largest, "Largest" if largest else "Smallest")
        return {"extreme": word}, name, f"{line}.\n{name} has the {word} value, {best}."
    if request.kind == "difference":
        i, j = rng.sample(range(len(names)), 2)
        if values[i] < values[j]:
            i, j = j, i
        rest = values[i] - values[j]
        work = f"{names[i]}: {values[i]}\n{names[j]}: {values[j]}\n"
        work += f"{values[i]} - {values[j]} = {rest}\n{names[i]} is {rest} larger."
        return {"larger": names[i], "smaller": names[j]}, str(rest), work
    if request.kind == "total":
        chosen = sorted(rng.sample(range(len(names)), min(len(names), request.level + 2)))
        spoken = [names[i] for i in chosen]
        listed = ", ".join(spoken[:-1]) + " and " + spoken[-1]
        numbers = [values[i] for i in chosen]
        work = readings(zip(spoken, numbers, strict=True))
        return (
            {"names": listed},
            str(sum(numbers)),
            f"{work}\n{running_sum(numbers)}\nThe sum is {sum(numbers)}.",
        )
    limit = _limit(request, values)
    above = sum(value > limit for value in values)
    return {"limit": limit}, str(above), f"That makes {above}."


def _limit(request: Request, values: list[int]) -> int:
    """A number between the smallest and the largest value, round where possible, that is none of them."""
    low, high = min(values), max(values)
    options = [n for n in range(low + 1, high) if n not in values]
    options = [n for n in options if n % 10 == 0] or [n for n in options if n % 5 == 0] or options
    return request.rng.choice(options or [low - 1])


def _draw(request: Request) -> Draft:
    chart = _plan(request)
    image = _render(chart, request.style)
    fields, answer, work = _ask(request, chart)
    facts = {name: str(value) for name, value in zip(chart.names, chart.values, strict=True)}
    if not chart.printed:
        facts["grid step"] = str(chart.step)
    answer_type: AnswerType = "string" if request.kind == "extreme" else "number"
    limit = fields.get("limit")
    read = _read(chart, limit if isinstance(limit, int) else None)
    return Draft(request.wording(**fields), answer, answer_type, read + work, facts, (image,))


FAMILY = Family("bar_chart", "bars with names, values printed or read from grid lines", KINDS, _draw)
