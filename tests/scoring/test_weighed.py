"""Choices after others were ruled out, and choices that are only possible."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import extract_choice

OPTIONS = ["12", "14", "16", "18"]
RULED_OUT = [
    "Options {0}, {1} and {2} can be eliminated, leaving {3}.",
    "{0} is too small. {1} does not divide evenly. {2} exceeds the total. So the only option left is {3}.",
    "We can rule out {0} and {1}. Between {2} and {3}, {3} fits the figure.",
    "Eliminating {0} (too slow), {1} and {2} (too fast), we are left with {3}.",
    "{0} is ruled out by the first condition, {1} is excluded as well, and {2} fails. Hence {3}.",
    "{3} is the only one left after eliminating {0}, {1}, and {2}.",
    "Since {0}, {1}, and {2} are all incorrect, the answer must be {3}.",
    "The answer is {3}, since {0}, {1} and {2} fail.",
    "Neither {0} nor {1} nor {2} satisfies the condition; {3} does.",
    "Everything except {3} can be excluded.",
    "None of the options except {3} works.",
    "It cannot be {0} or {1}, and not {2}. So {3}.",
    "{0}、{1}、{2}都不对，因此选{3}",
    "不可能是{0}、{1}或{2}，所以选{3}",
]
UNDECIDED = [
    "We can eliminate {0} and {1}. {2} and {3} remain.",
    "{0} is ruled out, leaving {1}, {2}, and {3}.",
    "I ruled out all but {2} and {3}.",
    "It can't be {0}. It's {1} or {2}.",
    "So it cannot be {0} or {1}. {2} and {3} are both possible.",
    "All except {0} are correct.",
    "We can eliminate {0}. {1} seems plausible.",
    "{0} is not correct.",
    "I would eliminate {0}.",
    "Perhaps {0}.",
    "Maybe the answer is {0}.",
    "The answer could be {0}.",
    "It might be {0}, I cannot tell.",
    "也许是{0}",
    "答案可能是{0}",
]


@settings(max_examples=60, deadline=None)
@given(st.permutations("ABCD"), st.sampled_from(RULED_OUT))
def test_what_is_left_is_chosen(letters: list[str], sentence: str) -> None:
    assert extract_choice(sentence.format(*letters), OPTIONS).text == letters[3]


@settings(max_examples=60, deadline=None)
@given(st.permutations("ABCD"), st.sampled_from(UNDECIDED))
def test_what_is_not_decided_is_no_choice(letters: list[str], sentence: str) -> None:
    assert extract_choice(sentence.format(*letters), OPTIONS).text is None


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("A is correct. B is correct. D is correct. C is incorrect, so the answer is C.", "C"),
        ("A正确，B正确，D正确，C错误。故选C。", "C"),
        ("Perhaps surprisingly, the answer is C.", "C"),
        ("The maximum could be 16, but I think the answer is D.", "D"),
        ("I would guess B.", "B"),
        ("The answer is most likely B.", "B"),
        ("The answer: option (b).", "B"),
        ("The answer is B, not A.", "B"),
        ("B. 14\n\nA is incorrect.", "B"),
    ],
)
def test_doubts_that_end(reply: str, letter: str) -> None:
    assert extract_choice(reply, OPTIONS).text == letter


STATES = [
    "a solid",
    "a liquid",
    "a gas",
    "a plasma",
    "a glass",
    "a foam",
    "a gel",
    "a sol",
    "a mist",
    "an ion",
    "a salt",
]
OTHER_LETTERS = [
    "It boils at −183 °C, so it is {}.",
    "It freezes at $32^\\circ F$. That leaves **{}**.",
    "The temperature is 300 K. It must be {}.",
    "A current of 5 A flows. The answer is {}.",
    "With $C = 12$ the figure shows {}.",
    "P(A) is larger than P(B), hence {}.",
    "K+ moves out, so the answer is {}.",
    "There is only H₂ left, so {}.",
]  # fmt: skip


@pytest.mark.parametrize("letter", "BD")
@pytest.mark.parametrize("form", OTHER_LETTERS)
def test_letters_of_units_symbols_and_variables_name_no_option(form: str, letter: str) -> None:
    assert extract_choice(form.format(letter), STATES).text == letter


@pytest.mark.parametrize("reply", ["It boils at −183 °C.", "The current is 5 A.", "It melts at 300 K."])
def test_a_unit_alone_is_no_choice(reply: str) -> None:
    assert extract_choice(reply, STATES).text is None
