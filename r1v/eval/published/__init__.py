"""Published scores, each with its source and its note: ``scores.csv`` beside this file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cache
from importlib import resources

RELEASE_PAGE = "release page, April 2025"
CHARTS = "release charts and R1V2 report Figures 2-4"


@dataclass(frozen=True, slots=True)
class Published:
    """One printed number. score: percent. printed: the number as its source prints it. note: a peculiarity of
    it."""

    model: str
    benchmark: str
    score: float
    printed: str
    source: str
    note: str


@cache
def published() -> tuple[Published, ...]:
    """All printed numbers, in the order of the file."""
    text = resources.files(__package__).joinpath("scores.csv").read_text(encoding="utf-8")
    return tuple(
        Published(
            row["model"], row["benchmark"], float(row["score"]), row["score"], row["source"], row["note"]
        )
        for row in csv.DictReader(io.StringIO(text))
    )
