"""The trainer's end of the connection to one vLLM process, which is started here and ends with the trainer,
or was started by hand.

Enters: requests. Leaves: replies. Always holds: an engine that is gone, does not start or fails raises one
UnavailableError that says which one, why, and what to do.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from r1v.core import ConfigError, UnavailableError
from r1v.train.rollout.wire import FOLDER_PREFIX, parse_address, read_key, receive

START_S = 1800.0  # how long an engine that was started here may take before it listens
CONNECT_S = 60.0  # how long one that was started by hand may be unreachable
END_S = 20.0  # how long one that was started here may take to end
REASON = re.compile(r"error: \S", re.IGNORECASE)  # the line of a log that says why
AGAIN = "start the same command again: the run goes on from its last checkpoint"
# variables that torchrun sets for the trainer's processes, which vLLM would misunderstand as its own
TORCHRUN = ("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE",
            "MASTER_", "TORCHELASTIC_")  # fmt: skip


class Link:
    """One engine. process, log: of one that was started here."""

    def __init__(
        self, address: str, key: str | Path, process: subprocess.Popen[bytes] | None = None,
        log: Path | None = None,
    ) -> None:  # fmt: skip
        self.address, self._key = address, read_key(key)
        self._process, self._log = process, log
        self._connection: Connection | None = None

    @property
    def local(self) -> bool:
        """Whether the engine is on this machine, and can read this process's memory if it may."""
        return isinstance(parse_address(self.address), str)

    @classmethod
    def start(cls, python: str, settings: Sequence[str], devices: str | None, log: Path) -> Link:
        """``r1v train rollout`` in a process of its own. devices: its CUDA_VISIBLE_DEVICES; None: ours."""
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))  # only this user may read it
        address, key = folder / "socket", folder / "key"
        key.write_text(secrets.token_hex(32))
        words = [*settings, f"listen={address}", f"key={key}", "attached=true"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(TORCHRUN)}
        # however the process ends, its copies of the weights are removed with the folder
        environment["TMPDIR"] = str(folder)
        if devices is not None:
            environment["CUDA_VISIBLE_DEVICES"] = devices
            words.append(f"tensor_parallel={len(devices.split(','))}")
        try:
            with log.open("ab") as file:
                process = subprocess.Popen(
                    [python, "-m", "r1v.cli.main", "train", "rollout", *words], env=environment,
                    stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT,
                )  # fmt: skip
        except OSError as error:
            raise ConfigError(f"vllm_python {python} cannot be started: {error.strerror}") from None
        link = cls(str(address), key, process, log)
        weakref.finalize(link, _end, process, folder)
        return link

    def connect(self) -> dict[str, Any]:
        """Wait until the engine is ready; what it says about itself."""
        until = time.monotonic() + (CONNECT_S if self._process is None else START_S)
        while self._connection is None:
            try:
                self._connection = Client(parse_address(self.address), authkey=self._key)
            except AuthenticationError:
                raise ConfigError(
                    f"the engine at {self.address} has another key; give both the same one"
                ) from None
            except (OSError, EOFError):
                ended = self._process is not None and self._process.poll() is not None
                if ended or time.monotonic() > until:
                    raise self._gone() from None
                time.sleep(0.2)
        about: dict[str, Any] = self.reply()["about"]
        return about

    def tell(self, message: Callable[[Connection], None]) -> None:
        """Send a request. Its `reply` has to be taken later."""
        assert self._connection is not None, "connected before anything is asked"
        try:
            message(self._connection)
        except OSError:
            raise self._gone() from None

    def reply(self) -> dict[str, Any]:
        """The reply to the oldest request."""
        assert self._connection is not None
        try:
            head, _ = receive(self._connection)
        except (OSError, EOFError):
            raise self._gone() from None
        if "error" in head:
            raise UnavailableError(f"vLLM at {self.address}: {head['error']}{self._see_log()}; {AGAIN}")
        return head

    def _gone(self) -> UnavailableError:
        if self._process is None or self._log is None:
            return UnavailableError(
                f"no engine answers at {self.address}; start one there with r1v train rollout, then {AGAIN}"
            )
        try:
            status = self._process.wait(10)  # its last message may still be on its way
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        lines = self._log.read_text(errors="replace").strip().splitlines() or ["without a word"]
        said = next((line for line in reversed(lines) if REASON.search(line)), lines[-1])
        return UnavailableError(
            f"vLLM's process ended with status {status}: {said}{self._see_log()}; {AGAIN}"
        )

    def _see_log(self) -> str:
        return "" if self._log is None else f" (more in {self._log})"

    def close(self) -> None:
        """Disconnect from an engine that others started, or end one that was started here."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            _end(self._process, Path(self.address).parent)


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    assert process.stdin is not None
    process.stdin.close()  # which it ends with
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)
