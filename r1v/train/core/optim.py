"""Parameter groups, optimisers and schedules, shared by all stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from r1v.core import ConfigError
from r1v.models import R1V
from r1v.train.core.distributed import as_split, own_share
from r1v.train.core.muon import Muon


@dataclass(frozen=True)
class GroupReport:
    """How much of one component is trained, in parameters."""

    component: str
    trained: int
    total: int


def components(model: R1V) -> dict[str, nn.Module]:
    """The parts of a model by the names that configurations use."""
    return {"vision": model.vision, "projector": model.projector, "llm": model.language}


def fits(name: str, wanted: str) -> bool:
    """Whether ``wanted``, a component or a pattern like ``llm.layers.*.mlp.*``, means a name of one."""
    return name.partition(".")[0] == wanted or fnmatchcase(name, wanted)


def select(modules: dict[str, nn.Module], wanted: Sequence[str]) -> None:
    """Let the parameters of some components train, or those that patterns name, and freeze the others.

    modules: component -> its module. ConfigError: an entry that means no parameter.
    """
    named = {f"{c}.{name}": p for c, module in modules.items() for name, p in module.named_parameters()}
    for one in wanted:
        if not any(fits(name, one) for name in named):
            raise ConfigError(
                f"train holds {one!r}, which fits no parameter; components: {', '.join(modules)}"
            )
    for name, parameter in named.items():
        parameter.requires_grad_(any(fits(name, one) for one in wanted))


def count(modules: dict[str, nn.Module]) -> list[GroupReport]:
    """How much of each component is trained."""
    reports = []
    for name, module in modules.items():
        sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
        reports.append(GroupReport(name, sum(n for n, on in sizes if on), sum(n for n, _ in sizes)))
    return reports


class Optimizer:
    """AdamW, with Muon for the matrices of the transformer blocks where muon_lr is not 0.

    Muon (Jordan et al. 2024) is scaled to AdamW's step size, 0.2 * sqrt(longer side) (Liu et al. 2025).
    Norms, biases, embeddings, positions, adapters and the output head stay with AdamW; only matrices decay.
    bf16: Muon iterates in bfloat16; else in float32, on every device, so that a run without bf16 gives the
    same numbers on a processor that has the instructions and on one that lacks them.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float,
        muon_lr: float,
        weight_decay: float,
        betas: tuple[float, float],
        bf16: bool = False,
    ) -> None:
        hidden, matrices, rest = [], [], []
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            if muon_lr and parameter.ndim == 2 and ".layers." in name and ".lora_" not in name:
                hidden.append(parameter)
            elif parameter.ndim >= 2:
                matrices.append(parameter)
            else:
                rest.append(parameter)
        groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
        fused = bool(rest or matrices) and (rest or matrices)[0].is_cuda
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, betas=betas, fused=fused or None)
        ]
        if hidden:
            self.parts.append(
                Muon(
                    hidden,
                    lr=muon_lr,
                    weight_decay=weight_decay,
                    dtype=torch.bfloat16 if bf16 else torch.float32,
                )
            )
        self._peak = [[group["lr"] for group in part.param_groups] for part in self.parts]

    def step(self, rate: float) -> None:
        """One update at a share of the peak learning rate; the gradients are dropped."""
        for part, peaks in zip(self.parts, self._peak, strict=True):
            for group, peak in zip(part.param_groups, peaks, strict=True):
                group["lr"] = peak * rate
            part.step()
            part.zero_grad(set_to_none=True)

    def state(self) -> list[dict[str, Any]]:
        """What a checkpoint keeps: of split parameters this process's share."""
        return [own_share(part.state_dict()) for part in self.parts]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Go on from a kept state."""
        for part, kept in zip(self.parts, state, strict=True):
            parameters = [one for group in part.param_groups for one in group["params"]]
            for index, values in kept["state"].items():
                for name, value in values.items():
                    values[name] = as_split(value, parameters[index])
            part.load_state_dict(kept)


def learning_rate(
    schedule: str, step: int, progress: float, *, warmup: int, decay_share: float, final: float
) -> float:
    """The share of the peak rate at a step.

    progress: of the whole run, in [0, 1]. wsd: warm-up, level, then linear fall over the last decay_share.
    cosine: warm-up, then half a cosine. Both end at ``final``. constant: after the warm-up nothing changes.
    """
    rise = min(1.0, (step + 1) / max(warmup, 1))
    if schedule == "constant":
        return rise
    if schedule == "cosine":
        return rise * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
    left = (1.0 - min(progress, 1.0)) / max(decay_share, 1e-9)
    return rise * max(final, min(1.0, left))
