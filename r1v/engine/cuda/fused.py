"""The language model's decode step on CUDA, from the fused kernels of `ops/cuda/decode.py`.

Enters: one new id of each of B sequences, and where they lie in the cache. Leaves: logits float32 (B, V).
Always holds: it uses the parameters of the modules that it was made from, and computes the same as they do.
"""

from __future__ import annotations

import torch
from torch import nn

from r1v.engine.weights import RunnableModel
from r1v.models.language import LanguageLayer
from r1v.ops.cuda.decode import (
    added_product,
    attend,
    gate_rows,
    norm_rows,
    normed_product,
    rotate_and_store,
)
from r1v.ops.cuda.fp8 import Fp8Linear
from r1v.ops.cuda.int4 import MAX_KERNEL_ROWS, TritonInt4Linear
from r1v.ops.cuda.int4_mma import MmaInt4Linear
from r1v.ops.cuda.paged import DecodeTables, VarlenAttention, num_context_parts
from r1v.ops.paged import PagedCache


class FusedDecoder:
    """Runs the layers of a Qwen2 or Qwen3; linear layers of any kind, plain and 4-bit ones fused."""

    def __init__(self, runnable: RunnableModel, cache: PagedCache, block_size: int) -> None:
        self.language, self.cache, self.block_size = runnable.model.language, cache, block_size

    def __call__(self, ids: torch.Tensor, positions: torch.Tensor, where: DecodeTables) -> torch.Tensor:
        """ids and positions int64 (B,) -> logits float32 (B, V)."""
        language, config = self.language, self.language.config
        rope = language.rope(positions)
        num_splits = num_context_parts(self.cache, len(ids))
        places = (where.tables, where.lengths, where.slots)
        x: torch.Tensor = language.embedding(ids)
        for index, layer in enumerate(language.layers):
            assert isinstance(layer, LanguageLayer)
            attention, mlp = layer.attention, layer.mlp
            norm = (layer.attention_norm.weight, layer.attention_norm.eps)
            qkv = _normed(x, norm, attention.qkv)
            cache = (self.cache.keys[index], self.cache.values[index])
            norms = None
            if attention.q_norm is not None and attention.k_norm is not None:
                norms = (attention.q_norm.weight, attention.k_norm.weight, attention.q_norm.eps)
            mixed = attend(qkv, rope, cache, places, config.num_heads, self.block_size, num_splits, norms)
            x = _added(mixed, attention.out, x)
            norm = (layer.mlp_norm.weight, layer.mlp_norm.eps)
            rounds = isinstance(mlp.down, Fp8Linear)
            x = _added(_normed(x, norm, mlp.gate_up, gated=True, rounds=rounds), mlp.down, x)
        head = language.embedding if language.head is None else language.head
        norm = (language.norm.weight, language.norm.eps)
        return normed_product(x, norm, head.weight, out_dtype=torch.float32)


class FusedPrompts:
    """The decoder layers over any mixture of prompts and single ids; what lies around products and attention
    is fused."""

    def __init__(self, runnable: RunnableModel, cache: PagedCache) -> None:
        self.language, self.cache = runnable.model.language, cache

    def __call__(self, x: torch.Tensor, positions: torch.Tensor, attention: VarlenAttention) -> torch.Tensor:
        """Embeddings x (T, D), positions int64 (T,) -> hidden states (T, D) before the final norm."""
        language, num_heads = self.language, self.language.config.num_heads
        rope = language.rope(positions)
        for index, layer in enumerate(language.layers):
            assert isinstance(layer, LanguageLayer)
            block, mlp = layer.attention, layer.mlp
            qkv = _normed(x, (layer.attention_norm.weight, layer.attention_norm.eps), block.qkv)
            norms = None
            if block.q_norm is not None and block.k_norm is not None:
                norms = (block.q_norm.weight, block.k_norm.weight, block.q_norm.eps)
            cache = (self.cache.keys[index], self.cache.values[index])
            q = rotate_and_store(qkv, rope, cache, attention.slots, num_heads, norms)
            x = _added(attention.attend(index, q).flatten(1), block.out, x)
            rounds = isinstance(mlp.down, Fp8Linear)
            norm = (layer.mlp_norm.weight, layer.mlp_norm.eps)
            x = _added(_normed(x, norm, mlp.gate_up, gated=True, rounds=rounds), mlp.down, x)
        return x


def _normed(
    x: torch.Tensor,
    norm: tuple[torch.Tensor, float],
    layer: nn.Module,
    gated: bool = False,
    rounds: bool = False,
) -> torch.Tensor:
    """Apply a linear layer to the RMSNorm of x (B, D), gated if asked for; where the following layer rounds
    its inputs, it applies the gate itself."""
    if type(layer) is nn.Linear:
        return normed_product(x, norm, layer.weight, layer.bias, gated=gated)
    if isinstance(layer, Fp8Linear):
        wide = layer.normed(x, norm, gated)
        return gate_rows(wide) if gated and not rounds and wide.shape[1] == layer.codes.shape[0] else wide
    if isinstance(layer, MmaInt4Linear | TritonInt4Linear) and x.shape[0] <= MAX_KERNEL_ROWS:
        return layer.product(x, norm, gated)
    out: torch.Tensor = layer(norm_rows(x, *norm))
    return gate_rows(out) if gated else out


def _added(x: torch.Tensor, layer: nn.Module, residual: torch.Tensor) -> torch.Tensor:
    """residual (B, D) plus a linear layer applied to x; layers with a bias are not supported here."""
    if type(layer) is nn.Linear:
        return added_product(x, layer.weight, residual)
    if isinstance(layer, Fp8Linear):
        return layer.added(x, residual)
    if isinstance(layer, MmaInt4Linear | TritonInt4Linear) and x.shape[0] <= MAX_KERNEL_ROWS:
        return layer.product(x, residual=residual)
    out: torch.Tensor = residual + layer(x)
    return out
