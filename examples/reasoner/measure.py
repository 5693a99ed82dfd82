"""How many questions of a file a model answers right, greedily, with a 95% interval (Wilson).

    python examples/reasoner/measure.py runs/reasoner/base runs/reasoner/heldout.jsonl

Prints one flat line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from r1v.core import R1VError
from r1v.eval.statistics import wilson
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import JsonlSource
from r1v.train.rollout.evaluate import accuracy_of


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, help="folder of a checkpoint")
    parser.add_argument("file", type=Path, help="questions")
    parser.add_argument("--number", type=int, default=0, help="only the first so many of the file; 0: all")
    parser.add_argument("--max-tokens", type=int, default=48, help="of an answer")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    source = JsonlSource(args.file, chains=False)
    plan = [PlannedSample(family, i, 1.0) for family, rows in source.rows.items() for i in range(len(rows))]
    plan = plan[: args.number or len(plan)]
    begun = time.monotonic()
    found = accuracy_of(args.model, source, plan, max_tokens=args.max_tokens, device=args.device)
    low, high = wilson(found.total, len(plan))
    print(json.dumps({
        "model": str(args.model), "questions": len(plan), "right": round(100 * found.total, 1),
        "low": round(100 * low, 1), "high": round(100 * high, 1), "mean_tokens": round(found.length, 1),
        "wall_s": round(time.monotonic() - begun), "processor_s": round(time.process_time()),
    }))  # fmt: skip


if __name__ == "__main__":
    try:
        main()
    except R1VError as error:
        raise SystemExit(f"measure.py: {error}") from None
