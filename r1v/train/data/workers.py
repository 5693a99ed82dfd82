"""Worker processes that prepare results ahead.

Enters: a function and batches of its inputs. Leaves: the results, in the order of the inputs. Always holds:
the results do not depend on the number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any, Generic, TypeVar

import torch

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

_make: Callable[[Any], Any] | None = None  # of a worker process


def start_worker() -> None:
    """In a new worker process: compute with one thread, and end with the process that made it, even where
    that was killed. A worker that reads its queue would not notice, and would keep the output pipes open."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the trainer decides what ends
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a worker process"

    def end() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _start(make: Callable[[Any], Any]) -> None:
    global _make
    start_worker()
    _make = make


def _call(item: Any) -> Any:
    assert _make is not None
    return _make(item)


class Workers(Generic[I, O]):
    """Processes that run ``make``, or this one with number=0.

    They are forked here and now, so make them before threads start or a device is opened. Results travel
    through pipes.
    """

    def __init__(self, make: Callable[[I], O], number: int) -> None:
        self._make = make
        self._executor: ProcessPoolExecutor | None = None
        if number:
            self._executor = ProcessPoolExecutor(number, multiprocessing.get_context("fork"), _start, (make,))
            list(self._executor.map(abs, range(number)))
        self._waiting: deque[list[Future[O]] | list[I]] = deque()

    def __len__(self) -> int:
        """The number of batches that were put and not yet taken."""
        return len(self._waiting)

    def put(self, items: Sequence[I]) -> None:
        """Have a batch made."""
        if self._executor is None:
            self._waiting.append(list(items))
        else:
            self._waiting.append([self._executor.submit(_call, item) for item in items])

    def last_first(self) -> None:
        """Make the batch that was put last the next one to come out."""
        self._waiting.appendleft(self._waiting.pop())

    def get(self) -> list[O]:
        """The oldest batch, after waiting for it."""
        return [
            one.result() if isinstance(one, Future) else self._make(one) for one in self._waiting.popleft()
        ]

    def close(self) -> None:
        """End the processes."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
