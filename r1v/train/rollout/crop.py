"""An environment in which the model may look closer: it asks for a part of the picture and sees it enlarged.

Enters: ``<crop>left, top, right, bottom</crop>`` in percent of the question's first picture. Leaves: that
part, enlarged to the picture's longer side. Always holds: a turn without the mark is the answer; a part that
cannot be cut is said so, and the episode goes on.
"""

from __future__ import annotations

import io
import re

from PIL import Image

from r1v.core import ImageRef
from r1v.prompt import open_image
from r1v.train.rollout.turns import EpisodeStart, Observation

MARK = re.compile(r"<crop>(.*?)</crop>", re.DOTALL)
WAY = "Write <crop>left, top, right, bottom</crop> in percent of the picture."


class CropAndZoom:
    """Thinking with images: an `Environment`."""

    def begin(self, asked: EpisodeStart) -> Image.Image | None:
        """The first picture, or None where there is none."""
        return open_image(asked.images[0]) if asked.images else None

    def reply(self, state: Image.Image | None, text: str) -> Observation | None:
        """The part that was asked for."""
        found = MARK.search(text)
        if found is None:
            return None
        if state is None:
            return Observation("There is no picture.")
        box = box_of(found[1], state.size)
        if box is None:
            return Observation(f"That is not a part of the picture. {WAY}")
        part = state.crop(box)
        scale = max(state.size) / max(part.size)
        size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
        stream = io.BytesIO()
        part.resize(size, Image.Resampling.BICUBIC).save(stream, "PNG")
        return Observation("This is the part.", (ImageRef(stream.getvalue()),))


def box_of(text: str, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Pixels (left, top, right, bottom) of a part in percent, at least one wide and high; None for none."""
    try:
        left, top, right, bottom = (float(value) for value in text.replace(",", " ").split())
    except ValueError:
        return None
    if not (0 <= left < right <= 100 and 0 <= top < bottom <= 100):  # false for NaN
        return None
    width, height = size
    x, y = min(int(left * width / 100), width - 1), min(int(top * height / 100), height - 1)
    return x, y, max(x + 1, round(right * width / 100)), max(y + 1, round(bottom * height / 100))
