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
from torch.distributed.tensor import DTensor

from r1v import models
from r1v.models import R1V
from r1v.prompt.tiling import IMAGENET_MEAN, IMAGENET_STD
from r1v.train.core.distributed import ONE_PROCESS, World, shard
from r1v.train.core.lora import add_adapters, plain
from r1v.train.core.optim import GroupReport, components, count, select
from r1v.train.core.precision import computes_bf16
from r1v.train.data.examples import MicroBatch
from r1v.train.losses import completion_nll


@dataclass(frozen=True)
class Compute:
    """A device, whether forward and backward run in bf16 there, and the processes that share the work."""

    device: torch.device
    bf16: bool
    world: World = ONE_PROCESS

    @classmethod
    def open(cls, device: str, bf16: bool) -> Compute:
        """device "auto": CUDA where there is one, each process of a host its own. bf16 where it is native."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        world = World.open(device)
        found = torch.device(device)
        if world.size > 1 and device == "cuda":
            found = torch.device("cuda", torch.distributed.get_node_local_rank())
            torch.cuda.set_device(found)
        return cls(found, bf16 and computes_bf16(found), world)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision of a forward pass."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext()

    def move(self, part: MicroBatch) -> MicroBatch:
        """A batch on the device."""
        return part.apply(lambda tensor: tensor.to(self.device, non_blocking=True))


def load_trainable(
    folder: str | Path, compute: Compute, train: Sequence[str], *, checkpointing: bool, console: Console,
    lora: Sequence[str] = (), lora_rank: int = 16, lora_alpha: int = 32, seed: int = 0,
) -> R1V:  # fmt: skip
    """A checkpoint's model in float32, the named components trainable, adapters where ``lora`` says.

    Prints how many parameters of each component are trained.
    """
    model = models.load(folder, torch.float32, str(compute.device))
    model.train()
    model.language.checkpointing = model.vision.checkpointing = checkpointing
    select(components(model), train)
    if lora:
        add_adapters(model, lora, lora_rank, lora_alpha, seed)
    report(count(components(model)), console)
    return model


def report(groups: Sequence[GroupReport], console: Console) -> None:
    """Print how much of each component is trained."""
    table = Table("component", "parameters", "trained", title="What is trained")
    for group in groups:
        table.add_row(group.component, f"{group.total:,}", f"{group.trained:,}")
    table.add_row("all", f"{sum(g.total for g in groups):,}", f"{sum(g.trained for g in groups):,}")
    console.print(table)


def export(
    model: R1V, folder: Path, tokenizer_from: str | Path, max_shard_mb: int = 4096, world: World = ONE_PROCESS
) -> Path:
    """Write the weights, bf16, adapters added in, as a whole checkpoint in the transformers-native layout.

    Of several processes all must call it; the first one writes.
    """
    if any(isinstance(value, DTensor) or ".lora_" in name for name, value in model.named_parameters()):
        model = plain(model)
    if world.first:
        models.save(
            model,
            folder,
            dtype=torch.bfloat16,
            tokenizer_from=tokenizer_from,
            max_shard_bytes=max_shard_mb * 2**20,
            overwrite=True,
        )
    world.barrier()
    return folder


def normalise(tiles: torch.Tensor) -> torch.Tensor:
    """`prompt.normalise` on the tiles' own device, where bytes travel cheaper than floats.

    uint8 (num_tiles, S, S, 3) -> float32 (num_tiles, 3, S, S).
    """
    mean, std = tiles.new_tensor([IMAGENET_MEAN, IMAGENET_STD], dtype=torch.float32).view(2, 3, 1, 1)
    return (tiles.permute(0, 3, 1, 2).float() / 255 - mean) / std


def hidden_states(model: R1V, part: MicroBatch, features: torch.Tensor | None = None) -> torch.Tensor:
    """Hidden states (B, T, D) after the final norm; tensors lie on the model's device. features: of the
    images, in place of the part's tiles."""
    tiles = normalise(part.tiles) if features is None and len(part.tiles) else None
    return model.hidden(part.input_ids, tiles, image_features=features, segment_ids=part.segment_ids)


class TargetLogits(nn.Module):
    """Logits (N, V) of the places whose next token is to be learned, as a module that can be split.

    In several processes the vision tower takes part in every pass, with a blank tile where a batch has none:
    its layers are gathered by all processes together, and gradients reduced by all in one order.
    """

    def __init__(self, model: R1V, compute: Compute) -> None:
        super().__init__()
        self.model, self.split = model, compute.world.size > 1
        if self.split:
            shard(self, model, compute.world)

    def forward(self, part: MicroBatch) -> torch.Tensor:
        """Tensors of the part lie on the model's device."""
        unused = None
        if self.split and not len(part.tiles):
            side = self.model.config.vision.image_size
            blank = torch.zeros(1, 3, side, side, device=part.input_ids.device)
            # no feature is placed, but the language model's input has its gradient, as where there are some:
            # else a frozen model's first layer would reduce later here than in other processes
            unused = self.model.encode_images(blank).flatten(0, 1)[:0]
        hidden = hidden_states(self.model, part, unused)
        return self.model.logits(hidden.flatten(0, 1)[part.target_places])


def target_logits(model: R1V, part: MicroBatch) -> torch.Tensor:
    """As `TargetLogits`, of a model in one piece."""
    hidden = hidden_states(model, part)
    return model.logits(hidden.flatten(0, 1)[part.target_places])


def target_logprobs(model: R1V, part: MicroBatch, compute: Compute) -> torch.Tensor:
    """Log-probability (N,) float32 of each target token, over the whole vocabulary at temperature 1."""
    part = compute.move(part)
    with compute.autocast():
        logits = target_logits(model, part)
    return -completion_nll(logits, part.targets)
