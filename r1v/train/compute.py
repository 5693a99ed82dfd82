"""Where and how a run computes: its device and precision, its model, and one forward pass over a batch.

Enters: names from a configuration, padded batches. Leaves: a model with the named components trainable,
logits and log-probabilities of the places that a loss is about, and the trained checkpoint.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from r1v import models
from r1v.models import R1V
from r1v.prompt.tiling import IMAGENET_MEAN, IMAGENET_STD
from r1v.train.data import MicroBatch
from r1v.train.losses import completion_nll
from r1v.train.optim import GroupReport, select
from r1v.train.precision import computes_bf16


@dataclass(frozen=True)
class Compute:
    """A device, and whether forward and backward run in bf16 there."""

    device: torch.device
    bf16: bool

    @classmethod
    def open(cls, device: str, bf16: bool) -> Compute:
        """device "auto": the first CUDA device where there is one. bf16 is used where it is native."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        found = torch.device(device)
        return cls(found, bf16 and computes_bf16(found))

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision of a forward pass."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext()

    def move(self, part: MicroBatch) -> MicroBatch:
        """A batch on the device."""
        return part.apply(lambda tensor: tensor.to(self.device, non_blocking=True))


def components(model: R1V) -> dict[str, nn.Module]:
    """The parts of a model by the names that configurations use."""
    return {"vision": model.vision, "projector": model.projector, "llm": model.language}


def load_trainable(
    folder: str | Path, compute: Compute, train: Sequence[str], *, checkpointing: bool, console: Console
) -> R1V:
    """A checkpoint's model in float32, the named components trainable; says how many parameters those are."""
    model = models.load(folder, torch.float32, str(compute.device))
    model.train()
    model.language.checkpointing = model.vision.checkpointing = checkpointing
    report(select(components(model), train), console)
    return model


def report(groups: Sequence[GroupReport], console: Console) -> None:
    """Print how much of each component is trained."""
    table = Table("component", "parameters", "trained", title="What is trained")
    for group in groups:
        table.add_row(group.component, f"{group.total:,}", f"{group.trained:,}")
    table.add_row("all", f"{sum(g.total for g in groups):,}", f"{sum(g.trained for g in groups):,}")
    console.print(table)


def export(model: R1V, folder: Path, tokenizer_from: str | Path, max_shard_mb: int = 4096) -> Path:
    """Write the weights, bf16, as a whole checkpoint in the transformers-native layout."""
    models.save(
        model,
        folder,
        dtype=torch.bfloat16,
        tokenizer_from=tokenizer_from,
        max_shard_bytes=max_shard_mb * 2**20,
        overwrite=True,
    )
    return folder


def normalise(tiles: torch.Tensor) -> torch.Tensor:
    """`prompt.normalise` on the tiles' own device, where bytes travel cheaper than floats.

    uint8 (num_tiles, S, S, 3) -> float32 (num_tiles, 3, S, S).
    """
    mean, std = tiles.new_tensor([IMAGENET_MEAN, IMAGENET_STD], dtype=torch.float32).view(2, 3, 1, 1)
    return (tiles.permute(0, 3, 1, 2).float() / 255 - mean) / std


def hidden_states(model: R1V, part: MicroBatch) -> torch.Tensor:
    """Hidden states (B, T, D) after the final norm; tensors lie on the model's device."""
    return model.hidden(
        part.input_ids,
        normalise(part.tiles) if len(part.tiles) else None,
        segment_ids=part.segment_ids,
    )


def target_logits(model: R1V, part: MicroBatch) -> torch.Tensor:
    """Logits (N, V) of the places whose next token is to be learned; tensors lie on the model's device."""
    hidden = hidden_states(model, part)
    return model.logits(hidden.flatten(0, 1)[part.target_places])


def target_logprobs(model: R1V, part: MicroBatch, compute: Compute) -> torch.Tensor:
    """Log-probability (N,) float32 of each target token, over the whole vocabulary at temperature 1."""
    part = compute.move(part)
    with compute.autocast():
        logits = target_logits(model, part)
    return -completion_nll(logits, part.targets)
