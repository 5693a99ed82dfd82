"""The one thread that drives an engine.

Enters: requests, cancellations and calls, from any thread. Leaves: the engine's outputs, each to the receiver
of its request, on the loop's thread. Always holds: the engine is touched by this thread only; a receiver gets
either the last output of each of its completions, or one error; an error of one request or of its receiver
ends that request, and the thread goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Protocol, TypeAlias, TypeVar

from r1v.core import UnavailableError
from r1v.engine import Engine, EngineOutput, EngineRequest

T = TypeVar("T")
IDLE_S = 5.0  # without a request, after which the engine gives memory back
Command: TypeAlias = Callable[[Exception | None], None]  # given the error if the engine has ended


class Receiver(Protocol):
    """Takes what the engine makes of one request; called on the loop's thread, so it must be quick."""

    def receive(self, output: EngineOutput) -> bool:
        """Take an output; False ends this completion: the engine is told, and no more of it comes."""
        ...

    def fail(self, error: Exception) -> None:
        """The request ended with an error; nothing more will come."""
        ...


class Ticket:
    """One submitted request, by which it can be cancelled."""

    __slots__ = ("open", "receiver", "request", "request_id")

    def __init__(self, request: EngineRequest, receiver: Receiver) -> None:
        self.request = request
        self.receiver = receiver
        self.request_id: int | None = None
        self.open = set(range(request.params.n))  # completions not yet finished


class EngineLoop:
    """Steps an engine while it has work, on a daemon thread that the first request starts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._commands: SimpleQueue[Command | None] = SimpleQueue()
        self._tickets: dict[int, Ticket] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed: Exception | None = None
        self.last_progress_s = time.monotonic()

    @property
    def ended(self) -> Exception | None:
        """Why no more requests are taken: the engine failed, or the loop was closed."""
        return self._closed

    def submit(self, request: EngineRequest, receiver: Receiver) -> Ticket:
        """Queue a request. Raises the engine's failure, or UnavailableError after ``close``."""
        ticket = Ticket(request, receiver)
        self._send(lambda ended: self._add(ticket, ended))
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """End a request within a step; its receiver gets last outputs with the reason ``cancelled``."""
        self._commands.put(lambda ended: self._cancel(ticket, ended))  # no lock: see Stream.__del__

    def call(self, function: Callable[[Engine], T]) -> T:
        """Run a function on the engine between two steps, and give its result."""
        future: Future[T] = Future()

        def command(ended: Exception | None) -> None:
            try:
                if ended is not None:
                    raise ended
                future.set_result(function(self._engine))
            except Exception as error:  # noqa: BLE001 - handed to the caller, who waits for it
                future.set_exception(error)

        self._send(command)
        return future.result()

    def close(self) -> None:
        """Stop the thread and wait for it; requests still running fail."""
        with self._lock:
            if self._closed is None:
                self._closed = UnavailableError("this LLM was closed; make a new one")
            thread = self._thread
        self._commands.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _send(self, command: Command) -> None:
        with self._lock:
            if self._closed is not None:
                raise self._closed
            self._commands.put(command)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="r1v-engine", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        error: Exception
        try:
            while self._obey():
                for output in self._engine.step():
                    self._hand_over(output)
                self.last_progress_s = time.monotonic()
            error = UnavailableError("this LLM was closed while it was generating")
        except Exception as failure:  # noqa: BLE001 - every waiting thread is told, and raises it
            error = failure
        with self._lock:  # from here on nothing more is sent
            self._closed = self._closed or error
        for ticket in self._tickets.values():
            ticket.receiver.fail(error)
        self._tickets.clear()
        while not self._commands.empty():
            if (command := self._commands.get()) is not None:
                command(error)

    def _obey(self) -> bool:
        """Run the queued commands, waiting for one if the engine has no work. False: the loop is to stop."""
        while not self._commands.empty() or not self._engine.has_work:
            try:
                command = self._commands.get(timeout=IDLE_S)
            except Empty:
                self._engine.give_back()
                command = self._commands.get()
            if command is None:
                return False
            command(None)
            self.last_progress_s = time.monotonic()
        return True

    def _add(self, ticket: Ticket, ended: Exception | None) -> None:
        try:
            if ended is not None:
                raise ended
            ticket.request_id = self._engine.add(ticket.request)
        except Exception as error:  # noqa: BLE001 - the request's own thread raises it
            ticket.receiver.fail(error)
        else:
            self._tickets[ticket.request_id] = ticket

    def _cancel(self, ticket: Ticket, ended: Exception | None) -> None:
        if ended is None and ticket.request_id in self._tickets:
            self._engine.cancel(ticket.request_id)

    def _hand_over(self, output: EngineOutput) -> None:
        ticket = self._tickets.get(output.request_id)
        if ticket is None or output.index not in ticket.open:
            return  # it ended for the receiver before it ended in the engine
        if output.error is not None:
            self._fail(ticket, output.request_id, output.error)
            return
        try:
            goes_on = ticket.receiver.receive(output)
        except Exception as error:  # noqa: BLE001 - told to whoever waits for this request
            self._fail(ticket, output.request_id, error)
            return
        if output.finish_reason is not None or not goes_on:
            ticket.open.discard(output.index)
            if output.finish_reason is None and not ticket.open:
                self._engine.cancel(output.request_id)
        if not ticket.open:
            del self._tickets[output.request_id]

    def _fail(self, ticket: Ticket, request_id: int, error: Exception) -> None:
        """End a request with an error: its other completions end too, and nothing more is delivered."""
        ticket.open.clear()
        del self._tickets[request_id]
        self._engine.cancel(request_id)
        ticket.receiver.fail(error)
