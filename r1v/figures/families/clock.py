"""Analog clocks: the time shown, the time some minutes later or earlier, the minutes between two clocks.

The solution reads the short hand, then the long hand against the twelve numbers, then computes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import NAMED_COLORS, Color, Style
from r1v.figures.item import Draft, Family, Request

_WHERE = "[In the picture|In this image|Here|In the figure|Look at the picture]"
_FORM = "[| Answer as h:mm.| Give it as hours and minutes, h:mm.| Use the form h:mm.]"

KINDS = {
    "time": (
        f"{_WHERE}: [what time does the clock show?|what time is it?|read the clock.|which time does the "
        "clock show?"
        f"|tell the time on the clock.]{_FORM}"
    ),
    "after": (
        f"{_WHERE}: [what time will the clock show in {{minutes}} minutes?|what time is it {{minutes}} "
        "minutes after "
        "the time shown?|which time comes {minutes} minutes later?|a film starts {minutes} minutes after "
        "the time on "
        f"the clock; when does it start?]{_FORM}"
    ),
    "before": (
        f"{_WHERE}: [what time did the clock show {{minutes}} minutes ago?|what time was it {{minutes}} "
        "minutes before "
        "the time shown?|which time came {minutes} minutes earlier?|a trip of {minutes} minutes ended at "
        "the time on "
        f"the clock; when did it start?]{_FORM}"
    ),
    "between": (
        f"{_WHERE}: [how many minutes lie between the times on the two clocks?|how many minutes later is "
        "the second "
        "clock than the first?|find the minutes from the first clock to the second.|how many minutes pass "
        "from the "
        "first clock to the second?][| The first is {first}.| The first clock is {first}.| Give the number "
        "of "
        "minutes; the first is {first}.]"
    ),
    "time_zh": (
        "[图中的钟|图里的时钟|这个钟|图中的时钟][显示|指示]的是[几点几分？|什么时间？|几点？][|请用 h:mm "
        "的形式回答。|答案写成 h:mm。]"
    ),
}


@dataclass(frozen=True, slots=True)
class Time:
    """A time of a twelve-hour dial: minutes after twelve, 0 to 719."""

    total: int

    @property
    def hour(self) -> int:
        return self.total // 60 or 12

    @property
    def minute(self) -> int:
        return self.total % 60

    def __str__(self) -> str:
        return f"{self.hour}:{self.minute:02d}"

    def later(self, minutes: int) -> Time:
        return Time((self.total + minutes) % 720)


def draw_time(rng: Random, level: int) -> Time:
    """easy: whole and half hours; medium: multiples of five minutes; hard: any minute."""
    step = (30, 5, 1)[level]
    return Time(rng.randrange(720 // step) * step)


@dataclass(frozen=True, slots=True)
class Face:
    """The look of a clock; all lengths are shares of its radius."""

    numbers: str
    ticks: str
    font_share: float
    hour_length: float
    minute_length: float
    hour_width: float
    minute_width: float
    tail: float
    taper: bool
    fill: Color
    rim: Color
    rim_width: float
    hour_color: Color
    minute_color: Color
    turn: float


ROMAN = ("XII", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")


def _face(style: Style, level: int) -> Face:
    numbers = style.choice(("all", "all", "quarters", "roman", "none"))
    # with neither numbers nor ticks a clock cannot be read to the minute
    options = ("minutes", "hours") if numbers == "none" else ("minutes", "hours", "none")
    ticks = style.choice(options if level < 2 else ("minutes",))
    hand = style.choice((style.ink, *(NAMED_COLORS[c] for c in ("blue", "black", "brown", "purple", "red"))))
    same = not style.flag(0.35)
    other = style.choice((style.ink, *(NAMED_COLORS[c] for c in ("red", "green", "blue", "gray"))))
    return Face(
        numbers=numbers,
        ticks=ticks,
        font_share=style.uniform(0.17, 0.145, 0.2),
        hour_length=style.uniform(0.5, 0.4, 0.55),
        minute_length=style.uniform(0.86, 0.74, 0.92),
        hour_width=style.uniform(0.07, 0.04, 0.1),
        minute_width=style.uniform(0.04, 0.02, 0.055),
        tail=style.uniform(0.0, 0.0, 0.16),
        taper=style.flag(0.4),
        fill=style.choice(
            (
                style.background,
                (255, 255, 255),
                style.tint((250, 245, 225), 8),
                style.tint((225, 238, 250), 12),
            )
        ),
        rim=style.choice(
            (style.ink, *(NAMED_COLORS[c] for c in ("black", "brown", "blue", "gray", "green")))
        ),
        rim_width=style.uniform(0.03, 0.01, 0.07),
        hour_color=hand,
        minute_color=hand if same else other,
        turn=style.uniform(0.0, -2.0, 2.0),
    )


def dial_point(x: float, y: float, radius: float, minutes: float) -> tuple[float, float]:
    """The point of a dial at a position in minutes, 0 at the top, clockwise."""
    angle = math.pi * minutes / 30
    return x + radius * math.sin(angle), y - radius * math.cos(angle)


def _hand(
    sheet: Sheet, face: Face, x: float, y: float, length: float, width: float, at: float, color: Color
) -> None:
    back = dial_point(x, y, -face.tail * length, at)
    tip = dial_point(x, y, length, at)
    if not face.taper:
        sheet.line([back, tip], color, max(2.0, width))
        return
    sides = [dial_point(x, y, width * 0.8, at + turn) for turn in (15, 45)]
    sheet.polygon([back, sides[0], tip, sides[1]], color)


def draw_clock(sheet: Sheet, face: Face, x: float, y: float, radius: float, time: Time) -> None:
    """A clock about (x, y)."""
    style = sheet.style
    sheet.disc(x, y, radius, face.fill, face.rim, max(1.5, face.rim_width * radius))
    inner = radius * (1 - face.rim_width) - 1
    for i in range(60):
        if face.ticks == "none" or (i % 5 and face.ticks == "hours"):
            continue
        start = inner * (0.91 if i % 5 == 0 else 0.96)
        ends = [dial_point(x, y, r, i + face.turn / 6) for r in (start, inner)]
        sheet.line(ends, style.ink, 2.5 if i % 5 == 0 else 1)
    size = max(13, round(radius * face.font_share))
    ring = inner * (0.9 if face.ticks != "none" else 0.95) - size * 0.62
    for i in range(12):
        if face.numbers == "none" or (face.numbers == "quarters" and i % 3):
            continue
        label = ROMAN[i] if face.numbers == "roman" else str(i or 12)
        sheet.text(
            dial_point(x, y, ring, 5 * i),
            label,
            round(size * (0.8 if face.numbers == "roman" else 1)),
            style.ink,
        )
    turn = face.turn / 6
    _hand(
        sheet,
        face,
        x,
        y,
        face.hour_length * radius,
        face.hour_width * radius,
        time.total / 12 + turn,
        face.hour_color,
    )
    _hand(
        sheet,
        face,
        x,
        y,
        face.minute_length * inner,
        face.minute_width * radius,
        time.minute + turn,
        face.minute_color,
    )
    sheet.disc(x, y, max(3.0, radius * 0.035), face.hour_color)


def read(time: Time, prefix: str = "") -> tuple[list[str], dict[str, str]]:
    """The lines of reading a clock, and the facts they use; prefix: of the names, as "left "."""
    following = time.hour % 12 + 1
    short = f"at {time.hour}" if time.minute == 0 else f"between {time.hour} and {following}"
    number, rest = time.minute // 5, time.minute % 5
    mark = number or 12
    ticks = f"{rest} tick{'s' if rest > 1 else ''} past {mark}"
    # first between which numbers, then nearer to which, then the tick: from coarse to fine
    near = mark if rest < 3 else number + 1
    long = f"between {mark} and {number + 1}, nearer to {near}, {ticks}" if rest else f"at {mark}"
    facts = {f"{prefix}short hand": short, f"{prefix}long hand": long, f"{prefix}time": str(time)}
    minutes = f"{number} × 5 + {rest} = {time.minute}" if rest else f"{number} × 5 = {time.minute}"
    lines = [
        f"{prefix}short hand: {short}",
        f"{prefix}long hand: {long}",
        f"{minutes} minutes",
        f"{prefix}time: {time}",
    ]
    return lines, facts


def shift(time: Time, minutes: int) -> list[str]:
    """The working of a time some minutes (negative: earlier) away, over the full hour where it is crossed."""
    sign = "+" if minutes > 0 else "-"
    hours, rest = divmod(abs(minutes), 60)
    lines, here = [], time
    if hours:
        here = time.later(math.copysign(60 * hours, minutes).__int__())
        lines.append(f"{time} {sign} {hours} h = {here}")
    if not rest:
        return lines
    total = here.minute + (rest if minutes > 0 else -rest)
    there = here.later(rest if minutes > 0 else -rest)
    if 0 <= total < 60:
        lines.append(f"{here.minute} {sign} {rest} = {total}, so {there}")
    elif total >= 60:
        lines.append(
            f"{here.minute} + {rest} = {total}, {total} - 60 = {total - 60}, next hour {there.hour}, so "
            f"{there}"
        )
    else:
        lines.append(
            f"{here.minute} + 60 - {rest} = {here.minute + 60} - {rest} = {total + 60}, hour before "
            f"{there.hour}, so {there}"
        )
    return lines


def draw_minutes(rng: Random, level: int) -> int:
    if level == 0:
        return rng.choice((30, 60, 90, 120))
    return rng.randint(1, 18) * 5 if level == 1 else rng.randint(3, 99)


def _single(request: Request) -> Draft:
    """One clock: its time, or a time after or before it."""
    rng, style, kind = request.rng, request.style, request.kind
    time = draw_time(rng, request.level)
    sheet = Sheet(style)
    sheet.clutter()
    half = min(sheet.width, sheet.height) / 2
    radius = half * style.uniform(0.88, 0.5, 0.97)
    x = style.uniform(sheet.width / 2, radius + 2, sheet.width - radius - 2)
    y = style.uniform(sheet.height / 2, radius + 2, sheet.height - radius - 2)
    draw_clock(sheet, _face(style, request.level), x, y, radius, time)
    if kind == "time_zh":
        return _chinese(request, time, sheet)
    lines, facts = read(time)
    minutes = draw_minutes(rng, request.level)
    answer = time
    if kind != "time":
        signed = minutes if kind == "after" else -minutes
        lines += shift(time, signed)
        answer = time.later(signed)
    lines.append(f"It {'is' if kind == 'time' else 'would be'} {answer}.")
    question = request.wording(minutes=minutes)
    return Draft(question, str(answer), "time", "\n".join(lines), facts, (sheet.finish(),))


def _chinese(request: Request, time: Time, sheet: Sheet) -> Draft:
    number, rest = divmod(time.minute, 5)
    short = f"{time.hour}" if time.minute == 0 else f"{time.hour}和{time.hour % 12 + 1}之间"
    mark = number or 12
    long = f"{mark}和{number + 1}之间，{mark}过{rest}格" if rest else f"{mark}"
    minutes = f"{number} × 5 + {rest} = {time.minute}" if rest else f"{number} × 5 = {time.minute}"
    facts = {"短针": short, "长针": long, "时间": str(time)}
    solution = f"短针: {short}\n长针: {long}\n{minutes}分\n时间: {time}\n现在是{time}。"
    return Draft(request.wording(), str(time), "time", solution, facts, (sheet.finish(),))


def _two(request: Request) -> Draft:
    """Two clocks, the second one later by less than three hours, without passing twelve."""
    rng, style, level = request.rng, request.style, request.level
    while True:
        first, second = draw_time(rng, level), draw_time(rng, level)
        if 0 < second.total - first.total <= (180, 120, 120)[level] and first.total >= 60:
            break
    sheet = Sheet(style, spread=0.1)
    sheet.clutter()
    across = not style.flag(0.4)
    names = ("left", "right") if across else ("upper", "lower")
    face = _face(style, level)
    for i, time in enumerate((first, second)):
        width, height = (sheet.width / 2, sheet.height) if across else (sheet.width, sheet.height / 2)
        radius = min(width, height) / 2 * style.uniform(0.92, 0.75, 0.97)
        x = i * width * across + style.uniform(width / 2, radius + 2, width - radius - 2)
        y = i * height * (not across) + style.uniform(height / 2, radius + 2, height - radius - 2)
        draw_clock(sheet, face, x, y, radius, time)
    lines: list[str] = []
    facts: dict[str, str] = {}
    for name, time in zip(names, (first, second), strict=True):
        read_lines, read_facts = read(time, f"{name} ")
        lines += [read_lines[0] + "; " + read_lines[1].removeprefix(f"{name} "), "; ".join(read_lines[2:])]
        facts |= read_facts | {"long hand": "", "short hand": ""}
    del facts["long hand"], facts["short hand"]
    hours, gap = second.hour - first.hour, second.total - first.total
    lines.append(f"hours: {second.hour} - {first.hour} = {hours}, {hours} × 60 = {hours * 60}")
    lines.append(
        f"{hours * 60} + {second.minute} - {first.minute} = {hours * 60 + second.minute} - {first.minute} "
        f"= {gap}"
    )
    lines.append(f"{gap} minutes lie between them.")
    question = request.wording(first=f"the {names[0]} one")
    return Draft(question, str(gap), "number", "\n".join(lines), facts, (sheet.finish(),))


def draw(request: Request) -> Draft:
    """One or two clocks and a question about their time."""
    return _two(request) if request.kind == "between" else _single(request)


FAMILY = Family(
    name="clock",
    summary="Read analog clocks and reckon with times",
    kinds=KINDS,
    draw=draw,
)
