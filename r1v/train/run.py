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

# keys that may change between a run and its resumption
FREE_KEYS = frozenset({"device", "workers", "log_every", "save_every_s", "compile", "deadline_s", "out"})


class Run:
    """The folder of one training run. config: a frozen dataclass with ``out``."""

    def __init__(self, config: Any) -> None:
        self.folder = Path(config.out)
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
        self._last_save = time.monotonic()

    def log(self, **values: Any) -> None:
        """Add one line to metrics.jsonl."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")

    def trim_metrics(self, step: int) -> None:
        """Drop the lines after a step, which a resumed run will write again."""
        path = self.folder / "metrics.jsonl"
        if path.exists():
            lines = [line for line in path.read_text().splitlines() if _step(line) < step]
            write_atomically(path, "".join(line + "\n" for line in lines))

    def due(self, every_s: float) -> bool:
        """Whether the last checkpoint is older than this."""
        return time.monotonic() - self._last_save >= every_s

    def save(self, state: dict[str, Any]) -> None:
        """Keep everything needed to go on, in place of the checkpoint before."""
        part = self.folder / "state.pt.part"
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.folder / "state.pt")
        self._last_save = time.monotonic()

    def load(self, device: str) -> dict[str, Any] | None:
        """The kept state, or None where there is none. Nothing in it is executed."""
        path = self.folder / "state.pt"
        if not path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        except (RuntimeError, EOFError, OSError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}); remove it to start anew") from None
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
