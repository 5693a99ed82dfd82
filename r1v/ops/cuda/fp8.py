"""Linear layers in 8-bit floating point (e4m3) on GPUs that multiply it: Hopper, Ada, Blackwell.

Enters: rows x (..., K) in 16 bits. Leaves: x @ weight.T + bias in the same dtype. Always holds: a weight is
its code times a scale of its output, an input of several rows is its code times a scale of its row, so rows
do not affect each other; a single row is not rounded, because its cost is only the reading of the weights.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import nn
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from r1v.ops.cuda.decode import GEMV_MAX_ROWS, early, gemv
from r1v.ops.linear import Float8Linear
from r1v.ops.rounding import FP8, quantise_fp8


@triton.jit
def _quantise_rows(  # type: ignore[no-untyped-def]
    x, norm, codes, scales, width, eps,
    NORM: tl.constexpr, GATED: tl.constexpr, BLOCK: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Codes and scale of one row; of its RMSNorm, or of silu of its first half times its second."""
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    row = tl.program_id(0).to(tl.int64)
    factor = 1.0
    start_of_row = x + row * width
    if GATED:
        start_of_row = x + row * 2 * width
    if NORM:
        squares = tl.zeros([BLOCK], tl.float32)
        for start in range(0, width, BLOCK):
            columns = start + tl.arange(0, BLOCK)
            value = tl.load(start_of_row + columns, mask=columns < width, other=0.0).to(tl.float32)
            squares += value * value
        factor = 1.0 / tl.sqrt(tl.sum(squares, 0) / width + eps)
    largest = tl.zeros([BLOCK], tl.float32)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        known = columns < width
        value = tl.load(start_of_row + columns, mask=known, other=0.0).to(tl.float32)
        if NORM:
            value *= factor * tl.load(norm + columns, mask=known, other=0.0).to(tl.float32)
        if GATED:
            up = tl.load(start_of_row + width + columns, mask=known, other=0.0).to(tl.float32)
            value = value * tl.sigmoid(value) * up
        largest = tl.maximum(largest, tl.abs(value))
    scale = tl.maximum(tl.max(largest, 0) / 448.0, 1e-12)
    tl.store(scales + row, scale)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        known = columns < width
        value = tl.load(start_of_row + columns, mask=known, other=0.0).to(tl.float32)
        if NORM:
            value *= factor * tl.load(norm + columns, mask=known, other=0.0).to(tl.float32)
        if GATED:
            up = tl.load(start_of_row + width + columns, mask=known, other=0.0).to(tl.float32)
            value = value * tl.sigmoid(value) * up
        value = tl.minimum(tl.maximum(value / scale, -448.0), 448.0)
        tl.store(codes + row * width + columns, value.to(codes.dtype.element_ty), mask=known)


def quantise_rows(
    x: torch.Tensor, norm: tuple[torch.Tensor, float] | None = None, gated: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (M, K) and scales (M, 1) of x (M, K), of its RMSNorm, or of its gate (x is (M, 2 K) then)."""
    width = x.shape[1] // 2 if gated else x.shape[1]
    codes = torch.empty(x.shape[0], width, dtype=FP8, device=x.device)
    scales = torch.empty(x.shape[0], 1, dtype=torch.float32, device=x.device)
    _quantise_rows[(x.shape[0],)](
        x, norm[0] if norm else x, codes, scales, width, norm[1] if norm else 0.0,
        NORM=norm is not None, GATED=gated, BLOCK=2048, num_warps=8, **early(x.device),
    )  # fmt: skip
    return codes, scales


_FEW_ROWS = 128


def _pad(codes: torch.Tensor) -> torch.Tensor:
    """Pad rows to a multiple of 16, as cuBLAS requires; the values in the new rows do not matter."""
    out = codes.new_empty(-(-codes.shape[0] // 16) * 16, codes.shape[1])
    out[: codes.shape[0]].copy_(codes)
    return out


@triton.jit
def _rescale(sums, row_scales, out_scales, bias, out, width, BIAS: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    known = columns < width
    value = tl.load(sums + row * width + columns, mask=known, other=0.0).to(tl.float32)
    value *= tl.load(row_scales + row) * tl.load(out_scales + columns, mask=known, other=0.0)
    if BIAS:
        value += tl.load(bias + columns, mask=known, other=0.0).to(tl.float32)
    tl.store(out + row * width + columns, value.to(out.dtype.element_ty), mask=known)


def rescale(
    sums: torch.Tensor,
    row_scales: torch.Tensor,
    out_scales: torch.Tensor,
    bias: torch.Tensor | None,
    dtype: torch.dtype,
) -> torch.Tensor:
    """sums (M, N) times row_scales (M, 1) and out_scales (N,), plus bias (N,), in dtype."""
    rows, width = sums.shape
    out = sums.new_empty(rows, width, dtype=dtype)
    _rescale[(rows, triton.cdiv(width, 1024))](
        sums, row_scales, out_scales, out_scales if bias is None else bias, out, width,
        BIAS=bias is not None, BLOCK=1024, num_warps=4,
    )  # fmt: skip
    return out


class Fp8Linear(nn.Module):
    """A linear layer with codes and scales in place of its weight."""

    def __init__(self, codes: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None) -> None:
        """codes e4m3 (N, K), N and K multiples of 16; scales float32 (N,); bias (N,)."""
        super().__init__()
        self.codes: torch.Tensor
        self.scales: torch.Tensor
        self.bias: torch.Tensor | None
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", bias)

    @classmethod
    def of(cls, layer: nn.Linear | Float8Linear) -> Fp8Linear:
        """The codes of a layer that has a scale for each output; any other layer is rounded."""
        bias = None if layer.bias is None else layer.bias.detach()
        if isinstance(layer, Float8Linear) and layer.scales.shape[1] == 1:
            return cls(layer.weight.detach(), layer.scales[:, 0].contiguous(), bias)
        wide = layer.widened(torch.bfloat16) if isinstance(layer, Float8Linear) else layer.weight
        codes, scales = quantise_fp8(wide.detach())
        return cls(codes, scales[:, 0], bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N)."""
        flat = x.reshape(-1, x.shape[-1])
        return self.product(*quantise_rows(flat.contiguous()), x.dtype).view(*x.shape[:-1], -1)

    def product(self, codes: torch.Tensor, scales: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Rows in codes (M, K), with their scales (M, 1) -> (M, N)."""
        rows, (num_out, width) = codes.shape[0], self.codes.shape
        if rows <= _FEW_ROWS and width >= 2 * num_out:
            # few outputs of many inputs: cuBLAS shares the sums among multiprocessors, but takes one scale
            padded = codes if rows % 16 == 0 else _pad(codes)
            one = scales.new_ones(())
            sums = torch._scaled_mm(
                padded, self.codes.t(), one, one, out_dtype=torch.bfloat16, use_fast_accum=True
            )
            return rescale(sums[:rows], scales, self.scales, self.bias, dtype)
        out: torch.Tensor = torch._scaled_mm(
            codes, self.codes.t(), scale_a=scales, scale_b=self.scales[None], out_dtype=torch.bfloat16,
            use_fast_accum=True,
        )  # fmt: skip
        return (out if self.bias is None else out + self.bias).to(dtype)

    def normed(self, x: torch.Tensor, norm: tuple[torch.Tensor, float], gated: bool) -> torch.Tensor:
        """Of the RMSNorm of x (M, K). gated: the next layer takes silu of the first half times the second,
        and a single row comes gated already; other rows are gated where they are rounded."""
        if x.shape[0] <= GEMV_MAX_ROWS:
            return gemv(x, self.codes, self.bias, norm=norm, gated=gated, scales=self.scales)
        return self.product(*quantise_rows(x, norm), x.dtype)

    def added(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """residual (M, N) + the product of x (M, K), or of its gate where x is (M, 2 K)."""
        if x.shape[0] <= GEMV_MAX_ROWS:
            return gemv(x, self.codes, self.bias, residual=residual, scales=self.scales)
        return residual + self.product(*quantise_rows(x, gated=x.shape[1] != self.codes.shape[1]), x.dtype)
