"""benchmarks/nano_sums.py: questions have the answers that they say, and replies are counted as they are."""

from __future__ import annotations

import importlib
import json
import re
import sys
from fractions import Fraction
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SIGNS = {"plus": "+", "times": "*", "what is": ""}


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("nano_sums")


def value(question: str) -> Fraction:
    """Python's own arithmetic on the question."""
    for word, sign in SIGNS.items():
        question = question.replace(word, sign)
    return eval(re.sub(r"\d+", lambda found: f"Fraction({found[0]})", question), {"Fraction": Fraction})


def test_every_question_has_its_answer(sums: ModuleType) -> None:
    for name, draw in sums.FORMS.items():
        rng = Random(name)
        for _ in range(200):
            question, answer = draw(rng)
            assert value(question) == Fraction(answer), question
            if "digits" in name:
                lengths = {len(number) for number in re.findall(r"\d+", question)}
                assert lengths == {int(name[0])} and not answer.startswith("-")


def test_right_replies_are_counted(
    sums: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a model that adds, and is wrong wherever something is divided."""

    class Adder:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def chat_many(self, talks: list[list[Any]], _: Any) -> list[SimpleNamespace]:
            asked = [talk[0].text for talk in talks]
            found = ["1/0" if "/" in question else str(value(question)) for question in asked]
            return [SimpleNamespace(answer=f"Answer: \\boxed{{{one}}}") for one in found]

    monkeypatch.setattr(sums, "LLM", Adder)
    monkeypatch.setattr(sys, "argv", ["nano_sums.py", "--each", "7"])
    sums.main()
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    right = {key.removeprefix("right/"): value for key, value in last.items() if key.startswith("right/")}
    assert right == {name: [0 if name == "fractions" else 7, 7] for name in sums.FORMS}
