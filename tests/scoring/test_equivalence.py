"""Equivalence of answers: hand-made pairs of every type, and properties."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1v.scoring import equivalent, parse_number

SAME = [
    ("12", "12", "number"),
    ("12.0", "12", "number"),
    ("+12", "12", "number"),
    (" 12. ", "12", "number"),
    ("$12$", "12", "number"),
    (r"\(12\)", "12", "number"),
    ("**12**", "12", "number"),
    ("１２", "12", "number"),
    ("−3.50", "-3.5", "number"),
    ("1,234", "1234", "number"),
    (r"1{,}234.5", "1234.5", "number"),
    ("0.5", ".5", "number"),
    ("3/4", "0.75", "number"),
    (r"\frac{3}{4}", "0.75", "number"),
    (r"-\dfrac{3}{4}", "-0.75", "number"),
    ("1 1/2", "1.5", "number"),
    ("1.2e3", "1200", "number"),
    (r"1.2 \times 10^{3}", "1200", "number"),
    ("1.2×10^-3", "0.0012", "number"),
    ("12 cm", "12", "number"),
    (r"12\text{ cm}", "12", "number"),
    (r"12\,\mathrm{m/s^2}", "12", "number"),
    ("12 m/s", "12", "number"),
    ("45°", "45", "number"),
    (r"45^\circ", "45", "number"),
    (r"45^{\circ}", "45", "number"),
    (r"50\%", "50", "number"),
    ("50%", "50", "number"),
    ("$5", "5", "number"),
    ("x = 7", "7", "number"),
    (r"\angle C = 7", "7", "number"),
    ("3个", "3", "number"),
    ("12 square units", "12", "number"),
    ("Red", "red", "string"),
    (r"\text{north  east}", "North East", "string"),
    ("'blue'.", "blue", "string"),
    ("红色", "红色", "string"),
    ("B", "b", "choice"),
    ("(B)", "B", "choice"),
    ("B.", "B", "choice"),
    ("B) 12 cm", "B", "choice"),
    ("B: the red one", "B", "choice"),
    ("Option B", "B", "choice"),
    ("The answer is B", "B", "choice"),
    (r"\text{B}", "B", "choice"),
    ("答案是B", "B", "choice"),
    ("triangle", "Triangle", "choice"),
    ("3:05", "03:05", "time"),
    ("3:05 pm", "15:05", "time"),
    ("3:05 PM", "3:05", "time"),
    ("3:05 p.m.", "15:05", "time"),
    ("12:10 am", "0:10", "time"),
    ("12:10 am", "12:10", "time"),
    ("3点5分", "3:05", "time"),
    ("3:05:00", "3:05", "time"),
    ("7:00 o'clock", "7:00", "time"),
    ("C6H6", "C_6H_6", "formula"),
    ("C₂H₆O", "C2H6O", "formula"),
    ("CH3CH2OH", "C2H6O", "formula"),
    ("Ca(OH)2", "CaO2H2", "formula"),
    (r"\mathrm{C_{6}H_{12}O_{6}}", "C6H12O6", "formula"),
    ("2x+1", "1 + 2x", "formula"),
    ("y = 2x + 1", "2x+1", "formula"),
    ("2x - y + 1 = 0", "y = 2x+1", "formula"),
    ("(x+1)^2", "x^2 + 2x + 1", "formula"),
    (r"\frac{1}{2}x", "x/2", "formula"),
    (r"0.5 \cdot x", r"\frac{x}{2}", "formula"),
    ("-(x - 3)(x + 3)", "9 - x**2", "formula"),
]

DIFFERENT = [
    ("12", "13", "number"),
    ("", "12", "number"),
    ("twelve", "12", "number"),
    ("12 or 13", "12", "number"),
    ("12, 13", "12", "number"),
    ("1/0", "0", "number"),
    ("nan", "0", "number"),
    ("inf", "1", "number"),
    ("1,23", "123", "number"),
    ("-12", "12", "number"),
    ("0.333", "1/3", "number"),
    ("red", "blue", "string"),
    ("dark red", "red", "string"),
    ("A", "B", "choice"),
    ("A or B", "B", "choice"),
    ("AB", "B", "choice"),
    ("blue", "B", "choice"),
    ("square", "triangle", "choice"),
    ("3:50", "3:05", "time"),
    ("3:05", "15:05", "time"),
    ("3:05 am", "15:05", "time"),
    ("3:05 am", "3:05 pm", "time"),
    ("25:00", "1:00", "time"),
    ("3:65", "4:05", "time"),
    ("305", "3:05", "time"),
    ("C6H5", "C6H6", "formula"),
    ("CO", "Co", "formula"),
    ("2x+1", "2x-1", "formula"),
    ("y = 2x", "y = 3x", "formula"),
    ("1/x", "x", "formula"),
    ("x^999999", "x", "formula"),
]


@pytest.mark.parametrize(("first", "second", "kind"), SAME)
def test_same(first: str, second: str, kind: str) -> None:
    assert equivalent(first, second, kind)


@pytest.mark.parametrize(("first", "second", "kind"), DIFFERENT)
def test_different(first: str, second: str, kind: str) -> None:
    assert not equivalent(first, second, kind)


def test_tolerance_is_absolute_and_inclusive() -> None:
    assert equivalent("12.3", "12", "number", 0.3)
    assert not equivalent("12.31", "12", "number", 0.3)
    assert equivalent("11.7 m", "12", "number", 0.3)
    assert not equivalent("B", "A", "choice", 5.0)


KINDS = st.sampled_from(["number", "string", "choice", "time", "formula"])


@given(st.fractions(), st.fractions(), st.sampled_from(["{}/{}", r"\frac{{{}}}{{{}}}", " {} / {} "]))
def test_fractions_are_exact(a: Fraction, b: Fraction, form: str) -> None:
    text = form.format(a.numerator, a.denominator)
    assert parse_number(text) == a
    assert equivalent(text, f"{b.numerator}/{b.denominator}", "number") == (a == b)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_decimals_and_thousands(value) -> None:
    assert equivalent(f"{value:,}", str(value), "number")
    assert equivalent(f"${value}$ kg", str(value), "number")


@given(st.text(max_size=40), st.text(max_size=40), KINDS)
def test_any_text_is_harmless(first: str, second: str, kind: str) -> None:
    assert equivalent(first, second, kind) in (True, False)


@given(st.text(alphabet=r"0123456789.,/-+e %$\frac{}x^*()=:ABCHOpmy", max_size=30), KINDS)
def test_any_answer_equals_itself_and_the_relation_is_harmless(text: str, kind: str) -> None:
    if text.strip():
        assert equivalent(text, text, kind)


@given(st.integers(0, 23), st.integers(0, 59))
def test_times_of_day(hour: int, minute: int) -> None:
    half = f"{(hour - 1) % 12 + 1}:{minute:02d} {'am' if hour < 12 else 'pm'}"
    assert equivalent(half, f"{hour:02d}:{minute:02d}", "time")
    other = (hour + 12) % 24
    if not 1 <= other <= 12:  # a bare 1:00 to 12:59 may be either half of the day
        assert not equivalent(half, f"{other:02d}:{minute:02d}", "time")


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9))
def test_polynomials(a: int, b: int, c: int) -> None:
    expanded = f"{a * b}x^2 + {c * b}x + {a}x*{c}+{c}*{c}".replace("+ -", "- ").replace("+-", "-")
    factored = f"({a}x + {c})({b}x + {c})".replace("+ -", "- ")
    assert equivalent(expanded.replace("*-", "*(-1)*"), factored, "formula")
