"""A twin of R1V-Nano small enough to train dozens of times: its pictures and questions, weights and measure.

The same architecture, prompt and stages at half a million parameters. A picture is a grid of places with some
squares of one colour; a chain says the colour and the number, then answers. Most chains look a second or
third time, as a reasoner does that checks itself too often.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw
from rich.console import Console

from r1v import models
from r1v.figures import claims
from r1v.prompt import Processor
from r1v.scoring import Verdict
from r1v.train.core.checks import COMPONENTS
from r1v.train.core.compute import Compute
from r1v.train.core.config_read import make
from r1v.train.core.run import write_atomically
from r1v.train.data.examples import parse_row
from r1v.train.data.tokenizer import train_tokenizer
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import EngineRollouts
from r1v.train.stages.init import InitConfig, initialise
from r1v.train.stages.sft import SFTConfig, Trainer

QUIET = Console(quiet=True)
COLOURS = ("red", "green", "blue", "black")
SIDE, CELL = 4, 16  # places of a grid; pixels of a place, which is one image token
MOST = 12  # squares
FAMILIES = ("count", "sides", "text")  # squares; their sides, which takes a step more; without a picture
REPEATS = (0.35, 0.5, 0.15)  # how often a chain looks once, twice, three times
MAX_TOKENS = 64
VOCABULARY = 384
MEMORY = 0.01  # of the free memory, for a sampler's cache: many processes share a device


def draw(colour: str, number: int, rng: Random) -> Image.Image:
    """Squares of several sizes, not quite in the middle of their places."""
    image = Image.new("RGB", (SIDE * CELL, SIDE * CELL), "white")
    pen = ImageDraw.Draw(image)
    for place in rng.sample(range(SIDE * SIDE), number):
        side = rng.randint(6, 11)
        left, top = (at * CELL + rng.randint(1, CELL - 2 - side) for at in (place % SIDE, place // SIDE))
        pen.rectangle((left, top, left + side, top + side), fill=colour)
    return image


def row(rng: Random, family: str, looks: int) -> tuple[dict[str, object], Image.Image | None]:
    """One question with its chain, its answer and what its picture shows; and the picture."""
    if family == "text":
        a, b = rng.randint(0, 9), rng.randint(0, 9)
        chain = f"{a} + {b} = {a + b}"
        return {"question": f"Calculate {a} + {b}.", "thinking": chain, "answer": a + b, "facts": {}}, None
    colour, number = rng.choice(COLOURS), rng.randint(1, MOST)
    facts = {"colour": colour, "number": str(number)}
    lines = [f"{name}: {value}" for name, value in facts.items()] * looks
    if family == "count":
        question, answer = "How many squares?", number
        lines.append(f"squares: {number}")
    else:
        question, answer = "How many sides do the squares have together?", 4 * number
        lines.append(f"sides: {number} * 4 = {answer}")
    chain = "\n".join(lines)
    return {"question": question, "thinking": chain, "answer": answer, "facts": facts}, draw(
        colour, number, rng
    )


def url(image: Image.Image) -> str:
    """A picture as text."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def make_data(folder: Path, name: str, number: int, families: tuple[str, ...] = FAMILIES) -> Path:
    """A JSONL file with as many questions of each family, their pictures in it as data URLs; made once."""
    path = folder / f"{name}.jsonl"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    rng, lines = Random(name), []
    for _ in range(number):
        for family in families:
            values, image = row(rng, family, rng.choices((1, 2, 3), REPEATS)[0])
            values |= {"family": family, "images": [url(image)] if image else [], "answer_type": "number",
                       "answer": f"Answer: \\boxed{{{values['answer']}}}"}  # fmt: skip
            lines.append(json.dumps(values) + "\n")
    write_atomically(path, "".join(lines))
    return path


def texts() -> Iterator[str]:
    """What the tokenizer is trained on."""
    rng = Random("tokenizer")
    for _ in range(200):
        for family in FAMILIES:
            values, _ = row(rng, family, 2)
            yield from (str(values["question"]), f"{values['thinking']}\n", "\n\nAnswer: \\boxed{1}")


def make_model(out: Path, seed: int) -> Path:
    """The twin with random weights."""
    if not out.exists():
        tokenizer = out.with_name(f"{out.name}-tokenizer")
        tokenizer.mkdir(parents=True, exist_ok=True)
        train_tokenizer(texts(), VOCABULARY).save(str(tokenizer / "tokenizer.json"))
        initialise(
            InitConfig(
                out=str(out), tokenizer=str(tokenizer), families=("arithmetic",), image_size=SIDE * CELL,
                patch_size=8, vision_hidden=64, vision_layers=1, vision_heads=2, vision_mlp=128,
                llm_hidden=128, llm_layers=2, llm_heads=2, llm_kv_heads=1, llm_mlp=256, context=512,
                seed=seed,
            )
        )  # fmt: skip
    return out


def supervise(
    model: Path, out: Path, data: Path, *, steps: int, lr: float, muon_lr: float, seed: int, device: str,
    train: tuple[str, ...] = COMPONENTS, families: tuple[str, ...] = (), first: int = 0,
) -> Path:  # fmt: skip
    """Supervised training; goes on where it was cut off. first: sample, so that later runs see others."""
    return Trainer(
        make(
            SFTConfig,
            model=str(model), out=str(out), data=str(data), families=families, train=train, steps=steps,
            batch_size=32, lr=lr, muon_lr=muon_lr, schedule="wsd", warmup_steps=min(20, steps // 4),
            direct_share=0.0, heldout=0, bf16=False, seed=seed, device=device, first_sample=first,
            save_every_s=60, workers=1 if device == "cpu" else 2,
        ),
        QUIET,
    ).train()  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Greedy, on held-out questions. accuracy: mean of the picture families; text: of those without one.
    hallucination: share of the picture questions whose thinking says something against the picture.
    length: mean tokens of a reply to a picture question, right or wrong."""

    accuracy: float
    count: float
    sides: float
    text: float
    hallucination: float
    length: float


def measure(folder: Path, data: Path, device: str) -> dict[str, float]:
    """`Measured` of a checkpoint on every question of a file, as a result file keeps it."""
    compute = Compute.open(device, False)
    processor = Processor.from_folder(folder)
    model = models.load(folder, None, compute.device).float()
    sampler = EngineRollouts(model, processor, compute, max_num_seqs=128, memory_fraction=MEMORY)
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    asked = [parse_row(values, data.parent, chains=False) for values in lines]
    prompts = [processor.encode(example.messages()) for _, example in asked]
    groups = sampler.sample(prompts, [0] * len(prompts), n=1, max_tokens=MAX_TOKENS, temperature=0.0)
    rules, right = RuleReward(), {name: [] for name in FAMILIES}
    against, lengths = [], []
    for (family, example), values, (reply,) in zip(asked, lines, groups, strict=True):
        right[family].append(rules.verdict(reply, example.key) is Verdict.RIGHT)
        if example.images:
            against.append(claims.check(reply.thinking, values["facts"]).wrong > 0)
            lengths.append(len(reply.token_ids))
    rules.close()
    shares = {name: mean(found) for name, found in right.items()}
    return asdict(
        Measured(
            mean([shares["count"], shares["sides"]]), shares["count"], shares["sides"], shares["text"],
            mean(against), mean(lengths),
        )
    )  # fmt: skip


def mean(values: Sequence[float]) -> float:
    """NaN for none."""
    return sum(values) / len(values) if values else math.nan
