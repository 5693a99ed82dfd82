"""The sources of what people say: for each its families, and how one item is made.

Enters: a source's name, a family of it, a seed and a split. Leaves: a ``Said``. Always holds: the item
follows from these four and the variation.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from r1v.core import ConfigError
from r1v.figures.catalogue import family as family_of
from r1v.figures.item import Split
from r1v.figures.people.everyday import make_everyday
from r1v.figures.people.follow import KINDS as FOLLOWING
from r1v.figures.people.follow import follow
from r1v.figures.people.refuse import KINDS as UNKNOWN
from r1v.figures.people.refuse import refuse
from r1v.figures.people.said import Said, boxed
from r1v.figures.people.stories import make_steps, make_story
from r1v.figures.people.talk import KINDS, talk
from r1v.figures.people.typed import make_typed
from r1v.figures.people.voices import PICTURES, VOICED, voice

# the share of training questions whose chain first says that picture and question are of one kind, and reads
# on, where a refusal names two kinds
BOTH = 0.03

# source -> its families; a family named twice is drawn twice as often
SOURCES: dict[str, tuple[str, ...]] = {
    "people": VOICED,
    "typed": (*("sum",) * 4, *("story",) * 5, *("steps",) * 4, *("everyday",) * 4),
    "talk": (
        "more",
        "more",
        "again",
        "again",
        "why",
        "why",
        "sure",
        "sure",
        "new_picture",
        "new_picture",
        "sums",
        "apart",
    ),
    "follow": (
        "goes_on",
        "goes_on",
        "event",
        "swap",
        "swap",
        "doubt",
        "doubt",
        "correct",
        "corrects_figure",
        "corrects_figure",
        "greeting",
        "thanks",
    ),
    "refuse": (
        "strange",
        "strange",
        "strange",
        "name",
        "name",
        "other",
        "other",
        "unclear",
        "unclear",
        "blind",
        "world",
        "zero",
        "chat",
    ),
}
assert set(SOURCES["talk"]) == set(KINDS) and set(SOURCES["follow"]) == set(FOLLOWING)
assert set(SOURCES["refuse"]) == set(UNKNOWN)


def max_images(source: str, family: str) -> int:
    """The most pictures that an item of a family has, earlier turns included."""
    if source == "people":
        return family_of(family).num_images
    if source == "talk":
        return 0 if family == "sums" else 2
    if source == "follow":
        return 2 if family == "corrects_figure" else 0
    if source == "refuse":
        return {"strange": 1, "name": 1, "other": 2, "unclear": 2}.get(family, 0)
    return 0


def said(source: str, family: str, seed: int, split: Split, variation: float = 1.0) -> Said:
    """One item. ConfigError: the source or family is not known."""
    if family not in SOURCES.get(source, ()):
        raise ConfigError(f"{source!r} has no family {family!r}; the sources are {', '.join(SOURCES)}")
    if source == "people":
        found = voice(family, seed, split, variation)
        if split == "train" and Random(f"both/{family}/{seed}").random() < BOTH:
            both = f"picture: {PICTURES[family]}\nasked about: {PICTURES[family]}\n"
            found = replace(found, solution=both + found.solution)
        return found
    if source == "talk":
        return talk(family, seed, split, variation)
    if source == "follow":
        return follow(family, seed, split, variation)
    if source == "refuse":
        return refuse(family, seed, split, variation)
    rng = Random(f"typed/{family}/{seed}/{split}")
    if family in ("story", "steps"):
        question, answer, solution, template = (make_story if family == "story" else make_steps)(rng, split)
        return Said(family, template, split, (), question, answer, "number", solution, boxed(answer))
    make = make_everyday if family == "everyday" else make_typed
    question, answer, kind, solution, template = make(rng, split)
    return Said(family, template, split, (), question, answer, kind, solution, boxed(answer))
