"""Parameter groups, optimisers and schedules, shared by all stages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor

from r1v.core import ConfigError
from r1v.models import R1V
from r1v.train.core.config import OptimConfig
from r1v.train.core.distributed import local
from r1v.train.core.four_bit import four_bit_layers
from r1v.train.core.muon import Muon

COMPONENT = {"vision": "vision", "projector": "projector", "language": "llm"}  # ours -> configurations' name


@dataclass(frozen=True)
class GroupReport:
    """The number of trained parameters of one component."""

    component: str
    trained: int
    total: int


def components(model: R1V) -> dict[str, nn.Module]:
    """The parts of a model by the names that configurations use; a language model alone is one part."""
    found = {"vision": model.vision, "projector": model.projector, "llm": model.language}
    return {name: part for name, part in found.items() if part is not None}


def fits(name: str, wanted: str) -> bool:
    """Whether ``wanted``, a component or a pattern like ``llm.layers.*.mlp.*``, matches a parameter's
    name."""
    return name.partition(".")[0] == wanted or fnmatchcase(name, wanted)


def select(modules: dict[str, nn.Module], wanted: Sequence[str]) -> None:
    """Let the parameters of some components train, or those that patterns name, and freeze the others.

    modules: component -> its module. Tower and projector are ignored for a language model alone, because
    stages name them by default. ConfigError: an entry that matches no parameter.
    """
    wanted = [one for one in wanted if one in modules or one not in ("vision", "projector")]
    named = {f"{c}.{name}": p for c, module in modules.items() for name, p in module.named_parameters()}
    for one in wanted:
        if not any(fits(name, one) for name in named):
            raise ConfigError(
                f"model.train holds {one!r}, which names no parameter; components: {', '.join(modules)}"
            )
    for name, parameter in named.items():
        parameter.requires_grad_(any(fits(name, one) for one in wanted))


def count(modules: dict[str, nn.Module]) -> list[GroupReport]:
    """How much of each component is trained."""
    reports = []
    for name, module in modules.items():
        sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
        # the record of a 4-bit layer is smaller than the weights that it holds
        sizes += [(n.rows * n.columns - n.record.numel(), False) for n in four_bit_layers(module).values()]
        reports.append(GroupReport(name, sum(n for n, on in sizes if on), sum(n for n, _ in sizes)))
    return reports


def rate_of(name: str, config: OptimConfig) -> float:
    """The peak rate of a parameter by its name: that of the adapters, of its component, or of all."""
    if ".lora_" in name and "lora" in config.rates:
        return config.rates["lora"]
    component = next((COMPONENT[part] for part in name.split(".") if part in COMPONENT), "")
    return config.rates.get(component, config.lr)


class Optimizer:
    """AdamW, with Muon for the matrices of the transformer blocks where muon_lr is not 0.

    Muon (Jordan et al. 2024) is scaled to AdamW's step size, 0.2 * sqrt(longer side) (Liu et al. 2025).
    Norms, biases, embeddings, positions, adapters and the output head stay with AdamW; only matrices decay.
    optim.on_cpu: AdamW's moments are there, with a copy of the weights; a step fetches gradients and brings
    the weights back.
    bf16: Muon iterates in bfloat16; otherwise in float32 on every device, so that a run without bf16 gives
    the same numbers on processors with and without bf16 instructions.
    """

    def __init__(self, model: nn.Module, config: OptimConfig, *, bf16: bool = False) -> None:
        self.config = config
        self.names: dict[int, str] = {}
        self.twins: dict[str, tuple[nn.Parameter, HostTwin]] = {}
        hidden: list[nn.Parameter] = []
        others: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            held = parameter
            if config.on_cpu:
                twin = HostTwin(parameter)
                self.twins[name], held = (parameter, twin), twin.value
            self.names[id(held)] = name
            if config.muon_lr and parameter.ndim == 2 and ".layers." in name and ".lora_" not in name:
                hidden.append(held)
            else:
                decay = config.weight_decay if parameter.ndim >= 2 else 0.0
                others.setdefault((rate_of(name, config), decay), []).append(held)
        self.parts: list[torch.optim.Optimizer] = []
        if others:
            groups = [{"params": p, "lr": lr, "weight_decay": decay} for (lr, decay), p in others.items()]
            fused = config.on_cpu or next(iter(others.values()))[0].is_cuda
            self.parts.append(
                torch.optim.AdamW(groups, betas=(config.betas[0], config.betas[1]), fused=fused or None)
            )
        if hidden:
            dtype = torch.bfloat16 if bf16 else torch.float32
            self.parts.append(Muon(hidden, lr=config.muon_lr, weight_decay=config.weight_decay, dtype=dtype))
        self._peak = [[group["lr"] for group in part.param_groups] for part in self.parts]

    def step(self, rate: float) -> None:
        """One update at a share of the peak learning rate. The gradients are dropped afterwards."""
        for parameter, twin in self.twins.values():
            twin.take_gradient(parameter)
        for part, peaks in zip(self.parts, self._peak, strict=True):
            for group, peak in zip(part.param_groups, peaks, strict=True):
                group["lr"] = peak * rate
            part.step()
            part.zero_grad(set_to_none=True)
        for parameter, twin in self.twins.values():
            twin.give_value(parameter)

    def _parameters(self) -> Iterator[tuple[torch.optim.Optimizer, nn.Parameter, str]]:
        for part in self.parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    yield part, parameter, self.names[id(parameter)]

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint keeps, by ``optimizer/PARAMETER/NAME``; split as the parameters are."""
        found = dict[str, torch.Tensor]()
        for part, parameter, name in self._parameters():
            for kind, value in part.state.get(parameter, {}).items():
                twin = self.twins.get(name)
                split = twin[1].split(value) if twin and value.ndim else value
                found[f"optimizer/{name}/{kind}"] = split
        return found

    def empty_state(self, kept: Sequence[str]) -> dict[str, torch.Tensor]:
        """Empty tensors into which the saved ones of these names are read."""
        wanted, found = set(kept), dict[str, torch.Tensor]()
        for _, parameter, name in self._parameters():
            for kind in ("step", "exp_avg", "exp_avg_sq", "momentum_buffer"):
                key = f"optimizer/{name}/{kind}"
                if key in wanted and kind == "step":
                    found[key] = torch.tensor(0.0)
                elif key in wanted:
                    empty, twin = torch.zeros_like(parameter), self.twins.get(name)
                    found[key] = twin[1].split(empty) if twin else empty
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Continue from a saved state, with the weights that the model has now."""
        for parameter, twin in self.twins.values():
            twin.take_value(parameter)
        for part, parameter, name in self._parameters():
            prefix = f"optimizer/{name}/"
            found: dict[str, Any] = {
                key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
            }
            if name in self.twins:
                found = {kind: local(value) for kind, value in found.items()}
            if "step" in found and part.param_groups[0].get("fused"):
                found["step"] = found["step"].to(parameter.device)
            if found:
                part.state[parameter] = found


class HostTwin:
    """This process's rows of a parameter on the CPU, where AdamW makes its step. That is possible because
    AdamW treats each number separately. value: float32, in page-locked memory beside a GPU."""

    def __init__(self, parameter: nn.Parameter) -> None:
        own = local(parameter.data)
        self.value = nn.Parameter(_host(own))
        self._gradient = _host(own)
        self._like = parameter.data
        mesh = parameter.data.device_mesh if isinstance(parameter.data, DTensor) else None
        if mesh is not None and mesh.device_type != "cpu":
            mesh = _cpu_mesh(mesh)
        self._mesh = mesh
        self.take_value(parameter)

    @torch.no_grad()
    def take_value(self, parameter: nn.Parameter) -> None:
        """Copy the parameter's present weights."""
        self.value.copy_(local(parameter.data))

    @torch.no_grad()
    def take_gradient(self, parameter: nn.Parameter) -> None:
        """Copy the parameter's gradient, and drop it there."""
        if parameter.grad is None:
            self.value.grad = None
            return
        self.value.grad = self._gradient.copy_(local(parameter.grad))
        parameter.grad = None

    @torch.no_grad()
    def give_value(self, parameter: nn.Parameter) -> None:
        """Copy the weights to the parameter after a step."""
        local(parameter.data).copy_(self.value)

    def split(self, rows: torch.Tensor) -> torch.Tensor:
        """This process's rows as a part of the tensor that all processes hold together, as checkpoints need
        it."""
        if self._mesh is None:
            return rows
        like = self._like
        assert isinstance(like, DTensor)
        return DTensor.from_local(
            rows, self._mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
        )


def _host(like: torch.Tensor) -> torch.Tensor:
    return torch.empty(like.shape, dtype=torch.float32, device="cpu", pin_memory=like.is_cuda)


@cache
def _cpu_mesh(mesh: DeviceMesh) -> DeviceMesh:
    """The mesh of the same processes for tensors on the CPU."""
    return init_device_mesh("cpu", tuple(mesh.shape), mesh_dim_names=mesh.mesh_dim_names)


def learning_rate(config: OptimConfig, step: int, progress: float) -> float:
    """The share of the peak rate at a step.

    progress: of the whole run, in [0, 1]. wsd: warm-up, level, then linear fall over the last decay_share.
    cosine: warm-up, then half a cosine. Both end at ``final_lr_share``. constant: after the warm-up nothing
    changes.
    """
    rise, final = min(1.0, (step + 1) / max(config.warmup_steps, 1)), config.final_lr_share
    if config.schedule == "constant":
        return rise
    if config.schedule == "cosine":
        return rise * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
    left = (1.0 - min(progress, 1.0)) / max(config.decay_share, 1e-9)
    return rise * max(final, min(1.0, left))
