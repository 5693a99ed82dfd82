"""Bar, pie and line charts as people make them: any names, decimals, thousands, percentages, no grid.

The solutions have the form of the families' own ones: every part in order with its place, then the working.
A value that is not printed is read between grid lines, in tenths of their distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from r1v.figures.abroad import words
from r1v.figures.abroad.scene import Asked, ToolPicture, plain
from r1v.figures.item import AnswerType
from r1v.figures.steps import indexed, readings

_END = "[|||| Give the number.| Just the number.]"
_NAME = "[|||| Give its name.| Answer with the name.]"
_AT = "[||| in the chart| in this chart| here| shown]"
BAR_PHRASES: dict[str, tuple[str, str]] = {
    "value": (
        f"[What is the value of|What's the value of|How much is|How many for|What does the chart show for|"
        f"Value of|Read off the value of|What number does the chart give for|How many people are for|"
        f"How many cups for|How many votes for|How many points for|How many sales for|How many visitors "
        f"for|How many are for] {{name}}{_AT}?{_END}",
        "[What is the value for|How high is the bar for|Tell me the value of] {name}?",
    ),
    "extreme": (
        f"[Which has the|Which one has the|What has the|Which bar is the one with the|What category has the] "
        f"{{extreme}} [value|number|bar]{_AT}?{_NAME}",
        "[Which one is the {extreme}|Name the category with the {extreme} bar]?",
    ),
    "extreme_value": (
        f"[What is the|What's the|Tell me the|Give the] {{extreme}} value{_AT}?{_END}",
        "[How much is the {extreme} one|What number does the {extreme} bar have]?",
    ),
    "difference": (
        "[What is the difference between {larger} and {smaller}|How much more is {larger} than {smaller}|"
        "By how much is {larger} higher than {smaller}|Difference between {smaller} and {larger}|"
        "How much higher is {larger} than {smaller}|Subtract {smaller} from {larger}]" + _AT + f"?{_END}",
        "[How far apart are {larger} and {smaller}|What is {larger} minus {smaller}]?",
    ),
    "total": (
        f"[What is the total of|What is the sum of|Add up|How much do|Sum of] {{names}}{_AT}?{_END}",
        "[What do you get when adding {names}|How much are {names} together]?",
    ),
    "total_all": (
        f"[What is the total of all values|What is the sum of all bars|Add up all the bars|What is the total|"
        f"How much is it altogether]{_AT}?{_END}",
        "[What do all the bars add up to|Total of everything]?",
    ),
    "above": (
        f"[How many bars are|How many values are|How many are] [above|greater than|over|larger than|"
        f"more than|higher than] {{limit}}{_AT}?{_END}",
        "[How many bars go past {limit}|Count the bars over {limit}.]",
    ),
    "how_many": (
        f"[How many bars are there|How many bars does the chart have|Number of bars|Count the bars|"
        f"How many categories are there|How many categories are shown]{_AT}?{_END}",
        "[How many bars do you see|What is the number of bars]?",
    ),
    "which": (
        f"[Which one has the value|Which bar shows|Which category has|What has a value of] {{value}}{_AT}?"
        f"{_NAME}",
        "[Which bar stands for {value}|Whose value is {value}]?",
    ),
    "nth": (
        f"[What is the name of the|Which category is the|What is the label of the|What does it say under "
        f"the] "
        f"{{nth}} bar{_AT}?{_NAME}",
        "[Name the {nth} bar.|What is bar number {number} called?]",
    ),
    "title": (
        "[What is the title of the chart|What is the title|What does the title say|What is the chart about]?",
        "[Read the heading of the chart.|How is the chart titled?]",
    ),
}  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True, slots=True)
class Chart:
    """names and values in the order of drawing; unit: ``%`` or nothing; printed: values stand in the chart;
    series: names of several lines, else one empty one, with a row of values each."""

    names: tuple[str, ...]
    rows: tuple[tuple[Decimal, ...], ...]
    series: tuple[str, ...] = ("",)
    unit: str = ""
    printed: bool = False
    title: str = ""
    axis: str = ""
    thousands: bool = False

    @property
    def values(self) -> tuple[Decimal, ...]:
        """Of the first or only series."""
        return self.rows[0]

    def text(self, value: Decimal) -> str:
        """A value as it is printed."""
        shown = f"{value:,}" if self.thousands else plain(value)
        return shown + self.unit


def values_of(rng: Random, count: int, level: int, percent: bool = False) -> list[Decimal]:
    """Different values of one size: small counts, tens, hundreds, thousands, with one decimal."""
    size = rng.choice(("small", "tens", "tens", "hundreds", "thousands", "decimal", "round"))
    if percent:
        size = "tens"
    top, step = {
        "small": (12, 1), "tens": (100, 1), "hundreds": (1000, 5), "thousands": (20000, 100),
        "decimal": (10, 0), "round": (100, 5),
    }[size]  # fmt: skip
    top = max(count + 2, int(top * rng.uniform(0.4, 1.0)))
    if size == "decimal":
        return [Decimal(n) / 10 for n in rng.sample(range(5, top * 10), count)]
    if top // step < count + 2:
        top = step * (count + 3)
    low = max(1, top // step // 10)
    return [Decimal(n * step) for n in rng.sample(range(low, top // step + 1), count)]


def plan_bars(rng: Random, level: int) -> Chart:
    """Three to eight named bars."""
    count = rng.randint(*((3, 4), (4, 6), (5, 8))[level])
    percent = rng.random() < 0.15
    names = words.moments(rng, count) if rng.random() < 0.25 else words.names(rng, count)
    values = values_of(rng, len(names), level, percent)
    return Chart(
        tuple(names), (tuple(values),), unit="%" if percent else "", printed=rng.random() < 0.3,
        title=rng.choice(words.TITLES) if rng.random() < 0.6 else "",
        axis=rng.choice(words.LABELS) if rng.random() < 0.5 else "",
        thousands=max(values) >= 1000 and rng.random() < 0.5,
    )  # fmt: skip


def tenths(values: Sequence[Decimal], low: Decimal, step: Decimal) -> list[str]:
    """Between which grid lines each value lies, ``line 3.4``, in tenths of their distance."""
    return [f"line {plain(((value - low) / step).quantize(Decimal('0.1')))}" for value in values]


def running(values: Sequence[Decimal]) -> list[str]:
    """The lines that add values from left to right."""
    lines, total = [], values[0]
    for value in values[1:]:
        lines.append(f"{plain(total)} + {plain(value)} = {plain(total + value)}")
        total += value
    return lines


def apart(rng: Random, values: Sequence[Decimal], gap: float) -> tuple[int, int] | None:
    """Two places whose values differ by more than a gap, the larger first; None if no two do."""
    count = range(len(values))
    pairs = [(i, j) for i in count for j in count if float(values[i] - values[j]) > gap]
    return rng.choice(pairs) if pairs else None


def limit_in(rng: Random, values: Sequence[Decimal], gap: float) -> Decimal | None:
    """A round number between the smallest and the largest value, not too near to any."""
    low, high = min(values), max(values)
    step = Decimal(10) ** max(0, high.adjusted() - 1)
    options = [step * k for k in range(int(low / step) + 1, int(high / step) + 1)]
    options = [n for n in options if low < n < high and all(abs(float(n - v)) > gap for v in values)]
    return rng.choice(options) if options else None


def clear_extreme(values: Sequence[Decimal], largest: bool, gap: float) -> bool:
    """Whether the extreme value stands out by more than a gap."""
    ordered = sorted(values, reverse=largest)
    return abs(float(ordered[0] - ordered[1])) > gap


def records(names: Sequence[str], values: Sequence[Decimal], largest: bool) -> str:
    """``Largest so far: pear 12, plum 19``, as the families say it."""
    found = [0]
    for i in range(1, len(values)):
        if (values[i] > values[found[-1]]) if largest else (values[i] < values[found[-1]]):
            found.append(i)
    word = "Largest" if largest else "Smallest"
    return f"{word} so far: " + ", ".join(f"{names[i]} {plain(values[i])}" for i in found)


class Parts:
    """Questions about named parts, of which each has a value: bars here, sectors in ``pies``.

    Each method named after a kind makes a question of it, or None where the picture gives no clear answer.
    """

    place = "bar"

    def __init__(self, chart: Chart, drawn: ToolPicture, rng: Random) -> None:
        self.chart, self.drawn, self.rng = chart, drawn, rng
        order = drawn.marks.get("order", range(len(chart.names)))  # in which the parts are read
        self.names = [chart.names[i] for i in order]
        self.values = [chart.values[i] for i in order]
        self.gap = 0.0 if chart.printed else float(drawn.marks["step"]) / 10

    def kinds(self) -> list[str]:
        """The kinds that the chart invites, usual ones several times."""
        usual = ["value"] * 4 + ["extreme", "extreme_value", "difference", "difference", "total", "total_all"]
        return usual + ["above", "how_many", "which", "nth"] + ["title"] * bool(self.chart.title)

    def ask(self) -> Asked:
        """One question of any kind."""
        kinds = self.kinds()
        while True:
            asked: Asked | None = getattr(self, self.rng.choice(kinds))()
            if asked is not None:
                return asked

    def facts(self) -> dict[str, str]:
        """The parts' values by name, and the grid's step."""
        facts = {n: plain(v) + self.chart.unit for n, v in zip(self.names, self.values, strict=True)}
        return facts if self.chart.printed else {**facts, "grid step": plain(self.drawn.marks["step"])}

    def read(self, limit: Decimal | None = None) -> list[str]:
        """The reading of every part from the first on. limit: when a part is read, the text says whether it
        exceeds the limit."""
        shown: list[object] = [plain(v) + self.chart.unit for v in self.values]
        if limit is not None:
            over = [value > limit for value in self.values]
            shown = [
                f"{text}; " + (f"above, {sum(over[: i + 1])}" if over[i] else "below")
                for i, text in enumerate(shown)
            ]
        lines = [] if limit is None else [f"limit: {plain(limit)}"]
        places: list[str] = list(self.drawn.marks.get("colors", ()))
        if not self.chart.printed:
            lines.append(f"grid step: {plain(self.drawn.marks['step'])}")
            places = tenths(self.values, Decimal(0), self.drawn.marks["step"])
        return [*lines, indexed(self.place, zip(self.names, shown, strict=True), places)]

    def made(
        self, kind: str, fields: dict[str, object], answer: str, work: list[str],
        how: AnswerType = "number", off: float = 0.0,
    ) -> Asked:  # fmt: skip
        """A question whose solution reads every part first."""
        return Asked(kind, fields, answer, how, "\n".join([*self.read(), *work]), self.facts(), off)

    def value(self) -> Asked | None:
        """Of one part."""
        i = self.rng.randrange(len(self.names))
        work = f"{self.names[i]} has {plain(self.values[i])}{self.chart.unit}."
        return self.made("value", {"name": self.names[i]}, plain(self.values[i]), [work], off=self.gap)

    def _extreme(self) -> tuple[str, str, Decimal, list[str]] | None:
        largest = self.rng.random() < 0.6
        if not clear_extreme(self.values, largest, self.gap):
            return None
        word = self.rng.choice(("largest", "highest", "biggest") if largest else ("smallest", "lowest"))
        best = (max if largest else min)(self.values)
        name = self.names[self.values.index(best)]
        line = f"{records(self.names, self.values, largest)}."
        return word, name, best, [line, f"{name} has the {word} value, {plain(best)}."]

    def extreme(self) -> Asked | None:
        """The name of the largest or smallest part."""
        found = self._extreme()
        return found and self.made("extreme", {"extreme": found[0]}, found[1], found[3], "string")

    def extreme_value(self) -> Asked | None:
        """The largest or smallest value."""
        found = self._extreme()
        return found and self.made(
            "extreme_value", {"extreme": found[0]}, plain(found[2]), found[3], off=self.gap
        )

    def difference(self) -> Asked | None:
        """Of two parts."""
        pair = apart(self.rng, self.values, 2 * self.gap)
        if pair is None:
            return None
        (a, b), names, values = pair, self.names, self.values
        rest = values[a] - values[b]
        work = [
            f"{names[a]}: {plain(values[a])}{self.chart.unit}",
            f"{names[b]}: {plain(values[b])}{self.chart.unit}",
            f"{plain(values[a])} - {plain(values[b])} = {plain(rest)}",
            f"{names[a]} is {plain(rest)} larger.",
        ]
        fields: dict[str, object] = {"larger": names[a], "smaller": names[b]}
        return self.made("difference", fields, plain(rest), work, off=2 * self.gap)

    def total(self) -> Asked | None:
        """Of two or three parts."""
        count = min(len(self.names), self.rng.choice((2, 2, 3)))
        return self._sum("total", sorted(self.rng.sample(range(len(self.names)), count)))

    def total_all(self) -> Asked | None:
        """Of all parts."""
        return self._sum("total_all", list(range(len(self.names)))) if len(self.names) < 7 else None

    def _sum(self, kind: str, chosen: list[int]) -> Asked:
        spoken, numbers = [self.names[i] for i in chosen], [self.values[i] for i in chosen]
        total = sum(numbers, Decimal(0))
        listed = ", ".join(spoken[:-1]) + " and " + spoken[-1]
        shown = [plain(n) + self.chart.unit for n in numbers]
        again = [readings(zip(spoken, shown, strict=True))] if kind == "total" else []
        work = [*again, *running(numbers), f"The sum is {plain(total)}."]
        return self.made(kind, {"names": listed}, plain(total), work, off=len(chosen) * self.gap)

    def above(self) -> Asked | None:
        """How many parts go beyond a limit."""
        limit = limit_in(self.rng, self.values, self.gap)
        if limit is None:
            return None
        count = sum(v > limit for v in self.values)
        solution = "\n".join([*self.read(limit), f"That makes {count}."])
        facts = self.facts() | {"limit": plain(limit)}
        return Asked("above", {"limit": plain(limit)}, str(count), "number", solution, facts)

    def how_many(self) -> Asked | None:
        """The number of parts."""
        count = len(self.names)
        return self.made("how_many", {}, str(count), [f"That makes {count}."])

    def which(self) -> Asked | None:
        """The name of the part with a value."""
        i = self.rng.randrange(len(self.names))
        if sum(abs(float(v - self.values[i])) <= 2 * self.gap for v in self.values) > 1:
            return None
        shown = self.chart.text(self.values[i])
        work = f"{self.names[i]} has {plain(self.values[i])}{self.chart.unit}."
        return self.made("which", {"value": shown}, self.names[i], [work], "string")

    def nth(self) -> Asked | None:
        """The name of the third part, and so on."""
        i = self.rng.randrange(min(len(self.names), len(ORDINALS)))
        fields: dict[str, object] = {"nth": ORDINALS[i], "number": i + 1}
        return self.made("nth", fields, self.names[i], [f"The {ORDINALS[i]} is {self.names[i]}."], "string")

    def title(self) -> Asked | None:
        """What stands above the chart."""
        said = self.chart.title
        solution = f"title: {said}\nThe title is {said}."
        return Asked("title", {}, said, "string", solution, {"title": said})


def ask_bars(chart: Chart, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about a bar chart."""
    return Parts(chart, drawn, rng).ask()
