"""The paged attention of a CUDA device: a Triton kernel for single queries, torch's flash kernel for prompts.

Enters and leaves: as in `paged`. Always holds: lengths and places are read from device memory, so a captured
graph of `decode` serves every step of its batch size.

Each program of the kernel takes one sequence, one key head and one part of the context; the parts are merged
by their log-sum-exp (flash decoding, Dao et al. 2023), so that one long sequence keeps the whole device busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import triton
import triton.language as tl

from r1v.ops.paged import PagedCache, Span
from r1v.ops.sampling import to_device


@triton.jit
def scan(  # type: ignore[no-untyped-def]
    query, keys, values, table, first, last, best, total, mixed, scale, num_kv_heads, head,
    DIM: tl.constexpr, WIDTH: tl.constexpr, PAGE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Attention over the tokens [first, last) of a context, added to what there is: the best score, the sum
    of weights and the mixed values of each row of queries."""
    dims = tl.arange(0, WIDTH)
    for start in range(first, last, BLOCK):
        places = start + tl.arange(0, BLOCK)
        known = places < last
        block = tl.load(table + places // PAGE, mask=known, other=0)
        slot = block.to(tl.int64) * PAGE + places % PAGE
        at = (slot[:, None] * num_kv_heads + head) * DIM + dims[None, :]
        here = known[:, None] & (dims[None, :] < DIM)
        key = tl.load(keys + at, mask=here, other=0.0)
        scores = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
        scores = tl.where(known[None, :], scores, float("-inf"))
        top = tl.maximum(best, tl.max(scores, 1))
        shrink = tl.exp(best - top)
        weights = tl.exp(scores - top[:, None])
        value = tl.load(values + at, mask=here, other=0.0)
        mixed = mixed * shrink[:, None] + tl.dot(weights.to(value.dtype), value, input_precision="ieee")
        total = total * shrink + tl.sum(weights, 1)
        best = top
    return best, total, mixed


@triton.jit
def _decode_parts(  # type: ignore[no-untyped-def]
    q, keys, values, tables, lengths, parts, sums, scale,
    table_width, num_kv_heads, num_splits,
    GROUP: tl.constexpr, ROWS: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr,
    PAGE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Attention of GROUP query heads over one part of one context; its log-sum-exp beside it."""
    sequence, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    length = tl.load(lengths + sequence)
    per_split = tl.cdiv(tl.cdiv(length, num_splits), BLOCK) * BLOCK
    first = split * per_split
    last = tl.minimum(first + per_split, length)
    rows, dims = tl.arange(0, ROWS), tl.arange(0, WIDTH)
    num_heads = num_kv_heads * GROUP
    query_at = (sequence * num_heads + head * GROUP + rows[:, None]) * DIM + dims[None, :]
    inside = (rows[:, None] < GROUP) & (dims[None, :] < DIM)
    query = tl.load(q + query_at, mask=inside, other=0.0)
    best = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    mixed = tl.zeros([ROWS, WIDTH], tl.float32)
    best, total, mixed = scan(
        query, keys, values, tables + sequence.to(tl.int64) * table_width, first, last, best, total, mixed,
        scale, num_kv_heads, head, DIM, WIDTH, PAGE, BLOCK,
    )  # fmt: skip
    out = (sequence * num_heads + head * GROUP + rows) * num_splits + split
    safe = tl.where(total > 0, total, 1.0)
    tl.store(parts + out[:, None] * DIM + dims[None, :], mixed / safe[:, None], mask=inside)
    tl.store(sums + out, tl.where(total > 0, best + tl.log(safe), float("-inf")), mask=rows < GROUP)


@dataclass(slots=True)
class DecodeTables:
    """Where each sequence of a batch lies, on the device: tables int32 (B, blocks), lengths int32 (B,) with
    the new id counted, slots int64 (B,) of the new ids."""

    tables: torch.Tensor
    lengths: torch.Tensor
    slots: torch.Tensor


class TableAttention:
    """One query per sequence over the paged cache; all of its work can be captured in a graph."""

    def __init__(self, cache: PagedCache, where: DecodeTables, block_size: int) -> None:
        self.cache, self.where, self.block_size = cache, where, block_size
        self.num_splits = num_context_parts(cache, where.tables.shape[0])

    def __call__(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """q (1, B, H, head_dim), k and v (1, B, Hkv, head_dim) -> (1, B, H, head_dim)."""
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        keys.index_copy_(0, self.where.slots, k[0].to(keys.dtype))
        values.index_copy_(0, self.where.slots, v[0].to(values.dtype))
        mixed = decode_attention(
            q[0].to(keys.dtype).contiguous(), keys, values, self.where.tables, self.where.lengths,
            self.block_size, self.num_splits,
        )  # fmt: skip
        return mixed.to(q.dtype).unsqueeze(0)


def decode_attention(
    q: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    tables: torch.Tensor,
    lengths: torch.Tensor,
    block_size: int,
    num_splits: int,
) -> torch.Tensor:
    """q (B, H, head_dim) over keys and values (num_slots, Hkv, head_dim) -> float32 (B, H, head_dim)."""
    batch, num_heads, head_dim = q.shape
    num_kv_heads = keys.shape[1]
    group = num_heads // num_kv_heads
    parts = q.new_empty(batch, num_heads, num_splits, head_dim, dtype=torch.float32)
    sums = q.new_empty(batch, num_heads, num_splits, dtype=torch.float32)
    _decode_parts[(batch, num_kv_heads, num_splits)](
        q, keys, values, tables, lengths, parts, sums, head_dim**-0.5,
        tables.stride(0), num_kv_heads, num_splits,
        GROUP=group, ROWS=max(16, triton.next_power_of_2(group)), DIM=head_dim,
        WIDTH=max(16, triton.next_power_of_2(head_dim)), PAGE=block_size, BLOCK=64,
    )  # fmt: skip
    if num_splits == 1:
        return parts[:, :, 0]
    return (parts * sums.softmax(-1).unsqueeze(-1)).sum(2)


class VarlenAttention:
    """Any mixture of prompts and single queries: gathers the contexts, then one flash call for all (16-bit
    dtypes; others take `PagedAttentionReference`)."""

    def __init__(self, cache: PagedCache, slots: torch.Tensor, spans: Sequence[Span]) -> None:
        device = cache.keys.device
        self.cache, self.slots = cache, slots
        totals = [sum(n for _, n in span.runs) for span in spans]
        places = [np.arange(a, a + n) for span in spans for a, n in span.runs]
        self._places = to_device(np.concatenate(places), device)
        self._ends = _cumulated([span.length for span in spans], device)
        self._context_ends = _cumulated(totals, device)
        self._longest = max(span.length for span in spans), max(totals)

    def __call__(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """q (1, T, H, head_dim), k and v (1, T, Hkv, head_dim) -> (1, T, H, head_dim)."""
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        keys.index_copy_(0, self.slots, k[0])
        values.index_copy_(0, self.slots, v[0])
        return self.attend(layer, q[0].contiguous()).unsqueeze(0)

    def attend(self, layer: int, q: torch.Tensor) -> torch.Tensor:
        """q (T, H, head_dim) -> the same, where keys and values are in the cache already."""
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        # what torch.nn.attention.varlen calls; unlike that, this takes fewer key heads in every release.
        # Its causal mask ends at the last key of each context, as the new tokens do.
        mixed: torch.Tensor = torch.ops.aten._flash_attention_forward(
            q, keys[self._places], values[self._places], self._ends, self._context_ends,
            *self._longest, 0.0, True, False,
        )[0]  # fmt: skip
        return mixed


def _cumulated(lengths: Sequence[int], device: torch.device) -> torch.Tensor:
    return to_device(np.cumsum([0, *lengths]), device, torch.int32)


def num_context_parts(cache: PagedCache, batch: int) -> int:
    """Into how many parts the contexts of a batch are cut, so that every multiprocessor has two."""
    device = cache.keys.device
    if device.type != "cuda":  # Triton's interpreter
        return 3
    multiprocessors = int(torch.cuda.get_device_properties(device).multi_processor_count)
    return max(1, min(64, 2 * multiprocessors // (batch * cache.keys.shape[2])))
