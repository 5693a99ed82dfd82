"""Guessing the next ids from what was written before, without a second model.

Enters: ids as they come. Leaves: a few ids that may come next. Always holds: a guess never changes what is
sampled, only how many ids one step yields; memory is fixed when a table is made.

A table remembers which id followed each context (the last 8, 4, 2 or 1 ids). Each sequence has one of its
own, prompt included; one more is taught by all outputs, so that what recurs from answer to answer is guessed
too. How often guesses are right is counted also while none is run, so the drafter learns for free whether
guessing would pay, and is silent until it does. Sources: Oliaro et al. 2024, SuffixDecoding (outputs of other
requests); Seznec and Michaud 2006, TAGE (tagged tables of several context lengths).
"""

from __future__ import annotations

from collections.abc import Sequence

_SIZES = (8, 4, 2, 1)  # lengths of contexts
_LEVELS = 4  # of an entry's steadiness
_ID_BITS, _LEVEL_BITS = 24, 2
_TAG = (1 << 64) - (1 << _ID_BITS + _LEVEL_BITS)
_CELLS = _LEVELS * len(_SIZES)  # of one table in a list of rates
_FIRST_RATE = 0.3
_MAX_OWN = 1 << 16  # entries of a sequence's own table; beyond some 16K ids the oldest are forgotten

Guess = tuple[int, int]  # cell of the list of rates, id


class ContextTable:
    """Which id followed a context, in a fixed number of entries of 8 bytes: tag, id, steadiness.

    A new context replaces an older one that shares its entry. A steady entry is not replaced at once but
    weakened, so that contexts which no longer occur are forgotten.
    """

    def __init__(self, num_entries: int) -> None:
        """num_entries: rounded down to a power of two."""
        number = 1 << num_entries.bit_length() - 1
        self._entries = memoryview(bytearray(8 * number)).cast("Q")  # untouched pages take no memory
        self._mask = number - 1

    def learn(self, keys: Sequence[int], token_id: int) -> None:
        """Note what followed the contexts of these keys."""
        entries, mask = self._entries, self._mask
        for key in keys:
            new = key & _TAG | token_id << _LEVEL_BITS
            old = entries[key & mask]
            level = old & _LEVELS - 1
            if old - level == new:
                if level < _LEVELS - 1:
                    entries[key & mask] = old + 1
            else:
                entries[key & mask] = old - 1 if level else new

    def find(self, key: int) -> tuple[int, int] | None:
        """(steadiness, id) of a context; None where it is not known."""
        entry = self._entries[key & self._mask]
        if (entry ^ key) & _TAG:
            return None
        return entry & _LEVELS - 1, (entry & ~_TAG) >> _LEVEL_BITS


class SharedDrafts:
    """What all sequences of an engine teach each other: a table of their outputs (none where num_bytes is
    0), and how often guesses of each kind were right."""

    def __init__(self, num_bytes: int) -> None:
        self.table = ContextTable(num_bytes // 8) if num_bytes >= 8 else None
        self.rates = [_FIRST_RATE] * (2 * _CELLS)
        self._counts = [0] * (2 * _CELLS)

    def count(self, cell: int, hit: float) -> None:
        """Take the outcome of a guess: the mean of all at first, of the last fifty later."""
        self._counts[cell] += 1
        self.rates[cell] += max(0.02, 1.0 / (self._counts[cell] + 1)) * (hit - self.rates[cell])


class Drafter:
    """Drafts for one sequence."""

    def __init__(self, shared: SharedDrafts, image_id: int, max_drafts: int, max_length: int) -> None:
        """image_id: stands for an image in prompts and is never guessed. max_length: ids that the sequence
        can have."""
        self.max_drafts, self._image_id, self._shared = max_drafts, image_id, shared
        self._own = ContextTable(min(2 * len(_SIZES) * max_length, _MAX_OWN))
        self._tables = [self._own] if shared.table is None else [self._own, shared.table]
        self._rates = list(shared.rates)
        self._last: list[int] = []  # the longest context
        self._keys: list[int] = []
        self._guesses: list[Guess] = []
        self.num_taken = 0

    def read(self, token_ids: Sequence[int]) -> None:
        """Take ids of the prompt."""
        for token_id in token_ids:
            if token_id != self._image_id:
                self._own.learn(self._keys, token_id)
            self._move(token_id)
        self._guesses = self._find(self._keys)

    def push(self, token_id: int) -> None:
        """Take the next id of the output."""
        for cell, guess in self._guesses:
            hit = 1.0 if guess == token_id else 0.0
            self._rates[cell] += 0.1 * (hit - self._rates[cell])
            self._shared.count(cell, hit)
        for table in self._tables:
            table.learn(self._keys, token_id)
        self._move(token_id)
        self._guesses = self._find(self._keys)

    def draft(self, once: float, per_row: float) -> list[int]:
        """Up to max_drafts ids, as many as promise the most ids per time.

        once: what drafts add to a step, per_row: what each of them adds, as parts of the step's time. The
        first k are worth (1 + r1 + r1 r2 + ...) / (1 + once + k * per_row), r being the rates at which such
        guesses were right. Source: Leviathan et al. 2023, section 3.5, with rows in place of a draft model.
        """
        drafts: list[int] = []
        last, guesses = self._last, self._guesses
        number, best, expected, right = 0, 1.0, 1.0, 1.0
        while guesses and len(drafts) < self.max_drafts:
            cell, token_id = max(guesses, key=lambda guess: self._rates[guess[0]])
            right *= self._rates[cell]
            if right <= per_row:  # a further id would cost more than it promises
                break
            drafts.append(token_id)
            expected += right
            value = expected / (1.0 + once + len(drafts) * per_row)
            if value > 1.02 * best:  # a gain this small is within the noise
                number, best = len(drafts), value
            last = [*last, token_id][-_SIZES[0] :]
            guesses = self._find(_keys_of(last))
        return drafts[:number]

    def _move(self, token_id: int) -> None:
        self.num_taken += 1
        self._last = [*self._last, token_id][-_SIZES[0] :]
        self._keys = _keys_of(self._last)

    def _find(self, keys: Sequence[int]) -> list[Guess]:
        """The guess of each table and each context that it knows."""
        found = []
        cell = 0
        for table in self._tables:
            cell += _LEVELS * (len(_SIZES) - len(keys))
            for key in keys:
                entry = table.find(key)
                if entry is not None:
                    found.append((cell + entry[0], entry[1]))
                cell += _LEVELS
        return found


def _keys_of(last: Sequence[int]) -> list[int]:
    """A hash of each context that ends here, the longest first: low bits for the place, high ones as tag."""
    return [hash((size, *last[-size:])) & (1 << 64) - 1 for size in _SIZES if len(last) >= size]
