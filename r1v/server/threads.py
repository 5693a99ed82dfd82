"""Thread pools that are complete from the start, so that a load leaves a server as many threads as it had."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

IO_THREADS = 2  # for what asyncio itself sends to threads: resolving names, giving memory back


def full_pool(number: int, name: str) -> ThreadPoolExecutor:
    """A pool whose threads have all been started; by itself it starts each with the first work that finds
    no idle one."""
    pool = ThreadPoolExecutor(number, name)
    together = threading.Barrier(number + 1)
    for _ in range(number):
        pool.submit(together.wait)
    together.wait()
    return pool
