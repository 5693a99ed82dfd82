"""Log-probabilities of target tokens, computed without holding the logits of all of them at once.

Enters: hidden states and the output matrix. Leaves: one log-probability for each target, with a gradient.
Always holds: at most CHUNK_BYTES of float32 logits exist at a time, forward and backward; the logits of a
chunk are computed again in the backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

CHUNK_BYTES = 1 << 28


@dataclass(frozen=True)
class TokenScores:
    """For N targets: logprobs float32 (N,), at temperature 1 over the whole vocabulary, with a gradient;
    right bool (N,): whether the target is the most likely token; entropy float32 (N,) in nats, or None if it
    was not requested."""

    logprobs: torch.Tensor
    right: torch.Tensor
    entropy: torch.Tensor | None = None


def token_scores(
    hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, *, entropy: bool = False,
    chunk: int = 0,
) -> TokenScores:  # fmt: skip
    """hidden (N, D) after the final norm, weight (V, D), targets int64 (N,). chunk: rows at a time; 0: as
    many as CHUNK_BYTES hold. Products are in the autocast dtype, the softmax in float32."""
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
    rows = chunk or max(16, CHUNK_BYTES // (4 * weight.shape[0]))
    logprobs, right, spread = _Scores.apply(hidden, weight, targets, rows, dtype, entropy)
    return TokenScores(logprobs, right, spread if entropy else None)


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, rows: int,
        dtype: torch.dtype, entropy: bool,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
        number = len(targets)
        logprobs = hidden.new_empty(number, dtype=torch.float32)
        spread = hidden.new_zeros(number if entropy else 0, dtype=torch.float32)
        right = torch.empty(number, dtype=torch.bool, device=hidden.device)
        with torch.autocast(hidden.device.type, enabled=False):
            matrix = weight.to(dtype)
            for start in range(0, number, rows):
                part = slice(start, min(start + rows, number))
                logits = (hidden[part].to(dtype) @ matrix.T).float()
                total = logits.logsumexp(-1)
                logprobs[part] = logits.gather(1, targets[part, None]).squeeze(1) - total
                right[part] = logits.argmax(-1) == targets[part]
                if entropy:
                    spread[part] = total - (torch.softmax(logits, -1) * logits).sum(-1)
        ctx.save_for_backward(hidden, weight, targets)
        ctx.rows, ctx.dtype = rows, dtype
        ctx.mark_non_differentiable(right, spread)
        return logprobs, right, spread

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor, *_: Any) -> tuple[Any, ...]:
        hidden, weight, targets = ctx.saved_tensors
        need_hidden, need_weight = ctx.needs_input_grad[:2]
        to_hidden = torch.zeros_like(hidden) if need_hidden else None
        to_weight = torch.zeros(weight.shape, device=weight.device) if need_weight else None
        with torch.autocast(hidden.device.type, enabled=False):
            matrix = weight.to(ctx.dtype)
            for start in range(0, len(targets), ctx.rows):
                part = slice(start, min(start + ctx.rows, len(targets)))
                inputs = hidden[part].to(ctx.dtype)
                slope = torch.softmax((inputs @ matrix.T).float(), -1).mul_(-gradient[part, None])
                slope.scatter_add_(1, targets[part, None], gradient[part, None])
                slope = slope.to(ctx.dtype)
                if to_hidden is not None:
                    to_hidden[part] = (slope @ matrix).to(hidden.dtype)
                if to_weight is not None:
                    to_weight += slope.T @ inputs
        if to_weight is not None:
            to_weight = to_weight.to(weight.dtype)
        return to_hidden, to_weight, None, None, None, None
