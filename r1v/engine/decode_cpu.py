"""The language model's decode step on a CPU, from the kernels of `ops.native`.

Enters: chunks of a few ids each. Leaves: logits of the rows that sample. Always holds: it reads the layers of
the view that it was made of, and computes what they compute; there are four calls a layer, since at the size
of R1V-Nano the calls themselves would otherwise be most of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from r1v.engine.scheduler import Chunk
from r1v.engine.weights import RunnableModel
from r1v.models.language import LanguageLayer, LanguageModel
from r1v.ops import isa, select
from r1v.ops.cpu.native import DecodeAttention, DecodeRows, NativeLinear
from r1v.ops.paged import PagedCache

# Each row reads its whole context anew: longer pieces of prompts go through the model's own modules.
MAX_ROWS_EACH = 16


Norm = tuple[torch.Tensor, float]  # weights and eps


@dataclass(frozen=True, slots=True)
class _Layer:
    """What a decoder block computes with, and its part of the cache."""

    attention_norm: Norm
    qkv: NativeLinear
    head_norms: tuple[torch.Tensor, torch.Tensor, float] | None  # of queries, of keys, eps
    keys: torch.Tensor
    values: torch.Tensor
    out: NativeLinear
    mlp_norm: Norm
    gate_up: NativeLinear
    down: NativeLinear

    @classmethod
    def of(cls, layer: LanguageLayer, keys: torch.Tensor, values: torch.Tensor) -> _Layer | None:
        """None where a linear layer is of another kind."""
        attention, mlp = layer.attention, layer.mlp
        parts = (attention.qkv, attention.out, mlp.gate_up, mlp.down)
        qkv, out, gate_up, down = (part if isinstance(part, NativeLinear) else None for part in parts)
        if qkv is None or out is None or gate_up is None or down is None:
            return None
        norms = None
        if attention.q_norm is not None and attention.k_norm is not None:
            norms = (attention.q_norm.weight, attention.k_norm.weight, attention.q_norm.eps)
        first, second = layer.attention_norm, layer.mlp_norm
        return cls(
            (first.weight, first.eps),
            qkv,
            norms,
            keys,
            values,
            out,
            (second.weight, second.eps),
            gate_up,
            down,
        )


class CpuDecoder:
    """Runs a view whose linear layers are all `NativeLinear`."""

    def __init__(self, language: LanguageModel, layers: Sequence[_Layer], head: NativeLinear) -> None:
        self._language, self._layers, self._head = language, layers, head
        self._norm = (language.norm.weight, language.norm.eps)

    @classmethod
    def of(cls, runnable: RunnableModel, cache: PagedCache) -> CpuDecoder | None:
        """A decoder for this model; None where the kernels do not have its layers."""
        language, head = runnable.model.language, runnable.head
        native = isinstance(head, NativeLinear)
        choice = select.decoder(isa.features(), native, language.config.head_dim, cache.keys.dtype)
        if choice.name != "native" or not isinstance(head, NativeLinear):
            return None
        layers = []
        for layer, keys, values in zip(language.layers, cache.keys, cache.values, strict=True):
            assert isinstance(layer, LanguageLayer)
            found = _Layer.of(layer, keys, values)
            if found is None:
                return None
            layers.append(found)
        return cls(language, layers, head)

    def __call__(self, chunks: Sequence[Chunk], block_size: int) -> torch.Tensor:
        """Logits float32 (rows that sample, V), in the order of the chunks; stores keys and values."""
        ids: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        runs: list[list[tuple[int, int]]] = []
        last: list[int] = []
        for chunk in chunks:
            table = chunk.sequence.table
            ids += chunk.token_ids
            positions += range(chunk.start, chunk.end)
            slots += table.slots(chunk.start, chunk.end, block_size)
            runs += [table.slot_runs(end, block_size) for end in range(chunk.start + 1, chunk.end + 1)]
            if chunk.samples:
                last += range(len(ids) - 1 - chunk.num_drafts, len(ids))
        config = self._language.config
        rows = DecodeRows.of(self._language.rope(torch.tensor(positions)), slots, runs)
        attend = DecodeAttention(rows, (config.num_heads, config.num_kv_heads), config.head_dim)
        hidden = self._run(torch.tensor(ids), attend)
        if len(last) < len(ids):
            hidden = hidden[torch.tensor(last, dtype=torch.int64)]
        return self._head.fused(hidden, self._norm)

    def _run(self, ids: torch.Tensor, attend: DecodeAttention) -> torch.Tensor:
        """The residual stream (rows, D) after all layers, before the final norm."""
        x: torch.Tensor = self._language.embedding(ids)
        for layer in self._layers:
            qkv = layer.qkv.fused(x, layer.attention_norm)
            mixed = attend(qkv, layer.keys, layer.values, layer.head_norms)
            x = layer.out.fused(mixed, residual=x)
            gated = layer.gate_up.fused(x, layer.mlp_norm, gated=True)
            x = layer.down.fused(gated, residual=x)
        return x
