"""One copy of the model: a server process of its own, listening on this machine only.

Enters: the command that starts such a server. Leaves: its address, once it takes requests. Always holds: a
copy ends when the process that started it ends, for whatever reason (on Linux), and it is started again when
it ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from r1v.core import UnavailableError

log = logging.getLogger("r1v.server")

_PR_SET_PDEATHSIG = 1  # prctl(2)
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0  # the wait before a copy is started again; doubled each time
STEADY_S = 300.0  # a copy that has run this long counts as sound, and the next wait is the first one again
LOOK_S = 0.2  # between two checks of a copy that is being started


@dataclass(frozen=True)
class ReplicaCommand:
    """How a copy is started.

    argv: a command of `r1v serve`, to which ``--listen-fd N`` is added. environment: variables that differ
    from this process's, such as the GPU to use. cores: the cores that it may use; None is all.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    cores: frozenset[int] | None = None


class Replica:
    """A copy, its process, and the number of requests that it is answering. up: whether requests may be sent
    to it. port: where it listens; another one each time it is started."""

    def __init__(self, number: int, command: ReplicaCommand, on_end: Callable[[int], None]) -> None:
        """on_end: called with the copy's number when its process has ended by itself."""
        self.number, self._command, self._on_end = number, command, on_end
        self.up, self.num_requests, self.port = False, 0, 0
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    @property
    def load(self) -> int | None:
        """Requests that it is answering; None while it is down."""
        return self.num_requests if self.up else None

    @property
    def ended(self) -> bool:
        """Whether there is no process."""
        return self._process is None or self._process.poll() is not None

    def start(self) -> None:
        """Start the process. It takes no requests yet."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self.port = listening.getsockname()[1]
            listening.listen(2048)
            number = listening.fileno()
            self._process = subprocess.Popen(
                [*self._command.argv, "--listen-fd", str(number)],
                env={**os.environ, **self._command.environment},
                stdin=subprocess.DEVNULL,
                pass_fds=[number],
                start_new_session=True,  # Ctrl-C goes to the process in front, which tells the copies
                preexec_fn=self._prepare,
            )

    def _prepare(self) -> None:
        """Runs in the new process before the command: it will end with its parent, and use only its cores."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if self._command.cores is not None:
                os.sched_setaffinity(0, self._command.cores)

    async def wait_until_up(self, client: httpx.AsyncClient) -> None:
        """Return when it takes requests. Raises UnavailableError where it ends before."""
        while True:
            if self.ended:
                raise UnavailableError(
                    f"copy {self.number} of the model ended while it was started (status "
                    f"{self._process.returncode if self._process else None}); its messages are above"
                )
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.get(f"{self.url}/ready", timeout=5.0)
                if answer.status_code == 200:
                    self.up = True
                    return
            await asyncio.sleep(LOOK_S)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def keep(self, client: httpx.AsyncClient) -> None:
        """Start the copy again each time it has ended, as long as it is wanted."""
        wait_s = FIRST_WAIT_S
        while not self._stopping:
            begun = time.monotonic()
            while not self.ended:
                await asyncio.sleep(LOOK_S)
            if self._stopping:
                return
            self.up = False
            self._on_end(self.number)
            wait_s = FIRST_WAIT_S if time.monotonic() - begun > STEADY_S else wait_s
            log.error("copy %d of the model has ended (status %s); it is started again in %.0f s",
                      self.number, self._process.returncode if self._process else None, wait_s)  # fmt: skip
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            if self._stopping:
                return
            self.start()
            try:
                await self.wait_until_up(client)
            except UnavailableError:
                continue
            log.info("copy %d of the model is back", self.number)

    def stop(self) -> None:
        """Tell the copy to finish its requests and end; a second call tells it to end at once."""
        self._stopping = True
        if self._process is not None and not self.ended:
            self._process.terminate()

    def end(self) -> None:
        """End it now, and wait until it has ended."""
        self._stopping, self.up = True, False
        if self._process is not None:
            self._process.kill()
            self._process.wait()
