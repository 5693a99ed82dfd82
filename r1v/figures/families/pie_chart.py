"""Pie charts: sectors with printed percentages or amounts, and names beside them or in a legend."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

from PIL import Image, ImageDraw, ImageFont

from r1v.figures.drawing import agg
from r1v.figures.drawing.axes import PALETTE, PALETTE_NAMES, draw_title, font_for
from r1v.figures.drawing.style import Color, Style
from r1v.figures.item import AnswerType, Draft, Family, Request
from r1v.figures.names import POOLS, SPOKEN, pick
from r1v.figures.steps import indexed, readings, record_line, running_sum

_LEAD = "[|Look at the pie chart. |Read the chart. |Here is a pie chart. ]"
_IN = "[in the chart|in this pie chart|in the picture|according to the chart|here]"
_END = "[| Answer with a number.| Give the number.]"

KINDS = {
    "share": f"{_LEAD}[What number belongs to|Which number is written for|What is the share of|"
    f"How large is the part of] {{name}} {_IN}?{_END}",
    "pair": f"{_LEAD}[What do {{names}} make together|How much is the sum of {{names}}|"
    f"What is the total of {{names}}|How much do {{names}} have in all] {_IN}?{_END}",
    "missing": f"{_LEAD}[One number is hidden.|One number is missing.|A number is covered.] "
    f"[All parts make|The whole is|Together they are] {{whole}}. [How large is|What is the number of|"
    f"Which number belongs to] {{name}}?{_END}",
    "amount": f"{_LEAD}[The whole pie stands for {{total}} people.|In all {{total}} people were asked.|"
    "The chart shows the answers of {total} people.] [How many people chose|How many of them belong to|"
    f"How many people stand behind] {{name}}?{_END}",
    "largest": f"{_LEAD}[Which name has the|What is the name with the|Which one has the|"
    f"Tell me which name has the] {{extreme}} [part|share|sector] {_IN}?"
    "[| Answer with its name.| Give the name.]",
}


@dataclass(frozen=True, slots=True)
class _Pie:
    """names and values in the order of reading: of the legend, or clockwise from the top."""

    names: list[str]
    values: list[int]
    percent: bool
    hidden: int | None  # the sector whose number is a question mark
    hues: list[int]  # of the sectors, in the palette
    legend: bool
    start: float  # where the first sector begins, degrees clockwise from the top
    title: str

    @property
    def colors(self) -> list[Color]:
        """The colour of each sector."""
        return [PALETTE[hue] for hue in self.hues]

    def text(self, i: int) -> str:
        """What is printed in a sector."""
        if i == self.hidden:
            return "?"
        return f"{self.values[i]}%" if self.percent else str(self.values[i])


def _split(request: Request, whole: int, unit: int, count: int) -> list[int]:
    """Different positive parts of a whole in multiples of a unit, none below a twelfth of it."""
    rng, units = request.rng, whole // unit
    least = -(-units // 12)
    while True:
        cuts = sorted(rng.sample(range(1, units), count - 1))
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, units], strict=True)]
        if min(parts) >= least and len(set(parts)) == count:
            return [part * unit for part in parts]


def _plan(request: Request) -> _Pie:
    rng, style, level = request.rng, request.style, request.level
    count = rng.randint(*((3, 3), (4, 4), (4, 5))[level])
    percent = request.kind == "amount" or rng.random() < 0.6
    if percent:
        unit = ((10, 5, 1), (10, 10, 5))[request.kind == "amount"][level]
        values = _split(request, 100, unit, count)
    else:
        values = _split(request, rng.choice(((20, 24, 30), (40, 50, 60), (80, 100, 120))[level]), 1, count)
    theme, names = pick(rng, count, 6, (*SPOKEN, "letter", "day"))
    legend = style.flag(0.5)
    start = style.uniform(0, 0, 360) if style.flag(0.7) else 0.0
    if not legend:  # the order of reading: the sector at the top comes first
        start *= -0.8 * values[0] / sum(values)
    hidden = rng.randrange(count) if request.kind == "missing" else None
    shift = style.choice(range(len(PALETTE)))
    hues = [(shift + i) % len(PALETTE) for i in range(count)]
    title = rng.choice(POOLS[theme].titles) if style.flag(0.4) else ""
    return _Pie(names, values, percent, hidden, hues, legend, start, title)


def _light(color: Color) -> bool:
    return color[0] * 3 + color[1] * 6 + color[2] > 1350


def _sectors(
    draw: ImageDraw.ImageDraw,
    pie: _Pie,
    centre: tuple[float, float],
    radius: float,
    style: Style,
    fonts: tuple[ImageFont.FreeTypeFont, ImageFont.FreeTypeFont],
) -> None:
    """The sectors with their numbers inside, and their names outside where there is no legend."""
    x, y = centre
    box = (x - radius, y - radius, x + radius, y + radius)
    name_font, value_font = fonts
    edge = style.choice((style.background, style.background, style.ink))
    angle, whole = pie.start, sum(pie.values)
    turns = []
    for i, value in enumerate(pie.values):
        sweep = 360 * value / whole
        draw.pieslice(box, angle - 90, angle + sweep - 90, fill=pie.colors[i])
        turns.append((angle, (angle + sweep / 2) * pi / 180, sweep))
        angle += sweep
    for start, _, _ in turns:
        turn = start * pi / 180
        draw.line((x, y, x + radius * sin(turn), y - radius * cos(turn)), fill=edge, width=2)
    for i, (_, middle, sweep) in enumerate(turns):
        far = radius * (0.62 if sweep > 60 else 0.7)
        ink = (15, 15, 15) if _light(pie.colors[i]) else (255, 255, 255)
        at = (x + far * sin(middle), y - far * cos(middle))
        draw.text(at, pie.text(i), font=value_font, fill=ink, anchor="mm")
        if pie.legend:
            continue
        right, down = sin(middle), -cos(middle)
        anchor = ("l" if right > 0.3 else "r" if right < -0.3 else "m") + "m"
        gap = 9 + (name_font.size * 0.45 * abs(down))
        at = (x + (radius + gap) * right, y + (radius + gap) * down)
        draw.text(at, pie.names[i], font=name_font, fill=style.ink, anchor=anchor)


def _legend(
    draw: ImageDraw.ImageDraw,
    pie: _Pie,
    at: tuple[float, float],
    cell: tuple[float, float],
    columns: int,
    font: ImageFont.FreeTypeFont,
    ink: Color,
) -> None:
    """Coloured squares with names, in rows of ``columns`` from the upper left corner ``at``."""
    side = font.size * 0.8
    for i, name in enumerate(pie.names):
        x, y = at[0] + cell[0] * (i % columns), at[1] + cell[1] * (i // columns + 0.5)
        draw.rectangle((x, y - side / 2, x + side, y + side / 2), fill=pie.colors[i])
        draw.text((x + side + 8, y), name, font=font, fill=ink, anchor="lm")


def _render(pie: _Pie, style: Style) -> Image.Image:
    if style.flag(agg.SHARE):
        texts = [pie.text(i) for i in range(len(pie.names))]
        return agg.pie(style, pie.names, pie.values, texts, pie.colors, pie.start, pie.legend)
    image = style.canvas(448, 448, 0.1)
    draw = ImageDraw.Draw(image)
    top = draw_title(draw, image, pie.title, style) if pie.title else 8.0
    names, values = font_for(style, image, 21, 16, 23), font_for(style, image, 21, 16, 22)
    width, height = float(image.width), image.height - top - 8
    wide = max(names.getlength(n) for n in pie.names)
    if not pie.legend:
        room = min(width / 2 - wide - 18, height / 2 - names.size * 1.5)
        radius = room * style.uniform(0.97, 0.85, 1.0)
        slack = (room - radius, height / 2 - names.size * 1.5 - radius)
        centre = (
            width / 2 + style.uniform(0, -slack[0], slack[0]),
            top + height / 2 + style.uniform(0, -slack[1], slack[1]),
        )
        _sectors(draw, pie, centre, radius, style, (names, values))
        return image
    cell = (wide + names.size * 0.8 + 20, names.size * 1.5)
    if style.flag(0.5):  # the legend below, in rows of two or three
        columns = 3 if cell[0] * 3 < width - 10 else 2
        rows = -(-len(pie.names) // columns)
        height -= rows * cell[1] + 6
        at, columns_wide = (max(8.0, (width - columns * cell[0]) / 2), top + height + 6), columns
        centre = (width / 2, top + height / 2)
    else:
        width -= cell[0]
        y = top + style.uniform((height - len(pie.names) * cell[1]) / 2, 0, height - len(pie.names) * cell[1])
        on_left = style.flag(0.3)
        at, columns_wide = ((12.0 if on_left else width + 2, y), 1)
        centre = ((cell[0] if on_left else 0) + width / 2, top + height / 2)
    room = min(width, height) / 2 - 6
    radius = room * style.uniform(0.97, 0.82, 1.0)
    _legend(draw, pie, at, cell, columns_wide, names, style.ink)
    _sectors(draw, pie, centre, radius, style, (names, values))
    return image


def _tenths(total: int, percent: int) -> tuple[str, int]:
    """The working of a percentage of a total in steps of 10% and 5%, and its result."""
    tens, rest = divmod(percent, 10)
    tenth = total // 10
    lines, result = [f"10% of {total} is {tenth}"], tens * tenth
    if tens > 1:
        lines.append(f"{tens} x {tenth} = {result}")
    if rest:
        lines += [f"5% of {total} is {tenth // 2}", f"{result} + {tenth // 2} = {result + tenth // 2}"]
        result += tenth // 2
    return "\n".join(lines if tens else lines[1:2]), result


def _ask(request: Request, pie: _Pie) -> tuple[dict[str, object], str, str]:
    """The question's fields, the answer, and the working after the transcription."""
    rng, names, values = request.rng, pie.names, pie.values
    unit = "%" if pie.percent else ""
    i = rng.randrange(len(names))
    if request.kind == "share":
        return {"name": names[i]}, str(values[i]), f"{names[i]} has {values[i]}{unit}."
    if request.kind == "pair":
        count = 3 if request.level == 2 and len(names) > 4 else 2
        chosen = sorted(rng.sample(range(len(names)), count))
        spoken, numbers = [names[k] for k in chosen], [values[k] for k in chosen]
        listed = ", ".join(spoken[:-1]) + " and " + spoken[-1]
        total = sum(numbers)
        work = readings((name, f"{value}{unit}") for name, value in zip(spoken, numbers, strict=True))
        return (
            {"names": listed},
            str(total),
            f"{work}\n{running_sum(numbers)}\nTogether they make {total}{unit}.",
        )
    if request.kind == "missing":
        assert pie.hidden is not None
        i, whole = pie.hidden, sum(values)
        known = [value for k, value in enumerate(values) if k != i]
        work = (
            f"{running_sum(known)}\n{whole} - {sum(known)} = {values[i]}\n{names[i]} has {values[i]}{unit}."
        )
        return {"name": names[i], "whole": f"{whole}{unit}"}, str(values[i]), work
    if request.kind == "amount":
        total = rng.choice(
            ((20, 50, 100, 200), (40, 60, 80, 120, 300), (80, 120, 140, 160, 240, 400))[request.level]
        )
        work, result = _tenths(total, values[i])
        work = f"{names[i]} is {values[i]}% of {total}.\n{work}\nSo {result} people belong to {names[i]}."
        return {"name": names[i], "total": total}, str(result), work
    largest = rng.random() < 0.5
    word = rng.choice(("largest", "biggest")) if largest else "smallest"
    best = (max if largest else min)(values)
    name = names[values.index(best)]
    line = record_line(names, values, largest, "Largest" if largest else "Smallest")
    return {"extreme": word}, name, f"{line}.\n{name} has the {word} part."


def _draw(request: Request) -> Draft:
    pie = _plan(request)
    image = _render(pie, request.style)
    fields, answer, work = _ask(request, pie)
    unit = "%" if pie.percent else ""
    facts = {name: f"{value}{unit}" for name, value in zip(pie.names, pie.values, strict=True)}
    shown = [(name, "hidden" if i == pie.hidden else facts[name]) for i, name in enumerate(pie.names)]
    facts |= dict(shown)
    read = indexed("part", shown, [PALETTE_NAMES[hue] for hue in pie.hues])
    solution = f"{read}\n{work}"
    answer_type: AnswerType = "string" if request.kind == "largest" else "number"
    return Draft(request.wording(**fields), answer, answer_type, solution, facts, (image,))


FAMILY = Family("pie_chart", "sectors with printed shares and names beside them or in a legend", KINDS, _draw)
