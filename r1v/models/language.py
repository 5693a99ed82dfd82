"""The language model: a dense Qwen2 or Qwen3 decoder.

Enters: input embeddings, positions and an Attention. Leaves: hidden states, logits. Always holds: q, k and v
are one linear (rows: q, k, v), gate and up are one (rows: gate, up); attention is the caller's, so that
training, the engine and its cache share this one definition.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from r1v.models.config import LanguageConfig
from r1v.models.norms import RMSNorm
from r1v.ops import Attention, rope_frequencies, rope_table, rotate


class LanguageAttention(nn.Module):
    """Projections, per-head norms and rotation around an attention that is passed in."""

    def __init__(self, config: LanguageConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.head_dim = config.head_dim
        self.heads = (config.num_heads, config.num_kv_heads)
        width = (config.num_heads + 2 * config.num_kv_heads) * config.head_dim
        self.qkv = nn.Linear(config.hidden_size, width, bias=config.qkv_bias)
        self.out = nn.Linear(config.num_heads * config.head_dim, config.hidden_size, bias=False)
        self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps) if config.qk_norm else None

    def forward(
        self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """x (B, T, D), cos and sin (B, T, head_dim / 2) -> (B, T, D)."""
        out: torch.Tensor = self.out(self.mix(self.qkv(x), cos, sin, attention))
        return out

    def mix(
        self, qkv: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """Attention between the two products. qkv: queries, keys and values (B, T, (H + 2 Hkv) * head_dim) ->
        (B, T, H * head_dim)."""
        num_heads, num_kv_heads = self.heads
        qkv = qkv.unflatten(-1, (-1, self.head_dim))
        v = qkv[..., num_heads + num_kv_heads :, :]
        if self.q_norm is not None and self.k_norm is not None:
            q = self.q_norm(qkv[..., :num_heads, :])
            k = self.k_norm(qkv[..., num_heads : num_heads + num_kv_heads, :])
            q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        else:
            # q and k lie side by side, so one rotation serves both
            q, k = rotate(qkv[..., : num_heads + num_kv_heads, :], cos, sin).split(self.heads, dim=-2)
        return attention(self.index, q, k, v).flatten(-2)


class LanguageMLP(nn.Module):
    """SwiGLU."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., D) -> the same."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        out: torch.Tensor = self.down(F.silu(gate) * up)
        return out


class LanguageLayer(nn.Module):
    """Pre-norm decoder block."""

    def __init__(self, config: LanguageConfig, index: int) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.attention = LanguageAttention(config, index)
        self.mlp_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = LanguageMLP(config)

    def forward(
        self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """x (B, T, D) -> the same."""
        x = x + self.attention(self.attention_norm(x), cos, sin, attention)
        return x + self.mlp(self.mlp_norm(x))


class LanguageModel(nn.Module):
    """Embedding, decoder layers, final norm and output matrix.

    head is None where the output matrix is the embedding. checkpointing: recompute activations in the
    backward pass, to save memory in training.
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(LanguageLayer(config, index) for index in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.head = None if config.tied else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.checkpointing = False
        # not a buffer: those would lose precision in .to(bfloat16) and have no values on the meta device
        self._frequencies: dict[torch.device, torch.Tensor] = {}
        self._rope_scale = 1.0

    def rope(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of integer positions (...), each float32 (..., head_dim / 2)."""
        device = positions.device
        if device not in self._frequencies:
            frequencies, self._rope_scale = rope_frequencies(self.config.rope, self.config.head_dim)
            self._frequencies[device] = frequencies.to(device)
        return rope_table(positions, self._frequencies[device], self._rope_scale)

    def forward(
        self, inputs_embeds: torch.Tensor, positions: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """inputs_embeds (B, T, D), positions int64 (B, T) -> hidden states (B, T, D) after the final norm."""
        cos, sin = self.rope(positions)
        x = inputs_embeds
        for layer in self.layers:
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, cos, sin, attention, use_reentrant=False)
            else:
                x = layer(x, cos, sin, attention)
        out: torch.Tensor = self.norm(x)
        return out

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """hidden (..., D) after the final norm -> (..., vocab_size)."""
        return F.linear(hidden, self.embedding.weight if self.head is None else self.head.weight)
