"""A file of lines that a stage writes batch by batch, and continues after a kill.

Always holds: the file has its final name only when it is complete; when it is continued, lines after the last
recorded batch are removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1v.train.core.run import write_atomically


def results_of(name: str) -> dict[str, tuple[str]]:
    """What `TrainingRun` is told of such a file: once a batch is in it, it follows from all keys."""
    return {name: ("",), f"{name}.progress": ("",)}


class GrowingFile:
    """done: whether the file is complete. step: number of finished batches. other: plain values that were
    recorded with the last one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part, self._note = (path.with_name(path.name + end) for end in (".part", ".progress"))
        self.step, self.other = 0, dict[str, Any]()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.done = path.exists()
        if self.done:
            return
        if self._note.exists() and self.part.exists():
            noted = json.loads(self._note.read_text())
            self.step, self.other = int(noted["step"]), noted["other"]
            os.truncate(self.part, noted["bytes"])
        else:
            self.part.write_bytes(b"")

    def add(self, lines: Sequence[str], **other: Any) -> None:
        """Write the lines of one batch, and record that it is done."""
        with self.part.open("ab") as file:
            file.write("".join(line + "\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        self.step, self.other = self.step + 1, other
        write_atomically(self._note, json.dumps({"step": self.step, "bytes": size, "other": other}) + "\n")

    def finish(self) -> Path:
        """Give the file its final name."""
        self.part.replace(self.path)
        self._note.unlink(missing_ok=True)
        return self.path
