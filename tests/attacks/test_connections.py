"""Connections that ask nothing, drip their heads, or come by the hundred."""

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from r1v.llm import LLM
from r1v.server.connections import OnceAMinute, connection_limits
from tests.server.conftest import Served, serving


def address(url: str) -> tuple[str, int]:
    return "127.0.0.1", int(url.rsplit(":", 1)[1])


@contextmanager
def flood(url: str, number: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections that send a beginning and then nothing."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            connection = stack.enter_context(socket.create_connection(address(url), timeout=60))
            opened.append(connection)
            if sent:
                with suppress(OSError):  # refused already
                    connection.sendall(sent)
        yield opened


def closed(connection: socket.socket) -> bool:
    """Whether the server has ended a connection, perhaps with a few words."""
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_idle_connections_make_room(tiny_llm: LLM, sent: bytes) -> None:
    """Far more of them than the limit: every healthy request is answered all the same."""
    with serving(tiny_llm, max_connections=20, head_timeout_s=60.0) as served:
        with flood(served.url, 200, sent):
            for _ in range(5):
                assert httpx.get(served.url + "/health", timeout=60).status_code == 200
            assert len(served.server.connections) <= 20
        served.wait_until(lambda: len(served.server.connections) == 0)


def test_connections_that_work_are_not_closed(tiny_llm: LLM) -> None:
    """Where all of them are asking, one more is told so; none of the others loses its answer."""
    with serving(tiny_llm, max_connections=4, body_timeout_s=60.0) as served:
        head = b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        body = b'{"model":"tiny","prompt":"Hi"}'
        with flood(served.url, 4, head + b"Content-Length: %d\r\n\r\n" % len(body)) as asking:
            served.wait_until(lambda: len(served.server.connections) == 4)
            refused = httpx.get(served.url + "/health", timeout=60)
            assert refused.status_code == 503 and refused.json()["error"]["code"] == "no_capacity"
            for connection in asking:
                connection.sendall(body)
                assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_head_that_drips_is_cut_off(tiny_llm: LLM) -> None:
    with serving(tiny_llm, head_timeout_s=1.0) as served:
        with socket.create_connection(address(served.url), timeout=60) as connection:
            start = time.monotonic()
            try:
                for byte in b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1000:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                pass
            assert closed(connection) and time.monotonic() - start < 30
        # the second head of a connection has no more time than the first one
        with socket.create_connection(address(served.url), timeout=60) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            connection.sendall(b"GET /hea")
            assert closed(connection)
        with socket.create_connection(address(served.url), timeout=60) as connection:
            assert closed(connection)  # nothing at all is too slow too


def test_a_head_without_an_end_is_refused(served: Served) -> None:
    with socket.create_connection(address(served.url), timeout=60) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for _ in range(200):
                connection.sendall(b"X: " + b"y" * 1000 + b"\r\n")
        except OSError:
            pass
        assert closed(connection)
    assert httpx.get(served.url + "/health").status_code == 200


def test_the_limit_leaves_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1v.server.connections._lowest_free", lambda: 20)
    for files, limits in ((4000, (1000, 16)), (400, (252, 16)), (64, (22, 2)), (32, (6, 1)), (20, (1, 1)),
                          (resource.RLIM_INFINITY, (1000, 16))):  # fmt: skip
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert connection_limits(1000) == limits


def test_a_thing_is_said_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("r1v.server.connections.time.monotonic", lambda: now[0])
    said: list[str] = []
    monkeypatch.setattr("r1v.server.connections.log.warning", lambda text, count: said.append(text % count))
    once = OnceAMinute("it happened (%d times)")
    for _ in range(1000):
        once.say()
    now[0] += 61
    once.say()
    assert said == ["it happened (1 times)", "it happened (1000 times)"]


@pytest.mark.parametrize("files", [64, *(pytest.param(n, marks=pytest.mark.slow) for n in (128, 1024))])
def test_a_flood_with_few_descriptors(endless_checkpoint: Path, files: int) -> None:
    """3,000 idle connections and 200 that drip, at a server that may open few files: it answers while they
    come and afterwards, and says little."""
    limit = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))"
    program = f"import resource, sys; from r1v.cli.main import main; {limit}; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", str(endless_checkpoint), "--port", "0", "--no-ui"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "R1V_API_KEYS": ""}
    )
    assert process.stderr is not None
    try:
        url = next(line for line in process.stderr if "API at" in line).split("API at ")[1].strip()[:-3]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        with flood(url, 3000), flood(url, 200, b"GET /health HTTP/1.1\r\nX: "):
            for _ in range(5):
                assert httpx.get(url + "/health", timeout=60).status_code == 200
            body = {"model": "model", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
            with ThreadPoolExecutor(6) as pool:
                ask = partial(httpx.post, url + "/v1/chat/completions", json=body, timeout=120)
                asked = [pool.submit(ask) for _ in range(6)]
                assert [each.result().status_code for each in asked] == [200] * 6
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert httpx.get(url + "/health", timeout=60).status_code == 200
    finally:
        process.terminate()
        log = process.stderr.read()
        process.wait(60)
    others = [line for line in log.splitlines() if not line.startswith("{")]
    assert len(others) < 15 and "Traceback" not in log, log[-3000:]


def test_what_is_no_request_is_told_so_in_json(tiny_llm: LLM, caplog: pytest.LogCaptureFixture) -> None:
    with serving(tiny_llm) as served:
        for _ in range(20):
            with socket.create_connection(address(served.url), timeout=60) as connection:
                connection.sendall(b"HELLO\r\n\r\n")
                answer = b"".join(iter(partial(connection.recv, 4096), b""))
                assert answer.startswith(b"HTTP/1.1 400 ") and b'"code":"invalid_value"' in answer
        assert httpx.get(served.url + "/health").status_code == 200
    assert sum("malformed HTTP" in record.message for record in caplog.records) <= 1
