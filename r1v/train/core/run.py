"""A run's folder: its configuration, metrics and checkpoints.

Always holds: a checkpoint is whole or not there (written beside and renamed); resuming under another
configuration is refused by the name of the first key that differs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from r1v.core import CheckpointError, ConfigError
from r1v.train.core.distributed import ONE_PROCESS, World

# keys that may change between a run and its resumption
FREE_KEYS = frozenset(
    {"device", "workers", "log_every", "save_every_s", "compile", "deadline_s", "out", "vllm_python",
     "vllm_devices", "vllm_at", "vllm_key"}
)  # fmt: skip


class Run:
    """The folder of one training run. config: a frozen dataclass with ``out``.

    Of several processes the first one writes. shares: but each keeps its own share of the state, where none
    has all of it.
    """

    def __init__(self, config: Any, world: World = ONE_PROCESS, *, shares: bool = False) -> None:
        self.folder, self.world, self.shares = Path(config.out), world, shares and world.size > 1
        self._last_save = time.monotonic()
        if not world.first:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = self.folder / "config.json"
        values = json.loads(json.dumps(dataclasses.asdict(config)))
        if kept.exists():
            before = json.loads(kept.read_text())
            for key, value in values.items():
                if key not in FREE_KEYS and before.get(key) != value:
                    raise ConfigError(
                        f"{self.folder} holds a run with {key}={before.get(key)!r}, not {value!r}; "
                        "resume it with its own configuration or name another out folder"
                    )
        write_atomically(kept, json.dumps(values, indent=2) + "\n")

    def log(self, **values: Any) -> None:
        """Add one line to metrics.jsonl."""
        if not self.world.first:
            return
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")

    def trim_metrics(self, step: int) -> None:
        """Drop the lines after a step, which a resumed run will write again."""
        path = self.folder / "metrics.jsonl"
        if self.world.first and path.exists():
            lines = [line for line in path.read_text().splitlines() if _step(line) < step]
            write_atomically(path, "".join(line + "\n" for line in lines))

    def due(self, every_s: float) -> bool:
        """Whether the last checkpoint is older than this."""
        return time.monotonic() - self._last_save >= every_s

    def _state(self, rank: int) -> Path:
        """Where a process keeps the state, or its share of it."""
        return self.folder / (f"state-{rank}-of-{self.world.size}.pt" if self.shares else "state.pt")

    def save(self, state: dict[str, Any]) -> None:
        """Keep everything needed to go on, in place of the checkpoint before."""
        path = self._state(self.world.rank)
        part = path.with_name(path.name + ".part")
        writes = self.shares or self.world.first
        if writes:
            with part.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
        self.world.barrier()  # every share is on the disk before the first old one is gone
        if writes:
            part.replace(path)
        self._last_save = time.monotonic()

    def load(self, device: str) -> dict[str, Any] | None:
        """The kept state, or None where there is none. Nothing in it is executed.

        CheckpointError: it cannot be read, is of another number of processes, or its shares are of different
        steps.
        """
        mine = {self._state(rank) for rank in range(self.world.size)}
        others = [path.name for path in self.folder.glob("state*.pt") if path not in mine]
        if others:
            raise CheckpointError(
                f"{self.folder / others[0]} is of another number of processes than {self.world.size}; resume "
                "with that number, or remove it to start anew"
            )
        state: dict[str, Any] | None = None
        path = self._state(self.world.rank)
        if path.exists():
            try:
                state = torch.load(path, map_location=device, weights_only=True)
            except (RuntimeError, EOFError, OSError) as error:
                raise CheckpointError(f"{path} cannot be read ({error}); remove it to start anew") from None
        steps = self.world.gather(None if state is None else state["step"])
        if len(set(steps)) > 1:
            raise CheckpointError(
                f"the shares in {self.folder} are of steps {steps}; remove them to start anew"
            )
        return state


def progress(step: int, steps: int, spent_s: float, deadline_s: float) -> float:
    """The share of a run that is done, by steps or by its deadline (0: none), whichever is further."""
    return min(1.0, max(step / steps, spent_s / deadline_s if deadline_s else 0.0))


def _step(line: str) -> int:
    try:
        return int(json.loads(line).get("step", 0))
    except ValueError:  # a line that a kill cut short
        return 1 << 62


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old or the new text, never a part."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)
