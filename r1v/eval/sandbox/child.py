"""Runs in the process of a model's program: it sets limits first, then runs the program as ``__main__``.

Resource limits, and four layers, each where the system has it: namespaces of Linux (no network, no other
processes in sight, all files read-only but the program's folder); Linux's filters, which nothing in the
process can take off again (seccomp: an allow-list of system calls; Landlock: no changes to files outside of
the folder); and an audit hook, which says in Python what is refused.

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
MS_BIND, MS_REC, MS_PRIVATE, MOUNT_ATTR_RDONLY = 4096, 16384, 1 << 18, 1

# System calls that Python, numpy and their threads make, by number; all others are refused. AUDIT_ARCH tells
# the filter the processor. The numbers are those of Linux's tables (syscall_64.tbl; asm-generic/unistd.h).
SYSTEM_CALLS: dict[str, Any] = {
    "x86_64": {
        "arch": 0xC000003E, "clone": 56, "clone3": 435,
        "prlimit": 302, "tgkill": 234, "fcntl": 72, "ioctl": 16,
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
        "prlimit": 261, "tgkill": 131, "fcntl": 25, "ioctl": 29,
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
# the rights that writing to files needs, by the version of Landlock that introduced them
WRITES = {1: (1 << 1) | sum(1 << bit for bit in range(4, 13)), 2: 1 << 13, 3: 1 << 14}
# events of sys.addaudithook that no solution to a programming problem needs
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
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.symlink",
    "os.truncate",
    "shutil.",
    "ctypes.",
    "pty.",
    "ftplib.",
    "urllib.Request",
    "webbrowser.",
)


def limit(kind: int, value: int) -> None:
    """Set a limit, or the hard limit if that is lower."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some
        resource.setrlimit(kind, (value, value))


def own_namespaces(libc: ctypes.CDLL, folder: str) -> bool:
    """Continue in a new process that has no network, sees no other process and can change no file outside of
    a folder. The calling process waits for it and ends with the same status. False if the system does not
    allow it."""
    user, group = os.getuid(), os.getgid()
    try:
        if libc.unshare(NAMESPACES) != 0:
            return False
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    except (OSError, AttributeError):
        return False
    ready, tell = os.pipe()
    if os.fork():
        end_as(int(read_all(ready, tell) or b"9"))
    # The first process of a namespace is immune to signals, so the program runs in the second one.
    if (program := os.fork()) != 0:
        _, status = os.waitpid(program, 0)
        os.write(tell, str(status).encode())
        os._exit(0)
    os.close(ready)
    os.close(tell)
    read_only_but(libc, folder)
    drop_capabilities(libc)
    return True


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


def read_only_but(libc: ctypes.CDLL, folder: str) -> None:
    """Mount all file systems read-only but the folder, and a view of this namespace's processes."""
    here = folder.encode()
    libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    # a separate mount can stay writable; mount_setattr (Linux 5.12) changes whole trees
    libc.mount(here, here, None, ctypes.c_ulong(MS_BIND), None)
    for path, recursive, change in ((b"/", AT_RECURSIVE, (1, 0)), (here, 0, (0, 1))):
        attributes = ctypes.create_string_buffer(struct.pack("QQQQ", *change, 0, 0), 32)
        libc.syscall(442, AT_FDCWD, path, recursive, attributes, ctypes.c_size_t(32))
    libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(0x1 | 0x2 | 0x4 | 0x8), None)
    os.chdir(folder)  # into the new mount


def drop_capabilities(libc: ctypes.CDLL) -> None:
    """Give up the rights that a process has in its own user namespace, so that no mount can be undone."""
    zero = ctypes.c_ulong(0)
    for number in range(64):
        libc.prctl(24, ctypes.c_ulong(number), zero, zero, zero)  # PR_CAPBSET_DROP
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
    libc.capset(header, ctypes.create_string_buffer(24))


def filter_calls(libc: ctypes.CDLL) -> bool:
    """Allow only the listed system calls, permanently. False if the system has no seccomp, or if the
    processor is not known here."""
    known = SYSTEM_CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or known is None:
        return False
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
    if libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) != 0:  # PR_SET_NO_NEW_PRIVS
        return False
    return libc.prctl(22, ctypes.c_ulong(2), program, zero, zero) == 0  # PR_SET_SECCOMP, a filter


def write_only_below(libc: ctypes.CDLL, folder: str) -> bool:
    """Refuse changes to files outside of a folder, permanently. False if the system has no Landlock."""
    if not sys.platform.startswith("linux"):
        return False
    create, add, restrict = 444, 445, 446  # the same on all processors
    version = libc.syscall(create, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        return False
    writes = sum(bits for known, bits in WRITES.items() if known <= version)
    rules = libc.syscall(
        create, ctypes.create_string_buffer(struct.pack("Q", writes), 8), ctypes.c_size_t(8), 0
    )
    if rules < 0:
        return False
    for path, allowed in ((folder, writes), (os.devnull, 1 << 1)):
        place = os.open(path, os.O_PATH)
        libc.syscall(add, rules, 1, ctypes.create_string_buffer(struct.pack("=Qi", allowed, place), 12), 0)
        os.close(place)
    libc.prctl(38, *(ctypes.c_ulong(value) for value in (1, 0, 0, 0)))
    done = libc.syscall(restrict, rules, 0) == 0
    os.close(rules)
    return done


def refuse(event: str, arguments: tuple) -> None:
    """The audit hook: no sockets, no other programs, no changes to files outside of the folder."""
    if event.startswith(REFUSED):
        raise PermissionError(f"{event} is not allowed here")
    if event == "open" and len(arguments) > 1:
        path, mode, flags = (*arguments, 0)[:3]
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        writes = writes or (mode is None and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
        if writes and isinstance(path, str | bytes | os.PathLike):
            real = os.path.realpath(os.fsdecode(path))
            if not real.startswith(HERE + os.sep) and real != os.devnull:
                raise PermissionError(f"writing {real} is not allowed here")


HERE = os.path.realpath(os.getcwd())


def main() -> None:
    settings = json.loads(sys.argv[1])
    program, layers = sys.argv[2], settings["layers"]
    libc = ctypes.CDLL(None, use_errno=True)
    if "namespaces" in layers:
        own_namespaces(libc, HERE)
    if "landlock" in layers:
        write_only_below(libc, HERE)
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
