"""A file of requests in, a file of answers out, in OpenAI's batch format.

Enters: JSON lines with ``custom_id`` and ``body``. Leaves: one JSON line for each, in the order in which they
are done. Always holds: an answer is written whole or not at all; started again after any end, a run goes on
with the lines that have no answer yet; memory is one bit a line, and the requests under way.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, TypeAlias

from r1v.core import CapacityError, ConfigError, UnavailableError

Json: TypeAlias = dict[str, Any]
# the body of a request -> (HTTP status, the body of its response); raises UnavailableError, CapacityError
Answer: TypeAlias = Callable[[Mapping[str, Any]], tuple[int, Json]]

CHAT_URL = "/v1/chat/completions"
MAX_TRIES = 3  # of a line whose worker is not available; then the run stops, to be taken up again
_ID = re.compile(r"batch_req_(\d+)_([0-9a-f]{8})")
# a line of ours with an answer, told without parsing it
_HEAD, _TAIL = re.compile(rb'\{"id":"batch_req_(\d+)_([0-9a-f]{8})",'), b',"error":null}\n'


@dataclass(frozen=True, slots=True)
class Worker:
    """What answers. width: requests at a time."""

    answer: Answer
    width: int


@dataclass(frozen=True, slots=True)
class Progress:
    """num_done of num_lines have an answer, num_failed of them an error; so many lines a second now."""

    num_done: int
    num_lines: int
    num_failed: int
    lines_per_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds to the end at this rate."""
        return (self.num_lines - self.num_done) / self.lines_per_s if self.lines_per_s > 0 else None


def count_lines(path: Path) -> int:
    """Lines that are not blank."""
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())


def _name(number: int, line: bytes) -> str:
    """The id of an answer: the number of its line, and a check that it is that line's."""
    return f"batch_req_{number:08d}_{zlib.crc32(line):08x}"


class Output:
    """The file of answers: knows which lines have one. One process at a time has it open."""

    def __init__(self, path: Path) -> None:
        """Opens or makes it; cuts off an unfinished last line. ConfigError: it is in use, or not ours."""
        self._path = path
        self._bits = bytearray()
        self._checks: dict[int, str] = {}  # of some lines, to see whether the input is still the same
        self.num_done = self.num_failed = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise ConfigError(f"{path} is being written by another run; wait for it, or stop it") from error
        try:
            self._read()
        except ConfigError:
            os.close(self._file)
            raise

    def _read(self) -> None:
        end = 0
        with self._path.open("rb") as file:
            for place, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break  # killed in the middle of it
                number, check, failed = self._parse(place, line)
                self.mark(number)
                self.num_failed += failed
                if len(self._checks) < 1000:
                    self._checks[number] = check
                end += len(line)
        os.ftruncate(self._file, end)

    def _parse(self, place: int, line: bytes) -> tuple[int, str, bool]:
        """Number and check of the input line that an output line answers, and whether by an error."""
        head = _HEAD.match(line)
        if head is not None and line.endswith(_TAIL):
            return int(head[1]), head[2].decode(), False
        try:
            found = json.loads(line)
            match = _ID.fullmatch(found["id"])
            assert match is not None
        except (ValueError, LookupError, TypeError, AssertionError) as error:
            raise ConfigError(f"{self._path}, line {place}, was not written by r1v run; name another "
                              "output file") from error  # fmt: skip
        return int(match[1]), match[2], found.get("error") is not None

    def mark(self, number: int) -> None:
        """Line number has its answer."""
        byte, bit = divmod(number, 8)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self._bits[byte] |= 1 << bit
        self.num_done += 1

    def has(self, number: int, line: bytes) -> bool:
        """Whether a line has its answer. ConfigError: the answer is another line's."""
        byte, bit = divmod(number, 8)
        if byte >= len(self._bits) or not self._bits[byte] >> bit & 1:
            return False
        check = self._checks.get(number)
        if check is not None and check != f"{zlib.crc32(line):08x}":
            raise ConfigError(f"{self._path} holds answers to another input (line {number + 1} differs); "
                              "name another output file")  # fmt: skip
        return True

    def write(self, number: int, line: bytes, record: Json, *, failed: bool) -> None:
        """Add an answer; called by one thread at a time."""
        text = json.dumps({"id": _name(number, line), **record}, ensure_ascii=False, separators=(",", ":"))
        data = memoryview(text.encode("utf-8", "surrogatepass") + b"\n")
        while data:
            data = data[os.write(self._file, data) :]
        self.mark(number)
        self.num_failed += failed

    def close(self) -> None:
        """To the disk, and free for others."""
        os.fsync(self._file)
        os.close(self._file)


@dataclass(slots=True)
class _Task:
    number: int
    line: bytes


class BatchRun:
    """One run over a file."""

    def __init__(self, source: Path, output: Output, workers: Sequence[Worker], *, keep_going: bool) -> None:
        """keep_going: a line that no worker can answer gets a 503 instead of ending the run."""
        self._source, self._output, self._workers = source, output, workers
        self._keep_going = keep_going
        width = sum(worker.width for worker in workers)
        self._tasks: Queue[_Task | None] = Queue(maxsize=2 * width)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: Exception | None = None

    def run(self, report: Callable[[Progress], None], every_s: float = 1.0) -> Progress:
        """Answer every line that has no answer yet. Raises what ended the run; it can be taken up again."""
        total = count_lines(self._source)
        threads = [
            threading.Thread(target=self._consume, args=(worker,), daemon=True)
            for worker in self._workers for _ in range(worker.width)
        ]  # fmt: skip
        feeder = threading.Thread(target=self._feed, args=(len(threads),), daemon=True)
        start, before = time.monotonic(), self._output.num_done
        for thread in (*threads, feeder):
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                threads[0].join(every_s if threads[0].is_alive() else 0.05)
                report(self._progress(total, start, before))
        except KeyboardInterrupt:
            self._stop.set()
            raise
        if self._error is not None:
            raise self._error
        final = self._progress(total, start, before)
        report(final)
        return final

    def _progress(self, total: int, start: float, before: int) -> Progress:
        done = self._output.num_done
        rate = (done - before) / max(time.monotonic() - start, 1e-6)
        return Progress(done, total, self._output.num_failed, rate)

    def _lines(self) -> Iterator[_Task]:
        with self._source.open("rb") as file:
            for number, line in enumerate(line for line in file if line.strip()):
                if not self._output.has(number, line):
                    yield _Task(number, line)

    def _feed(self, num_threads: int) -> None:
        try:
            for task in self._lines():
                while not self._stop.is_set():
                    try:
                        self._tasks.put(task, timeout=0.2)
                        break
                    except Full:
                        continue
                if self._stop.is_set():
                    break
        except (ConfigError, OSError) as error:
            self._fail(error)
        for _ in range(num_threads):
            self._tasks.put(None)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self._error = self._error or error
        self._stop.set()
        while True:  # room for the feeder's last words
            try:
                self._tasks.get_nowait()
            except Empty:
                return

    def _consume(self, worker: Worker) -> None:
        while not self._stop.is_set() and (task := self._tasks.get()) is not None:
            try:
                self._try(worker, task)
            except Exception as error:  # noqa: BLE001 - raised again by run, after the others have ended
                self._fail(error)

    def _try(self, worker: Worker, task: _Task) -> None:
        """Answer a line, by another worker where this one is not available."""
        others = [each for each in self._workers if each is not worker]
        for number in range(MAX_TRIES):
            chosen = others[(task.number + number) % len(others)] if number and others else worker
            try:
                self._answer(chosen, task)
                return
            except (UnavailableError, CapacityError) as error:
                last = error
            if self._stop.wait(0.2 * (number + 1)):
                return
        if not self._keep_going:
            raise last
        self._write(task, self._custom_id(task.line), 503, {"error": {"message": str(last)}})

    def _custom_id(self, line: bytes) -> Any:
        try:
            return json.loads(line).get("custom_id")
        except (ValueError, AttributeError):
            return None

    def _answer(self, worker: Worker, task: _Task) -> None:
        custom_id = None
        try:
            asked = json.loads(task.line)
            custom_id = asked["custom_id"]
            body = asked["body"]
            if asked.get("url", CHAT_URL) != CHAT_URL or not isinstance(body, dict):
                raise ValueError(f"url must be {CHAT_URL}, body an object")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            text = f"the line is no request with custom_id and body: {type(error).__name__} {error}"
            status, answer = 400, {"error": {"message": text[:300], "type": "invalid_request_error"}}
        else:
            status, answer = worker.answer(body)
        self._write(task, custom_id, status, answer)

    def _write(self, task: _Task, custom_id: Any, status: int, answer: Json) -> None:
        failed = status != 200
        name = _name(task.number, task.line)
        record: Json = {
            "custom_id": custom_id,
            "response": {"status_code": status, "request_id": name, "body": answer},
            "error": {"code": str(status), "message": str(answer.get("error", {}).get("message", ""))}
            if failed else None,
        }  # fmt: skip
        with self._lock:
            self._output.write(task.number, task.line, record, failed=failed)
