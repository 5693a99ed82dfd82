"""benchmarks/first_minutes: a new user's questions have the answers that they say, and replies are judged."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("first_minutes.ask")


def test_the_set_is_whole(ask: ModuleType) -> None:
    assert len(ask.QUESTIONS) >= 60
    assert len({(one.turns, one.picture) for one in ask.QUESTIONS}) == len(ask.QUESTIONS)
    assert {one.picture for one in ask.QUESTIONS} <= {*ask.PICTURES, ""}
    for one in ask.QUESTIONS:
        if one.part == "typed sums" and re.fullmatch(r"[-\d+*/.() ]+", one.turns[-1]) and one.right.isdigit():
            assert eval(one.turns[-1]) == int(one.right), one.turns


def test_pictures_are_drawn_or_left_out(ask: ModuleType) -> None:
    for name, draw in ask.PICTURES.items():
        image = draw()
        if image is None:
            assert name not in ("demo", "table", "clock", "shapes", "sum", "triangle", "invoice", "blank")
            continue
        colors = image.getcolors(image.width * image.height)
        assert image.mode == "RGB" and colors is not None and (len(colors) > 1) == (name != "blank"), name


@pytest.mark.parametrize(
    ("right", "answer", "refused", "good"),
    [
        ("48", "Answer: \\boxed{48}", False, True),
        ("48", "Answer: \\boxed{49}", False, False),
        ("48", "48", False, False),
        ("REFUSE", "I can't tell: there is no picture.", True, True),
        ("REFUSE", "I can't tell. Answer: \\boxed{2}", True, False),
        ("REFUSE", "Answer: \\boxed{2}", False, False),
        ("LINE", "Hello!", False, True),
        ("LINE", "Answer: \\boxed{2}", False, False),
        ("LINE", " ", False, False),
    ],
)
def test_a_reply_is_judged(ask: ModuleType, right: str, answer: str, refused: bool, good: bool) -> None:
    asked = ask.Asked("part", ("question",), getattr(ask, right, right))
    assert ask.is_right(asked, SimpleNamespace(answer=answer, refused=refused)) == good
