"""The source of examples that a configuration names, one or several mixed.

Enters: names of figures, files and data sets, each with an optional weight. Leaves: one source. Always holds:
each of several sources has exactly its share of any 65,536 samples, and every row of a source comes once
before any comes again.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from r1v import figures
from r1v.core import ConfigError
from r1v.figures import people
from r1v.train.core.checks import printable
from r1v.train.core.config import DataConfig
from r1v.train.core.left_out import tell_bad_rows
from r1v.train.data.abroad import AbroadSource
from r1v.train.data.examples import Example, ExampleSource, FigureSource, JsonlSource
from r1v.train.data.hub import PREFIX, DatasetSource
from r1v.train.data.order import shuffled
from r1v.train.data.people import PeopleSource
from r1v.train.data.quality import Assessed
from r1v.train.data.rows import first_bad

BLOCK = 1 << 16
FIGURES, ABROAD = "figures", "abroad"
# what our own stages write beside what is learned, for who looks into their files
NOTES = (
    {"reward", "score"}, {"group", "difficulty", "corrected", *(one.name for one in fields(Assessed))}
)  # fmt: skip
Rows = TypeVar("Rows", JsonlSource, DatasetSource)


def open_source(
    config: DataConfig, seed: int, console: Console, *, chains: bool = True, key: str = "data.source",
    used: Callable[[str], bool] = lambda column: False,
) -> ExampleSource:  # fmt: skip
    """The source that ``data.source`` names, limited to ``data.families``. chains: rows need a chain of
    thought to learn. key: what names it, for messages. used: whether a column that is not read here is used
    elsewhere, as by a reward function.

    Without ``data.measure``, ``data.heldout`` rows of each family are taken out of files and data sets; see
    `held_rows`. Says how many rows of a file are bad, and which. ConfigError: one cannot be read.
    """
    named = [parse_name(one) for one in config.source]
    every = [_open_one(name, config, seed, console, chains, key, used) for name, _ in named]
    if config.heldout and config.measure is None:
        for (name, _), source in zip(named, every, strict=True):
            if isinstance(source, JsonlSource | DatasetSource):
                _hold_out(source, config.heldout, name)  # type: ignore[type-var]
    if len(every) == 1:
        return every[0]
    return MixedSource([name for name, _ in named], every, [weight for _, weight in named], seed)


def parse_name(text: str) -> tuple[str, float | None]:
    """A source's name and weight, as in ``mine.jsonl::2``. ConfigError: the weight is no number above 0."""
    name, mark, weight = text.partition("::")
    if not mark:
        return name, None
    try:
        found = float(weight)
    except ValueError:
        found = 0.0
    if not found > 0:
        raise ConfigError(f"data.source: the weight of {name} is {weight!r}; it must be a number above 0")
    return name, found


def _open_one(
    name: str, config: DataConfig, seed: int, console: Console, chains: bool, key: str,
    used: Callable[[str], bool],
) -> ExampleSource:  # fmt: skip
    if name == FIGURES:
        wanted = tuple(one for one in config.families if one in figures.FAMILIES)
        unknown = [one for one in config.families if one not in figures.FAMILIES]
        if unknown and len(config.source) == 1:
            raise ConfigError(
                f"data.families: there are no figures of family {unknown[0]!r}; r1v figures list names them"
            )
        return FigureSource(wanted or tuple(figures.FAMILIES), open_names=config.open_names)
    if name in people.SOURCES:
        return PeopleSource(name, people.SOURCES[name])
    if name == ABROAD:
        return AbroadSource.open(config.families, seed, console, alone=len(config.source) == 1)
    source: JsonlSource | DatasetSource
    if name.startswith(PREFIX) or name.endswith(".parquet"):
        source = DatasetSource(name, seed, chains=chains, columns=config.columns, key=key)
    else:
        source = JsonlSource(name, seed, chains=chains, columns=config.columns, key=key)
        _refuse_share(source.bad, num_rows(source) or 0, f"{key}: {name}", config.bad_share)
        tell_bad_rows(source.bad, name, console)
        notes = {column for one in NOTES if one <= source.unread.keys() for column in one}
        unused = [
            (column, rows) for column, rows in source.unread.most_common()
            if not used(column) and column not in notes
        ]  # fmt: skip
        if unused:
            counted = ", ".join(f"{column} ({rows} rows)" for column, rows in unused[:20])
            console.print(
                printable(f"keys of {name} that are not used: {counted}"), highlight=False, markup=False
            )
    if config.families:
        kept = tuple(dict.fromkeys(one for one in config.families if one in source.families))
        if not kept:
            raise ConfigError(
                f"data.families: {name} has no rows of family {config.families[0]!r}; it has "
                f"{', '.join(map(repr, source.families[:20]))}"
            )
        source.families = kept
    return source


def _refuse_share(bad: Sequence[str], good: int, name: str, most: float) -> None:
    if len(bad) > most * (len(bad) + good):
        raise ConfigError(
            f"{name}: {len(bad)} of {len(bad) + good} rows are bad, more than data.bad_share={most:g} "
            f"allows: {first_bad(bad)}; correct the rows, or set data.bad_share if you mean it"
        )


def _hold_out(source: Rows, number: int, name: str) -> None:
    """Take rows of each family out of a source. Which, follows from the questions and pictures alone: the
    same in every stage, and none that is trained on asks the same."""
    marks = {
        family: [hashlib.sha256(one.encode("utf-8", "replace")).digest() for one in source.identities(family)]
        for family in source.families
    }
    held = {mark for found in marks.values() for mark in sorted(set(found))[:number]}
    for family, found in marks.items():
        if held.issuperset(found):
            raise ConfigError(
                f"data.heldout is {number}, which leaves none of the {len(found)} rows of {name}"
                + (f" of family {family!r}" if len(marks) > 1 else "")
                + " to train on; lower it, or name a file of held-out rows as data.measure"
            )
    source.held = _with_rows(source, lambda family, place: marks[family][place] in held)
    source.rows = _with_rows(source, lambda family, place: marks[family][place] not in held).rows


def _with_rows(source: Rows, wanted: Callable[[str, int], bool]) -> Rows:
    """A copy with the rows that are wanted, by family and place in it."""
    found = copy.copy(source)
    found.rows = {
        family: [row for place, row in enumerate(source.rows[family]) if wanted(family, place)]
        for family in source.families
    }  # type: ignore[assignment]
    return found


def held_rows(source: ExampleSource, seed: int) -> ExampleSource | None:
    """The rows that `open_source` has taken out of the files and data sets of a source, or None."""
    if isinstance(source, JsonlSource | DatasetSource):
        return source.held
    if not isinstance(source, MixedSource):
        return None
    parts = {
        label: held for label, one in source.sources.items() if (held := held_rows(one, seed)) is not None
    }
    return MixedSource(list(parts), list(parts.values()), [None] * len(parts), seed) if parts else None


def rows_of(source: ExampleSource, family: str) -> int:
    """Rows of a family; without end for figures."""
    if isinstance(source, MixedSource):
        return rows_of(*source.part(family))
    return len(source.rows[family]) if isinstance(source, JsonlSource | DatasetSource) else 1 << 62


def num_rows(source: ExampleSource) -> int | None:
    """The number of rows of a file or data set; None for generated figures, which have no end."""
    if isinstance(source, JsonlSource | DatasetSource):
        return sum(len(source.rows[family]) for family in source.families)
    return None


def fingerprint(config: DataConfig) -> dict[str, str]:
    """A run's record of its data: a hash of each file's content."""
    names = [parse_name(one)[0] for one in config.source]
    return file_marks([*names, *([config.measure] if config.measure else [])])


def file_marks(names: Sequence[str]) -> dict[str, str]:
    """A hash of the content of each that is a file."""
    marks = {}
    for name in names:
        path = Path(name)
        if path.is_file():
            with path.open("rb") as file:
                marks[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return marks


class MixedSource:
    """Several sources as one. A family is called after its source, ``mine.jsonl/all``.

    weights: of samples; None is the source's number of rows, and for figures the mean of the others'. Where a
    source asks several questions about each picture, sources take turns in groups of so many samples, so that
    one worker draws the picture once.
    """

    def __init__(
        self,
        names: Sequence[str],
        sources: Sequence[ExampleSource],
        weights: Sequence[float | None],
        seed: int,
    ) -> None:
        labels = [Path(name).name if name not in (FIGURES, ABROAD) else name for name in names]
        if len(set(labels)) < len(labels):
            labels = [f"{place}-{label}" for place, label in enumerate(labels)]
        self.sources: Mapping[str, ExampleSource] = dict(zip(labels, sources, strict=True))
        self.seed = seed
        rows = [float(found) for one in sources if (found := num_rows(one)) is not None]
        usual = sum(rows) / len(rows) if rows else 1.0
        given = [
            float(num_rows(source) or usual) if weight is None else weight
            for source, weight in zip(sources, weights, strict=True)
        ]
        self.together = max(getattr(source, "together", 1) for source in sources)
        self.counts = dict(zip(labels, shares(given, BLOCK // self.together), strict=True))

    @property
    def families(self) -> tuple[str, ...]:
        """Of all sources."""
        return tuple(f"{label}/{one}" for label, source in self.sources.items() for one in source.families)

    def part(self, family: str) -> tuple[ExampleSource, str]:
        """The source of a family, and the family's name there."""
        label, _, name = family.partition("/")
        return self.sources[label], name

    def max_images(self, family: str) -> int:
        """As its source says."""
        source, name = self.part(family)
        return source.max_images(name)

    def pick(self, number: int, seed: str) -> tuple[str, int]:
        """The next sample, from the source whose turn it is."""
        group, inside = divmod(number, self.together)
        block, place = divmod(group, BLOCK // self.together)
        at = shuffled(place, BLOCK // self.together, f"{self.seed}/mix/{block}")
        for label, count in self.counts.items():
            if at < count:
                turn = (block * count + at) * self.together + inside
                family, index = self.sources[label].pick(turn, seed)
                return f"{label}/{family}", index
            at -= count
        raise AssertionError("the counts add up to a block")

    def example(self, family: str, index: int, variation: float) -> Example:
        """As its source makes it."""
        source, name = self.part(family)
        return source.example(name, index, variation)


def shares(weights: Sequence[float], total: int) -> list[int]:
    """Whole numbers in proportion to weights that add up to the total, each at least 1."""
    exact = [weight / sum(weights) * total for weight in weights]
    found = [max(1, int(one)) for one in exact]
    order = sorted(range(len(exact)), key=lambda i: found[i] - exact[i])
    for place in range(total - sum(found)):
        found[order[place % len(order)]] += 1
    while sum(found) > total:
        found[max(range(len(found)), key=lambda i: found[i])] -= 1
    return found


def figures_of(source: ExampleSource, *, heldout: bool = False) -> FigureSource | None:
    """The figures in a source, or None where there are none. heldout: with the names of their own lists."""
    if isinstance(source, FigureSource):
        return replace(source, heldout=heldout, open_names=0.0 if heldout else source.open_names)
    if isinstance(source, MixedSource):
        for one in source.sources.values():
            if isinstance(one, FigureSource):
                return figures_of(one, heldout=heldout)
    return None
