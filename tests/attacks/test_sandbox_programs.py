# ruff: noqa: E501 - programs stand on a line each
"""100 hostile programs in the sandbox, with all its layers and with each one taken off in turn.

What counts is what happened outside: to files, to another process of the same user, to a listening socket.
"""

from __future__ import annotations

import os
import platform
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from r1v.eval.sandbox.run import LAYERS, Limits, layers_here, run_program

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the programs name calls of Linux on x86",
)

# Hostile programs; FILE, FOLDER, PID and PORT stand for what is outside. Each goes on after a refusal.
PYTHON = [
    "import resource; resource.prlimit(PID, resource.RLIMIT_NOFILE, (3, 3))",
    "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    "import os; os.setpriority(os.PRIO_PROCESS, PID, 19)", "import os; os.sched_setaffinity(PID, {0})",
    "import os; os.sched_setscheduler(PID, os.SCHED_IDLE, os.sched_param(0))", "import os; os.kill(PID, 9)",
    "import os; os.killpg(os.getpgid(PID), 15)", "import os; os.kill(-1, 9)", "import os; os.utime(FILE, (1, 1))",
    "import os; os.setxattr(FILE, 'user.a', b'b')", "import os; os.chmod(FILE, 0)", "import os; os.chown(FILE, 1, 1)",
    "import os; os.truncate(FILE, 0)", "import os; os.fchmod(os.open(FILE, os.O_RDONLY), 0)", "open(FILE, 'a').write('x')",
    "import os; os.fchown(os.open(FILE, 0), 1, 1)", "import os; os.utime(os.open(FILE, 0), (1, 1))",
    "import os; os.setxattr(os.open(FILE, 0), 'user.a', b'b')", "import os; os.unlink(FILE)", "import os; os.rename(FILE, 'a')",
    "import os; os.rename('input', FILE)", "import os; os.link(FILE, 'linked'); open('linked', 'w')", "import os; os.mkdir(FOLDER + '/new')",
    "import os; os.symlink(FILE, 'sym'); open('sym', 'w')", "import os; os.mkfifo(FOLDER + '/fifo')", "import os; os.rmdir(FOLDER)",
    "import os; os.symlink('/etc', FOLDER + '/sym')", "import os; os.chdir(FOLDER); open('new', 'w')", "import shutil; shutil.rmtree(FOLDER)",
    "import os; os.replace('input', FILE)", "import os; os.open(FILE, os.O_RDWR | os.O_TRUNC)", "import os; os.chroot(FOLDER)",
    "open('/proc/PID/oom_score_adj', 'w').write('1000')", "open('/proc/PID/mem', 'r+b')", "open('/proc/PID/comm', 'w').write('x')",
    "import os; print(os.readlink('/proc/PID/exe'))", "import os; os.pidfd_open(PID)", "print(open('/proc/PID/environ').read())",
    "import fcntl, os, struct; f = os.open(FILE, 0); fcntl.fcntl(f, 8, PID); fcntl.fcntl(f, 10, 9); fcntl.fcntl(f, 4, 0o20000)",
    "import fcntl, os; r, w = os.pipe(); fcntl.fcntl(r, 8, PID); fcntl.fcntl(r, 10, 9); fcntl.fcntl(r, 4, 0o20000); os.write(w, b'a')",
    "import fcntl, os; fcntl.ioctl(os.open(FILE, 0), 0x40086602, b'\\x40' + b'\\0' * 7)", "import fcntl; fcntl.flock(open(FILE), 2)",
    "import socket; socket.create_connection(('127.0.0.1', PORT)).send(b'a')", "import socket; socket.socket(socket.AF_UNIX)",
    "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'a', ('127.0.0.1', PORT))",
    "import socket; socket.socketpair()", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:PORT')",
    "import os\nwhile True: os.fork()", "import os\nif os.fork() == 0: os.setsid(); os.execv('/bin/sleep', ['r1v-left', '60'])",
    "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True)", "import os; os.system('touch ' + FOLDER + '/new')",
    "import os; os.execv('/bin/touch', ['touch', FOLDER + '/new'])", "import os; os.posix_spawn('/bin/touch', ['touch', FOLDER + '/new'], {})",
    "import multiprocessing as m; m.Process(target=print).start()", "import pty; pty.fork()", "x = bytearray(1 << 34)",
    "import threading\nfor _ in range(99999): threading.Thread(target=lambda: __import__('time').sleep(9)).start()",
    "f = open('big', 'wb')\nfor _ in range(200): f.write(bytes(1 << 20))", "fs = [open('input') for _ in range(9999)]",
    "import os; os.unshare(0x10020000)", "import os; os.setns(os.open('/proc/1/ns/mnt', 0))", "import os; os.setuid(0); os.setgid(1)",
    "import os; os.nice(-20)", "import os; os.sethostname('x')", "import time; time.clock_settime(0, 1)", "import sys; sys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()",
]  # fmt: skip
# (number, arguments) of raw calls; "F" is the name of the file, "D" the folder's, "P" the process, "B" a buffer
CALLS: list[tuple[int, str]] = [
    (141, "0 P 19"), (302, "P 7 B 0"), (203, "P 8 B"), (144, "P 5 B"), (142, "P B"), (314, "P B 0"), (62, "P 9"),
    (200, "P 9"), (234, "P P 9"), (129, "P 9 B"), (297, "P P 9 B"), (101, "16 P 0 0"), (310, "P B 1 B 1 0"),
    (311, "P B 1 B 1 0"), (251, "1 P 24576"), (256, "P 1 B B"), (279, "P 0 B B B 0"), (424, "3 9 0 0"), (434, "P 0"),
    (90, "F 0"), (268, "-100 F 0"), (92, "F 1 1"), (94, "F 1 1"), (260, "-100 F 1 1 0"), (132, "F B"), (235, "F B"),
    (261, "-100 F B"), (280, "-100 F B 0"), (188, "F F B 1 0"), (189, "F F B 1 0"), (197, "F F"), (133, "D 4096 0"),
    (76, "F 0"), (165, "F F F 0 0"), (166, "F 2"), (155, "D D"), (161, "D"), (272, "268435456"), (308, "3 0"),
    (442, "-100 D 32768 B 32"), (425, "8 B"), (321, "0 B 72"), (298, "B P -1 -1 0"), (323, "0"), (250, "0 0 0 0"),
    (248, "F F B 1 0"), (57, ""), (58, ""), (59, "F 0 0"), (322, "-100 F 0 0 0"), (435, "B 88"), (56, "17 0 0 0 0"),
    (41, "2 1 0"), (53, "1 1 0 B"), (170, "F 1"), (304, "-100 B 0"), (135, "8"), (126, "B B"), (105, "0"), (157, "15 F"),
]  # fmt: skip
RAW = """\
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
names = {{"F": FILE.encode(), "D": FOLDER.encode(), "P": PID, "B": ctypes.create_string_buffer(256)}}
given = [names.get(a, None) if a in names else ctypes.c_long(int(a)) for a in {arguments!r}.split()]
found = libc.syscall({number}, *given)
print("errno", ctypes.get_errno() if found == -1 else 0)
"""
# Ways to read FILE and to list FOLDER, each an expression; what they find must not be in the output.
READING = [
    "open(FILE).read()", "open(FILE, 'rb').read()", "os.read(os.open(FILE, 0), 99)", "io.open_code(FILE).read()",
    "linecache.getlines(FILE)", "pathlib.Path(FILE).read_text()", "open('/proc/self/root' + FILE).read()",
    "open('/proc/1/root' + FILE).read()", "open('/proc/1/cwd/../../../../../..' + FILE).read()",
    "open('../../../../../../..' + FILE).read()", "(os.symlink(FILE, 'sym'), open('sym').read())",
    "(os.symlink(FOLDER, 'symd'), os.listdir('symd'))", "(os.link(FILE, 'hard'), open('hard').read())",
    "(os.rename(FILE, 'moved'), open('moved').read())", "(shutil.copyfile(FILE, 'c'), open('c').read())",
    "os.read(os.open(os.path.basename(FILE), 0, dir_fd=os.open(FOLDER, 0)), 99)", "np.fromfile(FILE, np.uint8).tobytes()",
    "bytes(np.memmap(FILE, np.uint8, 'r'))", "runpy.run_path(FILE)", "list(fileinput.input(FILE))",
    "os.listdir(FOLDER)", "[e.name for e in os.scandir(FOLDER)]", "list(os.walk(FOLDER))", "glob.glob(FOLDER + '/*')",
    "os.listdir(os.open(FOLDER, 0))", "(os.chdir(FOLDER), os.listdir())", "os.listdir('/proc/self/root' + FOLDER)",
    "open('/proc/PID/environ').read()", "os.listdir('/proc/PID/fd')", "open('/proc/PID/root' + FILE).read()",
    "importlib.machinery.SourceFileLoader('x', FILE).get_data(FILE)", "sqlite3.connect(FILE).execute('pragma x').fetchall()",
    "zipfile.ZipFile(FILE).namelist()", "tokenize.open(FILE).read()", "mmap.mmap(os.open(FILE, 0), 0, prot=1).read(99)",
]  # fmt: skip
READ_ALL = f"""\
import fileinput, glob, importlib.machinery, io, linecache, mmap, os, pathlib, runpy, shutil, sqlite3, tokenize, zipfile
import numpy as np
for way in {READING!r}:
    try:
        print(way, eval(way.replace('PID', str(PID))))
    except (OSError, ImportError, SyntaxError, ValueError, sqlite3.Error, zipfile.BadZipFile) as error:
        print(way, type(error).__name__)
try:
    import ctypes
    libc, found = ctypes.CDLL(None), ctypes.create_string_buffer(99)
    libc.read(libc.open(FILE.encode(), 0), found, 99)
    print(found.raw)
except OSError as error:
    print(error)
print('end')
"""
PROGRAMS = [*PYTHON, *(RAW.format(number=number, arguments=arguments) for number, arguments in CALLS)]
VARIANTS = [LAYERS, *(tuple(layer for layer in LAYERS if layer != off) for off in LAYERS)]


@dataclass
class Outside:
    """What a program must not touch."""

    folder: Path
    file: Path
    process: subprocess.Popen[bytes]
    listener: socket.socket

    def state(self) -> tuple[object, ...]:
        status, pid = self.file.stat(), self.process.pid
        return (
            self.file.read_text(), status.st_mode, status.st_uid, status.st_mtime_ns, status.st_nlink,
            os.listxattr(self.file), sorted(path.name for path in self.folder.iterdir()), self.process.poll(),
            os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid), os.sched_getscheduler(pid),
            [resource.prlimit(pid, kind) for kind in range(16)],
            [resource.getrlimit(kind) for kind in range(16)], os.getpriority(os.PRIO_PROCESS, 0),
            Path(f"/proc/{pid}/oom_score_adj").read_text(), Path(f"/proc/{pid}/comm").read_text(), socket.gethostname(),
        )  # fmt: skip

    def source(self, program: str) -> str:
        port = self.listener.getsockname()[1]
        program = program.replace("PORT", str(port)).replace("/proc/PID", f"/proc/{self.process.pid}")
        return f"FILE, FOLDER, PID = {str(self.file)!r}, {str(self.folder)!r}, {self.process.pid}\n{program}"


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    file = tmp_path / "victim"
    file.write_text("SECRET_OF_FILE = 'r1v-secret'")
    (tmp_path / "named-r1v-secret").touch()
    process = subprocess.Popen(["sleep", "600"], start_new_session=True, env={"SECRET": "r1v-secret"})
    while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":  # until it is the other program
        time.sleep(0.01)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Outside(tmp_path, file, process, listener)
    process.kill()
    process.wait()


def check(outside: Outside, program: str, layers: tuple[str, ...]) -> None:
    before = outside.state()
    limits = Limits(wall_s=4.0, memory_bytes=1 << 30, max_processes=512, layers=layers)
    ended = run_program(outside.source(program), limits=limits)
    assert outside.state() == before
    with pytest.raises(BlockingIOError):
        outside.listener.accept()
    left = subprocess.run(["pgrep", "-f", "r1v-left"], capture_output=True, check=False).stdout
    assert not left, "a process was left"
    assert "r1v-secret" not in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("layers", VARIANTS, ids=["all", *(f"no {off}" for off in LAYERS)])
@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_hostile_program(number: int, layers: tuple[str, ...], outside: Outside) -> None:
    check(outside, PROGRAMS[number], layers)


@pytest.mark.parametrize("layers", [*VARIANTS, ("namespaces",), ("landlock",), ("hook",)], ids="-".join)
def test_no_file_outside_is_read(layers: tuple[str, ...], outside: Outside) -> None:
    """The file, its folder's names and another process's environment; the hook alone is Python's, and holds
    back what Python does."""
    before = outside.state()
    program = READ_ALL.replace("import ctypes", "raise OSError") if layers == ("hook",) else READ_ALL
    ended = run_program(outside.source(program), limits=Limits(wall_s=30.0, layers=layers))
    assert ended.ok and ended.stdout.endswith("end\n"), ended.stderr
    assert "r1v-secret" not in ended.stdout.replace(outside.folder.name, "")
    assert outside.state() == before


@pytest.mark.parametrize("layers", [LAYERS, ("namespaces",), ("landlock",), ("hook",)], ids="-".join)
def test_a_readable_folder_of_somebodys_work_is_not_pythons(layers: tuple[str, ...], tmp_path: Path) -> None:
    """What is on the path of this interpreter by a .pth file (a project in development) cannot be read."""
    import r1v

    where = str(Path(r1v.__file__).parents[1])
    ended = run_program(
        f"import sys\nprint({where!r} in sys.path)\ntry: print(open({where + '/pyproject.toml'!r}).read(3))\n"
        "except OSError as e: print('refused')\nimport r1v",
        limits=Limits(layers=layers),
    )
    assert ended.stdout == "False\nrefused\n" and "No module named 'r1v'" in ended.stderr


def test_many_small_files_end_with_the_program() -> None:
    """Where there are namespaces the folder holds some thousands of files, and goes with the process."""
    if "namespaces" not in layers_here():
        pytest.skip("needs namespaces")
    source = "n = 0\ntry:\n    while True: open(str(n), 'w').close(); n += 1\nexcept OSError: print(9000 < n < 17000)"
    ended = run_program(source, limits=Limits(wall_s=60.0))
    assert ended.stdout == "True\n", ended


def test_there_are_enough_of_them() -> None:
    assert len(set(PROGRAMS)) >= 100


@pytest.mark.parametrize("number", range(0, len(PYTHON), 13))
@pytest.mark.parametrize("off", LAYERS)
def test_a_few_hostile_programs(number: int, off: str, outside: Outside) -> None:
    check(outside, PROGRAMS[number], tuple(layer for layer in LAYERS if layer != off))


def test_no_dangerous_call_is_in_the_list(outside: Outside) -> None:
    """All raw calls in one program, with seccomp alone."""
    calls = "\n".join(RAW.format(number=number, arguments=arguments) for number, arguments in CALLS)
    ended = run_program(outside.source(calls), limits=Limits(layers=("seccomp",)))
    expected = ["errno 38" if number == 435 else "errno 1" for number, _ in CALLS]
    assert ended.stdout.splitlines() == expected, ended.stderr


@pytest.mark.parametrize("layers", [LAYERS, *((layer,) for layer in LAYERS)], ids="-".join)
def test_honest_programs_work(layers: tuple[str, ...]) -> None:
    source = (
        "import sys, os, threading, json, re, math, random, datetime, decimal, tempfile, sympy, zoneinfo, numpy as np\n"
        "out = []\nts = [threading.Thread(target=out.append, args=(n,)) for n in range(9)]\n"
        "[t.start() for t in ts]; [t.join() for t in ts]\n"
        "with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile('w') as f:\n"
        "    open(d + '/x', 'w').write('1'); f.write('2'); f.flush(); out.append(int(open(f.name).read()))\n"
        "out.remove(2); os.mkdir('e'); open('e/b', 'w').write(json.dumps(sorted(out))); os.rename('e/b', 'a')\n"
        "zoneinfo.ZoneInfo('Europe/Berlin'); assert sympy.factorint(12) == {2: 2, 3: 1}\n"
        "text = open('/proc/self/fd/0').read(); sys.stdin = __import__('io').StringIO(text)\n"
        "print(open('a').read(), int((np.ones((50, 50)) @ np.ones((50, 50))).sum()), input(), os.getpid() > 0)"
    )
    ended = run_program(source, "line", Limits(layers=layers))
    assert ended.stdout == "[0, 1, 2, 3, 4, 5, 6, 7, 8] 125000 line True\n", ended.stderr
