"""The paged key-value cache: which block belongs to whom, and which block holds what.

Enters: requests for blocks. Leaves: block ids. Always holds: a block is either in use (references > 0), kept
(none, but its content may be asked for again) or vacant; the three add up to all blocks. A digest names the
content of a full block together with everything before it, so equal digests mean equal keys and values.

On a CPU, blocks of one sequence are placed side by side where possible: attention then reads whole runs of
the cache in place. New sequences start in the middle of the largest gap, which leaves everyone room to grow.
A GPU reads blocks one by one, so there any vacant one is taken.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np

from r1v.core import CapacityError


def block_digest(previous: bytes, token_ids: Sequence[int], extra: bytes = b"") -> bytes:
    """Name of a full block's content: the block before it, its ids, and what stands at its image tokens."""
    digest = hashlib.blake2b(previous, digest_size=16)
    digest.update(array("q", token_ids).tobytes())
    digest.update(extra)
    return digest.digest()


class BlockTable:
    """The blocks of one sequence in their order, also as runs of neighbours [first block, number]."""

    __slots__ = ("blocks", "runs")

    def __init__(self) -> None:
        self.blocks: list[int] = []
        self.runs: list[list[int]] = []

    def append(self, block: int) -> None:
        """Add a block at the end."""
        if self.runs and sum(self.runs[-1]) == block:
            self.runs[-1][1] += 1
        else:
            self.runs.append([block, 1])
        self.blocks.append(block)

    def clear(self) -> None:
        """Forget all blocks."""
        self.blocks, self.runs = [], []

    def slots(self, start: int, end: int, block_size: int) -> list[int]:
        """The places in the cache of the positions [start, end)."""
        if end - start == 1:
            return [self.blocks[start // block_size] * block_size + start % block_size]
        return [self.blocks[p // block_size] * block_size + p % block_size for p in range(start, end)]

    def slot_runs(self, end: int, block_size: int) -> list[tuple[int, int]]:
        """Runs (first place, number) that hold the positions [0, end), in their order."""
        found, left = [], end
        for first, number in self.runs:
            found.append((first * block_size, min(number * block_size, left)))
            left -= number * block_size
            if left <= 0:
                break
        return found

    def __len__(self) -> int:
        return len(self.blocks)


class BlockPool:
    """All blocks of the cache: allocation, sharing by content, and eviction of the oldest kept ones.
    side_by_side: whether neighbours are sought for the blocks of a sequence."""

    def __init__(self, num_blocks: int, block_size: int, side_by_side: bool = True) -> None:
        if num_blocks < 1:
            raise CapacityError("the memory of the KV cache is too small for one block; raise cache_bytes")
        self.num_blocks, self.block_size = num_blocks, block_size
        self._references = [0] * num_blocks
        self._digests: list[bytes | None] = [None] * num_blocks
        self._by_digest: dict[bytes, int] = {}
        self._kept: OrderedDict[int, None] = OrderedDict()  # oldest first
        self._vacant = np.ones(num_blocks, dtype=bool)
        self._num_vacant = num_blocks
        self._loose = None if side_by_side else list(range(num_blocks - 1, -1, -1))  # vacant ones

    @property
    def num_free(self) -> int:
        """Blocks that can be allocated: vacant ones, and kept ones, which would be evicted."""
        return self._num_vacant + len(self._kept)

    @property
    def num_kept(self) -> int:
        """Blocks that nobody uses and whose content can still be found."""
        return len(self._kept)

    def references(self, block: int) -> int:
        """How many sequences use a block."""
        return self._references[block]

    def find(self, digest: bytes) -> int | None:
        """The block that holds this content, in use or kept."""
        return self._by_digest.get(digest)

    def share(self, block: int) -> None:
        """Use a block that was found."""
        if self._references[block] == 0:
            del self._kept[block]
        self._references[block] += 1

    def allocate(self, after: int | None = None) -> int:
        """A block to write to; the neighbour of ``after`` if that is vacant. The caller must have checked
        num_free."""
        if self._num_vacant == 0:
            self._evict()
        if self._loose is not None:
            block = self._loose.pop()
        else:
            block = -1 if after is None else after + 1
        if self._loose is None and not (0 <= block < self.num_blocks and self._vacant[block]):
            block = self._start_of_room()
        self._vacant[block] = False
        self._num_vacant -= 1
        self._references[block] = 1
        return block

    def commit(self, block: int, digest: bytes) -> None:
        """Record the content of a block that is now full. If another block already holds the same content,
        that one remains the one that is found."""
        if digest not in self._by_digest:
            self._by_digest[digest] = block
            self._digests[block] = digest

    def release(self, blocks: Iterable[int]) -> None:
        """Drop one reference to each block. The end of a sequence is evicted before its beginning."""
        for block in reversed(list(blocks)):
            self._references[block] -= 1
            assert self._references[block] >= 0, f"block {block} released twice"
            if self._references[block] == 0:
                if self._digests[block] is None:
                    self._vacate(block)
                else:
                    self._kept[block] = None

    def shed(self, num_kept: int) -> list[tuple[int, int]]:
        """Keep only so many blocks, the latest. Gives the runs (first block, number) of vacant ones."""
        self._drop(max(0, len(self._kept) - num_kept))
        edges = np.flatnonzero(np.diff(self._vacant, prepend=False, append=False)).tolist()
        return [(start, end - start) for start, end in zip(edges[0::2], edges[1::2], strict=True)]

    def forget(self) -> None:
        """Forget all content, because the model's weights have changed."""
        self._by_digest.clear()
        self._digests = [None] * self.num_blocks
        for block in self._kept:
            self._vacate(block)
        self._kept.clear()

    def _vacate(self, block: int) -> None:
        self._vacant[block] = True
        self._num_vacant += 1
        if self._loose is not None:
            self._loose.append(block)

    def _evict(self) -> None:
        """Vacate the oldest kept blocks, several at a time so that neighbours become vacant together."""
        if not self._kept:
            raise CapacityError("the cache is full; the scheduler must preempt first")
        self._drop(min(len(self._kept), max(16, len(self._kept) // 8)))

    def _drop(self, number: int) -> None:
        """Vacate the oldest kept blocks."""
        for _ in range(number):
            block, _ = self._kept.popitem(last=False)
            digest = self._digests[block]
            assert digest is not None
            del self._by_digest[digest]
            self._digests[block] = None
            self._vacate(block)

    def _start_of_room(self) -> int:
        """The middle of the largest gap between blocks in use; its start where it is the whole cache."""
        edges = np.flatnonzero(np.diff(self._vacant, prepend=False, append=False))
        starts, ends = edges[0::2], edges[1::2]
        widest = int(np.argmax(ends - starts))
        start, end = int(starts[widest]), int(ends[widest])
        return start if start == 0 else start + (end - start) // 2
