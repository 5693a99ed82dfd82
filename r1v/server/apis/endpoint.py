"""What the endpoints of every API share.

Enters: a Service and a Translator. Always holds: requests of every API are admitted, begun, streamed, ended
and logged in the same way.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import ExitStack
from typing import Any, Protocol

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from r1v.core import Completion, TokenEvent
from r1v.llm import Event
from r1v.server.apis.chat_answers import Json
from r1v.server.apis.chat_params import Translator
from r1v.server.apis.chat_schema import ChatBody
from r1v.server.errors import APIError, ErrorBody, from_validation, json_response
from r1v.server.middleware import notes
from r1v.server.service import Run, Service
from r1v.server.stream import KEEP_ALIVE, EventStream, data, unless_gone

FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        400: "A parameter is unknown, missing or out of range; param names it",
        401: "The API key is missing or wrong",
        403: "The host name is not one this server answers to",
        404: "No such model",
        408: "The body came too slowly",
        413: "The body is too large",
        429: "The queue is full; Retry-After says when to come again",
        499: "The client went away",
        500: "A fault of the server",
        503: "Shutting down, or the model does not respond",
        504: "Nothing was generated within the deadline",
    }.items()
}


class Writer(Protocol):
    """Writes one answer in the form of an API."""

    def begin(self) -> list[bytes]:
        """The events with which a stream begins."""

    def event(self, event: TokenEvent) -> list[bytes]:
        """Events for a piece of output."""

    def end(self, completion: Completion, reason: str, detail: str | None) -> list[bytes]:
        """The events with which a stream ends."""

    def failed(self, error: APIError) -> list[bytes]:
        """The events with which a stream ends that has failed."""

    def whole(self, completion: Completion, reason: str, detail: str | None) -> Json:
        """The answer in one piece."""


class Endpoint:
    """The parts of an API that do not depend on its form."""

    def __init__(self, service: Service, translator: Translator) -> None:
        self._service, self._translator = service, translator
        self._llm, self._config = service.llm, service.config

    async def answer(
        self, body: ChatBody, request: Request, writer: Writer, names: Mapping[str, str]
    ) -> Response:
        """Answer a conversation with one completion, streamed where asked. names: see chat_body."""
        self.check_model(body.model)
        run = self._service.admit()
        with ExitStack() as stack:
            stack.enter_context(run)
            try:
                await unless_gone(request.receive, run.begin(self._translator.chat(body)))
            except APIError as error:
                raise renamed(error, names) from error
            if body.stream:
                stack.pop_all()  # from here on the response is responsible for ending the run
                return self.event_stream(run, self._events(run, writer), request)
            (completion,) = await unless_gone(request.receive, run.whole())
            self.note(request, run)
            return json_response(writer.whole(completion, *run.finish(completion)))

    async def _events(self, run: Run, writer: Writer) -> AsyncIterator[bytes]:
        def write(event: Event) -> list[bytes]:
            if isinstance(event, Completion):
                return writer.end(event, *run.finish(event))
            return writer.event(event)

        for piece in writer.begin():
            yield piece
        try:
            async for piece in self.pieces(run, write):
                yield piece
        except APIError as error:
            for piece in writer.failed(error):
                yield piece

    async def pieces(self, run: Run, write: Callable[[Event], list[bytes]]) -> AsyncIterator[bytes]:
        """A run's events as chunks, and a comment whenever keep_alive_s have passed without a chunk: while
        the request waits in the queue, and while a tool call is held back until it is complete. Raises
        APIError at a shutdown."""
        keep_alive_s = self._config.keep_alive_s
        said_s = time.monotonic()
        while not run.done:
            events = await run.events(max(0.0, said_s + keep_alive_s - time.monotonic()))
            if run.cut == "shutdown":
                raise self._service.shutting_down()
            said = False
            for event in events:
                for chunk in write(event):
                    yield chunk
                    said = True
            if not said and time.monotonic() - said_s >= keep_alive_s:
                yield KEEP_ALIVE
                said = True
            if said:
                said_s = time.monotonic()

    def event_stream(
        self,
        run: Run,
        events: AsyncIterator[bytes],
        request: Request,
        runs: list[Run] | None = None,
        stack: ExitStack | None = None,
    ) -> EventStream:
        def gone() -> None:
            for each in runs or [run]:
                each.end("disconnect")

        def close() -> None:
            self.note(request, *(runs or [run]))
            if stack is None:
                run.close()
            else:
                stack.close()

        return EventStream(events, write_timeout_s=self._config.write_timeout_s, on_gone=gone, on_close=close)

    def check_model(self, name: str) -> None:
        if name != self._config.name:
            raise APIError(404, f"the model {name[:100]!r} is not served here; use {self._config.name!r}",
                           code="model_not_found", param="model")  # fmt: skip

    def note(self, request: Request, *runs: Run) -> None:
        """Add facts to the request's log line, none of them content. runs: one for each prompt of the
        request."""
        found = notes(request.scope)
        self._note_model(found, sum(run.num_images for run in runs))
        ended = [run for run in runs if run.completions]
        if ended:
            every = [(run, completion) for run in ended for completion in run.completions]
            found["prompt_tokens"] = sum(run.completions[0].usage.prompt_tokens for run in ended)
            found["completion_tokens"] = sum(completion.usage.completion_tokens for _, completion in every)
            found["finish"] = sorted({"/".join(filter(None, run.finish(each))) for run, each in every})
        begun = [run.first_token_s for run in runs if run.first_token_s is not None]
        if begun:
            found["first_token_s"] = round(min(begun), 4)
        cut = next((run.cut for run in runs if run.cut is not None), None)
        if cut is not None:
            found["cut"] = cut

    def note_prompt(self, request: Request, num_tokens: int, num_images: int) -> None:
        """The same for a request whose tokens are only counted."""
        found = notes(request.scope)
        self._note_model(found, num_images)
        found["prompt_tokens"] = num_tokens

    def _note_model(self, found: MutableMapping[str, object], num_images: int) -> None:
        found["model"] = self._config.name
        if num_images:
            found["images"] = num_images


def chat_body(fields: Json, names: Mapping[str, str]) -> ChatBody:
    """A request of another API as a chat completion. fields: of its body. names: what the client calls them,
    where that differs. Raises APIError."""
    try:
        return ChatBody.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise renamed(from_validation(error.errors()), names) from error


def renamed(error: APIError, names: Mapping[str, str]) -> APIError:
    """The same error, with the names that fields have in the API that was asked."""
    root, dot, rest = (error.param or "").partition(".")
    if root not in names:
        return error
    name = names[root] + dot + rest
    message = error.message.replace(error.param or root, name, 1)
    # further names that a message may contain; a word such as stop may also be an ordinary word
    for old, new in names.items():
        if "_" in old:
            message = re.sub(rf"(?<![\w.]){old}(?!\w)", new, message)
    return APIError(error.status, message, code=error.code, param=name, retry_after_s=error.retry_after_s)


def sse(kind: str, content: Json) -> bytes:
    """One server-sent event with its name, which its data holds as well."""
    return f"event: {kind}\n".encode() + data({"type": kind, **content})
