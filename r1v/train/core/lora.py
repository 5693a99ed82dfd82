"""Low-rank adapters (Hu et al. 2021) through peft: a few parameters learn beside frozen matrices.

Enters: a model, and the names of what gets adapters. Leaves: the model with adapters in place; its plain twin
with the adapters added in. Always holds: new adapters change nothing; their start follows from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from r1v.core import ConfigError
from r1v.models import R1V
from r1v.models.checkpoint import build_empty
from r1v.train.core.distributed import whole
from r1v.train.core.optim import components, fits


def add_adapters(model: R1V, names: Sequence[str], rank: int, alpha: int, seed: int) -> None:
    """Put an adapter beside every linear layer of some components, or beside those that patterns name.

    Changes nothing about which other parameters are trained. ConfigError: peft is not installed, or a name
    fits no linear layer.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise ConfigError("lora needs peft, which is not installed: pip install 'r1v[train]'") from None
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    prefix = {id(module): name for name, module in components(model).items()}
    layers = {}
    for part, component in model.named_children():
        for name, layer in component.named_modules():
            if isinstance(layer, nn.Linear):
                layers[f"{part}.{name}"] = f"{prefix[id(component)]}.{name}"
    for wanted in names:
        if not any(fits(name, wanted) for name in layers.values()):
            raise ConfigError(
                f"lora holds {wanted!r}, which fits no linear layer, e.g. llm.layers.0.mlp.down"
            )
    targets = [place for place, name in layers.items() if any(fits(name, wanted) for wanted in names)]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets), model)
    for parameter in trained:
        parameter.requires_grad_(True)


def plain(model: R1V) -> R1V:
    """The same model without adapters and in one piece: their product is added to the matrices, shares of
    other processes are gathered (by all processes together). Parameters are copied only where need be."""
    values: dict[str, torch.Tensor] = {}
    for name, value in model.state_dict().items():
        if ".lora_" not in name:
            values[name.replace(".base_layer.", ".")] = whole(value).detach()
    layers: list[tuple[str, Any]] = [(n, m) for n, m in model.named_modules() if hasattr(m, "lora_A")]
    for name, layer in layers:
        down, up = (whole(part["default"].weight).detach() for part in (layer.lora_A, layer.lora_B))
        values[f"{name}.weight"] = values[f"{name}.weight"] + layer.scaling["default"] * (up @ down)
    twin = build_empty(model.config)
    twin.load_state_dict(values, assign=True)
    return twin
