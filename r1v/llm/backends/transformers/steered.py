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
from r1v.engine import EngineIds, EngineOutput
from r1v.engine.sampler import Row, Sampler, mix
from r1v.engine.sequence import Prompt, Sequence
from r1v.engine.thinking import ThinkingControl
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
        self.sequence = Sequence(
            0, index, Prompt(token_ids), params,
            order=(0, 0, index),
            base_seed=mix(mix(_entropy.getrandbits(64) if seed is None else seed) + index),
            thinking=ThinkingControl(ids, opened=opens_thinking, budget=params.thinking_budget,
                                     detect_loops=params.detect_loops),
            max_length=len(token_ids) + params.max_tokens,
            stop_ids=frozenset((*ids.eos, *params.stop_token_ids)),
            mask=None if mask is None else mask.fork(),
        )  # fmt: skip
        self.forced: deque[int] = deque()
        self.cancelled = False
        self.done = False

    def begin(self) -> None:
        """Take what must follow the prompt itself."""
        self._force(self.sequence.thinking.start(), [], [])

    def take(self, token_id: int, logprob: TokenLogprob | None) -> None:
        """Move on by a sampled id and report it."""
        sequence = self.sequence
        masked, forced = sequence.masked, tuple[int, ...]()
        sequence.token_ids.append(token_id)
        if token_id in sequence.stop_ids:
            sequence.finish_reason = FinishReason.STOP
        else:
            if masked and sequence.mask is not None:
                sequence.mask.accept(token_id)
            forced = sequence.thinking.push(token_id)
            if len(sequence.token_ids) >= sequence.max_length:
                sequence.finish_reason, forced = FinishReason.LENGTH, ()
        self._force(forced, [token_id], [] if logprob is None else [logprob])

    def _force(self, forced: tuple[int, ...], new: list[int], logprobs: list[TokenLogprob]) -> None:
        sequence = self.sequence
        forced = forced[: sequence.max_length - len(sequence.token_ids)]
        sequence.token_ids.extend(forced)
        self.forced.extend(forced)
        if forced and len(sequence.token_ids) >= sequence.max_length:
            sequence.finish_reason = FinishReason.LENGTH
        if sequence.params.logprobs is not None:
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
            ids, logprobs = self._sampler(part, [Row(self.rows[line].sequence, ()) for line in sampled])
            for line, token_id, logprob in zip(sampled, ids, logprobs, strict=True):
                chosen[line] = token_id
                self.rows[line].take(token_id, logprob)
        return chosen
