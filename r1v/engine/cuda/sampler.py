"""From logits to the next ids on a CUDA device: the same as `sampler.Sampler`, by the kernels of
`ops.cuda.sampling`, with what they need kept on the device.

Enters: rows, and logits float32 (R, V). Leaves: ids on the device, and later on the host. Always holds:
nothing here waits for the device but `DrawnRows.read`; penalties are counted on the device as ids are drawn,
so a step can be drawn before the ids of the one before it are known.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass, replace

import numpy as np
import torch

from r1v.core import TokenLogprob
from r1v.engine.config import EngineIds
from r1v.engine.sampler import (
    GREEDY_BELOW,
    MAX_LOGIT,
    Row,
    Sampled,
    banned_ids,
    failed,
    has_penalty,
    likeliest,
    uniforms,
)
from r1v.engine.sequence import Sequence
from r1v.ops.cuda.sampling import (
    COLUMNS,
    COUNTS,
    MASK_ROW,
    NEUTRAL,
    NUM_BIASES,
    NUM_EXTRA,
    SEEN_ROW,
    UNIFORM,
    SampleState,
    sample_rows,
)
from r1v.ops.sampling import to_device


@dataclass(slots=True)
class Lines:
    """What rows ask for, on the host. table float64 (R, COLUMNS); bias_ids int32 (R, n), biases float32
    (R, n), extra int32 (R, m), with n and m at least 1. errors: what grammars raised, by row."""

    table: np.ndarray
    bias_ids: np.ndarray
    biases: np.ndarray
    extra: np.ndarray
    errors: dict[int, Exception]


@dataclass(slots=True)
class DrawnRows:
    """Ids int64 (R,) and log-probabilities float32 (R,) on the device, on their way to the host."""

    rows: Rows[Row]
    ids: torch.Tensor
    errors: dict[int, Exception]
    logits: torch.Tensor | None
    host: torch.Tensor
    arrived: torch.cuda.Event | None

    @classmethod
    def of(
        cls,
        rows: Rows[Row],
        ids: torch.Tensor,
        chances: torch.Tensor,
        errors: dict[int, Exception],
        logits: torch.Tensor,
    ) -> DrawnRows:
        """Start the copies to the host. logits are kept only if a row asks for the likeliest ids as well."""
        both = torch.stack((ids.double(), chances.double()))  # exact for both
        host, arrived = both, None
        if both.is_cuda:
            host = torch.empty(both.shape, dtype=torch.float64, pin_memory=True)
            host.copy_(both, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
        wanted = any(row.sequence.params.logprobs for row in rows)
        return cls(rows, ids, errors, logits.clone() if wanted else None, host, arrived)

    def read(self) -> list[Sampled]:
        """The result of each row; waits until it has arrived."""
        if self.arrived is not None:
            self.arrived.synchronize()
        ids, chances = self.host[0].long().tolist(), self.host[1].tolist()
        found = []
        for line, (row, token_id, chance) in enumerate(zip(self.rows, ids, chances, strict=True)):
            number = row.sequence.params.logprobs
            if line in self.errors or token_id < 0:
                found.append(Sampled(-1, None, self.errors.get(line) or failed(token_id, row)))
            elif number is None:
                found.append(Sampled(token_id, None))
            else:
                top: tuple[tuple[int, float], ...] = ()
                if number and self.logits is not None:
                    top = likeliest(self.logits[line].log_softmax(-1), number)
                found.append(Sampled(token_id, TokenLogprob(token_id, chance, top)))
        return found


class _Lines:
    """A line for each sequence that samples, with what it asks for as far as that does not change. There is
    one for each that may run; where all are taken, one of a sequence without blocks, which was preempted, is
    reused.

    table: float64 (n, COLUMNS). seeds: uint64 (n,). counted: of the output's ids, how many are in the counts
    on the device; -1: nothing was written there yet. special: whether there is anything to ask a row for in
    each step.
    """

    def __init__(self, number: int) -> None:
        self.free = list(range(number))
        self.of: dict[Sequence, int] = {}
        self.table = np.zeros((number, COLUMNS))
        self.seeds = np.zeros(number, dtype=np.uint64)
        self.counted = np.zeros(number, dtype=np.int64)
        self.special = np.zeros(number, dtype=bool)

    def forget(self, sequence: Sequence) -> None:
        line = self.of.pop(sequence, None)
        if line is not None:
            self.free.append(line)

    def take(self, sequence: Sequence) -> int:
        """The line of a sequence."""
        line = self.of.get(sequence)
        if line is not None:
            return line
        if not self.free:
            self.forget(next(other for other in self.of if not len(other.table)))
        line = self.of[sequence] = self.free.pop()
        d, p = sequence.decoding, sequence.params
        temperature = 0.0 if d.temperature < GREEDY_BELOW else d.temperature
        self.table[line] = (
            temperature, d.top_k, d.top_p, d.min_p, 0.0, d.repetition_penalty, p.presence_penalty,
            p.frequency_penalty, line if has_penalty(sequence) else -1, *NEUTRAL[SEEN_ROW + 1 :],
        )  # fmt: skip
        self.seeds[line], self.counted[line] = sequence.base_seed, -1
        self.special[line] = bool(p.logit_bias) or p.min_tokens > 0 or sequence.mask is not None
        return line


class CudaSampler:
    """Holds the ids that are never drawn and what penalties need to know of each sequence, on the device."""

    def __init__(self, vocab_size: int, ids: EngineIds, device: torch.device, max_num_seqs: int) -> None:
        self.vocab_size, self.device = vocab_size, device
        words = -(-vocab_size // 32)
        bits = np.full(words, 0xFFFFFFFF, dtype=np.uint32)
        for token_id in banned_ids(ids, vocab_size):
            bits[token_id >> 5] &= np.uint32(0xFFFFFFFF ^ 1 << (token_id & 31))
        none = torch.zeros(1, 1, dtype=torch.int32, device=device)
        self.state = SampleState(
            torch.zeros(1 + max_num_seqs, words, dtype=torch.int32, device=device),
            torch.zeros(max_num_seqs, vocab_size, dtype=torch.int16, device=device),
            none, none.float(), none,
        )  # fmt: skip
        self.state.allowed[0] = torch.from_numpy(bits.view(np.int32)).to(device)
        self._lines = _Lines(max_num_seqs)

    def forget(self, sequence: Sequence) -> None:
        """Drop what is kept of a finished sequence."""
        self._lines.forget(sequence)

    def __call__(self, logits: torch.Tensor, rows: Rows[Row]) -> list[Sampled]:
        """What each row gives. logits: float32 (rows, V)."""
        return self.draw(logits, rows).read()

    def draw(self, logits: torch.Tensor, rows: Rows[Row]) -> DrawnRows:
        """Draw without waiting."""
        lines = self.lines(rows)
        state = replace(
            self.state,
            bias_ids=to_device(lines.bias_ids, self.device),
            biases=to_device(lines.biases, self.device),
            extra=to_device(lines.extra, self.device),
        )
        table = to_device(lines.table, self.device)
        ids, chances = sample_rows(logits.contiguous(), table, state, max_logit=MAX_LOGIT)
        return DrawnRows.of(rows, ids, chances, lines.errors, logits)

    def lines(self, rows: Rows[Row], unread: bool = False) -> Lines:
        """What rows ask for, in the form that the kernels read; also brings counts and grammars on the device
        up to date. unread: before each row an id was drawn and counted that has not been read yet.
        """
        where = np.array([self._lines.take(row.sequence) for row in rows])
        positions = np.array([row.position for row in rows]) + unread
        table = self._lines.table[where]
        table[:, UNIFORM] = uniforms(self._lines.seeds[where], positions.astype(np.uint64))
        penalised = np.flatnonzero(table[:, SEEN_ROW] >= 0).tolist()
        if penalised:
            self._count([rows[line] for line in penalised], where[penalised])
            single = len(set(where.tolist())) == len(rows)
            table[penalised, COUNTS] = single
            self._lines.counted[where[penalised]] += single
            table[penalised, NUM_EXTRA] = [len(rows[line].drafts) for line in penalised]
        biases: list[tuple[int, dict[int, float]]] = []
        masks: list[torch.Tensor] = []
        errors: dict[int, Exception] = {}
        for line in np.flatnonzero(self._lines.special[where]).tolist():
            sequence = rows[line].sequence
            added = _biases_of(rows[line], int(positions[line]))
            if added:
                biases.append((line, added))
                table[line, NUM_BIASES] = len(added)
            if sequence.masked and sequence.mask is not None:
                try:
                    masks.append(sequence.mask.bits()[: self.state.allowed.shape[1]])
                    table[line, MASK_ROW] = len(masks)
                except Exception as error:  # noqa: BLE001 - reported to whoever asked for this sequence
                    errors[line] = error
        if masks:
            self.state.allowed[1 : 1 + len(masks)].copy_(to_device(torch.stack(masks), self.device))
        return Lines(table, *_spread(len(rows), biases), _drafts_of(rows), errors)

    def discount(self, sequence: Sequence, token_id: int) -> None:
        """An id was drawn and counted, but is not part of the output."""
        line = self._lines.of.get(sequence)
        if line is not None and self._lines.counted[line] >= 0 and token_id >= 0:
            self.state.seen[line, token_id] -= 2
            self._lines.counted[line] -= 1

    def _count(self, rows: Rows[Row], where: np.ndarray) -> None:
        """Bring the counts of rows with penalties on the device up to date with the ids that are known;
        where: their lines."""
        outputs = np.array([row.sequence.num_output for row in rows])
        for number in np.flatnonzero(self._lines.counted[where] < outputs).tolist():
            sequence, line = rows[number].sequence, int(where[number])
            counted = int(self._lines.counted[line])
            if counted < 0:
                whole = np.zeros(self.vocab_size, dtype=np.int16)
                whole[list(sequence.request.token_ids)] = 1
                self.state.seen[line].copy_(to_device(whole, self.device))
                counted = 0
            new = sequence.token_ids[sequence.num_prompt + counted :]
            if new:
                ids = to_device(new, self.device)
                self.state.seen[line].index_add_(0, ids, torch.full_like(ids, 2, dtype=torch.int16))
            self._lines.counted[line] = counted + len(new)


def _biases_of(row: Row, position: int) -> dict[int, float]:
    """What is added to single logits of a row: biases, and minus infinity at ends that may not come yet."""
    params = row.sequence.params
    added = dict(params.logit_bias)
    if position < params.min_tokens and not row.sequence.masked:
        added |= dict.fromkeys(row.sequence.stop_ids, float("-inf"))
    return added


def _spread(rows: int, biases: list[tuple[int, dict[int, float]]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids and values side by side, a line a row."""
    width = max((len(added) for _, added in biases), default=1)
    ids, values = np.zeros((rows, width), dtype=np.int32), np.zeros((rows, width), dtype=np.float32)
    for line, added in biases:
        ids[line, : len(added)] = list(added)
        values[line, : len(added)] = list(added.values())
    return ids, values


def _drafts_of(rows: Rows[Row]) -> np.ndarray:
    """The drafts before each row, side by side."""
    width = max(len(row.drafts) for row in rows)
    found = np.zeros((len(rows), width or 1), dtype=np.int32)
    if width:
        for line, row in enumerate(rows):
            found[line, : len(row.drafts)] = row.drafts
    return found
