"""math-verify, in a child process that can be killed.

Enters: two short LaTeX texts. Leaves: whether math-verify considers them equal, and their numeric values.
Always holds: the child process of a comparison that takes too long ends, and the texts count as different.
Its processor time is counted, so that a busy machine does not change a verdict. The caller's process never
imports sympy. Needs the extra ``r1v[eval]``; without it ``available()``
is False.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO

from r1v.core import UnavailableError

START_TIMEOUT_S = 60.0  # the time that importing sympy may take on a busy machine
WAITING = 30  # seconds that are waited for one of processor time, before the child is taken for stuck


def available() -> bool:
    """Whether math-verify is installed."""
    return importlib.util.find_spec("math_verify") is not None


@dataclass(frozen=True, slots=True)
class Verification:
    """equal: math-verify's verdict. given, answer: numeric values, if there are any. timed_out: whether the
    comparison took too long."""

    equal: bool = False
    given: float | None = None
    answer: float | None = None
    timed_out: bool = False


class MathVerifier:
    """One child process, started at the first comparison and again after each kill. Threads may share it.

    timeout_s: seconds of processor time that a comparison may take.
    """

    def __init__(self, timeout_s: float = 5.0) -> None:
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._known: dict[tuple[str, str], Verification] = {}

    def __call__(self, given: str, answer: str) -> Verification:
        """Compare two texts. Raises UnavailableError without math-verify."""
        key = (given, answer)
        with self._lock:
            if key not in self._known:
                if len(self._known) >= 100_000:
                    self._known.clear()
                self._known[key] = self._ask(given, answer)
            return self._known[key]

    def close(self) -> None:
        """End the child process. A later comparison starts another one."""
        with self._lock:
            self._kill()

    def _ask(self, given: str, answer: str) -> Verification:
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps([given, answer, self.timeout_s]).encode() + b"\n")
            child.stdin.flush()
            line = _read_line(child.stdout, WAITING * self.timeout_s)
        except BrokenPipeError:  # it ended during the last comparison, for example at its memory limit
            line = b""
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(1.0)  # it may have closed its output and be about to end
            timed_out = child.returncode in (None, -signal.SIGPROF)
            self._kill()
            return Verification(timed_out=timed_out)
        return Verification(**json.loads(line))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        if not available():
            raise UnavailableError("math-verify is not installed; install it with: pip install 'r1v[eval]'")
        self._kill()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "r1v.scoring.verifier_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert self._child.stdout is not None
        if _read_line(self._child.stdout, START_TIMEOUT_S) != b"ready\n":
            self._kill()
            raise UnavailableError(
                "the math-verify process did not start; try: python -c 'import math_verify'"
            )
        return self._child

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for stream in (self._child.stdin, self._child.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):  # discard what was still buffered for it
                        stream.close()
            self._child = None


def _read_line(stream: IO[bytes], timeout_s: float) -> bytes:
    """One line, or b"" at the end of the stream or of the time."""
    end = time.monotonic() + timeout_s
    line = b""
    while not line.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            return b""
        piece = os.read(stream.fileno(), 65536)
        if not piece:
            return b""
        line += piece
    return line
