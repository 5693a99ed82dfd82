"""Lines that somebody types or pastes: edited, remembered from one chat to the next, a paste kept together.

Enters: standard input. Leaves: one text for each thing that was asked. Always holds: what stands on several
lines of one paste is one text where the terminal can say so (bracketed paste, which nearly all can); lines
from a pipe are one text each.
"""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType

from r1v.cli.state import state_file

MAX_HISTORY = 1000  # lines


class TypedLines:
    """What is typed on a terminal, or comes through a pipe.

    On a terminal readline edits the line and keeps a history in the user's state folder.
    """

    def __init__(self) -> None:
        self.interactive = sys.stdin.isatty()
        self._readline = _readline() if self.interactive else None

    def read(self, prompt: str) -> str:
        """The next text, several lines where they were pasted together. EOFError: there is no more."""
        text = input(prompt if self.interactive else "")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def close(self) -> None:
        """Keep the history."""
        if self._readline is None:
            return
        path = state_file("chat-history")
        with contextlib.suppress(OSError):  # a home that cannot be written has no history
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._readline.set_history_length(MAX_HISTORY)
            self._readline.write_history_file(path)


def _readline() -> ModuleType | None:
    """GNU readline or libedit with the history of earlier chats; None where Python was built without."""
    try:
        import readline
    except ImportError:
        return None
    if getattr(readline, "backend", "readline") == "readline":
        readline.parse_and_bind("set enable-bracketed-paste on")
    with contextlib.suppress(OSError):
        readline.read_history_file(state_file("chat-history"))
    return readline
