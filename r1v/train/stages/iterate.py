"""Iterative supervised training: rounds on what a reward model likes and on what the model got wrong.

Enters: a checkpoint folder, a file with chains and a reward model. Leaves: a folder for each round and
``rounds.json``; the last model is the result. Always holds: a round that is done is not done again; the rows
of a round are written beside its model. Source: R1V report, section 2.2.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from r1v.core import ConfigError
from r1v.prompt import Processor
from r1v.scoring import Verdict
from r1v.train.core.checks import at_least, read_text, share
from r1v.train.core.compute import Compute
from r1v.train.core.config import DataConfig, ModelConfig, OptimConfig, RolloutConfig, RunConfig, one_turn
from r1v.train.core.keys import key
from r1v.train.core.left_out import tell_bad_rows
from r1v.train.core.run import TrainingRun, write_atomically
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import parse_row
from r1v.train.data.pairs import image_name
from r1v.train.data.rows import parse_line, read_lines
from r1v.train.data.sources import fingerprint, num_rows, open_source
from r1v.train.reward.files import score_rows
from r1v.train.reward.model import Calibration
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.opening import open_sampler
from r1v.train.stages.sft import SFTConfig, Trainer

BATCH = 256  # questions asked at a time


@dataclass(frozen=True)
class IterateConfig:
    """Iterative supervised training with a reward model.

    M_0 is trained on all rows of data.source, M_t on those that the reward model scores at least
    thresholds[t - 1] and on those that M_(t-1) answers wrong. The integer scores 0 to 5 are the sextiles of
    the scores of these rows, so that each threshold chooses: sextiles of other replies would not. Rates of
    the rounds are first_lr, lr, later_lr; optim gives the rest. run.steps is not used.
    """

    model: ModelConfig = key(ModelConfig(train=("projector",)), "what is trained")
    run: RunConfig = key(RunConfig(), "the run")
    data: DataConfig = key(DataConfig(), "what is learned")
    optim: OptimConfig = key(OptimConfig(batch_size=512, weight_decay=0.05), "how it is learned")
    rollout: RolloutConfig = key(RolloutConfig(temperature=0.0), "how it is asked for its errors")
    reward_model: str = key("", "folder that r1v train reward wrote", required=True)
    thresholds: tuple[int, ...] = key(
        (2, 3, 4, 5), "least score of the rows that each round learns, 0 to 5", operational=True
    )
    epochs: int = key(1, "passes over the rows of each round")
    first_lr: float = key(2e-4, "peak learning rate of M_0")
    lr: float = key(1e-4, "peak learning rate of M_1")
    later_lr: float = key(2e-5, "peak learning rate of the rounds after M_1")
    warmup_share: float = key(0.03, "share of a round's steps in which the learning rate rises")

    def __post_init__(self) -> None:
        one_turn("iterate", self.rollout)
        at_least(self, 1, "epochs")
        at_least(self, 0, "first_lr", "lr", "later_lr")
        share(self, "warmup_share")
        if not self.thresholds or any(not 0 <= t <= 5 for t in self.thresholds):
            raise ConfigError(f"thresholds is {self.thresholds}; give scores from 0 to 5")


def iterate(config: IterateConfig, console: Console | None = None, *, allow: Collection[str] = ()) -> Path:
    """All rounds; returns the folder of the last model. Runs under torchrun too: the first process scores and
    writes files, and all of them ask and train."""
    c, console = config, console or Console(stderr=True)
    Processor.from_folder(c.model.path)  # a model that cannot be read is said before hours of scoring
    compute = Compute.open(c.run.device, c.run.bf16)
    run = TrainingRun(
        c, compute.world, data=fingerprint(c.data), allow=allow,
        results={
            "scored.jsonl": ("reward_model", "data", "run.seed", "run.bf16"), "round*/done": ("",),
            "round*/sft/checkpoints/step-*[0-9]": ("",),
        },
    )  # fmt: skip
    out = run.folder
    scored = out / "scored.jsonl"
    if compute.world.first and not scored.exists():
        _score(c, scored, compute, console)
    compute.world.barrier()
    rows = [parse_line(line) for line in read_lines(scored, "the scored rows") if line]
    model = _round(c, 0, c.model.path, rows, c.first_lr, console)
    for t, threshold in enumerate(c.thresholds, 1):
        chosen = out / f"round{t}" / "rows.jsonl"
        wrong = set() if compute.world.agree(chosen.exists()) else _wrong(c, compute, model, rows)
        if compute.world.first and not chosen.exists():
            keep = [row for i, row in enumerate(rows) if row["score"] >= threshold or i in wrong]
            liked = sum(row["score"] >= threshold for row in rows)
            report = {"round": t, "threshold": threshold, "liked": liked, "wrong": len(wrong),
                      "rows": len(keep), "of": len(rows)}  # fmt: skip
            chosen.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(chosen.with_name("report.json"), json.dumps(report, indent=2) + "\n")
            _write(chosen, keep)
        compute.world.barrier()
        keep = [parse_line(line) for line in read_text(chosen, "the rows of a round").split("\n") if line]
        console.print(f"round {t}: {len(keep)} of {len(rows)} rows, score at least {threshold}")
        model = _round(c, t, str(model), keep, c.lr if t == 1 else c.later_lr, console)
    return model


def _score(c: IterateConfig, path: Path, compute: Compute, console: Console) -> None:
    """Every row with its raw reward and its integer score; pictures that are no files are saved."""
    source = open_source(c.data, c.run.seed, console)
    number = num_rows(source)
    if number is None:
        raise ConfigError(
            "iterate needs one file or data set of rows as data.source, not figures or a mixture"
        )
    plan = [PlannedSample(*source.pick(i, "rows"), 1.0) for i in range(number)]
    rows, rewards, bad = score_rows(c.reward_model, source, plan, compute)
    tell_bad_rows(bad, ", ".join(c.data.source), console)
    calibration = Calibration.of(rewards)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for example, reward in zip(rows, rewards, strict=True):
        lines.append(
            {
                "images": [image_name(ref, path.parent, absolute=True) for ref in example.images],
                "question": example.question, "thinking": example.thinking, "answer": example.answer,
                "answer_type": example.key.kind, "tolerance": example.key.tolerance, "reward": reward,
                "score": calibration.integer(reward),
            }
        )  # fmt: skip
    write_atomically(path.with_name("calibration.json"), json.dumps(list(calibration.edges)) + "\n")
    _write(path, lines)


def _write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _round(
    c: IterateConfig, t: int, model: str | Path, rows: Sequence[dict[str, object]], lr: float,
    console: Console,
) -> Path:  # fmt: skip
    """Train from a model on some rows; gives the model as it is where there are none."""
    folder = Path(c.run.out) / f"round{t}"
    folder.mkdir(parents=True, exist_ok=True)
    if not rows:
        return Path(model)
    if not (folder / "rows.jsonl").exists():
        _write(folder / "rows.jsonl", rows)
    done, result = folder / "done", folder / "sft" / "model"
    if done.exists():
        return result
    batch = min(c.optim.batch_size, len(rows))
    steps = max(1, math.ceil(len(rows) * c.epochs / batch))
    warmup = math.ceil(c.warmup_share * steps)
    found = Trainer(
        SFTConfig(
            model=replace(c.model, path=str(model)),
            run=replace(c.run, out=str(folder / "sft"), steps=steps, deadline_s=0.0),
            data=replace(
                c.data, source=(str(folder / "rows.jsonl"),), families=(), columns={}, heldout=0,
                measure=None,
            ),
            optim=replace(
                c.optim, lr=lr, batch_size=batch, micro_batches=min(c.optim.micro_batches, batch),
                warmup_steps=warmup,
            ),
        ),
        console,
    ).train()  # fmt: skip
    done.touch()
    return found


def _wrong(
    c: IterateConfig, compute: Compute, model: str | Path, rows: Sequence[dict[str, object]]
) -> set[int]:
    """The error set: rows that a model answers wrong, greedily. Each process asks its share."""
    sampler = open_sampler(model, compute, c.rollout)
    own = compute.world.share(range(len(rows)))
    rules, wrong = RuleReward(), set[int]()
    for start in range(0, len(own), BATCH):
        places = own[start : start + BATCH]
        part = [parse_row(rows[place], Path(c.run.out), chains=False)[1] for place in places]
        prompts = [sampler.processor.encode(example.messages()) for example in part]
        groups = sampler.sample(
            prompts, [0] * len(part), n=1, max_tokens=c.rollout.max_tokens, temperature=0.0
        )
        for place, example, group in zip(places, part, groups, strict=True):
            if rules.verdict(group[0], example.key) is not Verdict.RIGHT:
                wrong.add(place)
    rules.close()
    compute.world.barrier()  # with long data the shares end at very different times
    return {place for found in compute.world.gather(wrong) for place in found}
