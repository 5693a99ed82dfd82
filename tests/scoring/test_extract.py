"""Extraction: the box first, then what announces itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1v.core import FinishDetail, FinishReason
from r1v.scoring import Verdict, extract_answer, extract_choice, verdict_of

OPTIONS = ("red", "blue", "green", "A and B")


@pytest.mark.parametrize(
    ("text", "answer", "how"),
    [
        (r"Answer: \boxed{12}", "12", "boxed"),
        (r"The answer is 3, no: \boxed{\frac{1}{2}}.", r"\frac{1}{2}", "boxed"),
        ("So the final answer is 42.", "42", "announced"),
        ("Answer: 3.5 cm", "3.5 cm", "announced"),
        ("**Answer:** 12", "12", "announced"),
        ("Answer: 1. And then\nThe answer is $x = 2$. Good.", "x = 2", "announced"),
        ("答案是：7。", "7", "announced"),
        ("We add.\n\n17", "17", "last-line"),
        (
            "I do not know how to say it, but there are many ways to see that it cannot be done here.",
            None,
            "none",
        ),
        ("", None, "none"),
    ],
)
def test_answers(text: str, answer: str | None, how: str) -> None:
    found = extract_answer(text)
    assert (found.text, found.how) == (answer, how)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        (r"\boxed{B}", "B"),
        (r"\boxed{(b)}", "B"),
        (r"\boxed{\text{C. green}}", "C"),
        (r"\boxed{green}", "C"),
        (r"\boxed{E}", None),
        (r"\boxed{A and B}", "D"),
        (r"\boxed{12}", None),
        ("The answer is B.", "B"),
        ("The correct option is (C) green", "C"),
        ("A quick look shows that it is B", "B"),
        ("It must be blue.", "B"),
        ("It is blue or green.", None),
        ("Answer: D", "D"),
        ("B", "B"),
        ("", None),
        (r"\boxed{A, B, C, D}", None),
        (r"\boxed{A or B}", None),
        ("Answer: A or C", None),
        ("A is correct, not B", "A"),
        ("B cannot be right. Therefore A.", "A"),
        ("so \\boxed{x=2}\nAnswer: D", "D"),
        ("not A", None),
    ],
)
def test_choices(text: str, letter: str | None) -> None:
    assert extract_choice(text, OPTIONS).text == letter


def test_a_pronoun_is_no_option() -> None:
    assert extract_choice("I am not sure", tuple("abcdefghi")).text is None


def test_the_value_of_an_option_names_it() -> None:
    assert extract_choice(r"\boxed{\frac12}", ("0.5", "1", "2")).text == "A"
    assert extract_choice("Answer: 12 cm", ("10 cm", "12 cm")).text == "B"


def test_boxes_that_belong_together() -> None:
    assert extract_answer(r"\boxed{2} and \boxed{5}").text == "2, 5"
    assert extract_answer(r"x=\boxed{3}, y=\boxed{4}").text == "3, 4"
    assert extract_answer(r"First \boxed{3}. So the answer is \boxed{4}.").text == "4"


@given(st.text(alphabet="\\boxed{}ABCD answer is:.\n*()", max_size=80))
def test_any_text_is_harmless(text: str) -> None:
    assert extract_choice(text, OPTIONS).text in {"A", "B", "C", "D", None}
    extract_answer(text)


@pytest.mark.parametrize(
    ("right", "found", "reason", "detail", "judge_failed", "verdict"),
    [
        (True, True, "stop", None, False, Verdict.RIGHT),
        (False, True, "stop", None, False, Verdict.WRONG),
        (True, True, "length", None, False, Verdict.RIGHT),
        (True, True, "stop", "loop", False, Verdict.RIGHT),
        (None, False, "stop", None, False, Verdict.UNPARSED),
        (None, False, "length", None, False, Verdict.TRUNCATED),
        (None, False, "length", FinishDetail.LOOP, False, Verdict.LOOPED),
        (False, False, FinishReason.LENGTH, None, False, Verdict.TRUNCATED),
        (None, True, "stop", None, True, Verdict.JUDGE_FAILED),
        (None, False, "error", None, False, Verdict.FAILED),
    ],
)
def test_verdicts(right, found, reason, detail, judge_failed, verdict) -> None:
    assert (
        verdict_of(right, found=found, finish_reason=reason, finish_detail=detail, judge_failed=judge_failed)
        == verdict
    )
