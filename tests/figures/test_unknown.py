"""What nobody can tell: never boxed, said in the question's language, and whole kinds held out."""

from __future__ import annotations

import re
from random import Random

import pytest

from r1v.figures import claims, people
from r1v.figures.people import refuse, strange
from r1v.figures.people.phrasing import CHINESE
from r1v.prompt import is_refusal
from r1v.scoring import extract_boxed

KINDS = sorted(set(people.SOURCES["refuse"]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_is_one_by_the_rule_of_the_apis_and_has_no_box(kind: str) -> None:
    for seed in range(10):
        for split in ("train", "heldout"):
            one = people.said("refuse", kind, seed, split)  # type: ignore[arg-type]
            assert one.answer == "" and extract_boxed(one.reply) is None and "boxed" not in one.solution
            assert is_refusal(one.reply) == one.refused == (kind != "chat")
            assert bool(CHINESE.search(one.reply)) == bool(CHINESE.search(one.question))
            assert 1 <= len(one.solution.split("\n")) <= 20 and "{" not in one.question
            assert claims.check(one.solution, one.facts).wrong == 0
            assert len(one.images) <= people.max_images("refuse", kind)


def test_what_is_asked_for_is_not_in_the_picture() -> None:
    for seed in range(30):
        one = refuse.refuse("name", seed, "train")
        name = re.fullmatch(r"(.*): not there", one.solution.split("\n")[-1])
        assert name is not None
        read = "\n".join(one.solution.split("\n")[:-1]).lower()
        assert not re.search(rf"(?<!\w){re.escape(name[1].lower())}(?!\w)", read), one.solution
        assert name[1].lower() in one.question.lower()


def test_held_out_pictures_and_questions_never_occur_in_training() -> None:
    kinds = {split: {strange.strange(Random(seed), split)[1] for seed in range(70)} for split in
             ("train", "heldout")}  # fmt: skip
    assert kinds["train"] & kinds["heldout"] == {"photo"}
    assert kinds["heldout"] == {"photo", "chess", "music", "landscape"}
    for _, _, seen, held in strange.PHOTOS:
        assert not set(seen) & set(held)
    for words in (refuse._GENERAL, refuse._WORLD):
        assert not set(words[0]) & set(words[1])
    for seen, held, _ in refuse._CHAT:
        assert not {text.lower() for text in seen} & {text.lower() for text in held} - {"hello"}
    train = {refuse.refuse("world", seed, "train").template.split("/", 2)[2] for seed in range(40)}
    assert len(train) > 20


def test_pictures_are_the_same_each_time() -> None:
    for seed in range(6):
        a, b = (strange.strange(Random(seed), "train")[0] for _ in range(2))
        assert a.tobytes() == b.tobytes() and min(a.size) > 60


@pytest.mark.parametrize(
    "text",
    ["I can't tell: there is no picture.", "I can’t tell from this.", "Sorry, I cannot answer that.",
     "I'm sorry, but I can't help with that.", "I don't know.", "我答不出来：没有图片。", "抱歉，我不知道。",
     "Unfortunately, I am unable to determine the value."],
)  # fmt: skip
def test_sentences_that_are_refusals(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Answer: \\boxed{12}", "I can't tell why, but Answer: \\boxed{3}", "", "Hello! Show me a chart.",
        "The answer is 7.", "You can't tell them apart by colour.", "我是R1V-Nano。",
        "I can tell: it is red.",
        "I see a bar chart.",
    ],
)  # fmt: skip
def test_sentences_that_are_none(text: str) -> None:
    assert not is_refusal(text)
