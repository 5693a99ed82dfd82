"""The language model's decode step on CUDA, from the fused kernels of `ops.decode_cuda`.

Enters: one new id of each of B sequences, and where they lie in the cache. Leaves: logits float32 (B, V).
Always holds: it reads the parameters of the very modules it was made of, and computes what they compute.
"""

from __future__ import annotations

import torch
from torch import nn

from r1v.engine.weights import RunnableModel
from r1v.ops.decode_cuda import added_product, attend, normed_product
from r1v.ops.paged import PagedCache
from r1v.ops.paged_cuda import DecodeTables, num_context_parts


class FusedDecoder:
    """Runs the layers of a Qwen2-shaped model whose linear layers hold plain weights."""

    def __init__(self, runnable: RunnableModel, cache: PagedCache, block_size: int) -> None:
        assert self.takes(runnable)
        self.language, self.cache, self.block_size = runnable.model.language, cache, block_size

    @staticmethod
    def takes(runnable: RunnableModel) -> bool:
        """Whether the kernels have this model's layers."""
        language = runnable.model.language
        return not language.config.qk_norm and all(
            type(layer) is nn.Linear
            for block in language.layers
            for layer in (block.attention.qkv, block.attention.out, block.mlp.gate_up, block.mlp.down)
        )

    def __call__(self, ids: torch.Tensor, positions: torch.Tensor, where: DecodeTables) -> torch.Tensor:
        """ids and positions int64 (B,) -> logits float32 (B, V)."""
        language, config = self.language, self.language.config
        rope = language.rope(positions)
        num_splits = num_context_parts(self.cache, len(ids))
        places = (where.tables, where.lengths, where.slots)
        x: torch.Tensor = language.embedding(ids)
        for index, layer in enumerate(language.layers):
            attention, mlp = layer.attention, layer.mlp
            norm = (layer.attention_norm.weight, layer.attention_norm.eps)
            qkv = normed_product(x, norm, attention.qkv.weight, attention.qkv.bias)
            cache = (self.cache.keys[index], self.cache.values[index])
            mixed = attend(qkv, rope, cache, places, config.num_heads, self.block_size, num_splits)
            x = added_product(mixed, attention.out.weight, x)
            norm = (layer.mlp_norm.weight, layer.mlp_norm.eps)
            x = added_product(normed_product(x, norm, mlp.gate_up.weight, gated=True), mlp.down.weight, x)
        head = language.embedding if language.head is None else language.head
        norm = (language.norm.weight, language.norm.eps)
        return normed_product(x, norm, head.weight, out_dtype=torch.float32)
