"""Objects of a researcher's own Python files, by name.

Enters: ``file.py:name`` or ``package.module:name``. Leaves: the object. Always holds: for an object that does
not exist there is a one-line error that names the configuration's key.
"""

from __future__ import annotations

import importlib
import importlib.util
import traceback
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
    path = Path(place)
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        spec = importlib.util.spec_from_file_location(f"r1v_own_{path.stem}", path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ConfigError(f"{key}: {place} does not exist; name a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except SyntaxError as error:
        raise ConfigError(f"{key}: {error.filename}, line {error.lineno}: {error.msg}; correct it") from error
    except ConfigError:
        raise
    except Exception as error:  # somebody else's code may raise anything
        raise ConfigError(f"{key}: {place} cannot be imported: {failure(error)}; correct it") from error


def failure(error: BaseException) -> str:
    """In one line what somebody else's code has raised, and where."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith("<")]
    said = f"{type(error).__name__}: {error}".partition("\n")[0]
    return f"{said} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
