"""Adaptive-length distillation: length and accuracy of a model's own chains, by difficulty and alpha.

    python experiments/chains.py

A tiny model learns to read grids that are written in words. Its training chains hold up to three needless
checks, so it checks itself too often. It then answers new grids, each under the penalty that distillation
gives it; the difficulty of a grid is its number of squares. Prints means over seeds, with half of a 95%
interval, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parent))

from shared.report import interval, print_result
from small.grids import ON, QUIET, make_rows, start, train

from r1v.prompt import Processor
from r1v.train.core.config_read import make
from r1v.train.data.examples import Example
from r1v.train.data.pairs import Reply
from r1v.train.data.quality import JudgeScores
from r1v.train.stages.distill import DistillConfig, distill

ALPHAS = (0.0, 0.1, 0.2, 0.4)


class ByCount:
    """A judge for grids: the more squares, the harder. It corrects nothing."""

    def score(self, example: Example) -> JudgeScores:
        count = float(example.key.answer.split()[0])
        return JudgeScores(quality=0.0, difficulty=count, reasoning=count, integration=count)

    def correct(self, example: Example, reply: Reply) -> Reply | None:
        return None


def lengths(model: Path, chains: Path) -> dict[str, float]:
    """Mean tokens of the kept chains, by number of squares."""
    processor_, found = Processor.from_folder(model), dict[str, list[int]]()
    for row in map(json.loads, chains.read_text().splitlines()):
        count = row["answer"].partition("{")[2].split()[0]
        found.setdefault(count, []).append(len(processor_.encode_text(row["thinking"])))
    return {count: round(sum(values) / len(values), 2) for count, values in sorted(found.items())}


def run(out: Path, seed: int, questions: int, steps: int) -> dict[str, dict[str, float]]:
    """By alpha: the share of right answers, and the mean tokens of a chain by number of squares."""
    words = make_rows(out, "train", 2048, pictures=False, most_checks=3)
    asked = make_rows(out, "asked", questions, pictures=False)
    model = train(start(out / "init", seed), out / "sft", words, steps, 0.0, seed)
    result = {}
    for alpha in ALPHAS:
        chains = distill(
            make(
                DistillConfig,
                model=str(model), out=str(out / f"alpha{alpha}"), data=str(asked), questions=questions,
                alpha=alpha, max_tokens=80, seed=seed, **ON,
            ),
            QUIET, ByCount(),
        )  # fmt: skip
        kept = json.loads(chains.with_name("counts.json").read_text())["kept"]
        result[str(alpha)] = {"right": kept / questions, **lengths(model, chains)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few steps: does it run?")
    parser.add_argument("--questions", type=int, default=256)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    begun, found = time.monotonic(), {}
    for seed in args.seeds[:1] if args.quick else args.seeds:
        with tempfile.TemporaryDirectory() as scratch:
            found[seed] = run(Path(scratch), seed, args.questions, 5 if args.quick else 250)
        print(seed, json.dumps(found[seed]), flush=True)
    for alpha in map(str, ALPHAS):
        names = dict.fromkeys(name for one in found.values() for name in one[alpha])
        cells = {n: interval([one[alpha][n] for one in found.values() if n in one[alpha]]) for n in names}
        print(f"alpha {alpha}: {cells}", flush=True)
    print_result("chains", {
        "config": {"seeds": list(found), "questions": args.questions}, "alphas": found,
        "threads": torch.get_num_threads(), "seconds": round(time.monotonic() - begun, 1),
    })  # fmt: skip


if __name__ == "__main__":
    main()
