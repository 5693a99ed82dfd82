"""Thinking with images: a tiny model learns by GRPO to look closer, with the real crop tool.

    python experiments/crop.py

A picture has a square of fine stripes in one of its quarters, across or down. The model sees the picture at a
quarter of its size, where the stripes are grey, and may have a part of it enlarged. It is first taught to ask
for a quarter at random, and to read stripes in an enlarged quarter beside the whole picture. To answer after
the tool, and where to look, is what GRPO has to find, from right and wrong answers alone: who does not look
is right every second time, who looks at random five times in eight. Prints the reward by step and the share
of right answers on new pictures, before and after, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import torch
from PIL import Image
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from shared.report import print_result

from r1v.train.core.config_read import make
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.init import InitConfig, initialise
from r1v.train.stages.sft import SFTConfig, Trainer

SIDE, SQUARE, PERIOD = 128, 40, 6  # pixels
QUARTERS = ("0, 0, 50, 50", "50, 0, 100, 50", "0, 50, 50, 100", "50, 50, 100, 100")
ASK, SHOWN, WAYS = "A or B?", "This is the part.", ("A", "B")  # across, down
CPU: dict[str, Any] = {"device": "cpu", "bf16": False, "workers": 0, "save_every_s": 1e9}


def picture(rng: Random) -> tuple[Image.Image, int, str]:
    """A picture, the quarter of its square, and A or B: which way the stripes go."""
    quarter, way = rng.randrange(4), rng.choice(WAYS)
    image = Image.new("L", (SIDE, SIDE), 255)
    half, phase = SIDE // 2, rng.randrange(PERIOD)
    left = quarter % 2 * half + rng.randrange(2, half - SQUARE - 2)
    top = quarter // 2 * half + rng.randrange(2, half - SQUARE - 2)
    shades = [64 if (place + phase) % PERIOD < PERIOD // 2 else 192 for place in range(SQUARE)]
    stripes = Image.new("L", (SQUARE, 1) if way == "B" else (1, SQUARE))
    stripes.putdata(shades)
    image.paste(stripes.resize((SQUARE, SQUARE), Image.Resampling.NEAREST), (left, top))
    return image.convert("RGB"), quarter, way


def enlarged(image: Image.Image, quarter: int) -> Image.Image:
    """What the tool shows of a quarter."""
    half = SIDE // 2
    left, top = quarter % 2 * half, quarter // 2 * half
    part = image.crop((left, top, left + half, top + half))
    return part.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def write_rows(folder: Path, name: str, number: int, *, taught: bool) -> Path:
    """A file of questions; taught: rows that teach the form of both turns."""
    rng, lines = Random(name), []
    (folder / name).mkdir(parents=True)
    for place in range(number):
        image, quarter, way = picture(rng)
        shown, asked, said = [image], ASK, f"<crop>{QUARTERS[rng.randrange(4)]}</crop>"
        if taught and place % 3:  # what a second turn looks like: both pictures, and what was said before
            seen = rng.choice((quarter, rng.randrange(4)))
            shown.append(enlarged(image, seen))
            asked = f"{ASK} Look. <crop>{QUARTERS[seen]}</crop> {SHOWN}"
            said = f"Answer: \\boxed{{{way if seen == quarter else rng.choice(WAYS)}}}"
        paths = [f"{name}/{place}-{turn}.png" for turn in range(len(shown))]
        for path, one in zip(paths, shown, strict=True):
            one.save(folder / path)
        if taught:
            parts = [*({"type": "image", "image": path} for path in paths), {"type": "text", "text": asked}]
            reply = {"role": "assistant", "content": said, "reasoning_content": "Look."}
            lines.append({"messages": [{"role": "user", "content": parts}, reply]})
        else:
            lines.append({"images": paths, "question": ASK, "answer": way})
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def run(out: Path, seed: int, sft: int, steps: int, console: Console) -> dict[str, Any]:
    """One seed: the reward of each step, and shares of right answers on new pictures."""
    model = initialise(
        InitConfig(
            out=str(out / "init"), vocab_size=320, tokenizer_samples=50, families=("arithmetic",),
            image_size=32, patch_size=4, vision_hidden=64, vision_layers=2, vision_heads=2, vision_mlp=128,
            llm_hidden=128, llm_layers=2, llm_heads=2, llm_kv_heads=1, llm_mlp=256, context=512, seed=seed,
        )
    )  # fmt: skip
    taught = write_rows(out, "taught", 2400, taught=True)
    asked = write_rows(out, "asked", 768, taught=False)
    held = write_rows(out, "held", 128, taught=False)
    model = Trainer(
        make(
            SFTConfig, model=str(model), out=str(out / "sft"), data=str(taught), steps=sft, seed=seed,
            batch_size=16, lr=2e-3, muon_lr=5e-3, direct_share=0.0, heldout=0, packing=True, **CPU,
        ),
        console,
    ).train()  # fmt: skip
    trainer = GRPOTrainer(
        make(
            GRPOConfig, model=str(model), out=str(out / "grpo"), data=str(asked), seed=seed,
            measure=str(held), heldout=128, eval_every=steps, environment="crop", turns=2, steps=steps,
            prompts=8, group=8, max_tokens=96, lr=3e-4, format_weight=0.0,
            train=("vision", "projector", "llm"), **CPU,
        ),
        console,
    )  # fmt: skip
    trainer.train()
    rows = [json.loads(line) for line in (out / "grpo" / "metrics.jsonl").read_text().splitlines()]
    return {
        "reward": [row["rule"] for row in rows if "reward" in row],
        "turns": [row["turns"] for row in rows if "reward" in row],
        "held": [row["heldout"] for row in rows if "heldout" in row],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sft", type=int, default=450)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="a few steps")
    parser.add_argument("--verbose", action="store_true", help="what the stages say")
    args = parser.parse_args()
    sft, steps = (20, 3) if args.quick else (args.sft, args.steps)
    torch.set_num_threads(1)
    console = Console(stderr=True, quiet=not args.verbose)
    begun, found = time.process_time(), []
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as folder:
            found.append(run(Path(folder), seed, sft, steps, console))
        one = found[-1]
        print(f"seed {seed}: reward", " ".join(f"{value:.2f}" for value in one["reward"]))
        before, after = one["held"][0], one["held"][-1]
        print(f"  new pictures right {before:.2f} -> {after:.2f}, turns {one['turns'][-1]:.2f}")
    last = max(1, steps // 6)
    print_result("crop", {
        "first_reward": [sum(one["reward"][:last]) / last for one in found],
        "last_reward": [sum(one["reward"][-last:]) / last for one in found],
        "right_before": [one["held"][0] for one in found],
        "right_after": [one["held"][-1] for one in found],
        "turns": [one["turns"][-1] for one in found],
        "processor_s": time.process_time() - begun,
    })  # fmt: skip


if __name__ == "__main__":
    main()
