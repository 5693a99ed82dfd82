"""The line of a request: readable on a terminal, JSON elsewhere, and no content in either."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

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
        ({"completion_tokens": 0, "finish": []}, "1 image · 230 tokens · 1.4 s"),
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


PICTURE = {"type": "image_url", "image_url": {"url": ""}}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [
        PICTURE, {"type": "text", "text": "secret"}]}], "max_tokens": 3}),
    ("/v1/responses", {"input": [{"role": "user", "content": [
        {"type": "input_image", "image_url": ""},
        {"type": "input_text", "text": "secret"}]}], "max_output_tokens": 3}),
    ("/v1/messages", {"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}},
        {"type": "text", "text": "secret"}]}], "max_tokens": 3}),
]  # fmt: skip


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the console shows of the requests of a test."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(RequestFormatter(colours=False))
    handler.addFilter(worth_a_line)
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    yield text
    access_log.removeHandler(handler)


def with_picture(body: object, url: str) -> Any:
    """The body with a picture wherever one is wanted."""
    filled = json.dumps(body).replace('"data": ""', json.dumps({"data": url.partition(",")[2]})[1:-1])
    return json.loads(filled.replace('url": ""', f'url": "{url}"'))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body"), REQUESTS, ids=[path for path, _ in REQUESTS])
def test_a_real_request(
    served: Served,
    http: httpx.Client,
    picture_url: str,
    written: io.StringIO,
    path: str,
    body: Any,
    stream: bool,
) -> None:
    sent = {**with_picture(body, picture_url), "model": "tiny", "stream": stream}
    answer = http.post(path, json=sent)
    assert answer.status_code == 200, answer.text
    assert http.get("/v1/models").status_code == 200
    served.wait_until(lambda: path in written.getvalue())
    (line,) = written.getvalue().splitlines()
    assert re.search(
        rf"POST {path}  tiny · 1 image · \d+ \+ 3 tokens · [\d.]+ s \(first token after [\d.]+ s\) ", line
    )
    assert line.endswith(" · length") and "secret" not in line


def test_what_is_only_counted(
    served: Served, http: httpx.Client, picture_url: str, written: io.StringIO
) -> None:
    for path, (_, body) in (("/tokenize", REQUESTS[0]), ("/v1/messages/count_tokens", REQUESTS[2])):
        sent = {**with_picture(body, picture_url), "model": "tiny"}
        del sent["max_tokens"]
        found = http.post(path, json=sent).json()
        served.wait_until(lambda path=path: path in written.getvalue())
        number = found.get("count", found.get("input_tokens"))
        assert f"POST {path}  tiny · 1 image · {number} tokens · " in written.getvalue()


def test_several_prompts_have_one_line(served: Served, http: httpx.Client, written: io.StringIO) -> None:
    body = {"model": "tiny", "prompt": ["One", "Two", "Three"], "max_tokens": 2}
    usage = http.post("/v1/completions", json=body).json()["usage"]
    served.wait_until(lambda: "/v1/completions" in written.getvalue())
    told = f"tiny · {usage['prompt_tokens']} + {usage['completion_tokens']} tokens"
    assert told in written.getvalue() and usage["completion_tokens"] == 6
