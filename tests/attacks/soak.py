"""A soak: good and hostile requests together against `r1v serve`, and what they leave behind.

    python -m tests.attacks.soak              # an hour
    python -m tests.attacks.soak --quick      # two minutes

Before the measured time all of the traffic runs for a fifth of it, at least each kind once from each client
and at most for five minutes, because caches, thread pools and compiled code come with the first requests. One
line of JSON tells what the server's process held then and what it held at the end. The exit status is 1 where
memory is above 1.5 times what it was, a thread, a file descriptor, a temporary file or a process is left, or
a request was answered with 5xx.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.attacks.test_numbers import body as odd_numbers
from tests.server.malformed import requests as malformed

CHAT = "/v1/chat/completions"
MOST_MEMORY = 1.5
NUM_KINDS = 12
QUIET_S = 15.0  # after the load: the server gives memory back when it has been idle for a few seconds


@dataclass(frozen=True)
class Held:
    """What the server's processes hold. memory_mib: resident. num_files: descriptors of the server itself."""

    memory_mib: float
    num_threads: int
    num_files: int
    num_temporary: int
    num_processes: int


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, task.read_text().split())
    return found


def held(pid: int, temporary: Path) -> Held:
    """What is held now."""
    processes = family(pid)
    memory, threads = 0, 0
    for one in processes:
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "VmRSS":
                memory += int(value.split()[0])
            if name == "Threads":
                threads += int(value)
    return Held(round(memory / 1024, 1), threads, len(os.listdir(f"/proc/{pid}/fd")),
                sum(1 for _ in temporary.rglob("*")), len(processes))  # fmt: skip


# ------------------------------------------------------------------------------------------------- traffic


def picture(rng: random.Random, side: int) -> str:
    """A PNG of one colour and another size each time, as a data: URL."""
    colour = tuple(rng.randrange(256) for _ in range(3))
    file = io.BytesIO()
    Image.new("RGB", (side, rng.randint(side // 2, side)), colour).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def question(rng: random.Random, *images: str) -> dict[str, Any]:
    """A request that is as it should be."""
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in images]
    parts.append({"type": "text", "text": f"Calculate {rng.randint(1, 99)} + {rng.randint(1, 99)}."})
    return {
        "model": "tiny",
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": rng.randint(4, 48),
        "seed": rng.randrange(1000),
    }


class Traffic:
    """Kinds of requests; each method sends one and returns its status."""

    def __init__(self, url: str, rng: random.Random) -> None:
        self._url, self._rng = url, rng
        self._client = httpx.Client(base_url=url, timeout=300)
        self._malformed = list(malformed())

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _ask(self, body: dict[str, Any], path: str = CHAT) -> int:
        answer = self._client.post(path, json=body)
        own_deadline = answer.status_code == 504 and "deadline_s" in body
        return 400 if own_deadline else answer.status_code

    def text(self) -> int:
        return self._ask(question(self._rng))

    def image(self) -> int:
        return self._ask(question(self._rng, picture(self._rng, 300)))

    def large_image(self) -> int:
        return self._ask(question(self._rng, picture(self._rng, 4000)))

    def streamed(self) -> int:
        return self._ask(question(self._rng) | {"stream": True})

    def schema(self) -> int:
        form = {"type": "object", "properties": {f"k{self._rng.randrange(100)}": {"type": "integer"}}}
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": form}}
        return self._ask(question(self._rng) | {"response_format": wanted})

    def responses(self) -> int:
        asked = {"model": "tiny", "input": "Calculate 2 + 3.", "max_output_tokens": 30, "stream": True}
        return self._ask(asked, "/v1/responses")

    def messages(self) -> int:
        asked = [{"role": "user", "content": "Calculate 2 + 3."}]
        return self._ask({"model": "tiny", "messages": asked, "max_tokens": 30}, "/v1/messages")

    def hang_up(self) -> int:
        """Leave in the middle of a stream."""
        body = question(self._rng, picture(self._rng, 100)) | {"stream": True, "max_tokens": 400}
        with self._client.stream("POST", CHAT, json=body) as answer:
            for number, _ in enumerate(answer.iter_lines()):
                if number == 5:
                    break
        return answer.status_code

    def half(self) -> int:
        """A connection that ends within its request."""
        body = json.dumps(question(self._rng)).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        with socket.create_connection(("127.0.0.1", int(self._url.rsplit(":", 1)[1])), timeout=60) as sender:
            sender.sendall(whole[: self._rng.randrange(1, len(whole))])
        return 0

    def long_text(self) -> int:
        text = self._rng.choice(("word ", "\n", " ", "字", "👩")) * 400_000
        return self._ask(question(self._rng) | {"messages": [{"role": "user", "content": text}]})

    def wrong(self) -> int:
        each = self._rng.choice(self._malformed)
        return self._client.request(
            each.method, each.path, content=each.body, headers=each.headers
        ).status_code

    def numbers(self) -> int:
        return self._ask(odd_numbers(self._rng, 512))

    def kinds(self) -> Iterator[Callable[[], int]]:
        """What to send: each kind once, in an order of its own, then good and bad ones in equal parts."""
        good = [self.text, self.image, self.streamed, self.schema, self.responses, self.messages]
        bad = [self.large_image, self.hang_up, self.half, self.long_text, self.wrong, self.numbers]
        yield from self._rng.sample(good + bad, len(good) + len(bad))
        while True:
            yield self._rng.choice(good if self._rng.random() < 0.5 else bad)


def load(url: str, seconds: float, clients: int, seed: int) -> tuple[Counter[str], list[str]]:
    """(requests by kind, what went wrong) of several clients."""
    until = time.monotonic() + seconds
    sent: Counter[str] = Counter()
    wrong: list[str] = []

    def run(number: int) -> None:
        traffic = Traffic(url, random.Random(f"{seed} {number}"))
        try:
            for number, kind in enumerate(traffic.kinds()):
                if time.monotonic() >= until and number >= NUM_KINDS:
                    break
                status = kind()
                sent[kind.__name__] += 1
                if status >= 500:
                    wrong.append(f"{kind.__name__}: {status}")
        except httpx.HTTPError as error:
            wrong.append(f"{type(error).__name__}: {error}")
        finally:
            traffic.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent, wrong


@contextmanager
def server(model: str, temporary: Path) -> Iterator[tuple[str, int]]:
    """(address, process id) of `r1v serve` in a process of its own."""
    command = [sys.executable, "-m", "r1v.cli.main", "serve", model, "--port", "0", "--no-ui",
               "--served-model-name", "tiny"]  # fmt: skip
    environment = {**os.environ, "TMPDIR": str(temporary), "R1V_API_KEYS": "", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    lines = iter(process.stderr)
    try:
        begun: list[str] = []
        for line in lines:
            begun.append(line)
            if "API at" in line:
                break
        else:
            raise RuntimeError(f"the server did not start: {''.join(begun)[-2000:]}")
        url = begun[-1].split("API at ")[1].strip()[:-3]
        threading.Thread(target=lambda: list(lines), daemon=True).start()
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(60)


def quiet(url: str, pid: int, temporary: Path) -> Held:
    """What is held once nothing runs any more and free memory was given back."""
    until = time.monotonic() + 120
    while "r1v_running_sequences 0.0" not in httpx.get(url + "/metrics", timeout=60).text:
        assert time.monotonic() < until, "sequences still run two minutes after the load"
        time.sleep(0.5)
    time.sleep(QUIET_S)
    return held(pid, temporary)


def main() -> int:
    """Run it, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--quick", action="store_true", help="two minutes")
    parser.add_argument("--clients", type=int, default=6)
    args = parser.parse_args()
    seconds = 120.0 if args.quick else args.seconds
    with tempfile.TemporaryDirectory() as folder, server(args.model, Path(folder)) as (url, pid):
        _, wrong = load(url, min(seconds / 5, 300.0), args.clients, seed=1)
        before = quiet(url, pid, Path(folder))
        sent, more = load(url, seconds, args.clients, seed=2)
        after = quiet(url, pid, Path(folder))
    wrong += more
    if after.memory_mib > MOST_MEMORY * before.memory_mib:
        wrong.append(f"memory is {after.memory_mib / before.memory_mib:.2f} times what it was")
    for name in ("num_threads", "num_files", "num_temporary", "num_processes"):
        if getattr(after, name) > getattr(before, name):
            wrong.append(f"{name} went from {getattr(before, name)} to {getattr(after, name)}")
    print(json.dumps({"seconds": seconds, "requests": sum(sent.values()), "kinds": dict(sorted(sent.items())),
                      "before": asdict(before), "after": asdict(after), "wrong": wrong[:20]}))  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
