"""The places of pictures in the text of a question.

Enters: a text with marks such as ``<image 1>`` and the pictures. Leaves: text and pictures in order. Always
holds: each picture is shown once; a picture without a mark comes before the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from r1v.core import ImageRef

MARK = re.compile(r"<image[\s_]*(\d*)>")


def placed(text: str, pictures: Mapping[int, ImageRef] | Sequence[ImageRef]) -> tuple[str | ImageRef, ...]:
    """Text and pictures in the order of the marks. pictures: by number, or in order from 1. A mark without a
    number (``<image>``) stands for the next picture. Where a picture is mentioned again, its number is
    written."""
    refs = dict(pictures) if isinstance(pictures, Mapping) else dict(enumerate(pictures, 1))
    marks, following = [], 0
    for match in MARK.finditer(text):
        following = int(match[1]) if match[1] else following + 1
        marks.append((match, following))
    parts: list[str | ImageRef] = []
    for number in sorted(refs.keys() - {number for _, number in marks}):
        parts += [refs[number], "\n"]
    shown: set[int] = set()
    position = 0
    for match, number in marks:
        parts.append(text[position : match.start()])
        parts += [refs[number]] if number in refs and number not in shown else [f"(picture {number})"]
        shown.add(number)
        position = match.end()
    parts.append(text[position:])
    return tuple(part for part in parts if part != "")
