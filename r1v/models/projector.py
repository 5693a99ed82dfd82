"""From vision features to rows of the language model's input: pixel shuffle, then a two-layer MLP.

Enters: one vector per patch. Leaves: one vector per image token, in the language model's width.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from r1v.core import ConfigError
from r1v.models.config import R1VConfig
from r1v.models.vision import activate


def pixel_shuffle(x: torch.Tensor, factor: int, version: Literal["v1", "v2"]) -> torch.Tensor:
    """Merge factor x factor neighbouring patches into one token of factor² times the width.

    x (N, side², C), row by row -> (N, (side / factor)², C * factor²). Channels are ordered (row within the
    block, column within the block, channel). v1 gives the tokens column by column, v2 row by row.
    """
    tiles, patches, _ = x.shape
    side = round(patches**0.5)
    blocks = side // factor
    x = x.reshape(tiles, blocks, factor, blocks, factor, -1)
    order = (0, 1, 3, 2, 4, 5) if version == "v2" else (0, 3, 1, 2, 4, 5)
    return x.permute(order).reshape(tiles, blocks * blocks, -1)


class Projector(nn.Module):
    """LayerNorm, linear, GELU, linear (the release's ``mlp1``)."""

    def __init__(self, config: R1VConfig) -> None:
        super().__init__()
        if config.vision is None:
            raise ConfigError("a language model alone has no projector; give one with a vision tower")
        width_in = config.vision.hidden_size * config.downsample**2
        width_out = config.language.hidden_size
        self.factor = config.downsample
        self.version = config.shuffle_version
        self.activation = config.projector_activation
        self.norm = nn.LayerNorm(width_in)
        self.fc1 = nn.Linear(width_in, width_out)
        self.fc2 = nn.Linear(width_out, width_out)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, patches, vision width) -> (N, tokens per tile, language width)."""
        x = self.norm(pixel_shuffle(features, self.factor, self.version))
        out: torch.Tensor = self.fc2(activate(self.fc1(x), self.activation))
        return out
