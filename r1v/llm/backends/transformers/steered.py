"""Sequences that another library's loop decodes: our sampling, thinking control and stops choose each id.

Enters: logits of a static batch, step by step. Leaves: ids for that loop, EngineOutputs for the receivers.
Always holds: ids are chosen exactly as by our own engine from the same logits.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence as Rows

import torch

from r1v.core import FinishReason, SamplingParams, TokenLogprob
from r1v.engine import EngineIds, EngineOutput, EngineRequest, Row, Sampled, Sampler, Sequence, mix
from r1v.llm.backends.own.loop import Receiver
from r1v.llm.grammar import GrammarMask

_entropy = random.SystemRandom()


class SteeredRow:
    """One completion of one request."""

    def __init__(
        self,
        token_ids: tuple[int, ...],
        params: SamplingParams,
        ids: EngineIds,
        receiver: Receiver,
        *,
        index: int,
        seed: int | None,
        opens_thinking: bool,
        mask: GrammarMask | None = None,
    ) -> None:
        """params: with max_tokens. seed: of the request; None is a fresh one."""
        assert params.max_tokens is not None
        self.receiver, self._index = receiver, index
        request = EngineRequest(token_ids, params, opens_thinking=opens_thinking, mask=mask)
        self.sequence = Sequence.of(
            request, ids, index=index, max_length=len(token_ids) + params.max_tokens,
            base_seed=mix(mix(_entropy.getrandbits(64) if seed is None else seed) + index),
        )  # fmt: skip
        self.forced: deque[int] = deque()
        self.cancelled = False
        self.done = False

    def begin(self) -> None:
        """Take what must follow the prompt itself."""
        self._gained((), [], self.sequence.begin())

    def take(self, sampled: Sampled) -> None:
        """Move on by a sampled id and report it. Raises the error of a row that has one."""
        if sampled.error is not None:
            raise sampled.error
        forced = self.sequence.advance(sampled.token_id)
        self._gained((sampled.token_id,), [] if sampled.logprob is None else [sampled.logprob], forced)

    def _gained(self, new: tuple[int, ...], logprobs: list[TokenLogprob], forced: tuple[int, ...]) -> None:
        self.forced.extend(forced)
        if self.sequence.params.logprobs is not None:
            logprobs += [TokenLogprob(i, 0.0) for i in forced]
        if new or forced:
            self.report((*new, *forced), logprobs, len(forced))

    def report(self, token_ids: tuple[int, ...], logprobs: Rows[TokenLogprob], num_forced: int) -> None:
        """Hand an output to the receiver."""
        sequence = self.sequence
        output = EngineOutput(
            0, self._index, token_ids, tuple(logprobs), num_forced, sequence.finish_reason,
            sequence.thinking.detail, sequence.num_prompt, 0, sequence.num_output,
            sequence.thinking.num_thinking,
        )  # fmt: skip
        goes_on = self.receiver.receive(output)
        self.done = self.done or not goes_on or sequence.finish_reason is not None

    def end_cancelled(self) -> None:
        """Report the end of a cancelled completion."""
        if not self.done:
            self.sequence.finish_reason = FinishReason.CANCELLED
            self.report((), (), 0)


class SteeredBatch:
    """Rows decoded together. ``choose`` is called once a step, with the logits of every row."""

    def __init__(self, rows: Rows[SteeredRow], vocab_size: int, ids: EngineIds, pad: int) -> None:
        self.rows = rows
        self._vocab_size, self._ids, self._pad = vocab_size, ids, pad
        self._sampler: Sampler | None = None
        for row in rows:
            row.begin()

    @property
    def done(self) -> list[bool]:
        """Which rows have ended, forced ids and all."""
        return [row.done for row in self.rows]

    def choose(self, logits: torch.Tensor) -> list[int]:
        """The next id of each row. logits: (rows, V) of any floating dtype; not changed."""
        if self._sampler is None:
            self._sampler = Sampler(min(self._vocab_size, logits.shape[1]), self._ids, logits.device)
        chosen = [self._pad] * len(self.rows)
        sampled = []
        for line, row in enumerate(self.rows):
            if row.cancelled:
                row.end_cancelled()
            if row.forced and not row.done:
                chosen[line] = row.forced.popleft()
            elif not row.done:
                sampled.append(line)
        if sampled:
            part = logits[sampled].float().clone()
            results = self._sampler(part, [Row(self.rows[line].sequence, ()) for line in sampled])
            for line, result in zip(sampled, results, strict=True):
                chosen[line] = max(result.token_id, 0)
                if not self.rows[line].done:
                    self._take(self.rows[line], result)
        return chosen

    def _take(self, row: SteeredRow, result: Sampled) -> None:
        """Move a row on. An error ends its request only: the other rows of the same receiver with it."""
        try:
            row.take(result)
        except Exception as error:  # noqa: BLE001 - handed to the receiver
            row.receiver.fail(error)
            for other in self.rows:
                other.done = other.done or other.receiver is row.receiver
