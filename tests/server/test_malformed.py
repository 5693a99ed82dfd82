"""Hundreds of wrong requests: each is refused by its sender's fault, in one line, and the server goes on.

The table of docs/reference/server.md is what this test saw;
`R1V_WRITE_DOCS=1 pytest tests/server/test_malformed.py`
writes it anew.
"""

import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import httpx
import pytest

from .conftest import Served
from .malformed import Wrong, requests

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "server.md"
BEGIN, END = "<!-- failures: written by tests/server/test_malformed.py -->\n", "<!-- end of failures -->"


def send(client: httpx.Client, wrong: Wrong) -> tuple[int, str]:
    """(status, code) of the answer, which must be an error object."""
    response = client.request(wrong.method, wrong.path, content=wrong.body, headers=wrong.headers)
    assert 400 <= response.status_code < 500, f"{wrong.name}: {response.status_code} {response.text[:300]}"
    body = response.json()
    error = body["error"]
    assert (body.get("type") == "error") == wrong.path.startswith("/v1/messages"), wrong.name
    assert isinstance(error, dict) and {"message", "type", "param", "code"} <= set(error), (
        f"{wrong.name}: {body}"
    )
    assert error["message"] and "\n" not in error["message"] and len(error["message"]) < 600, wrong.name
    assert "Traceback" not in response.text and "pydantic" not in response.text, wrong.name
    return response.status_code, str(error["code"])


def table(seen: dict[str, Counter[str]]) -> str:
    """The rows of docs/reference/server.md."""
    total = sum(sum(counts.values()) for counts in seen.values())
    rows = [f"{total} malformed requests, sent one after another; none got a 5xx.", "",
            "| sent | requests | what came back: status, code (times) |", "|---|---|---|"]  # fmt: skip
    for group, counts in seen.items():
        answers = ", ".join(f"{answer} ({number})" for answer, number in sorted(counts.items()))
        rows.append(f"| {group} | {sum(counts.values())} | {answers} |")
    return "\n".join(rows) + "\n"


def test_malformed_requests(served: Served) -> None:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    with httpx.Client(base_url=served.url, timeout=60) as client:
        for wrong in requests():
            status, code = send(client, wrong)
            seen[wrong.group][f"{status} `{code}`"] += 1
        good = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
        assert client.post("/v1/chat/completions", json=good).status_code == 200
    assert sum(map(sum, (counts.values() for counts in seen.values()))) >= 600
    assert served.idle
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    written, _, after = rest.partition(END)
    if os.environ.get("R1V_WRITE_DOCS"):
        PAGE.write_text(before + BEGIN + table(seen) + END + after, encoding="utf-8")
    else:
        assert written == table(seen), "the table is out of date; run this test with R1V_WRITE_DOCS=1"


@pytest.mark.parametrize("cut", [1, 50, 500])
def test_a_connection_that_ends_within_a_request(served: Served, cut: int) -> None:
    import socket

    body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "Hi" * 400}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1]))) as connection:
        connection.sendall(whole[:cut])
    served.wait_until(lambda: served.idle)
    assert httpx.get(f"{served.url}/health").status_code == 200
