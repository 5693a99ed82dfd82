"""Configurations from TOML files, ``key=value`` changes and keyword arguments.

Always holds: an unknown key, or a value that does not have its field's type, raises a ConfigError that names
it. A plain value for a group is the value of its first key: ``model=r1v-nano`` is ``model.path=r1v-nano``.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from r1v.core import ConfigError

C = TypeVar("C")

# keys of earlier versions whose new name is not just the group and the old name
RENAMED = {
    "data": "data.source", "rollout": "rollout.engine", "reward_model": "reward.model", "ssb": "ssb.on",
    "lora_rank": "model.lora_rank", "heldout_questions": "data.heldout", "curriculum": "curriculum.on",
}  # fmt: skip
PREFIXES = {"ssb_": "ssb.", "alarm_": "alarms.", "vllm_": "rollout.vllm_"}


def read(kind: type[C], file: str | Path | None, changes: Sequence[str] = ()) -> C:
    """A configuration from a TOML file (None: defaults only) and ``key=value`` changes on top of it.

    A change's value is TOML (``run.steps=10``, ``model.train=["projector"]``) or, failing that, a plain
    string. Raises ConfigError that names the file, key, value and what is expected.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = flatten(tomllib.loads(Path(file).read_text()), kind)
        except OSError as error:
            raise ConfigError(f"config file {file} cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"config file {file} is not TOML: {error}") from None
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals:
            raise ConfigError(f"{change!r} is not a change; write key=value")
        try:
            found = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            found = text
        values |= flatten({name.strip(): found}, kind)
    return from_dict(kind, values)


def make(kind: type[C], **values: Any) -> C:
    """A configuration from keyword arguments: ``lr=1e-6`` means the one key that ends so, ``optim.lr``;
    where several end alike, write the group before it, as in ``reward__model``."""
    return from_dict(kind, {long_name(kind, name): value for name, value in values.items()})


def changed(config: C, **values: Any) -> C:
    """The same configuration with other values, named as for `make`."""
    given = {long_name(type(config), name): value for name, value in values.items()}
    return _build(type(config), flatten(given, type(config)), config)


def as_changes(config: Any) -> list[str]:
    """The ``key=value`` words that give a configuration on the command line. Default values are left out."""
    words = []
    for each in keys(type(config)):
        value = config
        for part in each.name.split("."):
            value = getattr(value, part)
        if isinstance(value, dict):
            words += [f"{each.name}.{name}={json.dumps(inner)}" for name, inner in value.items()]
        elif value is not None and (value != each.default or each.required):
            words.append(f"{each.name}={json.dumps(value)}")
    return words


def long_name(kind: type[Any], name: str) -> str:
    """The dotted key that a keyword argument means."""
    name = name.replace("__", ".")
    every = [each.name for each in keys(kind)]
    if name in every or any(each.startswith(f"{name}.") for each in every):
        return name
    ends = [each for each in every if each.endswith(f".{name}")]
    if len(ends) > 1:
        raise ConfigError(f"{name} may mean {' or '.join(ends)} of {kind.__name__}; write the group too")
    return ends[0] if ends else name


def from_dict(kind: type[C], values: Mapping[str, Any]) -> C:
    """A configuration from plain values, each checked against its field's type. Keys are dotted, or groups
    are nested mappings."""
    flat = flatten(values, kind)
    config = _build(kind, flat, None)
    missing = [each.name for each in keys(kind) if each.required and each.name not in flat]
    if missing:
        raise ConfigError(f"{', '.join(missing)} must be given for {kind.__name__}")
    return config


@dataclasses.dataclass(frozen=True)
class Key:
    """One key of a stage: its dotted name, type, default and meaning."""

    name: str
    kind: Any
    default: Any
    meaning: str
    required: bool
    operational: bool


def keys(kind: type[Any], prefix: str = "", default: Any = None) -> Iterator[Key]:
    """Every key of a configuration, groups opened, in the order of their definition."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        value = default_of(field) if default is None else getattr(default, field.name)
        if dataclasses.is_dataclass(hint):
            yield from keys(typing.cast(type[Any], hint), f"{prefix}{field.name}.", value)
        else:
            about = field.metadata
            yield Key(
                prefix + field.name, hint, value, about.get("meaning", ""),
                bool(about.get("required")) or value is dataclasses.MISSING,
                bool(about.get("operational")),
            )  # fmt: skip


def default_of(field: dataclasses.Field[Any]) -> Any:
    """A field's default, or MISSING."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def flatten(values: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """Dotted keys, all known to the kind, with their values. ConfigError: a key is unknown; for a key of an
    earlier version the error gives its new name."""
    known = {each.name: each for each in keys(kind)}
    flat: dict[str, Any] = {}

    def visit(name: str, value: Any) -> None:
        inside = [each for each in known if each.startswith(f"{name}.")]
        if name in known:
            flat[name] = value
        elif inside and isinstance(value, Mapping):
            for leaf, found in value.items():
                visit(f"{name}.{leaf}", found)
        elif inside:
            flat[inside[0]] = value
        else:
            owner = next((each for each in known if name.startswith(f"{each}.")), None)
            if owner is not None and typing.get_origin(known[owner].kind) is dict:
                flat[owner] = {**flat.get(owner, {}), name.removeprefix(f"{owner}."): value}
                return
            raise ConfigError(_unknown(name, kind, known))

    for name, value in values.items():
        visit(name, value)
    return flat


def _unknown(name: str, kind: type[Any], known: Mapping[str, Key]) -> str:
    """The message for an unknown key, with its new name if an earlier version had it."""
    new = RENAMED.get(name)
    for old, prefix in PREFIXES.items():
        if new is None and name.startswith(old):
            new = prefix + name.removeprefix(old)
    ends = [each for each in known if each.endswith(f".{name.rpartition('.')[2]}")]
    if new not in known:
        new = " or ".join(ends)
    if new:
        return f"{name}: not a key of {kind.__name__}; it is {new} now"
    return f"{name}: not a key of {kind.__name__}; known: {', '.join(known)}"


def _build(kind: type[C], flat: Mapping[str, Any], base: Any) -> C:
    """The configuration with the values of dotted keys; all other values are those of ``base``, or the
    defaults."""
    hints = typing.get_type_hints(kind)
    found: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        hint, name = hints[field.name], field.name
        value = getattr(base, name) if base is not None else default_of(field)
        if dataclasses.is_dataclass(hint):
            inner = {k.removeprefix(f"{name}."): v for k, v in flat.items() if k.startswith(f"{name}.")}
            value = _build(typing.cast(type[Any], hint), inner, value) if inner else value
        elif name in flat:
            value = convert(name, flat[name], hint)
        if value is dataclasses.MISSING:
            raise ConfigError(f"{name} must be given for {kind.__name__}")
        found[name] = value
    return kind(**found)


def convert(name: str, value: Any, hint: Any) -> Any:
    """A value as its field's type; lists become tuples, whole numbers floats, paths strings."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        if not isinstance(value, list | tuple):
            value = [value]
        return tuple(convert(name, each, item) for each in value)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} is {value!r}; it must be a table, as in {name}.NAME=VALUE")
        item = typing.get_args(hint)[1]
        return {str(each): convert(f"{name}.{each}", inner, item) for each, inner in value.items()}
    if origin in (typing.Union, types.UnionType):
        return None if value is None else convert(name, value, typing.get_args(hint)[0])
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, Path):
        return str(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{name} is {value!r}; it must be of type {hint.__name__}")
    return value
