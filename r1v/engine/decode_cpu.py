"""The language model's decode step on a CPU, one call of our library.

Enters: chunks of a few ids each. Leaves: logits of the rows that sample. Always holds: it uses the weights of
the model view that it was made from, and computes the same as the modules of that view.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from r1v.engine.scheduler import Chunk, StepIds
from r1v.engine.weights import RunnableModel
from r1v.models.language import LanguageLayer, LanguageModel
from r1v.ops import isa, rope_frequencies, select
from r1v.ops.cpu.native import NativeLinear, NativeStep, StepLayer, StepRows
from r1v.ops.paged import PagedCache

# Each row reads its whole context again, so longer pieces of prompts go through the model's own modules.
MAX_ROWS_EACH = 16


class CpuDecoder:
    """Runs a view whose linear layers are all `NativeLinear`."""

    def __init__(self, step: NativeStep) -> None:
        self._step = step

    @classmethod
    def of(cls, runnable: RunnableModel, cache: PagedCache) -> CpuDecoder | None:
        """A decoder for this model; None where `select.decoder` has none."""
        language, head = runnable.model.language, runnable.head
        config = language.config
        native = isinstance(head, NativeLinear) and all(
            isinstance(part, NativeLinear) for layer in language.layers for part in _products(layer)
        )
        choice = select.decoder(isa.features(), native, config.head_dim, cache.keys.dtype)
        if choice.name != "native":
            return None
        assert isinstance(head, NativeLinear)
        embedding = language.embedding.weight.detach()
        rope = rope_frequencies(config.rope, config.head_dim)
        heads = (config.num_heads, config.num_kv_heads)
        norm = language.norm
        return cls(
            NativeStep(_step_layers(language, cache), head, embedding, rope, heads, norm.weight, norm.eps)
        )

    def __call__(
        self, chunks: Sequence[Chunk], block_size: int, embeds: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits float32 (rows that sample, V), in the order of the chunks; stores keys and values.

        embeds: float32 (rows, D) in place of the ids' own embeddings, for chunks of any length. The result of
        a row then does not depend on the other rows: a few rows are computed at a time, our products sum them
        in the same order whatever their number, and attention is summed block by block, even where blocks lie
        side by side.
        """
        step = StepIds.of(chunks, block_size)
        runs = [
            chunk.sequence.table.slot_runs(end, block_size)
            for chunk in chunks
            for end in range(chunk.start + 1, chunk.end + 1)
        ]
        if embeds is None:
            return self._step(StepRows(step.token_ids, step.positions, step.slots, runs, step.sampled))
        runs = [_by_block(each, block_size) for each in runs]
        logits = []
        for first in range(0, len(runs), select.FEW_ROWS):
            end = min(first + select.FEW_ROWS, len(runs))
            wanted = [row - first for row in step.sampled if first <= row < end]
            rows = StepRows(
                range(end - first), step.positions[first:end], step.slots[first:end], runs[first:end], wanted
            )
            logits.append(self._step(rows, embeds[first:end].float().contiguous()))
        return torch.cat(logits)


def _by_block(runs: Sequence[tuple[int, int]], block_size: int) -> list[tuple[int, int]]:
    """Runs of slots (first, number), each of which begins a block, cut into their blocks."""
    return [
        (first + done, min(block_size, number - done))
        for first, number in runs
        for done in range(0, number, block_size)
    ]


def _products(layer: torch.nn.Module) -> tuple[torch.nn.Module, ...]:
    """The linear layers of a decoder block."""
    assert isinstance(layer, LanguageLayer)
    return layer.attention.qkv, layer.attention.out, layer.mlp.gate_up, layer.mlp.down


def _step_layers(language: LanguageModel, cache: PagedCache) -> list[StepLayer]:
    """The decoder layers in the form in which one call of the library takes them."""
    layers = []
    for layer, keys, values in zip(language.layers, cache.keys, cache.values, strict=True):
        assert isinstance(layer, LanguageLayer)
        attention = layer.attention
        qkv, out, gate_up, down = (part for part in _products(layer) if isinstance(part, NativeLinear))
        norms = None
        if attention.q_norm is not None and attention.k_norm is not None:
            norms = (attention.q_norm.weight, attention.k_norm.weight)
        layers.append(
            StepLayer(
                attention_norm=layer.attention_norm.weight, qkv=qkv, head_norms=norms, keys=keys,
                values=values, out=out, mlp_norm=layer.mlp_norm.weight, gate_up=gate_up, down=down,
            )
        )  # fmt: skip
    return layers
