"""Pictures of the ablations: the buffer's curves, the threshold's, iterative SFT's rounds.

Enters: the results of the arms by name, one for each seed. Leaves: PNG files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from small.twin import mean

Found = Mapping[str, Sequence[Mapping[str, Any]]]
WINDOW = 5  # steps that a curve is averaged over
COLOURS = ("tab:orange", "tab:blue", "tab:green")


def draw_all(found: Found, folder: Path) -> None:
    """Each picture whose arms are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if found["ssb-on"] and found["ssb-off"]:
        draw_ssb(found, folder / "ssb.png")
    if found["mpo-grpo"] and found["mpo"]:
        draw_recipe(found, folder / "ablation-stages.png")
    if any(found[arm] for arm in ("mpo", "mpo-1", "mpo-2", "iterative", "iterative-all")):
        draw_rounds(found, folder / "ablation-rounds.png")


def curves(axes: Axes, lines: Sequence[Sequence[float]], xs: Sequence[float], colour: str, name: str) -> None:
    """Thin lines are seeds, the thick one is their mean, as far as all of them go."""
    for line in lines:
        axes.plot(xs[: len(line)], line, color=colour, lw=0.6, alpha=0.6)
    means = [mean(values) for values in zip(*lines, strict=False)]
    axes.plot(xs[: len(means)], means, color=colour, lw=2, label=name)


def draw_ssb(found: Found, path: Path) -> None:
    """Effective share and reward of each step, held-out accuracy between, with the buffer and without."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    titles = {
        "effective": "share of the update with an advantage",
        "reward": "reward (right 1, form 0.5)",
        "valid": "held-out accuracy, greedy",
    }
    for axes, (key, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        for arm, colour, name in (
            ("ssb-off", COLOURS[0], "without"),
            ("ssb-on", COLOURS[1], "with the buffer"),
        ):
            lines = [one["curves"][key] for one in found[arm]]
            if key == "valid":
                xs = [10.0 * i for i in range(len(lines[0]))]
            else:
                lines, xs = [smooth(line) for line in lines], [1.0 + i for i in range(len(lines[0]))]
            curves(axes, lines, xs, colour, name)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=80)


def draw_recipe(found: Found, path: Path) -> None:
    """Accuracy over MPO's rounds and GRPO's steps; the reward; what the buffer does to the update."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    rounds, steps, reward = figure.subplots(1, 3)
    runs = found["mpo-grpo"]
    lines = [one["curves"]["valid"] for one in found["mpo"]]
    curves(rounds, lines, range(max(map(len, lines))), COLOURS[1], "MPO")
    lines = [one["curves"]["valid"] for one in runs]
    curves(steps, lines, [10.0 * i for i in range(len(lines[0]))], COLOURS[1], "held-out accuracy, greedy")
    lines = [smooth(one["curves"]["effective"]) for one in runs]
    curves(
        steps,
        lines,
        [1.0 + i for i in range(len(lines[0]))],
        COLOURS[0],
        "share of the update with an advantage",
    )
    lines = [smooth(one["curves"]["reward"]) for one in runs]
    curves(reward, lines, [1.0 + i for i in range(len(lines[0]))], COLOURS[1], "reward (right 1, form 0.5)")
    rounds.set(title="MPO: held-out accuracy, greedy", xlabel="round")
    steps.set(title="GRPO with the buffer", xlabel="step")
    reward.set(title="GRPO: reward", xlabel="step")
    for axes in (rounds, steps, reward):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=80)


def draw_rounds(found: Found, path: Path) -> None:
    """Accuracy after each round: of MPO with three thresholds, of iterative SFT."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for arm, colour, deviations in zip(("mpo", "mpo-1", "mpo-2"), COLOURS, (0, 1, 2), strict=True):
        lines = [one["curves"]["valid"] for one in found[arm]]
        if lines:
            curves(left, lines, range(max(map(len, lines))), colour, f"threshold of {deviations} deviations")
    for arm, colour, name in (("iterative", COLOURS[1], "thresholds 2 to 5"),
                              ("iterative-all", COLOURS[0], "all rows")):  # fmt: skip
        lines = [one["curves"]["accuracy"] for one in found[arm]]
        if lines:
            curves(right, lines, range(len(lines[0])), colour, name)
    left.set(title="MPO", xlabel="round", ylabel="accuracy")
    right.set(title="iterative SFT", xlabel="round")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    figure.savefig(path, dpi=80)


def smooth(values: Sequence[float]) -> list[float]:
    """Mean of each value and those just before it."""
    return [mean(values[max(0, i + 1 - WINDOW) : i + 1]) for i in range(len(values))]
