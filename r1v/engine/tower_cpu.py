"""The vision tower's layers on a CPU that multiplies bfloat16 in tiles.

Enters: a view whose linear layers are `OneDnnLinear`. Leaves: the same view with layers of the same modules.
Always holds: they compute what the modules compute, with fewer roundings to bfloat16 in between.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from r1v.models.vision import VisionLayer, VisionTower
from r1v.ops import select
from r1v.ops.cpu.tiled import tiled_attention
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
        heads = self.attention.heads(self.norm1(x))
        mixed = torch.stack([tiled_attention(*tile) for tile in zip(*heads, strict=True)])
        x = torch.addcmul(x, self.scale1, self.attention.out(mixed.flatten(-2)))
        fc1 = cast("OneDnnLinear", self.mlp.fc1)
        inner = fc1.activated(self.norm2(x), self.mlp.activation)
        return torch.addcmul(x, self.scale2, self.mlp.fc2(inner))


def with_tiled_layers(tower: VisionTower, features: Features) -> None:
    """Put a `TiledLayer` in the place of each layer of a view whose products are oneDNN's, where
    `select.many_queries` has tiles for its heads."""
    head_dim = tower.config.hidden_size // tower.config.num_heads
    if select.many_queries(features, head_dim, tower.class_embedding.dtype).name != "tiles":
        return
    if all(isinstance(product, OneDnnLinear) for layer in tower.layers for product in _products(layer)):
        tower.layers = nn.ModuleList(TiledLayer(cast("VisionLayer", layer)) for layer in tower.layers)


def _products(layer: nn.Module) -> list[nn.Module]:
    layer = cast("VisionLayer", layer)
    return [layer.attention.qkv, layer.attention.out, layer.mlp.fc1, layer.mlp.fc2]
