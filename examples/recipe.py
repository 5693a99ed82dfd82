"""The whole recipe on a folder of pictures and questions, from nothing to a model that answers.

    python examples/recipe.py runs/recipe

Makes a folder of small pictures first (`data/train.jsonl`, `data/heldout.jsonl`; put your own in their place
and leave out `make_data`), then runs every stage on a tiny model. Each stage has to move its own measure past
a threshold, else the script ends with status 1. About four minutes of processor time. ``--processes 2``: the
stages that can be split run in two processes each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageDraw
from rich.console import Console

from r1v.core import R1VError
from r1v.train.core.config_read import as_changes, make
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import JsonlSource
from r1v.train.rollout.evaluate import accuracy_of
from r1v.train.stages.distill import DistillConfig, distill
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.init import InitConfig, initialise
from r1v.train.stages.iterate import IterateConfig, iterate
from r1v.train.stages.mpo import MPOConfig, MPOTrainer
from r1v.train.stages.pairs import PairsConfig, make_pairs
from r1v.train.stages.reward import RewardStageConfig, RewardTrainer
from r1v.train.stages.sft import SFTConfig, Trainer
from r1v.train.stages.transfer import TransferConfig, transfer

COLOURS = ("red", "green", "blue", "black")
QUESTION = "How many squares of which colour?"
ON = {"device": "auto", "bf16": False}
QUIET = Console(quiet=True)
NUM_HELDOUT = 64
KEPT = 0.1  # of the accuracy, what preferences and rewards may cost


def make_data(folder: Path, number: int, name: str) -> Path:
    """Pictures of one to three squares of one colour, with a question, a chain and an answer."""
    rng, rows = Random(name), []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for index in range(number):
        colour, count = rng.choice(COLOURS), rng.randint(1, 3)
        image = Image.new("RGB", (32, 32), "white")
        draw = ImageDraw.Draw(image)
        for place in rng.sample(range(4), count):
            x, y = place % 2 * 16 + 3, place // 2 * 16 + 3
            draw.rectangle((x, y, x + 9, y + 9), fill=colour)
        image.save(folder / "images" / f"{name}-{index}.png")
        rows.append(
            {"images": [f"images/{name}-{index}.png"], "question": QUESTION, "answer_type": "string",
             "solution": f"colour: {colour}\nnumber: {count}", "answer": f"{count} {colour}"}
        )  # fmt: skip
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def accuracy(model: Path, data: Path) -> float:
    """Share of held-out questions answered right, greedily."""
    plan = [PlannedSample("all", index, 1.0) for index in range(NUM_HELDOUT)]
    return accuracy_of(model, JsonlSource(data), plan, max_tokens=40, bf16=False).total


def metrics(run: Path, key: str) -> list[dict]:
    """Lines of a run's metrics that have a key."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if key in row]


def mean(values: list[float]) -> float:
    """0 for none."""
    return sum(values) / len(values) if values else 0.0


class Recipe:
    """The stages in order, each with what it has to reach."""

    def __init__(self, out: Path, processes: int = 1) -> None:
        self.out, self.processes = out, processes
        self.train = make_data(out / "data", 512, "train")
        self.heldout = make_data(out / "data", NUM_HELDOUT, "heldout")
        self.failed: list[str] = []

    def stage(self, name: str, run: Callable[[], tuple[bool, str]]) -> None:
        """Run one; print what it reached."""
        begun = time.monotonic()
        try:
            good, said = run()
        except (R1VError, OSError, LookupError, AttributeError) as error:  # what a stage leaves is missing
            good, said = False, f"{type(error).__name__}: {error}"
        print(
            f"{'ok  ' if good else 'FAIL'} {name:10} {said}  ({time.monotonic() - begun:.0f} s)", flush=True
        )
        if not good:
            self.failed.append(name)

    def launched(self, stage: str, config: Any, inside: Callable[[Any], Path]) -> Path:
        """What a stage leaves, run in this process or, where there are to be several, by torchrun."""
        if self.processes == 1:
            return inside(config)
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(self.processes)]
        command = [*launcher, "-m", "r1v.cli.main", "train", stage, *as_changes(config)]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise R1VError(f"{stage} ended with status {done.returncode}: {done.stderr[-600:]}")
        return Path(done.stdout.strip().splitlines()[-1])

    def all_stages(self) -> None:
        """In their order, and a question to the last model."""
        for name in ("sft", "transfer", "distill", "reward", "iterate", "cold_start", "mpo", "grpo", "ask"):
            self.stage(name, getattr(self, name))

    def sft(self) -> tuple[bool, str]:
        self.start = initialise(
            InitConfig(
                out=str(self.out / "init"), vocab_size=400, tokenizer_samples=50, families=("arithmetic",),
                image_size=32, patch_size=8, vision_hidden=64, vision_layers=1, vision_heads=2,
                vision_mlp=128, llm_hidden=128, llm_layers=2, llm_heads=2, llm_kv_heads=1, llm_mlp=256,
                context=512,
            )
        )  # fmt: skip
        before = accuracy(self.start, self.heldout)
        self.base = self.launched(
            "sft",
            make(
                SFTConfig, model=str(self.start), out=str(self.out / "sft"), data=str(self.train), steps=55,
                batch_size=16, lr=2e-3, muon_lr=4e-3, warmup_steps=10, schedule="wsd", direct_share=0.0,
                heldout=0, **ON,
            ),
            lambda c: Trainer(c, QUIET).train(),
        )  # fmt: skip
        self.after_sft = accuracy(self.base, self.heldout)
        return self.after_sft >= before + 0.3, f"accuracy {before:.2f} -> {self.after_sft:.2f}, needs +0.30"

    def transfer(self) -> tuple[bool, str]:
        self.launched(
            "transfer",
            make(
                TransferConfig, vision=str(self.base), substitute=str(self.base), reasoner=str(self.base),
                out=str(self.out / "transfer"), data=str(self.train), measure=str(self.heldout),
                steps=(40, 10, 10, 10), lrs=(4e-3, 1e-3, 1e-3, 1e-3), batch_size=16, direct_share=0.0,
                heldout=NUM_HELDOUT, max_tokens=40, **ON,
            ),
            lambda c: transfer(c, QUIET),
        )  # fmt: skip
        table = json.loads((self.out / "transfer" / "table.json").read_text())
        first, last = table["substitute, new projector"], table["reasoner, aligned"]
        return last >= first + 0.1, f"accuracy {first:.2f} -> {last:.2f}, needs +0.10"

    def distill(self) -> tuple[bool, str]:
        self.chains = distill(
            make(
                DistillConfig,
                model=str(self.base), out=str(self.out / "distill"), data=str(self.train), questions=128,
                alpha=0.05, max_tokens=40, **ON,
            ),
            QUIET,
        )  # fmt: skip
        counts = json.loads((self.out / "distill" / "counts.json").read_text())
        good = counts["kept"] >= 30 and counts["kept"] + counts["corrected"] == 128
        return (
            good,
            f"{counts['kept']} of 128 chains right at once, needs 30; {counts['corrected']} corrected",
        )

    def reward(self) -> tuple[bool, str]:
        pairs = make_pairs(
            make(
                PairsConfig,
                model=str(self.base), out=str(self.out / "pairs"), data=str(self.train), questions=128,
                group=4, temperature=1.6, references=True, max_tokens=40, workers=0, **ON,
            ),
            QUIET,
        )  # fmt: skip
        self.judge = self.launched(
            "reward",
            make(
                RewardStageConfig,
                model=str(self.base), out=str(self.out / "reward"), pairs=str(pairs), lr=1e-3, epochs=3,
                batch_size=8, heldout_share=0.2, **ON,
            ),
            lambda c: RewardTrainer(c, QUIET).train(),
        )  # fmt: skip
        right = metrics(self.out / "reward", "heldout_accuracy")[-1]["heldout_accuracy"]
        return right >= 0.85, f"held-out pairs right {right:.2f}, needs 0.85"

    def iterate(self) -> tuple[bool, str]:
        self.iterated = self.launched(
            "iterate",
            make(
                IterateConfig, model=str(self.base), out=str(self.out / "iterate"), data=str(self.chains),
                reward_model=str(self.judge), batch_size=32, max_tokens=40, thresholds=(2, 3), epochs=2,
                train=("projector", "llm"), first_lr=2e-4, lr=2e-4, later_lr=1e-4, **ON,
            ),
            lambda c: iterate(c, QUIET),
        )  # fmt: skip
        reached = accuracy(self.iterated, self.heldout)
        return (
            reached >= self.after_sft + 0.02,
            f"accuracy {self.after_sft:.2f} -> {reached:.2f}, needs +0.02",
        )

    def cold_start(self) -> tuple[bool, str]:
        """More supervised steps: where samples at temperature 1 are seldom right, as so far, reinforcement
        moves the form of the answers and not what they say."""
        before = accuracy(self.iterated, self.heldout)
        self.started = self.launched(
            "sft",
            make(
                SFTConfig,
                model=str(self.iterated), out=str(self.out / "cold-start"), data=str(self.train), steps=35,
                batch_size=16, lr=1e-3, muon_lr=2e-3, warmup_steps=5, schedule="wsd", direct_share=0.0,
                heldout=0, **ON,
            ),
            lambda c: Trainer(c, QUIET).train(),
        )  # fmt: skip
        self.after_start = accuracy(self.started, self.heldout)
        return (
            self.after_start >= before + 0.05,
            f"accuracy {before:.2f} -> {self.after_start:.2f}, needs +0.05",
        )

    def mpo(self) -> tuple[bool, str]:
        self.preferred = self.launched(
            "mpo",
            make(
                MPOConfig, model=str(self.started), out=str(self.out / "mpo"), data=str(self.train), rounds=2,
                questions=96, group=6, max_tokens=40, reward_model=str(self.judge), lr=5e-5, epochs=2,
                batch_size=8, heldout_share=0.2, **ON,
            ),
            lambda c: MPOTrainer(c, QUIET).train(),
        )  # fmt: skip
        margin = metrics(self.out / "mpo", "heldout_margin")[-1]["heldout_margin"]
        reached = accuracy(self.preferred, self.heldout)
        return margin >= 0.05 and reached >= self.after_start - KEPT, (
            f"margin of held-out pairs {margin:+.3f}, needs +0.050; accuracy {reached:.2f}, needs "
            f"{self.after_start - KEPT:.2f}"
        )

    def grpo(self) -> tuple[bool, str]:
        shares = {}
        for ssb in (False, True):
            run = self.out / ("grpo" if ssb else "grpo-plain")
            self.final = self.launched(
                "grpo",
                make(
                    GRPOConfig,
                    model=str(self.preferred), out=str(run), data=str(self.train), steps=32, prompts=16,
                    group=8, max_tokens=40, max_num_seqs=128, lr=3e-4, warmup_steps=4, workers=0, ssb=ssb,
                    **ON,
                ),
                lambda c: GRPOTrainer(c, QUIET).train(),
            )  # fmt: skip
            rows = metrics(run, "reward")
            shares[ssb] = mean([row["ssb"]["effective"] for row in rows])
        early, late = (mean([row["reward"] for row in part]) for part in (rows[:8], rows[-8:]))
        reached = accuracy(self.final, self.heldout)
        good = late >= early + 0.06 and reached >= self.after_start - KEPT and shares[True] > shares[False]
        return good, (
            f"reward {early:.2f} -> {late:.2f}, needs +0.06; accuracy {reached:.2f}, needs "
            f"{self.after_start - KEPT:.2f}; effective {shares[True]:.2f} with the buffer, "
            f"{shares[False]:.2f} without"
        )

    def ask(self) -> tuple[bool, str]:
        row = json.loads(self.heldout.read_text().splitlines()[0])
        image = self.out / "data" / row["images"][0]
        command = ["ask", "--json", "--model", str(self.final), "--max-tokens", "60", str(image), QUESTION]
        done = subprocess.run(
            [sys.executable, "-m", "r1v.cli.main", *command], capture_output=True, text=True, check=False
        )
        boxed = None if done.returncode else json.loads(done.stdout)["boxed"]
        said = boxed if boxed is not None else (done.stdout + done.stderr).strip()
        return boxed is not None, f"r1v ask: {said} (it is {row['answer']})"


def main() -> int:
    """Run all; 1 where a stage did not reach its threshold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", default=Path("runs/recipe"))
    parser.add_argument("--processes", type=int, default=1, help="of each stage that torchrun can start")
    args = parser.parse_args()
    if args.out.exists() and any(args.out.iterdir()):
        parser.error(f"{args.out} is not empty; remove it, or name another folder")
    recipe = Recipe(args.out, args.processes)
    recipe.all_stages()
    return 1 if recipe.failed else 0


if __name__ == "__main__":
    sys.exit(main())
