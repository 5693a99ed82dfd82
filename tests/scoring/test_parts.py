"""Answers of several parts, each in bold or in a box of its own, and remarks behind an answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.eval.benchmark import GradingTools
from r1v.eval.grading.graders import grade_mixed
from r1v.eval.item import Item, Output
from tests.scoring.test_asides import is_right

PARTS = "**(a)** At the top the height is **{} m**\n\n**(b)** Up and down takes **{} s**"
NAMED = "From the first point: **b = -{}**.\n\nFrom the second one: **a = {}**."
ROOTS = "First root: $\\boxed{{x_1={}}}$\n\nSecond root: $\\boxed{{x_2={}}}$"
REMARKS = [
    ("⟺ **1 < k**\n\n*Boundary case:* k = 1 gives the double root −1.", "k > 1"),
    ("**It was a Thursday.**\n\nDouble check: 29 February 2024 = Thursday as well.", "Thursday"),
    ("The account contains **$3600.00**.\n\n> Note: with *compound* interest it would be $3,646.52.", "3600"),
    ("V = **4.48 dm³**\n\n---\n\n*Tip:* at 25 °C the molar volume would be about 24.8 L/mol.", "4.48 L"),
]
CORRECTIONS = [
    ("The sum is **12**.\n\nNote: the last term should be 5, which gives 14.", "12"),
    ("**x = 2 or x = 3**\n\nNote: x = 2 is extraneous.", "x = 2 or x = 3"),
    ("The sum is **12**.\n\nRemark: there is a mistake above, it is 13.", "12"),
    ("The sum is **12**.\n\nNote: so the final answer is 13.", "12"),
]


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 9)] * 4))
def test_each_part_counts_in_its_place(values: tuple[int, int, int, int]) -> None:
    first, second, third, fourth = values
    same = (first, second) == (third, fourth)
    assert is_right(PARTS.format(first, second), f"(a) {third} m (b) {fourth} s") == same
    assert is_right(NAMED.format(first, second), f"a = {fourth}, b = -{third}") == same
    if len({first, second}) == len({third, fourth}) == 2:
        roots = {first, second} == {third, fourth}
        assert is_right(ROOTS.format(first, second), f"{third} and {fourth}") == roots


@pytest.mark.parametrize(("reply", "answer"), REMARKS)
def test_a_remark_behind_an_answer_hides_nothing(reply: str, answer: str) -> None:
    assert is_right(reply, answer)


@pytest.mark.parametrize(("reply", "answer"), CORRECTIONS)
def test_a_remark_that_corrects_is_no_remark(reply: str, answer: str) -> None:
    assert not is_right(reply, answer)


@pytest.mark.parametrize(
    ("given", "answer", "same"),
    [
        ("**11/11/1918**", "11 November 1918", True),
        ("**25/12/2020**", "25 December 2020", True),
        ("**12/25/2020**", "25 December 2020", True),
        ("**11/12/1918**", "11 December 1918", False),
        ("**11/11/1919**", "11 November 1918", False),
        ("**one hour and twenty minutes**", "1 h 20 min", True),
        ("**one hour and thirty minutes**", "1 h 20 min", False),
        ("**twenty hours and one minute**", "1 h 20 min", False),
    ],
)
def test_dates_in_figures_and_times_in_words(given: str, answer: str, same: bool) -> None:
    assert is_right(f"It ended at {given}." if "/" in given else f"So that's {given}.", answer) == same


@pytest.mark.parametrize(
    ("reply", "answer", "same"),
    [
        ("7 times 5 makes thirty-five.", "35", True),
        ("7 times 5 makes fifty-three.", "35", False),
        ("6 of 8 are shaded, which simplifies from 6/8 to three quarters of the figure.", "3/4", True),
        ("6 of 8 are shaded, which simplifies from 6/8 to two thirds of the figure.", "3/4", False),
        ("He went from 5 to seven.", "7", False),
        ("It is not true that 7 times 5 makes thirty-five.", "35", False),
        ("The height never changes, and the equation is y + 2 = 0.", "y = -2", True),
        ("The height never changes, and the equation is y + 2 = 0.", "y = 2", False),
        ("6 / 40 = 0.15 → **15 percent off**", "15%", True),
        ("6 / 40 = 0.15 → **16 percent off**", "15%", False),
    ],
)
def test_values_in_words_and_behind_another_clause(reply: str, answer: str, same: bool) -> None:
    assert is_right(reply, answer) == same


@pytest.mark.parametrize(
    ("reply", "answer", "same"),
    [
        ("因此选 **A、C**。", "AC", True),
        ("Answer: D, B", "B and D", True),
        ("Answer: D or B", "B and D", False),
        ("Answer: A, B", "B and D", False),
        ("Answer: A, B, D", "B and D", False),
        ("So not B, D.", "B and D", False),
        ("Answer: B", "B and D", False),
        ("Answer: B", "B", True),
    ],
)
def test_a_multiple_choice_with_several_right_letters(reply: str, answer: str, same: bool) -> None:
    item = Item("1", (), answer, ("2", "3", "4", "5"))
    grade = grade_mixed(item, Output(answer=reply), GradingTools(None))
    assert (grade.score == 1.0) == same
