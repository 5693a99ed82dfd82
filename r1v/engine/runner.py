"""One pass of the model over a step: tiles to features, ids to logits.

Enters: a `Step`. Leaves: logits float32 of the rows that sample. Always holds: the keys and values of every
id in the step are in the cache afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

import torch

from r1v.core import ConfigError
from r1v.engine.config import EngineConfig, EngineIds
from r1v.engine.decode_cpu import MAX_ROWS_EACH, CpuDecoder
from r1v.engine.sampler import Row, Sampler
from r1v.engine.scheduler import Chunk, Step, StepIds
from r1v.engine.tiles import TileCache
from r1v.engine.weights import RunnableModel
from r1v.ops import Attention, isa
from r1v.ops.paged import PagedAttentionReference, PagedCache, RunAttention, Span
from r1v.ops.sampling import to_device
from r1v.ops.select import many_queries, paged_attention

if TYPE_CHECKING:  # their kernels need Triton, which comes with CUDA
    from r1v.engine.cuda.fused import FusedPrompts
    from r1v.engine.cuda.graphs import DecodeGraphs
    from r1v.engine.cuda.sampler import CudaSampler, DrawnRows
    from r1v.ops.cuda.paged import VarlenAttention

AttentionPath: TypeAlias = Callable[[PagedCache, torch.Tensor, Sequence[Span]], Attention]


def attention_for(cache: PagedCache, weights: torch.dtype) -> AttentionPath:
    """The fastest attention over a cache, for a model with weights of a dtype."""
    choice = paged_attention(cache.keys.device.type, cache.keys.dtype).name
    if choice == "varlen":
        from r1v.ops.cuda.paged import VarlenAttention

        return VarlenAttention
    if choice != "runs":
        return PagedAttentionReference
    kernel = many_queries(isa.features(), cache.keys.shape[-1], weights).name
    takes = {"tiles": (torch.float32, torch.bfloat16), "panels": (torch.float32,)}.get(kernel, ())
    return partial(RunAttention, native=cache.keys.dtype in takes)


def make_sampler(
    vocab_size: int, ids: EngineIds, device: torch.device, max_num_seqs: int
) -> tuple[Sampler | CudaSampler, CudaSampler | None]:
    """The sampler for a device; on a CUDA device it is returned a second time, as the sampler that draws
    inside graphs."""
    if device.type != "cuda":
        return Sampler(vocab_size, ids, device), None
    from r1v.engine.cuda.sampler import CudaSampler

    found = CudaSampler(vocab_size, ids, device, max_num_seqs)
    return found, found


class Runner:
    """Holds the model to run, the cache and the encoded tiles."""

    def __init__(
        self,
        runnable: RunnableModel,
        cache: PagedCache,
        tiles: TileCache,
        config: EngineConfig,
        sampler: CudaSampler | None = None,
    ) -> None:
        """sampler: the one of a CUDA device, which draws inside captured steps; None elsewhere."""
        self.runnable, self.cache, self.tiles = runnable, cache, tiles
        self._sampler = sampler
        self._block_size = config.block_size
        self._device = cache.keys.device
        self._attention = attention_for(cache, runnable.model.language.embedding.weight.dtype)
        self._graphs: DecodeGraphs | None = None
        if sampler is not None and config.cuda_graphs:
            from r1v.engine.cuda.graphs import DecodeGraphs

            assert config.max_model_len is not None
            max_blocks = -(-config.max_model_len // config.block_size)
            self._graphs = DecodeGraphs(
                runnable,
                cache,
                config.block_size,
                config.max_num_seqs,
                max_blocks,
                sampler,
                config.fused_kernels,
            )
        self._decoder = CpuDecoder.of(runnable, cache)
        self._deterministic = config.deterministic
        if config.deterministic and self._decoder is None:
            raise ConfigError(
                "deterministic needs the decode step of our compiled kernels, which cannot run this model; "
                "r1v inspect --kernels says why"
            )
        self._fuses = config.fused_kernels
        self._prompts = self._fused_prompts()
        self.num_encoded = 0

    def _fused_prompts(self) -> FusedPrompts | None:
        """The fused layers for steps with prompts, where the attention is one that they can use."""
        fits = paged_attention(self._device.type, self.cache.keys.dtype).name == "varlen"
        if not (fits and self._fuses):
            return None
        from r1v.engine.cuda.fused import FusedPrompts

        return FusedPrompts(self.runnable, self.cache)

    def capture_ahead(self) -> None:
        """Capture the usual decode steps now, where steps are captured."""
        if self._graphs is not None:
            with torch.inference_mode():
                self._graphs.capture_ahead()

    @property
    def draws(self) -> bool:
        """Whether decode steps can be launched together with their sampling (see `draw`)."""
        return self._graphs is not None

    def draw(
        self, chunks: Sequence[Chunk], rows: Sequence[Row], sources: Sequence[int] | None = None
    ) -> DrawnRows:
        """Launch a captured decode step and the drawing of its ids. See `flight.Device`."""
        from r1v.engine.cuda.sampler import DrawnRows

        assert self._graphs is not None and self._sampler is not None
        lines = self._sampler.lines(rows, unread=sources is not None)
        ids, chances, logits = self._graphs(chunks, lines, sources)
        return DrawnRows.of(rows, ids, chances, lines.errors, logits)

    def join(self, logits: torch.Tensor, rows: Sequence[Row], place: int) -> DrawnRows:
        """Draw beside the captured step that was launched last. See `flight.Device`."""
        assert self._graphs is not None and self._sampler is not None
        drawn = self._sampler.draw(logits, rows)
        self._graphs.append(drawn.ids, place)
        return drawn

    def weights_changed(self, runnable: RunnableModel) -> None:
        """Use another model of the same shape from now on."""
        if self._graphs is not None and runnable.model is not self.runnable.model:
            self._graphs.clear(runnable)
        self.runnable = runnable
        self._decoder = CpuDecoder.of(runnable, self.cache)
        self._prompts = self._fused_prompts()

    def __call__(self, step: Step) -> torch.Tensor:
        """Logits (rows, V) of the rows that sample, in the order of the chunks (see `sampler.rows_of`)."""
        if self._deterministic:
            return self._in_one_way(step)
        if self._decoder is not None and all(
            len(chunk.token_ids) <= MAX_ROWS_EACH and not chunk.tiles for chunk in step.chunks
        ):
            return self._decoder(step.chunks, self._block_size)
        self._encode(step)
        rows, spans = StepIds.of(step.chunks, self._block_size), self._spans(step.chunks)
        # in one copy from memory that the device reads by itself, so that the host need not wait for it
        input_ids, where, slots = to_device([rows.token_ids, rows.positions, rows.slots], self._device)
        attention = self._attention(self.cache, slots, spans)
        embeds = self.runnable.model.embed(input_ids.unsqueeze(0), self._features(step.chunks))
        self.tiles.trim()
        sampled = to_device(rows.sampled, self._device, torch.int64)
        if self._prompts is not None and len(rows.token_ids) > 1:
            hidden = self._prompts(embeds[0], where, cast("VarlenAttention", attention))[sampled]
            return self.runnable.head(self.runnable.model.language.norm(hidden)).float()
        hidden = self.runnable.model.language(embeds, where.unsqueeze(0), attention)[0]
        if len(rows.sampled) < len(rows.token_ids):
            hidden = hidden[sampled]
        return self.runnable.head(hidden).float()

    def _in_one_way(self, step: Step) -> torch.Tensor:
        """As __call__, but with results that do not depend on the rest of the step: each tile is encoded
        alone, and all ids, also those of prompts, go through the decode step, whose kernels sum in a fixed
        order."""
        assert self._decoder is not None
        for sequence, tile in step.tiles:
            self._encode(Step(tiles=[(sequence, tile)]))
        ids = torch.tensor([[i for chunk in step.chunks for i in chunk.token_ids]])
        embeds = self.runnable.model.embed(ids, self._features(step.chunks))[0]
        self.tiles.trim()
        return self._decoder(step.chunks, self._block_size, embeds)

    def _spans(self, chunks: Sequence[Chunk]) -> list[Span]:
        """For each chunk: which rows of the step are its own, and where its keys lie in the cache."""
        spans: list[Span] = []
        first = 0
        for chunk in chunks:
            number = len(chunk.token_ids)
            spans.append(Span(first, number, chunk.sequence.table.slot_runs(chunk.end, self._block_size)))
            first += number
        return spans

    def _encode(self, step: Step) -> None:
        """Run the vision tower over the step's new tiles."""
        if not step.tiles:
            return
        pixels = []
        for sequence, tile in step.tiles:
            assert sequence.request.pixel_values is not None
            # moved before they are stacked: on a host of many cores torch's threads cost more than the copies
            pixels.append(sequence.request.pixel_values[tile.index].to(self._device, non_blocking=True))
        batch = torch.stack(pixels).to(self.runnable.dtype)
        features = self.runnable.model.encode_images(batch)
        self.num_encoded += len(pixels)
        for (_, tile), row in zip(step.tiles, features, strict=True):
            self.tiles.put(tile.key, row.clone() if len(pixels) > 1 else row)

    def _features(self, chunks: Sequence[Chunk]) -> torch.Tensor | None:
        """Features of the image tokens of a step, in their order: (n, D), or None."""
        found = []
        for chunk in chunks:
            for tile in chunk.tiles:
                features = self.tiles.get(tile.key)
                found.append(features[max(0, chunk.start - tile.start) : chunk.end - tile.start])
        return torch.cat(found) if found else None
