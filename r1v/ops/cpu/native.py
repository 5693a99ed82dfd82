"""Our own kernels for processors (csrc): linear layers and the decode step.

Enters and leaves: float32 tensors on the CPU, contiguous; weights in float32, bfloat16, float16 or 4 bits, as
they are in memory. Always holds: the library holds every function once for each level of instructions that it
was compiled for; if it is missing, `available` is False and nothing here may be called. The counterpart of
each kernel in torch is in `linear` and `paged`.
"""

from __future__ import annotations

import ctypes
import itertools
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


_LAYER_POINTERS = ("attention_norm", "mlp_norm", "query_norm", "key_norm", "keys", "values")
_LAYER_WEIGHTS = ("qkv", "out", "gate_up", "down")


class _Layer(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in _LAYER_POINTERS),
        *((name, _Weight) for name in _LAYER_WEIGHTS),
    )


class _Model(ctypes.Structure):
    _fields_ = (
        ("num_layers", ctypes.c_int64), ("heads", ctypes.c_int64), ("key_heads", ctypes.c_int64),
        ("head_dim", ctypes.c_int64), ("embedding_kind", ctypes.c_int32), ("eps", ctypes.c_float),
        ("rope_scale", ctypes.c_float), ("embedding", ctypes.c_void_p), ("frequencies", ctypes.c_void_p),
        ("norm", ctypes.c_void_p), ("layers", ctypes.c_void_p), ("head", _Weight),
    )  # fmt: skip


_ROW_LISTS = ("ids", "positions", "slots", "run_starts", "runs", "sampled")


class _Rows(ctypes.Structure):
    _fields_ = (
        ("rows", ctypes.c_int64), ("num_sampled", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in _ROW_LISTS),
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

    Nothing is copied except a bias in another dtype; the weights are shared with their owner. K is a
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
        self.struct = _Weight(kind, group, *self.shape, self.weight.data_ptr(), *pointers)
        self._where = ctypes.addressof(self.struct)

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
class StepLayer:
    """A decoder block. Norms float32 (D,), head_norms (head_dim,) of queries and of keys; keys and values:
    float32 (slots, Hkv, head_dim), this layer's part of the cache."""

    attention_norm: torch.Tensor
    qkv: NativeLinear
    head_norms: tuple[torch.Tensor, torch.Tensor] | None
    keys: torch.Tensor
    values: torch.Tensor
    out: NativeLinear
    mlp_norm: torch.Tensor
    gate_up: NativeLinear
    down: NativeLinear

    def struct(self) -> _Layer:
        """As the library reads it."""
        query, key = (0, 0) if self.head_norms is None else (norm.data_ptr() for norm in self.head_norms)
        return _Layer(
            self.attention_norm.data_ptr(), self.mlp_norm.data_ptr(), query, key, self.keys.data_ptr(),
            self.values.data_ptr(), *(getattr(self, name).struct for name in _LAYER_WEIGHTS),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepRows:
    """Where the rows of a step lie: for each its id, its position, the slot where it is stored, and the runs
    (first slot, number) of its context, its own slot the last. sampled: the rows whose logits are wanted,
    rising."""

    ids: Sequence[int]
    positions: Sequence[int]
    slots: Sequence[int]
    runs: Sequence[Sequence[tuple[int, int]]]
    sampled: Sequence[int]


class NativeStep:
    """A decode step of a dense Qwen2 or Qwen3 in one call of the library.

    embedding: (V, D) as stored. rope: float32 (head_dim / 2,) frequencies, and the factor on cosines and
    sines. heads: of queries, of keys. norm: float32 (D,), before the head. eps: of every norm.
    """

    def __init__(
        self,
        layers: Sequence[StepLayer],
        head: NativeLinear,
        embedding: torch.Tensor,
        rope: tuple[torch.Tensor, float],
        heads: tuple[int, int],
        norm: torch.Tensor,
        eps: float,
    ) -> None:
        frequencies, scale = rope
        head_dim = 2 * len(frequencies)
        assert head_dim % 8 == 0 and embedding.is_contiguous()
        self._call, self._vocab_size = kernels(head.level).step, head.shape[0]
        self._layers = (_Layer * len(layers))(*(layer.struct() for layer in layers))
        self._held = (layers, head, embedding, frequencies, norm)  # keeps alive what the addresses point to
        self._model = _Model(
            len(layers), *heads, head_dim, KINDS[embedding.dtype], eps, scale, embedding.data_ptr(),
            frequencies.data_ptr(), norm.data_ptr(), ctypes.addressof(self._layers), head.struct,
        )  # fmt: skip

    def __call__(self, rows: StepRows, embedding: torch.Tensor | None = None) -> torch.Tensor:
        """Logits float32 (rows sampled, V); stores keys and values. embedding: (., D) contiguous, in place of
        the model's own: what the ids are places in."""
        model = self._model
        if embedding is not None:
            model = _Model.from_buffer_copy(model)
            model.embedding_kind, model.embedding = KINDS[embedding.dtype], embedding.data_ptr()
        starts: list[int] = [0]
        runs: list[int] = []
        for each in rows.runs:
            for run in each:
                runs += run
            starts.append(len(runs) // 2)
        lists = (rows.ids, rows.positions, rows.slots, starts, runs, rows.sampled)
        numbers = (ctypes.c_int64 * sum(map(len, lists)))(*itertools.chain(*lists))
        places, at = [], ctypes.addressof(numbers)
        for each_list in lists:
            places.append(at)
            at += 8 * len(each_list)
        struct = _Rows(len(rows.ids), len(rows.sampled), *places)
        logits = torch.empty((len(rows.sampled), self._vocab_size))
        self._call(
            ctypes.addressof(model),
            ctypes.addressof(struct),
            logits.data_ptr(),
            torch.get_num_threads(),
        )
        return logits
