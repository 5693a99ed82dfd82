"""Drawing ids from logits in one call of our library (csrc/sampling.h).

Enters: logits float32 (R, V) on the CPU, contiguous, and what each row asks for. Leaves: an id for each row,
or a code for what went wrong. Always holds: a row's id depends only on its own logits and settings; the
counterpart in torch is `sampling.penalise` and `sampling.sample`.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from r1v.ops.cpu.library import kernels
from r1v.ops.sampling import RowSettings

NOT_FINITE, NOTHING_LEFT = -1, -2  # in place of an id
_FIELDS = struct.Struct("=7q4dq3d")  # csrc/sampling.h's Draw
_NO_PENALTY = (1.0, 0.0, 0.0)
MAX_IDS = 2**31  # the largest vocabulary; a top-k above it has no effect


@dataclass(frozen=True, slots=True)
class RowDraw:
    """What one row requests besides its settings.

    seen: the different ids that penalties touch, int64 (n,), and how often each is in the output, float32
    (n,). penalties: repetition, presence, frequency. biases: by id. allowed: int32 (V / 32,), a bit for each
    id; None allows all.
    """

    settings: RowSettings
    seen: tuple[np.ndarray, np.ndarray] | None = None
    penalties: tuple[float, float, float] = _NO_PENALTY
    biases: Mapping[int, float] | None = None
    allowed: torch.Tensor | None = None


class NativeDraw:
    """Draws at one level of instructions. banned: ids that are never drawn."""

    def __init__(self, level: str, banned: Sequence[int]) -> None:
        self._call = kernels(level).draw
        self._banned = array("q", banned)

    def __call__(self, logits: torch.Tensor, rows: Sequence[RowDraw]) -> list[int]:
        """An id for each row of logits, which are changed; NOT_FINITE for a row with a logit that is NaN or
        too large, NOTHING_LEFT for a row in which no id is allowed."""
        assert logits.dtype == torch.float32 and logits.is_contiguous() and logits.shape[0] == len(rows)
        held: list[object] = []  # keeps alive what the addresses point to
        wants = b"".join([_packed(row, held) for row in rows])
        ids = array("q", bytes(8 * len(rows)))
        banned, number = self._banned.buffer_info()
        self._call(
            logits.data_ptr(), len(rows), logits.shape[1], banned, number, wants, ids.buffer_info()[0],
            torch.get_num_threads(),
        )  # fmt: skip
        return ids.tolist()


def _packed(row: RowDraw, held: list[object]) -> bytes:
    """A row as the library reads it."""
    seen = counts = num_seen = biased = added = allowed = 0
    if row.seen is not None:
        ids, numbers = row.seen
        assert ids.dtype == np.int64 and numbers.dtype == np.float32
        held += row.seen
        seen, counts, num_seen = ids.ctypes.data, numbers.ctypes.data, len(ids)
    if row.biases:
        places, values = array("q", row.biases), array("f", row.biases.values())
        held += (places, values)
        biased, added = places.buffer_info()[0], values.buffer_info()[0]
    if row.allowed is not None:
        mask = row.allowed.contiguous()
        assert mask.dtype == torch.int32
        held.append(mask)
        allowed = mask.data_ptr()
    chosen = row.settings
    return _FIELDS.pack(
        seen, counts, num_seen, biased, added, len(row.biases or ()), allowed, *row.penalties,
        chosen.temperature, min(chosen.top_k, MAX_IDS), chosen.top_p, chosen.min_p, chosen.uniform,
    )  # fmt: skip
