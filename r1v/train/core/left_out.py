"""Samples that could not be made: counted, named, and too many of them end the run.

Enters: after each step, the number of samples that were drawn and the names of those that failed. Leaves:
lines on the terminal. Always holds: no run ends well after more than the allowed share of its samples was
left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

from r1v.core import ConfigError
from r1v.train.core.checks import printable

SAID = 20  # different failures that are named as they happen
ENOUGH = 64  # samples that must have been drawn before a run is ended early


class LeftOut:
    """The count of a run. most: the share of the samples that may fail. say: prints a line."""

    def __init__(self, most: float, say: Callable[[str], object], what: str = "samples") -> None:
        self.most, self.what = most, what
        self.drawn, self.failed = 0, 0
        self.first = ""
        self._say = say
        self._named: set[str] = set()

    def add(self, drawn: int, bad: Sequence[str]) -> None:
        """Count a step. drawn: its samples, those that failed included; bad: what failed, and why.

        Each failure is named once, the first 20 of them. ConfigError: too many have failed, of at least 64.
        """
        self.drawn, self.failed = self.drawn + drawn, self.failed + len(bad)
        self.first = self.first or next(iter(bad), "")
        if self.drawn >= ENOUGH:
            self._refuse()  # the error names one too
        for name in bad:
            if name not in self._named and len(self._named) < SAID:
                self._named.add(name)
                self._say(printable(f"left out: {name}"))

    def end(self) -> None:
        """Say how many were left out, and the first. ConfigError: too many, however few were drawn."""
        self._refuse()
        if self.failed:
            self._say(f"{self._count()}; the first: {printable(self.first)}")

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"drawn": self.drawn, "failed": self.failed, "first": self.first}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the count of a checkpoint."""
        self.drawn, self.failed, self.first = state["drawn"], state["failed"], state["first"]

    def _count(self) -> str:
        return f"{self.failed} of {self.drawn} {self.what} were left out"

    def _refuse(self) -> None:
        if self.failed > self.most * self.drawn:
            raise ConfigError(
                f"{self._count()}, more than data.bad_share={self.most:g} allows; the first: "
                f"{printable(self.first)}; correct the rows, or set data.bad_share if you mean it"
            )


def tell_bad_rows(bad: Sequence[str], file: str, console: Console) -> None:
    """Name the first rows that were left out of a file, and say how many they are."""
    for name in bad[:SAID]:
        console.print(printable(f"bad row, left out: {name}"), highlight=False, markup=False)
    if bad:
        rows = "row" if len(bad) == 1 else "rows"
        console.print(f"{len(bad)} bad {rows} left out of {file}", highlight=False, markup=False)
