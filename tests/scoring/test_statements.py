"""Statements for all and for some, sequences without their domain, conditions of cases, groups of three
digits, angles to the side of a direction, arrows of reactions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import compare
from tests.scoring.test_forms import same

QUICK = settings(max_examples=40, deadline=None)
BOTH_WAYS = [
    (r"\exists x\in\mathbf{R},\ x^{2}+1<0", r"\exists x_0 \in \mathbb R, x_0^2 + 1 < 0", True),
    (r"\text{There exists } x \in \mathbb{R} \text{ such that } x^2+1<0", r"\exists x \in R, x^2+1<0", True),
    (r"\forall x\in\mathbb R, x^2+1<0", r"\exists x \in \mathbb{R}, x^2+1<0", False),
    (r"\exists x\in\mathbb Z, x^2+1<0", r"\exists x \in \mathbb{R}, x^2+1<0", False),
    (r"\exists x\in\mathbb R, x^2-1<0", r"\exists x \in \mathbb{R}, x^2+1<0", False),
    (r"\exists x\in\mathbb R, x^2+1\le0", r"\exists x \in \mathbb{R}, x^2+1<0", False),
    (r"\forall x > 0, x \ge 2", r"\forall x > 1, x \ge 2", False),
    (r"p \to q", r"\neg p \lor q", True),
    (r"p \to q", r"q \to p", False),
    (r"\overline{A}B + C", "A'B + C", True),
    (r"\bar{A}B + C", "AB' + C", False),
    (r"\overline{AB}", "A'B'", False),
    ("a_n=2n+1", r"a_n = 2n+1\ (n \in \mathbf{N}^*)", True),
    ("2n+1", r"a_n=2n+1, n\in N^*", True),
    ("b_n=2n+1", r"a_n = 2n+1, n\in\mathbb{N}^*", False),
    (r"x=k\pi", r"x=k\pi, k\in\mathbb{N}", False),
    (r"x \in \mathbf{R}", r"\mathbb{R}", True),
    (r"\{x\in\mathbf{Z}\mid 1\le x\le 3\}", r"\{1,2,3\}", True),
    (r"x\le-1\text{ and }x\ge3", r"x\le-1\text{ or }x\ge3", False),
    (r"kx", r"nx", False),
    (r"2k", r"2n", False),
    (r"n\pi", r"m\pi", False),
    (r"(n-2)\pi", r"(k-2)\pi", False),
    (r"\pounds 3.60", "£3.60", True),
    ("3.6 pounds", "£3.60", True),
    ("5 lb", "£5", False),
    (r"\euro 5", "€5", True),
    ("quarter to four in the afternoon", "15:45", True),
    ("8 o'clock in the morning", "20:00", False),
    (r"35\%", "0.35", True),
    ("(1)8;(2)6", "8; 6", True),
    ("(1)8;(2)6", "6; 8", False),
]
REACTIONS = [
    (r"\ce{CaCO3 ->[\Delta] CaO + CO2 ^}", True),
    (r"\mathrm{CaCO_3 \xlongequal{\Delta} CaO + CO_2\uparrow}", True),
    (r"\text{CaCO}_3 \stackrel{\Delta}{\longrightarrow} \text{CaO} + \text{CO}_2", True),
    (r"\text{CaCO}_3 \overset{\Delta}{=} \text{CaO} + \text{CO}_2", True),
    ("CaCO3(s) ==> CaO(s) + CO2(g)", True),
    (r"\text{CaCO}_{3(s)} \to \text{CaO}_{(s)} + \text{CO}_{2(g)}", True),
    ("CaCO3 <=> CaO + CO2", False),
    ("CaO + CO2 -> CaCO3", False),
    (r"CaCO3 \to CaO + CO", False),
    (r"2CaCO3 \to CaO + CO2", False),
]


@pytest.mark.parametrize(("one", "other", "equal"), BOTH_WAYS)
def test_both_ways(one: str, other: str, equal: bool) -> None:
    assert same(one, other) == equal


def test_a_share_is_no_percentage_of_the_same_digits() -> None:
    assert not compare(r"0.35\%", "0.35").equal and compare(r"35\%", "35").equal


@pytest.mark.parametrize(("given", "equal"), REACTIONS)
def test_reactions(given: str, equal: bool) -> None:
    assert compare(given, "CaCO3 = CaO + CO2↑").equal == equal


@pytest.mark.parametrize(
    "given",
    [
        r"a_n=\begin{cases}1,&n=1,\\2n+1,&n\ge 2,n\in\mathbf{N}^*\end{cases}",
        r"\begin{cases}1&(n=1)\\2n+1&(n\ge 2)\end{cases}",
        r"\begin{cases}1&\text{for } n=1\\2n+1&\text{for all } n>1\end{cases}",
        r"a_1=1,\ a_n=2n+1\ (n\ge2)",
    ],
)
def test_conditions_of_cases(given: str) -> None:
    answer = r"a_n=\begin{cases}1,&n=1\\2n+1,&n\geq 2\end{cases}"
    assert compare(given, answer).equal
    assert not compare(given.replace("2n+1", "2n-1"), answer).equal
    assert not compare(given.replace("2)", "3)").replace("2,n", "3,n").replace("n>1", "n>2"), answer).equal


@pytest.mark.parametrize(
    ("odd", "even"), [("n=2k-1", "n=2k"), ("n为奇数", "n为偶数"), ("n is odd", "n even")]
)
def test_odd_and_even_cases(odd: str, even: str) -> None:
    answer = r"a_n=\begin{cases}2^n,&n\text{ is odd}\\0,&n\text{ is even}\end{cases}"
    assert compare(rf"\begin{{cases}}0,&{even}\\2^n,&{odd}\end{{cases}}", answer).equal
    assert not compare(rf"\begin{{cases}}0,&{odd}\\2^n,&{even}\end{{cases}}", answer).equal


@QUICK
@given(
    st.integers(1, 999),
    st.lists(st.integers(0, 999), min_size=1, max_size=3),
    st.sampled_from(["", " m", r"\%"]),
)
def test_groups_of_three_digits(first: int, groups: list[int], unit: str) -> None:
    """A number with spaces is the number; one group that is shorter, or a list, is not."""
    parts = [str(first), *(f"{group:03}" for group in groups)]
    assert same(" ".join(parts) + unit, "".join(parts) + unit)
    assert not same(
        " ".join([*parts[:-1], parts[-1][:2]]) + unit, "".join([*parts[:-1], parts[-1][:2]]) + unit
    )
    assert not same(" ".join(parts) + unit, "".join([*parts[:-1], f"{(groups[-1] + 1) % 1000:03}"]) + unit)
    assert same(" ".join(parts), ", ".join(parts)) is False


@QUICK
@given(st.integers(1, 12), st.integers(0, 11), st.integers(1, 12), st.integers(0, 11))
def test_multiples_of_pi_with_another_letter(step: int, offset: int, other: int, moved: int) -> None:
    """Where nothing is said of k, m and n; the offset, of less than a step, counts modulo the step."""
    offset, moved = offset % step, moved % other
    one = rf"x=\frac{{{offset}\pi}}{{6}}+\frac{{{step}k\pi}}{{6}}"
    assert same(one, rf"x=\frac{{{moved}\pi}}{{6}}+\frac{{{other}n\pi}}{{6}}") == (
        (step, offset) == (other, moved)
    )


@QUICK
@given(st.integers(1, 89), st.sampled_from(["north", "south"]), st.sampled_from(["east", "west"]))
def test_bearings(angle: int, base: str, side: str) -> None:
    bearing = f"{base[0].upper()}{angle}°{side[0].upper()}"
    assert same(f"{angle}° {side} of {base}", bearing) and same(f"{90 - angle}° {base} of {side}", bearing)
    signs = {"north": "北", "south": "南", "east": "东", "west": "西"}
    assert same(f"{signs[base]}偏{signs[side]}{angle}°", bearing)
    assert same(f"{angle}° {base} of {side}", bearing) == (angle == 45)
    assert not same(f"{angle}° {'west' if side == 'east' else 'east'} of {base}", bearing)
