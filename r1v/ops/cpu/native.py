"""Our own kernels for processors (csrc): linear layers and a decode step's attention.

Enters and leaves: float32 tensors on the CPU, contiguous; weights in float32, bfloat16, float16 or 4 bits, as
they lie in memory. Always holds: the library holds every function once for each level of instructions that it
was compiled for; where it is missing, `available` says so and nothing here may be called. The counterpart of
each kernel in torch is in `linear` and `paged`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from r1v.ops import isa
from r1v.ops.cpu.library import kernels
from r1v.ops.select import NEVER, ManyRows

KINDS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
INT4 = 3


class _Weight(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_int32), ("group", ctypes.c_int32), ("rows", ctypes.c_int64),
        ("columns", ctypes.c_int64), ("data", ctypes.c_void_p), ("scales", ctypes.c_void_p),
        ("zeros", ctypes.c_void_p), ("bias", ctypes.c_void_p),
    )  # fmt: skip


class _Places(ctypes.Structure):
    _fields_ = (
        ("rows", ctypes.c_int64), ("heads", ctypes.c_int64), ("key_heads", ctypes.c_int64),
        ("head_dim", ctypes.c_int64), ("cosines", ctypes.c_void_p), ("sines", ctypes.c_void_p),
        ("query_norm", ctypes.c_void_p), ("key_norm", ctypes.c_void_p), ("eps", ctypes.c_float),
        ("slots", ctypes.c_void_p), ("run_starts", ctypes.c_void_p), ("runs", ctypes.c_void_p),
    )  # fmt: skip


def available() -> bool:
    """Whether the kernels can be used here."""
    return isa.features().kernel_level is not None


def _level() -> str:
    level = isa.features().kernel_level
    assert level is not None, "our kernels are not compiled here"
    return level


class NativeLinear(nn.Module):
    """A product with weights (N, K) as they lie: float32, bfloat16 or float16, or 4-bit codes.

    Nothing is copied but a bias in another dtype: the weights are shared with whoever owns them. K is a
    multiple of 16. Codes: uint8 (N, K / 2) in the order of `order_codes`, with float32 scales and zeros
    (N, K / group), weight = scale * code - zero; products with them round the inputs to 8 bits, with a scale
    for each row and group (Dettmers et al. 2022, section 2). many: when torch multiplies instead.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        scales: torch.Tensor | None = None,
        zeros: torch.Tensor | None = None,
        many: ManyRows = NEVER,
    ) -> None:
        super().__init__()
        assert weight.is_contiguous() and weight.device.type == "cpu"
        self.level, self.many = _level(), many
        self._call = kernels(self.level).linear
        self.weight, self.scales, self.zeros = weight.detach(), scales, zeros
        self.bias = None if bias is None else bias.detach().float().contiguous()
        self.shape = (weight.shape[0], weight.shape[1] if scales is None else 2 * weight.shape[1])
        assert self.shape[1] % 16 == 0
        pointers = [0 if each is None else each.data_ptr() for each in (scales, zeros, self.bias)]
        kind, group = (KINDS[weight.dtype], 0) if scales is None else (INT4, self.shape[1] // scales.shape[1])
        self._struct = _Weight(kind, group, *self.shape, self.weight.data_ptr(), *pointers)
        self._where = ctypes.addressof(self._struct)

    @classmethod
    def from_codes(
        cls, codes: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, bias: torch.Tensor | None
    ) -> NativeLinear:
        """weight = scales * codes - zeros. codes 0 to 15 (N, K), scales and zeros (N, K / group), group 64,
        128 or 256."""
        return cls(order_codes(codes), bias, scales.float().contiguous(), zeros.float().contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N) in the dtype of the inputs; computed in float32."""
        if x.numel() >= self.many.from_rows * self.shape[1]:
            dtype = self.many.dtype
            bias = None if self.bias is None else self.bias.to(dtype)
            return F.linear(x.to(dtype), self.weight.to(dtype), bias).to(x.dtype)
        return self.fused(x).to(x.dtype)

    def fused(
        self,
        x: torch.Tensor,
        norm: tuple[torch.Tensor, float] | None = None,
        gated: bool = False,
        residual: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Float32 (..., N) = product with [RMSNorm of] x (..., K), [silu(gate) * up of its halves,] [plus
        residual]. norm: its weights, float32 (K,), and eps."""
        x = x.float().contiguous()
        rows, columns = self.shape
        out = torch.empty((*x.shape[:-1], rows // 2 if gated else rows), dtype=torch.float32)
        assert x.shape[-1] == columns and (norm is None or norm[0].dtype == torch.float32)
        self._call(
            self._where, x.data_ptr(), x.numel() // columns, 0 if norm is None else norm[0].data_ptr(),
            0.0 if norm is None else norm[1], gated, 0 if residual is None else residual.data_ptr(),
            out.data_ptr(), torch.get_num_threads(),
        )  # fmt: skip
        return out


def order_codes(codes: torch.Tensor) -> torch.Tensor:
    """Codes 0 to 15 (N, K) -> uint8 (N, K / 2): of every 64 columns, the first 32 in the lower halves."""
    blocks = codes.to(torch.uint8).unflatten(1, (-1, 2, 32))
    return (blocks[:, :, 0] | blocks[:, :, 1] << 4).flatten(1).contiguous()


@dataclass(frozen=True, slots=True)
class DecodeRows:
    """Where the rows of a step lie. cosines, sines: float32 (rows, head_dim / 2). slots: int64 (rows,), where
    each row is stored. run_starts: int64 (rows + 1,), and runs: int64 (., 2), first slot and number, of the
    context of each row, its own slot the last."""

    cosines: torch.Tensor
    sines: torch.Tensor
    slots: torch.Tensor
    run_starts: torch.Tensor
    runs: torch.Tensor

    @classmethod
    def of(
        cls,
        table: tuple[torch.Tensor, torch.Tensor],
        slots: Sequence[int],
        runs: Sequence[Sequence[tuple[int, int]]],
    ) -> DecodeRows:
        """From the tables of RoPE, and a slot and the runs of each row."""
        starts: list[int] = [0]
        flat: list[int] = []
        for each in runs:
            for run in each:
                flat += run
            starts.append(len(flat) // 2)
        cosines, sines = table
        return cls(
            cosines.contiguous(), sines.contiguous(), torch.tensor(slots), torch.tensor(starts),
            torch.tensor(flat),
        )  # fmt: skip


class DecodeAttention:
    """One step's attention: rotates, stores and mixes.

    heads: query and key heads. norms: weights of the per-head RMSNorm of queries and keys, with eps, or None.
    """

    def __init__(self, rows: DecodeRows, heads: tuple[int, int], head_dim: int) -> None:
        assert head_dim % 8 == 0
        self._call, self._rows, self._shape = (
            kernels(_level()).attend,
            rows,
            (len(rows.slots), heads[0] * head_dim),
        )
        self._places = _Places(
            len(rows.slots), heads[0], heads[1], head_dim, rows.cosines.data_ptr(), rows.sines.data_ptr(),
            0, 0, 0.0, rows.slots.data_ptr(), rows.run_starts.data_ptr(), rows.runs.data_ptr(),
        )  # fmt: skip
        self._where = ctypes.addressof(self._places)

    def __call__(
        self,
        qkv: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        norms: tuple[torch.Tensor, torch.Tensor, float] | None = None,
    ) -> torch.Tensor:
        """qkv (rows, (H + 2 Hkv) * head_dim), changed -> (rows, H * head_dim). keys, values: one layer of the
        cache, float32 (slots, Hkv, head_dim)."""
        if norms is not None:
            self._places.query_norm, self._places.key_norm = norms[0].data_ptr(), norms[1].data_ptr()
            self._places.eps = norms[2]
        out = torch.empty(self._shape)
        self._call(
            self._where, qkv.data_ptr(), keys.data_ptr(), values.data_ptr(), out.data_ptr(),
            torch.get_num_threads(),
        )  # fmt: skip
        return out
