"""``r1v run``: one output line for each input line, whatever happens in between."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from r1v.batch.run import BatchRun, Output, Worker
from r1v.core import ConfigError, UnavailableError


def write_input(path: Path, count: int, **body) -> Path:  # type: ignore[no-untyped-def]
    lines = (
        {"custom_id": f"q{i}", "method": "POST", "url": "/v1/chat/completions",
         "body": {"model": "m", "messages": [{"role": "user", "content": f"Say {i}"}], **body}}
        for i in range(count)
    )  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def ids(path: Path) -> list[str]:
    return [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]


def echo(body):  # type: ignore[no-untyped-def]
    return 200, {"said": body["messages"][0]["content"]}


def go(source: Path, target: Path, *workers: Worker, keep_going: bool = False):  # type: ignore[no-untyped-def]
    output = Output(target)
    try:
        return BatchRun(source, output, workers, keep_going=keep_going).run(lambda _: None, 0.02)
    finally:
        output.close()


def test_each_line_once_and_resumed(tmp_path: Path) -> None:
    source, target = write_input(tmp_path / "in", 200), tmp_path / "out"
    with source.open("a") as file:
        file.write('\n{"broken\n{"custom_id": "x"}\n')
    done = go(source, target, Worker(echo, 4), Worker(echo, 3))
    assert (done.num_done, done.num_lines, done.num_failed) == (202, 202, 2)
    records = [json.loads(line) for line in target.read_text().splitlines()]
    good = [r for r in records if r["error"] is None]
    assert (
        all(r["response"]["body"]["said"] == f"Say {r['custom_id'][1:]}" for r in good) and len(good) == 200
    )
    # cut anywhere, it is completed
    data = target.read_bytes()
    for cut in random.Random(0).sample(range(len(data)), 5):
        target.write_bytes(data[:cut])
        go(source, target, Worker(echo, 5))
        assert sorted(map(str, ids(target))) == sorted(map(str, (r["custom_id"] for r in records)))
    go(source, target, Worker(pytest.fail, 1))  # nothing is left to do


def test_another_input_or_a_file_of_someone_else(tmp_path: Path) -> None:
    source, target = write_input(tmp_path / "in", 3), tmp_path / "out"
    go(source, target, Worker(echo, 1))
    with pytest.raises(ConfigError, match="answers to another input"):
        go(write_input(tmp_path / "other", 3, seed=1), target, Worker(echo, 1))
    (tmp_path / "notes").write_text("hello\n")
    with pytest.raises(ConfigError, match="was not written by r1v run"):
        go(source, tmp_path / "notes", Worker(echo, 1))
    assert (tmp_path / "notes").read_text() == "hello\n"
    held = Output(target)
    with pytest.raises(ConfigError, match="another run"):
        Output(target)
    held.close()


def test_an_outage_ends_the_run_and_a_worker_may_fail(tmp_path: Path) -> None:
    source, target = write_input(tmp_path / "in", 40), tmp_path / "out"

    def down(body):  # type: ignore[no-untyped-def]
        raise UnavailableError("no server")

    with pytest.raises(UnavailableError):
        go(source, target, Worker(down, 2))
    assert target.read_text() == ""
    go(source, target, Worker(down, 1), Worker(echo, 2))
    assert sorted(ids(target)) == sorted(f"q{i}" for i in range(40))
    done = go(source, tmp_path / "out2", Worker(down, 20), keep_going=True)
    assert done.num_done == done.num_failed == 40


def test_constant_memory(tmp_path: Path) -> None:
    """So many lines are read ahead and no more."""
    source, target = write_input(tmp_path / "in", 2000), tmp_path / "out"
    free, begun = threading.Event(), []

    def slow(body):  # type: ignore[no-untyped-def]
        begun.append(body)
        free.wait()
        return echo(body)

    output = Output(target)
    batch = BatchRun(source, output, [Worker(slow, 4)], keep_going=False)
    thread = threading.Thread(target=batch.run, args=(lambda _: None, 0.05))
    thread.start()
    time.sleep(0.5)
    assert len(begun) == 4 and batch._tasks.qsize() == 8
    free.set()
    thread.join()
    output.close()
    assert len(ids(target)) == 2000


def test_command(run_r1v, tiny_checkpoint: Path, tmp_path: Path) -> None:
    source, target = write_input(tmp_path / "in", 6, max_tokens=4), tmp_path / "out"
    with source.open("a") as file:
        file.write(
            json.dumps({"custom_id": "bad", "body": {"model": "m", "messages": [], "nonsense": 1}}) + "\n"
        )
    status, out, err = run_r1v("run", source, target, "--model", tiny_checkpoint)
    assert status == 0, err
    assert "7 lines" in out and "1 of them with an error" in out and "7/7 lines" in err
    records = {r["custom_id"]: r for r in map(json.loads, target.read_text().splitlines())}
    assert records["bad"]["response"]["status_code"] == 400
    body = records["q3"]["response"]["body"]
    assert body["object"] == "chat.completion" and body["usage"]["completion_tokens"] == 4
    assert run_r1v("run", tmp_path / "no", target)[0] == 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("workers", [1, 2])
def test_kills(tiny_checkpoint: Path, tmp_path: Path, workers: int) -> None:
    """5,000 lines, killed three times with SIGKILL."""
    count = 5000 if workers == 1 else 500
    source, target = write_input(tmp_path / "in", count, max_tokens=2), tmp_path / "out"
    command = [sys.executable, "-m", "r1v.cli.main", "run", str(source), str(target), "--quiet",
               "--model", str(tiny_checkpoint), "--threads", "1", "--workers", str(workers)]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for kill in range(3):
        process = subprocess.Popen(command, env=environment)
        wanted = count * (kill + 1) // 5
        while not target.exists() or target.read_bytes().count(b"\n") < wanted:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    found = ids(target)
    assert len(found) == count and set(found) == {f"q{i}" for i in range(count)}
