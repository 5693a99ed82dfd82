"""Responses to clients that may hang up: server-sent events, and waiting for a whole answer.

Always holds: when a client hangs up, or reads nothing for too long, the work for it ends at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")

KEEP_ALIVE = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


def data(content: object) -> bytes:
    """One event."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return b"data: " + text.encode("utf-8", "replace") + b"\n\n"


async def _gone(receive: Receive) -> None:
    """Returns when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_gone(receive: Receive, work: Awaitable[T]) -> T:
    """The result of work. If the client hangs up first, the work is cancelled and ClientDisconnect raised."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for each in (task, watch):
            each.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


class EventStream(Response):
    """Server-sent events from a generator. The generator is closed in every case when the response ends."""

    def __init__(
        self,
        events: AsyncIterator[bytes],
        *,
        write_timeout_s: float,
        on_gone: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        """on_gone: called if the client hangs up. on_close: called at the end in every case."""
        super().__init__(media_type="text/event-stream", headers={
            "Cache-Control": "no-store", "X-Accel-Buffering": "no"})  # fmt: skip
        del self.headers["content-length"]
        self._events = events
        self._write_timeout_s = write_timeout_s
        self._on_gone, self._on_close = on_gone, on_close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unless_gone(receive, self._send(send))
        except (ClientDisconnect, OSError, TimeoutError):
            self._on_gone()
        finally:
            self._on_close()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._events:
            async with asyncio.timeout(self._write_timeout_s):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
