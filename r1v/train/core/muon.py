"""Muon (Jordan et al. 2024): momentum whose update is made orthogonal by a Newton-Schulz iteration.

`torch.optim.Muon` always iterates in bfloat16. On a CPU without bfloat16 instructions that is about a hundred
times slower than float32, so the type is chosen here. Otherwise the algorithm is the same (a test compares
both). A matrix that is split among processes is gathered for its iteration, a few matrices at a time. All
arithmetic here uses plain local tensors, not DTensor's dispatch.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, Shard

from r1v.train.core.distributed import first_row, local

# The quintic's coefficients, for a steep slope at zero (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5
GATHERED_BYTES = 1 << 28  # bytes of split matrices that are gathered at a time


def orthogonalise(matrices: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Matrices (k, m, n), each with all its singular values brought near 1; computed in ``dtype``, returned
    in it."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = (matrices.mT if tall else matrices).to(dtype)
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """For matrices only. Steps are scaled to AdamW's size, 0.2 * sqrt(longer side) (Liu et al. 2025).

    dtype: of the iteration. Matrices of one shape are iterated together, because on a GPU the launch of a
    small product costs more than the product.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        *,
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        assert closure is None, "a closure is not used"
        for group in self.param_groups:
            alike: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for shape, parameters in alike.items():
                split = any(isinstance(one, DTensor) for one in parameters)
                size = max(1, GATHERED_BYTES // (4 * shape.numel())) if split else len(parameters)
                for start in range(0, len(parameters), size):
                    self._update(parameters[start : start + size], group)

    def _update(self, parameters: list[torch.Tensor], group: dict[str, Any]) -> None:
        """Update parameters of one shape."""
        gradients = [local(one.grad) for one in parameters if one.grad is not None]
        buffers = [local(self._buffer(one)) for one in parameters]
        for buffer, gradient in zip(buffers, gradients, strict=True):
            buffer.lerp_(gradient, 1 - group["momentum"])
        nesterov = [g.lerp(b, group["momentum"]) for g, b in zip(gradients, buffers, strict=True)]
        straight = orthogonalise(gather_rows(nesterov, parameters[0]), self.dtype)
        size = group["lr"] * 0.2 * math.sqrt(max(parameters[0].shape))
        for parameter, update in zip(parameters, straight, strict=True):
            own, start = local(parameter), first_row(parameter)
            own.mul_(1 - group["lr"] * group["weight_decay"])
            own.add_(update[start : start + len(own)].to(own.dtype), alpha=-size)

    def _buffer(self, parameter: torch.Tensor) -> torch.Tensor:
        """A parameter's momentum, zero at first."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer: torch.Tensor = state["momentum_buffer"]
        return buffer


def gather_rows(shares: list[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """Whole matrices (k, m, n) of this process's rows of each; ``like``: one of the split parameters."""
    if not isinstance(like, DTensor):
        return torch.stack(shares)
    place = next(i for i, one in enumerate(like.placements) if isinstance(one, Shard))
    group, number = like.device_mesh.get_group(place), like.device_mesh.size(place)
    rows = -(-like.shape[0] // number)
    own = shares[0].new_zeros(len(shares), rows, like.shape[1])
    for each, share in zip(own, shares, strict=True):
        each[: len(share)].copy_(share)
    every = [torch.empty_like(own) for _ in range(number)]
    dist.all_gather(every, own, group=group)
    return torch.cat(every, 1)[:, : like.shape[0]]
