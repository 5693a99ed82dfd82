"""Words and signs beside a number or a name that change what it says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import MathVerifier, compare, equivalent, extract_answer
from r1v.scoring.verifier import available

QUICK = settings(max_examples=60, deadline=None)

# a word behind a number, and what it makes of the number (None: nothing that is read here)
SCALES = {
    "hundred": 100, "thousands": 1000, "lakh": 10**5, "million": 10**6, "crore": 10**7, "dozen": 12,
}  # fmt: skip
CHANGING = [
    "squared", "cubed", "factorial", "times x", "at most", "less", "short", "under par", "wrong", "Mrd",
    "Mio.", "bn", "mn", "mil", "tens", "twos", "gross", "score", "pairs", "couples", "th", "tenths", "halves",
    "millionths", "below zero", "or less", "less than that", "plus 1", "over 2", "ppm", "-fold",
    "pi", "kilo", "C 2", "maximum", "log", "(wrong)", "Tausend",
]  # fmt: skip
BEFORE = [
    "half of",
    "about half of",
    "twice",
    "square root of",
    "the square of",
    "the factorial of",
    "a third of",
]
COUNTED = [
    "apples",
    "people in the room",
    "months",
    "ways",
    "points",
    "times",
    "red balls",
    "paths",
    "square units",
]


@QUICK
@given(st.integers(2, 999), st.sampled_from(sorted(SCALES)))
def test_a_scale_is_read(value: int, word: str) -> None:
    assert compare(f"{value} {word}", str(value * SCALES[word])).equal
    assert compare(rf"{value} \text{{ {word}}}", str(value * SCALES[word])).equal
    for kind in ("math", "number"):
        assert not compare(f"{value} {word}", str(value), kind).equal
        assert not compare(str(value), f"{value} {word}", kind).equal


@QUICK
@given(st.integers(2, 999), st.sampled_from(CHANGING))
def test_a_word_that_changes_a_number_is_no_unit(value: int, word: str) -> None:
    for text in (f"{value} {word}", rf"{value}\text{{ {word}}}", f"The answer is {value} {word}."):
        assert not compare(text, str(value)).equal
        assert not equivalent(text, str(value), "number")
        found = extract_answer(text).text
        assert found is None or not compare(found, str(value)).equal


@QUICK
@given(st.integers(2, 999), st.sampled_from(BEFORE))
def test_a_number_that_another_is_made_from_is_no_answer(value: int, word: str) -> None:
    for text in (f"{word} {value}", rf"\text{{{word} }}{value}", f"So the answer is {word} {value}."):
        assert not compare(text, str(value)).equal
        found = extract_answer(text).text
        assert found is None or not compare(found, str(value)).equal


@QUICK
@given(st.integers(2, 999), st.sampled_from(COUNTED))
def test_a_noun_names_what_is_counted(value: int, noun: str) -> None:
    assert compare(f"{value} {noun}", str(value)).equal and compare(str(value), f"{value} {noun}").equal
    assert not compare(f"{value + 1} {noun}", str(value)).equal


SAME = [
    ("5 below zero", "-5"), ("5 degrees below zero", "-5"), ("7 tenths", r"\frac{7}{10}"),
    ("3 dozen eggs", "36 eggs"),
    (r"q \land p", r"p \land q"), ("A, C", "A and C"), (r"p \land q", "p and q"), ("3 R 1", "3 r 1"),
    (r"\neg(p \land q)", r"\neg p \lor \neg q"), ("3 remainder 1", "3 r 1"), ("f(x)=2x", "y=2x"),
    ("y'=2x", "f'(x)=2x"), ("= 7", "7"), ("14", "XIV"), ("option A", "A"), ("seven pairs", "7 pairs"),
    ("2 or 3", "2, 3"), ("7 pi", r"7\pi"), ("2,1,1", "1,1,2"), (r"5‰", r"5\permil"),
]  # fmt: skip
DIFFERENT = [
    (r"p \lor q", r"p \land q"), (r"p \vee q", r"p \wedge q"), ("p ∨ q", "p ∧ q"), ("p or q", "p and q"),
    (r"(p \land q) \lor r", r"p \land (q \lor r)"), (r"\neg p", "p"), (r"x=1 \lor y=2", r"x=1 \land y=2"),
    ("5 Gb", "5 GB"), ("5+", "5"), ("7-", "7"), ("f'(x)=2x", "f(x)=2x"), ("g(x)=2x", "f(x)=2x"),
    ("f''(x)=2", "f'(x)=2"), ("y=2x", "f'(x)=2x"),
    ("1 r 3", "3 r 1"), ("10 R 3", "10 R 2"), ("1,2,2", "1,1,2"),
    ("7'", "7"), (r"\sim 7", "7"), ("iron(III)", "iron"), (r"5\permil", r"5\%"), 
    (r"\int x dx", r"\frac{x^2}{2}"),
    ("5", "5 below zero"), ("XVI", "14"),
]  # fmt: skip


@pytest.fixture(scope="module")
def verifier():
    verifier = MathVerifier() if available() else None
    yield verifier
    if verifier is not None:
        verifier.close()


@pytest.mark.parametrize(("text", "answer"), SAME)
def test_same(text: str, answer: str, verifier) -> None:
    assert compare(text, answer, verifier=verifier).equal
    assert compare(answer, text, verifier=verifier).equal


@pytest.mark.parametrize(("text", "answer"), DIFFERENT)
def test_different(text: str, answer: str, verifier) -> None:
    assert not compare(text, answer, verifier=verifier).equal
    assert not compare(answer, text, verifier=verifier).equal


LETTERS = st.lists(st.sampled_from("pqrs"), min_size=2, max_size=4, unique=True)
SPELLED = {"and": (r" \land ", " ∧ ", r" \wedge ", " and "), "or": (r" \lor ", " ∨ ", r" \vee ", " or ")}


@QUICK
@given(
    LETTERS, st.sampled_from(["and", "or"]), st.integers(0, 3), st.integers(0, 3), st.permutations(range(4))
)
def test_and_is_never_or(letters: list[str], word: str, first: int, second: int, order: list[int]) -> None:
    text = SPELLED[word][first].join(letters)
    turned = [letters[at] for at in order if at < len(letters)]
    other = {"and": "or", "or": "and"}[word]
    assert compare(SPELLED[word][second].join(turned), text).equal
    assert not compare(SPELLED[other][second].join(turned), text).equal
