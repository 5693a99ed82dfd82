"""`r1v serve` as a process of its own: starting, curl, SIGTERM under load, and what it says."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
URL = "/v1/chat/completions"
ENDLESS = {"model": "model", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 40_000}


@dataclass
class Running:
    """A server process, its address, and what it has said."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Take what it says, so that it never waits for a reader."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if "API at" in line:
                self.url = line.split("API at ")[1].strip().removesuffix("/v1")


@pytest.fixture(scope="module")
def running(endless_checkpoint: Path) -> Iterator[Running]:
    options = ["--drain", "6", "--max-running", "4", "--max-queue", "2", "--port", "0", "--no-ui"]
    process = subprocess.Popen(
        [sys.executable, "-m", "r1v.cli.main", "serve", str(endless_checkpoint), *options],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "R1V_API_KEYS": "", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    served = Running(process)
    reader = threading.Thread(target=served.read, daemon=True)
    reader.start()
    while not served.url and process.poll() is None:
        time.sleep(0.05)
    yield served
    process.kill()
    process.wait()
    reader.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_gets_an_answer_and_a_stream(running: Running) -> None:
    url = running.url
    body = json.dumps({**ENDLESS, "max_tokens": 4})
    command = ["curl", "-sN", f"{url}{URL}", "-H", "Content-Type: application/json", "-d"]
    whole = json.loads(subprocess.run([*command, body], capture_output=True, check=True).stdout)
    assert whole["usage"]["completion_tokens"] == 4
    streamed = json.dumps({**ENDLESS, "max_tokens": 4, "stream": True})
    done = subprocess.run([*command, streamed], capture_output=True, text=True, check=True)
    lines = done.stdout.split("\n\n")
    assert lines[-2] == "data: [DONE]" and all(line.startswith("data: ") for line in lines[:-1])


def test_sigterm_under_load_loses_nothing_silently(running: Running) -> None:
    """Every request gets its answer, an error that says why, or a refusal; then the process ends with 0."""
    process, url = running.process, running.url
    outcomes: dict[str, str] = {}

    def ask(name: str, body: dict) -> None:
        text = httpx.post(f"{url}{URL}", json=body, timeout=60).text.rstrip()
        last = json.loads(text.splitlines()[-1].removeprefix("data: "))
        error = last.get("error")
        outcomes[name] = error["code"] if error else last["choices"][0]["finish_reason"]

    def begun() -> int:
        found = re.search(
            r"^r1v_first_token_seconds_count (\d+)", httpx.get(f"{url}/metrics").text, re.MULTILINE
        )
        return int(found[1]) if found else 0

    before = begun()
    threads = [
        threading.Thread(target=ask, args=item)
        for item in (("whole", ENDLESS), ("stream", ENDLESS | {"stream": True}),
                     ("short", ENDLESS | {"max_tokens": 60}))
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for _ in range(300):
        if begun() >= before + 3:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.get(f"{url}/ready").status_code == 503
    for thread in threads:
        thread.join(30)
    assert process.wait(20) == 0
    assert outcomes == {"short": "length", "whole": "shutting_down", "stream": "shutting_down"}
    log = "".join(running.lines)
    assert "SIGTERM" in log and "drained; 2 requests were ended early" in log


def test_a_second_sigterm_ends_at_once(endless_checkpoint: Path) -> None:
    """It waits neither for what runs, which has an hour, nor for open connections."""
    command = [sys.executable, "-m", "r1v.cli.main", "serve", str(endless_checkpoint), "--drain", "3600",
               "--port", "0", "--no-ui"]  # fmt: skip
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "R1V_API_KEYS": ""}
    )
    served = Running(process)
    reader = threading.Thread(target=served.read, daemon=True)
    reader.start()
    try:
        while not served.url and process.poll() is None:
            time.sleep(0.05)
        with (
            httpx.Client(timeout=60) as client,
            client.stream("POST", served.url + URL, json=ENDLESS | {"stream": True}) as answer,
        ):
            lines = answer.iter_lines()  # kept: without it the client would hang up
            next(lines)
            process.send_signal(signal.SIGTERM)
            while httpx.get(f"{served.url}/ready", timeout=60).status_code != 503:
                time.sleep(0.05)
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(120)
            assert time.monotonic() - start < 8  # uvicorn alone waits 10 s for connections
    finally:
        process.kill()
        process.wait()
        reader.join()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_serve() -> None:
    """What README tells: it serves R1V-Nano, and Ctrl-C ends it well."""
    folder = Path(sys.executable).parent.parent  # stands in for what `make` would build
    (folder / ".installed").touch()
    program = folder / "bin" / "r1v"
    if not program.exists():
        pytest.skip("r1v is not installed in the environment of the tests")
    process = subprocess.Popen(
        ["make", "serve", f"VENV={folder}", "ARGS=--port 0 --threads 1"], cwd=ROOT, stderr=subprocess.PIPE,
        text=True, start_new_session=True, env={**os.environ, "R1V_API_KEYS": ""},
    )  # fmt: skip
    served = Running(process)
    reader = threading.Thread(target=served.read, daemon=True)
    reader.start()
    while not served.url and process.poll() is None:
        time.sleep(0.05)
    try:
        body = {"model": "r1v-nano", "messages": [{"role": "user", "content": "Calculate 47 + 38."}]}
        answer = httpx.post(served.url + URL, json=body, timeout=60).json()["choices"][0]["message"]
        assert "\\boxed{" in answer["content"] and answer["reasoning_content"]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        reader.join()
    assert any("drained" in line for line in served.lines)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_clients(tmp_path: Path) -> None:
    """Images in half of the questions, a tenth of the clients hanging up: no wrong answer, none lost, nothing
    left behind. Each round brings what the one before brought; memory and open files must not follow it."""
    found = tmp_path / "rounds.json"
    command = [sys.executable, "benchmarks/serve.py", "--servers", "r1v", "--rounds", "3", "--each", "1",
               "--json", str(found)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1700)
    assert done.returncode == 0, done.stderr[-2000:]
    rounds = json.loads(found.read_text())["r1v"]
    for one in rounds:
        assert one["requests"] == 200 and one["left"] == 20 and one["answered"] == 180, done.stdout
        assert not one["failed"] and not one["different"] and one["idle_s"] < 60, done.stdout
    first, *_, last = rounds
    assert last["num_files"] <= first["num_files"] + 4, done.stdout
    assert last["memory_mib"] < 1.1 * first["memory_mib"] + 50, done.stdout


def test_a_taken_port_is_said_in_one_line(run_r1v, tiny_checkpoint: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, error = run_r1v("serve", tiny_checkpoint, "--port", port, "--no-ui")
    assert status == 1 and f"port {port}" in error and error.count("\n") == 1


def test_wrong_options_are_said_before_the_model_is_loaded(run_r1v, tmp_path: Path) -> None:
    empty = tmp_path / "keys"
    empty.write_text("# none\n")
    for options, word in (
        (("--api-key-file", empty), "key"),
        (("--api-key-file", tmp_path / "no"), "cannot be read"),
        (("--image-folder", tmp_path / "no"), "folder"),
        (("--deadline", "0"), "deadline"),
        (("--image-network", "x"), "network"),
        (("--threads", "0"), "threads"),
    ):
        status, _, error = run_r1v("serve", "no-such-model", *options, "--no-ui")
        assert status == 1 and word in error and error.count("\n") == 1


def test_keys_of_a_file(tmp_path: Path) -> None:
    from r1v.cli.commands.serve import read_keys

    path = tmp_path / "keys"
    path.write_text("# mine\nfirst-key-1\n\n second-key-2 \n")
    assert read_keys(path, "") == ("first-key-1", "second-key-2")
    assert read_keys(None, "a-key-of-env, ,other-key") == ("a-key-of-env", "other-key")
