"""Line charts as people make them: one to three lines over months, years or names, between grid lines."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from random import Random

from r1v.figures.abroad import words
from r1v.figures.abroad.charts import Chart, apart, clear_extreme, tenths, values_of
from r1v.figures.abroad.scene import Asked, ToolPicture, plain
from r1v.figures.item import AnswerType
from r1v.figures.steps import readings, so_far

_END = "[|||| Give the number.| Just the number.]"
_AT = "[||| in the chart| in this graph| here| shown]"
_LABEL = "[|||| Answer with the label.]"
PHRASES: dict[str, tuple[str, str]] = {
    "value": (
        "[What is the value{of} in|What's the value{of} at|How high is the line{of} in|Value{of} in|"
        "What does the graph show{of} for|How much is it{of} in|Read off the value{of} for] {label}"
        f"{_AT}?{_END}",
        "[How much was it{of} in|What number is reached{of} in] {label}?",
    ),
    "extreme": (
        "[When is the line{of}|Where is the value{of}|In which one is the value{of}|At which label is "
        "the line"
        f"{{of}}|When was it{{of}} the] {{extreme}}{_AT}?{_LABEL}",
        "[Where does the curve{of} reach its {extreme} point|When do we see the {extreme} value{of}]?",
    ),
    "extreme_value": (
        f"[What is the|What's the|Tell me the|Give the] {{extreme}} value{{of}}{_AT}?{_END}",
        "[How much is it{of} at the {extreme} point]?",
    ),
    "rise": (
        f"[When does the value{{of}} rise the most|Where is the largest increase{{of}}|In which one does the "
        f"line{{of}} go up most]{_AT}?{_LABEL}",
        "[Which step up{of} is the biggest; what label does it lead to]?",
    ),
    "change": (
        f"[How much does the value{{of}} {{verb}}|By how much does it{{of}} {{verb}}|How much does the line"
        f"{{of}} {{verb}}] from {{first}} to {{last}}{_AT}?{_END}",
        "[What is the change{of} between {first} and {last}, without a sign]?",
    ),
    "gap": (
        "[How much higher is {larger} than {smaller} in|What is the difference between {larger} and "
        "{smaller} "
        f"in|How much more is {{larger}} than {{smaller}} in] {{label}}{_AT}?{_END}",
        "[How far apart are {larger} and {smaller} in] {label}?",
    ),
    "higher": (
        f"[Which line is higher in|Which one is higher in|Which is larger in] {{label}}{_AT}?"
        "[|| Answer with its name.]",
        "[Which of the lines is on top in] {label}?",
    ),
    "how_many": (
        f"[How many lines are there|How many lines does the chart have|Number of lines]"
        f"{_AT}?{_END}",
        "[How many lines do you see]?",
    ),
}  # fmt: skip


def plan(rng: Random, level: int) -> Chart:
    """Four to eight points, one line or two, at the hard level also three."""
    count = rng.randint(*((4, 5), (5, 6), (6, 8))[level])
    names = words.moments(rng, count) if rng.random() < 0.8 else words.names(rng, count, 8)
    lines = 1 if rng.random() < (0.9, 0.6, 0.45)[level] else rng.choice((2, 2, 3) if level == 2 else (2,))
    series = words.names(rng, lines, 9) if lines > 1 else [""]
    pool = values_of(rng, max(8, len(names)) + 4, level)
    rows = []
    for _ in series:
        row = [rng.choice(pool) for _ in names]
        rows.append(tuple(row))
    return Chart(
        tuple(names),
        tuple(rows),
        tuple(series),
        title=rng.choice(words.TITLES) if rng.random() < 0.5 else "",
        axis=rng.choice(words.LABELS) if rng.random() < 0.4 else "",
    )


class LineQuestions:
    """Questions about lines; each method named after a kind makes one, or None where none is clear."""

    def __init__(self, chart: Chart, drawn: ToolPicture, rng: Random) -> None:
        self.chart, self.drawn, self.rng = chart, drawn, rng
        self.row = rng.randrange(len(chart.series))
        self.labels, self.values = list(chart.names), list(chart.rows[self.row])
        self.name = chart.series[self.row]
        self.step, self.low = drawn.marks["step"], drawn.marks["low"]
        self.near = float(self.step) / 10
        self.fields: dict[str, object] = {"of": f" of {self.name}" if self.name else ""}

    def ask(self) -> Asked:
        """One question of any kind."""
        kinds = ["value"] * 4 + ["extreme", "extreme", "extreme_value", "rise", "change", "change"]
        kinds += ["gap", "gap", "higher", "how_many"] if self.name else []
        while True:
            asked: Asked | None = getattr(self, self.rng.choice(kinds))()
            if asked is not None:
                return asked

    def _facts(self) -> dict[str, str]:
        chart, facts = self.chart, {"grid step": plain(self.step), "grid from": plain(self.low)}
        for name, row in zip(chart.series, chart.rows, strict=True):
            facts |= {f"{name} {t}".strip(): plain(v) for t, v in zip(chart.names, row, strict=True)}
        if self.name:
            facts |= dict(zip(chart.series, self.drawn.marks["colors"], strict=True))
        facts |= {f"point {i}": label for i, label in enumerate(self.labels, 1)}
        return facts | {t: plain(v) for t, v in zip(self.labels, self.values, strict=True)}

    def _lead(self) -> list[str]:
        lines = [f"grid from: {plain(self.low)}", f"grid step: {plain(self.step)}"]
        if self.name:
            lines.append(readings(zip(self.chart.series, self.drawn.marks["colors"], strict=True)))
        return lines

    def _points(self, extreme: str = "", changes: bool = False) -> list[str]:
        """The reading of every point: number, colour, grid line, label and value, with records and changes
        when they occur.
        """
        pairs = [(label, plain(v)) for label, v in zip(self.labels, self.values, strict=True)]
        largest = extreme == "highest"
        read = so_far(pairs, largest, extreme) if extreme else [f"{n}: {v}" for n, v in pairs]
        if changes:
            steps = [f"; {'+' if b > a else ''}{plain(b - a)}" for a, b in pairwise(self.values)]
            read = [said + change for said, change in zip(read, ["", *steps], strict=True)]
        color = f", {self.drawn.marks['colors'][self.row]}" if self.name else ""
        places = tenths(self.values, self.low, self.step)
        lines = (
            [f"asked: {self.name}; {self.name}: {self.drawn.marks['colors'][self.row]}"] if self.name else []
        )
        return lines + [
            f"point {i}{color}, {at}; {said}"
            for i, (at, said) in enumerate(zip(places, read, strict=True), 1)
        ]

    def _made(
        self, kind: str, fields: dict[str, object], answer: str, lines: list[str],
        how: AnswerType = "number", off: float = 0.0,
    ) -> Asked:  # fmt: skip
        solution = "\n".join([*self._lead(), *lines])
        return Asked(kind, {**self.fields, **fields}, answer, how, solution, self._facts(), off)

    def value(self) -> Asked | None:
        """At one label."""
        i = self.rng.randrange(len(self.labels))
        label, value = self.labels[i], plain(self.values[i])
        whose = f"{self.name} is" if self.name else "the line is"
        lines = [*self._points(), f"In {label} {whose} at {value}."]
        return self._made("value", {"label": label}, value, lines, off=self.near)

    def _extreme(self) -> tuple[str, Decimal, str, list[str]] | None:
        largest = self.rng.random() < 0.6
        if not clear_extreme(self.values, largest, self.near):
            return None
        best, word = (max if largest else min)(self.values), "highest" if largest else "lowest"
        label = self.labels[self.values.index(best)]
        end = f"{self.name or 'The line'} is {word} in {label}, at {plain(best)}."
        return word, best, label, [*self._points(word), end]

    def extreme(self) -> Asked | None:
        """The label of the highest or lowest point."""
        found = self._extreme()
        return found and self._made("extreme", {"extreme": found[0]}, found[2], found[3], "string")

    def extreme_value(self) -> Asked | None:
        """The highest or lowest value."""
        found = self._extreme()
        fields: dict[str, object] = {"extreme": found[0]} if found else {}
        return found and self._made("extreme_value", fields, plain(found[1]), found[3], off=self.near)

    def rise(self) -> Asked | None:
        """The label to which the line rises most."""
        changes = [b - a for a, b in pairwise(self.values)]
        if max(changes) <= 0 or not clear_extreme(changes, True, 2 * self.near):
            return None
        best = max(changes)
        label = self.labels[changes.index(best) + 1]
        lines = [*self._points(changes=True), f"The rise in {label} is the largest, {plain(best)}."]
        return self._made("rise", {}, label, lines, "string")

    def change(self) -> Asked | None:
        """Between two labels."""
        pair = apart(self.rng, self.values, 2 * self.near)
        if pair is None:
            return None
        (high, low), values, labels = pair, self.values, self.labels
        first, last = sorted(pair)
        verb, rest = "rise" if last == high else "fall", values[high] - values[low]
        work = [
            f"{labels[first]}: {plain(values[first])}", f"{labels[last]}: {plain(values[last])}",
            f"{plain(values[high])} - {plain(values[low])} = {plain(rest)}", f"The {verb} is {plain(rest)}.",
        ]  # fmt: skip
        fields: dict[str, object] = {"verb": verb, "first": labels[first], "last": labels[last]}
        return self._made("change", fields, plain(rest), [*self._points(), *work], off=2 * self.near)

    def _two(self) -> tuple[int, int, int] | None:
        """A label, and the lines that are higher and lower there."""
        i = self.rng.randrange(len(self.labels))
        pair = apart(self.rng, [row[i] for row in self.chart.rows], 2 * self.near)
        return None if pair is None else (i, *pair)

    def _both(self, i: int, rows: tuple[int, int]) -> list[str]:
        lines = [readings((f"point {k + 1}", label) for k, label in enumerate(self.labels[: i + 1]))]
        for row in rows:
            value, color = self.chart.rows[row][i], self.drawn.marks["colors"][row]
            (at,) = tenths([value], self.low, self.step)
            lines.append(f"{color}, {at}; {self.chart.series[row]} {self.labels[i]}: {plain(value)}")
        return lines

    def _difference(self, i: int, upper: int, lower: int) -> tuple[list[str], Decimal]:
        """The reading of two lines at one label, and their difference."""
        high, low = self.chart.rows[upper][i], self.chart.rows[lower][i]
        lines = self._both(i, (upper, lower))
        return [*lines, f"{plain(high)} - {plain(low)} = {plain(high - low)}"], high - low

    def _pair_kind(self, higher: bool) -> Asked | None:
        """Two lines at one label: how far apart, or which is higher."""
        found = self._two()
        if found is None or (higher and len(self.chart.series) > 2):
            return None
        i, upper, lower = found
        lines, rest = self._difference(i, upper, lower)
        names = self.chart.series
        if higher:
            rows = (0, 1)
            lines = [*self._both(i, rows), f"{names[upper]} is higher."]
            return self._made("higher", {"label": self.labels[i]}, names[upper], lines, "string")
        fields: dict[str, object] = {"larger": names[upper], "smaller": names[lower], "label": self.labels[i]}
        lines.append(f"{names[upper]} is {plain(rest)} higher.")
        return self._made("gap", fields, plain(rest), lines, off=2 * self.near)

    def gap(self) -> Asked | None:
        """How far two lines are apart."""
        return self._pair_kind(False)

    def higher(self) -> Asked | None:
        """Which of two lines is higher."""
        return self._pair_kind(True)

    def how_many(self) -> Asked | None:
        """The number of lines."""
        count = len(self.chart.series)
        facts = self._facts()
        solution = f"{self._lead()[-1]}\nThat makes {count}."
        return Asked("how_many", {}, str(count), "number", solution, facts)


def ask(chart: Chart, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about a line chart."""
    return LineQuestions(chart, drawn, rng).ask()
