"""Checks of configuration values and of the files that they name, shared by all stages: each names the key,
the value and the limit or the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1v.core import ConfigError

COMPONENTS = ("vision", "projector", "llm")


def check_components(train: Sequence[str], lora: Sequence[str] = ()) -> None:
    """Raise ConfigError unless there is at least one name, and each is a component or a pattern of names in
    one."""
    for key, names in (("train", train), ("lora", lora)):
        for name in names:
            if name.partition(".")[0] not in COMPONENTS:
                raise ConfigError(
                    f"model.{key} holds {name!r}; use any of {', '.join(COMPONENTS)}, "
                    "or a pattern like llm.layers.*.mlp.*"
                )
    if not train and not lora:
        raise ConfigError(f"model.train is empty; use any of {', '.join(COMPONENTS)}")


def choice(key: str, value: str, known: Sequence[str]) -> None:
    """Raise ConfigError for a value that is not one of the known ones."""
    if value not in known:
        raise ConfigError(f"{key} is {value!r}; use {', '.join(known[:-1])} or {known[-1]}")


def at_least(config: Any, limit: int, *names: str, group: str = "") -> None:
    """Raise ConfigError for the first of the keys whose value is smaller, or not a number. group: where the
    keys stand, for the message."""
    for name in names:
        if not getattr(config, name) >= limit:
            raise ConfigError(
                f"{group}{'.' if group else ''}{name} is {getattr(config, name)}; it must be at least {limit}"
            )


def printable(text: str) -> str:
    """A text of somebody's file as a terminal may show it: control characters and halves of characters are
    written as their escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def share(config: Any, *names: str, group: str = "") -> None:
    """Raise ConfigError for the first of the keys whose value is outside [0, 1]. group: as for `at_least`."""
    for name in names:
        if not 0.0 <= getattr(config, name) <= 1.0:
            shown = f"{group}{'.' if group else ''}{name} is {getattr(config, name)}"
            raise ConfigError(f"{shown}; it must be at least 0 and at most 1")


def reason(error: OSError) -> str:
    """What the system says of a path, in plain words."""
    known = {
        FileNotFoundError: "it does not exist", IsADirectoryError: "it is a folder",
        NotADirectoryError: "a part of its path is a file", FileExistsError: "it is a file",
        PermissionError: "its permissions do not allow it",
    }  # fmt: skip
    return known.get(type(error), (error.strerror or str(error)).lower())


# how files begin that are often given in place of a text
_ARCHIVES = {
    b"PAR1": "a Parquet file; its name must end in .parquet",
    b"\x1f\x8b": "compressed by gzip; unpack it (gunzip)",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it (unzstd)",
    b"PK\x03\x04": "a ZIP archive; unpack it",
    b"\xff\xfe": "UTF-16; save it as UTF-8",
    b"\xfe\xff": "UTF-16; save it as UTF-8",
}


def read_text(path: str | Path, key: str) -> str:
    """The text of a file that a key names; a byte-order mark is removed.

    key: for the message of the ConfigError where it is missing, a folder, not readable or not UTF-8.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read: {reason(error)}; name another file") from None
    except ValueError:  # a zero byte in the path
        raise ConfigError(f"{key}: {str(path)!r} is no path; name a file") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = next((what for begin, what in _ARCHIVES.items() if data.startswith(begin)), None)
        line = data.count(b"\n", 0, error.start) + 1
        found = found or f"not UTF-8 text (line {line}); save it as UTF-8"
        raise ConfigError(f"{key}: {path} is {found}") from None
