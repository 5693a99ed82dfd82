"""Connections: how many there may be, and how long one may take over its request's head.

Enters: sockets, from uvicorn. Always holds: there are never more connections than the limit, which leaves
file descriptors for everything else. When the limit is reached, the connection that has been idle longest is
closed for the new one; the new one is refused only if no connection is idle. A request's head that comes too
slowly is cut off.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("r1v.server")

# Connections that are accepted in one turn of the event loop.
ACCEPTED_AT_ONCE = 16

# Turns between accepting a connection and closing the one that makes room for it: asyncio makes the
# transport, tells the protocol, and closes what the protocol gave up, each in a turn of its own, and it
# accepts in all of them.
TURNS = 4

# Descriptors kept back: half for connections that wait for room, half for images that are fetched, files and
# pipes of children. Half of all where there are few.
RESERVED_DESCRIPTORS = 2 * TURNS * ACCEPTED_AT_ONCE

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
)
_BUSY_BODY = (
    b'{"error":{"message":"the server has as many connections as it takes; try again later",'
    b'"type":"server_error","param":null,"code":"no_capacity"}}'
)

_MALFORMED = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
_MALFORMED_BODY = (
    b'{"error":{"message":"this is not a valid HTTP/1.1 request; its head may have at most 16 KiB",'
    b'"type":"invalid_request_error","param":null,"code":"invalid_value"}}'
)


def connection_limits(wanted: int) -> tuple[int, int]:
    """(connections, how many are accepted at once): at most ``wanted`` and ACCEPTED_AT_ONCE, and fewer where
    the process may not open so many files."""
    try:
        import resource
    except ImportError:  # not a Unix: there is no such limit
        return wanted, ACCEPTED_AT_ONCE
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return wanted, ACCEPTED_AT_ONCE
    free = soft - _lowest_free()
    reserved = min(RESERVED_DESCRIPTORS, free // 2)
    return max(1, min(wanted, free - reserved)), max(1, min(ACCEPTED_AT_ONCE, reserved // (2 * TURNS)))


def _lowest_free() -> int:
    """The lowest free descriptor number, which is about the number of open ones."""
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    return lowest


class OnceAMinute:
    """Logs a message at most once a minute, with the number of times that it happened."""

    def __init__(self, text: str) -> None:
        """text: the message, with one %d for the count."""
        self._text, self._count, self._next_s = text, 0, 0.0

    def say(self) -> None:
        """Note that it happened."""
        self._count += 1
        if time.monotonic() >= self._next_s:
            log.warning(self._text, self._count)
            self._count, self._next_s = 0, time.monotonic() + 60


class Connections:
    """The open connections of one server."""

    def __init__(self, limit: int, head_timeout_s: float) -> None:
        self.limit, self.head_timeout_s = limit, head_timeout_s
        self._open: dict[Connection, None] = {}  # in the order of their last activity
        self.malformed = OnceAMinute("malformed HTTP requests were refused (%d times)")
        self._full = OnceAMinute(
            f"the limit of {limit} connections was reached (%d times); those that ask nothing are closed"
        )

    def __len__(self) -> int:
        return len(self._open)

    def make(self, *args: Any, **kwargs: Any) -> Connection:
        """A connection for uvicorn."""
        return Connection(self, *args, **kwargs)

    def add(self, connection: Connection) -> bool:
        """Whether there is room for one more."""
        if len(self._open) >= self.limit:
            self._full.say()
            waiting = next((each for each in self._open if each.waits), None)
            if waiting is None:
                return False
            self.remove(waiting)
            waiting.transport.abort()
        self._open[connection] = None
        return True

    def touch(self, connection: Connection) -> None:
        """Note that a connection has asked something, so that it is the last to make room."""
        if connection in self._open:
            del self._open[connection]
            self._open[connection] = None

    def remove(self, connection: Connection) -> None:
        """It has ended."""
        self._open.pop(connection, None)

    def quiet_accept(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handles exceptions of an event loop: a lack of descriptors while accepting is logged once a
        minute."""
        if "accept" in str(context.get("message", "")):
            self._no_files.say()
        else:
            loop.default_exception_handler(context)

    _no_files = OnceAMinute("no file descriptor is left for new connections (%d times); raise ulimit -n")


def _send_at_once(transport: asyncio.Transport) -> None:
    """Switch off Nagle's algorithm: an answer leaves in several small pieces, and with it the second piece
    waits until the first is acknowledged, which takes the other side up to 40 ms. asyncio does this only for
    sockets made with an explicit protocol number; ours, and those that a parent process passes on, have 0."""
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Connection(H11Protocol):
    """uvicorn's connection, counted and with a time limit for each request's head."""

    def __init__(self, connections: Connections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = connections
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether the connection is idle: no request is being read or answered."""
        return self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _send_at_once(transport)
        if not self._connections.add(self):
            transport.write(_BUSY % (len(_BUSY_BODY), _BUSY_BODY))
            transport.close()
            return
        self._time_the_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.waits:
            self._stop_timer()
            self._connections.touch(self)
        elif self._head_timer is None and not self.transport.is_closing():
            self._time_the_head()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not an HTTP request with an error in the same form as all others. uvicorn logs each
        of them, which `set_up_logs` stops; here it is said once a minute."""
        self._connections.malformed.say()
        self.transport.write(_MALFORMED % (len(_MALFORMED_BODY), _MALFORMED_BODY))
        self.transport.close()

    def _time_the_head(self) -> None:
        self._head_timer = self.loop.call_later(self._connections.head_timeout_s, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self.waits and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
            self.transport.close()
