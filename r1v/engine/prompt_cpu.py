"""The language model's layers for prompts on a CPU: norms, gates and sums inside the products.

Enters: a view whose linear layers are `NativeLinear`. Leaves: the same view with layers of the same modules.
Always holds: they compute what the modules compute, in another order of rounding. Where one of the products
leaves so many rows to torch (`select.many_rows`), the modules run as they are.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from r1v.models.language import Attention, LanguageLayer, LanguageModel
from r1v.ops.cpu.native import NativeLinear


class NativeLayer(LanguageLayer):
    """A decoder block of native products. Between modules each norm, gate and sum reads and writes all rows
    once more, which for hundreds of rows costs as much as a product."""

    def __init__(self, layer: LanguageLayer) -> None:
        nn.Module.__init__(self)
        self.attention_norm, self.mlp_norm = layer.attention_norm, layer.mlp_norm
        self.attention, self.mlp = layer.attention, layer.mlp
        self._norms = [
            (norm.weight.detach().float(), norm.eps) for norm in (self.attention_norm, self.mlp_norm)
        ]
        self._from_rows = min(product.many.from_rows for product in _products(layer))

    def forward(
        self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """x (B, T, D) -> the same."""
        if x.dtype != torch.float32 or x.shape[:-1].numel() >= self._from_rows:
            return super().forward(x, cos, sin, attention)
        qkv, out, gate_up, down = _products(self)
        mixed = self.attention.mix(qkv.fused(x, self._norms[0]), cos, sin, attention)
        x = out.fused(mixed, residual=x.contiguous())
        return down.fused(gate_up.fused(x, self._norms[1], gated=True), residual=x)


def with_native_layers(language: LanguageModel) -> None:
    """Put a `NativeLayer` in the place of each layer of a view that has native products alone."""
    if all(isinstance(product, NativeLinear) for layer in language.layers for product in _products(layer)):
        language.layers = nn.ModuleList(
            NativeLayer(cast("LanguageLayer", layer)) for layer in language.layers
        )


def _products(layer: nn.Module) -> list[NativeLinear]:
    layer = cast("LanguageLayer", layer)
    found = layer.attention.qkv, layer.attention.out, layer.mlp.gate_up, layer.mlp.down
    return cast("list[NativeLinear]", list(found))
