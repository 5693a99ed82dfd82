"""R1V3's fork of VLMEvalKit as an official scorer: how it reads letters, and how it checks MME-Reasoning's
puzzles.

Expects the repository SkyworkAI/Skywork-R1V under its own name; only the two files named below are read.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
from pathlib import Path
from random import Random
from typing import Any

from r1v.eval.grading.extraction import toolkit_letter
from r1v.eval.grading.puzzles import CHECKS, lines_add_up
from shared.parity import Parity, stand_ins

FOLDER = Path("Skywork-R1V") / "eval" / "vlmevalkit" / "vlmeval"


def _module(path: Path, name: str) -> Any:
    """One file of the fork, without what its star import brings (standard modules and pandas' helpers)."""
    import copy
    import os
    import re
    import string
    import types

    source = (
        path.read_text(encoding="utf-8")
        .replace("from ..smp import *", "")
        .replace("from ...smp import *", "")
    )
    module = types.ModuleType(name)
    vars(module).update(copy=copy, os=os, re=re, string=string, json=json)
    exec(compile(source, str(path), "exec"), vars(module))
    return module


def toolkit(repositories: Path, count: int) -> Parity:
    """Replies in many wordings, read by its can_infer."""
    module = _module(repositories / FOLDER / "utils" / "matching_util.py", "toolkit_official")
    result = Parity("reading `toolkit`", "R1V3's fork of VLMEvalKit, can_infer")
    random = Random(3)
    options = ("a lens", "a mirror", "a prism", "12 cm", "Both")
    forms = (
        "{}", "({})", "The answer is {}.", "**{}**", r"\boxed{{{}}}", r"Answer: \boxed{{{}}}", "{}. because",
        "So it is {}, not {}", "Option {} or {}", "It must be {}: {}", "none of {}", "I think {}!",
        "#{}", "{}\n\n{}",
    )  # fmt: skip
    words = [*"ABCDEZa", *options, "A lens", "BOTH", "unknown", r"\text{B}", "12"]
    for _ in range(count):
        number = random.randint(2, len(options))
        text = random.choice(forms).format(random.choice(words), random.choice(words))
        letters = [chr(ord("A") + index) for index in range(number)]
        official = module.can_infer(text, dict(zip(letters, options, strict=False))) or None
        ours = toolkit_letter(text, letters, options[:number])
        result.add(f"{text!r} of {number} options: {ours} and {official}", float(ours == official), 1.0)
    return result


def mme_puzzles(repositories: Path, count: int) -> Parity:
    """Right and changed answers of puzzles, checked by its functions."""
    stand_ins(["sympy", "pandas"])
    module = _module(repositories / FOLDER / "dataset" / "utils" / "mme_reasoning.py", "mme_official")
    result = Parity("mme_reasoning, puzzles", "R1V3's fork of VLMEvalKit, mme_reasoning.py")
    random = Random(5)
    for name, answer, info in _puzzles(random, count):
        official = getattr(module, name)
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it says which rule does not hold
                theirs = official(answer, None, info) if info else official(answer)
        except Exception:  # noqa: BLE001 - an answer of a form that it does not expect is not right
            theirs = False
        what = f"{name}: {json.dumps(answer, ensure_ascii=False)} with {json.dumps(info)}"
        result.add(what[:300], float(CHECKS[name](answer, info)), float(theirs is True))
    return result


def _puzzles(random: Random, count: int) -> list[tuple[str, Any, dict[str, Any]]]:
    found: list[tuple[str, Any, dict[str, Any]]] = []
    for _ in range(count):
        found += _grids(random)
        found.append(_cards(random))
        letters = dict(zip("ABCDEF", random.sample(range(1, 7), 6), strict=True))
        found.append(("calculate_answer_function_10", letters, {}))
    for values in itertools.permutations(range(1, 7)):  # the small figure, whole: right ones are among them
        letters = dict(zip("ABCDEF", values, strict=True))
        if lines_add_up("10", letters):
            found.append(("calculate_answer_function_10", letters, {}))
    found.append(("calculate_answer_function_1", {"A": 6, "B": 2, "C": 4}, {}))
    found.append(("calculate_answer_function_1", {"A": 6, "B": 2, "C": 5}, {}))
    islands = {"init_islands": [{"cord": "a1", "requirement": 3}, {"cord": "a3", "requirement": 2},
                                {"cord": "c1", "requirement": 1}]}  # fmt: skip
    for number in (1, 2, 3):
        bridges = [{"start": "a1", "end": "a3", "number": number}, {"start": "c1", "end": "a1", "number": 1}]
        found.append(("calculate_answer_function_hashi", bridges, islands))
    return found


def _grids(random: Random) -> list[tuple[str, Any, dict[str, Any]]]:
    """A sudoku, a Latin square and a grid of two colours, often with one cell changed."""
    base = [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]]
    order = random.sample(range(1, 5), 4)
    grid = [[order[value - 1] for value in row] for row in base]
    givens = [[value if random.random() < 0.3 else None for value in row] for row in grid]
    views = [list(map(list, zip(*grid, strict=True))), grid, [row[::-1] for row in grid]]
    views.append([column[::-1] for column in views[0]])
    seen = [
        [sum(all(h > o for o in line[:i]) for i, h in enumerate(line)) for line in side] for side in views
    ]
    colours = [[1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 1], [1, 0, 1, 1, 0, 1], [1, 0, 1, 0, 0, 1],
               [1, 0, 1, 0, 1, 1], [0, 0, 1, 0, 0, 0]]  # fmt: skip
    cells = [[random.choice((0, 1)) if random.random() < 0.05 else value for value in row] for row in colours]
    changed = [list(row) for row in grid]
    if random.random() < 0.5:
        changed[random.randrange(4)][random.randrange(4)] = random.randint(1, 4)
    if random.random() < 0.3:
        seen[random.randrange(4)][random.randrange(4)] = random.choice((None, 1, 2, 3))
    info = {"base_matrix": givens, "visible_skyscrapers": seen}
    none = {"base_matrix": [[None] * 6] * 6}
    return [
        ("calculate_answer_function_sudoku_4", changed, info),
        ("calculate_answer_function_skyscraper", changed, info),
        ("calculate_answer_function_yinyang", cells, none),
    ]


def _cards(random: Random) -> tuple[str, Any, dict[str, Any]]:
    cards = random.choice(([4, 6, 1, 1], [3, 8, 1, 1], [2, 3, 4, 1], [12, 2, 1, 1]))
    drawn = random.sample(cards, 4)
    text = random.choice(("{}*{}*{}*{}", "({}+{})*{}*{}", "{}*{}+{}-{}", "{} * {} * {} / {} = 24"))
    return "judge_24points_function", text.format(*drawn), {"init_cards": list(cards)}


TOOLKIT = {"toolkit": toolkit, "mme_puzzles": mme_puzzles}
