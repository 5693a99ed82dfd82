"""What distinguishes the files of one set of questions from those of another.

Enters: names of files, rows, and the marks of the requested set. Leaves: in words, why they do not belong to
that set. Always holds: only known properties of a set are checked.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from r1v.eval.item import Json

# words in file names that say which split a file holds -> the split
_SPLITS = {
    "train": "train", "training": "train", "validation": "validation", "val": "validation", "dev": "dev",
    "test": "test", "testmini": "testmini",
}  # fmt: skip

# VLMEvalKit's tables by their names, with the MD5 that it checks after a download (its fork in Skywork-R1V at
# b806cef)
_TABLES = {
    "MMStar.tsv": "e1ecd2140806c1b1bbf54b43372efb9e",
    "MMBench_DEV_EN_V11.tsv": "30c05be8f2f347a50be25aa067248184",
    "HallusionBench.tsv": "0c23ac0dc9ef46832d7a24504f2a0c7c",
    "MathVerse_MINI_Vision_Only.tsv": "68a11d4680014ac881fa37adeadea3a4",
    "WeMath.tsv": "b5e969a075f01290a542411fb7766388",
    "DynaMath.tsv": "b8425ad9a7114571fc9366e013699494",
    "LogicVista.tsv": "41c5d33adf33765c399e0e6ae588c061",
}


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a set.

    split: a file whose name says another split is refused; "" checks nothing. lacks: fields that other sets
    have and this one does not have. each: for a field (a dot reaches into an object) the pattern of its text,
    in every row that has the field. num_options: the allowed range for the number of options of the question
    that has the most of them. num_questions: of the whole set, with the benchmark's default options; None if
    no official number is known. content: the ``content_digest`` of the whole set, "" if it is not known.
    """

    split: str = ""
    lacks: tuple[str, ...] = ()
    each: Mapping[str, str] = field(default_factory=dict)
    num_options: tuple[int, int] | None = None
    num_questions: int | None = None
    content: str = ""


def other_split(marks: Marks, path: Path) -> str | None:
    """The split that a file's name says, if it is not the requested one."""
    words = re.split(r"[^a-z]+", path.stem.lower().replace("test_mini", "testmini"))
    said = [_SPLITS[word] for word in words if word in _SPLITS]
    return said[0] if marks.split and said and marks.split not in said else None


def wrong_row(marks: Marks, row: Json) -> str | None:
    """In words, what a row has that no row of the set has."""
    for name in marks.lacks:
        if row.get(name) is not None:
            return f"a field {name!r}"
    for name, form in marks.each.items():
        value = _reached(row, name)
        if value is not None and not re.fullmatch(form, str(value)):
            return f"{name} {str(value)[:40]!r}"
    return None


def wrong_rows(marks: Marks, rows: Sequence[Json]) -> str | None:
    """In words, what all rows together have that the set does not have."""
    if marks.num_options is not None:
        low, high = marks.num_options
        most = max((_num_options(row) for row in rows), default=0)
        if not low <= most <= high:
            return f"at most {most} options to a question"
    return None


def asked_for(marks: Marks, repo: str) -> str:
    """A description of the set: repository, split, number of questions, options."""
    parts = [f"the {marks.split} split"] if marks.split else []
    if marks.num_questions is not None:
        parts.append(f"{marks.num_questions:,} questions")
    if marks.num_options is not None:
        parts.append("up to {1} options".format(*marks.num_options))
    return f"{repo} ({', '.join(parts)})" if parts else repo


def published_table(paths: Sequence[Path]) -> bool | None:
    """Whether a table of VLMEvalKit is byte for byte the published one; None where the files are no such
    table, or several files."""
    known = _TABLES.get(paths[0].name) if len(paths) == 1 else None
    if known is None:
        return None
    with open(paths[0], "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest() == known


def content_digest(rows: Sequence[Json], fields: Sequence[str]) -> str:
    """A hash of the given fields of all rows. It does not depend on the order of the rows or the format of
    the file: absent values are left out, and a number counts as its text."""
    lines = sorted(
        json.dumps([_plain(row.get(name)) for name in fields], sort_keys=True, ensure_ascii=False)
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return "" if value is None else str(value).strip()


def _reached(row: Json, path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _num_options(row: Json) -> int:
    """The number of options of a row, which are a list or the text of one."""
    options = row.get("options")
    if isinstance(options, str):
        try:
            options = ast.literal_eval(options.strip())
        except (ValueError, SyntaxError):
            return 0
    return len(options) if isinstance(options, list | tuple) else 0
