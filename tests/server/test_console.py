"""The line of a request: readable on a terminal, JSON elsewhere, and no content in either."""

from __future__ import annotations

import io
import json
import logging

import httpx
import pytest

from r1v.server.console import RequestFormatter, worth_a_line
from r1v.server.middleware import access_log

from .conftest import Served

CHAT = {
    "method": "POST", "path": "/v1/chat/completions", "status": 200, "seconds": 1.44, "model": "r1v-nano",
    "images": 1, "prompt_tokens": 230, "completion_tokens": 76, "first_token_s": 0.31, "finish": ["stop"],
}  # fmt: skip


def record(entry: dict[str, object]) -> logging.LogRecord:
    return logging.LogRecord("r1v.server.access", logging.INFO, "", 0, json.dumps(entry), None, None)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, "POST /v1/chat/completions  r1v-nano · 1 image · 230 + 76 tokens · 1.4 s (first"),
        ({"images": 2}, "2 images · 230 + 76 tokens"),
        ({"finish": ["length/budget"]}, "(first token after 0.3 s) · length/budget"),
        ({"cut": "disconnect"}, "· ended by disconnect"),
        ({"path": "/\x1b[2J\r\nx"}, "POST /?[2J??x  "),
    ],
)  # fmt: skip
def test_the_line_for_people(change: dict[str, object], line: str) -> None:
    shown = RequestFormatter(colours=False).format(record({**CHAT, **change}))
    assert line in shown and "\n" not in shown and "\x1b" not in shown


def test_a_refusal_shows_its_status() -> None:
    refused = record({"method": "POST", "path": "/v1/completions", "status": 429, "seconds": 0.01})
    assert RequestFormatter(colours=False).format(refused).endswith("POST /v1/completions  429 · 0.0 s")
    assert RequestFormatter(colours=True).format(refused).startswith("\x1b[31m")


@pytest.mark.parametrize(
    ("method", "path", "status", "shown"),
    [
        ("GET", "/", 200, False), ("GET", "/assets/index-B7x_9aQk.js", 304, False),
        ("GET", "/v1/models", 200, False),
        ("GET", "/ready", 503, True), ("GET", "/v1/models", 401, True), ("POST", "/tokenize", 200, True),
    ],
)  # fmt: skip
def test_what_was_read_without_trouble_has_no_line(method: str, path: str, status: int, shown: bool) -> None:
    entry = {"method": method, "path": path, "status": status, "seconds": 0.0}
    assert worth_a_line(record(entry)) is shown


def test_a_real_request(served: Served, http: httpx.Client, picture_url: str) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(RequestFormatter(colours=False))
    handler.addFilter(worth_a_line)
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    try:
        parts = [{"type": "image_url", "image_url": {"url": picture_url}}, {"type": "text", "text": "secret"}]
        body = {"model": "tiny", "messages": [{"role": "user", "content": parts}], "max_tokens": 3}
        assert http.post("/v1/chat/completions", json=body).status_code == 200
        assert http.get("/v1/models").status_code == 200
        served.wait_until(lambda: "chat/completions" in written.getvalue())
    finally:
        access_log.removeHandler(handler)
    (line,) = written.getvalue().splitlines()
    assert "tiny · 1 image · " in line and "+ 3 tokens" in line and "secret" not in line
