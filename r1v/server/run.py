"""Listening, and an orderly shutdown.

Enters: an LLM and a ServerConfig. Always holds: the first SIGTERM or SIGINT stops admission at once, lets
what runs finish within the drain limit, tells the rest that they were ended, and only then closes the
sockets; a second signal ends at once.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Protocol, cast

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from r1v.core import UnavailableError
from r1v.llm import LLM
from r1v.server.app import create_app
from r1v.server.config import ServerConfig
from r1v.server.connections import Connections, connection_limits
from r1v.server.console import LogForm, set_up_logs
from r1v.server.threads import IO_THREADS, full_pool

log = logging.getLogger("r1v.server")


class Drainable(Protocol):
    """Something that answers requests and can shut down in order. draining: whether it takes no more of
    them."""

    draining: bool

    @property
    def config(self) -> ServerConfig:
        """Its settings."""

    @property
    def num_active(self) -> int:
        """Requests that have not ended."""

    async def drain(self, limit_s: float) -> int:
        """Take no more requests, let the running ones finish within the limit and end the rest. Returns how
        many were ended."""


class DrainingServer(uvicorn.Server):
    """uvicorn with a shutdown that drains first: meanwhile the socket stays open and new requests get 503."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Drainable,
        connections: Connections,
        on_start: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self.connections = connections
        self._service = service
        self._on_start = on_start
        self._drain: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self.connections.quiet_accept)
        self._loop.set_default_executor(full_pool(IO_THREADS, "r1v-io"))
        await super().startup(sockets)
        for listening in sockets or ():
            # uvicorn's backlog sets how many connections asyncio accepts in a row; the system may queue more
            listening.listen(2048)
        if self.started:
            self._on_start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._service.draining or self._loop is None:
            self.force_exit = self._service.draining  # after the second signal no connection is waited for
            super().handle_exit(sig, frame)
            return
        self._service.draining = True
        self._loop.call_soon_threadsafe(self._begin_to_drain, sig)

    def _begin_to_drain(self, sig: int) -> None:
        self._drain = asyncio.ensure_future(self._drained(sig))

    async def _drained(self, sig: int) -> None:
        limit_s = self._service.config.drain_s
        log.info("%s: no new requests; what runs (%d) has %g s to finish",
                 signal.Signals(sig).name, self._service.num_active, limit_s)  # fmt: skip
        ended = await self._service.drain(limit_s)
        log.info("drained; %d requests were ended early", ended)
        self.should_exit = True


def serve(
    llm: LLM,
    config: ServerConfig,
    *,
    on_start: Callable[[str], None] = lambda url: None,
    log_form: LogForm = "json",
) -> None:
    """Serve a model; as `serve_app`."""
    serve_app(create_app(llm, config), config, on_start, log_form)


def serve_app(app: FastAPI, config: ServerConfig, on_start: Callable[[str], None], log_form: LogForm) -> None:
    """Serve until a signal comes. on_start: called with the address once the server listens. log_form: the
    form of each request's line on standard error. Raises UnavailableError where the port is taken."""
    set_up_logs(log_form)
    listening = listen(config)
    server = make_server(app, app.state.service, lambda: on_start(address(config, listening)))
    server.run(sockets=[listening])


def address(config: ServerConfig, listening: socket.socket) -> str:
    """The URL of a socket that listens."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{listening.getsockname()[1]}"


def make_server(app: ASGIApp, service: Drainable, on_start: Callable[[], None]) -> DrainingServer:
    """The server around an app; it does not listen yet."""
    settings = service.config
    limit, at_once = connection_limits(settings.max_connections)
    connections = Connections(limit, settings.head_timeout_s)
    config = uvicorn.Config(
        app, access_log=False, log_config=None, server_header=False, timeout_keep_alive=30,
        timeout_graceful_shutdown=10, lifespan="on", backlog=at_once,
        http=cast("type[asyncio.Protocol]", connections.make),
    )  # fmt: skip
    return DrainingServer(config, service, connections, on_start)


def listen(config: ServerConfig) -> socket.socket:
    """The listening socket that the settings name. Raises UnavailableError if it cannot be opened."""
    if config.listen_fd is not None:
        try:
            return socket.socket(fileno=config.listen_fd)
        except OSError as error:
            raise UnavailableError(
                f"descriptor {config.listen_fd} is not an open socket ({error.strerror}); "
                "give another --listen-fd"
            ) from error
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        listening = socket.socket(found[0][0], socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(found[0][4])
    except OSError as error:
        raise UnavailableError(
            f"cannot listen on {config.host} port {config.port} ({error.strerror}); "
            "use another --port or --host"
        ) from error
    return listening
