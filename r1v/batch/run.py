"""A file of requests in, a file of answers out, in OpenAI's batch format.

Enters: JSON lines with ``custom_id`` and ``body``. Leaves: one JSON line for each, in the order in which they
are done. Always holds: started again after any end, a run goes on with the lines that have no answer yet; so
many lines are read ahead as are answered at a time, and no more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, TypeAlias

from r1v.batch.lines import FileFacts, Line, LineError, lines_of, quick_id, read_request, survey
from r1v.batch.output import AnswerFile, Json, answer_id
from r1v.core import CapacityError, ConfigError, UnavailableError

# the body of a request -> (HTTP status, the body of its response); raises UnavailableError, CapacityError
Answer: TypeAlias = Callable[[Mapping[str, Any]], tuple[int, Json]]

MAX_TRIES = 3  # tries of a line whose worker is not available; then the run stops and can be resumed
MIN_REPORT_S = 0.1  # between two reports


@dataclass(frozen=True, slots=True)
class Worker:
    """What answers. width: requests at a time."""

    answer: Answer
    width: int


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """num_done of num_lines have an answer, num_failed of them an error; so many lines a second now."""

    num_done: int
    num_lines: int
    num_failed: int
    lines_per_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds to the end at this rate."""
        return (self.num_lines - self.num_done) / self.lines_per_s if self.lines_per_s > 0 else None


class BatchRun:
    """One run over a file."""

    def __init__(
        self,
        source: Path,
        output: AnswerFile,
        workers: Sequence[Worker],
        *,
        keep_going: bool,
        models: Collection[str] | None = None,
    ) -> None:
        """keep_going: a line that no worker can answer gets a 503 instead of ending the run. models: names
        by which a line may call the model, None takes any."""
        self._source, self._output, self._workers = source, output, workers
        self._keep_going, self._models = keep_going, models
        self._facts = FileFacts(0)
        width = sum(worker.width for worker in workers)
        self._tasks: Queue[Line | None] = Queue(maxsize=2 * width)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._num_consuming = 0
        self._ended = threading.Event()  # no worker is left

    def run(self, report: Callable[[BatchProgress], None], every_s: float = 1.0) -> BatchProgress:
        """Answer every line that has no answer yet. Raises the error that ended the run, which can be
        resumed."""
        self._facts = survey(self._source)
        total = self._facts.num_lines
        threads = [
            threading.Thread(target=self._consume, args=(worker,), daemon=True)
            for worker in self._workers for _ in range(worker.width)
        ]  # fmt: skip
        self._num_consuming = len(threads)
        feeder = threading.Thread(target=self._feed, args=(len(threads),), daemon=True)
        start, before = time.monotonic(), self._output.counts(total)[0]
        for thread in (*threads, feeder):
            thread.start()
        try:
            while not self._ended.wait(max(every_s, MIN_REPORT_S)):
                report(self._progress(total, start, before))
        except KeyboardInterrupt:
            self._stop.set()
            raise
        if self._error is not None:
            raise self._error
        final = self._progress(total, start, before)
        report(final)
        return final

    def _progress(self, total: int, start: float, before: int) -> BatchProgress:
        with self._lock:
            done, failed = self._output.counts(total)
        rate = (done - before) / max(time.monotonic() - start, 1e-6)
        return BatchProgress(done, total, failed, rate)

    def _feed(self, num_threads: int) -> None:
        try:
            for task in lines_of(self._source):
                if self._output.has(task.number, task.raw):
                    continue
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
        while True:  # room for the last entries of the feeder
            try:
                self._tasks.get_nowait()
            except Empty:
                return

    def _consume(self, worker: Worker) -> None:
        try:
            while not self._stop.is_set() and (task := self._tasks.get()) is not None:
                self._try(worker, task)
        except Exception as error:  # noqa: BLE001 - raised again by run, after the others have ended
            self._fail(error)
        finally:
            with self._lock:
                self._num_consuming -= 1
                if self._num_consuming == 0:
                    self._ended.set()

    def _try(self, worker: Worker, task: Line) -> None:
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
        self._write(task, quick_id(task.raw), 503, {"error": {"message": str(last)}})

    def _answer(self, worker: Worker, task: Line) -> None:
        try:
            custom_id, body = read_request(task, self._facts, self._models)
        except LineError as error:
            said = {"message": str(error)[:400], "type": "invalid_request_error", "code": error.code}
            self._write(task, error.custom_id, error.status, {"error": said})
        else:
            self._write(task, custom_id, *worker.answer(body))

    def _write(self, task: Line, custom_id: Any, status: int, answer: Json) -> None:
        failed = status != 200
        name = answer_id(task.number, task.raw)
        record: Json = {
            "custom_id": custom_id,
            "response": {"status_code": status, "request_id": name, "body": answer},
            "error": {"code": str(status), "message": str(answer.get("error", {}).get("message", ""))}
            if failed else None,
        }  # fmt: skip
        with self._lock:
            self._output.write(task.number, task.raw, record, failed=failed)
