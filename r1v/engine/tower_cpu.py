"""The vision tower's layers on a CPU for which we have attention of our own.

Enters: a view of a model. Leaves: the same view with layers of the same modules. Always holds: they compute
what the modules compute, in tiles with fewer roundings to bfloat16 in between.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from r1v.models.vision import VisionAttention, VisionLayer, VisionTower
from r1v.ops import select
from r1v.ops.cpu.attention import attend_many
from r1v.ops.isa import Features
from r1v.ops.linear import OneDnnLinear


class TiledLayer(VisionLayer):
    """A block with our own attention, the activation inside the product before it, and sums in one pass."""

    def __init__(self, layer: VisionLayer) -> None:
        nn.Module.__init__(self)
        self.norm1, self.norm2, self.attention, self.mlp = (
            layer.norm1,
            layer.norm2,
            layer.attention,
            layer.mlp,
        )
        self.scale1, self.scale2 = layer.scale1, layer.scale2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(tiles, patches, width) -> the same."""
        mixed = _mix(self.attention.heads(self.norm1(x)))
        x = torch.addcmul(x, self.scale1, self.attention.out(mixed))
        fc1 = cast("OneDnnLinear", self.mlp.fc1)
        inner = fc1.activated(self.norm2(x), self.mlp.activation)
        return torch.addcmul(x, self.scale2, self.mlp.fc2(inner))


class PanelAttention(VisionAttention):
    """A block's attention by our own kernel, for float32."""

    def __init__(self, attention: VisionAttention) -> None:
        nn.Module.__init__(self)
        self.num_heads, self.qkv, self.out = attention.num_heads, attention.qkv, attention.out
        self.q_norm, self.k_norm = attention.q_norm, attention.k_norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(tiles, patches, width) -> the same."""
        if x.dtype != torch.float32:
            return super().forward(x)
        mixed: torch.Tensor = self.out(_mix(self.heads(x)))
        return mixed


def _mix(heads: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Queries, keys and values, (tiles, patches, heads, head_dim) each -> (tiles, patches, width)."""
    return torch.stack([attend_many(*tile) for tile in zip(*heads, strict=True)]).flatten(-2)


def with_native_attention(tower: VisionTower, features: Features) -> None:
    """Let the layers of a view attend by the kernel that `select.many_queries` has for their heads: in tiles
    (`TiledLayer`) only where the products are oneDNN's."""
    head_dim = tower.config.hidden_size // tower.config.num_heads
    kernel = select.many_queries(features, head_dim, tower.class_embedding.dtype).name
    if kernel == "panels":
        for layer in tower.layers:
            layer.attention = PanelAttention(cast("VisionLayer", layer).attention)
        return
    products = [product for layer in tower.layers for product in _products(layer)]
    if kernel == "tiles" and all(isinstance(product, OneDnnLinear) for product in products):
        tower.layers = nn.ModuleList(TiledLayer(cast("VisionLayer", layer)) for layer in tower.layers)


def _products(layer: nn.Module) -> list[nn.Module]:
    layer = cast("VisionLayer", layer)
    return [layer.attention.qkv, layer.attention.out, layer.mlp.fc1, layer.mlp.fc2]
