"""Examples of another source, with a share of their pictures degraded as pages, scans and photographs degrade
them.

Enters: a source. Leaves: its examples. Always holds: family and index decide which pictures are degraded, and
how.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from PIL import Image

from r1v.core import ImageRef
from r1v.figures import abroad
from r1v.train.data.examples import Example, ExampleSource


@dataclass(frozen=True)
class SpoiltSource:
    """share: of the examples with pictures, in [0, 1]. Files, which are opened later, stay as they are."""

    source: ExampleSource
    share: float

    @property
    def families(self) -> tuple[str, ...]:
        """Of the source."""
        return self.source.families

    def max_images(self, family: str) -> int:
        """Of the source."""
        return self.source.max_images(family)

    def pick(self, number: int, seed: str) -> tuple[str, int]:
        """As the source picks."""
        return self.source.pick(number, seed)

    def example(self, family: str, index: int, variation: float) -> Example:
        """The source's example, degraded or not."""
        example = self.source.example(family, index, variation)
        rng = Random(f"spoil/{family}/{index}")
        if rng.random() >= self.share:
            return example
        # the pictures of one question are degraded in the same way
        name, state = family.rpartition("/")[2], rng.random()
        images = tuple(
            ImageRef(abroad.spoil(ref.source, name, Random(state)))
            if isinstance(ref.source, Image.Image)
            else ref
            for ref in example.images
        )
        return replace(example, images=images)


def spoilt(source: ExampleSource, share: float) -> ExampleSource:
    """The source itself if no picture is to be degraded."""
    return SpoiltSource(source, share) if share > 0 else source
