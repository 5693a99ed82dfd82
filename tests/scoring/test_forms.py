"""Kinds of answers whose forms look unlike each other: families of solutions, functions by cases, dates and
times in words, quantities of several units, multiples of vectors, nuclei, constants of integration."""

import datetime
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import compare

QUICK = settings(max_examples=50, deadline=None)


def same(one: str, other: str) -> bool:
    """Whether two answers are the same, asked in both directions."""
    forth, back = compare(one, other).equal, compare(other, one).equal
    assert forth == back, (one, other)
    return forth


@QUICK
@given(st.integers(-6, 6), st.integers(1, 9), st.integers(-3, 3), st.integers(1, 8))
def test_families_of_whole_parameters(offset: int, period: int, turns: int, other: int) -> None:
    """Offsets are compared modulo the period, which is what the set of the values depends on."""
    family = rf"x={offset}+{period}k, k\in\mathbb{{Z}}"
    assert same(family, rf"x={offset + turns * period}+{period}n, n \in \mathbb{{Z}}")
    assert same(family, rf"x={offset}-{period}m,\ m\in Z")
    assert same(family, rf"x\equiv {offset} \pmod{{{period}}}") and same(
        family, rf"\{{x \mid x={period}k{offset:+d}, k\in\mathbb{{Z}}\}}"
    )
    assert not same(family, rf"x={offset}+{2 * period}k, k\in\mathbb{{Z}}")
    assert same(family, rf"x={offset + other}+{period}k, k\in\mathbb{{Z}}") == (other % period == 0)
    assert not same(family, rf"x={offset}+{period}k, k\in\mathbb{{N}}") and not same(family, f"x={offset}")


@QUICK
@given(st.integers(1, 11), st.sampled_from([1, 2]))
def test_families_of_angles(twelfths: int, turns: int) -> None:
    part = Fraction(twelfths, 12)
    angle = rf"\frac{{{part.numerator}\pi}}{{{part.denominator}}}"
    both = rf"x=\pm{angle}+{turns}k\pi, k\in\mathbb{{Z}}"
    apart = rf"x={angle}+{turns}k\pi \text{{ or }} x=-{angle}+{turns}k\pi, k\in\mathbb{{Z}}"
    one = rf"x={angle}+{turns}k\pi, k\in\mathbb{{Z}}"
    assert same(both, apart) and same(both, one) == (2 * part % turns == 0)  # where both signs give the same
    low, high = rf"{turns}k\pi", rf"{turns}k\pi+{angle}"
    assert same(
        rf"({low},{high}), k\in\mathbb{{Z}}",
        rf"({low.replace('k', 'n')},{high.replace('k', 'n')}) (n\in\mathbb{{Z}})",
    )
    assert not same(rf"({low},{high}), k\in\mathbb{{Z}}", rf"[{low},{high}], k\in\mathbb{{Z}}")


@QUICK
@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 4))
def test_functions_by_cases(bound: int, step: int, slope: int) -> None:
    """|x - b| + s·(x - b) and max(…), whose cases follow from the definition."""
    right, left = slope + step, step - slope
    rows = rf"{right}(x-{bound}),&x\ge{bound}\\{left}(x-{bound}),&x<{bound}"
    cases = rf"f(x)=\begin{{cases}}{rows}\end{{cases}}".replace("--", "+")
    closed = rf"f(x)={slope}|x-{bound}|+{step}(x-{bound})".replace("--", "+").replace("+-", "-")
    assert same(cases, closed)
    inline = f"f(x)={right}(x-{bound}) (x>{bound}); f(x)={left}(x-{bound}) (x\\le {bound})".replace("--", "+")
    assert same(cases, inline)  # both have the value 0 at the bound
    assert not same(cases, closed.replace("|+", "|+1+").replace("|-", "|-1-"))
    assert not same(cases, f"f(x)={right}(x-{bound})".replace("--", "+"))
    assert not same(
        cases, rf"f(x)=\begin{{cases}}{right}(x-{bound}),&x\ge{bound}\end{{cases}}".replace("--", "+")
    )


def test_sequences_by_cases() -> None:
    parity = r"a_n=\begin{cases}3,&n\text{ is even}\\-1,&n\text{ is odd}\end{cases}"
    assert same(parity, "a_n=1+2(-1)^n") and not same(parity, "a_n=1-2(-1)^n")
    first = r"a_n=\begin{cases}7,&n=1\\3n,&n\ge2\end{cases}"
    assert (
        same(first, r"a_1=7, a_n=3n (n\ge2)")
        and not same(first, "a_n=3n")
        and not same(first, r"a_1=7, a_n=3n (n\ge3)")
    )
    step = r"u(t)=\begin{cases}1,&t\ge0\\0,&t<0\end{cases}"
    assert not same(step, r"u(t)=\begin{cases}1,&t>0\\0,&t\le0\end{cases}")
    assert same(step, r"u(t)=1 \text{ for } t\ge0, \text{ and } 0 \text{ otherwise}")


@QUICK
@given(st.dates(datetime.date(1000, 1, 1)))
def test_dates(day: datetime.date) -> None:
    written = [f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%B} {day.year}", day.isoformat(),
               f"{day.year}年{day.month}月{day.day}日",
               f"{day:%A}, {day:%b} {day.day}, {day.year}"]  # fmt: skip
    after = day + datetime.timedelta(days=1) if day.year < 9999 else day - datetime.timedelta(days=1)
    for text in written:
        assert same(text, written[0]) and not same(text, after.isoformat())


HOURS = "one two three four five six seven eight nine ten eleven twelve".split()


@given(
    st.integers(1, 12),
    st.sampled_from(
        [("half past", 30), ("quarter past", 15), ("ten past", 10), ("a quarter to", -15), ("20 to", -20)]
    ),
)
@QUICK
def test_times_in_words(hour: int, phrase: tuple[str, int]) -> None:
    words, minutes = phrase
    total = (hour * 60 + minutes) % 720
    figures = f"{total // 60 or 12}:{total % 60:02}"
    assert same(f"{words} {HOURS[hour - 1]}", figures) and not same(
        f"{words} {HOURS[hour - 1]}", f"{total // 60 % 12 + 1}:{total % 60:02}"
    )
    assert same(f"{hour} p.m.", f"{hour % 12 + 12}:00")
    assert hour == 12 or not same(f"{hour} a.m.", f"{hour + 12}:00")


@QUICK
@given(st.integers(1, 20), st.integers(1, 59))
def test_quantities_of_several_units(hours: int, minutes: int) -> None:
    whole = hours * 60 + minutes
    for text in (
        f"{hours} h {minutes} min",
        f"{hours} hours and {minutes} minutes",
        f"{hours}小时{minutes}分",
    ):
        assert (
            same(text, f"{whole} min") and same(text, f"{whole}分钟") and not same(text, f"{whole + 1} min")
        )
        assert minutes == 6 * (minutes // 6) or not same(text, f"{hours}.{minutes:02} h")
    assert same(f"{hours} ft 6 in", f"{hours * 12 + 6} inches") and not same(
        f"{hours} ft 6 in", f"{hours}.6 ft"
    )


@QUICK
@given(st.integers(-6, 6), st.integers(-6, 6), st.integers(2, 5))
def test_multiples_of_vectors(x: int, y: int, factor: int) -> None:
    product = f"({factor * x},{factor * y})"
    assert same(f"{factor}({x},{y})", product) and same(
        rf"\frac{{1}}{{{factor}}}({factor * x}, {factor * y})", f"({x},{y})"
    )
    assert same(f"[{x},{y}]^T", f"({x},{y})") and same(f"-({x},{y})", f"({-x},{-y})")
    if (x, y) != (0, 0):
        assert not same(f"{factor}({x},{y})", f"({x},{y})") and not same(f"-({x},{y})", f"({x},{y})")
        line = rf"k\begin{{pmatrix}}{x}\\{y}\end{{pmatrix}}, k\ne0"
        assert same(line, rf"t\begin{{pmatrix}}{-factor * x}\\{-factor * y}\end{{pmatrix}}, t\ne0")
        assert not same(line, rf"t\begin{{pmatrix}}{x + y}\\{y - x}\end{{pmatrix}}, t\ne0")


@QUICK
@given(st.integers(1, 5), st.integers(2, 9))
def test_constants_of_integration(power: int, other: int) -> None:
    found = rf"\frac{{x^{{{power + 1}}}}}{{{power + 1}}}"
    assert same(f"{found}+C", f"C+{found}") and compare(f"{found}+{other}+K", f"{found}+C").equal
    assert (
        not same(f"{found}+C", found)
        and not same(f"{found}+C", f"{found}+x+C")
        and not same(f"{found}+C", f"2{found}+C")
    )


@QUICK
@given(st.integers(-300, 300))
def test_temperatures(celsius: int) -> None:
    kelvin, fahrenheit = celsius + Fraction(27315, 100), Fraction(celsius) * 9 / 5 + 32
    assert same(f"{celsius} °C", f"{float(kelvin)} K") and same(
        f"{celsius}^\\circ\\text{{C}}", f"{float(fahrenheit)} °F"
    )
    assert not same(f"{celsius} °C", f"{celsius} K")
    assert same(f"{celsius} °C", f"{celsius} °F") == (celsius == -40)


PAIRS = [
    ("sodium chloride", "NaCl"), ("iron(III) oxide", "Fe_2O_3"), ("calcium hydroxide", "Ca(OH)_2"),
    ("dinitrogen tetroxide", "N_2O_4"), ("ammonium sulfate", "(NH_4)_2SO_4"), ("Fe3+", "Fe^{3+}"),
    ("sulfate ion", "SO_4^{2-}"), ("sp3", "sp^3"), ("NO3-", "NO_3^{-}"), ("3.6e6 J", "1 kWh"),
    ("a week", "7 days"), ("0.1666...", r"\frac16"), ("three and a half", "3.5"), ("100m²", "100平方米"),
    ("5 o'clock", "5:00"), ("下午3点半", "15:30"),
    ("all real numbers except 2", r"\mathbb{R}\setminus\{2\}"), ("approximately 12.5", "12.5"),
    ("between 2 and 5 inclusive", "[2,5]"), ("<1, 2, 3>", "(1,2,3)"), (r"x = 0, \pm 1", "-1,0,1"),
    (r"x=k\pi", r"x=k\pi, k\in\mathbb{Z}"), ("大于或等于3的实数", r"x\ge3"),
    ("a 30% decrease", "decreased by 30%"), ("a loss of $40", "loses 40 dollars"), ("单调递增", "增函数"),
    ("R", r"\mathbb{R}"), ("{}^{14}_{6}C", "carbon-14"), ("C-14", "^{14}C"),
    ("{}^{4}_{2}He", "alpha particle"), ("{}^0_{-1}e", "electron"),
    ("[Ar]3d^64s^2", "1s^22s^22p^63s^23p^64s^23d^6"), (r"N40^\circ E", r"040^\circ"),
    ("I_3", r"\mathrm{diag}(1,1,1)"), (r"\begin{vmatrix}2&1\\4&3\end{vmatrix}=2", "2"),
    (r"P(A\cap B)=\frac16", r"\frac16"), (r"\det A=5", "5"), (r"\Delta G = -30 \text{ kJ}", "-30000 J"),
    ("x=e^y", r"y=\ln x"), (r"r=3\sin\theta", r"r^2=3r\sin\theta"),
    (r"\{n\in\mathbb{Z}: -1<n\le 2\}", r"\{0,1,2\}"),
    ("the set of even integers", r"\{x\mid x=2k,k\in\mathbb{Z}\}"), ("3.5 million", "3500000"),
    ("2.4万元", "24000元"), ("打七五折", "75%"), ("零下3℃", "-3 °C"), ("6斤", "3千克"),
    ("x_1=x_2=4", "x=4"), ("x_1=2, x_2=-5", "x=-5 or x=2"), ("250 p", "£2.50"), ("30 basis points", "0.3%"),
    ("right isosceles triangle", "isosceles right triangle"), ("Carol, Bob and Ann", "Ann, Bob and Carol"),
    ("DNE", "does not exist"), ("colour", "color"), ("nuclei", "nucleus"), ("Wed.", "Wednesday"),
    ("周五", "星期五"), ("对", "正确"), (r"[Ag^+]^2[CrO_4^{2-}]", r"[CrO_4^{2-}][Ag^+]^2"),
    ("oxidation state IV", "+4"), ("₹500", "Rs. 500"),
]  # fmt: skip
OTHERS = [
    ("about 12", "12"),
    ("sodium chloride", "KCl"), ("iron(II) oxide", "Fe_2O_3"), ("carbon monoxide", "CO_2"),
    ("Fe2+", "Fe^{3+}"), ("chloride ion", "Cl_2"), ("sp2", "sp^3"), ("100m²", "100"), ("5m", "5 cm"),
    ("0.1666...", "0.16"), ("three and a half", "3"), ("3点半", "3:00"), ("上午8时", "下午8时"),
    ("strictly between 2 and 5", "[2,5]"), ("all real numbers except 2", r"\mathbb{R}"),
    (r"x=k\pi", r"x=2k\pi, k\in\mathbb{Z}"), ("大于3的实数", r"x\ge3"), ("30% decrease", "30% increase"),
    ("a profit of $5", "loss of $5"), ("单调递减", "增函数"), ("{}^{14}_{6}C", "carbon-12"),
    ("{}^0_{-1}e", "positron"), ("[Ar]3d^64s^2", "[Ar]3d^54s^1"), (r"N40^\circ E", r"N40^\circ W"),
    ("I_3", "I_2"), (r"\begin{vmatrix}2&1\\4&3\end{vmatrix}=3", "3"), (r"P(A)=\frac16", r"P(B)=\frac16"),
    ("x=y^2", r"y=\sqrt{x}"), (r"\{n\in\mathbb{Z}: -1<n\le 2\}", r"\{1,2\}"),
    ("the set of odd integers", r"\{x\mid x=2k,k\in\mathbb{Z}\}"), ("3.5 million", "3.5 billion"),
    ("打八折", "20%"), ("零下3℃", "3 °C"), ("6斤", "6千克"), ("x_1=2, x_2=-5", "x=5 or x=2"),
    ("a_1=2, a_2=5", "a_1=5, a_2=2"), ("man bites dog", "dog bites man"),
    ("not sufficient but necessary", "sufficient but not necessary"), ("Ann and Bob", "Ann and Carol"),
    ("3 (seconds)", "3 minutes"), (r"[Ag^+][CrO_4^{2-}]^2", r"[CrO_4^{2-}][Ag^+]^2"),
    ("Ae^{3x}", "Ce^{2x}"), ("y=Cx", "y=x+C"), ("12.44", "12.5"), ("66.6%", "66.7%"), ("0.333", r"\frac13"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_same_in_another_form(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_not_the_same(one: str, other: str) -> None:
    assert not same(one, other)


@QUICK
@given(st.integers(101, 99999), st.integers(1, 3), st.integers(-49, 49))
def test_a_longer_decimal_that_rounds_to_the_right_one(digits: int, places: int, more: int) -> None:
    """Half a unit of the last place, and only where the right answer has three digits or more."""
    if digits % 10 == 0 or more % 10 == 0:
        return
    answer = f"{digits / 10**places:.{places}f}"
    given_text = f"{(digits * 100 + more) / 10 ** (places + 2):.{places + 2}f}"
    assert compare(given_text, answer).equal and not compare(answer, given_text).equal
    assert not compare(f"{(digits * 100 + 60) / 10 ** (places + 2):.{places + 2}f}", answer).equal
    assert math.isclose(float(answer) * 10**places, digits)
