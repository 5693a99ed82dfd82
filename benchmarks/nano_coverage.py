"""Accuracy against coverage: how often R1V-Nano is right in what it answers, if it may leave the rest.

    python benchmarks/nano_coverage.py --before before/*.jsonl --after after/*.jsonl --image curve.svg

Enters: the files that ``--samples`` of nano_accuracy.py, nano_abroad.py and nano_people.py write. A reply is
left out if it says that it cannot tell, or if its log-probability (the sum over all of its tokens, thinking
included, as an answer with ``logprobs`` has it) lies below a limit; moving the limit draws the curve.
Coverage: answered ones of all questions; accuracy: right ones of those answered. An answer to what cannot be
told is wrong. The dot is where the model stops by itself. Prints accuracy at some coverages and ends with one
line of JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from shared.report import print_result

SHARES = (0.5, 0.7, 0.8, 0.9)  # coverages that the table has
GROUPS = {
    "own": "its own figures",
    "abroad": "pictures by other tools",
    "people": "people's words, sums, second questions",
    "people and unknown": "the same, and what nobody can tell",
}


@dataclass(frozen=True)
class Reply:
    """right: and answered. refused: by the model itself. sure: log-probability of the reply, nats."""

    right: bool
    refused: bool
    sure: float


@dataclass(frozen=True)
class Curve:
    """coverage, accuracy: of the n surest answers, n from 1 to all that the model gives. total: questions."""

    coverage: tuple[float, ...]
    accuracy: tuple[float, ...]
    total: int

    @property
    def mean(self) -> float:
        """Mean accuracy over all numbers of answers."""
        return sum(self.accuracy) / len(self.accuracy)

    def at(self, share: float) -> float | None:
        """Accuracy at a coverage; None where the model does not answer so many."""
        number = round(share * self.total)
        return self.accuracy[number - 1] if 1 <= number <= len(self.accuracy) else None

    def reach(self, accuracy: float) -> float:
        """The largest coverage at which so many are right; 0 for none."""
        good = [c for c, a in zip(self.coverage, self.accuracy, strict=True) if a >= accuracy]
        return max(good, default=0.0)


def curve(replies: Sequence[Reply]) -> Curve:
    """The surest first."""
    told = sorted((one for one in replies if not one.refused), key=lambda one: -one.sure)
    right, accuracy = 0, []
    for number, one in enumerate(told, 1):
        right += one.right
        accuracy.append(right / number)
    shares = tuple((number + 1) / len(replies) for number in range(len(told)))
    return Curve(shares, tuple(accuracy), len(replies))


def replies_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Reply]]:
    """By GROUPS. Rows without their picture, and spoilt ones, are left out."""
    found: dict[str, list[Reply]] = {name: [] for name in GROUPS}
    for row in rows:
        if "measure" in row:  # of nano_people.py, where an unknown is good if it is refused
            unknown = row["measure"] in ("unknown", "unclear")
            one = Reply(bool(row["good"]) and not unknown, bool(row["refused"]), float(row["sure"]))
            if row["measure"] != "chat":
                found["people and unknown"].append(one)
            if row["measure"] != "chat" and not unknown:
                found["people"].append(one)
            continue
        one = Reply(bool(row["right"]), bool(row["refused"]), float(row["sure"]))
        if "condition" not in row:
            if row["part"] == "heldout":
                found["abroad"].append(one)
        elif row["condition"] == "picture":
            found["own"].append(one)
    return {name: group for name, group in found.items() if group}


def read(names: Sequence[str]) -> dict[str, Curve]:
    """The curves of some files."""
    rows = [json.loads(line) for name in names for line in Path(name).read_text("utf-8").splitlines()]
    return {name: curve(group) for name, group in replies_of(rows).items()}


def made_up(number: int) -> list[Reply]:
    """Replies that mean nothing."""
    rng = Random(0)
    return [Reply(rng.random() < 0.8, rng.random() < 0.1, -rng.random()) for _ in range(number)]


def draw(curves: Mapping[str, Mapping[str, Curve]], image: str) -> None:
    """One panel for each group, one line for each set of weights."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    groups = [name for name in GROUPS if any(name in one for one in curves.values())]
    figure, axes = pyplot.subplots(1, len(groups), figsize=(3.2 * len(groups), 3.0), squeeze=False)
    for axis, group in zip(axes[0], groups, strict=True):
        for (label, every), color in zip(curves.items(), ("#888888", "#1f6fb4"), strict=False):
            if group not in every:
                continue
            one = every[group]
            begin = min(len(one.coverage) - 1, one.total // 20)  # few answers say little
            axis.plot(one.coverage[begin:], one.accuracy[begin:], color=color, label=label)
            axis.plot(one.coverage[-1:], one.accuracy[-1:], "o", color=color)
        axis.set(title=GROUPS[group], xlabel="coverage", xlim=(0, 1.02))
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("right of those answered")
    axes[0][0].legend(loc="lower left", fontsize=8)
    figure.tight_layout()
    figure.savefig(image)


def percent(value: float | None) -> str:
    """In the table."""
    return "" if value is None else f"{100 * value:.1f}"


def table(curves: Mapping[str, Mapping[str, Curve]]) -> str:
    """Accuracy at some coverages, coverage at 95% right, and where the model stops by itself."""
    heads = [f"right of the surest {100 * share:.0f}%" for share in SHARES]
    lines = ["| questions | weights | " + " | ".join(heads) + " | answered with 95% right | by itself |",
             "|---" * (len(SHARES) + 4) + "|"]  # fmt: skip
    for group, said in GROUPS.items():
        for label, every in curves.items():
            if group in every:
                one = every[group]
                cells = [*(percent(one.at(share)) for share in SHARES), percent(one.reach(0.95))]
                stop = f"{percent(one.accuracy[-1])} of {percent(one.coverage[-1])}" if one.accuracy else ""
                lines.append(f"| {said} ({one.total}) | {label} | {' | '.join(cells)} | {stop} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", nargs="*", default=[], metavar="FILE", help="samples of earlier weights")
    parser.add_argument("--after", nargs="*", default=[], metavar="FILE", help="samples of the weights")
    parser.add_argument("--names", nargs=2, default=["before", "these weights"], metavar="NAME")
    parser.add_argument("--image", metavar="FILE", help="draw the curves")
    parser.add_argument("--quick", action="store_true", help="made-up replies instead of files: does it run?")
    args = parser.parse_args()
    if not args.quick and not args.after:
        parser.error("name the files of samples with --after")
    sets = {args.names[0]: args.before, args.names[1]: args.after}
    curves = {name: read(files) for name, files in sets.items() if files}
    if args.quick:
        curves = {args.names[1]: {"own": curve(made_up(200))}}
    print(table(curves))
    if args.image:
        draw(curves, args.image)
    print_result("nano_coverage", {
        label: {group: {"total": one.total, "mean": one.mean, "answered": one.coverage[-1],
                        "right": one.accuracy[-1], "at": {str(s): one.at(s) for s in SHARES},
                        "reach_95": one.reach(0.95)}
                for group, one in every.items() if one.accuracy}
        for label, every in curves.items()
    })  # fmt: skip


if __name__ == "__main__":
    main()
