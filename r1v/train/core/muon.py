"""Muon (Jordan et al. 2024): momentum whose update is made orthogonal by a Newton-Schulz iteration.

`torch.optim.Muon` iterates in bfloat16 whatever the device; where a CPU has no bfloat16 instructions that is
about a hundred times slower than float32, so the type is chosen here. Else it is the same (a test compares).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

from r1v.train.core.distributed import split_like, whole

# The quintic's coefficients, for a steep slope at zero (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


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

    dtype: of the iteration. Matrices of one shape are iterated together: on a GPU each launch of a small
    product costs more than the product.
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
        """One update of every parameter that has a gradient."""
        assert closure is None, "a closure is not used"
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[torch.Tensor, torch.Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append((parameter, parameter.grad))
            for shape, pairs in alike.items():
                parameters, gradients = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
                buffers = [self._buffer(parameter) for parameter in parameters]
                torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
                nesterov = torch._foreach_lerp(gradients, buffers, group["momentum"])
                # what is split among processes is made orthogonal in one piece, in each of them
                pieces = torch.stack([whole(one) for one in nesterov])
                straight = orthogonalise(pieces, self.dtype).to(parameters[0].dtype).unbind()
                updates = [split_like(u, p) for u, p in zip(straight, parameters, strict=True)]
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(parameters, updates, alpha=-group["lr"] * 0.2 * math.sqrt(max(shape)))

    def _buffer(self, parameter: torch.Tensor) -> torch.Tensor:
        """A parameter's momentum, zero at first."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer: torch.Tensor = state["momentum_buffer"]
        return buffer
