"""Attention of many queries by our own kernels: in the processor's tiles at the level "amx"
(csrc/attention_tiles.h), in float32 at every other (csrc/attention_panels.h).

Enters: queries, keys and values on the CPU, float32 or, in tiles, bfloat16, in any layout whose last
dimension is contiguous. Leaves: the mixed values in the same dtype. Always holds: sums and the softmax are
float32; in tiles, queries, keys, values and weights are rounded to bfloat16.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch

from r1v.ops import isa
from r1v.ops.cpu.library import kernels
from r1v.ops.cpu.native import KINDS

_SIZES = ("queries", "heads", "key_heads", "head_dim")
_STRIDES = ("query_row", "query_head", "key_row", "key_head", "value_row", "value_head")


class _Prompt(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in (*_SIZES, *_STRIDES, "num_runs")),
        ("runs", ctypes.c_void_p), ("kind", ctypes.c_int32), ("causal", ctypes.c_int32),
        *((name, ctypes.c_void_p) for name in ("queries_at", "keys", "values", "out")),
    )  # fmt: skip


def attend_many(
    q: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    runs: Sequence[tuple[int, int]] | None = None,
    causal: bool = False,
) -> torch.Tensor:
    """Softmax attention. q (n, H, head_dim), keys and values (S, Hkv, head_dim) -> (n, H, head_dim).

    runs: (first, number) of the rows of keys and values that are the context, in order; None is all of them.
    causal: the queries belong to the last n rows of the context, and see none after their own. head_dim: as
    `select.many_queries` allows.
    """
    num_queries, num_heads, head_dim = q.shape
    level = isa.features().kernel_level
    assert level is not None and (level == "amx" or q.dtype == torch.float32)
    assert q.dtype == keys.dtype == values.dtype and q.stride(2) == keys.stride(2) == values.stride(2) == 1
    chosen = [(0, keys.shape[0])] if runs is None else runs
    flat = (ctypes.c_int64 * (2 * len(chosen)))(*(number for run in chosen for number in run))
    out = torch.empty(q.shape, dtype=q.dtype)
    strides = [part.stride(i) for part in (q, keys, values) for i in range(2)]
    struct = _Prompt(
        num_queries, num_heads, keys.shape[1], head_dim, *strides, len(chosen), ctypes.addressof(flat),
        KINDS[q.dtype], causal, q.data_ptr(), keys.data_ptr(), values.data_ptr(), out.data_ptr(),
    )  # fmt: skip
    kernels(level).prompt(ctypes.addressof(struct), torch.get_num_threads())
    return out
