"""Answers that are taken back, denied, doubted, supposed or quoted: the one that the writer means is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import compare, equivalent, extract_answer, extract_choice

QUICK = settings(max_examples=60, deadline=None)
COLOURS = ["red", "blue", "green", "yellow"]
LETTERS = st.sampled_from("ABCD")
OTHER = st.permutations("ABCD").map(lambda order: order[:2])

WITHDRAWN = [
    "The answer is {old}. Actually, it is {new}.", "The answer is {old}. Sorry, {new}.",
    "The answer is {new} (not {old}).",
    r"\boxed{{{new}}}, whereas \boxed{{{old}}} is what one gets by mistake.",
    "It is wrong to say that the answer is {old}. The answer is {new}.",
    "The answer is {old}. Wait, no. It's {new}.", "The answer is {old}... no wait, {new}.",
    "The answer is {old}.\nCorrection: the answer should be {new}.",
    "Answer: {old}? No. Let me reconsider... Answer: {new}",
    "The answer is not {old}. The answer is {new}, not {old}.",
    "Many people would say the answer is {old}. The answer is {new}.",
    r"\boxed{{{old}}} is wrong. The correct answer is {new}.",
    r"So it is \boxed{{{new}}}. (Choosing \boxed{{{old}}} would be a mistake.)",
    r"\boxed{{{new}}} (and not \boxed{{{old}}})",
    r"\boxed{{{new}}}. If we had forgotten the sign, we'd get \boxed{{{old}}}.",
    r"<answer>\boxed{{{new}}}</answer> Note: not \boxed{{{old}}}.",
]  # fmt: skip
UNSAID = [
    "The answer is anything but {}.", "I'm not sure whether the answer is {}.",
    "The answer is never {}.", "答案不是{}。",
    "The answer isn't {}.", "The answer is not {}.", "The answer can't be {}.",
    "I doubt that the answer is {}.",
    "Is the answer {}?", "A common mistake is to answer {}.",
    "Most people would answer {}, but they are wrong.",
    "If the sky were red, the answer would be {}.", "The wrong answer is {}.",
    "The least likely answer is {}",
    r"\boxed{{{}}} is wrong.", r"The answer is not \boxed{{{}}}.",
]  # fmt: skip
SAID = [
    "The answer is {}.", "So the answer would be {}.",
    "It's {}.", r"Thus, if n = 2, the answer is \boxed{{{}}}.",
    "The answer is:\n\n{}", r"This is not hard: \boxed{{{}}}.", r"The total would be \boxed{{{}}}.",
    r"Correcting the mistake, we get \boxed{{{}}}.", "Let me check. The answer is {}. Yes.", "```\n{}\n```",
]  # fmt: skip


def _is_read_as(text: str, value: int) -> bool:
    found = extract_answer(text).text
    return compare(text if found is None else found, str(value)).equal


@QUICK
@given(st.integers(2, 999), st.sampled_from(WITHDRAWN))
def test_the_last_word_counts(value: int, frame: str) -> None:
    text = frame.format(old=value, new=value + 7)
    assert _is_read_as(text, value + 7) and not _is_read_as(text, value)


@QUICK
@given(OTHER, st.sampled_from(WITHDRAWN))
def test_the_last_letter_counts(letters: list[str], frame: str) -> None:
    assert extract_choice(frame.format(old=letters[0], new=letters[1]), COLOURS).text == letters[1]


@QUICK
@given(st.integers(2, 999), LETTERS, st.sampled_from(UNSAID))
def test_what_is_not_stood_by_is_no_answer(value: int, letter: str, frame: str) -> None:
    assert not _is_read_as(frame.format(value), value)
    assert extract_choice(frame.format(letter), COLOURS).text is None


@QUICK
@given(st.integers(2, 999), LETTERS, st.sampled_from(SAID))
def test_what_is_said_is_the_answer(value: int, letter: str, frame: str) -> None:
    assert _is_read_as(frame.format(value), value)
    assert extract_choice(frame.format(letter), COLOURS).text == letter


CHOICES = [
    ("A: red - wrong. B: blue - correct. C: green - wrong. D: yellow - wrong.", COLOURS, "B"),
    ("A) no.\nB) yes!\nC) no.\nD) no.", COLOURS, "B"),
    ("A) red\nB) blue\nC) green\nD) yellow", COLOURS, None),
    (r"\boxed{A} was my first thought, however the correct one is B.", COLOURS, "B"),
    ("The answer might be A if the light is off and B otherwise.", COLOURS, None),
    ("B. blue\n\nA is incorrect.", COLOURS, "B"),
    ("Final answer: B (I was torn between A and B)", COLOURS, "B"),
    ("I'd pick B over A.", COLOURS, "B"), ("选项A错误，选项B正确。", COLOURS, "B"),
    ("It will not increase.", ["increase", "decrease"], None), ("This is not true.", ["True", "False"], None),
    ("It does not change.", ["increases", "does not change"], "B"),
    ("The answer is 15, closest to 14.", ["12", "14", "16"], None), (r"\boxed{50\%}", ["0.5", "50"], None),
    (r"\boxed{A} or \boxed{B}", COLOURS, None), ("Choose A? No, B.", COLOURS, "B"),
    ("Unlike A, B fits.", COLOURS, "B"),
    ("Yes, no doubt about it.", ["Yes", "No"], "A"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "letter"), CHOICES)
def test_choices(text: str, options: list[str], letter: str | None) -> None:
    assert extract_choice(text, options).text == letter


FORMULAS = [
    ("Fe", "Fe^{2+}", False), ("SO4", "SO4^{2-}", False), ("OH", "OH^-", False),
    ("Fe^{3+}", "Fe^{2+}", False),
    ("Fe^{2-}", "Fe^{2+}", False), ("Fe^{2+}", "Fe2+", True), ("NO_3^-", "NO3-", True), ("H_2O", "H2O", True),
]  # fmt: skip


@pytest.mark.parametrize(("given_text", "answer", "same"), FORMULAS)
def test_the_charge_is_part_of_a_formula(given_text: str, answer: str, same: bool) -> None:
    assert equivalent(given_text, answer, "formula") == same
    assert equivalent(answer, given_text, "formula") == same


def test_a_time_has_two_digits_of_minutes() -> None:
    assert not equivalent("3:5", "3:05", "time") and equivalent("03:05", "3:05", "time")
