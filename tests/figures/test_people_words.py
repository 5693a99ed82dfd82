"""Words of training alone are none that is held out, and problems of several steps are right."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest

from r1v.figures import people
from r1v.figures.people import phrasing, talk_words
from r1v.figures.people.refuse import refuse
from r1v.figures.people.stories import make_steps
from r1v.figures.people.stories_more import expanded
from r1v.figures.people.stories_steps import STEPS
from r1v.figures.people.talk import is_held, talk
from r1v.figures.people.words_further import FURTHER
from r1v.scoring import extract_boxed

FIELD = re.compile(r"{\w+}")


@pytest.mark.parametrize("name", sorted(FURTHER))
def test_further_clauses_have_the_fields_of_their_kind(name: str) -> None:
    family, kind = name.split("/")
    own = [set(FIELD.findall(clause)) for clause in people.WORDS[family][kind]]
    for clause in FURTHER[name]:
        assert set(FIELD.findall(clause)) in own, clause
        for seed in range(30):
            assert not re.search(r"[\[\]|]|  | [?.,]", expanded(clause, Random(seed))), clause


def test_further_clauses_that_are_held_out_never_occur_in_training() -> None:
    clauses = people.WORDS["bar_chart"]["value"]
    held = phrasing.heldout_clauses("bar_chart/value", clauses)
    opened = {expanded(one, Random(seed)) for one in FURTHER["bar_chart/value"] for seed in range(400)}
    assert "how much is {name}" in held & opened  # so the rule has something to leave out
    for seed in range(2000):
        said, template = people.phrase("bar_chart/value", clauses, {"name": "Q"}, "train", Random(seed))
        if template.split("/")[3] == "further":
            assert not re.search(r"(^|: |, )how much is Q[?.]?$", said), said


@pytest.mark.parametrize("what", sorted(talk_words.EVERY))
def test_pointing_words_of_training_are_many_and_none_is_held_out(what: str) -> None:
    from r1v.figures.people.talk import _POINTS, one_of

    _, held = _POINTS[what]
    found = {one_of(what, "train", Random(seed)) for seed in range(1500)}
    assert len(found) > 200 and not any(is_held(one, held) for one in found)
    assert all(is_held(one.upper() + "?", held) for one in held if not one.endswith("{}"))
    assert {one_of(what, "heldout", Random(seed)) for seed in range(60)} <= set(held)


def test_a_further_question_of_one_word_begins_with_what_was_asked_before() -> None:
    met = 0
    for seed in range(60):
        one = talk("again", seed, "train")
        if one.solution.startswith("question: "):
            met += 1
            first, second, *_ = one.solution.split("\n")
            assert first == f"question: {one.earlier[-1].question}"
            assert second.removeprefix("now: ").removeprefix("the ") in one.question
    assert met > 25


EXPECTED: dict[str, Callable[..., int]] = {  # by the numbers in the order in which the story has them
    "packs_less": lambda b, c, a: b * c - a,
    "three": lambda a, b, c: a + b + c,
    "two_gone": lambda a, b, c: a - b - c,
    "sum_shared": lambda a, b, k: (a + b) // k,
}


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_problems_of_several_steps_by_another_way(split: str) -> None:
    kinds = set()
    for seed in range(600):
        question, answer, solution, template = make_steps(Random(f"test/{seed}"), split)  # type: ignore[arg-type]
        kind = template.split("/")[1]
        kinds.add(kind)
        assert int(answer) >= 0
        assert solution.rstrip("。.").endswith(answer) or f" {answer} " in solution
        numbers = [int(one) for one in re.findall(r"\d+", question)]
        if kind in EXPECTED and not template.endswith("/wide") and len(numbers) >= 3:
            assert EXPECTED[kind](*numbers[-3:]) == int(answer), question
    assert kinds == set(STEPS)


def test_twelve_apples_and_three_bags_of_four() -> None:
    make, texts = STEPS["packs_more"]
    tale = make(Random(0))
    a, b, c = (int(str(tale.fields[name])) for name in "abc")
    assert tale.answer == a + b * c and len(texts) >= 8


def test_held_out_texts_of_several_steps_never_occur_in_training() -> None:
    found = {split: {make_steps(Random(seed), split)[3] for seed in range(1500)} for split in  # type: ignore[arg-type]
             ("train", "heldout")}  # fmt: skip
    assert found["train"] and found["heldout"] and not found["train"] & found["heldout"]


def test_a_figure_that_nobody_can_read_is_refused_in_squares_only_where_held_out() -> None:
    for seed in range(12):
        one = refuse("unclear", seed, "train")
        assert one.refused and extract_boxed(one.reply) is None and one.images and not one.facts
        told = refuse("unclear", seed, "heldout").images[0]
        side = max(4, max(told.size) // 34)  # no square is smaller
        colors = told.convert("RGB").getcolors(told.width * told.height)
        assert colors is not None and len(colors) <= 34 * 34 and side >= 4
