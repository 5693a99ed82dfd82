"""Configurations from TOML files and ``key=value`` changes.

Always holds: every key is known and every value of its field's type, else a ConfigError names it.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from r1v.core import ConfigError

C = TypeVar("C")


def read(kind: type[C], file: str | Path | None, changes: Sequence[str] = ()) -> C:
    """A configuration from a TOML file (None: defaults only) and ``key=value`` changes on top of it.

    A change's value is TOML (``steps=10``, ``train=["projector"]``) or, failing that, a plain string. Raises
    ConfigError that names the file, key, value and what is expected.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(Path(file).read_text())
        except OSError as error:
            raise ConfigError(f"config file {file} cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"config file {file} is not TOML: {error}") from None
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise ConfigError(f"{change!r} is not a change; write key=value")
        try:
            values[key] = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            values[key] = text
    return from_dict(kind, values)


def from_dict(kind: type[C], values: dict[str, Any]) -> C:
    """A configuration from plain values, each checked against its field's type."""
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = [key for key in values if key not in fields]
    if unknown:
        raise ConfigError(f"{', '.join(unknown)}: not a key of {kind.__name__}; known: {', '.join(fields)}")
    missing = [n for n, f in fields.items() if f.default is dataclasses.MISSING and n not in values]
    if missing:
        raise ConfigError(f"{', '.join(missing)} must be given for {kind.__name__}")
    return kind(**{key: _convert(key, value, hints[key]) for key, value in values.items()})


def _convert(key: str, value: Any, hint: Any) -> Any:
    """A value as its field's type; lists become tuples, whole numbers floats."""
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        if not isinstance(value, list | tuple):
            value = [value]
        return tuple(_convert(key, v, item) for v in value)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return None if value is None else _convert(key, value, typing.get_args(hint)[0])
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{key} is {value!r}; it must be of type {hint.__name__}")
    return value
