"""Frozen linear layers in 4 bits, for adapters to learn beside (QLoRA, Dettmers et al. 2023).

Enters: a model on the meta device, later its weights. Leaves: the same model with W4A16 layers, in the form
in which `r1v quantize` stores them (groups along the inputs, a float16 scale and a zero point each), in place
of the frozen linear layers of the language model. Always holds: a layer computes exactly with its widened
weights, forward and backward; everything is in one tensor, with one row for each output, so that processes
share it by rows like any other parameter.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from r1v.core import ConfigError
from r1v.models import R1V
from r1v.ops.linear import WIDEN_ROWS, AwqLinear, pack_nibbles
from r1v.ops.rounding import quantise
from r1v.train.core.distributed import first_row, local, whole

GROUPS = (128, 64, 32)  # the largest that divides the inputs is used where a checkpoint names none


class FourBitLinear(nn.Module):
    """record: each output's codes, scales and zero points, as bytes, held under the dtype bfloat16, (N, R):
    gradients and sharding take floating-point tensors only; nothing is computed with it. bias (N,) or
    None."""

    def __init__(self, rows: int, columns: int, group_size: int, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.rows, self.columns, self.num_groups = rows, columns, columns // group_size
        num_bytes = columns // 2 + 3 * self.num_groups
        empty = torch.empty(rows, -(-num_bytes // 2), dtype=torch.bfloat16, device="meta")
        self.record = nn.Parameter(empty, requires_grad=False)
        self.bias = bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N), in the autocast dtype where there is one."""
        kind = x.device.type
        if torch.is_autocast_enabled(kind):
            x = x.to(torch.get_autocast_dtype(kind))
        out: torch.Tensor = _Product.apply(x, self.record, self)
        return out if self.bias is None else out + self.bias.to(out.dtype)

    def widened(self, record: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Weights (n, K) of some rows of the record (n, R)."""
        wide = torch.empty(len(record), self.columns, dtype=dtype, device=record.device)
        for start in range(0, len(record), WIDEN_ROWS):  # float32 in between would take twice the memory
            rows = slice(start, start + WIDEN_ROWS)
            wide[rows] = AwqLinear(*self._parts(record[rows]), None).widened()
        return wide

    def weight(self) -> torch.Tensor:
        """All weights, float32 (N, K), gathered by all processes together."""
        return self.widened(whole(self.record), torch.float32)

    def _parts(self, record: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Nibbles, scales and zeros as `AwqLinear` has them."""
        data = record.view(torch.uint8)
        codes, tables = self.columns // 2, self.columns // 2 + 2 * self.num_groups
        scales = data[:, codes:tables].contiguous().view(torch.float16)
        return data[:, :codes], scales, data[:, tables : tables + self.num_groups]

    @torch.no_grad()
    def fill(self, nibbles: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor, start: int = 0) -> None:
        """Take those of the given rows, which begin at ``start``, that belong to this process."""
        own, first = local(self.record.data), first_row(self.record.data)
        low, high = max(start, first), min(start + len(nibbles), first + len(own))
        if low >= high:
            return
        rows = slice(low - start, high - start)
        parts = [nibbles[rows], scales[rows].half().contiguous().view(torch.uint8), zeros[rows]]
        data = torch.cat([part.to(own.device) for part in parts], 1)
        target = own[low - first : high - first].view(torch.uint8)
        target[:, : data.shape[1]] = data

    def fill_rounded(self, weight: torch.Tensor, start: int) -> None:
        """As `fill`, from plain weights (n, K), each rounded to the nearest code."""
        found = quantise(weight, self.columns // self.num_groups)
        self.fill(pack_nibbles(found.codes), found.scales, found.zeros, start)


class _Product(torch.autograd.Function):
    """x W^T, with W widened in the forward pass and again in the backward pass, so that only the record is
    kept."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, record: torch.Tensor, layer: FourBitLinear) -> torch.Tensor:
        ctx.save_for_backward(record)
        ctx.layer, ctx.dtype = layer, x.dtype
        return F.linear(x, layer.widened(record, x.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:  # type: ignore[override]
        (record,) = ctx.saved_tensors
        return gradient.to(ctx.dtype) @ ctx.layer.widened(record, ctx.dtype), None, None


class FourBitAdapter(nn.Module):
    """A 4-bit layer with a low-rank adapter, under the names that peft gives its own."""

    def __init__(self, base: FourBitLinear, rank: int, alpha: int) -> None:
        super().__init__()
        self.base_layer = base
        down = nn.Linear(base.columns, rank, bias=False, device="meta")
        up = nn.Linear(rank, base.rows, bias=False, device="meta")
        self.lora_A, self.lora_B = nn.ModuleDict({"default": down}), nn.ModuleDict({"default": up})
        self.scaling = {"default": alpha / rank}
        self._disable_adapters = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N)."""
        out: torch.Tensor = self.base_layer(x)
        if self._disable_adapters:
            return out
        down, up = self.lora_A["default"], self.lora_B["default"]
        assert isinstance(down, nn.Linear)
        more = up(down(x.to(down.weight.dtype))) * self.scaling["default"]
        return out + more.to(out.dtype)


def hold_in_four_bits(model: R1V, group_size: int = 0) -> None:
    """Put 4-bit layers, without values yet, in place of the frozen linear layers of the language model's
    blocks. group_size: columns that share a scale; 0: the largest of GROUPS that divides them.

    ConfigError: none is frozen, or no group size divides a layer's inputs.
    """
    found = 0
    for index, block in enumerate(model.language.layers):
        for name, layer in list(block.named_modules()):
            if not isinstance(layer, nn.Linear) or layer.weight.requires_grad:
                continue
            rows, columns = layer.weight.shape
            group = group_size or next((one for one in GROUPS if columns % one == 0), 0)
            if not group or columns % group or columns % 2:
                raise ConfigError(
                    f"model.four_bit: llm.layers.{index}.{name} has {columns} inputs, which groups of "
                    f"{group_size or ', '.join(map(str, GROUPS))} do not divide"
                )
            owner, _, leaf = name.rpartition(".")
            setattr(block.get_submodule(owner), leaf, FourBitLinear(rows, columns, group, layer.bias))
            found += 1
    if not found:
        raise ConfigError(
            "model.four_bit stores frozen weights in 4 bits, but all of llm is trained and nothing is "
            'frozen; set model.train=[] and model.lora=["llm"]'
        )


def four_bit_layers(model: nn.Module) -> dict[str, FourBitLinear]:
    """The 4-bit layers by name; adapters around them are not part of the names."""
    return {
        name.removesuffix(".base_layer"): module
        for name, module in model.named_modules()
        if isinstance(module, FourBitLinear)
    }
