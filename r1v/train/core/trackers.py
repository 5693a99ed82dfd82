"""Where a run's numbers go while it runs, besides metrics.jsonl: TensorBoard, trackio, wandb or a hook.

Enters: names (``run.trackers``) and rows of metrics. Leaves: events of each tracker. Always holds: a tracker
is opened with the run's first row, so that a resumed run can tell it the first step; a tracker that raises is
named once and left out, and the run continues.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from r1v.core import ConfigError
from r1v.train.core.plugins import load_object

KNOWN = ("tensorboard", "trackio", "wandb")


class Tracker(Protocol):
    """What a hook ``file.py:name`` returns when it is called with the run's folder and its configuration."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """The numbers of one row of metrics, those of nested ones with a path (``ssb/effective``)."""


class Trackers:
    """All trackers of a run. say: prints a line."""

    def __init__(
        self, names: Sequence[str], folder: Path, config: Mapping[str, Any], say: Callable[[str], None]
    ) -> None:
        self._makers = {name: _maker(name) for name in names}
        self._folder, self._config, self._say = folder, config, say
        self._open: dict[str, Any] = {}

    def log(self, row: Mapping[str, Any]) -> None:
        """Give a row's numbers to each tracker."""
        values = {name: value for name, value in numbers(row) if name != "step"}
        step = int(row.get("step", 0))
        if not values:
            return
        for name in list(self._makers):
            try:
                if name not in self._open:
                    self._open[name] = self._makers[name](self._folder, self._config, step)
                self._open[name].log(values, step=step)
            except Exception as error:  # noqa: BLE001 - somebody else's code must not end a run of hours
                self._makers.pop(name)
                self._say(f"tracker {name} is left out from step {step}: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Let each tracker finish sending."""
        for name, one in self._open.items():
            try:
                getattr(one, "finish", lambda: None)()
            except Exception as error:  # noqa: BLE001 - as above
                self._say(f"tracker {name} did not finish: {type(error).__name__}: {error}")
        self._open.clear()


def numbers(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Names and numbers of a row, those of nested ones with a path."""
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + key, float(value)


def _maker(name: str) -> Callable[[Path, Mapping[str, Any], int], Any]:
    """The function that opens a tracker. ConfigError: it is not known or not installed."""
    if name == "tensorboard":
        _need("tensorboard", "tensorboard")
        return TensorBoard
    if name in KNOWN:
        library = _need(name, name)
        return lambda folder, config, step: Library(library, folder, config)
    place, colon, function = name.rpartition(":")
    if not colon:
        raise ConfigError(f"run.trackers holds {name!r}; use {', '.join(KNOWN)} or file.py:name")
    made = load_object(place, function, "run.trackers")
    return lambda folder, config, step: made(str(folder), dict(config))


def _need(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError(
            f"run.trackers holds {package!r}, which is not installed: pip install {package}"
        ) from None


class Library:
    """trackio or wandb, which have the same interface. Each folder is one run of theirs, which is resumed
    together with it."""

    def __init__(self, library: Any, folder: Path, config: Mapping[str, Any]) -> None:
        self.library = library
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
        more = {"id": name} if library.__name__ == "wandb" else {}
        library.init(
            project="r1v", name=f"{folder.resolve().parent.name}-{folder.name}", config=dict(config),
            resume="allow", **more,
        )  # fmt: skip

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        self.library.log(dict(values), step=step)

    def finish(self) -> None:
        """Send what it still holds."""
        self.library.finish()


class TensorBoard:
    """Events in ``tensorboard/`` of the run's folder. first_step: rows of this and of
    later steps that an interrupted run has written are discarded, which TensorBoard does at the mark of a
    new start."""

    def __init__(self, folder: Path, config: Mapping[str, Any], first_step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(folder / "tensorboard"), flush_secs=5)
        start = SessionLog(status=SessionLog.START)
        self._writer.add_event(Event(step=first_step, session_log=start))

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        made = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._writer.add_event(Event(step=step, summary=Summary(value=made)))
        self._writer.flush()

    def finish(self) -> None:
        """Close the file."""
        self._writer.close()
