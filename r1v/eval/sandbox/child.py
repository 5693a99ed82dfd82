"""What runs before a model's program in its process: limits first, then the program as ``__main__``.

Three layers, each where the system has it: resource limits; Linux's own filters, which nothing in the process
can take off again (seccomp: no other programs or processes, no sockets, no signals to others; Landlock: no
changes to files outside of the folder); and an audit hook, which says in Python what is refused.

Stands alone: it is started by path, with an interpreter that sees no other packages of this project.
"""

import contextlib
import ctypes
import json
import os
import platform
import resource
import runpy
import struct
import sys
from typing import Any

CLONE_NEWUSER, CLONE_NEWNET, CLONE_THREAD = 0x10000000, 0x40000000, 0x00010000
# numbers of refused system calls; AUDIT_ARCH names the processor to the filter
SYSTEM_CALLS: dict[str, Any] = {
    "x86_64": {
        "arch": 0xC000003E, "clone": 56, "clone3": 435,
        "refused": (
            41, 42, 49, 53,  # socket, connect, bind, socketpair
            57, 58, 59, 322,  # fork, vfork, execve, execveat
            62, 101, 129, 297, 310, 311, 424, 438,  # kill, ptrace, rt_(tg)sigqueueinfo, process_vm_*, pidfd_*
            165, 166, 272, 308, 425, 321, 155, 161,  # mount, umount, unshare, setns, io_uring, bpf, roots
        ),
    },
    "aarch64": {
        "arch": 0xC00000B7, "clone": 220, "clone3": 435,
        "refused": (
            198, 203, 200, 199,
            221, 281,
            129, 117, 138, 240, 270, 271, 424, 438,
            40, 39, 97, 268, 425, 280, 41, 51,
        ),
    },
}  # fmt: skip
EPERM, ENOSYS = 1, 38
# what writing to files is made of, by the version of Landlock that knows it
WRITES = {1: (1 << 1) | sum(1 << bit for bit in range(4, 13)), 2: 1 << 13, 3: 1 << 14}
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
    """Lower a limit, as far as the hard limit lets it."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some
        resource.setrlimit(kind, (value, value))


def leave_network(libc: ctypes.CDLL) -> bool:
    """Enter a network namespace without any interface; False where that is not allowed."""
    try:
        return libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0
    except (OSError, AttributeError):
        return False


def filter_calls(libc: ctypes.CDLL) -> bool:
    """Refuse system calls for good; False where there is no seccomp, or the processor is not known here."""
    known = SYSTEM_CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or known is None:
        return False
    load, equal, above, bit, end = 0x20, 0x15, 0x35, 0x45, 0x06  # operations of BPF
    allow, refuse_with = 0x7FFF0000, 0x00050000
    steps = [(load, 0, 0, 4), (equal, 1, 0, known["arch"]), (end, 0, 0, allow), (load, 0, 0, 0)]
    steps += [(above, 0, 1, 0x40000000), (end, 0, 0, refuse_with | EPERM)]  # another numbering of the calls
    for number in known["refused"]:
        steps += [(equal, 0, 1, number), (end, 0, 0, refuse_with | EPERM)]
    steps += [(equal, 0, 1, known["clone3"]), (end, 0, 0, refuse_with | ENOSYS)]  # threads then use clone
    steps += [(equal, 0, 3, known["clone"]), (load, 0, 0, 16), (bit, 1, 0, CLONE_THREAD)]
    steps += [(end, 0, 0, refuse_with | EPERM), (end, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    zero = ctypes.c_ulong(0)
    if libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) != 0:  # PR_SET_NO_NEW_PRIVS
        return False
    return libc.prctl(22, ctypes.c_ulong(2), program, zero, zero) == 0  # PR_SET_SECCOMP, a filter


def write_only_below(libc: ctypes.CDLL, folder: str) -> bool:
    """Refuse changes to files outside of a folder for good; False where the system has no Landlock."""
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
    program = sys.argv[2]
    libc = ctypes.CDLL(None, use_errno=True)
    leave_network(libc)
    write_only_below(libc, HERE)
    seconds = int(settings["cpu"]) + 1
    limit(resource.RLIMIT_CPU, seconds)
    limit(resource.RLIMIT_AS, settings["memory"])
    limit(resource.RLIMIT_FSIZE, 64 << 20)
    limit(resource.RLIMIT_NOFILE, 64)
    limit(resource.RLIMIT_CORE, 0)
    if hasattr(resource, "RLIMIT_NPROC"):
        limit(resource.RLIMIT_NPROC, settings["processes"])
    filter_calls(libc)
    sys.argv = [program]
    sys.setrecursionlimit(50_000)
    sys.addaudithook(refuse)
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
