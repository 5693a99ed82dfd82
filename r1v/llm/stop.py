"""Stop strings on text that arrives in pieces.

Enters: pieces of text. Leaves: what of it may be shown. Always holds: however the text is cut into pieces,
the shown whole is the same, ends before the stop string that was complete first, and holds no part of one.
"""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Finds the first complete stop string; holds back what may yet become one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._longest = max((len(stop) for stop in self._stops), default=0)
        self._held = ""
        self.matched: str | None = None

    def push(self, text: str) -> str:
        """Take more text; give what is now known to be outside every stop string."""
        if self.matched is not None:
            return ""
        if not self._stops:
            return text
        held, self._held = self._held + text, ""
        # (end, start) of the match that is complete first; of two that end together, the longer one
        ends = [(at + len(stop), at) for stop in self._stops if (at := held.find(stop)) >= 0]
        if ends:
            end, start = min(ends)
            self.matched = held[start:end]
            return held[:start]
        keep = self._partial(held)
        cut = len(held) - keep
        self._held = held[cut:]
        return held[:cut]

    def flush(self) -> str:
        """The text held back, at the end of a generation that met no stop string."""
        held, self._held = self._held, ""
        return held

    def _partial(self, text: str) -> int:
        """Length of the longest end of text that begins a stop string."""
        for size in range(min(self._longest - 1, len(text)), 0, -1):
            tail = text[-size:]
            if any(stop.startswith(tail) for stop in self._stops):
                return size
        return 0
