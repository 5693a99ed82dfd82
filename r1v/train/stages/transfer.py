"""Multimodal transfer by modular reassembly.

Enters: a vision tower and two language models of one shape, one that answers directly and one that reasons.
Leaves: the reasoning model with a vision tower, and ``table.json`` with the accuracy after each step. Always
holds: tower and language models are frozen; only the projector learns. Source: R1V report, section 2.1 and
table 2.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from r1v import figures
from r1v.core import ConfigError
from r1v.models.assemble import AssembleConfig, assemble
from r1v.train.core.checks import at_least
from r1v.train.core.compute import Compute
from r1v.train.core.config import DataConfig, ModelConfig, OptimConfig, RolloutConfig, RunConfig, one_turn
from r1v.train.core.keys import key
from r1v.train.core.run import TrainingRun, write_atomically
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import ExampleSource, FigureSource
from r1v.train.data.sources import FIGURES, fingerprint, open_source, rows_of
from r1v.train.rollout.evaluate import accuracy_of
from r1v.train.stages.sft import SFTConfig, Trainer, only

T = TypeVar("T")


@dataclass(frozen=True)
class TransferConfig:
    """Multimodal transfer: the projector is trained before a substitute language model, then moved.

    The keys with four values are for the three phases of the projector's training and the alignment behind
    the reasoner; one value is for all. The report's: 2M, 200K and 40K rows, rates 2e-4, 4e-5, 4e-5, batches
    of 512. run.steps is not used.
    """

    vision: str = key("", "checkpoint of the tower, bare or whole", required=True)
    substitute: str = key("", "checkpoint of the language model that answers directly", required=True)
    reasoner: str = key("", "checkpoint of the language model that reasons, of the same shape", required=True)
    run: RunConfig = key(RunConfig(), "the run")
    data: DataConfig = key(DataConfig(direct_share=1.0, heldout=16), "what is learned")
    optim: OptimConfig = key(
        OptimConfig(batch_size=64, schedule="cosine", weight_decay=0.05), "how it is learned"
    )
    rollout: RolloutConfig = key(RolloutConfig(max_tokens=256), "how accuracy is measured")
    sources: tuple[str, ...] = key((), "data of each phase; empty: data.source for all")
    steps: tuple[int, ...] = key((400, 200, 100, 200), "steps of each phase")
    lrs: tuple[float, ...] = key((2e-4, 4e-5, 4e-5, 4e-5), "peak learning rate of each phase")
    batch_sizes: tuple[int, ...] = key((), "batch size of each phase; empty: optim.batch_size for all")
    micro_batches: tuple[int, ...] = key(
        (), "micro_batches of each phase; empty: optim.micro_batches for all", operational=True
    )
    checkpointing: tuple[bool, ...] = key(
        (), "whether each phase recomputes activations, see model.checkpointing", operational=True
    )

    def __post_init__(self) -> None:
        one_turn("transfer", self.rollout)
        for name in ("steps", "lrs"):
            if len(getattr(self, name)) not in (1, 4):
                raise ConfigError(f"{name} needs one number, or four (for three phases and the alignment)")
        for name in ("sources", "batch_sizes", "micro_batches", "checkpointing"):
            if len(getattr(self, name)) not in (0, 1, 4):
                raise ConfigError(f"{name} needs no value, one, or four (for three phases and the alignment)")
        at_least(self.data, 1, "heldout", group="data")
        if (self.data.source == (FIGURES,)) != (self.data.measure is None):
            raise ConfigError("data.measure names held-out rows: give it with a data file, and only then")

    def of(self, values: Sequence[T], phase: int, usual: T) -> T:
        """A phase's own value."""
        return usual if not values else values[phase if len(values) > 1 else 0]


def transfer(config: TransferConfig, console: Console | None = None, *, allow: Collection[str] = ()) -> Path:
    """All steps; returns the aligned model's folder. A step whose folder is there is not done again.

    Runs under torchrun too: all processes train, the first one assembles.
    """
    c, console = config, console or Console(stderr=True)
    world = Compute.open(c.run.device, c.run.bf16).world
    measured = _measured(c, console)
    run = TrainingRun(
        c, world, data=fingerprint(c.data), allow=allow,
        results={"phase*/checkpoints/step-*[0-9]": ("",), "phase*/model": ("",)},
    )  # fmt: skip
    out = run.folder
    table: dict[str, float] = {}
    folder = out / "substitute"
    if world.first and run.changed:
        shutil.rmtree(folder, ignore_errors=True)
    if world.first and not folder.exists():
        assemble(c.vision, c.substitute, folder, None, AssembleConfig(seed=c.run.seed))
    world.barrier()
    answers_at_once = c.data.direct_share > 0.5
    table["substitute, new projector"] = _accuracy(c, folder, measured, thinking=not answers_at_once)
    for phase in range(3):
        folder = _train(c, folder, out / f"phase{phase + 1}", phase, c.data.direct_share, console)
        table[f"substitute, phase {phase + 1}"] = _accuracy(c, folder, measured, thinking=not answers_at_once)
    moved = out / "reassembled"
    if world.first and not moved.exists():
        assemble(c.vision, c.reasoner, moved, folder, AssembleConfig(thinking="require"))
    world.barrier()
    table["reasoner, reassembled"] = _accuracy(c, moved, measured, thinking=True)
    aligned = _train(c, moved, out / "aligned", 3, 0.0, console)
    table["reasoner, aligned"] = _accuracy(c, aligned, measured, thinking=True)
    if world.first:
        write_atomically(out / "table.json", json.dumps(table, indent=2) + "\n")
    shown = Table("step", "accuracy", title="Transfer")
    for name, value in table.items():
        shown.add_row(name, f"{value:.3f}")
    console.print(shown)
    return aligned


def _train(
    c: TransferConfig, model: Path, out: Path, phase: int, direct_share: float, console: Console
) -> Path:
    """Train only the projector of a model. The saved state lets an interrupted run continue."""
    steps = c.of(c.steps, phase, 1)
    source = c.of(c.sources, phase, "")
    data = replace(
        c.data, direct_share=direct_share, first_sample=phase * 1_000_000, heldout=0, measure=None,
        source=(source,) if source else c.data.source,
    )  # fmt: skip
    model_config = ModelConfig(
        path=str(model), train=("projector",), checkpointing=c.of(c.checkpointing, phase, False)
    )
    optim = replace(
        c.optim, lr=c.of(c.lrs, phase, c.optim.lr), warmup_steps=max(1, steps * 3 // 100),
        batch_size=c.of(c.batch_sizes, phase, c.optim.batch_size),
        micro_batches=c.of(c.micro_batches, phase, c.optim.micro_batches),
    )  # fmt: skip
    run = replace(c.run, out=str(out), steps=steps, seed=c.run.seed + phase, deadline_s=0.0)
    return Trainer(SFTConfig(model=model_config, run=run, data=data, optim=optim), console).train()


def _measured(c: TransferConfig, console: Console) -> ExampleSource:
    """The source of held-out questions."""
    if c.data.measure is None:
        return FigureSource(c.data.families or tuple(figures.FAMILIES), heldout=True)
    return open_source(only(c.data, c.data.measure), c.run.seed, console, chains=False, key="data.measure")


def _accuracy(c: TransferConfig, folder: Path, source: ExampleSource, *, thinking: bool) -> float:
    """On held-out questions, by generating."""
    plan = [
        PlannedSample(f, i, 1.0, thinking)
        for f in source.families for i in range(min(c.data.heldout or 0, rows_of(source, f)))
    ]  # fmt: skip
    return accuracy_of(
        folder, source, plan, max_tokens=c.rollout.max_tokens, device=c.run.device, bf16=c.run.bf16
    ).total
