"""Multimodal transfer by modular reassembly.

Enters: a vision tower and two language models of one shape, one that answers directly and one that reasons.
Leaves: the reasoner with eyes, and ``table.json`` with the accuracy after each step. Always holds: tower and
language models are frozen; only the projector learns. Source: R1V report, section 2.1 and table 2.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from r1v import figures
from r1v.models.assemble import AssembleConfig, assemble
from r1v.train.core.config import SFTConfig, TransferConfig
from r1v.train.core.run import write_atomically
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import FigureSource, JsonlSource, Source
from r1v.train.rollout.evaluate import accuracy_of
from r1v.train.stages.sft import Trainer


def transfer(config: TransferConfig, console: Console | None = None) -> Path:
    """All steps; returns the aligned model's folder. A step whose folder is there is not done again."""
    c, console = config, console or Console(stderr=True)
    out = Path(c.out)
    out.mkdir(parents=True, exist_ok=True)
    table: dict[str, float] = {}
    folder = out / "substitute"
    if not folder.exists():
        assemble(c.vision, c.substitute, folder, None, AssembleConfig(seed=c.seed))
    answers_at_once = c.direct_share > 0.5
    table["substitute, new projector"] = _accuracy(c, folder, thinking=not answers_at_once)
    for phase in range(3):
        folder = _train(c, folder, out / f"phase{phase + 1}", phase, c.direct_share, console)
        table[f"substitute, phase {phase + 1}"] = _accuracy(c, folder, thinking=not answers_at_once)
    moved = out / "reassembled"
    if not moved.exists():
        assemble(c.vision, c.reasoner, moved, folder)
    table["reasoner, reassembled"] = _accuracy(c, moved, thinking=True)
    aligned = _train(c, moved, out / "aligned", 3, 0.0, console)
    table["reasoner, aligned"] = _accuracy(c, aligned, thinking=True)
    write_atomically(out / "table.json", json.dumps(table, indent=2) + "\n")
    shown = Table("step", "accuracy", title="Transfer")
    for name, value in table.items():
        shown.add_row(name, f"{value:.3f}")
    console.print(shown)
    return aligned


def _train(
    c: TransferConfig, model: Path, out: Path, phase: int, direct_share: float, console: Console
) -> Path:
    """Train the projector alone, from a model; its state makes a run that was cut off go on."""
    steps = c.steps[phase]
    return Trainer(
        SFTConfig(
            model=str(model), out=str(out), data=c.data, families=c.families, train=("projector",),
            steps=steps, batch_size=c.batch_size, lr=c.lrs[phase], muon_lr=0.0, schedule="cosine",
            warmup_steps=max(1, steps * 3 // 100), weight_decay=c.weight_decay, curriculum=False,
            direct_share=direct_share, seed=c.seed + phase, first_sample=phase * 1_000_000,
            device=c.device, bf16=c.bf16, heldout=0, workers=c.workers,
        ),
        console,
    ).train()  # fmt: skip


def _accuracy(c: TransferConfig, folder: Path, *, thinking: bool) -> float:
    """On held-out questions, by generating."""
    source: Source
    if c.measure is None:
        source = FigureSource(c.families or tuple(figures.FAMILIES), heldout=True)
    else:
        source = JsonlSource(c.measure, chains=False)
    plan = [PlannedSample(f, i, 1.0, thinking) for i in range(c.heldout) for f in source.families]
    return accuracy_of(folder, source, plan, max_tokens=c.max_tokens, device=c.device, bf16=c.bf16).total
