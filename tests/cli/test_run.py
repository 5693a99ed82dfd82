"""``r1v run``: the command, and runs that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.batch.test_batch import ids, write_input


def test_command(run_r1v, tiny_checkpoint: Path, tmp_path: Path) -> None:
    name = Path(tiny_checkpoint).name
    source, target = write_input(tmp_path / "in", 6, max_tokens=4, model=name), tmp_path / "out"
    with source.open("a") as file:
        file.write(json.dumps({"custom_id": "bad", "body": {"messages": [], "nonsense": 1}}) + "\n")
    status, out, err = run_r1v("run", source, target, "--model", tiny_checkpoint)
    assert status == 1, err
    assert "7 lines" in out and "1 of them with an error" in out and "7/7 lines" in err
    records = {r["custom_id"]: r for r in map(json.loads, target.read_text().splitlines())}
    assert records["bad"]["response"]["status_code"] == 400
    body = records["q3"]["response"]["body"]
    assert body["object"] == "chat.completion" and body["usage"]["completion_tokens"] == 4
    assert run_r1v("run", tmp_path / "no", target)[0] == 1
    assert run_r1v("run", source, target, "--model", tiny_checkpoint, "--allow-failures")[0] == 0
    write_input(source, 6, max_tokens=4, model=name)
    status, out, _ = run_r1v("run", source, target, "--model", tiny_checkpoint)
    assert status == 0 and "6 lines" in out and "0 of them with an error" in out
    write_input(source, 1, max_tokens=4, model="gpt-4o")
    status, _, err = run_r1v("run", source, tmp_path / "a", "--model", tiny_checkpoint, "--quiet")
    assert status == 1 and "'gpt-4o' does not answer here" in (tmp_path / "a").read_text()
    assert run_r1v("run", source, tmp_path / "b", "--model", tiny_checkpoint, "--any-model")[0] == 0
    status, _, err = run_r1v("run", source, "/proc/x/y", "--model", tiny_checkpoint)
    assert status == 1 and "cannot be written" in err and "Traceback" not in err


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("workers", [1, 2])
def test_kills(tiny_checkpoint: Path, tmp_path: Path, workers: int) -> None:
    """5,000 lines, killed three times with SIGKILL."""
    count = 5000 if workers == 1 else 500
    source, target = (
        write_input(tmp_path / "in", count, max_tokens=2, model=Path(tiny_checkpoint).name),
        tmp_path / "out",
    )
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


def test_the_requests_are_never_the_answers(run_r1v, tmp_path: Path) -> None:
    requests = tmp_path / "requests"
    requests.write_text('{"custom_id": "a"}')
    (tmp_path / "link").symlink_to(requests)
    for output in (requests, tmp_path / "link"):
        status, _, err = run_r1v("run", requests, output)
        assert status == 1 and "is the file of requests" in err
    assert requests.read_text() == '{"custom_id": "a"}'
