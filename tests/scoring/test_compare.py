"""Free answers: the labelled pairs, the rules one by one, and properties."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import MathVerifier, Tolerance, compare
from r1v.scoring.answers import Collection, Scalar
from r1v.scoring.evaluation import exact
from r1v.scoring.reading import plus_minus, read
from r1v.scoring.verifier import Verification, available

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _load_benchmark():
    spec = importlib.util.spec_from_file_location("scorer_benchmark", BENCHMARKS / "eval" / "scorer.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SCORER = _load_benchmark()
needs_math_verify = pytest.mark.skipif(not available(), reason="needs math-verify: pip install 'r1v[eval]'")


@pytest.fixture(scope="module")
def verifier():
    verifier = MathVerifier()
    yield verifier
    verifier.close()


def test_there_are_at_least_400_labelled_pairs() -> None:
    pairs = SCORER.load_pairs()
    assert len({(p.given, p.answer, p.kind, p.tolerance) for p in pairs}) == len(pairs) >= 400


@needs_math_verify
def test_labelled_pairs(verifier) -> None:
    wrong = [
        p
        for p in SCORER.load_pairs()
        if compare(p.given, p.answer, p.kind, p.tolerance, verifier).equal != p.same
    ]
    assert not [(p.given, p.answer) for p in wrong]


def test_without_math_verify_nothing_is_wrongly_accepted() -> None:
    accepted = [
        p for p in SCORER.load_pairs() if not p.same and compare(p.given, p.answer, p.kind, p.tolerance).equal
    ]
    assert not accepted


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1.5 km/h", 1.5, "km/h"),
        (r"5\,\text{cm}^2", 5, "cm^2"),
        ("30°", 30, "deg"),
        (r"50\%", 50, "%"),
        ("2 1/2 m", 2.5, "m"),
        (r"3 \times 10^{8} \mathrm{m/s}", 3e8, "m/s"),
        ("$4.20", 4.2, "dollar"),
        ("3平方米", 3, "平方米"),
    ],
)
def test_quantities(text: str, value: float, unit: str) -> None:
    found = read(text)[0]
    assert isinstance(found, Scalar) and found.unit is not None
    number = exact(found.value)
    assert number is not None and float(number) == value and found.unit.name == unit


@pytest.mark.parametrize("text", ["abc", "12 or 13", "1, 2", "x + 1", "12:30", "(1, 2)", "5m", "1 2"])
def test_what_is_no_quantity(text: str) -> None:
    assert not any(isinstance(value, Scalar) and value.unit and not value.guessed for value in read(text))


def test_lists_and_tuples() -> None:
    pair = read("(1, [2, 3])")[0]
    assert isinstance(pair, Collection) and len(pair.items) == 2 and pair.ordered
    assert not isinstance(read("1,234")[0], Collection)
    assert plus_minus(r"1 \pm x") == ["1 + x", "1 - x"]


def test_a_verifier_is_asked_last_and_its_time_out_is_told() -> None:
    asked = []

    def verifier(given: str, answer: str) -> Verification:
        asked.append((given, answer))
        return Verification(timed_out=True)

    assert compare("12", "12.0", verifier=verifier).equal
    assert not asked
    assert compare(r"\sin x", r"\cos(\pi/2 - x)", verifier=verifier).equal
    assert not asked
    match = compare(r"\int_0^1 x dx", r"\int_0^1 y dy", verifier=verifier)
    assert asked and match.timed_out and not match.equal and match.rule == "math-verify"


@needs_math_verify
def test_a_comparison_that_takes_too_long_is_killed_and_the_next_one_works() -> None:
    verifier = MathVerifier(timeout_s=1.5)
    slow = verifier(r"\sum_{k=1}^{99999999} \frac{\sin(k^k)}{k!}", r"\prod_{k=1}^{9999999} \cos(k^{k^k})")
    assert not slow.equal and slow.timed_out
    assert verifier(r"\frac{2}{4}", "0.5").equal
    verifier.close()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_harmless(first: str, second: str) -> None:
    assert compare(first, second).equal in (True, False)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=r"0123456789.,/-+e %$\frac{}x^*()=:ABCHOpmy[]<>", max_size=30))
def test_reflexive(text: str) -> None:
    assert compare(text, text).equal


@given(st.integers(-99, 99), st.integers(-99, 99))
def test_pairs_are_ordered_and_sets_are_not(a: int, b: int) -> None:
    assert compare(rf"\{{{b}, {a}\}}", rf"\{{{a}, {b}\}}").equal
    assert compare(f"({b}, {a})", f"({a}, {b})").equal == (a == b)


def test_tolerances() -> None:
    assert compare("9.9", "10", tolerance=Tolerance(relative=0.01)).equal
    assert not compare("9.89", "10", tolerance=Tolerance(relative=0.01)).equal
    assert compare("0.12 m", "10 cm", tolerance=Tolerance(absolute=2)).equal
    assert not compare("0.13 m", "10 cm", tolerance=Tolerance(absolute=2)).equal


# Of every kind of mistake that has been found, a few: (given, answer).
ACCEPTED = [
    (r"x\le3", "(-∞,3]"), (r"\mathbb R", r"(-\infty,\infty)"), (r"\frac{\pi}{4}", r"45^\circ"),
    (r"\angle ABC=60°", r"60^\circ"), ("30.5°", "30°30'"), ("(p,q)=(3,2)", "(3,2)"), ("p=3, q=2", "(3,2)"),
    ("14:64", "7:32"), (r"8\sqrt{3} square inches", r"8\sqrt3"), (r"525\pi", "525π cm²"),
    ("2.5×10³ J", "2.5 kJ"),
    (r"\ce{H2SO4}", "H_2SO_4"), (r"\ce{2H2 + O2 -> 2H2O}", "2H2 + O2 -> 2H2O"), (r"\varepsilon", r"\epsilon"),
    ("∅", r"\emptyset"), ("no solution", r"\emptyset"), ("∞", r"\infty"), ("√(x+1)", r"\sqrt{x+1}"),
    (r"1\,000\,000", "1000000"), ("5 euros", "€5"),
    (r"\begin{pmatrix}2&4\\6&8\end{pmatrix}", r"2\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
    (
        r"\begin{cases} -x, & \text{if } x<0\\ x, & \text{if } x\geq 0\end{cases}",
        r"\begin{cases} x & x\ge0\\ -x & x<0\end{cases}",
    ),
    (r"3+\frac12", "3.5"), ("7/2", "3½"), (r"\mathbf{\frac{3}{4}}", r"\frac{3}{4}"), ("x^2", "x²"),
    ("2√3", r"2\sqrt3"),
    ("2", r"\sqrt[5]{32}"), ("120分钟", "2小时"), ("5 m", "5米"),
    ("x<1 or x>3", r"(-\infty,1)\cup(3,\infty)"),
    ("x>1 and x<3", "(1,3)"), (r"\mathbb{R}\setminus\{2\}", r"x \ne 2"), ("xy=k", r"y = \frac{k}{x}"),
    ("|1-x|", "|x-1|"),
    ("0.4 µT", r"4.0 \times 10^{-7}\ \text{T}"), ("2:4:6", "1:2:3"), (r"\cos A=\frac{3}{5}", "3/5"),
]  # fmt: skip
REFUSED = [
    ("4", "x^2+y^2=4"), ("4x", "y^2=4x"), ("y", "y=2x+1"), ("12/3", "1 2/3"), ("1 2", "12"),
    ("52", "5²"),
    ("31/2", "3½"), ("7", "10⁻³"), ("5千克", "5米"), ("2分钟", "2小时"), ("60'", "60°"), ("47+38", "85"),
    (r"3 \times 4", "12"),
    (r"\sum_{k=1}^{100} k", "5050"), ("(3^{1008}+1)/3^{1009}", "(3^{1008}-1)/3^{1009}"),
    ("2H2O -> 2H2 + O2", "2H2 + O2 -> 2H2O"), ("2H_2O = 2H_2 + O_2", "2H_2 + O_2 = 2H_2O"), ("€5", "$5"),
    (r"\pi^{50}+1", r"\pi^{50}"), ("1:15", "3:45"), ("OH_2", "H_2O"), ("(2,1)", r"x\in(1,2)"), ("5m", "5"),
    (r"\{\emptyset\}", r"\emptyset"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), ACCEPTED)
def test_accepted(text: str, answer: str) -> None:
    assert compare(text, answer).equal and compare(answer, text).equal


@pytest.mark.parametrize(("text", "answer"), REFUSED)
def test_refused(text: str, answer: str) -> None:
    assert not compare(text, answer).equal


NUMBERS = st.integers(2, 9999)
FORMS = [
    "{a}", "{a}.0", "${a}$", r"\text{{{a}}}", r"\frac{{{b}}}{{2}}", "{b}/2", r"\sqrt{{{c}}}", "{a} cm",
    "x = {a}", "{a}%",
]  # fmt: skip


@given(NUMBERS, st.sampled_from(FORMS), st.sampled_from(FORMS))
@settings(max_examples=60, deadline=None)
def test_rewriting_keeps_a_number_and_equality_is_symmetric(value: int, first: str, second: str) -> None:
    texts = [form.format(a=value, b=2 * value, c=value * value) for form in (first, second)]
    if sum("%" in text for text in texts) != 1 or "cm" not in "".join(texts):
        assert compare(*texts).equal and compare(*reversed(texts)).equal


@given(NUMBERS, NUMBERS, st.sampled_from(FORMS), st.sampled_from(FORMS))
@settings(max_examples=60, deadline=None)
def test_another_number_is_never_equal(value: int, other: int, first: str, second: str) -> None:
    one, two = (
        first.format(a=value, b=2 * value, c=value * value),
        second.format(a=other, b=2 * other, c=other**2),
    )
    if other not in (value, 100 * value) and value != 100 * other:
        assert not compare(one, two).equal


@given(
    NUMBERS,
    st.sampled_from(["m", "kg", "s", "J", "米", "千克", "deg", "$"]),
    st.sampled_from(["N", "V", "小时", "K"]),
)
@settings(max_examples=40, deadline=None)
def test_another_unit_is_never_equal(value: int, unit: str, other: str) -> None:
    assert not compare(f"{value} {other}", f"{value} {unit}").equal


@given(st.integers(2, 9), st.integers(10, 99), st.integers(2, 9))
@settings(max_examples=40, deadline=None)
def test_sign_order_and_exponent_matter(a: int, b: int, power: int) -> None:
    assert not compare(f"-{b}", f"{b}").equal
    assert not compare(f"({b}, {a})", f"({a}, {b})").equal
    assert not compare(f"{b}^{{{power + 1}}}", f"{b}^{{{power}}}").equal
    assert not compare(f"x^{power} + {a}", f"x^{power} + {b}").equal
    assert compare(f"{a} + x^{power}", f"x^{{{power}}}+{a}").equal
