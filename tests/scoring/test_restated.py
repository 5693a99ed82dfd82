r"""What stands beside a value in a box: an expression that it is the value of, a remark, a unit, labels. What
is accepted here is tried with changed values, and from the other side."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import compare, extract_answer, match_found

FOLDER = Path(__file__).parent / "replies"
QUICK = settings(max_examples=80, deadline=None)


def _replies(name: str) -> list[tuple[str, str]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    parts = [line.rpartition(" | ") for line in lines if line and not line.startswith("# ")]
    return [(reply.replace("⏎", "\n"), answer) for reply, _, answer in parts]


def _accepted(reply: str, answer: str) -> bool:
    return match_found(extract_answer(reply), answer).equal


@pytest.mark.parametrize(("reply", "answer"), _replies("boxes_right.txt"))
def test_a_box_with_the_answer(reply: str, answer: str) -> None:
    assert _accepted(reply, answer)


@pytest.mark.parametrize(("reply", "answer"), _replies("boxes_wrong.txt"))
def test_a_box_without_the_answer(reply: str, answer: str) -> None:
    assert not _accepted(reply, answer)


BOXES = [  # of one number
    r"a+b+c={}", r"xy={}", r"{} = m-n", r"f(2)+f(3)={}", r"\frac{{[ABC]}}{{[DEF]}} = {}",
    r"\vec a\cdot\vec b={}", r"{} \text{{ (since the others are even)}}", r"{}\ (\text{{in total}})",
    r"x={}\ (x=-1 \text{{ is rejected}})", r"\text{{Total: }} {}", r"{},\ \text{{as required}}",
    r"{} \text{{ apples}}", r"{} \text{{ or }} {}.0", r"{}\ (={}.0)", r"\text{{The sum is }} {}",
]  # fmt: skip
UNSOLVED = [r"2x={}", r"x^2={}", r"|x|={}", r"3^x={}", r"x+1={}", r"\sqrt x={}", r"\log x = {}", r"x!={}"]
EQUATIONS = [r"x+y={}", r"x^2+y^2={}", r"2a-3b={}", r"{}=xy", r"\frac xa+\frac yb={}"]


def _changed(value: int, which: int) -> str:
    """The value with another digit, sign, order or exponent, or as a part of something else."""
    return [f"{value + 1}", f"-{value}", f"{value}0", f"{value}.5", rf"\frac{{1}}{{{value}}}", f"{value}^2",
            rf"{value}\pi", f"{value}x", f"x+{value}", f"({value}, 1)", f"{value}, {value + 1}",
            rf"{value}\times 10^3", f"x>{value}", f"{value}:1"][which]  # fmt: skip


@QUICK
@given(st.integers(2, 999), st.sampled_from(BOXES), st.integers(0, 13))
def test_another_value_is_never_in_the_box(value: int, frame: str, which: int) -> None:
    box = rf"\boxed{{{frame.format(value, value)}}}"
    assert _accepted(box, str(value))
    assert not _accepted(box, _changed(value, which))
    changed = _changed(value, which % 8)
    if "or" not in frame and "=" not in frame.removeprefix("x="):
        assert not _accepted(rf"\boxed{{{frame.format(changed, changed)}}}", str(value))


@QUICK
@given(st.integers(2, 999), st.sampled_from(UNSOLVED), st.sampled_from(EQUATIONS))
def test_an_equation_is_not_its_side(value: int, unsolved: str, equation: str) -> None:
    """An equation to be solved is no value; a value is no equation, in a box or not."""
    assert not _accepted(rf"\boxed{{{unsolved.format(value)}}}", str(value))
    for text in (unsolved.format(value), equation.format(value)):
        assert not _accepted(rf"\boxed{{{value}}}", text) and not compare(str(value), text).equal
    assert _accepted(rf"\boxed{{{equation.format(value)}}}", equation.format(value))
    assert not _accepted(rf"\boxed{{{equation.format(value)}}}", equation.format(value + 1))
    assert not _accepted(rf"\boxed{{{equation.format(value)}}}", f"x={value}")
    assert not _accepted(f"So ${equation.format(value)}$.", str(value))  # in a sentence it is a step


PARTS = [
    "(a) {} (b) {}", "(a) {}\n\n(b) {}", "Part 1: {}\nPart 2: {}", "1. {}\n2. {}", "Mean: {}\nMedian: {}",
    "The mean is {} and the median is {}.", "x = {} and y = {}",
]  # fmt: skip


@QUICK
@given(st.integers(1, 99), st.integers(1, 99), st.sampled_from(PARTS), st.booleans())
def test_several_boxes_keep_their_order(first: int, second: int, frame: str, dollars: bool) -> None:
    boxes = [rf"$\boxed{{{n}}}$" if dollars else rf"\boxed{{{n}}}" for n in (first, second)]
    reply = frame.format(*boxes)
    for answer in (f"({first}, {second})", f"{first}, {second}", f"(a) {first} (b) {second}"):
        assert _accepted(reply, answer)
    assert not _accepted(reply, f"({first}, {second + 1})") and not _accepted(reply, str(first + 100))
    if first != second:
        assert not _accepted(reply, f"({second}, {first})") and not _accepted(reply, str(first))
    names = frame.lower().replace("the ", "").replace(" is", " =")
    if "mean" in names:
        assert _accepted(reply, f"mean {first}, median {second}")
        assert not _accepted(reply, f"median {first}, mean {second}") or first == second


@pytest.mark.parametrize(
    ("given_text", "answer", "equal"),
    [
        ("x=3, y=4", "3, 4", True), ("x=3, y=4", "4, 3", False), ("y=4, x=3", "3, 4", True),
        ("Mean = 6, Median = 5", "mean 6, median 5", True), ("mean 6, median 5", "5, 6", False),
        ("x=3 or x=4", "4, 3", True), ("x_1=3, x_2=4", "4, 3", True), ("A: 3, B: 4", "4, 3", False),
        (r"\ce{Ag+(aq) + Cl-(aq) -> AgCl(s)}", "Ag+ + Cl- → AgCl", True), (r"\ce{Na+(aq)}", "Na+", True),
        (r"\ce{Na+(aq)}", "Na", False), ("ANNUAL REPORT 2018", "Annual Report 2018", True),
        ("35¢", "35 cents", True), ("35¢", r"\$0.35", True), ("35¢", r"\$35", False),
    ],
)  # fmt: skip
def test_names_and_states(given_text: str, answer: str, equal: bool) -> None:
    assert compare(given_text, answer).equal == equal == compare(answer, given_text).equal
