"""Runs in the process of a model's program: it sets limits first, then runs the program as ``__main__``.

Resource limits, and four layers, each where the system has it: namespaces of Linux (no network, no other
processes in sight, a root of its own that holds Python, its libraries and the program's folder); Linux's
filters, which nothing in the process can take off again (seccomp: an allow-list of system calls; Landlock: no
file is read but those of Python, its libraries and the folder, and none is changed but in the folder); and an
audit hook, which says in Python what is refused. A layer that is asked for and cannot be put on ends the
process: which ones a machine has is found out by ``run.layers_here``.

Stands alone: it is started by path, with an interpreter that sees no other packages of this project.
"""

import contextlib
import ctypes
import json
import os
import platform
import resource
import runpy
import signal
import struct
import sys
from typing import Any

CLONE_THREAD = 0x00010000
# user, network, processes, mounts, messages between processes, host name
NAMESPACES = 0x10000000 | 0x40000000 | 0x20000000 | 0x00020000 | 0x08000000 | 0x04000000
AT_FDCWD, AT_RECURSIVE = ctypes.c_int(-100), 0x8000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 2, 4, 8, 4096, 16384, 1 << 18, 2
READ_ONLY, NO_SETUID = 1, 2  # attributes of mount_setattr
# The program's folder in a root of its own: a million small files would take long to remove again.
OWN_FOLDER = b"size=256m,nr_inodes=16384,mode=700"

# Beside Python's own folders: shared libraries, the time zone, and what the C library reads of the machine.
SYSTEM_FILES = (
    "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/nix/store",
    "/gnu/store", "/System/Library", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime",
    "/usr/share/zoneinfo", "/sys/devices/system/cpu",
)  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
STREAMS = {"/dev/fd": "", "/dev/stdin": "/0", "/dev/stdout": "/1", "/dev/stderr": "/2"}

# System calls that Python, numpy and their threads make, by number; all others are refused. AUDIT_ARCH tells
# the filter the processor. The numbers are those of Linux's tables (syscall_64.tbl; asm-generic/unistd.h).
SYSTEM_CALLS: dict[str, Any] = {
    "x86_64": {
        "arch": 0xC000003E, "clone": 56, "clone3": 435,
        "prlimit": 302, "tgkill": 234, "fcntl": 72, "ioctl": 16, "pivot_root": 155,
        "allowed": (
            *range(16), *range(17, 25),  # read to sched_yield: files, mmap, own signals, poll, pipe, select
            25, 26, 28, 32, 33, 34, 35, 36, 37, 38, 39,  # mremap, msync, madvise, dup, pause, timers, getpid
            60, 63, 74, 75, 77, 78, 79, 80, 81,  # exit, uname, fsync, ftruncate, folders
            82, 83, 84, 85, 86, 87, 88, 89, 95,  # rename to readlink, umask: Landlock bounds them
            96, 97, 98, 99, 100, 102, 104, 107, 108, 110, 111, 115, 118, 120, 121, 124,  # time, limits, ids
            127, 128, 130, 131, 137, 138, 140, 145, 158,  # own signals, statfs, getpriority, arch_prctl
            186, 201, 202, 204, 213, 217, 218, 219, 221, 228, 229, 230, 231, 232, 233,  # gettid, futex, epoll
            257, 258, 262, 263, 264, 265, 266, 267, 269, 270, 271, 273, 275, 276,  # openat and others
            281, 282, 283, 284, 285, 286, 287, 289, 290, 291, 292, 293, 295, 296, 309,  # eventfd, pipe2
            316, 318, 319, 324, 326, 332, 334, 436, 437, 439, 441, 449,  # getrandom, memfd, statx, rseq
        ),
    },
    "aarch64": {
        "arch": 0xC00000B7, "clone": 220, "clone3": 435,
        "prlimit": 261, "tgkill": 131, "fcntl": 25, "ioctl": 29, "pivot_root": 41,
        "allowed": (
            17, 19, 20, 21, 22, 23, 24, 34, 35, 36, 37, 38, 43, 44, 46, 47, 48, 49, 50, 56, 57, 59,
            *range(61, 81), 82, 83, 85, 86, 87, 93, 94, 98, 99, 101, 102, 103, 113, 114, 115, 123, 124,
            132, 133, 134, 135, 136, 137, 139, 141, 148, 150, 153, 155, 156, 158, 160, 163, 165, 166, 168,
            169, 172, 173, 174, 175, 176, 177, 178, 179, 214, 215, 216, 222, 226, 227, 232, 233,
            276, 278, 279, 283, 285, 286, 287, 291, 293, 436, 437, 439, 441, 449,
        ),
    },
}  # fmt: skip
# Of fcntl: copies and flags of files, not locks, leases, or signals to an owner. Of ioctl: questions only.
FCNTL, IOCTL = (0, 1, 2, 3, 4, 1030), (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)
EPERM, ENOSYS = 1, 38
# what reading and writing files is made of, by the version of Landlock that knows it
EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER = 1, 1 << 1, 1 << 2, 1 << 3
WRITES = {1: WRITE_FILE | sum(1 << bit for bit in range(4, 13)), 2: 1 << 13, 3: 1 << 14}
# events of sys.addaudithook that a solution to a programming problem has no business with
REFUSED = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.killpg",
    "os.chmod",
    "os.chown",
    "shutil.chown",
    "shutil.make_archive",
    "shutil.unpack_archive",
    "ctypes.",
    "pty.",
    "ftplib.",
    "urllib.Request",
    "webbrowser.",
)
# events whose first arguments are paths that are changed, or read; how many there are
CHANGES = {
    "os.remove": 1, "os.rename": 2, "os.rmdir": 1, "os.mkdir": 1, "os.link": 2, "os.symlink": 2,
    "os.truncate": 1, "shutil.rmtree": 1, "shutil.move": 2, "sqlite3.connect": 1,
}  # fmt: skip
READS = ("os.listdir", "os.scandir", "os.chdir")


def python_files() -> list[str]:
    """What a Python program needs to read: the folders of the interpreter, of its packages and of shared
    libraries, and the few other files of the system."""
    packages = ("site-packages", "dist-packages", "lib-dynload")  # not what a .pth file names: that is a
    paths = [os.path.dirname(os.__file__)]  # folder of somebody's work, and may hold anything
    paths += [path for path in sys.path if os.path.basename(path) in packages]
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    paths += [os.path.join(prefix, name) for prefix in sorted(prefixes) for name in ("lib", "lib64")]
    return [path for path in (*paths, *SYSTEM_FILES) if os.path.exists(path)]


def inside(path: str, folders: tuple[str, ...]) -> bool:
    """Whether a real path is one of some, or lies below one."""
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def limit(kind: int, value: int) -> None:
    """Set a limit, or the hard limit if that is lower."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some
        resource.setrlimit(kind, (value, value))


def done(result: int) -> None:
    """Raise the error of a system call that failed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def own_namespaces(libc: ctypes.CDLL, folder: str) -> None:
    """Go on in a process that sees no network, no other process and no files but `python_files` and a folder;
    the calling process waits for it and ends as it does. Raises OSError where that is not allowed."""
    user, group = os.getuid(), os.getgid()
    done(libc.unshare(NAMESPACES))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    ready, tell = os.pipe()
    if os.fork():
        end_as(int(read_all(ready, tell) or b"9"))
    os.chdir("/")  # so that this process, too, goes to the new root
    # The first process of a namespace is immune to signals: the program is the second one.
    if (program := os.fork()) != 0:
        _, status = os.waitpid(program, 0)
        os.write(tell, str(status).encode())
        os._exit(0)
    os.close(ready)
    os.close(tell)
    own_root(libc, folder)
    drop_capabilities(libc)


def read_all(ready: int, tell: int) -> bytes:
    """Everything that the process at the other end of a pipe writes until it ends."""
    os.close(tell)
    told = os.read(ready, 16)
    with contextlib.suppress(ChildProcessError):
        os.wait()
    return told


def end_as(status: int) -> None:
    """End this process in the way another one ended, given its wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def places(paths: list[str]) -> dict[str, str]:
    """Where files are to be seen -> where they really are; a folder before all others, nothing that lies in
    another of them."""
    found = {}
    for path in paths:
        real = os.path.realpath(path)
        found.update({real: real, os.path.abspath(path): real})
    kept: dict[str, str] = {}
    for target in sorted(found):
        if not inside(target, tuple(kept)):
            kept[target] = found[target]
    return kept


def own_root(libc: ctypes.CDLL, folder: str) -> None:
    """Change to a root that holds `python_files` and some devices, read-only, an empty folder of the
    program's with its two files, and a view of this namespace's processes. Raises OSError."""

    def mount(source: str, target: str, kind: bytes | None, flags: int, options: bytes | None = None) -> None:
        done(libc.mount(source.encode(), target.encode(), kind, ctypes.c_ulong(flags), options))

    def settle(target: str, attributes: int, recursive: int = AT_RECURSIVE) -> None:
        change = ctypes.create_string_buffer(struct.pack("QQQQ", attributes, 0, 0, 0), 32)
        # mount_setattr (Linux 5.12), the same number on all processors
        done(libc.syscall(442, AT_FDCWD, target.encode(), recursive, change, ctypes.c_size_t(32)))

    def show(source: str, target: str) -> None:
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
        mount(source, target, None, MS_BIND | MS_REC)
        settle(target, READ_ONLY | NO_SETUID)

    shown = places([*python_files(), *(path for path in DEVICES if os.path.exists(path))])
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", folder, b"tmpfs", MS_NOSUID | MS_NODEV, b"size=4m,mode=755")
    os.mkdir(folder + "/old")
    number = SYSTEM_CALLS[platform.machine()]["pivot_root"]
    done(libc.syscall(number, folder.encode(), (folder + "/old").encode()))
    os.chdir("/")
    for target, real in shown.items():
        show("/old" + real, target)
    os.makedirs(folder, exist_ok=True)
    mount("tmpfs", folder, b"tmpfs", MS_NOSUID | MS_NODEV, OWN_FOLDER)
    for name in OWN_FILES:
        show(f"/old{folder}/{name}", f"{folder}/{name}")
    for link, end in STREAMS.items():
        os.symlink("/proc/self/fd" + end, link)
    os.mkdir("/proc")
    safe = MS_NOSUID | MS_NODEV | MS_NOEXEC
    try:
        mount("proc", "/proc", b"proc", safe, b"subset=pid")  # Linux 5.8: processes, nothing of the system
    except OSError:
        mount("proc", "/proc", b"proc", safe)
    done(libc.umount2(b"/old", MNT_DETACH))
    os.rmdir("/old")
    settle("/", READ_ONLY | NO_SETUID, recursive=0)
    os.chdir(folder)


def drop_capabilities(libc: ctypes.CDLL) -> None:
    """Give up the rights that a process has in its own user namespace, so that no mount can be undone."""
    zero = ctypes.c_ulong(0)
    for number in range(64):
        libc.prctl(24, ctypes.c_ulong(number), zero, zero, zero)  # PR_CAPBSET_DROP
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
    libc.capset(header, ctypes.create_string_buffer(24))


def filter_calls(libc: ctypes.CDLL) -> None:
    """Allow the listed system calls alone, for good. Raises OSError where there is no seccomp, or the
    processor is not known here."""
    known = SYSTEM_CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or known is None:
        raise OSError(ENOSYS, "there is no list of system calls for this processor")
    load, equal, above, bit, end = 0x20, 0x15, 0x35, 0x45, 0x06  # operations of BPF
    allow, refuse_with = 0x7FFF0000, 0x00050000
    yes, no = (end, 0, 0, allow), (end, 0, 0, refuse_with | EPERM)

    def where(number: int, arguments: dict[int, tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Allow a call if each given argument (by its place; only the low half is compared) has one of the
        given values."""
        checks: list[tuple[int, ...]] = []
        for place, values in arguments.items():
            checks.append((load, 0, 0, 16 + 8 * place))
            checks += [(equal, len(values) - n, 0, value) for n, value in enumerate(values)] + [no]
        return [(equal, 0, len(checks) + 1, number), *checks, yes]

    steps: list[tuple[int, ...]] = [(load, 0, 0, 4), (equal, 1, 0, known["arch"]), no, (load, 0, 0, 0)]
    steps += [(above, 0, 1, 0x40000000), no]  # another numbering of the calls
    for number in known["allowed"]:
        steps += [(equal, 0, 1, number), yes]
    steps += [(equal, 0, 1, known["clone3"]), (end, 0, 0, refuse_with | ENOSYS)]  # threads then use clone
    steps += [(equal, 0, 4, known["clone"]), (load, 0, 0, 16), (bit, 0, 1, CLONE_THREAD), yes, no]
    # only for the own process: signals to its threads, and reading its limits
    steps += where(known["tgkill"], {0: (os.getpid(),)}) + where(known["prlimit"], {0: (0,), 2: (0,)})
    steps += where(known["fcntl"], {1: FCNTL}) + where(known["ioctl"], {1: IOCTL}) + [no]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    zero = ctypes.c_ulong(0)
    done(libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero))  # PR_SET_NO_NEW_PRIVS
    done(libc.prctl(22, ctypes.c_ulong(2), program, zero, zero))  # PR_SET_SECCOMP, a filter


def bound_files(libc: ctypes.CDLL, folder: str) -> None:
    """Refuse, for good, to read files but `python_files`, some devices, this process's own state and a
    folder, to change files but in the folder, and to run any program. Raises OSError where there is no
    Landlock."""
    if not sys.platform.startswith("linux"):
        raise OSError(ENOSYS, "there is no Landlock")
    create, add, restrict = 444, 445, 446  # the same on all processors
    version = libc.syscall(create, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        raise OSError(ENOSYS, "there is no Landlock")
    writes = sum(bits for known, bits in WRITES.items() if known <= version)
    handled = ctypes.create_string_buffer(struct.pack("Q", writes | EXECUTE | READ_FILE | READ_FOLDER), 8)
    rules = libc.syscall(create, handled, ctypes.c_size_t(8), 0)
    if rules < 0:
        done(rules)
    of_file = READ_FILE | WRITE_FILE | (writes & WRITES[3])  # the last: cutting it
    streams = [f"/proc/self/fd/{number}" for number in range(3)]  # for a program that opens /dev/stdin
    allowed = dict.fromkeys((*python_files(), *DEVICES, "/proc/self"), READ_FILE | READ_FOLDER)
    allowed |= {os.devnull: READ_FILE | WRITE_FILE, streams[0]: READ_FILE}
    allowed |= {streams[1]: of_file, streams[2]: of_file, folder: writes | READ_FILE | READ_FOLDER}
    allowed |= {f"{folder}/{name}": of_file for name in OWN_FILES}
    for path, rights in allowed.items():
        with contextlib.suppress(OSError):  # what is not there need not be allowed
            place = os.open(path, os.O_PATH)
            if not os.path.isdir(path):
                rights &= of_file
            # a pipe is refused here, and needs no rule
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place), 12)
            libc.syscall(add, rules, 1, rule, 0)
            os.close(place)
    done(libc.prctl(38, *(ctypes.c_ulong(value) for value in (1, 0, 0, 0))))
    done(libc.syscall(restrict, rules, 0))
    os.close(rules)


def check_path(path: object, writes: bool) -> None:
    """Raise PermissionError for a path that the program may not read, or may not change."""
    if not isinstance(path, str | bytes | os.PathLike):
        return  # a descriptor that is open already
    given = os.path.abspath(os.fsdecode(path))
    real = os.path.realpath(given)
    own = (HERE, os.devnull, f"/proc/{os.getpid()}/fd", *STREAMS, "/proc/self/fd")
    if inside(real, own) or inside(given, own[2:]):
        return
    if writes:
        raise PermissionError(f"changing {real} is not allowed here")
    if not inside(real, (*READABLE, *DEVICES, f"/proc/{os.getpid()}")):
        raise PermissionError(f"reading {real} is not allowed here")


def refuse(event: str, arguments: tuple) -> None:
    """The audit hook: no sockets, no other programs, no files outside of the folder but Python's to read."""
    if event.startswith(REFUSED):
        raise PermissionError(f"{event} is not allowed here")
    if event == "open" and len(arguments) > 1:
        path, mode, flags = (*arguments, 0)[:3]
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        writes = writes or (mode is None and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
        check_path(path, writes)
    for path in arguments[: CHANGES.get(event, 0)]:
        check_path(path, True)
    for path in arguments[: event in READS]:
        check_path("." if path is None else path, False)


OWN_FILES = ("program.py", "input")
HERE = os.path.realpath(os.getcwd())
READABLE: tuple[str, ...] = ()


def main() -> None:
    global READABLE
    settings = json.loads(sys.argv[1])
    program, layers = sys.argv[2], settings["layers"]
    libc = ctypes.CDLL(None, use_errno=True)
    READABLE = tuple({os.path.realpath(path) for path in python_files()})
    sys.path = [path for path in sys.path if inside(os.path.realpath(path), READABLE)]
    if "namespaces" in layers:
        own_namespaces(libc, HERE)
    if "landlock" in layers:
        bound_files(libc, HERE)
    seconds = int(settings["cpu"]) + 1
    limit(resource.RLIMIT_CPU, seconds)
    limit(resource.RLIMIT_AS, settings["memory"])
    limit(resource.RLIMIT_FSIZE, 64 << 20)
    limit(resource.RLIMIT_NOFILE, 64)
    limit(resource.RLIMIT_CORE, 0)
    if hasattr(resource, "RLIMIT_NPROC"):
        limit(resource.RLIMIT_NPROC, settings["processes"])
    if "seccomp" in layers:
        filter_calls(libc)
    sys.argv = [program]
    sys.setrecursionlimit(50_000)
    if "hook" in layers:
        sys.addaudithook(refuse)
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
