"""Answers of several parts, each in bold or in a box of its own, and remarks behind an answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
