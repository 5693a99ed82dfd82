"""Pie charts as people make them: shares or amounts in the sectors, names beside them or in a legend."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from r1v.figures.abroad import words
from r1v.figures.abroad.charts import Chart, Parts
from r1v.figures.abroad.scene import Asked, ToolPicture

_END = "[|||| Give the number.| Just the number.]"
_NAME = "[|||| Give its name.| Answer with the name.]"
_AT = "[||| in the pie chart| in this chart| here| shown]"
PHRASES: dict[str, tuple[str, str]] = {
    "value": (
        f"[What is the share of|What percentage is|How large is the part of|What is the value of|What's the "
        f"share of|How much is|Value of] {{name}}{_AT}?{_END}",
        "[What number is written for|How big is the slice of] {name}?",
    ),
    "extreme": (
        f"[Which has the|Which one has the|What has the|Which category has the] {{extreme}} "
        f"[part|share|slice|sector]{_AT}?{_NAME}",
        "[Whose slice is the {extreme}|Name the {extreme} slice.]",
    ),
    "extreme_value": (
        f"[What is the|How large is the|Give the] {{extreme}} [share|part|value]{_AT}?{_END}",
        "[What number does the {extreme} slice have]?",
    ),
    "difference": (
        "[What is the difference between {larger} and {smaller}|How much larger is {larger} than {smaller}|"
        f"How much more is {{larger}} than {{smaller}}]{_AT}?{_END}",
        "[How far apart are {larger} and {smaller}|What is {larger} minus {smaller}]?",
    ),
    "total": (
        f"[How much do {{names}} make together|What is the sum of {{names}}|Add up {{names}}|What is the "
        f"total "
        f"of {{names}}]{_AT}?{_END}",
        "[What do {names} come to in all]?",
    ),
    "above": (
        f"[How many parts are|How many slices are] [above|larger than|more than|over] {{limit}}{_AT}?{_END}",
        "[Count the slices beyond {limit}.]",
    ),
    "how_many": (
        f"[How many parts are there|How many slices does the pie have|How many slices are there|Number of "
        f"slices|How many categories are shown]{_AT}?{_END}",
        "[Into how many pieces is the pie cut]?",
    ),
    "which": (
        f"[Which one has|Which part has|What has a share of|Which slice shows] {{value}}{_AT}?{_NAME}",
        "[Whose slice says {value}]?",
    ),
    "title": (
        "[What is the title of the chart|What is the title|What does the title say]?",
        "[How is the pie titled]?",
    ),
}  # fmt: skip


def plan(rng: Random, level: int) -> Chart:
    """Three to six parts, as percentages of 100 or as amounts; every number is printed."""
    count = rng.randint(*((3, 4), (4, 5), (5, 6))[level])
    decimals = rng.random() < 0.25
    percent = decimals or rng.random() < 0.65
    while True:
        if percent:
            units = 1000 if decimals else 100
            cuts = sorted(rng.sample(range(1, units), count - 1))
            parts = [b - a for a, b in zip([0, *cuts], [*cuts, units], strict=True)]
        else:
            top = rng.choice((20, 60, 300))
            parts = [rng.randint(1, top) for _ in range(count)]
        if min(parts) >= sum(parts) * 0.05 and len(set(parts)) == count:
            break
    values = [Decimal(part) / 10 if decimals else Decimal(part) for part in parts]
    names = words.names(rng, count, 11)
    return Chart(
        tuple(names), (tuple(values),), unit="%" if percent else "", printed=True,
        title=rng.choice(words.TITLES) if rng.random() < 0.5 else "",
    )  # fmt: skip


class Slices(Parts):
    """Questions about sectors, which are read with their colours."""

    place = "part"

    def kinds(self) -> list[str]:
        """All but those about places and the whole, which are no questions about a pie."""
        return [kind for kind in super().kinds() if kind not in ("nth", "total_all")]


def ask(chart: Chart, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about a pie chart."""
    return Slices(chart, drawn, rng).ask()
