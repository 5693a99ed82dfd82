"""How fast each family of figures is drawn, in one process and in memory.

Prints a table and ends with one line of JSON. A round makes the same number of items of every family; the
figures are medians over rounds. ``--quick`` takes fewer items.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from shared.report import print_result

from r1v.figures import FAMILIES, make


def seconds_per_item(name: str, seeds: range, variation: float) -> float:
    """Mean CPU seconds of the items; other work on the machine does not count."""
    start = time.process_time()
    for seed in seeds:
        make(name, seed, variation=variation)
    return (time.process_time() - start) / len(seeds)


def commit() -> str:
    """The short hash of the working tree's commit; empty outside git."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer items")
    parser.add_argument("--family", action="append", choices=sorted(FAMILIES), help="default: all")
    args = parser.parse_args()
    rounds, count = (3, 50) if args.quick else (7, 150)
    names = args.family or list(FAMILIES)
    for name in names:  # imports, fonts, caches; the slow renderers too
        seconds_per_item(name, range(60), 1.0)
    times: dict[tuple[str, float], list[float]] = {(n, v): [] for n in names for v in (0.0, 1.0)}
    for number in range(rounds):
        seeds = range(1000 + number * count, 1000 + (number + 1) * count)
        for (name, variation), found in times.items():
            found.append(seconds_per_item(name, seeds, variation))
    speeds = {
        name: {
            "plain": round(1 / statistics.median(times[name, 0.0]), 1),
            "varied": round(1 / statistics.median(times[name, 1.0]), 1),
        }
        for name in names
    }
    print(f"items/s of CPU time, medians of {rounds} rounds of {count} items, {os.cpu_count()} CPUs")
    print(f"{'family':<16}{'plain look':>12}{'any look':>12}{'ms/item':>10}")
    for name, speed in speeds.items():
        print(f"{name:<16}{speed['plain']:>12}{speed['varied']:>12}{1000 / speed['varied']:>10.2f}")
    packages = ("pillow", "numpy", "matplotlib", "schemdraw", "rdkit")
    result = {
        "name": "figures",
        "device": f"{os.cpu_count()} x {platform.processor() or platform.machine()}",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "commit": commit(),
        "items_per_s": speeds,
    }
    print_result(result["name"], result)


if __name__ == "__main__":
    main()
