"""InternViT, the vision tower.

Enters: normalised tiles. Leaves: one vector per patch of the selected layer, CLS dropped. Always holds: q, k
and v are one linear (rows: all q, all k, all v), as the release stores them.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from r1v.core import ImageError
from r1v.models.config import VisionConfig
from r1v.models.norms import RMSNorm, make_norm
from r1v.ops import attention, embed_patches


def activate(x: torch.Tensor, name: str) -> torch.Tensor:
    """GELU, exact or by its tanh form."""
    return F.gelu(x, approximate="tanh" if name == "gelu_pytorch_tanh" else "none")


class VisionAttention(nn.Module):
    """Self-attention over all patches of a tile; optional RMSNorm of q and k over the full width."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=config.qkv_bias)
        self.out = nn.Linear(width, width)
        self.q_norm = RMSNorm(width, config.qk_norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(width, config.qk_norm_eps) if config.qk_norm else None

    def heads(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(tiles, patches, width) -> queries, keys and values, (tiles, patches, heads, head_dim) each."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q).to(v.dtype), self.k_norm(k).to(v.dtype)
        q, k, v = (part.unflatten(-1, (self.num_heads, -1)) for part in (q, k, v))
        return q, k, v

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(tiles, patches, width) -> the same."""
        mixed: torch.Tensor = self.out(attention(*self.heads(x)).flatten(-2))
        return mixed


class VisionMLP(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = config.activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) -> the same."""
        out: torch.Tensor = self.fc2(activate(self.fc1(x), self.activation))
        return out


class VisionLayer(nn.Module):
    """Pre-norm block with a learned scale per channel on each branch."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = make_norm(config.norm_type, config.hidden_size, config.norm_eps)
        self.attention = VisionAttention(config)
        self.norm2 = make_norm(config.norm_type, config.hidden_size, config.norm_eps)
        self.mlp = VisionMLP(config)
        self.scale1 = nn.Parameter(torch.full((config.hidden_size,), config.layer_scale_init))
        self.scale2 = nn.Parameter(torch.full((config.hidden_size,), config.layer_scale_init))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(tiles, patches, width) -> the same."""
        x = x + self.scale1 * self.attention(self.norm1(x))
        return x + self.scale2 * self.mlp(self.norm2(x))


class VisionTower(nn.Module):
    """InternViT up to a chosen hidden state.

    checkpointing: recompute activations in the backward pass, to save memory in training.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden_size
        self.class_embedding = nn.Parameter(torch.zeros(1, 1, width))
        self.position_embedding = nn.Parameter(torch.zeros(1, config.patches_per_side**2 + 1, width))
        self.patch_embedding = nn.Conv2d(3, width, config.patch_size, stride=config.patch_size)
        self.layers = nn.ModuleList(VisionLayer(config) for _ in range(config.num_layers))
        self.checkpointing = False

    def forward(self, pixel_values: torch.Tensor, num_layers: int | None = None) -> torch.Tensor:
        """Tiles (N, 3, S, S), normalised, -> (N, patches, width), row by row, without CLS.

        num_layers: how many layers run; None is all. Raises ImageError for tiles of another size.
        """
        size = self.config.image_size
        if pixel_values.dim() != 4 or tuple(pixel_values.shape[1:]) != (3, size, size):
            raise ImageError(
                f"pixel_values have shape {tuple(pixel_values.shape)}; "
                f"this model takes (tiles, 3, {size}, {size})"
            )
        weight, bias = self.patch_embedding.weight, self.patch_embedding.bias
        assert bias is not None
        patches = embed_patches(pixel_values.to(weight.dtype), weight, bias)
        cls = self.class_embedding.expand(patches.shape[0], -1, -1).to(patches.dtype)
        x = torch.cat((cls, patches), dim=1) + self.position_embedding
        for layer in self.layers[:num_layers]:
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, use_reentrant=False)
            else:
                x = layer(x)
        return x[:, 1:]
