"""Requests on their way through the model: admission, deadlines, cancellation, draining.

Enters: requests of the façade. Leaves: Runs, which give events. Always holds: a run that was begun ends with
Completions, which say why they ended, or with an APIError, and gives its place back; nothing is begun beyond
the limit of the queue, or while draining.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from types import TracebackType

from r1v.core import Completion, FinishReason, R1VError
from r1v.llm import LLM, AsyncStream, ChatRequest, Event, Request, TextRequest
from r1v.server.config import ServerConfig
from r1v.server.errors import APIError, from_r1v
from r1v.server.metrics import Metrics
from r1v.server.threads import full_pool

LONG_TEXT = 65_536  # characters

_CANCEL_S = 10.0  # the time that the engine has to end a cancelled request: one step, which may be a long one


class Run:
    """One request while it is decoded. Use it in a ``with`` block; leaving the block ends the request.

    cut: why the server itself ended it: "deadline", "shutdown", "disconnect" or "stopped".
    """

    def __init__(self, service: Service, num_completions: int, deadline_s: float) -> None:
        self._service = service
        self._clock = service.clock
        self.arrived_s = service.clock()
        self.deadline_s = self.arrived_s + deadline_s
        self.num_completions = num_completions
        self.completions: list[Completion] = []
        self.first_token_s: float | None = None
        self.cut: str | None = None
        self.num_thinking_ids: dict[int, int] = {}  # by completion, markers counted
        self.num_images = 0  # of the request
        self._last_s: dict[int, float] = {}
        self._stream: AsyncStream | None = None
        self._cut_s = 0.0
        self._closed = False

    @property
    def done(self) -> bool:
        """Whether every completion has come."""
        return len(self.completions) == self.num_completions

    async def begin(self, prepare: Awaitable[Request]) -> None:
        """Prepare the request and give it to the model. Raises APIError, also if the deadline passes."""
        service = self._service
        try:
            async with asyncio.timeout(self.deadline_s - self._clock()):
                request = await prepare
                if isinstance(request, ChatRequest):
                    self.num_images = sum(len(message.images) for message in request.messages)
                self._stream = await service.llm.start_async(request, service.threads_for(request))
        except TimeoutError as error:
            raise self._too_late() from error
        except R1VError as error:
            raise from_r1v(error) from error
        finally:
            service.metrics.prepare_s.observe(self._clock() - self.arrived_s)
        if self.cut is not None:
            self._stream.cancel()

    def end(self, cut: str) -> None:
        """End the request within a step. What was generated so far still comes."""
        if self.cut is None and not self.done:
            self.cut, self._cut_s = cut, self._clock()
            if self._stream is not None:
                self._stream.cancel()

    async def events(self, timeout_s: float) -> list[Event]:
        """The events that have come; an empty list after timeout_s. Raises APIError if the request failed."""
        assert self._stream is not None, "begin comes first"
        if self.cut is None:
            left = self.deadline_s - self._clock()
            if left <= 0:
                self.end("deadline")
            timeout_s = min(timeout_s, max(left, 0.0)) if self.cut is None else _CANCEL_S
        elif self._clock() - self._cut_s > _CANCEL_S:
            raise APIError(
                503, "the model does not respond; try again later", code="stalled", retry_after_s=30
            )
        try:
            events = await self._stream.events(min(timeout_s, _CANCEL_S) if self.cut else timeout_s)
        except R1VError as error:
            raise from_r1v(error) from error
        now = self._clock()
        for event in events:
            if isinstance(event, Completion):
                self.completions.append(event)
                self._service.metrics.completed(event, *self.finish(event))
            elif event.token_ids:
                if event.segment == "thinking":
                    before = self.num_thinking_ids.get(event.index, 0)
                    self.num_thinking_ids[event.index] = before + len(event.token_ids)
                self._note_tokens(event.index, len(event.token_ids), now)
        return events

    async def whole(self) -> list[Completion]:
        """All completions, by index. Raises APIError if the request failed, or was ended before any token."""
        while not self.done:
            await self.events(self._service.config.keep_alive_s)
        if self.cut == "shutdown":
            raise self._service.shutting_down()
        if self.cut == "deadline" and not any(c.token_ids for c in self.completions):
            raise self._too_late()
        return sorted(self.completions, key=lambda completion: completion.index)

    def finish(self, completion: Completion) -> tuple[str, str | None]:
        """(finish reason, detail) as the API names them."""
        if completion.finish_reason is FinishReason.CANCELLED:
            return ("length", "deadline") if self.cut == "deadline" else ("cancelled", self.cut)
        detail = completion.finish_detail
        return completion.finish_reason.value, None if detail is None else detail.value

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the place in the queue back. A request that still runs is cancelled."""
        if self._closed:
            return
        self._closed = True
        if not self.done:
            self.end("disconnect")
            if self._stream is not None:
                for _ in range(self.num_completions - len(self.completions)):
                    self._service.metrics.finished.labels("cancelled", self.cut or "none").inc()
        self._service.leave(self)

    def _note_tokens(self, index: int, number: int, now: float) -> None:
        metrics = self._service.metrics
        if self.first_token_s is None:
            self.first_token_s = now - self.arrived_s
            metrics.first_token_s.observe(self.first_token_s)
        if index in self._last_s:
            metrics.token_s.observe((now - self._last_s[index]) / number)
        self._last_s[index] = now

    def _too_late(self) -> APIError:
        seconds = self.deadline_s - self.arrived_s
        return APIError(504, f"nothing was generated within the deadline of {seconds:g} s; give it longer "
                             "(deadline_s), or ask when less runs",
                        code="deadline_exceeded")  # fmt: skip


def _num_chars(request: Request) -> int:
    if isinstance(request, TextRequest):
        return len(request.prompt) if isinstance(request.prompt, str) else 0
    return sum(len(message.text) + len(message.reasoning or "") for message in request.messages)


class Service:
    """One model and its bounded queue."""

    def __init__(
        self,
        llm: LLM,
        config: ServerConfig,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.llm, self.config, self.metrics, self.clock = llm, config, metrics, clock
        self._threads = full_pool(config.prepare_threads, "r1v-prepare")
        self._long_texts = full_pool(1, "r1v-prepare-long")
        self.draining = False
        self._runs: set[Run] = set()
        self._active = 0
        self._mean_s = 1.0  # of recent requests, for Retry-After

    @property
    def num_active(self) -> int:
        """The number of sequences that were admitted and have not ended."""
        return self._active

    @property
    def capacity(self) -> int:
        """The most sequences at a time, running and waiting."""
        return self.llm.max_running + self.config.max_queue

    @property
    def max_sequences(self) -> int:
        """The most sequences that one request may hold, so that no one fills the queue alone."""
        return max(1, int(self.capacity * self.config.max_share))

    def threads_for(self, request: Request) -> Executor:
        """The threads on which to prepare a request. Long texts have a thread of their own, so that many of
        them delay only each other."""
        return self._long_texts if _num_chars(request) > LONG_TEXT else self._threads

    def admit(self, num_completions: int = 1, deadline_s: float | None = None) -> Run:
        """A place for a request. Raises APIError: 429 where the queue is full, 503 while draining."""
        if self.draining:
            self.metrics.refused.labels("shutdown").inc()
            raise self.shutting_down()
        self.check_share(num_completions)
        if self._active + num_completions > self.capacity:
            self.metrics.refused.labels("queue").inc()
            raise APIError(
                429, f"the queue of {self.capacity} sequences is full; try again later",
                code="queue_full", retry_after_s=max(1, min(60, round(self._mean_s))),
            )  # fmt: skip
        self._active += num_completions
        run = Run(self, num_completions, deadline_s or self.config.deadline_s)
        self._runs.add(run)
        return run

    def check_share(self, num_completions: int, num_prompts: int = 1) -> None:
        """Refuse a request that asks for too much at once. Raises APIError."""
        asked, most = num_completions * num_prompts, self.max_sequences
        if asked <= most:
            return
        text = f"one request may ask for {most} completions"
        if num_prompts > 1:
            text = f"{num_prompts} prompts with {num_completions} completions each are {asked}; {text}"
        raise APIError(400, text, code="invalid_value", param="prompt" if num_prompts > 1 else "n")

    def leave(self, run: Run) -> None:
        """Take a run's place back; called by the run."""
        self._runs.discard(run)
        self._active -= run.num_completions
        seconds = self.clock() - run.arrived_s
        self.metrics.request_s.observe(seconds)
        self._mean_s += 0.1 * (seconds - self._mean_s)

    async def tokenize(self, request: Request) -> list[int]:
        """The ids of a request's prompt, made on one of the threads that prepare requests."""
        work = partial(self.llm.tokenize, request)
        return await asyncio.get_running_loop().run_in_executor(self.threads_for(request), work)

    def not_ready(self) -> str:
        """Why no request should be sent here now; empty if requests are welcome."""
        load = self.llm.load
        if self.draining:
            return "shutting down"
        if load.failure:
            return f"the engine has failed: {load.failure}"
        if load.stalled_s > self.config.stall_s:
            return f"the engine has made no progress for {load.stalled_s:.0f} s"
        return ""

    def shutting_down(self) -> APIError:
        """The error that requests get while the server drains."""
        return APIError(503, "the server is shutting down; send the request elsewhere or later",
                        code="shutting_down", retry_after_s=5)  # fmt: skip

    async def drain(self, limit_s: float) -> int:
        """Take no more requests and let the running ones finish. After limit_s the rest is ended, and each of
        these requests is told so.

        Returns how many were ended.
        """
        self.draining = True
        until = self.clock() + limit_s
        while self._runs and self.clock() < until:
            await asyncio.sleep(0.02)
        ended = list(self._runs)
        for run in ended:
            run.end("shutdown")
        until = self.clock() + _CANCEL_S
        while self._runs and self.clock() < until:
            await asyncio.sleep(0.02)
        return len(ended)
