"""The reading end of one request.

Enters: events from the thread that generates. Leaves: the same, in order, to the thread that iterates. Always
holds: an interrupt (Ctrl-C) while waiting loses no completion and leaves the stream usable.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TypeAlias

from r1v.core import Completion, TokenEvent

Event: TypeAlias = TokenEvent | Completion
Deliver: TypeAlias = Callable[[Event | Exception], None]


class Mailbox:
    """What the generating thread writes to and a Stream reads from."""

    def __init__(self, num_completions: int) -> None:
        lock = threading.RLock()
        self.changed = threading.Condition(lock)
        self.ended = threading.Condition(lock)  # waited on by readers of the end only
        self.events: deque[Event] = deque()
        self.completions: dict[int, Completion] = {}
        self.error: Exception | None = None
        self._num_completions = num_completions

    def deliver(self, event: Event | Exception) -> None:
        """Take an event, or the error that ended the generation."""
        with self.changed:
            if isinstance(event, Exception):
                self.error = event
            else:
                if isinstance(event, Completion):
                    self.completions[event.index] = event
                self.events.append(event)
            self.changed.notify_all()
            if self.done:
                self.ended.notify_all()

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self.error is not None or len(self.completions) == self._num_completions


class Stream(Iterator[Event]):
    """Iterates over TokenEvents and, for each of the n completions, its Completion when it is done.

    ``cancel`` ends the generation: what there is still comes, the Completion with the reason ``cancelled``.
    ``close``, leaving a ``with`` block and dropping the stream cancel and read no further.
    """

    def __init__(self, mailbox: Mailbox, cancel: Callable[[], None]) -> None:
        self._mailbox = mailbox
        self._cancel = cancel
        self._closed = False

    @classmethod
    def of(cls, num_completions: int, start: Callable[[Deliver], Callable[[], None]]) -> Stream:
        """A stream of what ``start`` begins; start is given where to deliver, and gives what cancels."""
        mailbox = Mailbox(num_completions)
        return cls(mailbox, start(mailbox.deliver))

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Event:
        box = self._mailbox
        with box.changed:
            while not box.events or self._closed:
                if self._closed or box.done:
                    if box.error is not None and not self._closed:
                        raise box.error
                    raise StopIteration
                box.changed.wait()
            return box.events.popleft()

    def wait(self) -> tuple[Completion, ...]:
        """Wait for the end and give the completions, by index; events not yet read are dropped."""
        box = self._mailbox
        with box.ended:
            while not box.done:
                box.ended.wait()
            box.events.clear()
            if box.error is not None:
                raise box.error
            return tuple(box.completions[index] for index in sorted(box.completions))

    def cancel(self) -> None:
        """End the generation within a step. Safe from any thread, and at any time."""
        if not self._mailbox.done:
            self._cancel()

    def close(self) -> None:
        """Cancel, and end the iteration at once."""
        self.cancel()
        with self._mailbox.changed:
            self._closed = True
            self._mailbox.changed.notify_all()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.cancel()  # takes no lock: the garbage collector may call this anywhere
