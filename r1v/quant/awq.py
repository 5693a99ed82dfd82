"""Activation-aware scales and clipping for one decoder layer (Lin et al. 2023, section 3.2).

Enters: a layer in float32 and what its linear layers see. Leaves: the same layer, with the same function and
with weights that lose less when they are rounded. Always holds: without rounding and clipping the layer's
outputs are unchanged.

Input channels with large activations matter most, so their weights are scaled up before rounding, and
what feeds them (a norm, v, or up) is scaled down by as much. The scale is s = s_x^a / s_w^(1 - a) with s_x
the mean activation, s_w the mean weight within its group, and a from a grid, chosen by the error of the
outputs. Clipping, where it is asked for, then narrows each group's range where that lowers the error of its
outputs. It fits the weights to the calibration texts: on other texts of a real model it lost what the scales
had gained (docs/measurements/real-text.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from r1v.models.language import LanguageLayer
from r1v.ops.rounding import LEVELS, group_grid, round_trip

NUM_SHRINKS = 10
SMALLEST_SHRINK = 0.5
MAX_COPIED = 1 << 21  # weights


@dataclass(frozen=True, slots=True)
class LayerInputs:
    """The inputs of a layer's linear layers qkv, out, gate_up and down, each float32 (tokens, K)."""

    qkv: torch.Tensor
    out: torch.Tensor
    gate_up: torch.Tensor
    down: torch.Tensor


@dataclass(frozen=True, slots=True)
class ScaleChoice:
    """The ratio that was chosen for a linear layer, and its mean squared output error: with plain rounding,
    with the scales, relative to the mean square of the outputs."""

    name: str
    ratio: float
    plain_error: float
    scaled_error: float


@torch.no_grad()
def search_layer(
    layer: LanguageLayer, seen: LayerInputs, group_size: int, num_ratios: int, clipping: bool = False
) -> list[ScaleChoice]:
    """Scale a layer in place, and clip it. Returns what was chosen."""
    attention, mlp = layer.attention, layer.mlp
    heads, kv_heads, head_dim = *attention.heads, attention.head_dim
    choices = []

    ratio, scales, errors = _search(attention.qkv.weight, seen.qkv, group_size, num_ratios)
    _scale_columns(attention.qkv.weight, scales)
    layer.attention_norm.weight.div_(scales)
    choices.append(ScaleChoice("qkv", ratio, *errors))

    def shared(values: torch.Tensor) -> torch.Tensor:  # query heads of a group read the same row of v
        means = values.view(kv_heads, heads // kv_heads, head_dim).mean(1, keepdim=True)
        return means.expand(-1, heads // kv_heads, -1).reshape(-1)

    ratio, scales, errors = _search(attention.out.weight, seen.out, group_size, num_ratios, share=shared)
    _scale_columns(attention.out.weight, scales)
    rows = scales.view(kv_heads, -1, head_dim)[:, 0].reshape(-1)
    first = (heads + kv_heads) * head_dim
    attention.qkv.weight[first:].div_(rows.unsqueeze(1))
    if attention.qkv.bias is not None:
        attention.qkv.bias[first:].div_(rows)
    out_scales = scales
    choices.append(ScaleChoice("out", ratio, *errors))

    def gated(gate_up: torch.Tensor) -> torch.Tensor:  # before down changes
        gate, up = gate_up.chunk(2, dim=-1)
        return F.linear(F.silu(gate) * up, mlp.down.weight)

    ratio, scales, errors = _search(mlp.gate_up.weight, seen.gate_up, group_size, num_ratios, gated)
    _scale_columns(mlp.gate_up.weight, scales)
    layer.mlp_norm.weight.div_(scales)
    gate_up_scales = scales
    choices.append(ScaleChoice("gate_up", ratio, *errors))

    ratio, scales, errors = _search(mlp.down.weight, seen.down, group_size, num_ratios)
    _scale_columns(mlp.down.weight, scales)
    mlp.gate_up.weight[mlp.gate_up.weight.shape[0] // 2 :].div_(scales.unsqueeze(1))
    choices.append(ScaleChoice("down", ratio, *errors))

    if (
        clipping
    ):  # q and k are multiplied with each other, where it was found to hurt (Lin et al., their code)
        clip(attention.out.weight, seen.out / out_scales, group_size)
        clip(mlp.gate_up.weight, seen.gate_up / gate_up_scales, group_size)
        clip(mlp.down.weight, seen.down / scales, group_size)
    return choices


def _search(
    weight: torch.Tensor,
    x: torch.Tensor,
    group_size: int,
    num_ratios: int,
    after: Callable[[torch.Tensor], torch.Tensor] = lambda products: products,
    share: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> tuple[float, torch.Tensor, tuple[float, float]]:
    """The best ratio, its scales (K,), and the relative errors without and with them. after: maps the
    products of x and the weight to the values whose error is measured. share: makes values equal that have to
    use the same scale.
    """
    expected = after(F.linear(x, weight))
    size = float(expected.square().mean().clamp(min=1e-20))
    activation = x.abs().mean(0)
    groups = weight.abs().unflatten(1, (-1, group_size))
    importance = (groups / groups.amax(-1, keepdim=True).clamp(min=1e-12)).flatten(1).mean(0)
    if share is not None:
        activation, importance = share(activation), share(importance)
    best_ratio, best_scales, best = 0.0, torch.ones_like(activation), float("inf")

    def error_with(scales: torch.Tensor) -> float:
        return float((after(_rounded_products(x, weight, scales, group_size)) - expected).square().mean())

    plain = error_with(torch.ones_like(activation))
    for step in range(num_ratios):
        ratio = step / num_ratios
        scales = (activation.pow(ratio) / (importance.pow(1 - ratio) + 1e-4)).clamp(min=1e-4)
        scales = scales / (scales.max() * scales.min()).sqrt()
        error = error_with(scales)
        if error < best:
            best_ratio, best_scales, best = ratio, scales, error
    if plain <= best:
        return 0.0, torch.ones_like(activation), (plain / size, plain / size)
    return best_ratio, best_scales, (plain / size, best / size)


def _rounded_products(
    x: torch.Tensor, weight: torch.Tensor, scales: torch.Tensor, group_size: int
) -> torch.Tensor:
    """x (tokens, K) times the weight (N, K) that was rounded with its columns scaled: (tokens, N). A few rows
    at a time: copies of a large weight would not stay in a processor's cache."""
    rows = max(1, MAX_COPIED // weight.shape[1])
    parts = [F.linear(x, round_trip(part * scales, group_size).div_(scales)) for part in weight.split(rows)]
    return torch.cat(parts, dim=-1)


def _scale_columns(weight: torch.Tensor, scales: torch.Tensor) -> None:
    weight.mul_(scales)


def clip(weight: torch.Tensor, x: torch.Tensor, group_size: int) -> None:
    """Narrow the range of each group of weight (N, K) in place, where the outputs for x (tokens, K) gain.

    The error of a group's part of the outputs is d G d^T, with d the change of its weights and G the second
    moments of its inputs: tokens are summed up once, whatever their number.
    """
    for start in range(0, weight.shape[1], group_size):
        inputs = x[:, start : start + group_size]
        moments = inputs.T @ inputs / inputs.shape[0]
        for rows in weight[:, start : start + group_size].split(16384):
            low, high = rows.amin(1, keepdim=True), rows.amax(1, keepdim=True)
            best = torch.full_like(low, float("inf"))
            best_shrink = torch.ones_like(low)
            for step in range(NUM_SHRINKS):
                shrink = 1 - (1 - SMALLEST_SHRINK) * step / NUM_SHRINKS
                scales, zeros = group_grid(rows, low * shrink, high * shrink)
                change = (
                    rows.div(scales)
                    .round_()
                    .add_(zeros)
                    .clamp_(0, LEVELS)
                    .sub_(zeros)
                    .mul_(scales)
                    .sub_(rows)
                )
                error = (change @ moments).mul_(change).sum(1, keepdim=True)
                better = error < best
                best = torch.where(better, error, best)
                best_shrink = torch.where(better, torch.full_like(low, shrink), best_shrink)
            rows.copy_(torch.minimum(torch.maximum(rows, low * best_shrink), high * best_shrink))
