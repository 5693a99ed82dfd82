"""Charts that Pillow paints: areas of colour are as large as the values say, and the grid reaches them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from r1v.figures.abroad import charts, painted_charts, pies
from r1v.figures.abroad.charts import Chart
from r1v.figures.abroad.mpl import nearest_name
from r1v.figures.abroad.scene import ToolPicture


def areas(drawn: ToolPicture) -> dict[tuple[int, ...], int]:
    """Pixels of each colour that a palette has."""
    known = {color for palette in painted_charts.PALETTES for color in palette}
    colors, counts = np.unique(np.asarray(drawn.image).reshape(-1, 3), axis=0, return_counts=True)
    found = {tuple(map(int, color)): int(n) for color, n in zip(colors, counts, strict=True)}
    return {color: n for color, n in found.items() if color in known and n > 60}


@pytest.mark.parametrize(
    ("plan", "draw"), [(charts.plan_bars, painted_charts.bars), (pies.plan, painted_charts.pie)]
)
def test_areas_are_as_the_values(
    plan: Callable[[Random, int], Chart], draw: Callable[[Chart, Random], ToolPicture]
) -> None:
    compared = 0
    for seed in range(60):
        chart = plan(Random(f"plan/{seed}"), seed % 2)
        found = sorted(areas(draw(chart, Random(f"draw/{seed}"))).values())
        if len(found) != len(chart.values) or min(chart.values) * 9 < max(chart.values):
            continue  # one colour for all, or parts too thin to be measured
        compared += 1
        shares = [float(value / sum(chart.values)) for value in sorted(chart.values)]
        assert [n / sum(found) for n in found] == pytest.approx(shares, abs=0.035), seed
    assert compared > 8


def test_lines_pass_through_their_values() -> None:
    """The lowest and the highest pixel of a line alone lie as far apart as the grid says."""
    for seed in range(12):
        chart = charts.plan_bars(Random(seed), 0)
        drawn = painted_charts.lines(chart, Random(seed))
        (name,) = drawn.marks["colors"]
        color = max(areas(drawn), key=lambda one: areas(drawn)[one])
        assert nearest_name(color) == name
        assert drawn.marks["low"] <= min(chart.values) and drawn.marks["step"] > 0
        ys = np.nonzero((np.asarray(drawn.image) == color).all(-1))[0]
        assert np.ptp(ys) > 40


@pytest.mark.parametrize("seed", range(8))
def test_the_grid_reaches_every_value(seed: int) -> None:
    rng = Random(seed)
    low, high = sorted(rng.uniform(0, 10 ** rng.randint(0, 4)) for _ in range(2))
    step, start, count = painted_charts.grid(low, high, rng)
    assert start <= low < start + step and start + step * (count - 1) < high <= start + step * count
