"""What comparisons with official scorers have in common.

Enters: an answer, our verdict, the official one. Leaves: counts, and every difference. Always holds:
nothing of an official scorer is changed; what it imports and does not use here is stood in for by an empty
module.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from r1v.core import UnavailableError
from r1v.eval.benchmark import GradingTools

TOOLS = GradingTools()


@dataclass
class Parity:
    """name: of the benchmark. official: the scorer. differences: (what was answered, ours, official)."""

    name: str
    official: str
    compared: int = 0
    right: int = 0
    differences: list[tuple[str, float, float]] = field(default_factory=list)

    def add(self, what: str, ours: float, official: float) -> None:
        """One answer; verdicts are true or false, or scores in [0, 1]."""
        self.compared += 1
        self.right += official >= 1
        if abs(float(ours) - float(official)) > 1e-6:
            self.differences.append((what, ours, official))


@cache
def folder_of(package: str) -> Path:
    """Where an installed package lies. Raises UnavailableError."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(
            f"{package} is not installed; pip install --no-deps {package.replace('_', '-')}"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def bare_package(name: str, folder: Path) -> None:
    """A package whose own __init__ (with all it imports) is not run."""
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


def stand_ins(names: Sequence[str], **contents: Any) -> None:
    """Empty modules for what an official scorer imports and does not use here."""
    for name in names:
        if name not in sys.modules:
            module = types.ModuleType(name)
            vars(module).update(contents)
            sys.modules[name] = module


def module_at(path: Path, name: str) -> Any:
    """The module in one file. Raises UnavailableError where the file is not there."""
    if not path.is_file():
        raise UnavailableError(f"{path} is not there; clone its repository into --repositories")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
