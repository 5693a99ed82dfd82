"""The list of families that other tools draw, and how a figure is made from (family, tool, seed)."""

from __future__ import annotations

import functools
import importlib
from random import Random
from typing import Any

from r1v.core import ConfigError, UnavailableError
from r1v.figures.abroad.scene import DrawingTool, Subject, ToolPicture, phrase
from r1v.figures.abroad.words_further import further
from r1v.figures.item import DIFFICULTIES, Figure, Split

TOGETHER = 8  # questions of training about one picture

# family -> module that holds its subject, and the name there; loaded when first used
SUBJECTS: dict[str, str] = {
    "bar_chart": "r1v.figures.abroad.subjects_charts:BARS",
    "line_chart": "r1v.figures.abroad.subjects_charts:LINES",
    "pie_chart": "r1v.figures.abroad.subjects_charts:PIES",
    "kinematics": "r1v.figures.abroad.subjects_charts:MOTIONS",
    "function_plot": "r1v.figures.abroad.subjects_charts:CURVES",
    "counting": "r1v.figures.abroad.subjects_shapes:COUNTING",
    "money": "r1v.figures.abroad.subjects_shapes:MONEY",
    "venn": "r1v.figures.abroad.subjects_shapes:VENN",
    "clock": "r1v.figures.abroad.subjects_shapes:CLOCKS",
    "network": "r1v.figures.abroad.subjects_shapes:NETWORKS",
    "geometry": "r1v.figures.abroad.subjects_hosted:GEOMETRY",
    "theorem": "r1v.figures.abroad.subjects_hosted:THEOREM",
    "solid": "r1v.figures.abroad.subjects_hosted:SOLID",
    "force": "r1v.figures.abroad.subjects_hosted:FORCE",
    "spatial": "r1v.figures.abroad.subjects_hosted:SPATIAL",
    "odd_one": "r1v.figures.abroad.subjects_hosted:ODD_ONE",
    "calendar": "r1v.figures.abroad.subjects_hosted:CALENDAR",
    "circuit": "r1v.figures.abroad.subjects_hosted:CIRCUIT",
    "molecule": "r1v.figures.abroad.subjects_hosted:MOLECULE",
    "table": "r1v.figures.abroad.subjects_texts:TABLES",
    "expression": "r1v.figures.abroad.subjects_texts:EXPRESSIONS",
    "formula": "r1v.figures.abroad.subjects_texts:FORMULAS",
}


@functools.cache
def subject(family: str) -> Subject:
    """A family's subject. Raises ConfigError for one that no foreign tool draws."""
    if family not in SUBJECTS:
        raise ConfigError(f"no other tool draws the family {family!r}; those drawn are {', '.join(SUBJECTS)}")
    module, name = SUBJECTS[family].split(":")
    found: Subject = getattr(importlib.import_module(module), name)
    return found


def tools(family: str, split: Split | None = None) -> dict[str, DrawingTool]:
    """A family's tools by name, those of a split or all, whether they can draw here or not."""
    return {t.name: t for t in subject(family).tools if split is None or t.split == split}


def usable(family: str, split: Split | None = None) -> list[str]:
    """The names of the tools that can draw on this machine."""
    return [name for name, tool in tools(family, split).items() if not tool.missing()]


def missing(split: Split | None = None) -> dict[str, list[str]]:
    """Tools of a split, or all, that cannot draw here, as ``family/tool``, with what each lacks."""
    found = {}
    for family in SUBJECTS:
        for name, tool in tools(family, split).items():
            if lacks := tool.missing():
                found[f"{family}/{name}"] = lacks
    return found


@functools.lru_cache(maxsize=4)
def _picture(family: str, tool: str, seed: int, split: Split) -> tuple[Any, int, ToolPicture]:
    """The subject matter of a seed, its level and its picture, kept for further questions about it."""
    found = tools(family).get(tool)
    if found is None:
        raise ConfigError(f"{family} has no tool {tool!r}; use one of {', '.join(tools(family))}")
    if lacks := found.missing():
        raise UnavailableError(f"{family} by {tool} needs {', '.join(lacks)}, which is not installed")
    rng = Random(f"abroad/{family}/{tool}/{split}/{seed}")
    level = rng.randrange(3)
    matter = subject(family).plan(rng, level)
    return matter, level, found.draw(matter, rng)


def make(family: str, tool: str, seed: int, split: Split = "train", question: int = 0) -> Figure:
    """The figure of (family, tool, seed) in a split of wordings and seeds.

    question: which of the questions about the same picture. Raises ConfigError for unknown names and for a
    held-out tool that is asked for training, UnavailableError where the tool is not installed.
    """
    if split == "train" and tool in tools(family, "heldout"):
        raise ConfigError(f"{tool} is held out: it never draws {family} for training")
    matter, level, drawn = _picture(family, tool, seed, split)
    rng = Random(f"abroad/{family}/{tool}/{split}/{seed}/{question}")
    asked = subject(family).ask(matter, drawn, rng)
    grammars, said = subject(family).phrases[asked.kind], None
    if split == "train":
        said = further(family, asked.kind, dict(asked.fields), grammars[1], rng)
    if said is None:
        template, text = phrase(asked.kind, grammars[split == "heldout"], rng)
        text = text.format(**asked.fields)
        said = template, text[:1].upper() + text[1:]
    return Figure(
        family=family, template=said[0], seed=seed, split=split, difficulty=DIFFICULTIES[level],
        images=(drawn.image,), question=said[1], answer=asked.answer,
        answer_type=asked.answer_type, tolerance=asked.tolerance, solution=asked.solution, facts=asked.facts,
    )  # fmt: skip
