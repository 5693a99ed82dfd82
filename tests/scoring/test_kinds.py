"""Kinds of answers that are written in several ways: each value equals itself in all of them, and no changed
one."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import compare
from r1v.scoring.kinds.numerals import chinese_number

QUICK = settings(max_examples=60, deadline=None)
SIGNS = "零一二三四五六七八九"


def same(one: str, other: str) -> bool:
    """Whether two answers are the same, asked in both directions."""
    forth, back = compare(one, other).equal, compare(other, one).equal
    assert forth == back, (one, other)
    return forth


# ------------------------------------------------------------------------------------------ other numerals


@QUICK
@given(st.integers(0, 99), st.text("0123456789", max_size=3), st.text("0123456789", min_size=1, max_size=5))
def test_repeating_decimals(whole: int, fixed: str, period: str) -> None:
    """By long division: the digits of the fraction repeat as they are written."""
    digits = period * 12
    value = Fraction(whole) + Fraction(int(fixed or 0), 10 ** len(fixed))
    value += Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))
    assert abs(value - Fraction(f"{whole}.{fixed}{digits}")) <= Fraction(1, 10 ** (len(fixed) + len(digits)))
    fraction = rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    for written in (rf"{whole}.{fixed}\overline{{{period}}}", f"{whole}.{fixed}({period})"):
        assert same(written, fraction), (written, fraction)
        assert not same(written, rf"\frac{{{value.numerator + 1}}}{{{value.denominator}}}")
    if len(period) == 1:
        assert same(rf"{whole}.{fixed}\dot{{{period}}}", fraction)


def in_chinese(number: int) -> str:
    """A whole number below a hundred million in Chinese signs, as schools teach it."""
    if number >= 10_000:
        rest = number % 10_000
        gap = "零" if 0 < rest < 1000 else ""
        return in_chinese(number // 10_000) + "万" + (gap + in_chinese(rest) if rest else "")
    if number < 10:
        return SIGNS[number]
    for size, sign in ((1000, "千"), (100, "百"), (10, "十")):
        if number >= size:
            rest = number % size
            gap = "零" if 0 < rest < size // 10 else ""
            return SIGNS[number // size] + sign + (gap + in_chinese(rest) if rest else "")
    raise AssertionError


@QUICK
@given(st.integers(0, 99_999_999))
def test_chinese_numerals(number: int) -> None:
    written = in_chinese(number)
    assert chinese_number(written) == number
    assert same(written, str(number)) and not same(written, str(number + 1))
    if 10 <= number < 20:
        assert chinese_number(written.removeprefix("一")) == number


@pytest.mark.parametrize(
    "text", ["", "十十", "一二", "百分之", "分之三", "三分之", "万",
             "千万百", "十百", "abc", "负", "零分之三", "三" * 40]
)  # fmt: skip
def test_what_is_no_chinese_numeral(text: str) -> None:
    assert chinese_number(text) is None


@QUICK
@given(st.integers(1, 12), st.integers(0, 12))
def test_choose_and_over(n: int, k: int) -> None:
    k = min(n, k)
    value = math.comb(n, k)
    assert same(rf"{{{n} \choose {k}}}", str(value)) and not same(rf"{{{n} \choose {k}}}", str(value + 1))
    assert same(rf"{{{n}+x \over {k + 1}}}", rf"\frac{{{n}+x}}{{{k + 1}}}")
    assert not same(rf"{{{n}+x \over {k + 2}}}", rf"\frac{{{n}+x}}{{{k + 1}}}")
    assert same(rf"{n} \over {k + 2}", rf"\frac{{{n}}}{{{k + 2}}}")


# ---------------------------------------------------------------------------------------------- intervals


@QUICK
@given(st.integers(-9, 9), st.integers(1, 9), st.booleans(), st.booleans())
def test_brackets_turned_outwards(low: int, width: int, low_closed: bool, high_closed: bool) -> None:
    usual = f"{'[' if low_closed else '('}{low},{low + width}{']' if high_closed else ')'}"
    turned = f"{'[' if low_closed else ']'}{low};{low + width}{']' if high_closed else '['}"
    assert same(turned, usual)
    other = f"{'(' if low_closed else '['}{low},{low + width}{']' if high_closed else ')'}"
    assert not same(turned, other) and not same(
        turned.replace(f";{low + width}", f";{low + width + 1}"), usual
    )


@QUICK
@given(st.integers(-9, 9), st.integers(1, 9), st.booleans())
def test_bounds_of_absolute_values(middle: int, bound: int, closed: bool) -> None:
    sign, left, right = (r"\le ", "[", "]") if closed else ("<", "(", ")")
    written = f"|x{-middle:+d}|{sign}{bound}"
    assert same(written, f"{left}{middle - bound},{middle + bound}{right}")
    assert same(written, rf"{middle - bound}{sign}x{sign}{middle + bound}")
    assert not same(written, f"{left}{middle - bound},{middle + bound + 1}{right}")
    assert not same(
        written, f"{'(' if closed else '['}{middle - bound},{middle + bound}{')' if closed else ']'}"
    )
    outside, other = (r"\ge ", "<") if closed else (">", r"\le ")
    union = rf"(-\infty,{middle - bound}{right}\cup{left}{middle + bound},\infty)"
    assert same(f"|x{-middle:+d}|{outside}{bound}", union)
    assert not same(f"|x{-middle:+d}|{other}{bound}", union)


@QUICK
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=3, unique=True))
def test_all_numbers_but_some(points: list[int]) -> None:
    points = sorted(points)
    ends = [r"-\infty", *map(str, points), r"\infty"]
    union = r"\cup".join(f"({a},{b})" for a, b in itertools.pairwise(ends))
    written = r"\mathbb{R}\setminus\{" + ",".join(map(str, points)) + r"\}"
    assert same(written, union)
    assert not same(written, union.replace(f"({points[0]},", f"[{points[0]},")) and not same(
        written, r"\mathbb{R}"
    )


def test_a_bound_that_may_be_negative_is_no_interval() -> None:
    assert not same("|x|<-2", "(2,-2)") and not same("|x|>-1", r"(-\infty,1)\cup(-1,\infty)")


# ------------------------------------------------------------------------------------------------ vectors


@QUICK
@given(
    st.tuples(*[st.integers(-9, 9)] * 3), st.sampled_from([r"\mathbf{%s}", r"\hat{%s}", r"\vec{%s}", "%s"])
)
def test_vectors_by_their_components(parts: tuple[int, int, int], dress: str) -> None:
    a, b, c = parts
    written = f"{a}{dress % 'i'}{b:+d}{dress % 'j'}{c:+d}{dress % 'k'}"
    assert same(written, f"({a},{b},{c})")
    assert not same(written, f"({a},{b},{c + 1})")
    assert same(written, f"({b},{a},{c})") == (a == b)
    assert same(f"{a}{dress % 'i'}{b:+d}{dress % 'j'}", f"({a},{b})")


def test_i_alone_is_no_vector() -> None:
    assert not same("3+4i", "(3,4)") and not same("2i", "(2,0,0)")
    assert same("i-j", "(1,-1)") and same(r"\hat{\imath}+2\hat{\jmath}", "(1,2)")
    assert same(r"\frac12\mathbf{i}+\sqrt2\mathbf{k}", r"(0.5,0,\sqrt2)")


# ------------------------------------------------------------------------------------- angles, names, salts


@QUICK
@given(st.permutations("ABCPQR"), st.integers(1, 179))
def test_an_angle_is_the_same_from_both_sides(letters: list[str], degrees: int) -> None:
    one, other, third = letters[:3]
    name, back, wrong = f"{one}{other}{third}", f"{third}{other}{one}", f"{other}{one}{third}"
    assert same(rf"\angle {name}", rf"\angle {back}") and not same(rf"\angle {name}", rf"\angle {wrong}")
    assert same(rf"\angle {name}={degrees}^\circ", rf"\angle {back} = {degrees}°")
    assert not same(rf"\angle {name}={degrees}^\circ", rf"\angle {wrong}={degrees}^\circ")
    assert same(rf"\overline{{{one}{other}}}", rf"\overline{{{other}{one}}}")


@QUICK
@given(st.integers(0, 179), st.integers(0, 59))
def test_minutes_in_every_writing(degrees: int, minutes: int) -> None:
    usual = rf"{degrees}^\circ{minutes}'"
    for written in (
        rf"{degrees}^{{\circ}}{minutes}^{{\prime}}",
        rf"{degrees}^\circ {minutes}^\prime",
        f"{degrees}°{minutes}′",
    ):
        assert same(written, usual)
    assert same(usual, rf"{degrees}^\circ{minutes}''") == (minutes == 0)
    assert not same(f"{degrees + 1}'", rf"\frac{{{degrees + 1}\pi}}{{180}}")  # minutes are no degrees


@QUICK
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_names_of_a_tuple_keep_their_values(p: int, q: int) -> None:
    for written in (f"p={p}, q={q}", f"q={q}, p={p}"):
        assert same(written, f"(p,q)=({p},{q})")
    assert same(f"q={p}, p={q}", f"(p,q)=({p},{q})") == (p == q)


@pytest.mark.parametrize(("salt", "water"), [("CuSO_4", 5), ("Na_2CO_3", 10), ("CaSO_4", 2), ("CoCl_2", 6)])
def test_salts_with_water(salt: str, water: int) -> None:
    plain = salt.replace("_", "")
    usual = rf"\mathrm{{{salt}\cdot {water}H_2O}}"
    for written in (
        rf"\ce{{{plain}.{water}H2O}}",
        f"{plain}·{water}H2O",
        rf"\text{{{plain}}}\cdot{water}\text{{H}}_2\text{{O}}",
    ):
        assert same(written, usual), written
    for written in (rf"{salt}\cdot {water + 1}H_2O", salt, rf"{salt}\cdot H_2O"):
        assert not same(written, usual)


@QUICK
@given(st.integers(1000, 10**9), st.integers(1, 99))
def test_a_named_number_with_separators(number: int, other: int) -> None:
    assert same(f"x = {number:,}", str(number)) and not same(f"x = {number:,}", str(number + 1))
    assert same(f"x={number:,}, y={other}", f"y={other}, x={number}")


def test_ratios_as_fractions() -> None:
    assert same("3:4", r"\frac{3}{4}") and same("6:8", "3/4") and not same("3:4", "0.75")
    assert not same("3:4", r"\frac43") and not same("3:45", r"\frac{3}{45}")  # may be a time of day


# ------------------------------------------------------------------------------------------ laws of equality

TEXTS = [
    r"0.\overline{3}", "二十", r"{5 \choose 2}", r"{x \over 2}", "|x|<2", "]0,1[", r"2\hat{i}-\hat{j}",
    r"\angle CBA",
    r"CuSO_4\cdot5H_2O", "30°15′", "(p,q)=(3,2)", r"\mathbb{R}\setminus\{0\}", "四分之三", "|x-1|\\ge 3",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_every_kind_equals_itself_and_no_other(text: str) -> None:
    assert same(text, text) and same(f"${text}$", text) and same(f" {text} ", text)
    assert [other for other in TEXTS if same(text, other)] == [text]


# ------------------------------------------------------------------------ what other people's writers showed

EQUAL = [
    (r"\{-1\}\cup[0,7)", r"[0,7)\cup\{-1\}"),
    (r"1\le|z|\le\frac32", r"[-\frac32,-1]\cup[1,\frac32]"),
    ("(-oo < x) & (x <= 1)", r"(-\infty,1]"),
    (r"(x<1)\lor(x>3)", r"(-\infty,1)\cup(3,\infty)"),
    ("x>1, x<3", "(1,3)"),
    ("0<f(x)<1", "(0,1)"),
    (r"\frac{\sqrt3}{3}\approx 0.577", r"\frac{\sqrt3}{3}"),
    (r"x=\frac13\approx0.33", "1/3"),
    (r"S_{MBCN}:S=7:32", "7:32"),
    (r"\frac{NO}{BO}=\frac{1}{\sqrt6}", r"\frac{1}{\sqrt{6}}"),
    ("A(2,3)", "(2,3)"),
    ("p=5,q=2;p=7,q=2", "(5,2),(7,2)"),
    ("(11,7)or(7,11)", "(7,11),(11,7)"),
    ("10^3 = 1000", "1000"),
    (r"\lceil n/2\rceil+1", r"1+\lceil\frac{n}{2}\rceil"),
    (r"\max(a,b)", r"\max\{b,a\}"),
    (r"\sum_{i=1}^{n} 2i", r"2\sum_{k=1}^n k"),
    ("28 pct", r"28\%"),
    ("25 degrees Celsius", "25°C"),
    (r"\frac{l^2}{8} square feet", "l^2/8"),
    ("3.5 milliwatts", "0.0035 W"),
    (r"4.6 \frac{\text{m}}{\text{s}}", "460 cm/s"),
    ("17 J / K / kg", r"17 \frac{\mathrm{J}}{(\mathrm{kg}\cdot\mathrm{K})}"),
    ("5 meter / second ** 2", "5 m/s^2"),
    ("two hundred and seventy-six", "276"),
    ("three quarters", "0.75"),
    ("minus seven", "-7"),
    ("six metres", "6 m"),
    (r"(\frac15)\left[\begin{array}{c}35\\-25\end{array}\right]", "(7,-5)"),
    (r"\left[\begin{array}{cc}1&2\\3&4\end{array}\right]", "[[1,2],[3,4]]"),
]
UNEQUAL = [
    ("x=-27 or x=-5 or x=2", "x=-28 or x=-5 or x=2"),
    (r"x=\frac13\approx1.3", "1/3"),
    ("10^3 = 1001", "1000"),
    (r"\{-1\}\cup[0,7)", r"\{1\}\cup[0,7)"),
    (r"\lfloor n/2\rfloor", r"\lceil n/2\rceil"),
    (r"\max(a,b)", r"\min(a,b)"),
    (r"\sum_{k=1}^{n} k", r"\sum_{k=0}^{n-1} k^2"),
    (r"\sum_{k=1}^{5} k", "15"),
    ("A(2,3)", "A(3,2)"),
    ("B(2,3)", "A(2,3)"),
    ("[3,-4]", "(3,-4)"),
    ("x>1, x<3", r"(-\infty,1)\cup(3,\infty)"),
    ("17 J/K", "17 J/kg"),
    ("3.5 microwatts", "3.5 mW"),
    ("twenty eleven", "31"),
    ("one two", "12"),
    ("[[1,2],[3,4]]", "[[1,3],[2,4]]"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_the_same_in_another_writing(one: str, other: str) -> None:
    assert compare(one, other).equal


@pytest.mark.parametrize(("one", "other"), UNEQUAL)
def test_near_but_not_the_same(one: str, other: str) -> None:
    assert not compare(one, other).equal
