"""Requests that would freeze a server: what they cost others is bounded by what others wait alone."""

import json
import pickle
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from r1v.llm import LLM
from tests.server.conftest import Served, serving

CHAT = "/v1/chat/completions"
HEALTHY = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "Hi"}],
    "max_tokens": 8,
    "temperature": 0,
}

# Clients in a process of their own, so that their own work is not counted as the server's.
CLIENTS = """
import pickle, sys, threading
import httpx
url, path = sys.argv[1:]
with open(path, "rb") as file:
    bodies = pickle.load(file)
def send(number):
    with httpx.Client(base_url=url, timeout=300) as client:
        while True:
            path, body = bodies[number % len(bodies)]
            answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (200, 400, 413), answer.text
            print(answer.status_code, flush=True)
            number += 1
for number in range(5):
    threading.Thread(target=send, args=(number,)).start()
"""


def chat(text: str) -> bytes:
    return json.dumps({"model": "tiny", "messages": [{"role": "user", "content": text}]}).encode()


def long_texts(size: int) -> dict[str, tuple[str, bytes]]:
    """name -> path and body, each of about ``size`` bytes."""
    prompt = json.dumps({"model": "tiny", "prompt": "The quick brown fox. " * (size // 21)}).encode()
    return {
        "words": (CHAT, chat("The quick brown fox. " * (size // 21))),
        "one word": (CHAT, chat("a" * size)),
        "spaces": (CHAT, chat(" " * size)),
        "Chinese": (CHAT, chat("数一数图中有几个红色图形" * (size // 72))),
        "emoji": (CHAT, chat("👩" * (size // 12))),
        "markers": (CHAT, chat("<|im_end|><think>" * (size // 17))),
        "line ends": (CHAT, chat("\n" * (size // 2))),
        "text to continue": ("/v1/completions", prompt),
        "text to count": ("/tokenize", prompt),
        "keys": (CHAT, json.dumps({f"k{key}": 0 for key in range(size // 12)}).encode()),
        "parts": (
            CHAT,
            chat("")[:-5]
            + b"["
            + b'{"type":"text","text":""},' * (size // 26)
            + b'{"type":"text","text":""}]}]}',
        ),
        "numbers": ("/v1/completions", prompt[:-1] + b', "stop": [' + b'"x",' * 200_000 + b'"y"]}'),
    }


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(served: Served, number: int) -> tuple[float, float]:
    """Median seconds of a healthy question and of /health."""
    with httpx.Client(base_url=served.url, timeout=300) as client:

        def ask() -> None:
            assert client.post(CHAT, json=HEALTHY).status_code == 200

        def health() -> None:
            assert client.get("/health").status_code == 200

        asked, probed = [], []
        for _ in range(number):
            asked.append(seconds(ask))
            probed.append(seconds(health))
    return statistics.median(asked), statistics.median(probed)


@pytest.mark.parametrize("name", long_texts(200))
def test_a_text_that_cannot_fit_is_refused_soon(served: Served, name: str) -> None:
    """2 MB cost at most a few times what the server's longest prompt costs; the whole cost seconds before."""
    path, body = long_texts(2_000_000)[name]
    headers = {"Content-Type": "application/json"}
    with httpx.Client(base_url=served.url, timeout=300) as client:
        start = time.process_time()  # server and client share the process
        refused = client.post(path, content=body, headers=headers)
        spent_s = time.process_time() - start
    assert refused.status_code in (400, 413), refused.text[:300]
    assert refused.json()["error"]["code"] in (
        "context_length_exceeded", "invalid_prompt", "invalid_value", "body_too_large")  # fmt: skip
    assert spent_s < 3
    assert served.idle


@contextmanager
def clients(served: Served, folder: Path, bodies: list[tuple[str, bytes]]) -> Iterator[None]:
    """Five clients that send these without pause; entered once each of them has had an answer."""
    (folder / "bodies").write_bytes(pickle.dumps(bodies))
    command = [sys.executable, "-c", CLIENTS, served.url, str(folder / "bodies")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = iter(process.stdout)
    for _ in range(5):
        next(lines)
    drain = threading.Thread(target=lambda: list(lines))
    drain.start()
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        drain.join()


@pytest.mark.parametrize("size", [200_000, pytest.param(2_000_000, marks=pytest.mark.slow)])
def test_healthy_clients_wait_little_beside_long_texts(tiny_llm: LLM, tmp_path: Path, size: int) -> None:
    """Beside five clients with long texts a healthy one waits at most twice what it waits beside five with
    short ones: a machine with other work stretches both. A quarter of a second is for its pauses."""
    short = [(CHAT, chat(f"Hi {number}")[:-1] + b', "max_tokens": 1}') for number in range(10)]
    with serving(tiny_llm, max_body_bytes=16 << 20) as served:
        with clients(served, tmp_path, short):
            ordinary_s, _ = measure(served, 10)
        with clients(served, tmp_path, list(long_texts(size).values())):
            beside_s, health_s = measure(served, 10)
    assert beside_s < 2 * ordinary_s + 0.25, (beside_s, ordinary_s)
    assert health_s < 0.5
