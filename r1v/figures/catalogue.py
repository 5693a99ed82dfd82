"""The list of families, and how a figure is made from (family, seed)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from random import Random

from r1v.core import ConfigError
from r1v.figures import wording
from r1v.figures.drawing.style import FONTS, Style
from r1v.figures.item import DIFFICULTIES, SPLITS, Difficulty, Draft, Family, Figure, Request, Split
from r1v.figures.names import OPEN_SHARE

# family -> module that holds it as FAMILY; loaded when first used
FAMILIES: dict[str, str] = {
    "counting": "r1v.figures.families.counting",
    "spatial": "r1v.figures.families.spatial",
    "clock": "r1v.figures.families.clock",
    "compare": "r1v.figures.families.compare",
    "expression": "r1v.figures.families.expression",
    "bar_chart": "r1v.figures.families.bar_chart",
    "line_chart": "r1v.figures.families.line_chart",
    "pie_chart": "r1v.figures.families.pie_chart",
    "table": "r1v.figures.families.table",
    "function_plot": "r1v.figures.families.function_plot",
    "kinematics": "r1v.figures.families.kinematics",
    "geometry": "r1v.figures.families.geometry",
    "circuit": "r1v.figures.families.circuit",
    "theorem": "r1v.figures.families.theorem",
    "solid": "r1v.figures.families.solid",
    "force": "r1v.figures.families.force",
    "formula": "r1v.figures.families.formula",
    "venn": "r1v.figures.families.venn",
    "network": "r1v.figures.families.network",
    "town_map": "r1v.figures.families.town_map",
    "calendar": "r1v.figures.families.calendar",
    "money": "r1v.figures.families.money",
    "odd_one": "r1v.figures.families.odd_one",
    "handwriting": "r1v.figures.families.handwriting",
    "icon": "r1v.figures.families.icon",
    "molecule": "r1v.figures.families.molecule",
    "arithmetic": "r1v.figures.families.arithmetic",
    "word_problem": "r1v.figures.families.word_problem",
}


def family(name: str) -> Family:
    """A family by its name. Raises ConfigError for an unknown one."""
    if name not in FAMILIES:
        raise ConfigError(f"figure family {name!r} is not known; use one of {', '.join(FAMILIES)}")
    found: Family = importlib.import_module(FAMILIES[name]).FAMILY
    return found


def split_of_seed(seed: int) -> Split:
    """Which split a seed belongs to: every eighth is held out."""
    return "heldout" if seed % 8 == 7 else "train"


def seeds(split: Split | None, start: int = 0) -> Iterator[int]:
    """The seeds of a split (None: all) from ``start`` on, without end."""
    if split is not None and split not in SPLITS:
        raise ConfigError(f"split {split!r} is not known; use one of {', '.join(SPLITS)}")
    seed = start
    while True:
        if split is None or split_of_seed(seed) == split:
            yield seed
        seed += 1


def difficulty_of_seed(name: str, seed: int) -> Difficulty:
    """The difficulty that ``make`` draws for a seed, without making its figure."""
    return _begin(name, seed, None)[1]


def _begin(name: str, seed: int, difficulty: Difficulty | None) -> tuple[Random, Difficulty]:
    """A figure's random numbers, and its difficulty, which is the first thing drawn."""
    rng = Random(f"{name}/{seed}/{difficulty}")
    return rng, difficulty if difficulty is not None else rng.choice(DIFFICULTIES)


def make(
    name: str,
    seed: int,
    *,
    variation: float = 1.0,
    difficulty: Difficulty | None = None,
    fonts: tuple[str, ...] = FONTS,
    kind: str | None = None,
    words: Callable[[str, Mapping[str, object]], tuple[str, str]] | None = None,
    open_names: float = 0.0,
) -> Figure:
    """The figure of (family, seed).

    variation: how far the look may stray from the plain one, in [0, 1]. difficulty: None draws it too; naming
    one gives another figure of the same seed. fonts: the faces to draw from. kind: of question; None draws it
    too. words: what turns the kind and its fields into the question and the name of its wording, in place of
    the family's own grammar. open_names: share of the pictures whose names are any names, not those of the
    family's lists.
    """
    kind_of = family(name)
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must be at least 0")
    if not 0.0 <= variation <= 1.0:
        raise ConfigError(f"variation is {variation}; it must be at least 0 and at most 1")
    if difficulty is not None and difficulty not in DIFFICULTIES:
        raise ConfigError(f"difficulty {difficulty!r} is not known; use one of {', '.join(DIFFICULTIES)}")
    rng, drawn = _begin(name, seed, difficulty)
    split = split_of_seed(seed)
    chance = rng.choice(tuple(kind_of.kinds))
    kind = chance if kind is None else kind
    if kind not in kind_of.kinds:
        raise ConfigError(f"{name} has no questions of kind {kind!r}; use one of {', '.join(kind_of.kinds)}")
    grammar = kind_of.kinds[kind]
    template = wording.choose(grammar, kind, split, rng)
    text = wording.expand(grammar, template)
    style = Style(Random(rng.random()), variation, fonts)
    said = _Said(kind, words, text, template)
    token = OPEN_SHARE.set(open_names)
    try:
        draft: Draft = kind_of.draw(Request(kind, drawn, rng, style, said.put, split))
    finally:
        OPEN_SHARE.reset(token)
    assert len(draft.images) == kind_of.num_images, f"{name} made {len(draft.images)} images"
    return Figure(
        family=name,
        template=said.template,
        seed=seed,
        split=split,
        difficulty=drawn,
        images=draft.images,
        question=said.text if words is not None else draft.question,
        answer=draft.answer,
        answer_type=draft.answer_type,
        tolerance=draft.tolerance,
        solution=draft.solution,
        facts=draft.facts,
    )


class _Said:
    """What a family's request for its wording gets, and what was said."""

    def __init__(
        self,
        kind: str,
        words: Callable[[str, Mapping[str, object]], tuple[str, str]] | None,
        text: str,
        template: str,
    ) -> None:
        self.kind, self.words, self.text, self.template = kind, words, text, template

    def put(self, **fields: object) -> str:
        """The question with its fields."""
        if self.words is None:
            self.text = self.text.format(**fields)
        else:
            self.text, self.template = self.words(self.kind, fields)
        return self.text
