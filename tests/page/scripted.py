"""A server whose answers a test writes: the page's files with their real policy, and two endpoints."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from r1v.server.static_page import StaticPage, read_page

CARD: dict[str, Any] = {
    "id": "scripted", "object": "model", "owned_by": "test", "context_length": 4096, "max_images": 3,
    "input_modalities": ["text", "image"], "capabilities": {"reasoning": True, "vision": True},
    "num_parameters": 13_949_568, "num_bytes": 27_899_136, "device": "cpu", "dtype": "float32",
    "default_sampling": {"temperature": 0.6, "top_p": 0.95, "thinking_budget": -1, "max_tokens": None},
    "card": {"summary": "A model that says what a test wants.", "license": "mit",
             "cannot": ["Photographs.", "Poems."],
             "kinds": [{"name": "clock", "accuracy": 94.8}, {"name": "circuit", "accuracy": 99.3}]},
}  # fmt: skip


@dataclass
class Answer:
    """One answer. chunk: characters of a piece. pause_s: before each piece. wait: held back until it is set,
    before the first piece. cut: the connection ends after this many pieces, with nothing said. status, error,
    headers: of a refusal. failure: an error within the stream, after the text."""

    text: str = "Answer: \\boxed{4}"
    thinking: str = ""
    chunk: int = 7
    pause_s: float = 0.0
    wait: threading.Event | None = None
    cut: int | None = None
    finish: str = "stop"
    detail: str | None = None
    refused: bool = False
    status: int = 200
    error: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    failure: dict[str, Any] | None = None
    usage: bool = True

    def pieces(self) -> Iterator[dict[str, Any]]:
        """The deltas."""
        for name, text in (("reasoning_content", self.thinking), ("content", self.text)):
            for start in range(0, len(text), self.chunk):
                yield {name: text[start : start + self.chunk]}


@dataclass
class Scripted:
    """The server of one test. asked: bodies of the requests. key: asked for where there is one."""

    port: int = 0
    answers: deque[Answer] = field(default_factory=deque)
    asked: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0  # requests whose client hung up
    key: str = ""
    models: list[dict[str, Any]] = field(default_factory=lambda: [CARD])
    models_failure: int = 0
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def say(self, *answers: Answer | str) -> None:
        """What the next requests are answered; after the last, the default answer."""
        self.answers.extend(Answer(each) if isinstance(each, str) else each for each in answers)

    def start(self) -> None:
        """Listen; on the same port as before."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(self._app(), log_level="error", timeout_graceful_shutdown=0)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Go away, as a server that was ended."""
        assert self._server is not None and self._thread is not None
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(20)

    def _app(self) -> Starlette:
        page = StaticPage(read_page())
        return Starlette(
            routes=[
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/{path:path}", page.get),
            ]
        )

    def _refused(self, request: Request) -> Response | None:
        if not self.key or request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        error = {"message": "the API key is missing or wrong", "code": "invalid_api_key", "param": None}
        return JSONResponse({"error": error}, 401, {"WWW-Authenticate": "Bearer"})

    async def _models(self, request: Request) -> Response:
        if self.models_failure:
            return JSONResponse({"error": {"message": "no", "code": None}}, self.models_failure)
        return self._refused(request) or JSONResponse({"object": "list", "data": self.models})

    async def _chat(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        self.asked.append(json.loads(await request.body()))
        answer = self.answers.popleft() if self.answers else Answer()
        if answer.error is not None:
            return JSONResponse({"error": answer.error}, answer.status, answer.headers)
        return StreamingResponse(self._stream(answer), media_type="text/event-stream")

    async def _stream(self, answer: Answer) -> AsyncIterator[bytes]:
        done = False
        try:
            yield b": keep-alive\n\n"
            while answer.wait is not None and not answer.wait.is_set():
                await asyncio.sleep(0.02)
            number = {"reasoning_content": 0, "content": 0}
            for count, delta in enumerate(answer.pieces()):
                if answer.cut is not None and count >= answer.cut:
                    await asyncio.sleep(1.5)  # a browser may drop what it has not handed over yet
                    raise ConnectionAbortedError
                await asyncio.sleep(answer.pause_s)
                number[next(iter(delta))] += 1
                yield _event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            if answer.failure is not None:
                yield _event({"error": answer.failure})
                return
            end = {"index": 0, "delta": {}, "finish_reason": answer.finish, "finish_detail": answer.detail}
            if answer.refused:
                end["refused"] = True
            yield _event({"choices": [end]})
            if answer.usage:
                thought = number["reasoning_content"]
                yield _event({"choices": [], "usage": {
                    "prompt_tokens": 9, "completion_tokens": thought + number["content"],
                    "completion_tokens_details": {"reasoning_tokens": thought}}})  # fmt: skip
            yield b"data: [DONE]\n\n"
            done = True
        finally:
            self.left += not done


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


@contextmanager
def scripted() -> Iterator[Scripted]:
    """A scripted server; leaving ends it."""
    server = Scripted()
    server.start()
    try:
        yield server
    finally:
        server.stop()
