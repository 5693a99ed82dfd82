"""Low-rank adapters (Hu et al. 2021) through peft: a few parameters learn beside frozen matrices.

Enters: a model, and the names of what gets adapters. Leaves: the model with adapters in place. Always holds:
new adapters do not change the model's output; their first values depend only on the seed and their names, not
on how the model is split.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from types import MethodType
from typing import Any

import torch
from torch import nn

from r1v.core import ConfigError
from r1v.models import R1V
from r1v.models.adapter import DOWN, UP, fingerprint, write_adapter
from r1v.train.core.distributed import World, first_row, local, whole
from r1v.train.core.four_bit import FourBitAdapter, FourBitLinear
from r1v.train.core.optim import components, fits


def add_adapters(model: R1V, names: Sequence[str], rank: int, alpha: int) -> None:
    """Put an adapter, without values yet, beside every linear layer of some components or patterns.

    The output matrix gets none, because losses use it directly. Which other parameters are trained does not
    change. ConfigError: peft is not installed, or a name fits no linear layer.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise ConfigError("model.lora needs peft, which is not installed: pip install 'r1v[train]'") from None
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    four_bit = dict[str, FourBitLinear]()
    prefix = {id(module): name for name, module in components(model).items()}
    layers = {}
    for part, component in model.named_children():
        for name, layer in component.named_modules():
            if isinstance(layer, FourBitLinear):
                four_bit[f"{part}.{name}"] = layer
            elif not isinstance(layer, nn.Linear) or f"{part}.{name}" == "language.head":
                continue
            layers[f"{part}.{name}"] = f"{prefix[id(component)]}.{name}"
    for wanted in names:
        if not any(fits(name, wanted) for name in layers.values()):
            raise ConfigError(
                f"model.lora holds {wanted!r}, which names no linear layer; a name is llm.layers.0.mlp.down"
            )
    targets = [place for place, name in layers.items() if any(fits(name, wanted) for wanted in names)]
    plain = [place for place in targets if place not in four_bit]
    if plain:
        settings = LoraConfig(r=rank, lora_alpha=alpha, target_modules=plain)
        inject_adapter_in_model(settings, model, low_cpu_mem_usage=True)
        for layer in adapted_layers(model).values():
            layer.forward = MethodType(_forward, layer)
    for parameter in trained:
        parameter.requires_grad_(True)
    for place in set(targets) & set(four_bit):
        owner, _, leaf = place.rpartition(".")
        setattr(model.get_submodule(owner), leaf, FourBitAdapter(four_bit[place], rank, alpha))


def _forward(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """The layer with its adapter, x (..., K) -> (..., N). The pair's product is added within its second
    product; peft's own forward pass widens x to the adapter's dtype and goes over the result three times."""
    result: torch.Tensor = layer.base_layer(x)
    if layer._disable_adapters:
        return result
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    inside = nn.functional.linear(x, down) * layer.scaling["default"]
    return torch.addmm(result.flatten(0, -2), inside.flatten(0, -2), up.T).view_as(result)


@torch.no_grad()
def start_adapters(model: nn.Module, seed: int) -> None:
    """Give adapters their first values, Kaiming-uniform down and zero up, whole or split."""
    for name, parameter in model.named_parameters():
        own = local(parameter)
        if ".lora_B." in name:
            own.zero_()
        elif ".lora_A." in name:
            generator = torch.Generator("cpu").manual_seed(Random(f"{seed}/{name}").getrandbits(62))
            bound = math.sqrt(1 / parameter.shape[1])  # kaiming_uniform_ with a = sqrt(5), as in peft
            values = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
            start = first_row(parameter)
            own.copy_(values[start : start + len(own)])


def adapted_layers(model: nn.Module) -> dict[str, Any]:
    """The layers that have adapters, by name."""
    return {name: module for name, module in model.named_modules() if hasattr(module, "lora_A")}


@contextlib.contextmanager
def adapters_off(model: nn.Module) -> Iterator[None]:
    """Inside this context the model computes without its adapters."""
    layers = list(adapted_layers(model).values())
    for layer in layers:
        layer._disable_adapters = True
    try:
        yield
    finally:
        for layer in layers:
            layer._disable_adapters = False


def starting_weight(base: R1V, name: str) -> torch.Tensor:
    """One of R1V's parameters without its adapter, gathered by all processes together."""
    owner, _, leaf = name.rpartition(".")
    module: Any = base.get_submodule(owner)
    holder = module.base_layer if hasattr(module, "lora_A") else module
    if isinstance(holder, FourBitLinear) and leaf == "weight":
        return holder.weight()
    return whole(getattr(holder, leaf)).detach()


@torch.no_grad()
def export_adapter(base: R1V, folder: Path, world: World) -> None:
    """Write what is trained as an adapter of the starting checkpoint, into ``adapter`` within a folder:
    pairs, and other parameters whole. All processes take part."""
    tensors: dict[str, torch.Tensor] = {}
    for name, module in adapted_layers(base).items():
        down, up = (whole(part["default"].weight).detach() for part in (module.lora_A, module.lora_B))
        tensors[f"{name}.weight{DOWN}"] = down.float().cpu()
        tensors[f"{name}.weight{UP}"] = (module.scaling["default"] * up.float()).cpu()
    for name, parameter in base.named_parameters():
        if parameter.requires_grad and ".lora_" not in name:
            tensors[name.replace(".base_layer.", ".")] = whole(parameter).detach().float().cpu()
    printed = fingerprint(len(base.language.layers), lambda name: starting_weight(base, name))
    if world.first:
        write_adapter(folder, tensors, printed)
    world.barrier()
