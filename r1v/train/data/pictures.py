"""Pictures in a row of training data under keys that are not read: a question is never trained without them.

Enters: the values of a row that are not used. Leaves: nothing, or a ValueError that names the key. Always
holds: a value that is a picture (a data URL of an image, encoded bytes, a picture of PIL, or a path that ends
as an image does and exists beside the file) is refused under whatever key.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

ENDINGS = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic",
     ".svg")
)  # fmt: skip
_WORDS = ("image", "img", "picture", "photo", "pixel", "video", "conversations")
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
DEPTH = 8  # of lists and objects that are searched; a row that hides its picture deeper is not read as one


def refuse_unread(
    unread: Mapping[str, Any], read: Collection[Any], folder: Path | None, where: str = ""
) -> None:
    """ValueError: one of some values that are not used is a picture, or its key says so and the row has none.

    read: the sources of the images that the row has; an unread value that names one of them again loses
    nothing. folder: where paths begin; None where the row has no place. where: what holds the keys.
    """
    for key, value in unread.items():
        if any(is_picture(one, folder) and not _is_of(one, read, folder) for one in leaves(value)):
            raise ValueError(f"{where}key {key!r} holds an image but is not read; call it images")
        named = any(word in str(key).lower() for word in _WORDS)
        if not named or isinstance(value, bool | int | float) or value is None or not any(leaves(value)):
            continue
        if not read:
            raise ValueError(f"{where}key {key!r} looks like an image but is not read; call it images")
        if any(_ends_as_image(one) and not _is_of(one, read, folder) for one in leaves(value)):
            raise ValueError(f"{where}key {key!r} names an image but is not read; call it images")


def leaves(value: Any, depth: int = DEPTH) -> Iterator[Any]:
    """The values in lists and objects, at any place."""
    if isinstance(value, Mapping | list | tuple):
        if depth:
            for one in value.values() if isinstance(value, Mapping) else value:
                yield from leaves(one, depth - 1)
    else:
        yield value


def is_data_url(value: Any) -> bool:
    """Whether a value is the data URL of an image."""
    return isinstance(value, str) and value[:64].lstrip()[:11].lower() == "data:image/"


def is_picture(value: Any, folder: Path | None) -> bool:
    """Whether a value is a picture, however its key is called."""
    if isinstance(value, bytes):
        return value.startswith(_STARTS)
    if hasattr(value, "convert") and hasattr(value, "size"):
        return True
    return is_data_url(value) or (folder is not None and _ends_as_image(value) and _exists(value, folder))


def _ends_as_image(value: Any) -> bool:
    if not isinstance(value, str | os.PathLike) or len(str(value)) > 1000 or "\n" in str(value):
        return False
    return PurePath(str(value).strip()).suffix.lower() in ENDINGS


def _exists(value: str | os.PathLike[str], folder: Path) -> bool:
    try:
        return (folder / str(value).strip()).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_of(value: Any, read: Collection[Any], folder: Path | None) -> bool:
    """Whether a value is one of the images that the row has: the same source, or the end of its path where
    that alone leads to no file."""
    if not isinstance(value, str | os.PathLike):
        return any(value is one or (isinstance(value, bytes) and value == one) for one in read)
    parts = PurePath(str(value).strip()).parts
    alone = folder is not None and _exists(value, folder)
    for one in read:
        if isinstance(one, str | os.PathLike):
            theirs = PurePath(str(one)).parts
            if theirs == parts or (not alone and parts and theirs[-len(parts) :] == parts):
                return True
    return False
