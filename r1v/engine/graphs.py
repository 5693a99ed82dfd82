"""Decode steps as captured CUDA graphs, one per size of batch.

Enters: chunks of one id each. Leaves: their logits. Always holds: a graph reads nothing but the buffers here,
the model's parameters where they lay at capture, and the cache; so changed values of parameters need no new
capture, moved parameters do (`clear`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from r1v.engine.fused import FusedDecoder
from r1v.engine.scheduler import Chunk
from r1v.engine.weights import RunnableModel
from r1v.ops.cuda.paged import DecodeTables, TableAttention
from r1v.ops.paged import PagedCache


@dataclass(slots=True)
class _Graph:
    """A captured step. inputs: int64 (3, B), ids, positions and slots. host: pinned, so that a step's copy
    of them does not wait; it is over when the step's ids have been read."""

    graph: torch.cuda.CUDAGraph
    host: torch.Tensor
    inputs: torch.Tensor
    tables: torch.Tensor
    logits: torch.Tensor


class DecodeGraphs:
    """Captures on first use, replays afterwards. The cache's last slot belongs to the rows that fill up a
    batch to the size of its graph: nobody else may use it."""

    def __init__(
        self,
        runnable: RunnableModel,
        cache: PagedCache,
        block_size: int,
        max_batch: int,
        max_blocks: int,
        fused: bool = True,
    ) -> None:
        self.runnable, self.cache, self.block_size = runnable, cache, block_size
        self._may_fuse = fused
        self._fused = self._fuse()
        self._sizes = [n for n in (1, 2, 4, *range(8, max_batch, 8)) if n < max_batch] + [max_batch]
        self._graphs: dict[int, _Graph] = {}
        # one for all captures: cuBLAS keeps a workspace of 32 MiB for every stream it has seen
        self._stream = torch.cuda.Stream(cache.keys.device)
        self._filler = cache.keys.shape[1] // block_size - 1
        self._tables = np.full((max_batch, max_blocks), self._filler, dtype=np.int32)
        self._rows: list[tuple[list[int], int]] = [([], 0)] * max_batch  # blocks in each row, how many

    def clear(self, runnable: RunnableModel) -> None:
        """Forget the graphs: the parameters lie elsewhere now."""
        self.runnable = runnable
        self._graphs.clear()
        self._fused = self._fuse()

    def _fuse(self) -> FusedDecoder | None:
        """The fused step, if it is wanted."""
        return FusedDecoder(self.runnable, self.cache, self.block_size) if self._may_fuse else None

    def __call__(self, chunks: Sequence[Chunk]) -> torch.Tensor:
        """Logits float32 (B, V) of chunks of one id each."""
        size = next(n for n in self._sizes if n >= len(chunks))
        if size not in self._graphs:
            self._graphs[size] = self._capture(size)
        captured = self._graphs[size]
        filler = self._filler * self.block_size
        inputs = captured.host.numpy()
        inputs[:, len(chunks) :] = ((0,), (0,), (filler,))
        width = 1
        for row, chunk in enumerate(chunks):
            blocks = chunk.sequence.table.blocks
            self._fill(row, blocks)
            width = max(width, len(blocks))
            place = blocks[chunk.start // self.block_size] * self.block_size + chunk.start % self.block_size
            inputs[:, row] = chunk.token_ids[0], chunk.start, place
        for row in range(len(chunks), size):
            self._fill(row, [self._filler])
        captured.inputs.copy_(captured.host, non_blocking=True)
        captured.tables[:, :width].copy_(torch.from_numpy(self._tables[:size, :width]), non_blocking=True)
        captured.graph.replay()
        return captured.logits[: len(chunks)].clone()

    def _fill(self, row: int, blocks: list[int]) -> None:
        """Bring a row of the host's table up to date, writing only what is new."""
        known, number = self._rows[row]
        if known is not blocks:
            number = 0
        if number < len(blocks):
            self._tables[row, number : len(blocks)] = blocks[number:]
        self._rows[row] = (blocks, len(blocks))

    def _capture(self, size: int) -> _Graph:
        device = self.cache.keys.device
        inputs = torch.zeros(3, size, dtype=torch.int64, device=device)
        inputs[2] = self._filler * self.block_size
        tables = torch.full((size, self._tables.shape[1]), self._filler, dtype=torch.int32, device=device)
        stream = self._stream
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):  # compiles kernels and fills allocators outside the graph
            for _ in range(2):
                self._run(inputs, tables)
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            logits = self._run(inputs, tables)
        host = torch.zeros(3, size, dtype=torch.int64, pin_memory=True)
        return _Graph(graph, host, inputs, tables, logits)

    def _run(self, inputs: torch.Tensor, tables: torch.Tensor) -> torch.Tensor:
        ids, positions, slots = inputs.unbind(0)
        where = DecodeTables(tables, (positions + 1).int(), slots)
        if self._fused is not None:
            return self._fused(ids, positions, where)
        attention = TableAttention(self.cache, where, self.block_size)
        embeds = self.runnable.model.embed(ids.unsqueeze(0))
        hidden = self.runnable.model.language(embeds, positions.unsqueeze(0), attention)[0]
        return self.runnable.head(hidden).float()
