"""What answers the requests of a file: models in this process or in others, as our server would answer.

Enters: bodies of chat completions. Leaves: status and body of each response. Always holds: a worker's process
ends with the run that started it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

from r1v.batch.output import Json
from r1v.batch.run import Worker
from r1v.core import R1VError, UnavailableError
from r1v.llm import LLM
from r1v.server import ChatAnswerer

MAX_WIDTH = 64  # requests that one worker takes at a time by default
CHILD_WIDTH = 16

# makes a model in the process that calls it; given to another process by its name
Load: TypeAlias = Callable[[], LLM]


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """name: of the model in responses. width: requests at a time; None is what the model decodes together.
    image_folder: where file:// images may come from."""

    name: str
    width: int | None = None
    image_folder: Path | None = None

    def answerer(self, llm: LLM) -> ChatAnswerer:
        """What answers with a model."""
        return ChatAnswerer(llm, self.name, self.image_folder)


def local_workers(loads: Sequence[Load], settings: WorkerSettings) -> list[Worker]:
    """A worker in this process for each model."""
    workers = []
    for load in loads:
        llm = load()
        width = settings.width or min(llm.max_running, MAX_WIDTH)
        workers.append(Worker(settings.answerer(llm).answer, width))
    return workers


def process_workers(loads: Sequence[Load], settings: WorkerSettings) -> list[Worker]:
    """A worker in a process of its own for each model."""
    width = settings.width or CHILD_WIDTH
    return [Worker(_Child(load, settings, width).answer, width) for load in loads]


class _Child:
    """A process with a model of its own, asked through a pipe."""

    def __init__(self, load: Load, settings: WorkerSettings, width: int) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, load, settings, width), daemon=True)
        self._process.start()
        theirs.close()
        self._answers: dict[int, Any] = {}
        self._next = 0
        self._sending = threading.Lock()
        self._came = threading.Condition()
        self._gone = False
        threading.Thread(target=self._receive, daemon=True).start()

    def answer(self, body: Mapping[str, Any]) -> tuple[int, Json]:
        """See ChatAnswerer. UnavailableError: the process has ended."""
        with self._sending:
            ticket, self._next = self._next, self._next + 1
            try:
                self._pipe.send((ticket, body))
            except OSError as error:
                raise self._ended() from error
        with self._came:
            self._came.wait_for(lambda: ticket in self._answers or self._gone)
            if ticket not in self._answers:
                raise self._ended()
            found = self._answers.pop(ticket)
        if isinstance(found, str):
            raise UnavailableError(found)
        status, answer = found
        return int(status), answer

    def _ended(self) -> UnavailableError:
        self._process.join(1.0)
        return UnavailableError(f"a worker process has ended (status {self._process.exitcode})")

    def _receive(self) -> None:
        while True:
            try:
                ticket, found = self._pipe.recv()
            except (EOFError, OSError):
                with self._came:
                    self._gone = True
                    self._came.notify_all()
                return
            with self._came:
                self._answers[ticket] = found
                self._came.notify_all()


def _serve(pipe: Connection, load: Load, settings: WorkerSettings, width: int) -> None:
    """A worker process: answers until its parent closes the pipe, or is killed."""
    answerer = settings.answerer(load())
    sending = threading.Lock()

    def work(ticket: int, body: Mapping[str, Any]) -> None:
        try:
            found: Any = answerer.answer(body)
        except R1VError as error:
            found = str(error)
        with sending:
            pipe.send((ticket, found))

    with ThreadPoolExecutor(width) as pool:
        while True:
            try:
                ticket, body = pipe.recv()
            except (EOFError, OSError, KeyboardInterrupt):
                return
            pool.submit(work, ticket, body)
