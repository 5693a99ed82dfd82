"""Hugging Face datasets as a source of examples.

Enters: a dataset of the Hub, or a folder that ``save_to_disk`` wrote. Leaves: examples. Always holds: columns
are those of a JSONL file, with pictures in ``images`` or ``image``; a bad row is named when it is asked for,
never replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from r1v.core import ConfigError, ImageRef
from r1v.train.data.examples import Example, parse_text

PREFIX = "hf:"


class DatasetSource:
    """Rows of one split; they repeat in a new order each epoch. chains: rows need ``thinking`` or
    ``solution``.

    name: ``hf:NAME`` or ``hf:NAME:SPLIT`` (train unless named), NAME of the Hub or a folder. A column
    ``family`` groups the rows. ConfigError: datasets is not installed, the dataset cannot be read or lacks a
    column.
    """

    def __init__(self, name: str, seed: int = 0, *, chains: bool = True) -> None:
        self.name, self.seed, self.chains = name, seed, chains
        self.data = _open(name)
        columns = set(self.data.column_names)
        needed = [{"question"}, {"answer"}, *([{"thinking", "solution"}] if chains else [])]
        for choice in needed:
            if not choice & columns:
                raise ConfigError(
                    f"{name} has no column {' or '.join(sorted(choice))}; it has {', '.join(sorted(columns))}"
                )
        self.rows: dict[str, list[int]] = {}
        families = self.data["family"] if "family" in columns else ["all"] * len(self.data)
        for number, family in enumerate(families):
            self.rows.setdefault(str(family), []).append(number)
        self.families = tuple(self.rows)
        self._widest: dict[str, int] = {}

    def max_images(self, family: str) -> int:
        """The most that any row of the family has; counted without decoding a picture."""
        if "image" in self.data.column_names:
            return 1
        if "images" not in self.data.column_names:
            return 0
        if family not in self._widest:
            column = self.data.with_format("arrow")["images"]
            chunks = column.chunks if hasattr(column, "chunks") else [column[:]]
            lengths = [len(one) for chunk in chunks for one in chunk]
            self._widest[family] = max(lengths[number] for number in self.rows[family])
        return self._widest[family]

    def example(self, family: str, index: int, variation: float) -> Example:
        """Row ``index`` of the epoch's order; variation has no meaning here. ConfigError names a bad row."""
        rows = self.rows[family]
        epoch, place = divmod(index, len(rows))
        number = rows[int(np.random.default_rng([self.seed, epoch]).permutation(len(rows))[place])]
        try:
            row = self.data[number]
            found = row.get("images") or ([row["image"]] if row.get("image") is not None else [])
            return parse_text(row, tuple(ImageRef(image) for image in found), chains=self.chains)[1]
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ConfigError(f"row {number} of {self.name}: {type(error).__name__}: {error}") from None


def _open(name: str) -> Any:
    """The split that a name means."""
    try:
        import datasets
    except ImportError:
        raise ConfigError(
            f"{name} needs datasets, which is not installed: pip install 'r1v[train]'"
        ) from None
    place, _, split = name.removeprefix(PREFIX).partition(":")
    try:
        if not Path(place).is_dir():
            return datasets.load_dataset(place, split=split or "train")
        found = datasets.load_from_disk(place)
        return found[split or "train"] if isinstance(found, datasets.DatasetDict) else found
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"dataset {name} cannot be read: {error}") from None
