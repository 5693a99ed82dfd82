"""Examples as tokens, and rows of them in batches.

Enters: encoded examples and their tiles. Leaves: ``MicroBatch`` and ``Batch``. Always holds: exactly the
tokens after the prompt of an example are learned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np
import torch


@dataclass(frozen=True)
class Split:
    """How the samples of a step are cut into parts. number: of parts, if tokens is 0. tokens: the most in one
    part, padding included. A sample with more tokens is a part of its own."""

    number: int = 1
    tokens: int = 0

    def cuts(self, lengths: Sequence[int], *, rows: int = 1, packed: bool = False) -> list[tuple[int, int]]:
        """First and last + 1 of the samples of each part, neighbours together.

        lengths: tokens of the longest row of each sample, which has ``rows`` rows; there is little padding if
        the samples are sorted by length. packed: whether the rows of a part lie in one line, without padding.
        """
        if not self.tokens:
            number = min(self.number, len(lengths))
            ends = [len(lengths) * i // number for i in range(number + 1)] if number else [0]
            return list(pairwise(ends))
        found, first, longest, together = list[tuple[int, int]](), 0, 0, 0
        for place, length in enumerate(lengths):
            longest, together = max(longest, length), together + rows * length
            taken = rounded(together) if packed else rows * (place + 1 - first) * rounded(longest)
            if taken > self.tokens and place > first:
                found.append((first, place))
                first, longest, together = place, length, rows * length
        return [*found, (first, len(lengths))] if len(lengths) else found


def rounded(length: int, multiple: int = 32) -> int:
    """The width of a line for a row of that many tokens."""
    return -(-length // multiple) * multiple


@dataclass(frozen=True)
class Encoded:
    """One example as tokens. tiles: uint8 (num_tiles, S, S, 3). num_prompt: tokens before the completion.
    learned: bool, of each token, where a part of the completion is not to be learned; None: all of it is."""

    token_ids: np.ndarray
    num_prompt: int
    tiles: np.ndarray
    learned: np.ndarray | None = None


@dataclass(frozen=True)
class MicroBatch:
    """Rows of examples, each padded on the right in a line of its own, or packed into one line.

    input_ids: int64 (B, T); tiles: uint8 (num_tiles, S, S, 3). target_places: int64 (N,), flat places
    b*T + t whose next token is to be learned; targets int64 (N,); rows int64 (N,), the example of each;
    families: the name of each example. segment_ids: int64 (1, T) where packed, the example of each token, -1
    for padding.
    """

    input_ids: torch.Tensor
    tiles: torch.Tensor
    target_places: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor
    families: tuple[str, ...]
    segment_ids: torch.Tensor | None = None

    def apply(self, move: Callable[[torch.Tensor], torch.Tensor]) -> MicroBatch:
        """The same batch with a function applied to every tensor."""
        return MicroBatch(
            move(self.input_ids), move(self.tiles), move(self.target_places), move(self.targets),
            move(self.rows), self.families, None if self.segment_ids is None else move(self.segment_ids),
        )  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """One step's samples, in parts of similar length. bad: samples that could not be made, by name."""

    parts: tuple[MicroBatch, ...]
    num_targets: int
    num_tokens: int
    bad: tuple[str, ...]


def collate(
    encoded: Sequence[tuple[str, Encoded]], tiles: torch.Tensor, pad_id: int, multiple: int = 32
) -> MicroBatch:
    """Rows of one micro-batch, padded on the right to a common multiple. tiles: all of theirs, in order."""
    longest = max(len(e.token_ids) for _, e in encoded) - 1
    width = rounded(longest, multiple)
    ids = np.full((len(encoded), width), pad_id, np.int64)
    return _laid_out(encoded, tiles, ids, [row * width for row in range(len(encoded))])


def pack(
    encoded: Sequence[tuple[str, Encoded]], tiles: torch.Tensor, pad_id: int, multiple: int = 32
) -> MicroBatch:
    """As ``collate``, but all examples in one line, each seeing only itself."""
    lengths = [len(e.token_ids) - 1 for _, e in encoded]
    width = rounded(sum(lengths), multiple)
    segments = np.full((1, width), -1, np.int64)
    segments[0, : sum(lengths)] = np.repeat(np.arange(len(lengths)), lengths)
    ids = np.full((1, width), pad_id, np.int64)
    starts = [0, *accumulate(lengths)][:-1]
    return replace(_laid_out(encoded, tiles, ids, starts), segment_ids=torch.from_numpy(segments))


def _laid_out(
    encoded: Sequence[tuple[str, Encoded]], tiles: torch.Tensor, ids: np.ndarray, starts: Sequence[int]
) -> MicroBatch:
    """A batch whose examples begin at these places of ``ids``, counted through its lines."""
    places, targets, rows = [], [], []
    for row, ((_, e), start) in enumerate(zip(encoded, starts, strict=True)):
        inputs = e.token_ids[:-1]
        ids.reshape(-1)[start : start + len(inputs)] = inputs
        at = np.arange(e.num_prompt - 1, len(inputs))
        at = at if e.learned is None else at[e.learned[at + 1]]
        places.append(start + at)
        targets.append(e.token_ids[at + 1])
        rows.append(np.full(len(at), row))
    return MicroBatch(
        torch.from_numpy(ids),
        tiles,
        torch.from_numpy(np.concatenate(places)),
        torch.from_numpy(np.concatenate(targets).astype(np.int64)),
        torch.from_numpy(np.concatenate(rows)),
        tuple(family for family, _ in encoded),
    )
