"""Linear layers for inference: the same product as nn.Linear, in a layout that suits the machine.

Enters: weights (N, K) and biases (N,) of a trained layer. Leaves: modules to call. Always holds: the inputs
are (..., K) in any dtype, the outputs (..., N) in the dtype of the inputs; packed weights are copies.

`select` decides which layer is used.
"""

from __future__ import annotations

import warnings

import torch
from torch import nn
from torch.nn import functional as F

from r1v.ops.rounding import quantise_fp8

# rows of 8-bit weights that are widened at a time, because float32 in between takes twice the memory of the
# result
WIDEN_ROWS = 2048


class PlainLinear(nn.Module):
    """A product in the dtype of the weights; the reference."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N)."""
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias).to(x.dtype)


class HalfLinear(nn.Module):
    """Weights in float16, inputs, sums and outputs in float32 (FBGEMM).

    bfloat16 weights between 2**-14 and 65504 are kept exactly, smaller ones to 3e-8; float32 weights lose
    precision and are not meant for it.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        with warnings.catch_warnings():
            # deprecated in favour of quantized::linear_dynamic_fp16, whose wrapper costs 40 us a call more
            warnings.simplefilter("ignore")
            self._packed = torch.fbgemm_pack_gemm_matrix_fp16(weight.float().contiguous())
            self._bias = None if bias is None else bias.float()
            self(weight.new_zeros(1, weight.shape[1], dtype=torch.float32))  # warns once, here

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N)."""
        return torch.fbgemm_linear_fp16_weight_fp32_activation(x.float(), self._packed, self._bias).to(
            x.dtype
        )


class OneDnnLinear(nn.Module):
    """Weights in their own dtype, in the blocked layout of oneDNN."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 1)
        self._dtype = weight.dtype
        self.bias = None if bias is None else bias.to(weight.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N); computed in the dtype of the weights."""
        return self._product(x, "none", "")

    def activated(self, x: torch.Tensor, activation: str) -> torch.Tensor:
        """GELU of the product, computed before it is rounded. activation: as of `models.vision.activate`."""
        return self._product(x, "gelu", "tanh" if activation == "gelu_pytorch_tanh" else "none")

    def _product(self, x: torch.Tensor, after: str, form: str) -> torch.Tensor:
        out: torch.Tensor = torch.ops.mkldnn._linear_pointwise.default(
            x.to(self._dtype), self._packed, self.bias, after, [], form
        )
        return out.to(x.dtype)


class Int4Linear(nn.Module):
    """Weights rounded to 4 bits in groups along K, each with a scale and a zero point (round to nearest).

    Few rows run on torch's int4 kernel. Many rows are limited by arithmetic, at which that kernel is slow, so
    the weights are widened once for all of them. K must be a multiple of 32, N of 32.
    """

    MAX_KERNEL_ROWS = 8

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, group_size: int = 128) -> None:
        super().__init__()
        group_size = next(g for g in (group_size, 64, 32) if weight.shape[1] % g == 0)
        codes, scales, lows = quantise_int4(weight, group_size)
        self._hold(codes, scales.bfloat16().float(), lows + 8 * scales, bias)

    @classmethod
    def from_awq(cls, layer: AwqLinear) -> Int4Linear:
        """A layer's own codes in the kernel's layout. Many rows see its weights exactly; few rows see its
        scales in bfloat16, as the kernel takes them."""
        packed = cls.__new__(cls)
        nn.Module.__init__(packed)
        scales = layer.scales.float()
        zeros = scales * (8 - layer.zeros.float())
        packed._hold(layer.codes(), scales, zeros, layer.bias)
        packed._nibbles = layer.nibbles
        return packed

    def _hold(
        self, codes: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, bias: torch.Tensor | None
    ) -> None:
        """codes (N, K); scales and zeros (N, groups), with weight = scale * (code - 8) + zero."""
        self.group_size = codes.shape[1] // scales.shape[1]
        self._scales, self._zeros = scales, zeros
        self._scales_and_zeros = torch.stack((scales, zeros), -1).transpose(0, 1).contiguous().bfloat16()
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes.int(), 1)
        self._nibbles = pack_nibbles(codes)
        self.bias = None if bias is None else bias.detach().float()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N) in the dtype of the inputs."""
        rows = x.reshape(-1, x.shape[-1])
        if rows.shape[0] <= self.MAX_KERNEL_ROWS:
            out = torch.ops.aten._weight_int4pack_mm_for_cpu.default(
                rows.bfloat16(), self._packed, self.group_size, self._scales_and_zeros
            ).to(x.dtype)
        else:
            out = rows @ self.widened().to(x.dtype).T
        if self.bias is not None:
            out = out + self.bias.to(x.dtype)
        return out.reshape(*x.shape[:-1], -1)

    def widened(self) -> torch.Tensor:
        """The rounded weights, float32 (N, K)."""
        groups = unpack_nibbles(self._nibbles).unflatten(1, (-1, self.group_size)).float() - 8
        return (groups * self._scales.unsqueeze(-1) + self._zeros.unsqueeze(-1)).flatten(1)


class AwqLinear(nn.Module):
    """A layer of a W4A16 checkpoint as it is stored. It is the reference, and widens its weights in every
    call.

    nibbles: codes 0 to 15, two a byte, uint8 (N, K / 2). scales float16 (float32 where that does not hold
    them exactly) and zeros uint8, (N, groups): weight = (code - zero) * scale. bias (N,) or None.
    """

    def __init__(
        self, nibbles: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, bias: torch.Tensor | None
    ) -> None:
        super().__init__()
        self.register_buffer("nibbles", nibbles)
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", zeros)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.nibbles: torch.Tensor
        self.scales: torch.Tensor
        self.zeros: torch.Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K)."""
        return self.nibbles.shape[0], 2 * self.nibbles.shape[1]

    @property
    def group_size(self) -> int:
        """Columns that share a scale."""
        return self.shape[1] // self.scales.shape[1]

    def codes(self) -> torch.Tensor:
        """uint8 (N, K)."""
        return unpack_nibbles(self.nibbles)

    def widened(self) -> torch.Tensor:
        """The weights, float32 (N, K), exact."""
        groups = self.codes().unflatten(1, (-1, self.group_size)).float()
        return ((groups - self.zeros.float().unsqueeze(-1)) * self.scales.float().unsqueeze(-1)).flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N)."""
        return F.linear(x, self.widened().to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class Int8Linear(nn.Module):
    """Weights in 8 bits with a scale for each row, widened on every call.

    weight int8 (N, K), scales float32 (N,): for a vision tower, whose hundreds of rows a call make the
    widening cheap.
    """

    def __init__(self, weight: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scales", scales)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.weight: torch.Tensor
        self.scales: torch.Tensor

    def widened(self, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """The weights (N, K), computed in float32, in a dtype."""
        wide = torch.empty_like(self.weight, dtype=dtype)
        for start in range(0, self.weight.shape[0], WIDEN_ROWS):
            rows = slice(start, start + WIDEN_ROWS)
            wide[rows] = self.weight[rows].float() * self.scales[rows].unsqueeze(-1)
        return wide

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N)."""
        return F.linear(x, self.widened(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class Fp8Reference(nn.Module):
    """Weights and inputs rounded to 8-bit floating point, sums in float32: the slow reference of
    `cuda/fp8.py`, for any device."""

    def __init__(self, layer: nn.Linear | Float8Linear) -> None:
        super().__init__()
        wide = layer.widened() if isinstance(layer, Float8Linear) else layer.weight.detach()
        self._codes, self._scales = quantise_fp8(wide)
        self.bias = layer.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N) in the dtype of the inputs."""
        codes, scales = quantise_fp8(x.reshape(-1, x.shape[-1]))
        sums = F.linear(codes.float(), self._codes.float()) * scales * self._scales[:, 0]
        out = sums if self.bias is None else sums + self.bias.float()
        return out.to(x.dtype).view(*x.shape[:-1], -1)


class Float8Linear(nn.Module):
    """A layer of a checkpoint in 8-bit floating point as it is stored. It is the reference, and widens its
    weights in every call.

    weight e4m3 (N, K). scales float32 (N, groups): value = code * scale of its group, where each group is
    `group_size` neighbouring inputs and the last may be shorter. bias (N,) or None.
    """

    def __init__(
        self, weight: torch.Tensor, scales: torch.Tensor, group_size: int, bias: torch.Tensor | None
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scales", scales)
        self.group_size = group_size
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.weight: torch.Tensor
        self.scales: torch.Tensor

    def widened(self, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """The weights (N, K), computed in float32, in a dtype."""
        num_out, width = self.weight.shape
        wide = torch.empty(num_out, width, dtype=dtype, device=self.weight.device)
        for start in range(0, num_out, WIDEN_ROWS):
            rows = slice(start, start + WIDEN_ROWS)
            scales = self.scales[rows]
            if scales.shape[1] > 1:
                scales = scales.repeat_interleave(self.group_size, 1)[:, :width]
            wide[rows] = self.weight[rows].float() * scales
        return wide

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N)."""
        return F.linear(x, self.widened(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


def pack_nibbles(codes: torch.Tensor) -> torch.Tensor:
    """Codes 0 to 15 (N, K) -> uint8 (N, K / 2), the even columns in the lower halves."""
    codes = codes.to(torch.uint8)
    return codes[:, ::2] | codes[:, 1::2] << 4


def unpack_nibbles(nibbles: torch.Tensor) -> torch.Tensor:
    """What `pack_nibbles` packed, uint8 (N, K)."""
    return torch.stack((nibbles & 15, nibbles >> 4), -1).flatten(1)


def quantise_int4(weight: torch.Tensor, group_size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes 0 to 15, int32 (N, K), scales and lows, float32 (N, K / group_size), with weight ~ code * scale
    + low."""
    groups = weight.float().unflatten(1, (-1, group_size))
    low, high = groups.amin(-1), groups.amax(-1)
    scales = ((high - low) / 15).clamp(min=1e-8)
    codes = ((groups - low.unsqueeze(-1)) / scales.unsqueeze(-1)).round().clamp(0, 15)
    return codes.flatten(1).int(), scales, low
