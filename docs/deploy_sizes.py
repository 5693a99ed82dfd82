"""Which devices hold R1V-38B, by ``r1v plan``'s estimates: the table of docs/guides/deploy.md.

``--quick`` changes nothing: it takes a second.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from r1v.plan.inference import Estimate, PlanTarget, plan

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from shared.models import GEOMETRIES

GB = 10**9
DEVICES = ((24, 1), (48, 1), (80, 1), (141, 1), (24, 2), (48, 2), (80, 2), (24, 4), (48, 4), (80, 4), (80, 8))


def cell(estimate: Estimate, target: PlanTarget) -> str:
    """What one format takes on each device, and how many conversations of that context fit beside it."""
    if estimate.max_concurrent < 1:
        return "-"
    return f"{estimate.weights.total / GB:.1f} GB, {estimate.max_concurrent} at a time"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", type=int, default=8192, help="tokens of each conversation")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    print(f"38B geometry, context {args.context}, one image each; weights on each device, conversations\n")
    print("| devices | bf16 | awq |")
    print("|---|---|---|")
    for gigabytes, count in DEVICES:
        target = PlanTarget(gigabytes * GB, count, context=args.context)
        found = {each.format: each for each in plan(GEOMETRIES["38b"], target, ("bf16", "awq")).estimates}
        cells = " | ".join(cell(found[name], target) for name in ("bf16", "awq"))
        print(f"| {count} x {gigabytes} GB | {cells} |")


if __name__ == "__main__":
    main()
