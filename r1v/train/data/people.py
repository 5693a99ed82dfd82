"""Examples of what people ask in their own words, with the turns before."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from r1v.core import ImageRef
from r1v.figures import people
from r1v.prompt import is_refusal
from r1v.train.data.examples import AnswerKey, Earlier, Example


@dataclass(frozen=True)
class PeopleSource:
    """One of `r1v.figures.people.SOURCES`, without end. heldout: its held-out seeds and wordings instead."""

    name: str
    families: tuple[str, ...]
    heldout: bool = False

    def max_images(self, family: str) -> int:
        """As the source says."""
        return people.max_images(self.name, family)

    def pick(self, number: int, seed: str) -> tuple[str, int]:
        """A family at random; there is no end."""
        return Random(seed).choice(self.families), number

    def example(self, family: str, index: int, variation: float) -> Example:
        """The item of the index-th seed of the split."""
        seed = index * 8 + 7 if self.heldout else index // 7 * 8 + index % 7
        item = people.said(self.name, family, seed, "heldout" if self.heldout else "train", variation)
        refusal = None if item.answer else is_refusal(item.reply)
        earlier = tuple(Earlier(tuple(map(ImageRef, t.images)), t.question, t.reply) for t in item.earlier)
        return Example(
            tuple(map(ImageRef, item.images)), item.question, item.solution, item.reply,
            AnswerKey(item.answer, item.answer_type, item.tolerance, refusal), item.facts,
            earlier=earlier, answerable=bool(item.answer),
        )  # fmt: skip
