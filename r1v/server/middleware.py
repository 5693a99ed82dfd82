"""What handles a request before the app does: access control, limits of the body, and a log line for each
request.

Always holds: a body is read whole, within limits of bytes and seconds, before anything else reads it; keys
are compared in constant time; the log holds no content and no query.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import re
import time
import uuid
from collections.abc import Collection, MutableMapping
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from r1v.server.config import ServerConfig
from r1v.server.errors import APIError

access_log = logging.getLogger("r1v.server.access")

OPEN_PATHS = ("/health", "/ready")  # for probes, which have no key
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def notes(scope: Scope) -> MutableMapping[str, object]:
    """The fields that endpoints add to the log line of their request."""
    found: MutableMapping[str, object] = scope.setdefault("r1v.notes", {})
    return found


class RequestCounter(Protocol):
    """Counts requests that have ended."""

    def request(self, route: str, status: int) -> None:
        """One more."""


class AccessLog:
    """Logs each request as one JSON object when it has ended, and counts it."""

    def __init__(self, app: ASGIApp, metrics: RequestCounter) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status, request_id = time.monotonic(), 499, uuid.uuid4().hex
        found = notes(scope)

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.request(route, status)
            client = scope.get("client")
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "id": request_id,
                "client": client[0] if client else None,
                "method": scope["method"],
                "path": scope["path"][:200],
                "status": status,
                "seconds": round(time.monotonic() - start, 4),
                **found,
            }
            access_log.info(json.dumps(line))


class AccessCheck:
    """Lets a request in or refuses it. A server without keys that only this machine reaches checks the host
    name; any other server checks the key. Of requests by web pages, only those of this server's page and of
    allowed origins are let in.

    open_paths: may be read without a key: probes, and the files of the page, which asks for the key itself.
    """

    def __init__(self, app: ASGIApp, config: ServerConfig, open_paths: Collection[str] = OPEN_PATHS) -> None:
        self._app, self._open_paths = app, frozenset(open_paths)
        self._keys = tuple(hashlib.sha256(key.encode()).digest() for key in config.api_keys)
        # without this check, any web page could reach a server on this machine through a host name of its own
        self._local_names_only = config.on_loopback and not config.api_keys
        self._origins = config.cors_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refusal(scope)) is not None:
            await error.response(scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> APIError | None:
        headers = Headers(scope=scope)
        if self._local_names_only and not _is_local(headers.get("host", "localhost"), scope.get("server")):
            return APIError(403, "this server answers to localhost and its own port only; use that address",
                            code="unknown_host")  # fmt: skip
        if scope["method"] not in SAFE_METHODS and self._from_elsewhere(headers):
            return APIError(403, "pages of other sites may not use this server; --cors-origin allows one",
                            code="cross_site")  # fmt: skip
        if not self._keys or (scope["path"] in self._open_paths and scope["method"] in SAFE_METHODS):
            return None
        kind, _, key = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            key = headers.get("x-api-key", "")  # as Anthropic's clients send it
        digest = hashlib.sha256(key.strip().encode()).digest()
        # every key is compared, so that the time does not reveal which one was nearly right
        if sum([hmac.compare_digest(digest, key) for key in self._keys]):
            return None
        return APIError(401, "the API key is missing or wrong; send Authorization: Bearer KEY",
                        code="invalid_api_key")  # fmt: skip

    def _from_elsewhere(self, headers: Headers) -> bool:
        """Whether a page of another site sends this request, by the headers that browsers set. Forms and
        uploads are sent without CORS, so CORS alone does not stop them."""
        origins = headers.getlist("origin")  # one, unless a proxy has added another
        if "*" in self._origins or (origins and all(origin in self._origins for origin in origins)):
            return False
        for origin in origins:
            scheme, _, place = origin.partition("://")
            if scheme not in ("http", "https") or _place(place) != _place(headers.get("host", "")):
                return True
        return any(site not in ("none", "same-origin") for site in headers.getlist("sec-fetch-site"))


_HOST = re.compile(r"(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+)(?::([0-9]{1,5}))?")


def _place(host: str) -> tuple[str, str] | None:
    """(name, port) of a Host header or an origin, None where it is neither. A missing port and the usual
    ports count as the same, because a proxy in front of this server may speak TLS."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    return match[1].lower(), "" if match[2] in (None, "80", "443") else match[2]


def _is_local(host: str, server: tuple[str, int | None] | None) -> bool:
    """Whether a Host header is localhost or a loopback address, with this server's port or none. A name that
    only begins like such an address may belong to anybody."""
    match = _HOST.fullmatch(host)
    if match is None or (match[2] is not None and server is not None and match[2] != str(server[1])):
        return False
    name = match[1].lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


class HeadAsGet:
    """Answers HEAD as GET, which probes and load balancers send; the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


class BodyLimit:
    """Reads the body of a request whole, within limits of bytes and seconds, and passes it on in one
    piece."""

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app, self._config = app, config
        self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        held = [0]
        try:
            body = await self._read(scope, receive, held)
        except APIError as error:
            self._buffered -= held[0]
            await error.response(scope["path"])(scope, receive, send)
            return
        if body is None:  # the client has gone
            self._buffered -= held[0]
            return
        message: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            nonlocal message
            if message is not None:
                first, message = message, None
                return first
            self._buffered, held[0] = self._buffered - held[0], 0  # whoever asked has it now
            return await receive()

        del body
        try:
            await self._app(scope, replay, send)
        finally:
            self._buffered -= held[0]

    async def _read(self, scope: Scope, receive: Receive, held: list[int]) -> bytes | None:
        config, headers = self._config, Headers(scope=scope)
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > config.max_body_bytes:
            raise self._too_long()
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(config.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    chunk: Any = message.get("body", b"")
                    chunks.append(chunk)
                    held[0] += len(chunk)
                    self._buffered += len(chunk)
                    if held[0] > config.max_body_bytes:
                        raise self._too_long()
                    if self._buffered > config.max_buffered_bytes:
                        raise APIError(503, "too many large requests are being read; try again later",
                                       code="no_capacity", retry_after_s=5)  # fmt: skip
                    if not message.get("more_body"):
                        break
        except TimeoutError as error:
            raise APIError(408, f"the body did not come within {config.body_timeout_s:g} s",
                           code="body_timeout") from error  # fmt: skip
        return b"".join(chunks)

    def _too_long(self) -> APIError:
        return APIError(
            413, f"the body has more than {self._config.max_body_bytes} bytes; send smaller or fewer images",
            code="body_too_large",
        )  # fmt: skip


def add_middleware(
    app: Starlette, config: ServerConfig, metrics: RequestCounter, open_paths: Collection[str] = ()
) -> None:
    """Add everything of this module to an app, and CORS if origins are given. open_paths: paths that are open
    without a key, besides those for probes."""
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit, config=config)
    app.add_middleware(AccessCheck, config=config, open_paths=(*OPEN_PATHS, *open_paths))
    if config.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(config.cors_origins), allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Api-Key", "Anthropic-Version"],
            expose_headers=["X-Request-Id", "Retry-After"],
        )  # fmt: skip
    app.add_middleware(AccessLog, metrics=metrics)
