"""A month of a calendar: weekdays of dates, dates of weekdays, days between two marked ones.

The solution reads under which weekday the first stands, or the marked dates, and counts on from there in
weeks and days.
"""

from __future__ import annotations

from dataclasses import dataclass

from r1v.figures.drawing.shapes import Sheet
from r1v.figures.drawing.style import NAMED_COLORS, Color, Style
from r1v.figures.item import AnswerType, Draft, Family, Request

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ORDINALS = ("first", "second", "third", "fourth")
_LEAD = "[|Look at the calendar. |Here is a page of a calendar. |The picture shows a month. ]"

KINDS = {
    "weekday": f"{_LEAD}[Which day of the week is the {{date}}|On which weekday does the {{date}} fall|"
    "What weekday is the {date}|Tell me the weekday of the {date}][?| of this month?]"
    "[| Answer like Mon.| Use its short name.]",
    "date": f"{_LEAD}[Which date is the {{nth}} {{weekday}}|What is the date of the {{nth}} {{weekday}}|"
    "On which day of the month is the {nth} {weekday}|Give the date of the {nth} {weekday}]"
    "[?| of this month?][| Answer with a number.]",
    "count": f"{_LEAD}[How many {{weekday}}s are there|How many {{weekday}}s does the month have|"
    "Count the {weekday}s|What is the number of {weekday}s][ in this month?| here?][| Answer with a number.]",
    "later": f"{_LEAD}[Which weekday is {{number}} days after the {{date}}|What weekday comes {{number}} "
    f"days after "
    "the {date}|It is the {date}; which weekday is it in {number} days|Tell me the weekday {number} days "
    "after the "
    "{date}][?| in this month?][| Answer like Mon.| Use its short name.]",
    "between": f"{_LEAD}[How many days lie from the first to the second marked day|How many days after the "
    f"first "
    "marked day is the second|How many days pass from the first marked day to the second|By how many days "
    "do the "
    "two marked days differ]?[| Answer with a number.| Give the number of days.]",
}


@dataclass(frozen=True, slots=True)
class Month:
    first: int  # weekday of the 1st, 0 is Monday
    length: int
    name: str
    start: int  # the weekday of the left column
    marked: tuple[int, ...] = ()

    def weekday(self, date: int) -> int:
        """Of a date, 0 is Monday."""
        return (self.first + date - 1) % 7


def _nth(date: int) -> str:
    return f"{date}{'th' if 10 < date < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(date % 10, 'th')}"


def render(month: Month, style: Style) -> Sheet:
    sheet = Sheet(style, spread=0.1, soft=0.15)
    color: Color = style.tint(
        style.choice((style.ink, *(NAMED_COLORS[c] for c in ("blue", "red", "green")))), 10
    )
    head = style.integer(26, 20, 30)
    top = 8 + head * 1.4
    sheet.text((sheet.width / 2, 8 + head * 0.6), month.name, head, color)
    left, right = style.uniform(10, 6, 24), sheet.width - style.uniform(10, 6, 24)
    offset = (month.first - month.start) % 7
    rows = -(-(offset + month.length) // 7)
    cell, line = (right - left) / 7, (sheet.height - top - style.uniform(8, 6, 30)) / (rows + 1)
    size = style.integer(22, 18, 26)
    ruled, shaded = style.flag(0.5), style.flag(0.3)
    if shaded:
        sheet.polygon([(left, top), (right, top), (right, top + line), (left, top + line)],
                      style.tint((215, 225, 242), 15))  # fmt: skip
    if ruled:
        faint = style.tint((170, 170, 170), 30)
        for i in range(8):
            sheet.line([(left + i * cell, top), (left + i * cell, top + line * (rows + 1))], faint)
        for i in range(rows + 2):
            sheet.line([(left, top + i * line), (right, top + i * line)], faint)
    for i in range(7):
        at = (left + (i + 0.5) * cell, top + line / 2)
        sheet.text(at, DAYS[(month.start + i) % 7], min(size, 22), color)
    mark = NAMED_COLORS[style.choice(("red", "blue", "green"))]
    ring = style.choice((True, False))
    for date in range(1, month.length + 1):
        row, column = divmod(offset + date - 1, 7)
        x, y = left + (column + 0.5) * cell, top + (row + 1.5) * line
        if date in month.marked:
            radius = min(cell, line) / 2 - 1
            fill = None if ring else style.tint((250, 220, 130), 12)
            sheet.disc(x, y, radius, fill, mark if ring else None, 3)
        sheet.text((x, y), str(date), size, style.ink)
    return sheet


def plan(request: Request) -> Month:
    rng, level = request.rng, request.level
    number = rng.randrange(12)
    marked: tuple[int, ...] = ()
    if request.kind == "between":
        gap = rng.randint(*((1, 6), (4, 13), (8, 25))[level])
        first = rng.randint(1, LENGTHS[number] - gap)
        marked = (first, first + gap)
    sunday_first = rng.random() < 0.4
    start = 6 if sunday_first and request.style.variation >= 0.3 else 0
    title = f"{MONTHS[number]} {rng.randint(2000, 2039)}" if rng.random() < 0.5 else MONTHS[number]
    return Month(rng.randrange(7), LENGTHS[number], title, start, marked)


def _reach(month: Month, date: int) -> str:
    """From the first by weeks to the last same weekday up to a date, then by days."""
    weeks = list(range(1, date + 1, 7))
    lines = [f"{DAYS[month.first]}s: {', '.join(map(str, weeks))}"]
    lines += [", ".join(f"{d} {DAYS[month.weekday(d)]}" for d in range(weeks[-1], date + 1))]
    return "\n".join(lines)


def ask(request: Request, month: Month) -> tuple[dict[str, object], str, str, dict[str, str]]:
    """The question's fields, the answer, the solution, and further facts."""
    rng, level = request.rng, request.level
    first = DAYS[month.first]
    lead, facts = f"the 1st: {first}", {"the 1st": first}
    high = (10, 21, month.length)[level]
    if request.kind in ("weekday", "later"):
        date = rng.randint(2, high if request.kind == "weekday" else (7, 14, 20)[level])
        answer = DAYS[month.weekday(date)]
        facts[f"the {_nth(date)}"] = answer
        work = f"{lead}\n{_reach(month, date)}\nthe {_nth(date)}: {answer}"
        if request.kind == "weekday":
            return {"date": _nth(date)}, answer, work, facts
        number = rng.randint(*((1, 6), (3, 13), (8, 40))[level])
        rest, weekday = number % 7, month.weekday(date)
        after = ", ".join(DAYS[(weekday + k) % 7] for k in range(rest + 1))
        last = DAYS[(weekday + rest) % 7]
        work += f"\n{number} = 7 × {number // 7} + {rest}\n{after}\nIt is {last}."
        return {"date": _nth(date), "number": number}, last, work, facts
    if request.kind == "between":
        a, b = month.marked
        facts = {"first marked": str(a), "second marked": str(b)}
        work = f"first marked: {a}\nsecond marked: {b}\n{b} - {a} = {b - a}"
        return {}, str(b - a), work, facts
    weekday = rng.randrange(7)
    steps = (weekday - month.first) % 7
    days = ", ".join(f"{1 + k} {DAYS[(month.first + k) % 7]}" for k in range(steps + 1))
    dates = list(range(1 + steps, month.length + 1, 7))
    if request.kind == "date":
        n = rng.randrange((2, 3, 4)[level])
        dates = dates[: n + 1]
        listed = ", ".join(map(str, dates))
        facts[f"{DAYS[weekday]}s"] = listed
        work = f"{lead}\n{days}\n{DAYS[weekday]}s: {listed}\nThe {ORDINALS[n]} is the {dates[n]}."
        return {"nth": ORDINALS[n], "weekday": LONG[weekday]}, str(dates[n]), work, facts
    facts["the last day"] = str(month.length)
    listed = ", ".join(f"{d} ({i})" for i, d in enumerate(dates, 1))
    work = (
        f"{lead}\nthe last day: {month.length}\n{days}\n{DAYS[weekday]}s: {listed}\nThat makes {len(dates)}."
    )
    facts[f"{DAYS[weekday]}s"] = listed
    return {"weekday": LONG[weekday]}, str(len(dates)), work, facts


def _draw(request: Request) -> Draft:
    month = plan(request)
    image = render(month, request.style).finish()
    fields, answer, work, facts = ask(request, month)
    kind: AnswerType = "string" if request.kind in ("weekday", "later") else "number"
    return Draft(request.wording(**fields), answer, kind, work, facts, (image,))


FAMILY = Family("calendar", "a month: weekdays, dates, days between marked ones", KINDS, _draw)
