"""Figures asked in people's own words: the questions that families have, and those that their facts invite.

Enters: a family, a seed and a split. Leaves: a ``Said``, or several ones about one picture. Always holds:
what is said follows from (family, seed, split, variation).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from r1v.figures.catalogue import FAMILIES, family, make
from r1v.figures.item import Figure, Split
from r1v.figures.people import asks_charts, asks_science, asks_shapes
from r1v.figures.people.asks import Asker, Base, Inquiry
from r1v.figures.people.phrasing import phrase
from r1v.figures.people.said import Said, boxed
from r1v.figures.people.words_charts import CHARTS
from r1v.figures.people.words_more import MORE
from r1v.figures.people.words_more_charts import MORE_CHARTS
from r1v.figures.people.words_science import SCIENCE
from r1v.figures.people.words_shapes import SHAPES

Clauses = tuple[str, ...]
_OWN = {**CHARTS, **SHAPES, **SCIENCE}
_FURTHER = {**MORE_CHARTS, **MORE}
# family -> kind of question -> wordings
WORDS: Mapping[str, Mapping[str, Clauses]] = {
    name: {**_FURTHER.get(name, {}), **_OWN.get(name, {})} for name in FAMILIES if name in _OWN
}
# family -> the kinds whose pictures can be asked about further (None: any), and who finds the questions
BASES: Mapping[str, tuple[tuple[str, ...] | None, Asker]] = {
    "bar_chart": (("value",), asks_charts.bar_chart),
    "line_chart": (("value",), asks_charts.line_chart),
    "pie_chart": (("share",), asks_charts.pie_chart),
    "table": (("row_sum", "column_sum"), asks_charts.table),
    "venn": (("all",), asks_charts.venn),
    "network": (("shortest",), asks_charts.network),
    "town_map": (("square",), asks_charts.town_map),
    "calendar": (("count",), asks_charts.calendar),
    "money": (("total",), asks_charts.money),
    "counting": (("all",), asks_shapes.counting),
    "compare": (("removed",), asks_shapes.compare),
    "spatial": (("cell",), asks_shapes.spatial),
    "icon": (("cell",), asks_shapes.icon),
    "clock": (("time",), asks_shapes.clock),
    "expression": (("largest",), asks_shapes.expression),
    "handwriting": (("read",), asks_shapes.handwriting),
    "function_plot": (("value",), asks_science.function_plot),
    "kinematics": (("position", "acceleration"), asks_science.kinematics),
    "geometry": (None, asks_science.geometry),
    "circuit": (("current",), asks_science.circuit),
    "theorem": (None, asks_science.theorem),
    "solid": (None, asks_science.solid),
    "force": (("net",), asks_science.force),
    "formula": (("insert", "system"), asks_science.formula),
    "molecule": (("hydrogens",), asks_science.molecule),
}  # fmt: skip
# what a family's picture shows, in words
PICTURES = {
    "bar_chart": "a bar chart",
    "line_chart": "a line chart",
    "pie_chart": "a pie chart",
    "table": "a table",
    "circuit": "a circuit",
    "clock": "a clock",
    "calendar": "a calendar",
    "money": "money",
    "molecule": "a molecule",
    "force": "forces",
    "function_plot": "a graph",
    "network": "a network",
    "solid": "a solid",
    "kinematics": "a graph",
    "venn": "sets",
    "counting": "shapes",
    "spatial": "shapes",
    "compare": "two pictures",
    "expression": "a sum",
    "geometry": "geometry",
    "theorem": "geometry",
    "formula": "formulas",
    "odd_one": "shapes",
    "handwriting": "handwriting",
    "icon": "drawings",
    "town_map": "a map",
}  # fmt: skip
_WHAT: Clauses = (
    "what is this", "what do you see", "what kind of picture is this", "!describe the picture",
    "what does the picture show", "=the kind of this picture", "what's in the image",
    "what am I looking at", "这是什么图", "图里是什么", "what is it", "!name what is shown",
)  # fmt: skip
OPEN = 0.6  # share of pictures with any names on them
VOICED = tuple(WORDS)  # families with pictures that are asked about in people's words
_ROW = re.compile(r"(first |second )?row \d+: |[A-Z]{2}: \d+, edge ")
_EXTREME_ZH = ("最大", "最小")  # fmt: skip
_SMALL = ("smallest", "lowest", "least", "shortest", "weakest", "tiniest")  # fmt: skip


def filled(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields, and the Chinese word for an extreme one."""
    extreme = str(fields.get("extreme", ""))
    return {**fields, "extreme_zh": _EXTREME_ZH[extreme in _SMALL]}


def worded(name: str, ask: Inquiry, split: Split, rng: Random) -> tuple[str, str]:
    """A question in people's words, and the name of its wording."""
    return phrase(f"{name}/{ask.kind}", WORDS[name][ask.kind], filled(ask.fields), split, rng)


def draw_base(
    name: str, seed: int, split: Split, rng: Random, variation: float
) -> tuple[Figure, list[Inquiry]]:
    """A figure, and all questions about it; the first is its own."""
    kinds, asker = BASES[name]
    kind = rng.choice(kinds) if kinds else None
    met: list[tuple[str, Mapping[str, object]]] = []

    def words(asked: str, fields: Mapping[str, object]) -> tuple[str, str]:
        met.append((asked, dict(fields)))
        return "?", f"people/{name}/{asked}"

    figure = make(name, seed, variation=variation, kind=kind, words=words, open_names=OPEN)
    asked, fields = met[-1]
    own = Inquiry(asked, figure.answer, figure.solution, fields, figure.answer_type)
    found: dict[tuple[str, str], Inquiry] = {}
    for one in (own, *asker(Base(figure, asked, fields, rng))):
        if one.kind in WORDS[name]:
            found.setdefault((one.kind, str(sorted((k, str(v)) for k, v in one.fields.items()))), one)
    return figure, list(found.values())


def voice(name: str, seed: int, split: Split, variation: float = 1.0) -> Said:
    """One figure and one question: of the family's own kinds in other words, or another one."""
    rng = Random(f"people/{name}/{seed}/{split}")
    if name in BASES and rng.random() < 0.45:
        figure, asks = draw_base(name, seed, split, rng, variation)
        kinds = sorted({one.kind for one in asks[1:]}) or [asks[0].kind]
        kind = rng.choice(kinds)
        one = rng.choice([each for each in asks if each.kind == kind])
        question, template = worded(name, one, split, rng)
        return _said(name, figure, one, question, template, split)

    if rng.random() < 0.03:
        figure = make(name, seed, variation=variation)
        what = PICTURES[name].removeprefix("a ")
        one = Inquiry("what", what, f"picture: {PICTURES[name]}", {}, "string")
        question, template = phrase(f"{name}/what", _WHAT, {}, split, rng)
        return _said(name, figure, one, question, template, split)

    def words(kind: str, fields: Mapping[str, object]) -> tuple[str, str]:
        return phrase(f"{name}/{kind}", WORDS[name][kind], filled(fields), split, rng)

    kind = rng.choice([one for one in family(name).kinds if one in WORDS[name]])
    figure = make(name, seed, variation=variation, kind=kind, words=words, open_names=OPEN)
    one = Inquiry(kind, figure.answer, figure.solution, {}, figure.answer_type)
    return _said(name, figure, one, figure.question, figure.template, split)


def facts_with(figure: Figure, solution: str) -> dict[str, str]:
    """The figure's facts, its rows as the solution numbers what is counted in them."""
    rows = dict(line.split(": ", 1) for line in solution.split("\n") if _ROW.match(line) and "; " not in line)
    return {**figure.facts, **rows}


def _said(name: str, figure: Figure, one: Inquiry, question: str, template: str, split: Split) -> Said:
    return Said(
        name, template, split, figure.images, question, one.answer, one.answer_type, one.solution,
        boxed(one.answer), facts_with(figure, one.solution), figure.tolerance,
    )  # fmt: skip
