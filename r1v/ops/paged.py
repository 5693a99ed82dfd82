"""Attention over a cache in blocks: each sequence reads its own context, wherever its blocks are.

Enters: queries, keys and values of the new tokens of several sequences, in one row. Leaves: the mixed values,
same shape as the queries. Always holds: new keys and values are in the cache afterwards; a token sees its
sequence's context and, of the new tokens, itself and those before it.

The fast path copies nothing, except short contexts of many sequences at once: softmax attention over a
context is the merge of the attention over its parts, weighted by their log-sum-exp (Milakov and Gimelshein
2018; Dao et al. 2022, section 3.1), and each run of neighbouring places in the cache is such a part.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

from r1v.ops.attention import attention_reference
from r1v.ops.cpu.attention import attend_many


@dataclass(slots=True)
class PagedCache:
    """Keys and values of all layers. keys, values: (num_layers, num_slots, Hkv, head_dim)."""

    keys: torch.Tensor
    values: torch.Tensor
    # per layer, as (1, Hkv, num_slots, head_dim): what the attention kernels take, made once
    key_views: list[torch.Tensor] = field(default_factory=list)
    value_views: list[torch.Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key_views = [k.transpose(0, 1).unsqueeze(0) for k in self.keys]
        self.value_views = [v.transpose(0, 1).unsqueeze(0) for v in self.values]

    @classmethod
    def empty(
        cls,
        num_layers: int,
        num_slots: int,
        num_kv_heads: int,
        head_dim: int,
        dtype: torch.dtype,
        device: torch.device | str = "cpu",
    ) -> PagedCache:
        """Room for num_slots tokens."""
        shape = (num_layers, num_slots, num_kv_heads, head_dim)
        return cls(
            torch.empty(shape, dtype=dtype, device=device), torch.empty(shape, dtype=dtype, device=device)
        )

    def give_back(self, runs: Iterable[tuple[int, int]]) -> None:
        """Return the memory of runs (first slot, number) to the system. Their content is lost. Only whole
        pages on a CPU are returned; on other devices, or without madvise, nothing is."""
        if self.keys.device.type != "cpu" or _MADVISE is None:
            return
        page, row = mmap.PAGESIZE, self.keys[0, 0].nbytes
        runs = list(runs)
        for layer in (*self.keys, *self.values):
            for first, number in runs:
                start = -(-(layer.data_ptr() + first * row) // page) * page
                end = (layer.data_ptr() + (first + number) * row) // page * page
                if end > start:
                    _MADVISE(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def _find_madvise() -> Callable[[ctypes.c_void_p, ctypes.c_size_t, int], int] | None:
    """The system's ``madvise`` if it empties pages at once, which only Linux does."""
    if sys.platform != "linux":
        return None
    found: Callable[[ctypes.c_void_p, ctypes.c_size_t, int], int] = ctypes.CDLL(None).madvise
    return found


_MADVISE = _find_madvise()


@dataclass(frozen=True, slots=True)
class Span:
    """The new tokens of one sequence in a step.

    start, length: its rows in the step. runs: (first slot, number) of its context, in order; the new tokens
    are the last ``length`` of it.
    """

    start: int
    length: int
    runs: Sequence[tuple[int, int]]


class PagedAttentionReference:
    """The slow reference: gathers each context and masks it. slots: int64 (T,), where row t is stored."""

    def __init__(self, cache: PagedCache, slots: torch.Tensor, spans: Sequence[Span]) -> None:
        self.cache, self.slots, self.spans = cache, slots, spans

    def __call__(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """q (1, T, H, head_dim), k and v (1, T, Hkv, head_dim) -> (1, T, H, head_dim)."""
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        keys[self.slots], values[self.slots] = k[0].to(keys.dtype), v[0].to(values.dtype)
        out = torch.empty_like(q)
        for span in self.spans:
            places = torch.cat([torch.arange(a, a + n, device=q.device) for a, n in span.runs])
            rows = slice(span.start, span.start + span.length)
            total = len(places)
            mask = torch.ones(span.length, total, dtype=torch.bool, device=q.device)
            mask = mask.tril(total - span.length)
            out[:, rows] = attention_reference(q[:, rows], keys[places][None], values[places][None], mask)
        return out


MIN_TOGETHER = 4  # from this number of single queries on, one call for all of them may be faster
MAX_COPIED = 512 * 1024  # up to so many bytes of a context's keys, a copy costs less than a separate call
MIN_NATIVE = 16  # from this number of queries on, our kernel is faster: it takes so many at a time


class RunAttention:
    """The CPU's fast path: reads runs of the cache in place with torch's flash kernel; many single queries
    over short contexts take one call on copies of those instead. native: pieces of prompts take our kernel
    (`select.many_queries`)."""

    def __init__(
        self, cache: PagedCache, slots: torch.Tensor, spans: Sequence[Span], native: bool = False
    ) -> None:
        self.cache, self.slots, self._native = cache, slots, native
        single = [span for span in spans if span.length == 1]
        self._together = _places_together(single, cache)
        self.spans = spans if self._together is None else [span for span in spans if span.length > 1]
        self._rows = torch.tensor([span.start for span in single])
        self._earlier = [_without_last(span.runs, span.length) for span in spans if span.length > 1]

    def __call__(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """q (1, T, H, head_dim), k and v (1, T, Hkv, head_dim) -> (1, T, H, head_dim)."""
        dtype = self.cache.keys.dtype
        k, v = k.to(dtype), v.to(dtype)
        self.cache.keys[layer].index_copy_(0, self.slots, k[0])
        self.cache.values[layer].index_copy_(0, self.slots, v[0])
        if self._together is not None:
            found = self._decode_together(layer, q[0, self._rows].to(dtype), *self._together).to(q.dtype)
            if not self.spans:
                return found.unsqueeze(0)  # all rows are single queries, in their order
            out = torch.empty_like(q)
            out[0, self._rows] = found
            for span, part in zip(self.spans, self._each(layer, q, k, v), strict=True):
                out[:, span.start : span.start + span.length] = part
            return out
        mixed = self._each(layer, q, k, v)
        out = mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=1)
        return out.to(q.dtype)

    def _each(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> list[torch.Tensor]:
        """Span by span."""
        dtype = self.cache.keys.dtype
        mixed: list[torch.Tensor] = []
        earlier = iter(self._earlier)
        for span in self.spans:
            rows = q.narrow(1, span.start, span.length)
            if span.length == 1:
                mixed.append(self._decode(layer, rows.to(dtype), span.runs))
            elif self._native and span.length >= MIN_NATIVE:
                next(earlier)
                keys, values = self.cache.keys[layer], self.cache.values[layer]
                mixed.append(attend_many(rows[0].to(dtype), keys, values, span.runs, causal=True)[None])
            else:
                own = (k.narrow(1, span.start, span.length), v.narrow(1, span.start, span.length))
                mixed.append(self._prefill(layer, rows.to(dtype), *own, next(earlier)))
        return mixed

    def _decode_together(
        self, layer: int, q: torch.Tensor, places: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Queries (B, H, head_dim) over contexts at places int64 (B, L), known bool (B, 1, 1, L)."""
        batch, num_heads, head_dim = q.shape
        keys = self.cache.keys[layer][places].transpose(1, 2)
        values = self.cache.values[layer][places].transpose(1, 2)
        grouped = q.reshape(batch, keys.shape[1], -1, head_dim)
        mixed = functional.scaled_dot_product_attention(grouped, keys, values, attn_mask=known)
        return mixed.reshape(batch, num_heads, head_dim)

    def _decode(self, layer: int, q: torch.Tensor, runs: Sequence[tuple[int, int]]) -> torch.Tensor:
        """One query (1, 1, H, head_dim) over runs of the cache. The query heads that share a key head are
        handed over as if they were as many queries, so that each key is read once."""
        _, _, num_heads, head_dim = q.shape
        keys, values = self.cache.key_views[layer], self.cache.value_views[layer]
        grouped = q.reshape(1, keys.shape[1], -1, head_dim)
        parts = [_flash(grouped, keys.narrow(2, a, n), values.narrow(2, a, n)) for a, n in runs]
        return _merge(parts).reshape(1, 1, num_heads, head_dim)

    def _prefill(
        self,
        layer: int,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        runs: Sequence[tuple[int, int]],
    ) -> torch.Tensor:
        """Queries (1, n, H, head_dim) over the context before them, and causally over themselves."""
        keys, values = self.cache.key_views[layer], self.cache.value_views[layer]
        heads_first = q.transpose(1, 2)
        parts = [_flash(heads_first, keys.narrow(2, a, n), values.narrow(2, a, n)) for a, n in runs]
        parts.append(_flash(heads_first, k.transpose(1, 2), v.transpose(1, 2), causal=True))
        return _merge(parts).transpose(1, 2)


def _places_together(spans: Sequence[Span], cache: PagedCache) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Padded places of single queries' contexts (B, L), and which of them count (B, 1, 1, L); None where one
    call each costs less."""
    if len(spans) < MIN_TOGETHER:
        return None
    totals = [sum(n for _, n in span.runs) for span in spans]
    longest = max(totals)
    row_bytes = cache.keys[0, 0].numel() * cache.keys.itemsize
    if longest * row_bytes > MAX_COPIED or longest * len(spans) > 2 * sum(totals):
        return None
    places = np.zeros((len(spans), longest), np.int64)
    for row, span in enumerate(spans):
        at = 0
        for first, number in span.runs:
            places[row, at : at + number] = np.arange(first, first + number)
            at += number
    known = np.arange(longest) < np.asarray(totals)[:, None]
    return torch.from_numpy(places), torch.from_numpy(known)[:, None, None]


def _flash(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Values (1, H, n, head_dim) and log-sum-exp (1, H, n), with torch's kernel behind
    scaled_dot_product_attention, called directly for the second of the two."""
    out: tuple[torch.Tensor, torch.Tensor] = torch._scaled_dot_product_flash_attention_for_cpu(
        q, k, v, 0.0, causal
    )
    return out


def _merge(parts: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """Attention over the union of disjoint contexts, from that over each."""
    if len(parts) == 1:
        return parts[0][0]
    weights = torch.stack([lse for _, lse in parts]).softmax(0)
    merged = parts[0][0] * weights[0].unsqueeze(-1)
    for (values, _), weight in zip(parts[1:], weights[1:], strict=True):
        merged = merged + values * weight.unsqueeze(-1)
    return merged.to(parts[0][0].dtype)


def _without_last(runs: Sequence[tuple[int, int]], number: int) -> list[tuple[int, int]]:
    """The runs less their last ``number`` slots."""
    left = sum(n for _, n in runs) - number
    kept = []
    for first, length in runs:
        if left <= 0:
            break
        kept.append((first, min(length, left)))
        left -= length
    return kept
