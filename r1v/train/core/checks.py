"""Checks of configuration values, shared by all stages: each names the key, the value and the limit."""

from __future__ import annotations

from collections.abc import Sequence
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


def share(config: Any, *names: str) -> None:
    """Raise ConfigError for the first of the keys whose value is outside [0, 1]."""
    for name in names:
        if not 0.0 <= getattr(config, name) <= 1.0:
            raise ConfigError(f"{name} is {getattr(config, name)}; it must be at least 0 and at most 1")
