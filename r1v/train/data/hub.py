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
        self, name: str, seed: int = 0, *, chains: bool = True, columns: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.seed, self.chains = name, seed, chains
        self.data = _open(name)
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


def _open(name: str) -> Any:
    """The split that a name means."""
    try:
        import datasets
    except ImportError:
        raise ConfigError(
            f"{name} needs datasets, which is not installed: pip install 'r1v[train]'"
        ) from None
    if name.endswith(".parquet"):
        try:
            return datasets.load_dataset("parquet", data_files=name, split="train")
        except (OSError, ValueError) as error:
            raise ConfigError(f"data file {name} cannot be read: {error}") from None
    place, _, split = name.removeprefix(PREFIX).partition(":")
    try:
        if not Path(place).is_dir():
            return datasets.load_dataset(place, split=split or "train")
        found = datasets.load_from_disk(place)
        return found[split or "train"] if isinstance(found, datasets.DatasetDict) else found
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"dataset {name} cannot be read: {error}") from None
