"""W4A16 products of a CUDA device, in Triton, straight from a checkpoint's codes.

Enters: activations (M, K) and an `AwqLinear`, whose tensors are used where they lie. Leaves: (M, N) in the
dtype of the activations. Always holds: the weights are (code - zero) * scale exactly; sums are float32.

One row runs on plain arithmetic, a few on the matrix units with the codes widened in registers and the inputs
split among programs, many on cuBLAS with the weights widened once for all of them. Codes become floats by
their bits: a nibble put into the mantissa of a power of two is that power plus the code, with no conversion.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import nn
from torch.nn import functional as F

from r1v.ops.cuda.decode import gate_rows, norm_rows
from r1v.ops.linear import AwqLinear

MAX_KERNEL_ROWS = 64  # more are bound by arithmetic


@triton.jit
def _halves(pairs):  # type: ignore[no-untyped-def]
    """The two bfloat16 numbers in each int32, as float32."""
    return (pairs << 16).to(tl.float32, bitcast=True), (pairs & -65536).to(tl.float32, bitcast=True)


@triton.jit
def _row_sums(words, scales, zeros, rows, inside, word, known, num_words, num_groups, GROUP: tl.constexpr):  # type: ignore[no-untyped-def]
    """A tile of codes, eight a word, with the scale and the zero point of each word."""
    at = rows.to(tl.int64)[:, None] * num_words + word
    here = inside[:, None] & known
    group_at = rows[:, None] * num_groups + word // (GROUP // 8)
    code = tl.load(words + at, mask=here, other=0)
    scale = tl.load(scales + group_at, mask=here, other=0.0).to(tl.float32)
    zero = tl.load(zeros + group_at, mask=here, other=0).to(tl.float32)
    return code, scale, zero


@triton.jit
def _nibbles(code, PAIR: tl.constexpr):  # type: ignore[no-untyped-def]
    """Codes 2 PAIR and 2 PAIR + 1 of each word, as 128 + code and 2048 + code in float32."""
    # the nibble of the first must come to bits 16 to 19, that of the second to bits 12 to 15
    first = code << 16 if PAIR == 0 else code << 8 if PAIR == 1 else code if PAIR == 2 else code >> 8
    second = code << 8 if PAIR == 0 else code if PAIR == 1 else code >> 8 if PAIR == 2 else code >> 16
    low = ((first & 0x000F0000) | 0x43000000).to(tl.float32, bitcast=True)
    high = ((second & 0x0000F000) | 0x45000000).to(tl.float32, bitcast=True)
    return low, high


@triton.jit
def _int4_gemv(  # type: ignore[no-untyped-def]
    x, norm, words, scales, zeros, bias, residual, out, num_out, num_words, num_groups, eps,
    NORM: tl.constexpr, GATED: tl.constexpr, BIAS: tl.constexpr, RESIDUAL: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """As `decode_cuda._gemv`, from codes. x and norm: bfloat16, two to an int32."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = rows < num_out
    sums = tl.zeros([ROWS, BLOCK], tl.float32)
    gated = tl.zeros([ROWS, BLOCK], tl.float32)
    squares = tl.zeros([1, BLOCK], tl.float32)
    for start in range(0, num_words, BLOCK):
        word = start + tl.arange(0, BLOCK)[None, :]
        known = word < num_words
        code, scale, zero = _row_sums(
            words, scales, zeros, rows, inside, word, known, num_words, num_groups, GROUP
        )
        part = tl.zeros([ROWS, BLOCK], tl.float32)
        if GATED:
            code2, scale2, zero2 = _row_sums(
                words, scales, zeros, rows + num_out, inside, word, known, num_words, num_groups, GROUP
            )
            part2 = tl.zeros([ROWS, BLOCK], tl.float32)
        total = tl.zeros([1, BLOCK], tl.float32)  # of the inputs of a word
        offset = tl.zeros([1, BLOCK], tl.float32)  # what the powers of two add
        for pair in tl.static_range(4):
            even, odd = _halves(tl.load(x + word * 4 + pair, mask=known, other=0))
            if NORM:
                squares += even * even + odd * odd
                even_norm, odd_norm = _halves(tl.load(norm + word * 4 + pair, mask=known, other=0))
                even *= even_norm
                odd *= odd_norm
            total += even + odd
            offset += even * 128.0 + odd * 2048.0
            low, high = _nibbles(code, pair)
            part += low * even + high * odd
            if GATED:
                low, high = _nibbles(code2, pair)
                part2 += low * even + high * odd
        sums += scale * (part - (offset + zero * total))
        if GATED:
            gated += scale2 * (part2 - (offset + zero2 * total))
    value = tl.sum(sums, 1)
    factor = 1.0
    if NORM:
        factor = 1.0 / tl.sqrt(tl.sum(squares) / (num_words * 8) + eps)
        value *= factor
    if BIAS:
        value += tl.load(bias + rows, mask=inside, other=0.0).to(tl.float32)
    if GATED:
        value = value * tl.sigmoid(value) * tl.sum(gated, 1) * factor
    if RESIDUAL:
        value += tl.load(residual + rows, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + rows, value.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _widen(nibble, zero, KIND: tl.constexpr):  # type: ignore[no-untyped-def]
    """Codes (int16) less their zero points, exactly, in KIND."""
    if KIND.is_bf16():
        return (nibble | 0x4300).to(tl.bfloat16, bitcast=True) - (zero + 128).to(tl.bfloat16)
    elif KIND.is_fp16():
        return (nibble | 0x6400).to(tl.float16, bitcast=True) - (zero + 1024).to(tl.float16)
    else:
        return nibble.to(tl.float32) - zero.to(tl.float32)


@triton.jit
def _int4_dot(  # type: ignore[no-untyped-def]
    x, nibbles, scales, zeros, parts, num_rows, num_out, width, num_groups, groups_each,
    M: tl.constexpr, COLUMNS: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """x (num_rows, width) times COLUMNS rows of codes, over one part of the inputs: float32 sums."""
    HALF: tl.constexpr = GROUP // 2
    kind = x.dtype.element_ty
    columns = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    inside = columns < num_out
    rows = tl.arange(0, M)
    there = (rows < num_rows)[:, None]
    bytes_ = tl.arange(0, HALF)
    sums = tl.zeros([M, COLUMNS], tl.float32)
    first = tl.program_id(1) * groups_each
    for group in range(first, tl.minimum(first + groups_each, num_groups)):
        at = columns.to(tl.int64)[None, :] * (width // 2) + group * HALF + bytes_[:, None]
        code = tl.load(nibbles + at, mask=inside[None, :], other=0).to(tl.int16)
        scale = tl.load(scales + columns * num_groups + group, mask=inside, other=0.0).to(tl.float32)
        zero = tl.load(zeros + columns * num_groups + group, mask=inside, other=0).to(tl.int16)[None, :]
        even = tl.load(x + rows[:, None] * width + group * GROUP + 2 * bytes_[None, :], mask=there, other=0.0)
        odd = tl.load(
            x + rows[:, None] * width + group * GROUP + 2 * bytes_[None, :] + 1, mask=there, other=0.0
        )
        found = tl.dot(even, _widen(code & 15, zero, kind), input_precision="ieee")
        found = tl.dot(odd, _widen((code >> 4) & 15, zero, kind), found, input_precision="ieee")
        sums += found * scale[None, :]
    out = parts + (tl.program_id(1) * num_rows + rows[:, None]) * num_out + columns[None, :]
    tl.store(out, sums, mask=there & inside[None, :])


@triton.jit
def _finish(  # type: ignore[no-untyped-def]
    parts, bias, residual, out, num_rows, num_out, num_parts,
    BIAS: tl.constexpr, RESIDUAL: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add up the parts, the bias and the residual."""
    row = tl.program_id(0)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    known = columns < num_out
    total = tl.zeros([BLOCK], tl.float32)
    for part in range(num_parts):
        total += tl.load(parts + (part * num_rows + row) * num_out + columns, mask=known, other=0.0)
    if BIAS:
        total += tl.load(bias + columns, mask=known, other=0.0).to(tl.float32)
    if RESIDUAL:
        total += tl.load(residual + row * num_out + columns, mask=known, other=0.0).to(tl.float32)
    tl.store(out + row * num_out + columns, total.to(out.dtype.element_ty), mask=known)


@triton.jit
def _widen_all(nibbles, scales, zeros, out, width, num_groups, GROUP: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    byte = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    known = byte < width // 2
    code = tl.load(nibbles + row * (width // 2) + byte, mask=known, other=0).to(tl.int32)
    group_at = row * num_groups + byte // (GROUP // 2)
    scale = tl.load(scales + group_at, mask=known, other=0.0).to(tl.float32)
    zero = tl.load(zeros + group_at, mask=known, other=0).to(tl.int32)
    low = ((code & 15) - zero).to(tl.float32) * scale
    high = ((code >> 4) - zero).to(tl.float32) * scale
    at = row * width + tl.program_id(1) * 2 * BLOCK + tl.arange(0, 2 * BLOCK)
    both = tl.interleave(low, high).to(out.dtype.element_ty)
    tl.store(out + at, both, mask=tl.program_id(1) * 2 * BLOCK + tl.arange(0, 2 * BLOCK) < width)


class TritonInt4Linear(nn.Module):
    """An AwqLinear on a CUDA device. It holds the very tensors of the layer: nothing is packed or copied."""

    def __init__(self, layer: AwqLinear) -> None:
        super().__init__()
        self.shape, self.group_size = layer.shape, layer.group_size
        self.nibbles, self.scales, self.zeros = layer.nibbles, layer.scales, layer.zeros
        self.bias = None if layer.bias is None else layer.bias.detach()

    @staticmethod
    def takes(layer: AwqLinear) -> bool:
        """Whether the kernels have this layer's shape and groups."""
        return layer.group_size in (32, 64, 128) and layer.shape[1] % 8 == 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N) in the dtype of the inputs."""
        rows = x.reshape(-1, x.shape[-1])
        if rows.shape[0] <= MAX_KERNEL_ROWS:
            out = self.product(rows.contiguous())
        else:
            out = F.linear(rows, self.widened(x.dtype), None if self.bias is None else self.bias.to(x.dtype))
        return out.reshape(*x.shape[:-1], -1)

    def product(
        self,
        x: torch.Tensor,
        norm: tuple[torch.Tensor, float] | None = None,
        gated: bool = False,
        residual: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """x (B, K) of few rows, with the fusions of `decode_cuda.gemv`."""
        if x.shape[0] == 1 and x.dtype == torch.bfloat16:
            return self._gemv(x, norm, gated, residual)
        out = self._dot(x if norm is None else norm_rows(x, *norm), residual)
        return gate_rows(out) if gated else out

    def _gemv(
        self,
        x: torch.Tensor,
        norm: tuple[torch.Tensor, float] | None,
        gated: bool,
        residual: torch.Tensor | None,
    ) -> torch.Tensor:
        num_out, width = self.shape
        num_out = num_out // 2 if gated else num_out
        rows = 4 if gated else 8
        out = x.new_empty(1, num_out)
        pairs = x.contiguous().view(torch.int32)
        _int4_gemv[(triton.cdiv(num_out, rows),)](
            pairs, norm[0].to(torch.bfloat16).view(torch.int32) if norm else pairs,
            self.nibbles.view(torch.int32), self.scales, self.zeros,
            x if self.bias is None else self.bias, x if residual is None else residual, out,
            num_out, width // 8, self.scales.shape[1], norm[1] if norm else 0.0,
            NORM=norm is not None, GATED=gated, BIAS=self.bias is not None, RESIDUAL=residual is not None,
            ROWS=rows, BLOCK=128, GROUP=self.group_size, num_warps=1,
        )  # fmt: skip
        return out

    def _dot(self, x: torch.Tensor, residual: torch.Tensor | None) -> torch.Tensor:
        (num_rows, width), num_out = x.shape, self.shape[0]
        num_groups = self.scales.shape[1]
        columns = 64
        num_parts = max(1, min(num_groups, 8, 1024 // triton.cdiv(num_out, columns)))
        each = triton.cdiv(num_groups, num_parts)
        parts = x.new_empty(num_parts, num_rows, num_out, dtype=torch.float32)
        _int4_dot[(triton.cdiv(num_out, columns), num_parts)](
            x, self.nibbles, self.scales, self.zeros, parts, num_rows, num_out, width, num_groups, each,
            M=max(16, triton.next_power_of_2(num_rows)), COLUMNS=columns, GROUP=self.group_size,
            num_warps=4, num_stages=3,
        )  # fmt: skip
        out = x.new_empty(num_rows, num_out)
        _finish[(num_rows, triton.cdiv(num_out, 1024))](
            parts, x if self.bias is None else self.bias, x if residual is None else residual, out,
            num_rows, num_out, num_parts, BIAS=self.bias is not None, RESIDUAL=residual is not None,
            BLOCK=1024,
        )  # fmt: skip
        return out

    def widened(self, dtype: torch.dtype) -> torch.Tensor:
        """The weights (N, K) in a dtype."""
        out = torch.empty(self.shape, dtype=dtype, device=self.nibbles.device)
        _widen_all[(self.shape[0], triton.cdiv(self.shape[1] // 2, 1024))](
            self.nibbles, self.scales, self.zeros, out, self.shape[1], self.scales.shape[1],
            GROUP=self.group_size, BLOCK=1024,
        )  # fmt: skip
        return out
