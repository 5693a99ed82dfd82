"""Programs in the sandbox: what they may do, and what they try in vain."""

import ctypes
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from r1v.eval.sandbox import run
from r1v.eval.sandbox.run import Ended, Limits, layers_here, run_program

LANDLOCK = sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= 1
SECCOMP = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")


def test_programs_read_and_print() -> None:
    ended = run_program("print(input()[::-1])", "abc")
    assert ended.ok and ended.stdout == "cba\n"


def test_endless_programs_are_killed() -> None:
    started = time.monotonic()
    ended = run_program("while True: pass", limits=Limits(wall_s=1.0))
    assert ended.reason == "time" and not ended.ok and time.monotonic() - started < 30
    assert run_program("print('x' * 10**6)\n" * 9, limits=Limits(output_bytes=1000)).reason == "output"


@pytest.mark.parametrize(
    "source",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.fork()",
        "import os; os.kill(os.getppid(), 9)",
        "open('/tmp/r1v-must-not-be-there', 'w')",
        "import os; os.remove('/etc/hostname')",
        "x = bytearray(1 << 34)",
        "import sys; sys.exit(3)",
    ],
)
def test_programs_may_not(source: str) -> None:
    ended = run_program(source)
    assert not ended.ok and ended.stdout == ""


def test_it_is_said_what_holds_programs_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine without namespaces and Landlock: programs run, and a warning says what holds them."""

    def old_kernel(source: str, stdin: str, limits: Limits) -> Ended:
        return Ended("", "", 0 if limits.layers == ("seccomp",) else 1)

    layers_here.cache_clear()
    monkeypatch.setattr(run, "_run_in_folder", old_kernel)
    try:
        assert layers_here() == ("seccomp", "hook")
        assert (
            "could read this user's files" in caplog.text
            and "here only seccomp and hook limits" in caplog.text
        )
    finally:
        layers_here.cache_clear()


def test_a_layer_that_cannot_be_put_on_ends_the_program_before_it_starts() -> None:
    """No program runs with less than was asked for: layers_here tells beforehand which there are."""
    code = (
        "import runpy, os; child = runpy.run_path({path!r})\n"
        "class Libc:\n    def syscall(self, *given): return -1\n"
        "try: child['bound_files'](Libc(), '/tmp')\nexcept OSError as error: print(error.strerror)"
    )
    child = Path(run.__file__).with_name("child.py")
    ended = subprocess.run(
        [sys.executable, "-c", code.format(path=str(child))], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "there is no Landlock\n"


def test_threads_and_deep_recursion_work() -> None:
    source = (
        "import sys, threading\nthreading.stack_size(2 ** 27)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
        "t = threading.Thread(target=lambda: print(f(20000))); t.start(); t.join()"
    )
    assert run_program(source).stdout == "20000\n"


# what a program may do to the audit hook, which is only Python: then the kernel's filters are left
TAKE_OFF = """\
import sys
frame = sys._getframe()
while frame:
    if "REFUSED" in frame.f_globals:
        frame.f_globals.update(REFUSED=(), check_path=lambda path, writes: None)
    frame = frame.f_back
"""


@pytest.mark.skipif(not SECCOMP, reason="needs seccomp")
@pytest.mark.parametrize(
    "source",
    [
        "import os; os.fork()",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.kill(os.getppid(), 9)",
        "import os, signal; signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
        "import socket; socket.socket()",
        "import ctypes; assert ctypes.CDLL(None).system(b'true') == 0",
        "import subprocess; subprocess.run(['true'])",
    ],
)
def test_the_kernel_refuses_without_the_hook(source: str) -> None:
    ended = run_program(TAKE_OFF + source)
    assert not ended.ok and ("not permitted" in ended.stderr or "AssertionError" in ended.stderr), ended


@pytest.mark.skipif(not LANDLOCK, reason="needs Landlock")
def test_files_outside_stay_as_they_are_without_the_hook(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("whole")
    for source in (f"open({str(victim)!r}, 'w')", f"import os; os.unlink({str(victim)!r})",
                   f"import os; os.mkdir({str(tmp_path / 'new')!r})",
                   f"import os; os.rename({str(victim)!r}, 'mine')"):  # fmt: skip
        ended = run_program(TAKE_OFF + source)
        refusals = ("Permission denied", "Read-only file system", "cross-device", "No such file")
        assert not ended.ok and any(refusal in ended.stderr for refusal in refusals), ended
    assert victim.read_text() == "whole" and [path.name for path in tmp_path.iterdir()] == ["victim"]
    own = run_program(
        TAKE_OFF + "import os; open('a', 'w').write('1'); os.rename('a', 'b'); print(open('b').read())"
    )
    assert own.stdout == "1\n"
