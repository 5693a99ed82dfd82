"""Decode steps as captured CUDA graphs, one per size of batch: from the ids of one step to those of the next.

Enters: chunks of one id each, known or still on the device, and what their rows ask of the sampler. Leaves:
the ids drawn, on the device. Always holds: a graph reads nothing but the buffers here, the model's parameters
where they lay at capture, the sampler's state and the cache; so changed values of parameters need no new
capture, moved parameters do (`clear`). All graphs share one pool of memory: one runs at a time, and what it
leaves is read before the next one starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import triton
import triton.language as tl

from r1v.engine.cuda.fused import FusedDecoder
from r1v.engine.cuda.sampler import CudaSampler, Lines
from r1v.engine.sampler import MAX_LOGIT
from r1v.engine.scheduler import Chunk
from r1v.engine.weights import RunnableModel
from r1v.ops.cuda.paged import DecodeTables, TableAttention
from r1v.ops.cuda.sampling import COLUMNS, NEUTRAL, sample_rows
from r1v.ops.paged import PagedCache
from r1v.ops.sampling import to_device

AHEAD = 64  # rows of the steps that are captured before they are needed
MAX_BIASES = 16  # of a row in a captured step; rows with more are drawn outside of it
_IDS, _POSITIONS, _SLOTS, _SOURCES, _PLACES, _BLOCKS = range(6)  # lines of a step's inputs


@dataclass(slots=True)
class _Graph:
    """A captured step. inputs int64 (6, B); table float64 (B, COLUMNS), bias_ids and biases (B, MAX_BIASES):
    of the sampler. logits float32 (B, V), ids int64 (B,) and chances float32 (B,): what it leaves."""

    graph: torch.cuda.CUDAGraph
    inputs: torch.Tensor
    table: torch.Tensor
    bias_ids: torch.Tensor
    biases: torch.Tensor
    logits: torch.Tensor
    ids: torch.Tensor
    chances: torch.Tensor


@triton.jit
def _begin(inputs, last, tables, ids, batch, width):  # type: ignore[no-untyped-def]
    """The id of one row, from the host or from the step before; and a new block in its table."""
    row = tl.program_id(0)
    token = tl.load(inputs + row)
    source = tl.load(inputs + 3 * batch + row)
    if source >= 0:
        token = tl.load(last + source)
    # a row in which nothing could be drawn has no id; it is thrown away
    tl.store(ids + row, tl.maximum(token, 0))
    place = tl.load(inputs + 4 * batch + row)
    if place >= 0:
        tl.store(tables + row * width + place, tl.load(inputs + 5 * batch + row).to(tl.int32))


def _fill(buffer: torch.Tensor, values: np.ndarray) -> None:
    """Write values to a buffer on the device, without waiting for what runs there."""
    host = torch.from_numpy(values)
    buffer.copy_(host.pin_memory() if buffer.is_cuda else host, non_blocking=True)


def graph_sizes(max_batch: int) -> list[int]:
    """The batch sizes that are captured: 1, 2 and 4, then every multiple of 8, from 64 on of 16, from 128 on
    of 32."""
    steps = (1, 2, 4, *range(8, 64, 8), *range(64, 128, 16), *range(128, max_batch, 32))
    return [n for n in steps if n < max_batch] + [max_batch]


class DecodeGraphs:
    """Captures on first use, replays afterwards. The last slot of the cache is reserved for the rows that pad
    a batch to the size of its graph; nothing else may use it."""

    def __init__(
        self,
        runnable: RunnableModel,
        cache: PagedCache,
        block_size: int,
        max_batch: int,
        max_blocks: int,
        sampler: CudaSampler,
        fused: bool = True,
    ) -> None:
        self.runnable, self.cache, self.block_size = runnable, cache, block_size
        self._sampler = sampler
        self._may_fuse = fused
        self._fused = self._fuse()
        self._sizes = graph_sizes(max_batch)
        self._graphs: dict[int, _Graph] = {}
        if cache.keys.is_cuda:
            self._pool = torch.cuda.graph_pool_handle()
            # one for all captures: cuBLAS keeps a workspace of 32 MiB for every stream it has seen
            self._stream = torch.cuda.Stream(cache.keys.device)
        self._filler = cache.keys.shape[1] // block_size - 1
        device = cache.keys.device
        self._tables = torch.full((max_batch, max_blocks), self._filler, dtype=torch.int32, device=device)
        # ids that the last step drew: by sequences of which some may have ended, and by others in their place
        self._last = torch.zeros(2 * max_batch, dtype=torch.int64, device=device)
        self._rows: list[tuple[list[int], int]] = [([], 0)] * max_batch  # blocks in each row, how many
        self._blocks = np.full((max_batch, max_blocks), self._filler)  # the same, as the device has it

    def clear(self, runnable: RunnableModel) -> None:
        """Forget the graphs, because the parameters have moved in memory."""
        self.runnable = runnable
        self._graphs.clear()
        self._fused = self._fuse()

    def capture_ahead(self) -> None:
        """Capture the usual sizes; the largest first, whose memory the others share."""
        for size in reversed(self._sizes):
            if size <= AHEAD and size not in self._graphs:
                self._graphs[size] = self._capture(size)

    def _fuse(self) -> FusedDecoder | None:
        """The fused step, if it is wanted."""
        return FusedDecoder(self.runnable, self.cache, self.block_size) if self._may_fuse else None

    def __call__(
        self, chunks: Sequence[Chunk], lines: Lines, sources: Sequence[int] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Ids int64 (B,), log-probabilities and logits of chunks of one id each; they are overwritten by the
        next call. sources: for each chunk the row of the step before that drew its id, -1 where the chunk
        knows it. Does not wait for the device."""
        number = len(chunks)
        size = next(n for n in self._sizes if n >= number)
        if size not in self._graphs:
            self._graphs[size] = self._capture(size)
        captured = self._graphs[size]
        inputs = self._inputs(chunks, size, sources)
        table = np.empty((size, COLUMNS))
        table[:number], table[number:] = lines.table, NEUTRAL
        device = captured.table.device
        _fill(captured.inputs, inputs)
        _fill(captured.table, table)
        width = lines.bias_ids.shape[1]
        inside = width <= MAX_BIASES
        if inside and lines.table[:, 11].any():
            captured.bias_ids[:number, :width].copy_(to_device(lines.bias_ids, device))
            captured.biases[:number, :width].copy_(to_device(lines.biases, device))
        if not inside:
            captured.table.copy_(captured.table.new_tensor(NEUTRAL).expand(size, -1))
        captured.graph.replay()
        ids, chances = captured.ids[:number], captured.chances[:number]
        if not inside:
            state = replace(
                self._sampler.state,
                bias_ids=to_device(lines.bias_ids, ids.device),
                biases=to_device(lines.biases, ids.device),
            )
            ids, chances = sample_rows(
                captured.logits[:number], to_device(lines.table, ids.device), state, max_logit=MAX_LOGIT
            )
            self._last[:number].copy_(ids)
        return ids, chances, captured.logits[:number]

    def append(self, ids: torch.Tensor, place: int) -> None:
        """Ids int64 (n,) that were drawn beside the last step: the next one finds them from ``place`` on."""
        self._last[place : place + len(ids)].copy_(ids)

    def _inputs(self, chunks: Sequence[Chunk], size: int, sources: Sequence[int] | None) -> np.ndarray:
        """The lines of a step's inputs; rewrites the block tables of rows that now belong to another
        sequence."""
        number = len(chunks)
        inputs = np.empty((6, size), dtype=np.int64)
        inputs[:, number:] = np.array((0, 0, self._filler * self.block_size, -1, -1, 0))[:, None]
        inputs[_PLACES, :number], inputs[_BLOCKS, :number] = -1, 0
        inputs[_IDS, :number] = [chunk.token_ids[0] for chunk in chunks]
        inputs[_SOURCES, :number] = -1 if sources is None else sources
        starts = inputs[_POSITIONS, :number] = np.array([chunk.start for chunk in chunks])
        changed: list[tuple[int, list[int]]] = []
        for row, chunk in enumerate(chunks):
            blocks = chunk.sequence.table.blocks
            known, counted = self._rows[row]
            if known is blocks and len(blocks) == counted:
                continue
            if known is blocks and len(blocks) == counted + 1:
                inputs[_PLACES, row], inputs[_BLOCKS, row] = counted, blocks[-1]
                self._blocks[row, counted] = blocks[-1]
            else:
                changed.append((row, blocks))
                self._blocks[row, : len(blocks)] = blocks
            self._rows[row] = (blocks, len(blocks))
        within = self._blocks[np.arange(number), starts // self.block_size]
        inputs[_SLOTS, :number] = within * self.block_size + starts % self.block_size
        for row in range(number, size):
            if self._rows[row][1]:
                changed.append((row, [self._filler]))
                self._rows[row] = ([], 0)
        self._rewrite(changed)
        return inputs

    def _rewrite(self, changed: list[tuple[int, list[int]]]) -> None:
        """Whole lines of the table of blocks, in two copies."""
        if not changed:
            return
        width = max(len(blocks) for _, blocks in changed)
        lines = np.full((len(changed), width), self._filler, dtype=np.int32)
        for line, (_, blocks) in enumerate(changed):
            lines[line, : len(blocks)] = blocks
        device = self._tables.device
        where = to_device([row for row, _ in changed], device)
        self._tables[:, :width].index_copy_(0, where, to_device(lines, device))

    def _capture(self, size: int) -> _Graph:
        device = self.cache.keys.device
        inputs = torch.zeros(6, size, dtype=torch.int64, device=device)
        inputs[_SLOTS] = self._filler * self.block_size
        inputs[_SOURCES] = inputs[_PLACES] = -1
        table = torch.tensor([NEUTRAL] * size, dtype=torch.float64, device=device)
        bias_ids = torch.zeros(size, MAX_BIASES, dtype=torch.int32, device=device)
        biases = torch.zeros(size, MAX_BIASES, dtype=torch.float32, device=device)
        buffers = (inputs, table, bias_ids, biases)
        last, tables = self._last.clone(), self._tables.clone()
        self._tables.fill_(self._filler)
        stream = self._stream
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):  # compiles kernels and fills allocators outside the graph
            for _ in range(2):
                self._run(*buffers)
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # another thread may work on this device, such as a trainer whose next questions are answered here
        mode = "thread_local"
        with torch.cuda.graph(graph, stream=stream, pool=self._pool, capture_error_mode=mode):
            logits, ids, chances = self._run(*buffers)
        self._last.copy_(last)  # a step may be on its way
        self._tables.copy_(tables)
        return _Graph(graph, *buffers, logits, ids, chances)

    def _run(
        self, inputs: torch.Tensor, table: torch.Tensor, bias_ids: torch.Tensor, biases: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        size = inputs.shape[1]
        positions, slots = inputs[_POSITIONS], inputs[_SLOTS]
        ids = torch.empty_like(positions)
        _begin[(size,)](inputs, self._last, self._tables, ids, size, self._tables.shape[1])
        where = DecodeTables(self._tables[:size], (positions + 1).int(), slots)
        if self._fused is not None:
            logits = self._fused(ids, positions, where)
        else:
            attention = TableAttention(self.cache, where, self.block_size)
            embeds = self.runnable.model.embed(ids.unsqueeze(0))
            hidden = self.runnable.model.language(embeds, positions.unsqueeze(0), attention)[0]
            logits = self.runnable.head(hidden).float()
        state = replace(self._sampler.state, bias_ids=bias_ids, biases=biases)
        drawn, chances = sample_rows(logits, table, state, max_logit=MAX_LOGIT)
        self._last[:size].copy_(drawn)
        return logits, drawn, chances
