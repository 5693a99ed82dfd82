"""The process in front of the copies: it listens, checks each request and sends it to one of them.

Enters: HTTP requests. Leaves: a copy's responses as they come. Always holds: access and the limits of a body
are checked here as in a server without copies; when a copy is lost, a request that it has not begun to answer
is sent to another one, and a request that it has begun to answer ends with an error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

import httpx
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from r1v.server.config import ServerConfig
from r1v.server.console import LogForm, set_up_logs
from r1v.server.errors import APIError, json_response
from r1v.server.metrics import CONTENT_TYPE
from r1v.server.middleware import add_middleware
from r1v.server.replicas.process import Replica, ReplicaCommand
from r1v.server.replicas.routing import Router, routing_keys
from r1v.server.run import address, listen, make_server
from r1v.server.static_page import StaticPage, read_page
from r1v.server.stream import data, unless_gone

log = logging.getLogger("r1v.server")

LARGE_BYTES = 1 << 18  # a longer body is parsed on a thread, so that other requests do not wait for it
# Headers that belong to one connection only (RFC 9110, 7.6.1), and those that were already checked here.
_OWN_HEADERS = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-authenticate",
     b"proxy-authorization", b"host", b"origin", b"content-length", b"x-request-id")
)  # fmt: skip


class FrontMetrics:
    """What the front itself counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "r1v_front_http_requests", "Requests by status", ["status"], registry=self.registry
        )

    def request(self, route: str, status: int) -> None:
        """Count a request that has ended."""
        self._requests.labels(str(status)).inc()


class Front:
    """Sends requests to copies. It ends as a server without copies does: requests under way are finished
    first."""

    def __init__(self, commands: Sequence[ReplicaCommand], config: ServerConfig) -> None:
        self.config, self.metrics = config, FrontMetrics()
        self.draining = False
        self._router = Router(len(commands))
        self.replicas = [Replica(n, command, self._router.forget) for n, command in enumerate(commands)]
        self._client: httpx.AsyncClient | None = None
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def client(self) -> httpx.AsyncClient:
        """Connections to the copies."""
        if self._client is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
            # the copies keep the deadlines; trust_env: a proxy must not be used within this machine
            self._client = httpx.AsyncClient(
                limits=limits, timeout=httpx.Timeout(None, connect=10), trust_env=False
            )
        return self._client

    async def start(self) -> None:
        """Start every copy and wait until all take requests. Raises UnavailableError where one ends."""
        for replica in self.replicas:
            replica.start()
        try:
            await asyncio.gather(*(replica.wait_until_up(self.client) for replica in self.replicas))
        except BaseException:
            self.end()
            raise
        self._keepers = [asyncio.create_task(replica.keep(self.client)) for replica in self.replicas]

    @property
    def num_active(self) -> int:
        """Requests being answered."""
        return sum(replica.num_requests for replica in self.replicas)

    async def drain(self, limit_s: float) -> int:
        """Let the copies finish their requests, each within its own limit, and end them. Returns how many
        requests were still open."""
        self.draining = True
        for replica in self.replicas:
            replica.stop()
        # the time that a copy needs to end after its limit
        until = asyncio.get_running_loop().time() + limit_s + 15
        while not all(replica.ended for replica in self.replicas):
            if asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(0.05)
        ended = self.num_active
        self.end()
        return ended

    def end(self) -> None:
        """End every copy now."""
        for keeper in self._keepers:
            keeper.cancel()
        for replica in self.replicas:
            replica.end()

    # ---------------------------------------------------------------------------------------------- requests

    async def health(self, request: Request) -> Response:
        """200 while at least one copy takes requests."""
        states = [{"replica": r.number, "up": r.up, "requests": r.num_requests} for r in self.replicas]
        up = any(replica.up for replica in self.replicas)
        status = "ok" if up else "no copy of the model is running"
        if request.url.path == "/ready" and self.draining:
            up, status = False, "shutting down"
        return json_response({"status": status, "replicas": states}, 200 if up else 503)

    async def numbers(self, request: Request) -> Response:
        """The numbers of all copies for Prometheus, each with its copy's number as a label."""
        headers = [pair for pair in request.headers.raw if pair[0] not in _OWN_HEADERS]
        pages = {}
        for replica in self.replicas:
            if not replica.up:
                continue
            try:
                answer = await self.client.get(f"{replica.url}/metrics", headers=headers, timeout=10.0)
            except httpx.HTTPError:
                continue
            pages[replica.number] = answer.text
        own = generate_latest(self.metrics.registry).decode()
        return Response(own + joined(pages), media_type=CONTENT_TYPE)

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a request to a copy, and its response back."""
        request = Request(scope, receive)
        body = await request.body()
        if self.draining:
            raise APIError(503, "the server is shutting down; send the request elsewhere or later",
                           code="shutting_down", retry_after_s=5)  # fmt: skip
        keys: list[bytes] = []
        if request.method == "POST":
            large = len(body) > LARGE_BYTES
            keys = await asyncio.to_thread(routing_keys, body) if large else routing_keys(body)
        lost: set[int] = set()  # a copy whose end has not been noticed yet
        while True:
            loads = [None if replica.number in lost else replica.load for replica in self.replicas]
            number = self._router.choose(keys, loads)
            if number is None:
                break
            lost.add(number)
            replica = self.replicas[number]
            replica.num_requests += 1
            try:
                if await unless_gone(receive, self._relay(replica, request, body, send)):
                    return
            except ClientDisconnect:
                return
            finally:
                replica.num_requests -= 1
        raise APIError(503, "no copy of the model is running; try again later",
                       code="unavailable", retry_after_s=10)  # fmt: skip

    async def _relay(self, replica: Replica, request: Request, body: bytes, send: Send) -> bool:
        """Whether a copy took the request; False if the copy is lost before it answers."""
        headers = [pair for pair in request.headers.raw if pair[0] not in _OWN_HEADERS
                   and not pair[0].startswith(b"sec-fetch-")]  # fmt: skip
        path = request.scope.get("raw_path") or request.url.path.encode()
        query = request.scope.get("query_string", b"")
        url = httpx.URL(replica.url).copy_with(raw_path=path + (b"?" + query if query else b""))
        asked = self.client.build_request(request.method, url, headers=headers, content=body)
        try:
            answer = await self.client.send(asked, stream=True)
        except httpx.HTTPError:
            replica.up = replica.up and not replica.ended
            return False
        try:
            kept = [(name.lower(), value) for name, value in answer.headers.raw
                    if name.lower() == b"content-length" or name.lower() not in _OWN_HEADERS]  # fmt: skip
            kept.append((b"x-r1v-replica", str(replica.number).encode()))
            await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
            try:
                async for chunk in answer.aiter_raw():
                    async with asyncio.timeout(self.config.write_timeout_s):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except httpx.HTTPError:
                if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    raise  # uvicorn closes the connection, because the body is shorter than its header said
                lost = APIError(503, "the copy of the model that was answering has ended; send it again",
                                code="unavailable", retry_after_s=1)  # fmt: skip
                end = data(lost.body(request.url.path))
                await send({"type": "http.response.body", "body": end, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await answer.aclose()
        return True


def joined(pages: Mapping[int, str]) -> str:
    """One page for Prometheus, joined from the page of each copy, with the copy's number as a label on every
    line."""
    heads: dict[str, list[str]] = {}
    lines: dict[str, list[str]] = {}
    for replica, page in pages.items():
        for family in text_string_to_metric_families(page):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            head = [f"# HELP {name} {family.documentation}", f"# TYPE {name} {family.type}"]
            heads.setdefault(name, head)
            for sample in family.samples:
                labels = {"replica": str(replica), **sample.labels}
                inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
                lines.setdefault(name, []).append(f"{sample.name}{{{inside}}} {sample.value}")
    return "".join(f"{line}\n" for name in heads for line in (*heads[name], *lines.get(name, [])))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def create_front(front: Front) -> Starlette:
    """The app: it serves the page and what concerns all copies, and sends everything else to one of them."""
    config = front.config

    def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, APIError):
            error = APIError(500, "a fault of the server, which has been logged; report it",
                             code="internal_error")  # fmt: skip
        return error.response(request.url.path)

    page = read_page() if config.page else {}
    routes: list[Route] = [
        Route("/health", front.health), Route("/ready", front.health), Route("/metrics", front.numbers),
    ]  # fmt: skip
    show = StaticPage(page).get
    routes += [Route(path, show, methods=["GET", "HEAD"]) for path in page]
    app = Starlette(routes=routes, exception_handlers={APIError: answer, Exception: answer})
    app.router.default = front.forward
    add_middleware(app, config, front.metrics, page)
    return app


def serve_replicas(
    commands: Sequence[ReplicaCommand],
    config: ServerConfig,
    *,
    on_start: Callable[[str], None] = lambda url: None,
    log_form: LogForm = "json",
) -> None:
    """Start the copies and serve until a signal comes. on_start: called with the address once all copies take
    requests. Raises UnavailableError where the port is taken or a copy cannot be started."""
    set_up_logs(log_form)
    listening = listen(config)
    front = Front(commands, config)
    app = create_front(front)
    server = make_server(app, front, lambda: on_start(address(config, listening)))

    async def run() -> None:
        try:
            await front.start()
            await server.serve(sockets=[listening])
        finally:
            front.end()
            await front.client.aclose()

    asyncio.run(run())
