"""The decode step of a CUDA device, a few rows at a time: Triton kernels that fuse what surrounds a product.

Enters: hidden states (B, D) of one new token per sequence. Leaves: the same after a product, an attention, a
layer. Always holds: sums are float32; each kernel computes what the modules of `models` compute, and a test
compares the two.

At batch 1, the time of a step is that of reading its weights plus the gaps between kernels. Therefore the
norm before a product, the gate after it and the residual around it run inside the product's own kernel, and
rotation and cache writes inside attention. From two rows on the products are cuBLAS's, with the rest fused
around them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch.nn import functional as F
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from r1v.ops.cuda.paged import scan

GEMV_MAX_ROWS = 1  # cuBLAS is as fast from two rows on


@cache
def early(device: torch.device) -> dict[str, Any]:
    """Arguments of a launch that may begin before the previous kernel has ended, if the device supports it;
    such a kernel reads nothing before `gdc_wait`."""
    starts_early = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (9, 0)
    return {"EARLY": True, "launch_pdl": True} if starts_early else {"EARLY": False}


@triton.jit
def _gemv(  # type: ignore[no-untyped-def]
    x, norm, weight, scales, bias, residual, out, num_out, width, eps,
    NORM: tl.constexpr, GATED: tl.constexpr, BIAS: tl.constexpr, RESIDUAL: tl.constexpr, SCALED: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, EVEN: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """out = norm(x) @ weight.T + bias + residual; GATED: silu of the first half of the outputs times the
    second. The norm's factor is one number, so it is multiplied in at the end."""
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = rows < num_out
    at = rows.to(tl.int64)[:, None] * width
    sums = tl.zeros([ROWS, BLOCK], tl.float32)
    gated = tl.zeros([ROWS, BLOCK], tl.float32)
    squares = tl.zeros([1, BLOCK], tl.float32)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)[None, :]
        known = columns < width
        if EVEN:
            value = tl.load(x + columns).to(tl.float32)
            part = tl.load(weight + at + columns, mask=inside[:, None], other=0.0)
        else:
            value = tl.load(x + columns, mask=known, other=0.0).to(tl.float32)
            part = tl.load(weight + at + columns, mask=inside[:, None] & known, other=0.0)
        if NORM:
            squares += value * value
            if EVEN:  # without a mask these are wide loads
                value *= tl.load(norm + columns).to(tl.float32)
            else:
                value *= tl.load(norm + columns, mask=known, other=0.0).to(tl.float32)
        sums += part.to(tl.float32) * value
        if GATED:
            second = weight + num_out.to(tl.int64) * width + at + columns
            if EVEN:
                part = tl.load(second, mask=inside[:, None], other=0.0)
            else:
                part = tl.load(second, mask=inside[:, None] & known, other=0.0)
            gated += part.to(tl.float32) * value
    total = tl.sum(sums, 1)
    factor = 1.0
    if NORM:
        factor = 1.0 / tl.sqrt(tl.sum(squares) / width + eps)
        total *= factor
    if SCALED:
        total *= tl.load(scales + rows, mask=inside, other=0.0)
    if BIAS:
        total += tl.load(bias + rows, mask=inside, other=0.0).to(tl.float32)
    if GATED:
        second_total = tl.sum(gated, 1) * factor
        if SCALED:
            second_total *= tl.load(scales + num_out + rows, mask=inside, other=0.0)
        total = total * tl.sigmoid(total) * second_total
    if RESIDUAL:
        total += tl.load(residual + rows, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + rows, total.to(out.dtype.element_ty), mask=inside)


def gemv(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    norm: tuple[torch.Tensor, float] | None = None,
    gated: bool = False,
    residual: torch.Tensor | None = None,
    scales: torch.Tensor | None = None,
    out_dtype: torch.dtype | None = None,
    rows: int | None = None,
    num_warps: int = 4,
) -> torch.Tensor:
    """One row x (1, K) times weight (N, K), as `_gemv` says: (1, N), or (1, N / 2) where gated.

    norm: the weight (K,) and epsilon of an RMSNorm of x. bias (N,) goes without gated. scales: float32 (N,)
    that outputs are multiplied by before all else. rows: outputs of one program.
    """
    num_out, width = weight.shape
    num_out = num_out // 2 if gated else num_out
    out = x.new_empty(1, num_out, dtype=out_dtype or x.dtype)
    block = num_warps * 256
    rows = rows or (1 if gated else 2)  # more spill registers: 2.4 to 4.2 TB/s instead of 3.6 to 4.5 (H200)
    nothing = x
    _gemv[(triton.cdiv(num_out, rows),)](
        x, norm[0] if norm else nothing, weight, nothing if scales is None else scales,
        nothing if bias is None else bias,
        nothing if residual is None else residual, out, num_out, width, norm[1] if norm else 0.0,
        NORM=norm is not None, GATED=gated, BIAS=bias is not None, RESIDUAL=residual is not None,
        SCALED=scales is not None,
        ROWS=rows, BLOCK=block, EVEN=width % block == 0, num_warps=num_warps, **early(x.device),
    )  # fmt: skip
    return out


@triton.jit
def _norm_rows(x, weight, out, width, eps, WIDTH: tl.constexpr, EARLY: tl.constexpr):  # type: ignore[no-untyped-def]
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, WIDTH)
    known = columns < width
    value = tl.load(x + row * width + columns, mask=known, other=0.0).to(tl.float32)
    value *= 1.0 / tl.sqrt(tl.sum(value * value) / width + eps)
    value *= tl.load(weight + columns, mask=known, other=0.0).to(tl.float32)
    tl.store(out + row * width + columns, value.to(out.dtype.element_ty), mask=known)


def norm_rows(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """RMSNorm of x (B, D), in one kernel."""
    out = torch.empty_like(x)
    width = x.shape[1]
    block = triton.next_power_of_2(width)
    _norm_rows[(x.shape[0],)](
        x, weight, out, width, eps, WIDTH=block, num_warps=8 if block > 2048 else 4, **early(x.device)
    )
    return out


@triton.jit
def _gate_rows(x, out, width, BLOCK: tl.constexpr, EARLY: tl.constexpr):  # type: ignore[no-untyped-def]
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    known = columns < width
    gate = tl.load(x + row * 2 * width + columns, mask=known, other=0.0).to(tl.float32)
    up = tl.load(x + row * 2 * width + width + columns, mask=known, other=0.0).to(tl.float32)
    tl.store(out + row * width + columns, (gate * tl.sigmoid(gate) * up).to(out.dtype.element_ty), mask=known)


def gate_rows(x: torch.Tensor) -> torch.Tensor:
    """silu of the first half of each row of x (B, 2 D) times the second: (B, D)."""
    width = x.shape[1] // 2
    out = x.new_empty(x.shape[0], width)
    _gate_rows[(x.shape[0], triton.cdiv(width, 1024))](
        x, out, width, BLOCK=1024, num_warps=4, **early(x.device)
    )
    return out


# -------------------------------------------------------------------------------------------------- attention


@triton.jit
def _attend(  # type: ignore[no-untyped-def]
    qkv, q_norm, k_norm, cosines, sines, keys, values, tables, lengths, slots, parts, sums, scale, eps,
    table_width, num_kv_heads, num_splits,
    NORM: tl.constexpr, GROUP: tl.constexpr, ROWS: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr,
    PAGE: tl.constexpr, BLOCK: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """One new token of one sequence, GROUP query heads, one part of the context: rotate, attend, and in the
    first part store the token's own key and value. In one piece: what one step leaves in registers the next
    one uses."""
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    sequence, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    HALF: tl.constexpr = DIM // 2
    kind = keys.dtype.element_ty
    context = tl.load(lengths + sequence) - 1  # tokens already in the cache
    rows, dims = tl.arange(0, ROWS), tl.arange(0, WIDTH)
    num_heads = num_kv_heads * GROUP
    row_at = sequence.to(tl.int64) * (num_heads + 2 * num_kv_heads) * DIM
    used = dims < DIM
    partner = tl.where(dims < HALF, dims + HALF, dims - HALF)
    cosine = tl.load(cosines + sequence * HALF + dims % HALF, mask=used, other=0.0)
    sine = tl.load(sines + sequence * HALF + dims % HALF, mask=used, other=0.0)
    sine = tl.where(dims < HALF, -sine, sine)
    head_at = row_at + (head * GROUP + rows[:, None]) * DIM
    inside = (rows[:, None] < GROUP) & used[None, :]
    query = tl.load(qkv + head_at + dims[None, :], mask=inside, other=0.0).to(tl.float32)
    turned = tl.load(qkv + head_at + partner[None, :], mask=inside, other=0.0).to(tl.float32)
    if NORM:
        factor = 1.0 / tl.sqrt(tl.sum(query * query, 1) / DIM + eps)[:, None]
        query *= factor * tl.load(q_norm + dims, mask=used, other=0.0).to(tl.float32)[None, :]
        turned *= factor * tl.load(q_norm + partner, mask=used, other=0.0).to(tl.float32)[None, :]
    query = (query * cosine[None, :] + turned * sine[None, :]).to(kind)

    best = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    mixed = tl.zeros([ROWS, WIDTH], tl.float32)
    if split == 0:
        key_at = row_at + (num_heads + head) * DIM
        key = tl.load(qkv + key_at + dims, mask=used, other=0.0).to(tl.float32)
        turned_key = tl.load(qkv + key_at + partner, mask=used, other=0.0).to(tl.float32)
        if NORM:
            key_factor = 1.0 / tl.sqrt(tl.sum(key * key, 0) / DIM + eps)
            key *= key_factor * tl.load(k_norm + dims, mask=used, other=0.0).to(tl.float32)
            turned_key *= key_factor * tl.load(k_norm + partner, mask=used, other=0.0).to(tl.float32)
        new_key = (key * cosine + turned_key * sine).to(kind)
        new_value = tl.load(qkv + key_at + num_kv_heads * DIM + dims, mask=used, other=0.0).to(kind)
        at = (tl.load(slots + sequence) * num_kv_heads + head) * DIM + dims
        tl.store(keys + at, new_key, mask=used)
        tl.store(values + at, new_value, mask=used)
        best = tl.sum(query.to(tl.float32) * new_key.to(tl.float32)[None, :], 1) * scale
        total += 1.0
        mixed += new_value.to(tl.float32)[None, :]

    per_split = tl.cdiv(tl.cdiv(context, num_splits), BLOCK) * BLOCK
    first = split * per_split
    last = tl.minimum(first + per_split, context)
    best, total, mixed = scan(
        query, keys, values, tables + sequence.to(tl.int64) * table_width, first, last, best, total, mixed,
        scale, num_kv_heads, head, DIM, WIDTH, PAGE, BLOCK,
    )  # fmt: skip
    out = (sequence * num_heads + head * GROUP + rows) * num_splits + split
    safe = tl.where(total > 0, total, 1.0)
    tl.store(parts + out[:, None] * DIM + dims[None, :], mixed / safe[:, None], mask=inside)
    tl.store(sums + out, tl.where(total > 0, best + tl.log(safe), float("-inf")), mask=rows < GROUP)


@triton.jit
def _merge(  # type: ignore[no-untyped-def]
    parts, sums, out, num_splits, DIM: tl.constexpr, WIDTH: tl.constexpr, SPLITS: tl.constexpr,
    EARLY: tl.constexpr,
):  # fmt: skip
    """Attention over the whole context from that over its parts, by their log-sum-exp."""
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    head = tl.program_id(0)
    splits, dims = tl.arange(0, SPLITS), tl.arange(0, WIDTH)
    there = splits < num_splits
    sizes = tl.load(sums + head * num_splits + splits, mask=there, other=float("-inf"))
    weights = tl.exp(sizes - tl.max(sizes, 0))
    weights /= tl.sum(weights, 0)
    at = (head * num_splits + splits[:, None]) * DIM + dims[None, :]
    found = tl.load(parts + at, mask=there[:, None] & (dims[None, :] < DIM), other=0.0)
    mixed = tl.sum(found * weights[:, None], 0)
    tl.store(out + head * DIM + dims, mixed.to(out.dtype.element_ty), mask=dims < DIM)


def attend(
    qkv: torch.Tensor,
    rope: tuple[torch.Tensor, torch.Tensor],
    cache: tuple[torch.Tensor, torch.Tensor],
    where: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    num_heads: int,
    block_size: int,
    num_splits: int,
    norms: tuple[torch.Tensor, torch.Tensor, float] | None = None,
) -> torch.Tensor:
    """Rotate, store and attend, for one new token of each of B sequences.

    qkv (B, (H + 2 Hkv) * head_dim), before rotation. norms: weights (head_dim,) of the RMSNorms of queries
    and keys, and their epsilon, where the model has them. rope: cosines and sines, float32 (B, head_dim / 2).
    cache: keys and values of the layer (num_slots, Hkv, head_dim). where: block tables int32 (B, blocks),
    lengths int32 (B,) with the new token counted, its slots int64 (B,). Returns (B, H * head_dim).
    """
    keys, values = cache
    tables, lengths, slots = where
    batch, (_, num_kv_heads, head_dim) = qkv.shape[0], keys.shape
    group = num_heads // num_kv_heads
    parts = qkv.new_empty(batch, num_heads, num_splits, head_dim, dtype=torch.float32)
    sums = qkv.new_empty(batch, num_heads, num_splits, dtype=torch.float32)
    width = max(16, triton.next_power_of_2(head_dim))
    q_norm, k_norm, eps = norms or (qkv, qkv, 0.0)
    _attend[(batch, num_kv_heads, num_splits)](
        qkv, q_norm, k_norm, rope[0], rope[1], keys, values, tables, lengths, slots, parts, sums,
        head_dim**-0.5, eps, tables.stride(0), num_kv_heads, num_splits, NORM=norms is not None,
        GROUP=group, ROWS=max(16, triton.next_power_of_2(group)), DIM=head_dim, WIDTH=width,
        PAGE=block_size, BLOCK=64, **early(qkv.device),
    )  # fmt: skip
    out = qkv.new_empty(batch, num_heads * head_dim)
    _merge[(batch * num_heads,)](
        parts, sums, out, num_splits, DIM=head_dim, WIDTH=width, SPLITS=triton.next_power_of_2(num_splits),
        num_warps=2, **early(qkv.device),
    )  # fmt: skip
    return out


@triton.jit
def _rotate_and_store(  # type: ignore[no-untyped-def]
    qkv, q_norm, k_norm, cosines, sines, slots, out, keys, values, eps,
    NORM: tl.constexpr, HEADS: tl.constexpr, KV_HEADS: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):  # fmt: skip
    """One token, ROWS heads at a time: queries are rotated to `out`, keys to the cache, values go there."""
    token = tl.program_id(0).to(tl.int64)
    HALF: tl.constexpr = DIM // 2
    ALL: tl.constexpr = HEADS + 2 * KV_HEADS
    dims = tl.arange(0, WIDTH)
    used = dims < DIM
    partner = tl.where(dims < HALF, dims + HALF, dims - HALF)
    cosine = tl.load(cosines + token * HALF + dims % HALF, mask=used, other=0.0)
    sine = tl.load(sines + token * HALF + dims % HALF, mask=used, other=0.0)
    sine = tl.where(dims < HALF, -sine, sine)
    slot = tl.load(slots + token)
    for first in range(0, ALL, ROWS):
        heads = first + tl.arange(0, ROWS)
        here = (heads[:, None] < ALL) & used[None, :]
        at = token * ALL * DIM + heads[:, None] * DIM
        plain = tl.load(qkv + at + dims[None, :], mask=here, other=0.0)
        value = plain.to(tl.float32)
        turned = tl.load(qkv + at + partner[None, :], mask=here, other=0.0).to(tl.float32)
        if NORM:
            factor = 1.0 / tl.sqrt(tl.sum(value * value, 1) / DIM + eps)[:, None]
            is_query = (heads < HEADS)[:, None]
            of_q = tl.load(q_norm + dims, mask=used, other=0.0).to(tl.float32)[None, :]
            of_k = tl.load(k_norm + dims, mask=used, other=0.0).to(tl.float32)[None, :]
            value *= factor * tl.where(is_query, of_q, of_k)
            of_q = tl.load(q_norm + partner, mask=used, other=0.0).to(tl.float32)[None, :]
            of_k = tl.load(k_norm + partner, mask=used, other=0.0).to(tl.float32)[None, :]
            turned *= factor * tl.where(is_query, of_q, of_k)
        rotated = value * cosine[None, :] + turned * sine[None, :]
        queries = here & (heads[:, None] < HEADS)
        to_query = token * HEADS * DIM + heads[:, None] * DIM + dims[None, :]
        tl.store(out + to_query, rotated.to(out.dtype.element_ty), mask=queries)
        head = heads[:, None] - HEADS
        to_key = (slot * KV_HEADS + head) * DIM + dims[None, :]
        tl.store(
            keys + to_key, rotated.to(keys.dtype.element_ty), mask=here & (head >= 0) & (head < KV_HEADS)
        )
        to_value = to_key - KV_HEADS * DIM
        tl.store(values + to_value, plain.to(values.dtype.element_ty), mask=here & (head >= KV_HEADS))


def rotate_and_store(
    qkv: torch.Tensor,
    rope: tuple[torch.Tensor, torch.Tensor],
    cache: tuple[torch.Tensor, torch.Tensor],
    slots: torch.Tensor,
    num_heads: int,
    norms: tuple[torch.Tensor, torch.Tensor, float] | None = None,
) -> torch.Tensor:
    """Rotated queries (T, H, head_dim) of qkv (T, (H + 2 Hkv) * head_dim); keys and values go to their slots,
    int64 (T,). Arguments as those of `attend`."""
    keys, values = cache
    _, num_kv_heads, head_dim = keys.shape
    out = qkv.new_empty(qkv.shape[0], num_heads, head_dim)
    q_norm, k_norm, eps = norms or (qkv, qkv, 0.0)
    _rotate_and_store[(qkv.shape[0],)](
        qkv, q_norm, k_norm, rope[0], rope[1], slots, out, keys, values, eps, NORM=norms is not None,
        HEADS=num_heads, KV_HEADS=num_kv_heads, DIM=head_dim, WIDTH=triton.next_power_of_2(head_dim), ROWS=8,
        num_warps=4,
    )  # fmt: skip
    return out


# --------------------------------------------------------------------------------------------------- products


def normed_product(
    x: torch.Tensor,
    norm: tuple[torch.Tensor, float],
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    gated: bool = False,
    out_dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """RMSNorm of x (B, K), times weight (N, K), plus bias, gated where asked for (see `gemv`)."""
    if x.shape[0] <= GEMV_MAX_ROWS:
        return gemv(x, weight, bias, norm=norm, gated=gated, out_dtype=out_dtype)
    out = F.linear(norm_rows(x, *norm), weight, bias)
    return gate_rows(out) if gated else out.to(out_dtype or out.dtype)


def added_product(x: torch.Tensor, weight: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
    """residual (B, N) + x (B, K) times weight (N, K)."""
    if x.shape[0] <= GEMV_MAX_ROWS:
        return gemv(x, weight, residual=residual)
    return torch.addmm(residual, x, weight.T)
