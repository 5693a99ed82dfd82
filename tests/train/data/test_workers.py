"""Worker processes end with the process that made them."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import time
from pathlib import Path

import pytest

from r1v.train.data.workers import Workers


def own_pid(item: int) -> int:
    time.sleep(0.05)  # so that each worker makes one
    return os.getpid()


def run_and_wait(pids: multiprocessing.connection.Connection) -> None:
    workers = Workers(own_pid, 2)
    workers.put(range(4))
    pids.send(set(workers.get()))
    time.sleep(60)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at /proc")
def test_workers_end_when_their_parent_is_killed() -> None:
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    parent = fork.Process(target=run_and_wait, args=(theirs,))
    parent.start()
    pids = ours.recv()
    assert len(pids) == 2
    parent.kill()
    parent.join()
    deadline = time.monotonic() + 20
    while any(running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(running(pid) for pid in pids)


def running(pid: int) -> bool:
    """Whether a process is there and not only its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
