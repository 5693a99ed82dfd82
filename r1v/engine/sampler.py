"""From logits to the next ids: what each request asked for, in one batch.

Enters: logits of the rows that sample, and the chunks they belong to. Leaves: one id per row, with
log-probabilities where asked for, or the error of that row. Always holds: a row depends only on its own
request, its seed and its place in the output; image tokens and other banned ids are never drawn; whatever a
row's logits are, the other rows get their ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass, replace

import numpy as np
import torch

from r1v.core import ComputeError, ConfigError, TokenLogprob
from r1v.engine.config import EngineIds
from r1v.engine.scheduler import Chunk
from r1v.engine.sequence import Sequence
from r1v.ops import isa, select
from r1v.ops.cpu.drawing import NOT_FINITE, NOTHING_LEFT, NativeDraw, RowDraw
from r1v.ops.sampling import RowSettings, penalise, sample, to_device

_MASK = (1 << 64) - 1
_GREEDY = RowSettings(temperature=0.0)
GREEDY_BELOW = 1e-5  # a temperature; the likeliest id has nearly all probability there
# Larger logits are an error of the model. Smaller ones stay finite in float32 through every penalty and
# temperature that SamplingParams accepts: 1e30 / 0.01 / 1e-5 is 1e37.
MAX_LOGIT = 1e30


def mix(value: int) -> int:
    """A well-mixed 64-bit number of any other. Source: Steele et al. 2014, SplitMix64's finaliser."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def uniform(base_seed: int, position: int) -> float:
    """The number in [0, 1) that decides about the id at a position of the output."""
    return (mix(base_seed ^ mix(position)) >> 11) * 2.0**-53


def uniforms(base_seeds: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """`uniform` of many rows at once: two of uint64 (R,) -> float64 (R,)."""
    mixed = _mix_all(base_seeds ^ _mix_all(positions))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix_all(values: np.ndarray) -> np.ndarray:
    """`mix` of an array of uint64, whose sums and products wrap around by themselves."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: np.ndarray = values ^ (values >> np.uint64(31))
    return found


@dataclass(slots=True)
class Row:
    """One row of logits. drafts: guessed ids between the sequence's known ids and this row."""

    sequence: Sequence
    drafts: tuple[int, ...]

    @property
    def position(self) -> int:
        """The place in the output of the id that this row decides about."""
        return self.sequence.num_output + len(self.drafts)


@dataclass(slots=True)  # not frozen: one is made for every id
class Sampled:
    """The result of a row: an id, with its log-probability if asked for; or an error (token_id is then
    -1)."""

    token_id: int
    logprob: TokenLogprob | None = None
    error: Exception | None = None


def rows_of(chunks: Rows[Chunk]) -> list[Row]:
    """The rows that sample, in the order of their logits: the last known id of each chunk that reaches it,
    and each draft."""
    rows = []
    for chunk in chunks:
        if chunk.samples:
            drafts = tuple(chunk.token_ids[len(chunk.token_ids) - chunk.num_drafts :])
            rows += [Row(chunk.sequence, drafts[:number]) for number in range(chunk.num_drafts + 1)]
    return rows


class _Seen:
    """The distinct ids of a sequence with penalties, and how often each is in its output."""

    def __init__(self, prompt: Rows[int]) -> None:
        different = list(dict.fromkeys(prompt))
        self._place = {token_id: place for place, token_id in enumerate(different)}
        self._ids = np.array(different, dtype=np.int64)
        self._counts = np.zeros(len(different), dtype=np.float32)
        self.num_counted = 0  # ids of the output that are in the counts

    def add(self, token_ids: Rows[int]) -> None:
        """Count further ids of the output."""
        self.num_counted += len(token_ids)
        for token_id in token_ids:
            place = self._place.setdefault(token_id, len(self._place))
            if place == len(self._ids):  # double the room
                self._ids = np.concatenate((self._ids, np.zeros_like(self._ids)))
                self._counts = np.concatenate((self._counts, np.zeros_like(self._counts)))
            self._ids[place] = token_id
            self._counts[place] += 1

    def after(self, drafts: Rows[int]) -> tuple[np.ndarray, np.ndarray]:
        """The ids int64 (n,) and their counts float32 (n,), as if the drafts were output too."""
        number = len(self._place)
        ids, counts = self._ids[:number], self._counts[:number]
        if not drafts:
            return ids, counts
        new = [token_id for token_id in dict.fromkeys(drafts) if token_id not in self._place]
        ids = np.concatenate((ids, np.array(new, dtype=np.int64)))
        counts = np.concatenate((counts, np.zeros(len(new), dtype=np.float32)))
        for token_id in drafts:
            place = self._place.get(token_id)
            counts[number + new.index(token_id) if place is None else place] += 1
        return ids, counts


class Sampler:
    """Holds the ids that are never drawn, and what penalties need to know of each sequence.

    native: whether our library draws, where `select.sampler` allows it; torch otherwise, the slow reference.
    """

    def __init__(self, vocab_size: int, ids: EngineIds, device: torch.device, native: bool = True) -> None:
        self.vocab_size, self.device = vocab_size, device
        banned = banned_ids(ids, vocab_size)
        self._banned = torch.tensor(banned, dtype=torch.int64, device=device)
        self._seen: dict[Sequence, _Seen] = {}
        self._bit = torch.arange(32, dtype=torch.int32)
        self._native: NativeDraw | None = None
        level = isa.features().kernel_level
        if native and level is not None and select.sampler(isa.features(), device.type).name == "native":
            self._native = NativeDraw(level, banned)

    def forget(self, sequence: Sequence) -> None:
        """Drop what is kept of a finished sequence."""
        self._seen.pop(sequence, None)

    def discount(self, sequence: Sequence, token_id: int) -> None:
        """An id was drawn but is not part of the output. Nothing to do here, because this sampler counts ids
        when they are taken."""

    def __call__(self, logits: torch.Tensor, rows: Rows[Row]) -> list[Sampled]:
        """The result of each row. logits: float32 (rows, V), changed in place."""
        wanted = [i for i, row in enumerate(rows) if row.sequence.params.logprobs is not None]
        where = slice(None) if len(wanted) == len(rows) else wanted
        raw = logits[where].log_softmax(-1) if wanted else logits
        errors: dict[int, Exception] = {}
        draw = self._drawn_by_torch if self._native is None else self._drawn
        ids = draw(logits, rows, errors)
        logprobs: list[TokenLogprob | None] = [None] * len(rows)
        if wanted:
            # read from the device at once: one wait a row would make up most of a step of many rows
            chosen = torch.tensor([max(ids[i], 0) for i in wanted], device=self.device)
            own = raw.gather(1, chosen.unsqueeze(1)).squeeze(1).tolist()
            for line, index in enumerate(wanted):
                number = rows[index].sequence.params.logprobs or 0
                logprobs[index] = TokenLogprob(ids[index], own[line], likeliest(raw[line], number))
        for line, token_id in enumerate(ids):
            if token_id < 0:
                errors.setdefault(line, failed(token_id, rows[line]))
        return [
            Sampled(-1, None, errors[line]) if line in errors else Sampled(token_id, logprobs[line])
            for line, token_id in enumerate(ids)
        ]

    def _drawn(self, logits: torch.Tensor, rows: Rows[Row], errors: dict[int, Exception]) -> list[int]:
        """An id for each row or what stands in its place, by our library; errors: of grammars, by row."""
        assert self._native is not None
        wants = []
        for line, row in enumerate(rows):
            sequence = row.sequence
            want = RowDraw(_settings(row), biases=_biases(row), allowed=self._allowed(row, line, errors))
            if has_penalty(sequence):
                seen = self._seen_by(sequence).after(row.drafts)
                want = replace(want, seen=seen, penalties=_penalties(sequence))
            wants.append(want)
        return self._native(logits, wants)

    def _drawn_by_torch(
        self, logits: torch.Tensor, rows: Rows[Row], errors: dict[int, Exception]
    ) -> list[int]:
        """As `_drawn`."""
        finite = _finite(logits)
        self._penalise(logits, rows)
        if len(self._banned):
            logits.index_fill_(1, self._banned, float("-inf"))
        added: dict[int, float] = {}  # by place in the flat logits
        for line, row in enumerate(rows):
            first = line * logits.shape[1]
            added |= {first + token_id: bias for token_id, bias in (_biases(row) or {}).items()}
            bits = self._allowed(row, line, errors)
            if bits is not None:
                allowed = ((bits.unsqueeze(1) >> self._bit) & 1).flatten()[: self.vocab_size]
                logits[line].masked_fill_(allowed.to(self.device) == 0, float("-inf"))
        if added:
            places = to_device(list(added), self.device)
            logits.view(-1).index_add_(0, places, to_device(list(added.values()), self.device, logits.dtype))
        chosen = sample(logits, [_settings(row) for row in rows])
        chosen = chosen.masked_fill(~_finite(logits), NOTHING_LEFT).masked_fill(~finite, NOT_FINITE)
        ids: list[int] = chosen.tolist()
        return ids

    def _allowed(self, row: Row, line: int, errors: dict[int, Exception]) -> torch.Tensor | None:
        """What a grammar allows, a bit for each id; None where there is none, or it raised."""
        if not row.sequence.masked:
            return None
        assert row.sequence.mask is not None and not row.drafts
        try:
            return row.sequence.mask.bits()
        except Exception as error:  # noqa: BLE001 - reported to whoever asked for this sequence
            errors[line] = error
            return None

    def _penalise(self, logits: torch.Tensor, rows: Rows[Row]) -> None:
        """Penalties, in place, for the rows that have any."""
        lines = [i for i, row in enumerate(rows) if has_penalty(row.sequence)]
        if not lines:
            return
        found = [self._seen_by(rows[i].sequence).after(rows[i].drafts) for i in lines]
        seen = [(to_device(ids, self.device), to_device(counts, self.device)) for ids, counts in found]
        factors = to_device([_penalties(rows[i].sequence) for i in lines], self.device, torch.float32)
        if len(lines) == len(rows):
            penalise(logits, seen, factors)
            return
        where = to_device(lines, self.device)
        part = logits[where]
        penalise(part, seen, factors)
        logits.index_copy_(0, where, part)

    def _seen_by(self, sequence: Sequence) -> _Seen:
        """The ids that a sequence has had so far, brought up to date."""
        seen = self._seen.get(sequence)
        if seen is None:
            seen = self._seen[sequence] = _Seen(sequence.request.token_ids)
        seen.add(sequence.token_ids[sequence.num_prompt + seen.num_counted :])
        return seen


def _biases(row: Row) -> Mapping[int, float] | None:
    """What is added to the logits of some ids: the request's biases, and no end before min_tokens."""
    sequence = row.sequence
    biases = sequence.params.logit_bias
    if row.position < sequence.params.min_tokens and not sequence.masked:
        return {**biases, **dict.fromkeys(sequence.stop_ids, float("-inf"))}
    return biases or None


def _penalties(sequence: Sequence) -> tuple[float, float, float]:
    """Repetition, presence and frequency."""
    params = sequence.params
    return sequence.decoding.repetition_penalty, params.presence_penalty, params.frequency_penalty


def _settings(row: Row) -> RowSettings:
    chosen = row.sequence.decoding
    if chosen.temperature < GREEDY_BELOW:
        return _GREEDY
    number = uniform(row.sequence.base_seed, row.position)
    return RowSettings(chosen.temperature, chosen.top_k, chosen.top_p, chosen.min_p, number)


def _finite(logits: torch.Tensor) -> torch.Tensor:
    """Rows (R,) in which something can be drawn: no NaN, nothing too large, not everything ruled out."""
    return logits.amax(-1).abs() < MAX_LOGIT  # the largest is NaN if any is


def failed(kind: int, row: Row) -> Exception:
    """The error of a row. kind: the negative number that stands in place of its id."""
    place = f"at token {row.position} of the output"
    if kind == NOT_FINITE:
        return ComputeError(
            f"the model's logits are not finite {place}; the weights or the image are damaged, or the dtype "
            "is too narrow: try float32"
        )
    return ConfigError(
        f"min_tokens, stop_token_ids and the grammar leave no token {place}; allow some of them"
    )


def has_penalty(sequence: Sequence) -> bool:
    """Whether the ids that a sequence has had change its logits."""
    params = sequence.params
    return (
        sequence.decoding.repetition_penalty != 1.0
        or params.presence_penalty != 0.0
        or params.frequency_penalty != 0.0
    )


def banned_ids(ids: EngineIds, vocab_size: int) -> list[int]:
    """Ids that are never drawn: image tokens and those that the configuration bans, but never end tokens."""
    return sorted({i for i in (ids.image_context, *ids.banned) if 0 <= i < vocab_size} - set(ids.eos))


def likeliest(row: torch.Tensor, number: int) -> tuple[tuple[int, float], ...]:
    """The likeliest ids with their log-probabilities; row (V,)."""
    if not number:
        return ()
    values, ids = row.topk(min(number, len(row)))
    return tuple(zip(ids.tolist(), values.tolist(), strict=True))
