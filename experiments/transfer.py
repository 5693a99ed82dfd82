"""Multimodal transfer with two small language models of one architecture: the table of R1V's first report.

    python experiments/transfer.py

Pictures are grids of two by two cells, some of them filled with one colour; in words a grid is four letters.
One language model learns both ways of answering such a grid in words, then becomes two: a substitute that
answers at once, and a reasoner that writes a chain first. Neither has seen a picture. The vision tower comes
from a model with another language model. The projector is trained before the substitute in three phases,
moved to the reasoner, and aligned there. For comparison the table also has both models' accuracy on words,
and that of the reasoner with a new projector that was trained as long without the transfer. Prints means over
seeds, with half of a 95% interval, and ends with one line of JSON.
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
from small.grids import HELDOUT, ON, QUIET, accuracy, make_rows, start, train

from r1v.models.assemble import assemble
from r1v.train.core.config_read import make
from r1v.train.stages.sft import SFTConfig, Trainer
from r1v.train.stages.transfer import TransferConfig, transfer


def run(out: Path, scale: float, seed: int) -> dict[str, float]:
    """The whole experiment; accuracies by step."""

    def steps(number: int) -> int:
        return max(1, round(number * scale))

    pictures = make_rows(out, "train", 1024, pictures=True)
    words = make_rows(out, "train", 2048, pictures=False)
    held_pictures = make_rows(out, "heldout", HELDOUT, pictures=True)
    held_words = make_rows(out, "heldout", HELDOUT, pictures=False)
    tower = train(start(out / "init-tower", seed + 100), out / "tower", pictures, steps(90), 0.0, seed)
    both = train(start(out / "init", seed), out / "both", words, steps(250), 0.5, seed)
    substitute = train(both, out / "substitute-llm", words, steps(40), 1.0, seed)
    reasoner = train(both, out / "reasoner-llm", words, steps(40), 0.0, seed)
    table = {
        "substitute, words": accuracy(substitute, held_words, thinking=False),
        "reasoner, words": accuracy(reasoner, held_words, thinking=True),
    }
    common = {"batch_size": 16, "seed": seed, **ON}
    transfer(
        make(
            TransferConfig,
            vision=str(tower), substitute=str(substitute), reasoner=str(reasoner), out=str(out / "transfer"),
            data=str(pictures), measure=str(held_pictures), heldout=HELDOUT, max_tokens=40,
            steps=(steps(150), steps(50), steps(50), steps(40)), lrs=(4e-3, 1e-3, 1e-3, 1e-3), **common,
        ),
        QUIET,
    )  # fmt: skip
    table |= json.loads((out / "transfer" / "table.json").read_text())
    assemble(tower, reasoner, out / "untransferred")
    alone = Trainer(
        make(
            SFTConfig, model=str(out / "untransferred"), out=str(out / "alone"), data=str(pictures),
            train=("projector",), steps=steps(40), lr=1e-3, muon_lr=0.0, schedule="cosine", warmup_steps=1,
            weight_decay=0.05, direct_share=0.0, heldout=0, **common,
        ),
        QUIET,
    ).train()  # fmt: skip
    table["reasoner, new projector, aligned as long"] = accuracy(alone, held_pictures, thinking=True)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few steps: does it run?")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help="folder to keep; else a temporary one")
    args = parser.parse_args()
    begun = time.monotonic()
    tables = {}
    for seed in args.seeds[:1] if args.quick else args.seeds:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (args.out or Path(scratch)) / str(seed)
            folder.mkdir(parents=True, exist_ok=True)
            tables[seed] = run(folder, 0.02 if args.quick else 1.0, seed)
        print(seed, json.dumps(tables[seed]), flush=True)
    for name in next(iter(tables.values())):
        print(f"{name:42} {interval([table[name] for table in tables.values()])}")
    print_result("transfer", {
        "config": {"seeds": list(tables), "heldout": HELDOUT, "threads": torch.get_num_threads()},
        "accuracy": tables, "seconds": round(time.monotonic() - begun, 1),
    })  # fmt: skip


if __name__ == "__main__":
    main()
