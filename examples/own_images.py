"""From a folder of your own images and questions to a served model.

    python examples/own_images.py my_folder --out runs/mine --serve

``my_folder/questions.jsonl`` has a line for each question: ``images`` (names in the folder), ``question``,
``answer`` and, where you have one, ``thinking``, the chain that leads to the answer. Every tenth question is
held out. Questions with a chain are learned by supervised training; then all of them by GRPO, which only
needs the answers. The script says how many held-out questions are answered right before and after each part,
and keeps the model of the best part; run it again after an interruption. ``--serve`` starts ``r1v serve``
with the result.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from r1v.core import R1VError
from r1v.models.hub import resolve
from r1v.train.core.config_read import make
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import JsonlSource
from r1v.train.rollout.evaluate import accuracy_of
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.sft import SFTConfig, Trainer

HELD_OUT = 10  # one question of so many


def split(folder: Path, out: Path) -> dict[str, list[dict[str, Any]]]:
    """The questions in three files of ``out``: all to train on, those of them with a chain, held-out ones."""
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    for row in rows:
        row["images"] = [str((folder / name).resolve()) for name in row.get("images", [])]
        row["family"] = "all"
    train = [row for i, row in enumerate(rows) if i % HELD_OUT]
    parts = {
        "train": train,
        "chains": [row for row in train if "thinking" in row or "solution" in row],
        "heldout": [row for i, row in enumerate(rows) if i % HELD_OUT == 0],
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, chosen in parts.items():
        (out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen))
    return parts


def right(model: str | Path, out: Path, number: int, args: argparse.Namespace) -> float:
    """The share of held-out questions answered right."""
    plan = [PlannedSample("all", index, 1.0) for index in range(number)]
    source = JsonlSource(out / "heldout.jsonl", chains=False)
    return accuracy_of(model, source, plan, max_tokens=args.max_tokens, device=args.device).total


def supervised(model: str | Path, out: Path, args: argparse.Namespace) -> Path:
    """Learn the chains."""
    return Trainer(
        make(SFTConfig, 
            model=str(model), out=str(out / "sft"), data=str(out / "chains.jsonl"), steps=args.sft_steps,
            batch_size=args.batch_size, lr=args.lr, muon_lr=0.0, warmup_steps=max(1, args.sft_steps // 20),
            curriculum=False, direct_share=0.0, heldout=0, device=args.device,
        )
    ).train()  # fmt: skip


def reinforced(model: str | Path, out: Path, args: argparse.Namespace) -> Path:
    """Learn from the answers; of all weights on the way those that answer the held-out questions best."""
    return GRPOTrainer(
        make(GRPOConfig, 
            model=str(model), out=str(out / "grpo"), data=str(out / "train.jsonl"), steps=args.grpo_steps,
            prompts=args.batch_size, max_tokens=args.max_tokens, lr=args.grpo_lr, workers=1,
            measure=str(out / "heldout.jsonl"), heldout=200, eval_every=max(1, args.grpo_steps // 5),
            device=args.device,
        )
    ).train()  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds questions.jsonl and the images")
    parser.add_argument("--model", default="r1v-nano", help="what to start from: a name or a folder")
    parser.add_argument("--out", type=Path, default=Path("runs/own"))
    parser.add_argument("--sft-steps", type=int, default=200, help="0 leaves supervised training out")
    parser.add_argument("--grpo-steps", type=int, default=50, help="0 leaves GRPO out")
    parser.add_argument("--batch-size", type=int, default=16, help="questions of a step")
    parser.add_argument("--lr", type=float, default=2e-4, help="of supervised training")
    parser.add_argument("--grpo-lr", type=float, default=1e-5)
    parser.add_argument("--max-tokens", type=int, default=512, help="of an answer")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--serve", action="store_true", help="serve the result")
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args()
    parts = split(args.folder, args.out)
    print(", ".join(f"{name}: {len(rows)} questions" for name, rows in parts.items()), flush=True)
    number = len(parts["heldout"])
    best: str | Path = resolve(args.model)
    reached = right(best, args.out, number, args)
    print(f"right before: {reached:.3f}", flush=True)
    for name, train, steps in (("sft", supervised, args.sft_steps), ("grpo", reinforced, args.grpo_steps)):
        if not steps or (name == "sft" and not parts["chains"]):
            continue
        found = train(best, args.out, args)
        now = right(found, args.out, number, args)
        print(f"right after {name}: {now:.3f}", flush=True)
        if now >= reached:
            best, reached = found, now
    print(f"model: {best}", flush=True)
    if args.serve:
        command = ["serve", str(best), "--port", str(args.port), "--device", args.device]
        return subprocess.run([sys.executable, "-m", "r1v.cli.main", *command], check=False).returncode
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (R1VError, OSError, ValueError) as error:
        sys.exit(f"own_images: {error}")
