"""Configurations from TOML files, ``key=value`` changes and keyword arguments.

Always holds: an unknown key, or a value that does not have its field's type, raises a ConfigError that names
it. A plain value for a group is the value of its first key: ``model=r1v-nano`` is ``model.path=r1v-nano``.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from r1v.core import ConfigError
from r1v.train.core.checks import read_text

C = TypeVar("C")

# keys of earlier versions, and of other trainers, whose new name is not just the group and the old name
RENAMED = {
    "data": "data.source", "rollout": "rollout.engine", "reward_model": "reward.model", "ssb": "ssb.on",
    "lora_rank": "model.lora_rank", "heldout_questions": "data.heldout", "curriculum": "curriculum.on",
    "learning_rate": "optim.lr", "output_dir": "run.out", "max_steps": "run.steps", "epochs": "run.steps",
    "num_train_epochs": "run.steps", "per_device_train_batch_size": "optim.batch_size",
    "gradient_accumulation_steps": "optim.micro_batches", "gradient_checkpointing": "model.checkpointing",
    "num_generations": "rollout.group", "max_completion_length": "rollout.max_tokens",
    "reward_funcs": "reward.functions",
}  # fmt: skip
PREFIXES = {"ssb_": "ssb.", "alarm_": "alarms.", "vllm_": "rollout.vllm_"}


def read(
    kind: type[C], file: str | Path | None, changes: Sequence[str] = (), *, stage: str | None = None
) -> C:
    """A configuration from a TOML file (None: defaults only) and ``key=value`` changes on top of it.

    A change's value is TOML (``run.steps=10``, ``model.train=["projector"]``) or, failing that, a plain
    string. stage: as in ``r1v train STAGE``; None: by the kind. Raises ConfigError that names the key, where
    it stands (file and line, or argument), the value and what is expected.
    """
    stage = stage or stage_of(kind)
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    if file is not None:
        text = read_text(file, "--config")
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"--config: {file} is not TOML: {error}") from None
        lines = dict(_lines(text))
        for name in _leaves(tables):
            line = next((lines[key] for key in _ancestors(name) if key in lines), None)
            places[name] = f"{file}, line {line}" if line else str(file)
        values = flatten(tables, kind, stage, places)
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals:
            raise ConfigError(f"{change!r} is not a change; write key=value")
        try:
            found = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            found = text
        place = f"argument {change!r}"
        named = {name.strip(): found}
        given = flatten(named, kind, stage, dict.fromkeys(_leaves(named), place))
        places |= dict.fromkeys([*_leaves(named), *given], place)
        values |= given
    try:
        return from_dict(kind, values, stage)
    except ConfigError as error:
        raise ConfigError(_with_place(str(error), places)) from None


def _with_place(message: str, places: Mapping[str, str]) -> str:
    """A message about a value, with the place of the first key that it names."""
    found = [(at.start(), place) for name, place in places.items()
             if (at := re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.]*\w)", message))]  # fmt: skip
    return f"{message} ({min(found)[1]})" if found else message


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted names of all values that are no tables."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _ancestors(name: str) -> Iterator[str]:
    """The dotted name, then the tables that it is in, the inner ones first."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """Dotted names of the keys and tables of a TOML text, with the lines where they begin."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*\[+([^\[\]]+)\]+", line):
            table = _plain(found[1]) + "."
            yield table[:-1], number
        elif found := re.match(r"\s*([\w\"'.\s-]+?)\s*=", line):
            yield table + _plain(found[1]), number


def _plain(name: str) -> str:
    """A dotted TOML name without quotes and spaces."""
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


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
        raise ConfigError(f"{name} may mean {' or '.join(ends)} of {stage_of(kind)}; write the group too")
    return ends[0] if ends else name


def stage_of(kind: type[Any]) -> str:
    """The stage whose configuration this is, as in ``r1v train STAGE``."""
    return kind.__name__.removesuffix("Config").removesuffix("Stage").removesuffix("Engine").lower()


def from_dict(kind: type[C], values: Mapping[str, Any], stage: str | None = None) -> C:
    """A configuration from plain values, each checked against its field's type. Keys are dotted, or groups
    are nested mappings."""
    flat = flatten(values, kind, stage)
    config = _build(kind, flat, None)
    missing = [each.name for each in keys(kind) if each.required and each.name not in flat]
    if missing:
        raise ConfigError(f"r1v train {stage or stage_of(kind)} needs {' and '.join(missing)}")
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


def flatten(
    values: Mapping[str, Any],
    kind: type[Any],
    stage: str | None = None,
    places: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Dotted keys, all known to the kind, with their values. ConfigError: a key is unknown; the error gives
    its new name, if an earlier version had it, or the nearest names. places: where each key stands."""
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
            at = [place for key, place in (places or {}).items() if f"{key}.".startswith(f"{name}.")]
            place = f" ({at[0]})" if at else ""
            raise ConfigError(_unknown(name, stage or stage_of(kind), known, place))

    for name, value in values.items():
        visit(name, value)
    return flat


def _unknown(name: str, stage: str, known: Mapping[str, Key], place: str) -> str:
    """The message for an unknown key, with its new name if an earlier version had it, or the nearest ones."""
    new = RENAMED.get(name)
    for old, prefix in PREFIXES.items():
        if new is None and name.startswith(old):
            new = prefix + name.removeprefix(old)
    if new not in known:
        last = name.rpartition(".")[2]
        new = " or ".join(each for each in known if each.rpartition(".")[2] == last)
    said = f"{name} is not a key of r1v train {stage}{place}"
    if new:
        return f"{said}; write {new}"
    if near := _near(name, list(known)):
        said += f"; did you mean {' or '.join(near)}?"
        return f"{said} r1v train {stage} --help lists every key"
    return f"{said}; r1v train {stage} --help lists every key"


def _near(name: str, known: Sequence[str]) -> list[str]:
    """At most three names that are spelt alike: as a whole, or in their last part."""

    def alike(one: str) -> float:
        ends = name.rpartition(".")[2].lower(), one.rpartition(".")[2]
        found = [difflib.SequenceMatcher(None, a, b).ratio() for a, b in (ends, (name.lower(), one))]
        return max(*found, 0.8 if len(ends[0]) > 3 and ends[1].startswith(ends[0]) else 0.0)

    scores = {one: alike(one) for one in known}
    best = max(scores.values(), default=0.0)
    found = [one for one in known if scores[one] >= max(0.7, best - 0.05)]
    return sorted(found, key=lambda one: -scores[one])[:3]


def _build(kind: type[C], flat: Mapping[str, Any], base: Any, group: str = "") -> C:
    """The configuration with the values of dotted keys; all other values are those of ``base``, or the
    defaults. group: where its keys stand, as ``optim.``."""
    hints = typing.get_type_hints(kind)
    found: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        hint, name = hints[field.name], field.name
        value = getattr(base, name) if base is not None else default_of(field)
        if dataclasses.is_dataclass(hint):
            inner = {k.removeprefix(f"{name}."): v for k, v in flat.items() if k.startswith(f"{name}.")}
            if inner:
                value = _build(typing.cast(type[Any], hint), inner, value, f"{group}{name}.")
        elif name in flat:
            value = convert(group + name, flat[name], hint)
        if value is dataclasses.MISSING:
            raise ConfigError(f"r1v train {stage_of(kind)} needs {group}{name}")
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
        raise ConfigError(f"{name} is {value!r}; it must be {_WORDS[hint]}")
    return value


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
