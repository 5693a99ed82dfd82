"""Iterative supervised training: rounds on what a reward model likes and on what the model got wrong.

Enters: a checkpoint folder, a file with chains and a reward model. Leaves: a folder for each round and
``rounds.json``; the last model is the result. Always holds: a round that is done is not done again; the rows
of a round are written beside its model. Source: R1V report, section 2.2.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from r1v import models
from r1v.prompt import Processor
from r1v.scoring import Verdict
from r1v.train.core.compute import Compute
from r1v.train.core.config import IterateConfig, SFTConfig
from r1v.train.core.run import write_atomically
from r1v.train.data.examples import parse_row
from r1v.train.data.rows import parse_line, read_lines, with_images
from r1v.train.reward.files import score_replies
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import Sampler
from r1v.train.stages.sft import Trainer

BATCH = 256  # questions asked at a time


def iterate(config: IterateConfig, console: Console | None = None) -> Path:
    """All rounds; returns the folder of the last model."""
    c, console = config, console or Console(stderr=True)
    out = Path(c.out)
    out.mkdir(parents=True, exist_ok=True)
    data = Path(c.data)
    scored = out / "scored.jsonl"
    if not scored.exists():
        part = out / "scored.jsonl.part"
        _, bad = score_replies(c.reward_model, str(data), str(part), c.device)
        for name in bad:
            console.print(f"bad row, left out: {name}", highlight=False)
        part.replace(scored)
    # paths beside the data file, wherever the round's file lies; one group, one epoch
    rows = [
        {key: value for key, value in with_images(parse_line(line), data.parent).items() if key != "family"}
        for line in read_lines(scored, "scored file")
        if line
    ]
    model = _round(c, 0, c.model, rows, c.first_lr, console)
    for t, threshold in enumerate(c.thresholds, 1):
        chosen = out / f"round{t}" / "rows.jsonl"
        if not chosen.exists():
            wrong = _wrong(c, model, rows)
            keep = [row for i, row in enumerate(rows) if row["score"] >= threshold or i in wrong]
            liked = sum(row["score"] >= threshold for row in rows)
            report = {"round": t, "threshold": threshold, "liked": liked, "wrong": len(wrong),
                      "rows": len(keep), "of": len(rows)}  # fmt: skip
            chosen.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(chosen.with_name("report.json"), json.dumps(report, indent=2) + "\n")
            _write(chosen, keep)
        keep = [parse_line(line) for line in read_lines(chosen, "round's file") if line]
        console.print(f"round {t}: {len(keep)} of {len(rows)} rows, score at least {threshold}")
        model = _round(c, t, str(model), keep, c.lr if t == 1 else c.later_lr, console)
    return model


def _write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _round(
    c: IterateConfig, t: int, model: str | Path, rows: Sequence[dict[str, object]], lr: float,
    console: Console,
) -> Path:  # fmt: skip
    """Train from a model on some rows; gives the model as it is where there are none."""
    folder = Path(c.out) / f"round{t}"
    folder.mkdir(parents=True, exist_ok=True)
    if not rows:
        return Path(model)
    if not (folder / "rows.jsonl").exists():
        _write(folder / "rows.jsonl", rows)
    done, result = folder / "done", folder / "sft" / "model"
    if done.exists():
        return result
    batch = min(c.batch_size, len(rows))
    steps = max(1, math.ceil(len(rows) * c.epochs / batch))
    found = Trainer(
        SFTConfig(
            model=str(model), out=str(folder / "sft"), data=str(folder / "rows.jsonl"), train=c.train,
            steps=steps, batch_size=batch, micro_batches=min(c.micro_batches, batch), lr=lr, muon_lr=0.0,
            schedule="cosine", warmup_steps=math.ceil(c.warmup_share * steps), final_lr_share=0.0,
            weight_decay=c.weight_decay, curriculum=False, direct_share=0.0, seed=c.seed, device=c.device,
            bf16=c.bf16, heldout=0, save_every_s=c.save_every_s, max_shard_mb=c.max_shard_mb,
        ),
        console,
    ).train()  # fmt: skip
    done.touch()
    return found


def _wrong(c: IterateConfig, model: str | Path, rows: Sequence[dict[str, object]]) -> set[int]:
    """The error set: rows that a model answers wrong, greedily."""
    compute = Compute.open(c.device, c.bf16)
    loaded = models.load(model, None, compute.device)
    processor = Processor.from_folder(model)
    sampler = Sampler(
        loaded if compute.bf16 else loaded.float(), processor, compute, max_num_seqs=c.max_num_seqs
    )
    examples = [parse_row(row, Path(c.out), chains=False)[1] for row in rows]
    rules, wrong = RuleReward(), set()
    for start in range(0, len(examples), BATCH):
        part = examples[start : start + BATCH]
        prompts = [processor.encode(example.messages()) for example in part]
        groups = sampler.sample(prompts, [0] * len(part), n=1, max_tokens=c.max_tokens, temperature=0.0)
        for place, (example, group) in enumerate(zip(part, groups, strict=True), start):
            if rules.verdict(group[0], example.key) is not Verdict.RIGHT:
                wrong.add(place)
    rules.close()
    return wrong
