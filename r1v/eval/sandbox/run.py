"""Running a model's program in a process of its own, with limited time and memory and without a network.

Enters: Python source and an input. Leaves: what it printed, and how it ended. Always holds: the process
and all that it started are gone when ``run_program`` returns. Limits: processor time, address space, file
size, number of files and processes by rlimits; wall time and output by the parent; other programs, sockets,
signals, changes to files outside of its folder and reading any file but Python's own and its folder's by the
kernel (on Linux: namespaces, an allow-list of system calls, Landlock) and by an audit hook everywhere.
``layers_here`` says which of these the machine has. Where it has the hook alone, run programs that are
hostile on purpose in a container.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from r1v.core import UnavailableError

MAX_OUTPUT_BYTES = 8 << 20
LAYERS = ("namespaces", "seccomp", "landlock", "hook")
_READING = frozenset({"namespaces", "landlock"})  # those of the kernel's that bound what is read
_logger = logging.getLogger("r1v.eval")


@dataclass(frozen=True, slots=True)
class Limits:
    """wall_s: seconds from start to kill. memory_bytes: address space. output_bytes: of standard output.
    layers: of `LAYERS`, those put on where the machine has them; fewer are for tests of the others."""

    wall_s: float = 6.0
    memory_bytes: int = 4 << 30
    output_bytes: int = MAX_OUTPUT_BYTES
    max_processes: int = 4096
    layers: tuple[str, ...] = LAYERS


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. status: its exit status, None if it was killed. reason: "", "time" or "output"."""

    stdout: str
    stderr: str
    status: int | None
    reason: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.status == 0


@functools.cache
def layers_here() -> tuple[str, ...]:
    """Of `LAYERS`, those that this machine lets us put on, each tried on a program of its own. A warning is
    logged, once, where no layer of the kernel's bounds what a program reads."""
    found = tuple(
        layer for layer in LAYERS if layer == "hook" or _run_in_folder("print(1)", "", _only(layer)).ok
    )
    if not _READING & set(found):
        _logger.warning(
            "here only %s limits what a program can do: a hostile one could read this user's files; use "
            "Linux 5.13 or newer, or a container",
            " and ".join(found),
        )
    return found


def _only(layer: str) -> Limits:
    return Limits(wall_s=30.0, layers=(layer,))  # a busy machine may be slow to start a program


def run_program(source: str, stdin: str = "", limits: Limits | None = None) -> Ended:
    """Run Python source in a fresh folder with ``stdin`` as its input.

    Raises UnavailableError where the system has no rlimits.
    """
    limits = limits or Limits()
    if os.name != "posix":
        raise UnavailableError(
            "programs are run with POSIX resource limits; use Linux or macOS, or a container"
        )
    layers = tuple(layer for layer in limits.layers if layer in layers_here())
    return _run_in_folder(source, stdin, replace(limits, layers=layers))


def _run_in_folder(source: str, stdin: str, limits: Limits) -> Ended:
    folder = Path(tempfile.mkdtemp(prefix="r1v-program-"))
    try:
        (folder / "program.py").write_text(source, encoding="utf-8", errors="replace")
        (folder / "input").write_text(stdin, encoding="utf-8", errors="replace")
        return _run(folder, limits)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, limits: Limits) -> Ended:
    started = time.monotonic()
    guard = Path(__file__).with_name("child.py")
    settings = json.dumps(
        {
            "memory": limits.memory_bytes,
            "cpu": limits.wall_s,
            "processes": limits.max_processes,
            "layers": limits.layers,
        }
    )
    with open(folder / "input", "rb") as stdin, open(folder / "stderr", "wb") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-I", str(guard), settings, str(folder / "program.py")],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "OMP_NUM_THREADS": "1",
                "PYTHONHASHSEED": "0",
            },
            start_new_session=True,
            close_fds=True,
        )
        assert child.stdout is not None
        try:
            output, reason = _collect(child.stdout.fileno(), started + limits.wall_s, limits.output_bytes)
            if not reason:
                left = max(0.05, started + limits.wall_s - time.monotonic())
                try:
                    child.wait(timeout=left)
                except subprocess.TimeoutExpired:
                    reason = "time"
        finally:
            _kill_group(child)
            child.stdout.close()
    status = None if reason else child.returncode
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        status, reason = None, "time"
    errors = (folder / "stderr").read_bytes()[-4000:].decode("utf-8", "replace")
    return Ended(output.decode("utf-8", "replace"), errors, status, reason, time.monotonic() - started)


def _collect(descriptor: int, end: float, limit: int) -> tuple[bytes, str]:
    """All output until the program ends, the time is over or the limit is reached."""
    pieces: list[bytes] = []
    size = 0
    while True:
        left = end - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return b"".join(pieces), "time"
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return b"".join(pieces), ""
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return b"".join(pieces)[:limit], "output"


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill the program and everything in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has already ended
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
