"""Says that a model is asked again, and why.

Enters: what Inspect tells of requests that failed and will be tried again. Leaves: lines for people. Always
holds: the first failure is told at once, further ones at most every ten seconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from inspect_ai.hooks import Hooks, ModelRetry, hooks

from r1v.core import ProgressPace

EVERY_S = 10.0
_listeners: list[Callable[[str], None]] = []


@hooks(name="r1v_retries", description="says that a model is asked again")
class Retries(Hooks):
    """Inspect's way of telling of each request that is tried again."""

    def enabled(self) -> bool:
        return bool(_listeners)

    async def on_model_retry(self, data: ModelRetry) -> None:
        reason = data.exception_type or "no answer"
        status = "" if data.status_code is None else f", status {data.status_code}"
        for listener in _listeners:
            listener(
                f"{data.model_name} gives no answer ({reason}{status}); attempt {data.attempt} failed, "
                f"the next one is in {data.wait_time:.0f} s"
            )


@contextlib.contextmanager
def telling_retries(say: Callable[[str], None]) -> Iterator[None]:
    """Lines about requests that are tried again, as long as this lasts."""
    pace = ProgressPace(EVERY_S)

    def listener(text: str) -> None:
        if pace.due():
            say(text)

    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
