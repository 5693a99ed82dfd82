"""Work in chunks, in this process or in several, with its progress on standard error."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

R = TypeVar("R")


def in_chunks(
    function: Callable[..., list[R]], chunks: Sequence[tuple[Any, ...]], processes: int
) -> Iterator[R]:
    """What ``function`` gives for the arguments of each chunk, as the chunks end: in any order with several
    processes, which are spawned, since a forked one cannot use CUDA."""
    started = time.perf_counter()

    def report(done: int) -> None:
        spent = time.perf_counter() - started
        print(f"\r{done} of {len(chunks)} parts, {spent:.0f} s", end="", file=sys.stderr, flush=True)

    if processes == 1:
        for done, chunk in enumerate(chunks, 1):
            yield from function(*chunk)
            report(done)
    else:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            for done, future in enumerate(as_completed([pool.submit(function, *c) for c in chunks]), 1):
                yield from future.result()
                report(done)
    print(file=sys.stderr)
