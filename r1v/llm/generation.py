"""From what a backend gives to a request's events and completions.

Enters: token ids or text of one completion, as they arrive. Leaves: TokenEvents, and one Completion. Always
holds, whatever the backend: the texts of a completion's events, joined by segment, are its thinking and its
answer; their token ids and log-probabilities joined are its own; what comes after a stop string is dropped,
as if it had never been made.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from r1v.core import (
    Completion,
    FinishDetail,
    FinishReason,
    PromptError,
    SamplingParams,
    Segment,
    Timing,
    TokenEvent,
    TokenLogprob,
    Usage,
)
from r1v.engine import EngineOutput
from r1v.llm.grammar import GrammarMask
from r1v.llm.stop import StopMatcher
from r1v.llm.stream import Deliver
from r1v.prompt import UNKNOWN_ID, IdSegmenter, SegmentPiece, is_refusal

U = TypeVar("U", contravariant=True)


class Segmenter(Protocol[U]):
    """Tells thinking and answer apart in units of one kind: token ids (IdSegmenter) or text
    (TextSegmenter)."""

    @property
    def segment(self) -> Segment:
        """Where the completion is now."""
        ...

    @property
    def num_thinking(self) -> int:
        """Settled units of thinking."""
        ...

    def push(self, unit: U, /) -> list[SegmentPiece]:
        """The pieces that are certain after this unit. Each unit comes back as one id of exactly one
        piece."""
        ...

    def flush(self) -> list[SegmentPiece]:
        """The pieces that were still held back; called once, at the end."""
        ...


class CompletionBuilder(Generic[U]):
    """Builds one completion of what its segmenter settles: text, stop strings, log-probabilities, reasons.

    Stop strings are looked for in the answer only: in a chain of thought they would end it without an answer.
    """

    def __init__(
        self,
        segmenter: Segmenter[U],
        params: SamplingParams,
        *,
        index: int = 0,
        end_units: frozenset[U] = frozenset(),
        arrived_s: float | None = None,
    ) -> None:
        """index: which of the request's completions. end_units: units that end a completion and have no text.
        arrived_s: of the request, on the clock of time.perf_counter; None is now."""
        self._segmenter = segmenter
        self._stop = StopMatcher(params.stop)
        self._index, self._end_units = index, end_units
        self._waiting: deque[TokenLogprob] = deque()  # of units that are not in an event yet
        self._texts: dict[Segment, list[str]] = {"thinking": [], "answer": []}
        self._logprobs: list[TokenLogprob] | None = None if params.logprobs is None else []
        self._token_ids: list[int] = []
        self._arrived_s = time.perf_counter() if arrived_s is None else arrived_s
        self._first_s: float | None = None

    @property
    def begun(self) -> bool:
        """Whether anything has arrived."""
        return self._first_s is not None

    @property
    def stopped(self) -> bool:
        """Whether a stop string has ended it."""
        return self._stop.matched is not None

    def push(self, units: Iterable[U], logprobs: Iterable[TokenLogprob] = ()) -> list[TokenEvent]:
        """Take new units, up to a stop string. logprobs: one for each unit, or none at all."""
        events: list[TokenEvent] = []
        scores = iter(logprobs)
        for unit in units:
            if self.stopped:
                break
            if self._first_s is None:
                self._first_s = time.perf_counter()
            self._note(next(scores, None))
            for piece in self._segmenter.push(unit):
                self._emit(piece, events)
        return events

    def finish(self, units: Sequence[U] = (), logprobs: Iterable[TokenLogprob] = ()) -> list[TokenEvent]:
        """Take the last units and release what was held back. An end unit has no text, even where a tokenizer
        gives it one."""
        scores = iter(logprobs)
        ends = bool(units) and units[-1] in self._end_units
        events = self.push(units[:-1] if ends else units, scores)
        if self.stopped:
            return events
        for piece in self._segmenter.flush():
            self._emit(piece, events)
        if not self.stopped:
            self._append(events, TokenEvent("answer", self._stop.flush(), index=self._index))
            if ends:
                self._note(next(scores, None))
                end_id = units[-1]
                assert isinstance(end_id, int)
                self._emit(SegmentPiece(self._segmenter.segment, "", (end_id,)), events)
        return events

    def _note(self, logprob: TokenLogprob | None) -> None:
        if logprob is not None and self._logprobs is not None:
            self._waiting.append(logprob)

    def _emit(self, piece: SegmentPiece, events: list[TokenEvent]) -> None:
        """Turn a piece into an event, unless a stop string came before it."""
        if self.stopped:
            return
        text = self._stop.push(piece.text) if piece.segment == "answer" else piece.text
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._waiting:
            number = min(len(piece.token_ids), len(self._waiting))
            logprobs = tuple(self._waiting.popleft() for _ in range(number))
        known = piece.token_ids
        if UNKNOWN_ID in known:
            known = tuple(token_id for token_id in known if token_id != UNKNOWN_ID)
        self._token_ids += known
        if self._logprobs is not None:
            self._logprobs += logprobs
        self._append(events, TokenEvent(piece.segment, text, known, logprobs, self._index))

    def _append(self, events: list[TokenEvent], event: TokenEvent) -> None:
        """Add an event, or join it to the last one if both belong to the same segment."""
        if not (event.text or event.token_ids or event.logprobs):
            return
        self._texts[event.segment].append(event.text)
        if events and events[-1].segment == event.segment:
            last = events.pop()
            event = replace(
                event,
                text=last.text + event.text,
                token_ids=last.token_ids + event.token_ids,
                logprobs=last.logprobs + event.logprobs,
            )
        events.append(event)

    def usage(self, prompt: Usage) -> Usage:
        """The prompt's usage with what was counted here."""
        return replace(
            prompt, completion_tokens=len(self._token_ids), reasoning_tokens=self._segmenter.num_thinking
        )

    def completion(self, reason: FinishReason, detail: FinishDetail | None, usage: Usage) -> Completion:
        """The whole completion so far. reason, detail: the backend's; a stop string that was found here takes
        precedence."""
        now = time.perf_counter()
        first = self._first_s
        answer = "".join(self._texts["answer"])
        return Completion(
            thinking="".join(self._texts["thinking"]),
            answer=answer,
            token_ids=tuple(self._token_ids),
            finish_reason=FinishReason.STOP if self.stopped else reason,
            finish_detail=detail,
            usage=usage,
            timing=Timing() if first is None else Timing(first - self._arrived_s, now - first),
            logprobs=None if self._logprobs is None else tuple(self._logprobs),
            index=self._index,
            stop=self._stop.matched,
            refused=is_refusal(answer),
        )


class Generation:
    """One request whose completions arrive as token ids: receives an engine's outputs and delivers events."""

    def __init__(
        self,
        segmenters: Sequence[IdSegmenter],
        params: SamplingParams,
        deliver: Deliver,
        *,
        eos: Iterable[int],
        usage: Usage,
        arrived_s: float | None = None,
        mask: GrammarMask | None = None,
    ) -> None:
        """segmenters: one for each of params.n completions. eos: ids that end a completion. usage: of the
        prompt. arrived_s: on the clock of time.perf_counter; None is now. mask: the grammar that the engine
        follows, asked at the end whether it could."""
        arrived_s = time.perf_counter() if arrived_s is None else arrived_s
        ends = frozenset((*eos, *params.stop_token_ids))
        self._builders = [
            CompletionBuilder(segmenter, params, index=index, end_units=ends, arrived_s=arrived_s)
            for index, segmenter in enumerate(segmenters)
        ]
        self._mask = mask
        self._details: list[FinishDetail | None] = [None] * len(segmenters)
        self._usage = usage
        self._deliver = deliver

    def receive(self, output: EngineOutput) -> bool:
        """Deliver what an output brings; False once a stop string has ended this completion."""
        builder, reason = self._builders[output.index], output.finish_reason
        detail = self._details[output.index] = output.finish_detail or self._details[output.index]
        take = builder.push if reason is None else builder.finish
        for event in take(output.token_ids, output.logprobs):
            self._deliver(event)
        if builder.stopped or reason is not None:
            fault = "" if self._mask is None else self._mask.fault.message
            usage = builder.usage(replace(self._usage, cached_tokens=output.num_cached))
            self._deliver(
                PromptError(f"the schema of the output could not be followed ({fault}); make it simpler")
                if fault
                else builder.completion(reason or FinishReason.STOP, detail, usage)
            )
        return not builder.stopped

    def fail(self, error: Exception) -> None:
        """Deliver the error that ended the request."""
        self._deliver(error)
