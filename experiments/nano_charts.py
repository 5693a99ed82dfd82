"""R1V-Nano's three charts from results of ``nano_accuracy.py``: families, difficulties, spoilt pictures.

    python experiments/nano_charts.py --run SFT=sft.json --run GRPO=grpo.json --out docs/images

Grouped bars with their numbers, as the release draws its comparisons; whiskers are Wilson's 95% intervals.
The first run that was also asked without pictures gives those bars, the order and the claimed families.
Writes three pictures and prints a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Chart
from matplotlib.patches import Patch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from nano_accuracy import Score

matplotlib.use("Agg")

COLORS = ("#c9d3e0", "#8fb2de", "#4f83c4", "#1d4f91", "#e08a3c", "#7a5ca8")
LEVELS = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Bars:
    """One colour of a chart: a name and a score for each place (None: nothing there)."""

    name: str
    scores: Sequence[Score | None]


def score(row: Mapping[str, Any] | None) -> Score | None:
    """A count of right answers as the results keep it."""
    return None if row is None else Score(row["right"], row["total"])


def pooled(rows: Sequence[Mapping[str, Any]]) -> Score | None:
    """Of several counts."""
    return Score(sum(r["right"] for r in rows), sum(r["total"] for r in rows)) if rows else None


def grouped(title: str, places: Sequence[str], groups: Sequence[Bars], path: Path, *, numbers: bool) -> None:
    """Draw and save. numbers: write each bar's percentage above it. Many places stand in two rows."""
    rows = 1 if len(places) <= 14 else 2
    along = math.ceil(len(places) / rows)
    size = (max(6.0, 0.17 * len(groups) * along + 1.6), 0.6 + 3.0 * rows)
    chart = Chart(figsize=size, dpi=110, layout="constrained")
    for row, axes in enumerate(chart.subplots(rows, squeeze=False).flat):
        part = slice(row * along, (row + 1) * along)
        bars_of(axes, places[part], [Bars(g.name, g.scores[part]) for g in groups], numbers=numbers)
        axes.set_xlim(-0.6, along - 0.4)
    chart.axes[0].set_title(title, fontsize=10, loc="left")
    named = [Patch(color=COLORS[g % len(COLORS)]) for g in range(len(groups))]
    names = [bars.name for bars in groups]
    chart.legend(named, names, fontsize=8, ncols=len(groups), frameon=False, loc="outside lower center")
    chart.savefig(path)


def bars_of(axes: Axes, places: Sequence[str], groups: Sequence[Bars], *, numbers: bool) -> None:
    """One row of bars, their intervals and their names."""
    width = 0.84 / len(groups)
    for g, bars in enumerate(groups):
        for p, one in enumerate(bars.scores):
            if one is None:
                continue
            x, share = p + (g - (len(groups) - 1) / 2) * width, 100 * one.share
            low, high = (100 * bound for bound in one.interval())
            axes.bar(x, share, width * 0.94, color=COLORS[g % len(COLORS)])
            axes.vlines(x, low, high, color="0.25", linewidth=0.8)
            if numbers:
                axes.text(x, high + 1.5, f"{share:.0f}", ha="center", va="bottom", fontsize=7)
    turned = len(places) > 8 or max(map(len, places)) > 12
    axes.set_xticks(range(len(places)), places, rotation=30 if turned else 0,
                    ha="right" if turned else "center", fontsize=8)  # fmt: skip
    axes.set_ylim(0, 112)
    axes.set_ylabel("right answers, %", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def leading(runs: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The families of the first run that was asked without pictures, or of the first."""
    found = [run["families"] for run in runs.values()]
    return next((rows for rows in found if any(row["without_image"] for row in rows.values())), found[0])


def families(runs: Mapping[str, dict[str, Any]]) -> tuple[list[str], list[Bars]]:
    """Every family, without its picture first."""
    first = leading(runs)
    names = sorted(first, key=lambda name: -first[name]["right"] / max(first[name]["total"], 1))
    groups = [Bars("no picture", [score(first[name]["without_image"]) for name in names])]
    for run, result in runs.items():
        groups.append(Bars(run, [score(result["families"].get(name)) for name in names]))
    return names, groups


def difficulties(runs: Mapping[str, dict[str, Any]]) -> tuple[list[str], list[Bars]]:
    """The claimed families together, by difficulty."""
    names = [name for name, row in leading(runs).items() if row["claimed"]]
    groups = []
    for run, result in runs.items():
        rows = [result["families"][name]["by_difficulty"] for name in names if name in result["families"]]
        groups.append(Bars(run, [pooled([row[level] for row in rows]) for level in LEVELS]))
    return list(LEVELS), groups


def robustness(result: dict[str, Any]) -> tuple[list[str], list[Bars]]:
    """The claimed families of one run, together, with whole and with spoilt pictures."""
    rows = [row for row in result["families"].values() if row["claimed"] and row["robustness"]]
    conditions = sorted({c for row in rows for c in row["robustness"]})
    scores = [pooled(rows)] + [
        pooled([r["robustness"][c] for r in rows if c in r["robustness"]]) for c in conditions
    ]
    conditions = [f"{c} (charts)" if c == "matplotlib" else c for c in conditions]
    return ["as drawn", *conditions], [Bars("claimed families", scores)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="append", metavar="NAME=FILE", help="in the order of the bars")
    parser.add_argument("--out", default="docs/images", metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="draw made-up numbers to a temporary folder")
    args = parser.parse_args()
    if args.quick or not args.run:
        args.out, runs = tempfile.mkdtemp(), {"made up": made_up()}
    else:
        runs = {
            pair.split("=", 1)[0]: json.loads(Path(pair.split("=", 1)[1]).read_text()) for pair in args.run
        }
    out = Path(args.out)
    latest = list(runs.values())[::-1]
    spoilt = next((r for r in latest if any(f["robustness"] for f in r["families"].values())), latest[0])
    grouped("Held-out figures, by family", *families(runs), out / "nano-families.png", numbers=False)
    grouped("Claimed families, by difficulty", *difficulties(runs), out / "nano-difficulty.png", numbers=True)
    grouped("Spoilt pictures", *robustness(spoilt), out / "nano-robustness.png", numbers=True)
    print(json.dumps({"name": "nano_charts", "runs": list(runs), "out": str(out)}))


def made_up() -> dict[str, Any]:
    """A result that shows whether the charts can be drawn."""
    count = {"right": 9, "total": 10}
    row = {**count, "claimed": True, "without_image": {"right": 1, "total": 10}, "thinking_tokens": 50,
           "by_difficulty": dict.fromkeys(LEVELS, count), "robustness": {"noise": count},
           "hallucination": {"stated": 20, "wrong": 1, "share": 0.05}}  # fmt: skip
    result = {"families": {"circles": row, "clocks": row}, "claimed_families": 2, "thinking_tokens": 50}
    return json.loads(json.dumps(result))  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
