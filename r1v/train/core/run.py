"""A run's folder: its configuration, metrics and checkpoints.

Always holds: a checkpoint is complete or absent (it is written under another name and renamed); it holds only
trained tensors, split as the processes hold them, and any number of processes can continue from it; a run is
not continued with other data or with another value of a key that changes the mathematics, and the error names
it; a start that ended before its first checkpoint leaves nothing that a corrected command meets.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp

from r1v.core import CheckpointError, ConfigError
from r1v.train.core.checks import reason
from r1v.train.core.config_read import keys, stage_of
from r1v.train.core.distributed import ONE_PROCESS, World
from r1v.train.core.trackers import Trackers
from r1v.write_lock import WriteLock

CHECKPOINTS, OTHER = "checkpoints", "other.pt"


class TrainingRun:
    """The folder of one training run. config: a frozen dataclass with a group ``run``.

    data: name of each file or data set -> a fingerprint of its content. allow: keys, or ``data``, that may
    differ from those that the run began with. results: patterns of files that are finished work besides
    checkpoints, each with the keys or groups that it follows from, "" for all. stage: as in ``r1v train
    STAGE``; None: by the configuration's class. say: prints a line. Of several processes the first writes.
    Keep the object as long as the folder is written: while it exists, no other run can begin in the folder.

    changed: whether a start that got nowhere had other settings; what it has prepared does not fit.
    """

    def __init__(
        self, config: Any, world: World = ONE_PROCESS, *, data: Mapping[str, str] | None = None,
        allow: Collection[str] = (), results: Mapping[str, Collection[str]] | None = None,
        stage: str | None = None, say: Callable[[str], None] = print,
    ) -> None:  # fmt: skip
        self.folder, self.world, self.keep = Path(config.run.out), world, int(config.run.keep)
        self.changed = False
        self._trackers: Trackers | None = None
        self._last_save = time.monotonic()
        if not config.run.out:
            raise ConfigError("run.out is empty; name the folder of the run")
        if not world.first:
            return
        self._lock = WriteLock(self.folder)  # as long as this object is used
        values = json.loads(json.dumps(dataclasses.asdict(config)))
        values |= {"data_fingerprint": dict(data or {}), "stage": stage or stage_of(type(config))}
        self._trackers = Trackers(config.run.trackers, self.folder, values, say)
        if (before := self._before()) is not None:
            fixed = self._fixed(results or {})
            differing = list(_differences(type(config), before, values, allow))
            self._refuse(differing, fixed)
            if "" not in fixed:
                self.changed = bool(differing)
                self._clear()
        with _writable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / "config.json", json.dumps(values, indent=2) + "\n")

    def _before(self) -> dict[str, Any] | None:
        """What config.json says of the run that began here; None where none did. ConfigError: the file is not
        a run's."""
        path = self.folder / "config.json"
        with _writable(self.folder):
            if not path.exists():
                return None
            with contextlib.suppress(ValueError):
                found = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(found, dict) and isinstance(found.get("run"), dict):
                    return found
        raise ConfigError(
            f"{self.folder} holds a config.json that is no training run's; name another run.out"
        )

    def _fixed(self, results: Mapping[str, Collection[str]]) -> set[str]:
        """The keys and groups that finished work in the folder follows from; "" is all of them."""
        best = self.folder / "best.json"
        if (
            self.checkpoints()
            or (self.folder / "model").exists()
            or (best.exists() and json.loads(best.read_text())["step"] > 0)
        ):
            return {""}
        there = [keys for pattern, keys in results.items() if any(self.folder.glob(pattern))]
        return {name for names in there for name in names}

    def _refuse(self, differing: Sequence[tuple[str, Any, Any]], fixed: Collection[str]) -> None:
        """ConfigError: finished work in the folder follows from another value of a key, or from other
        data."""
        for name, old, new in differing:
            if not any(one in ("", name) or name.startswith(f"{one}.") for one in fixed):
                continue
            remedy = "resume the run with its own, name another run.out"
            if name == "stage":
                raise ConfigError(f"{self.folder} holds a run of {old}, not of {new}; name another run.out")
            if name == "data":
                raise ConfigError(
                    f"the data have changed since the run in {self.folder} began; {remedy}, or use --allow "
                    "data if you mean it"
                )
            raise ConfigError(
                f"{self.folder} holds a run with {name}={old!r}, not {new!r}; "
                f"{remedy}, or use --allow {name} if you mean it"
            )

    def _clear(self) -> None:
        """Remove what a start has left that ended before its first checkpoint."""
        for name in ("metrics.jsonl", "best.json"):
            (self.folder / name).unlink(missing_ok=True)
        for name in ("best", "samples", CHECKPOINTS):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def log(self, **values: Any) -> None:
        """Add one line to metrics.jsonl, and give its numbers to the trackers."""
        if not self.world.first:
            return
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")
        if self._trackers is not None:
            self._trackers.log(values)

    def close(self) -> None:
        """Let trackers send what they still hold."""
        if self._trackers is not None:
            self._trackers.close()

    def trim_metrics(self, step: int) -> None:
        """Drop the lines after a step, which a resumed run will write again."""
        path = self.folder / "metrics.jsonl"
        if self.world.first and path.exists():
            lines = [line for line in path.read_text().splitlines() if _step(line) < step]
            write_atomically(path, "".join(line + "\n" for line in lines))

    def due(self, every_s: float) -> bool:
        """Whether the last checkpoint is older than the given number of seconds."""
        return time.monotonic() - self._last_save >= every_s

    # ----------------------------------------------------------------------------------------- checkpoints

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, the oldest first."""
        found = [path for path in (self.folder / CHECKPOINTS).glob("step-*") if path.suffix != ".part"]
        return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))

    def save(self, step: int, tensors: Mapping[str, torch.Tensor], other: Mapping[str, Any]) -> None:
        """Save everything that is needed to continue: tensors (each process writes its rows of split ones),
        and plain values and tensors that are the same in all processes. CheckpointError: there is no room for
        it; older checkpoints stay."""
        target = self.folder / CHECKPOINTS / f"step-{step}"
        part = target.with_suffix(".part")
        if self.world.first:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            with self._writing(part, step):
                torch.save(dict(other) | {"step": step}, part / OTHER)
        self.world.barrier()
        with quiet(), self._writing(part, step):
            dcp.save(
                {name: value.detach() for name, value in tensors.items()}, checkpoint_id=part,
                no_dist=self.world.size == 1,
            )  # fmt: skip
        self.world.barrier()  # all parts are on the disk before an old checkpoint is removed
        if self.world.first:
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
            for old in self.checkpoints()[: -self.keep]:
                shutil.rmtree(old, ignore_errors=True)
        self.world.barrier()
        self._last_save = time.monotonic()

    @contextlib.contextmanager
    def _writing(self, part: Path, step: int) -> Iterator[None]:
        """Says in a line what torch says of a disk that is full in several ways."""
        try:
            yield
        except (OSError, RuntimeError, dcp.api.CheckpointException) as error:
            free = shutil.disk_usage(self.folder).free / 1e6
            shutil.rmtree(part, ignore_errors=True)
            kept = [path.name for path in self.checkpoints()[-1:]]
            raise CheckpointError(
                f"step {step} could not be saved in {part.parent}, where {free:,.0f} MB are free; "
                f"make room there, and the same command goes on from {kept[0] if kept else 'the start'}"
            ) from error

    def load(
        self, trained: Mapping[str, torch.Tensor],
        room: Callable[[list[str]], dict[str, torch.Tensor]], device: torch.device,
    ) -> tuple[dict[str, Any], dict[str, torch.Tensor]] | None:  # fmt: skip
        """The plain values of the newest checkpoint, and the tensors for which ``room`` makes room; None if
        there is no checkpoint. ``trained`` are filled in place. Nothing that is read is executed.

        CheckpointError: it cannot be read, or holds other parameters.
        """
        newest = self.world.agree([str(path) for path in self.checkpoints()[-1:]])
        if not newest:
            return None
        folder = Path(newest[0])
        try:
            other: dict[str, Any] = torch.load(folder / OTHER, map_location=device, weights_only=True)
            names = list(dcp.FileSystemReader(folder).read_metadata().state_dict_metadata)
            missing = [name for name in trained if name not in names]
            extra = [name for name in names if name.startswith("model/") and name not in trained]
            if missing or extra:
                raise CheckpointError(
                    f"{folder} holds other parameters than are trained now, first {(missing + extra)[0]}"
                )
            rest = room(names)
            with torch.no_grad(), quiet():
                held = {name: value.detach() for name, value in trained.items()} | rest
                dcp.load(held, checkpoint_id=folder, no_dist=self.world.size == 1)
        except (RuntimeError, EOFError, OSError, KeyError) as error:
            raise CheckpointError(f"{folder} cannot be read ({error}); remove it to start anew") from None
        return other, {name: held[name] for name in rest}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Leave out torch's remarks about its own checkpoints."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def progress(step: int, steps: int, spent_s: float, deadline_s: float) -> float:
    """The share of a run that is done: by its steps or by its deadline (0: none), whichever is larger."""
    return min(1.0, max(step / steps, spent_s / deadline_s if deadline_s else 0.0))


def _differences(
    kind: type[Any], before: Mapping[str, Any], now: Mapping[str, Any], allow: Collection[str]
) -> Iterator[tuple[str, Any, Any]]:
    """Key, old and new value of whatever changes the mathematics and differs; ``stage`` comes first, ``data``
    last."""
    if before.get("stage", now["stage"]) != now["stage"]:
        yield "stage", before["stage"], now["stage"]
    for each in keys(kind):
        old, new = (_at(values, each.name) for values in (before, now))
        named = any(each.name == one or each.name.startswith(f"{one}.") for one in allow)
        if not each.operational and not named and old != new:
            yield each.name, old, new
    old, new = before.get("data_fingerprint", now["data_fingerprint"]), now["data_fingerprint"]
    if "data" not in allow and old != new:
        yield "data", old, new


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """ConfigError where a run's folder cannot be made, read or written."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"run.out {folder} cannot be used: {reason(error)}; name another folder") from None


def _at(values: Mapping[str, Any], name: str) -> Any:
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _step(line: str) -> int:
    try:
        return int(json.loads(line).get("step", 0))
    except ValueError:  # a line that a kill cut off
        return 1 << 62


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old or the new text, never a part."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)
