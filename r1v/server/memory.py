"""Giving memory back to the system after a load.

Allocators keep freed memory for the next request. After large images or bodies this can be gigabytes, which
the process would otherwise never return.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable

# Seconds between two attempts: while nothing runs, and while something always runs.
IDLE_S, BUSY_S = 5.0, 60.0


def _find_trim() -> Callable[[int], int] | None:
    """The C library's ``malloc_trim``; None where it has none (it is glibc's own)."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return found


_TRIM = _find_trim()


def give_back() -> None:
    """Collect garbage, and return free memory to the system where the C library can do so."""
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)


async def give_back_after_load(num_requests: Callable[[], float], idle: Callable[[], bool]) -> None:
    """Give memory back whenever there were requests since the last time: soon after the last of them, and
    once more when the engine has released what it kept; under a steady load once a minute. Runs until it is
    cancelled."""
    seen, waited_s, times = num_requests(), 0.0, 0
    while True:
        await asyncio.sleep(IDLE_S)
        waited_s += IDLE_S
        now = num_requests()
        if now != seen:
            times = 2
        if times and (idle() or waited_s >= BUSY_S):
            await asyncio.to_thread(give_back)
            seen, waited_s, times = now, 0.0, times - 1
