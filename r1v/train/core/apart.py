"""What is trained, written as an adapter of the checkpoint that training started from.

Enters: a policy. Leaves: the folder ``adapter`` with adapters as pairs and other trained parameters whole.
Always holds: the starting checkpoint with this adapter is the whole checkpoint that the policy exports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from r1v.models.adapter import DOWN, UP, fingerprint, write_adapter
from r1v.train.core.distributed import whole
from r1v.train.core.four_bit import FourBitLinear
from r1v.train.core.lora import adapted_layers
from r1v.train.core.policy import PolicyModule


@torch.no_grad()
def export_adapter(policy: PolicyModule, folder: Path) -> None:
    """Write the adapter into a folder. All processes take part."""
    base = policy.base
    tensors: dict[str, torch.Tensor] = {}
    for name, module in adapted_layers(base).items():
        down, up = (whole(part["default"].weight).detach() for part in (module.lora_A, module.lora_B))
        tensors[f"{name}.weight{DOWN}"] = down.float().cpu()
        tensors[f"{name}.weight{UP}"] = (module.scaling["default"] * up.float()).cpu()
    for name, parameter in base.named_parameters():
        if parameter.requires_grad and ".lora_" not in name:
            tensors[name.replace(".base_layer.", ".")] = whole(parameter).detach().float().cpu()

    def starting(name: str) -> torch.Tensor:
        owner, _, leaf = name.rpartition(".")
        module: Any = base.get_submodule(owner)
        holder = module.base_layer if hasattr(module, "lora_A") else module
        if isinstance(holder, FourBitLinear) and leaf == "weight":
            return holder.weight()
        return whole(getattr(holder, leaf)).detach()

    printed = fingerprint(len(base.language.layers), starting)
    if policy.compute.world.first:
        write_adapter(folder, tensors, printed)
    policy.compute.world.barrier()
