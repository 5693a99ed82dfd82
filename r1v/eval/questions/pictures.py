"""The places of pictures in the text of a question.

Enters: a text with marks such as ``<image 1>`` and the pictures. Leaves: text and pictures in order, and an
error for a damaged picture. Always holds: each picture is shown once; a picture without a mark comes before
the text.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterable, Mapping, Sequence

from r1v.core import ImageRef
from r1v.eval.item import image_bytes
from r1v.prompt import ImageLimits, open_image

MARK = re.compile(r"<image[\s_]*(\d*)>")
MAX_DECODING_S = 20.0  # for the pictures of one file of questions; those behind it are decoded when asked


class PictureCheck:
    """Decodes pictures before the first question is asked, for at most MAX_DECODING_S seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def check(self, pictures: Iterable[ImageRef]) -> None:
        """Raise ImageError for a picture that is cut off or damaged. One over our engine's limits is left to
        whoever answers, and so is a picture for which no time is left."""
        for picture in pictures:
            if self.seconds > MAX_DECODING_S or not _within_limits(picture):
                continue
            started = time.monotonic()
            try:
                open_image(picture)
            finally:
                self.seconds += time.monotonic() - started


def _within_limits(picture: ImageRef) -> bool:
    from PIL import Image

    limits, data = ImageLimits(), image_bytes(picture)
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return (
        len(data) <= limits.max_bytes
        and width * height <= limits.max_pixels
        and max(width, height) <= limits.max_side
    )


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
