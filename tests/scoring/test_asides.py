"""What stands beside a value: the value is read where both agree, and nothing where they do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring.extract import extract_answer
from r1v.scoring.found import match_found

READ = [
    ("**P = 6/36 (about 16.7%)**", "1/6"),
    ("**Final result: P ≈ 0.234375 = 15/64**", r"\frac{15}{64}"),
    ("So the appliance uses **720 kJ** of energy (0.2 kWh).", r"7.2 \times 10^5 J"),
    ("Answer: x ≤ −2, i.e. x ∈ (−∞, −2]", r"x \le -2"),
    ("Answer: (x − 2)(x − 3) = 0, or expanded x² − 5x + 6 = 0", "x^2 - 5x + 6 = 0"),
    ("The answer is March, with roughly 80 units.", "March"),
    ("Answer: Yes, 97 is prime.", "Yes"),
    ("Answer: No, 91 is not prime.", "No"),
    ("d/dx ln(x) = **x⁻¹** (for x > 0)", r"\frac{1}{x}"),
    ("答案是:$a_n = 2 + 3(n-1)$(n 为正整数)。", "a_n = 3n - 1"),
]
REFUSED = [
    ("**P = 6/36 (about 17.7%)**", "1/6"),
    ("**P = 6/36 (about 16.7)**", "1/6"),
    ("**Final result: P ≈ 0.334375 = 15/64**", r"\frac{15}{64}"),
    ("So the appliance uses **720 kJ** of energy (0.3 kWh).", r"7.2 \times 10^5 J"),
    ("So the appliance uses **720 kJ** of energy (0.2 kW).", r"7.2 \times 10^5 J"),
    ("Answer: x ≤ −2, i.e. x ∈ (−∞, −2)", r"x \le -2"),
    ("Answer: x ≤ −2, i.e. x ∈ [−2, ∞)", r"x \le -2"),
    ("Answer: (x − 2)(x − 3) = 0, or expanded x² − 5x − 6 = 0", "x^2 - 5x + 6 = 0"),
    ("The answer is March, with not more than 80 units in May.", "May"),
    ("The answer is March, with April next.", "April"),
    ("Answer: No, 97 is prime.", "Yes"),
    ("Answer: Yes, 97 is not prime.", "Yes"),
    ("Answer: Yes, unless 97 is even.", "Yes"),
    ("**x⁻¹** (for x > 1)", r"\frac{1}{x}"),
    ("Answer: y = x (x > 0)", "y = x"),
    ("Answer: x > 2 (x > 3)", "x > 2"),
]


def is_right(reply: str, answer: str) -> bool:
    return match_found(extract_answer(reply), answer).equal


@pytest.mark.parametrize(("reply", "answer"), READ)
def test_an_aside_that_agrees_changes_nothing(reply: str, answer: str) -> None:
    assert is_right(reply, answer)


@pytest.mark.parametrize(("reply", "answer"), REFUSED)
def test_an_aside_with_another_value_or_meaning_leaves_nothing(reply: str, answer: str) -> None:
    assert not is_right(reply, answer)


@settings(max_examples=60, deadline=None)
@given(value=st.integers(2, 400), said=st.integers(2, 400))
def test_a_rounded_share_must_fit_its_fraction(value: int, said: int) -> None:
    reply = f"**P = {value}/500 (about {said}%)**"
    near = abs(value / 500 - said / 100) <= 0.02 * value / 500
    assert is_right(reply, f"{value}/500") == near
