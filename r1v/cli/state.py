"""Small files kept for a user between runs: in ``$XDG_STATE_HOME/r1v``, else ``~/.local/state/r1v``."""

from __future__ import annotations

import os
from pathlib import Path


def state_file(name: str) -> Path:
    """Where a file of that name is kept; its folder may not exist yet."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "r1v" / name
