"""One process at a time writes into a folder: the lock that every command that writes a folder takes.

Enters: the path of a folder, there already or not. Always holds: the system frees a lock when the process
that holds it ends, however it ends; a lock that is freed leaves no file behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

from r1v.core import ConfigError

# path -> (file that carries the lock, uses in this process). A forked child has the parent's table but not
# its locks: it works for the parent, and must neither take such a lock again nor free it.
_held: dict[str, tuple[int, int]] = {}
_owner = os.getpid()
_guard = threading.Lock()


class WriteLock:
    """A folder that this process alone writes, until ``close`` or until the object is gone.

    The process may take it several times, for parts of its work that are commands of their own.
    """

    def __init__(self, folder: str | os.PathLike[str], *, once: bool = False) -> None:
        """once: not while this process has it already. Raises ConfigError where another process holds it. A
        file system without locks has none."""
        path = os.path.realpath(folder)
        _take(path, str(folder), once)
        self._free = weakref.finalize(self, _release, path, os.getpid())

    def close(self) -> None:
        """Let others write."""
        self._free()


@contextlib.contextmanager
def writing(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a folder's lock inside a ``with``. Raises ConfigError where another process holds it."""
    lock = WriteLock(folder)
    try:
        yield
    finally:
        lock.close()


def partial_prefix(folder: Path) -> str:
    """The beginning of the name of a folder beside ``folder`` in which it is written until it is whole; the
    number of the writing process follows."""
    return f".{folder.name}.partial-"


def remove_leftovers(folder: Path) -> None:
    """Remove what processes left beside a folder that were killed while they wrote it. Nothing where the lock
    is not held, as on a file system without locks: they may still be writing."""
    if os.path.realpath(folder) not in _held:
        return
    prefix = partial_prefix(folder)
    for each in folder.parent.iterdir():
        if each.name.startswith(prefix) and each.name.removeprefix(prefix).isdecimal():
            shutil.rmtree(each, ignore_errors=True)


def _take(path: str, shown: str, once: bool) -> None:
    global _owner
    with _guard:
        if _owner != os.getpid():
            if path in _held:
                return
            _held.clear()
            _owner = os.getpid()
        if path in _held:
            if once:
                raise ConfigError(f"{shown} is being written by this process already; name another folder")
            file, uses = _held[path]
            _held[path] = (file, uses + 1)
            return
        taken = _locked(path, shown)
        if taken is not None:
            _held[path] = (taken, 1)


def _release(path: str, pid: int) -> None:
    with _guard:
        if pid != os.getpid() or _owner != pid or path not in _held:
            return
        file, uses = _held.pop(path)
        if uses > 1:
            _held[path] = (file, uses - 1)
            return
        with contextlib.suppress(OSError):
            _beside(path).unlink()
        os.close(file)


def _beside(path: str) -> Path:
    """The lock's file. It is not in the folder, since many folders are made elsewhere and then renamed."""
    return Path(path).with_name(f".{os.path.basename(path) or 'root'}.lock")


def _locked(path: str, shown: str) -> int | None:
    """The open file of a lock that is ours now; None where files cannot be locked there."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return None
    place = _beside(path)
    while True:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
        except OSError:
            return None  # the command will say why nothing can be written there
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            holder = os.read(file, 300).decode("utf-8", "replace").strip() or "another process"
            os.close(file)
            raise ConfigError(
                f"{shown} is being written by {holder}; wait until it has ended, or name another folder"
            ) from None
        except OSError:
            os.close(file)
            return None
        try:
            same = os.path.samestat(os.fstat(file), os.stat(place))
        except OSError:
            same = False
        if same:
            break
        os.close(file)  # the holder before us removed this file when it freed the lock: a new one counts
    command = " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:2]])[:200]
    with contextlib.suppress(OSError):  # a full disk
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} of {socket.gethostname()} ({command})\n".encode())
    return file
