"""Objects of a researcher's own Python files, by name.

Enters: ``file.py:name`` or ``package.module:name``. Leaves: the object. Always holds: for an object that does
not exist there is a one-line error that names the configuration's key.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from r1v.core import ConfigError


def load_object(place: str, name: str, key: str) -> Any:
    """A callable object of a file or module. key: the key whose value named it. ConfigError: it does not
    exist."""
    found = getattr(_module(place, key), name, None)
    if not callable(found):
        raise ConfigError(f"{key}: {place} has no function {name}")
    return found


def _module(place: str, key: str) -> Any:
    if not place.endswith(".py"):
        try:
            return importlib.import_module(place)
        except ImportError as error:
            raise ConfigError(f"{key}: {place} cannot be imported: {error}") from None
    path = Path(place)
    spec = importlib.util.spec_from_file_location(f"r1v_own_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"{key}: {place} does not exist")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
