"""Reads fields of rows, which data sets name differently.

Enters: a row of an official file or of one of VLMEvalKit's tables. Leaves: a field, options, pictures. Always
holds: empty values (None, an empty text, a table's "nan") count as absent.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from r1v.core import ImageRef
from r1v.eval.item import Json
from r1v.eval.questions.data import DataError, image_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PICTURES = ("images", "image", "image_path", "decoded_image", "picture")
MAX_INDEX = 64  # characters; a longer text is a picture, not the index of another row


def given(row: Json, *names: str) -> Any:
    """The first of the named fields that is present; None if none is."""
    for name in names:
        value = row.get(name)
        if value is None or (isinstance(value, float) and value != value):
            continue
        if isinstance(value, str) and value.strip() in ("", "nan"):
            continue
        return value
    return None


def text_of(row: Json, *names: str) -> str:
    """The same as text, "" if it is absent."""
    found = given(row, *names)
    return "" if found is None else str(found).strip()


def listed(value: object) -> list[str]:
    """A list that may be stored as the text of a Python list."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                value = ast.literal_eval(text)
            except (ValueError, SyntaxError) as error:
                raise DataError(f"options {text[:80]!r} are not a list; write them as a list") from error
        else:
            value = [value] if text else []
    return [str(entry) for entry in value] if isinstance(value, list | tuple) else []


def options_of(row: Json, *names: str) -> tuple[str, ...]:
    """The options of a row: a list (also one that is written as text) under one of the names, or the columns
    A, B, … Raises DataError for an object, whose order and names a list does not have."""
    found = given(row, *(names or ("options", "choices")))
    if isinstance(found, Mapping):
        raise DataError(f"options {str(dict(found))[:60]!r} are an object; expected a list")
    if found is not None:
        return tuple(listed(found if isinstance(found, str) else list(found)))
    columns = []
    for letter in LETTERS:
        value = given(row, letter)
        if value is None:
            break
        columns.append(str(value))
    return tuple(columns)


def shared_pictures(rows: Sequence[Json]) -> dict[str, Any]:
    """Pictures by the index of their row: in VLMEvalKit's tables a row may name another row's picture."""
    return {
        str(row["index"]): row["image"]
        for row in rows
        if row.get("index") is not None
        and isinstance(row.get("image"), str)
        and len(row["image"]) > MAX_INDEX
    }


def pictures_of(
    row: Json, folder: Path, shared: Mapping[str, Any] | None = None, names: Sequence[str] = PICTURES
) -> list[ImageRef]:
    """The pictures of a row: one, a list, or a list that is written as text. Raises DataError."""
    found = given(row, *names)
    if isinstance(found, str) and found.startswith("["):
        found = listed(found)
    pictures = list(found) if isinstance(found, list | tuple) else [] if found is None else [found]
    known = shared or {}
    sources = [
        known.get(one, one) if isinstance(one, str) and len(one) <= MAX_INDEX else one for one in pictures
    ]
    return [ImageRef(image_of(one, folder)) for one in sources]
