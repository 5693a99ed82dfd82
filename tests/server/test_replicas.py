"""Several copies of a model behind one address: which copy is asked, and what happens when one is lost."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from r1v.server.replicas import Router, routing_keys
from r1v.server.replicas.front import joined

URL = "/v1/chat/completions"


def conversation(*turns: tuple[str, str], image: str | None = None) -> bytes:
    messages: list[dict] = [{"role": role, "content": text} for role, text in turns]
    if image is not None:
        parts = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": turns[-1][1]}]
        messages[-1]["content"] = parts
    return json.dumps({"model": "m", "messages": messages}).encode()


PICTURE = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 2).decode()


def test_a_second_question_shares_the_first_ones_keys() -> None:
    first = routing_keys(conversation(("user", "How many?")))
    second = routing_keys(conversation(("user", "How many?"), ("assistant", "3"), ("user", "And red ones?")))
    assert first[0] in second and second[0] not in first


def test_the_same_image_under_another_question_is_shared() -> None:
    first, second = (routing_keys(conversation(("user", text), image=PICTURE)) for text in ("One?", "Two?"))
    assert set(first) & set(second) == {first[-1]}


def test_instructions_alone_are_not_shared() -> None:
    """Every request of an application has them: they would all go to one copy."""
    one, two = (routing_keys(conversation(("system", "Be brief."), ("user", text))) for text in ("a", "b"))
    assert not set(one) & set(two)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1, 2]", b'"text"', b"null", b"\xff", b'{"messages": 5}', b'{"messages": [null, 7, "x"]}',
     b'{"messages": ' + b"[" * 5000 + b"]" * 5000 + b"}"],
)  # fmt: skip
def test_any_body_has_keys_or_none(body: bytes) -> None:
    assert isinstance(routing_keys(body), list)


@pytest.mark.parametrize(
    "request_body",
    [
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}]},
        {"messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}]}]},
        {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": PICTURE}}, {"type": "text", "text": "Another?"}]}]},
    ],
)  # fmt: skip
def test_every_api_names_its_images(request_body: dict) -> None:
    known = routing_keys(conversation(("user", "What is it?"), image=PICTURE))[-1]
    assert known in routing_keys(json.dumps(request_body).encode())


def test_requests_that_share_go_together_unless_that_copy_is_busy() -> None:
    router = Router(2)
    home = router.choose([b"a"], [0, 0])
    assert home is not None
    loads: list[int | None] = [0, 0]
    loads[home] = 4
    assert router.choose([b"new", b"a"], loads) == home
    loads[home] = 5  # the other one has nothing to do
    assert router.choose([b"a"], loads) == 1 - home
    loads[home] = None
    assert router.choose([b"a"], loads) == 1 - home


def test_requests_that_share_nothing_take_turns() -> None:
    router = Router(3)
    assert [router.choose([], [0, 0, 0]) for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_a_lost_copy_is_forgotten() -> None:
    router = Router(2)
    home = router.choose([b"a"], [0, 0])
    assert home is not None
    router.forget(home)
    assert router.choose([b"a"], [0, 0]) == 1 - home  # its turn


@given(st.lists(st.tuples(st.lists(st.binary(min_size=1, max_size=2), max_size=3),
                          st.lists(st.none() | st.integers(0, 50), min_size=3, max_size=3))))  # fmt: skip
def test_a_chosen_copy_is_up_and_never_much_busier_than_the_least(
    requests: list[tuple[list[bytes], list[int | None]]],
) -> None:
    router = Router(3)
    for keys, loads in requests:
        found = router.choose(keys, loads)
        up = [load for load in loads if load is not None]
        if found is None:
            assert not up
            continue
        load = loads[found]
        assert load is not None and load <= 2 * min(up) + 4


def test_pages_of_numbers_are_joined_as_prometheus_reads_them() -> None:
    page = (
        "# HELP r1v_tokens_total Tokens\n# TYPE r1v_tokens_total counter\n"
        'r1v_tokens_total{kind="a\\"b\\\\"} 3.0\n# HELP up Up\n# TYPE up gauge\nup 1.0\n'
    )
    found = joined({0: page, 1: page})
    assert found.count("# TYPE") == 2
    families = {family.name: family for family in text_string_to_metric_families(found)}
    assert set(families) == {"r1v_tokens", "up"}
    values = {(s.labels["replica"], s.labels.get("kind")): s.value for s in families["r1v_tokens"].samples}
    assert values == {("0", 'a"b\\'): 3.0, ("1", 'a"b\\'): 3.0}


# ------------------------------------------------------------------------------------------ real processes


class Started:
    """`r1v serve --data-parallel-size 2`, and what it has said."""

    def __init__(self, checkpoint: Path, *options: str) -> None:
        command = [sys.executable, "-m", "r1v.cli.main", "serve", str(checkpoint), "--device", "cpu",
                   "--data-parallel-size", "2", "--port", "0", "--served-model-name", "m",
                   *options]  # fmt: skip
        environment = {**os.environ, "R1V_API_KEYS": "", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.url, self.lines = "", list[str]()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        while not self.url and self.process.poll() is None:
            time.sleep(0.05)
        assert self.url, self.lines

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if "API at" in line:
                self.url = line.split("API at ")[1].strip().removesuffix("/v1")

    @property
    def copies(self) -> list[int]:
        """Process ids of the copies."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def ask(self, text: str, **others: object) -> httpx.Response:
        body = {"model": "m", "messages": [{"role": "user", "content": text}], "max_tokens": 4, **others}
        return httpx.post(f"{self.url}{URL}", json=body, timeout=300)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def pair(endless_checkpoint: Path) -> Iterator[Started]:
    started = Started(endless_checkpoint, "--drain", "240", "--no-ui")
    yield started
    started.end()


def test_both_copies_answer_and_the_same_question_finds_its_copy(pair: Started) -> None:
    seen = {pair.ask(f"Question {number}").headers["x-r1v-replica"] for number in range(4)}
    assert seen == {"0", "1"}
    first = pair.ask("The same")
    again = pair.ask("The same")
    assert first.headers["x-r1v-replica"] == again.headers["x-r1v-replica"]
    assert first.json()["choices"][0]["message"] == again.json()["choices"][0]["message"]
    assert again.json()["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


def test_a_stream_and_an_error_come_through_as_they_are(pair: Started) -> None:
    streamed = pair.ask("Hi", stream=True)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.text.endswith("data: [DONE]\n\n")
    refused = pair.ask("Hi", temperature=-1)
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "temperature"
    assert httpx.get(f"{pair.url}/v1/models", headers={"host": "evil.example"}).status_code == 403
    assert httpx.get(f"{pair.url}/v1/models").json()["data"][0]["id"] == "m"
    assert httpx.get(f"{pair.url}/nothing").status_code == 404


def test_a_client_that_hangs_up_frees_its_copy(pair: Started) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 30_000}
    with httpx.stream("POST", f"{pair.url}{URL}", json={**body, "stream": True}, timeout=60) as response:
        next(response.iter_lines())
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{pair.url}{URL}", json=body, timeout=1)
    wait_for(lambda: running(pair) == 0)


def running(pair: Started) -> float:
    """Sequences that all copies are decoding, and requests that the front holds."""
    families = text_string_to_metric_families(httpx.get(f"{pair.url}/metrics", timeout=30).text)
    decoded = sum(s.value for f in families if f.name == "r1v_running_sequences" for s in f.samples)
    state = httpx.get(f"{pair.url}/health").json()["replicas"]
    return decoded + sum(replica["requests"] for replica in state)


def wait_for(condition, timeout_s: float = 90.0) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "the condition did not come to hold"
        time.sleep(0.1)


def test_a_killed_copy_loses_only_its_own_requests_and_comes_back(pair: Started) -> None:
    before = set(pair.copies)
    os.kill(pair.copies[0], signal.SIGKILL)
    for number in range(6):
        assert pair.ask(f"While one is gone {number}").status_code == 200
    wait_for(lambda: all(r["up"] for r in httpx.get(f"{pair.url}/health").json()["replicas"]))
    assert len(set(pair.copies) - before) == 1
    assert any("is started again" in line for line in pair.lines)


def test_sigterm_lets_running_requests_finish_and_ends_all(pair: Started) -> None:
    copies = pair.copies
    with ThreadPoolExecutor(4) as pool:
        # long enough to be seen running on a busy machine, where asking for that takes a while too
        answers = [pool.submit(pair.ask, f"Last {n}", max_tokens=3000) for n in range(4)]
        wait_for(lambda: running(pair) >= 4)
        pair.process.send_signal(signal.SIGTERM)
        assert [answer.result().status_code for answer in answers] == [200] * 4
    assert pair.process.wait(240) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in copies)


@pytest.mark.slow
def test_copies_end_with_a_killed_front(endless_checkpoint: Path) -> None:
    started = Started(endless_checkpoint, "--no-ui")
    copies = started.copies
    assert len(copies) == 2
    started.end()
    wait_for(lambda: not any(alive(pid) for pid in copies), 15)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_said_once_and_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    command = [sys.executable, "-m", "r1v.cli.main", "serve", str(tmp_path), "--device", "cpu",
               "--data-parallel-size", "2", "--port", "0"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "copy" in done.stderr


@pytest.mark.slow
def test_more_copies_than_cores_are_refused(endless_checkpoint: Path) -> None:
    command = [sys.executable, "-m", "r1v.cli.main", "serve", str(endless_checkpoint), "--device", "cpu",
               "--data-parallel-size", "4096"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "each copy needs one" in done.stderr
