"""Attention over whole sequences, and the interface through which a model calls the attention that it is
given.

Enters: queries, keys and values of shape (B, T, heads, head_dim). Leaves: the mixed values, same shape as the
queries. Always holds: a query head h reads key head h // (H / Hkv); the scale is head_dim ** -0.5.
"""

from __future__ import annotations

import inspect
from itertools import accumulate
from typing import Any, Protocol

import torch
from torch.nn import functional as F

from r1v.ops.select import packed_attention


class Attention(Protocol):
    """The attention that a language model calls once for each layer.

    layer: index from 0. q (B, T, H, head_dim), k and v (B, T, Hkv, head_dim), q and k after RoPE. Returns
    (B, T, H, head_dim). An engine stores k and v in its cache here and attends over that.
    """

    def __call__(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor: ...


def attention_reference(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Softmax attention written out, in float32.

    q (B, T, H, hd), k and v (B, S, Hkv, hd), mask bool (B, T, S) or (T, S): True where a query may look.
    Source: Vaswani et al. 2017, equation 1.
    """
    groups = q.shape[2] // k.shape[2]
    k, v = k.repeat_interleave(groups, dim=2), v.repeat_interleave(groups, dim=2)
    scores = torch.einsum("bthd,bshd->bhts", q.float(), k.float()) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~(mask if mask.dim() == 2 else mask.unsqueeze(1)), float("-inf"))
    return torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v.float()).to(q.dtype)


def attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    causal: bool = False,
) -> torch.Tensor:
    """As `attention_reference`, through torch's fused kernels. causal: lower triangle, without a mask."""
    groups = q.shape[2] // k.shape[2]
    if groups > 1 and (mask is not None or q.device.type != "cuda"):
        # torch's masked kernel on CUDA and its CPU kernel are fast only with as many key heads as query heads
        k, v = k.repeat_interleave(groups, dim=2), v.repeat_interleave(groups, dim=2)
        groups = 1
    if mask is not None and mask.dim() == 3:
        mask = mask.unsqueeze(1)
    mixed = F.scaled_dot_product_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
        attn_mask=mask, is_causal=causal, enable_gqa=groups > 1,
    )  # fmt: skip
    return mixed.transpose(1, 2)


def segment_mask(segment_ids: torch.Tensor) -> torch.Tensor:
    """bool (B, T, T) of segment_ids (B, T): True where key s <= query t and both have the same id."""
    length = segment_ids.shape[-1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=segment_ids.device).tril()
    return (segment_ids.unsqueeze(-1) == segment_ids.unsqueeze(-2)) & earlier


def segment_positions(segment_ids: torch.Tensor) -> torch.Tensor:
    """Positions int64 (B, T) that start from 0 in every run of equal segment_ids (B, T)."""
    index = torch.arange(segment_ids.shape[-1], device=segment_ids.device).expand_as(segment_ids)
    starts = torch.ones_like(segment_ids, dtype=torch.bool)
    starts[:, 1:] = segment_ids[:, 1:] != segment_ids[:, :-1]
    return index - torch.where(starts, index, 0).cummax(dim=-1).values


def varlen_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, ends: torch.Tensor, longest: int
) -> torch.Tensor:
    """Causal attention within the runs of one line, by torch's variable-length Flash kernel on a GPU.

    q (1, T, H, hd), k and v (1, T, Hkv, hd), in float16 or bfloat16. ends: int32 (runs + 1), from 0, where
    each run ends. longest: no run is longer.
    """
    from torch.nn.attention.varlen import varlen_attn

    shared = q.shape[2] // k.shape[2]
    grouped: dict[str, Any] = {}
    if shared > 1 and "enable_gqa" in inspect.signature(varlen_attn).parameters:
        grouped = {"enable_gqa": True}
    elif shared > 1:  # torch 2.11
        k, v = k.repeat_interleave(shared, dim=2), v.repeat_interleave(shared, dim=2)
    mixed = varlen_attn(
        q[0], k[0], v[0], ends, ends, longest, longest, window_size=(-1, 0), **grouped
    )  # fmt: skip
    assert isinstance(mixed, torch.Tensor)
    return mixed[None]


class CausalAttention:
    """Attention of training and of whole prompts: causal, within segments where they are given.

    segment_ids: (B, T) integers; a token sees itself and earlier tokens of the same id, so several samples
    can be packed in a row. Padding has an id of its own, -1 by convention. It sees only padding, and no other
    token sees it; its outputs are meaningless and are left out of the loss. Each segment of a single line is
    attended to by itself, which saves the work that a mask would discard: one after the other, or together by
    a kernel for such segments (`select.packed_attention`).
    """

    def __init__(self, segment_ids: torch.Tensor | None = None) -> None:
        self.lengths = None if segment_ids is None else _run_lengths(segment_ids)
        self.mask = None if segment_ids is None or self.lengths is not None else segment_mask(segment_ids)
        self.ends, self.longest = None, 0
        if self.lengths is not None and segment_ids is not None and segment_ids.device.type == "cuda":
            ends = torch.tensor([0, *accumulate(self.lengths)], dtype=torch.int32)
            self.ends = ends.to(segment_ids.device)
            # only few different values, so that compiled layers are reused
            self.longest = 1 << (max(self.lengths) - 1).bit_length()

    def __call__(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if self.lengths is None:
            return attention(q, k, v, self.mask, causal=self.mask is None)
        if self.ends is not None and packed_attention(v.device.type, v.dtype, v.shape[-1]).name == "varlen":
            return varlen_attention(q.to(v.dtype), k.to(v.dtype), v, self.ends, self.longest)
        runs = zip(*(part.split(self.lengths, dim=1) for part in (q, k, v)), strict=True)
        return torch.cat([attention(*run, causal=True) for run in runs], dim=1)


def _run_lengths(segment_ids: torch.Tensor) -> list[int] | None:
    """Lengths of the runs of a line (1, T), or None if an id occurs again after its run. On a GPU it waits
    for the device once in each pass."""
    if segment_ids.shape[0] != 1 or segment_ids.device.type not in ("cpu", "cuda"):
        return None
    ids, lengths = torch.unique_consecutive(segment_ids[0], return_counts=True)
    return lengths.tolist() if len(ids.unique()) == len(ids) else None
