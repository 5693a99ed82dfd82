"""Grids of two by two cells, as pictures and in words, and tiny models that learn to read them.

Some cells of a grid hold a square of one colour; the question is how many, and which. In words a grid is four
letters. A chain says colour and number, and may check itself several times over, which tells nothing new.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw
from rich.console import Console

from r1v.train.core.config_read import make
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import JsonlSource
from r1v.train.rollout.evaluate import accuracy_of
from r1v.train.stages.init import InitConfig, initialise
from r1v.train.stages.sft import SFTConfig, Trainer

LETTERS = {"red": "R", "green": "G", "blue": "B", "black": "K"}
EMPTY = "."
QUESTION = "How many squares of which colour?"
HELDOUT = 128
ON = {"device": "cpu", "bf16": False}
QUIET = Console(quiet=True)


def make_rows(folder: Path, name: str, number: int, *, pictures: bool, most_checks: int = 0) -> Path:
    """Grids as pictures or in words, with a chain, up to ``most_checks`` needless checks, and an answer."""
    rng, rows = Random(f"{name}/{pictures}"), []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for index in range(number):
        colour, count = rng.choice(list(LETTERS)), rng.randint(1, 4)
        cells = [EMPTY] * 4
        for place in rng.sample(range(4), count):
            cells[place] = LETTERS[colour]
        images, question = [], f"{''.join(cells)}\n{QUESTION}"
        if pictures:
            images, question = [f"images/{name}-{index}.png"], QUESTION
            draw_grid(cells, colour).save(folder / images[0])
        chain = f"colour: {colour}\nnumber: {count}"
        chain += f"\ncheck: {count} {colour}" * rng.randint(0, most_checks)
        rows.append(
            {"images": images, "question": question, "answer_type": "string", "solution": chain,
             "answer": f"{count} {colour}"}
        )  # fmt: skip
    path = folder / f"{name}-{'pictures' if pictures else 'words'}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def draw_grid(cells: list[str], colour: str) -> Image.Image:
    image = Image.new("RGB", (32, 32), "white")
    draw = ImageDraw.Draw(image)
    for place, cell in enumerate(cells):
        if cell != EMPTY:
            x, y = place % 2 * 16 + 3, place // 2 * 16 + 3
            draw.rectangle((x, y, x + 9, y + 9), fill=colour)
    return image


def train(model: Path, out: Path, data: Path, steps: int, direct_share: float, seed: int) -> Path:
    """Supervised, all components."""
    return Trainer(
        make(
            SFTConfig,
            model=str(model), out=str(out), data=str(data), steps=steps, batch_size=16, lr=2e-3, muon_lr=4e-3,
            warmup_steps=10, schedule="wsd", direct_share=direct_share, heldout=0, seed=seed, **ON,
        ),
        QUIET,
    ).train()  # fmt: skip


def accuracy(model: Path, data: Path, *, thinking: bool) -> float:
    """Share of held-out rows answered right, greedily."""
    plan = [PlannedSample("all", index, 1.0, thinking) for index in range(HELDOUT)]
    return accuracy_of(model, JsonlSource(data), plan, max_tokens=40, **ON).total


def start(out: Path, seed: int) -> Path:
    """A new tiny model; the tokenizer is the same for every seed."""
    return initialise(
        InitConfig(
            out=str(out), vocab_size=400, tokenizer_samples=50, families=("arithmetic",), image_size=32,
            patch_size=8, vision_hidden=64, vision_layers=1, vision_heads=2, vision_mlp=128, llm_hidden=128,
            llm_layers=2, llm_heads=2, llm_kv_heads=1, llm_mlp=256, context=512, seed=seed,
        )
    )  # fmt: skip
