"""Hugging Face datasets as a source of examples.

Enters: a dataset of the Hub, or a folder that ``save_to_disk`` wrote. Leaves: examples. Always holds: columns
are the keys of a JSONL file (`r1v.train.data.rows`); a bad row is named when it is asked for, never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from r1v.core import ConfigError, ImageRef
from r1v.train.core.checks import reason
from r1v.train.data.examples import Example, example_of, pick_row
from r1v.train.data.order import shuffled
from r1v.train.data.rows import CHAIN, IMAGES, QUESTION, num_images, read_row

PREFIX = "hf:"


class DatasetSource:
    """Rows of one split; they repeat in a new order each epoch. chains: rows need ``thinking`` or
    ``solution``.

    name: ``hf:NAME`` or ``hf:NAME:SPLIT`` (train unless named), NAME of the Hub or a folder. A column
    ``family`` groups the rows. ConfigError: datasets is not installed, the dataset cannot be read or lacks a
    column.
    """

    def __init__(
        self, name: str, seed: int = 0, *, chains: bool = True, columns: Mapping[str, str] | None = None,
        key: str = "data.source",
    ) -> None:  # fmt: skip
        self.name, self.seed, self.chains = name, seed, chains
        self.held: DatasetSource | None = None  # see `sources.open_source`
        self.data = _open(name, key)
        if not len(self.data):
            raise ConfigError(f"{key}: {name} is empty; it needs a row for each question")
        for ours, theirs in (columns or {}).items():
            if theirs not in self.data.column_names:
                raise ConfigError(f"{name} has no column {theirs!r}, which data.columns.{ours} names")
            if ours in self.data.column_names and ours != theirs:
                self.data = self.data.remove_columns(ours)
            self.data = self.data.rename_column(theirs, ours) if ours != theirs else self.data
        present = set(self.data.column_names)
        needed = [{*QUESTION, "messages"}, {"answer", "solution", "messages"}]
        needed += [{*CHAIN, "messages"}] if chains else []
        for choice in needed:
            if not choice & present:
                raise ConfigError(
                    f"{name} has no column {' or '.join(sorted(choice))}; it has {', '.join(sorted(present))}"
                )
        self.rows: dict[str, list[int]] = {}
        families = self.data["family"] if "family" in present else ["all"] * len(self.data)
        for number, family in enumerate(families):
            self.rows.setdefault("all" if family is None else family, []).append(number)
        if not all(isinstance(family, str) for family in self.rows):
            raise ConfigError(f"column family of {name} does not hold text; make it text, or rename it")
        self.families = tuple(self.rows)
        self._widest: dict[str, int] = {}

    def identities(self, family: str) -> list[str]:
        """Of each row, what makes it the same question as another: its text, or its number where the data set
        has pictures, which are not decoded for this."""
        columns = set(self.data.column_names)
        texts = [name for name in QUESTION if name in columns]
        if columns & set(IMAGES) or len(texts) != 1:
            return list(map(str, self.rows[family]))
        questions = list(self.data[texts[0]])
        return [str(questions[number]) for number in self.rows[family]]

    def max_images(self, family: str) -> int:
        """The most that any row of the family has; counted without decoding a picture."""
        if family not in self._widest:
            columns = [name for name in (*IMAGES, "messages") if name in self.data.column_names]
            counts = [self._counts(name) for name in columns]
            self._widest[family] = max(
                (max(count[number] for count in counts) for number in self.rows[family]), default=0
            ) if counts else 0  # fmt: skip
        return self._widest[family]

    def _counts(self, name: str) -> list[int]:
        """How many images each row has in a column."""
        column = self.data.with_format("arrow")[name]
        chunks = column.chunks if hasattr(column, "chunks") else [column[:]]
        cells = [cell for chunk in chunks for cell in chunk]
        if name == "messages":
            return [num_images(cell.as_py()) for cell in cells]
        lists = bool(chunks) and type(chunks[0].type).__name__.endswith("ListType")
        return [(len(cell) if lists else 1) if cell.is_valid else 0 for cell in cells]

    def pick(self, number: int, seed: str) -> tuple[str, int]:
        """The next row of the epoch's order over all families."""
        return pick_row({family: len(self.rows[family]) for family in self.families}, number, self.seed)

    def example(self, family: str, index: int, variation: float) -> Example:
        """Row ``index`` of the epoch's order; variation has no meaning here. ConfigError names a bad row."""
        rows = self.rows[family]
        epoch, place = divmod(index, len(rows))
        number = rows[shuffled(place, len(rows), f"{self.seed}/{epoch}")]
        try:
            row = read_row(self.data[number], chains=self.chains)
            found = example_of(row, tuple(map(ImageRef, row.images)))
            return replace(found, origin=f"row {number} of {self.name}")
        except (ValueError, OSError) as error:
            raise ConfigError(f"row {number} of {self.name}: {error}") from None


def _open(name: str, key: str) -> Any:
    """The split that a name means."""
    try:
        import datasets
    except ImportError:
        raise ConfigError(
            f"{key}: {name} needs datasets, which is not installed: pip install 'r1v[train]'"
        ) from None
    place, _, split = name.removeprefix(PREFIX).partition(":")
    split = split or "train"
    try:
        if not name.startswith(PREFIX):
            return _parquet(name, key)
        if not Path(place).is_dir():
            return _of_hub(place, split, key)
        found = datasets.load_from_disk(place)
    except IndexError:  # it has no part
        raise ConfigError(f"{key}: {name} is empty; it needs a row for each question") from None
    except (OSError, ValueError, KeyError, datasets.exceptions.DatasetsError) as error:
        said = str(error).strip().partition("\n")[0]
        raise ConfigError(f"{key}: {name} cannot be read: {said}") from None
    if not isinstance(found, datasets.DatasetDict):
        return found
    if split not in found:
        raise ConfigError(
            f"{key}: {name} has no split {split}; write {PREFIX}{place}:{' or :'.join(map(str, found))}"
        )
    return found[split]


def _parquet(name: str, key: str) -> Any:
    """The rows of a Parquet file."""
    import datasets

    try:
        with Path(name).open("rb") as file:
            begin, size = file.read(4), file.seek(0, 2)
            file.seek(max(0, size - 4))
            end = file.read()
    except OSError as error:
        remedy = f"name a file in it ({name}/…)" if Path(name).is_dir() else "name another file"
        raise ConfigError(f"{key}: {name} cannot be read: {reason(error)}; {remedy}") from None
    if begin != b"PAR1":
        raise ConfigError(f"{key}: {name} is {'no Parquet file' if begin else 'empty'}; write it again")
    if end != begin:
        raise ConfigError(f"{key}: {name} is damaged: its end is missing; write or download it again")
    try:
        return datasets.load_dataset("parquet", data_files=name, split="train")
    except datasets.exceptions.DatasetsError as error:
        cause = error.__cause__ or error
    except (OSError, ValueError) as error:
        if "corresponds to no data" in str(error):
            raise ConfigError(f"{key}: {name} is empty; it needs a row for each question") from None
        cause = error
    said = str(cause).strip().partition("\n")[0]
    raise ConfigError(f"{key}: {name} is damaged ({said}); write or download it again")


def _of_hub(place: str, split: str, key: str) -> Any:
    """A split of a data set of the Hub, from the cache or downloaded."""
    import datasets

    if place.startswith((".", "/", "~")) or place.count("/") > 1:
        raise ConfigError(
            f"{key}: there is no folder {place}; name one that save_to_disk wrote, or a data set of the Hub"
        )
    try:
        return datasets.load_dataset(place, split=split)
    except ConnectionError:
        raise ConfigError(
            f"{key}: the Hub cannot be reached for {place}; look at the connection, or write the data set "
            "elsewhere with save_to_disk and name that folder"
        ) from None
