"""A small server that says what a test tells it to, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Script:
    """answers: for each request in turn (the last one again and again), (status, headers, events or body).
    An event that is a number is a pause in seconds."""

    def __init__(
        self, *answers: tuple[int, dict[str, str], Any], models: list[dict[str, Any]] | None = None
    ) -> None:
        self.answers = answers
        self.models = models
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.most_at_once = 0
        self.gone = 0
        self._now = 0
        self._lock = threading.Lock()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        size = int(handler.headers.get("Content-Length", 0))
        body = json.loads(handler.rfile.read(size))
        with self._lock:
            number = len(self.bodies)
            self.bodies.append(body)
            self.headers.append({k.lower(): v for k, v in handler.headers.items()})
            self.times.append(time.monotonic())
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        status, headers, content = self.answers[min(number, len(self.answers) - 1)]
        try:
            self._send(handler, status, headers, content)
        except OSError:
            self.gone += 1
        finally:
            with self._lock:
                self._now -= 1

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: Any
    ) -> None:
        handler.send_response(status)
        whole = isinstance(content, dict)
        handler.send_header("Content-Type", "application/json" if whole else "text/event-stream")
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Connection", "close")
        handler.end_headers()
        if whole:
            handler.wfile.write(json.dumps(content).encode())
            return
        for event in content:
            if isinstance(event, int | float):
                time.sleep(event)
                continue
            text = event if isinstance(event, str) else json.dumps(event)
            handler.wfile.write(f"data: {text}\n\n".encode())
            handler.wfile.flush()


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """The URL under which the script answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = 404 if script.models is None else 200
            data = json.dumps({"data": script.models}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            script.answer(self)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """One chunk of a chat completion."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


USAGE = {
    "choices": [],
    "usage": {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "completion_tokens_details": {"reasoning_tokens": 3},
    },
}


def stream(*events: Any) -> tuple[int, dict[str, str], Any]:
    """A stream that ends as it should."""
    return 200, {}, [*events, chunk("stop"), USAGE, "[DONE]"]
