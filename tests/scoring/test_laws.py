"""Laws of equality over all kinds of answers: an answer equals itself in every writing, from both sides, and
never a changed one.

Each strategy draws a value of one kind as plain numbers, writes it in several ways, and changes it: the label
follows from the numbers, not from the scorer.
"""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1v.scoring import compare

QUICK = settings(max_examples=40, deadline=None)
Case = tuple[list[str], list[str]]  # writings of one value; texts of other values


def fraction(value: Fraction) -> list[str]:
    """A fraction as people write it."""
    top, bottom = value.numerator, value.denominator
    sign, top = ("-", -top) if top < 0 else ("", top)
    if bottom == 1:
        return [f"{sign}{top}", rf"{sign}{2 * top}/2", f"${sign}{top}$", f"{sign}{top}.0"]
    found = [
        rf"{sign}\frac{{{top}}}{{{bottom}}}",
        rf"{sign}\dfrac{{{top}}}{{{bottom}}}",
        f"{sign}{top}/{bottom}",
        rf"\frac{{{sign}{top}}}{{{bottom}}}",
        rf"{sign}\frac{{{3 * top}}}{{{3 * bottom}}}",
    ]
    if top > bottom:
        found.append(rf"{sign}{top // bottom}\frac{{{top % bottom}}}{{{bottom}}}")
    return found


@st.composite
def numbers(draw: st.DrawFn) -> Case:
    value = Fraction(draw(st.integers(-300, 300)), draw(st.integers(1, 12)))
    changed = [value + 1, value - Fraction(1, 7), -value, value * 10, value / 10]
    return fraction(value), [text for other in changed if other != value for text in fraction(other)[:3]]


@st.composite
def powers_of_ten(draw: st.DrawFn) -> Case:
    digits, exponent = draw(st.integers(1, 99)), draw(st.integers(2, 9))
    same = [
        rf"{digits} \times 10^{{{exponent}}}",
        f"{digits}e{exponent}",
        f"{digits}*10^{exponent}",
        f"{digits * 10**exponent}",
        f"{digits * 10**exponent:,}",
        rf"{digits}\cdot10^{exponent}",
    ]
    other = [
        rf"{digits} \times 10^{{{exponent + 1}}}",
        rf"{digits} \times 10^{{-{exponent}}}",
        f"{digits}{exponent}",
        f"{digits * 10 ** (exponent - 1)}",
        rf"{digits + 1} \times 10^{exponent}",
    ]
    return same, other


LENGTHS = {"mm": 1, "cm": 10, "m": 1000, "km": 1000000}


@st.composite
def quantities(draw: st.DrawFn) -> Case:
    value, unit = draw(st.integers(1, 999)), draw(st.sampled_from(sorted(LENGTHS)))
    same = [f"{value} {unit}", rf"{value}\,\text{{{unit}}}", rf"{value} \mathrm{{{unit}}}", f"{value}{unit}"]
    for name, size in LENGTHS.items():
        converted = Fraction(value * LENGTHS[unit], size)
        same += [rf"{fraction(converted)[0]} \text{{ {name}}}"]
    other = [f"{value} {name}" for name in LENGTHS if name != unit]
    other += [
        f"{value} kg",
        f"{value} s",
        f"{value + 1} {unit}",
        rf"{value} \text{{{unit}}}^2",
        f"{value * 10} {unit}",
    ]
    return same if len(unit) > 1 else [text for text in same if not text.endswith(f"{value}m")], other


@st.composite
def polynomials(draw: st.DrawFn) -> Case:
    a, b, c = draw(st.integers(1, 9)), draw(st.integers(-9, 9)), draw(st.integers(-9, 9))
    same = [
        f"{a}x^2{b:+d}x{c:+d}",
        f"{c:+d}{b:+d}x{a:+d}x^{{2}}".lstrip("+"),
        f"{a}*x**2 {b:+d}*x {c:+d}",
        rf"{a} x \cdot x {b:+d} x {c:+d}",
        f"x({a}x{b:+d}){c:+d}",
    ]
    changed = [(a + 1, b, c), (a, b + 1, c), (a, b, c - 1), (-a, b, c), (a, -b, c), (a, b, -c)]
    other = [f"{p}x^2{q:+d}x{r:+d}" for p, q, r in changed if (p, q, r) != (a, b, c)]
    return same, [*other, f"{a}x^3{b:+d}x{c:+d}", f"{a}y^2{b:+d}y{c:+d}"]


@st.composite
def equations(draw: st.DrawFn) -> Case:
    a, b, c = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(-9, 9))
    same = [
        f"{a}x+{b}y={c}",
        f"{b}y+{a}x = {c}",
        f"{c}={a}x+{b}y",
        f"{2 * a}x+{2 * b}y={2 * c}",
        f"{a}x+{b}y-({c})=0",
    ]
    other = [
        f"{a}x+{b}y={c + 1}",
        f"{a}x-{b}y={c}",
        f"{a + 1}x+{b}y={c}",
        f"{a}x+{b}y",
        f"{c}",
        f"{a}x+{b}y>{c}",
    ]
    return same, other


@st.composite
def intervals(draw: st.DrawFn) -> Case:
    low, width = draw(st.integers(-9, 9)), draw(st.integers(1, 9))
    left, right = draw(st.booleans()), draw(st.booleans())
    high = low + width
    signs = [r"\le " if closed else "<" for closed in (left, right)]
    above = [r"\geq " if closed else ">" for closed in (left, right)]

    def written(low: int, high: int, left: bool, right: bool) -> str:
        return f"{'[' if left else '('}{low}, {high}{']' if right else ')'}"

    same = [
        written(low, high, left, right),
        rf"x \in {written(low, high, left, right)}",
        f"{low}{signs[0]}x{signs[1]}{high}",
        rf"\{{x \mid {low}{signs[0]}x{signs[1]}{high}\}}",
        rf"x{above[0]}{low} \text{{ and }} x{signs[1]}{high}",
        f"{high}{above[1]}x{above[0]}{low}",
    ]
    other = [
        written(low, high, not left, right),
        written(low, high, left, not right),
        written(low - 1, high, left, right),
        written(low, high + 1, left, right),
        f"x{signs[1]}{high}",
        rf"\{{{low}, {high}\}}",
        rf"(-\infty, {low}) \cup ({high}, \infty)",
    ]
    return same, other


@st.composite
def unions(draw: st.DrawFn) -> Case:
    low, gap = draw(st.integers(-9, 9)), draw(st.integers(1, 9))
    high = low + gap
    same = [
        rf"(-\infty, {low}) \cup ({high}, \infty)",
        rf"x<{low} \text{{ or }} x>{high}",
        rf"({high}, \infty) \cup (-\infty, {low})",
        rf"x < {low} \lor {high} < x",
        rf"x<{low}, x>{high}",
    ]
    other = [
        rf"(-\infty, {low}] \cup ({high}, \infty)",
        rf"(-\infty, {low}) \cup ({high + 1}, \infty)",
        f"{low}<x<{high}",
        f"x>{high}",
        rf"(-\infty, {low}) \cup ({high}, \infty) \cup \{{{high}\}}",
    ]
    return same, other


@st.composite
def tuples(draw: st.DrawFn) -> Case:
    a, b = draw(st.integers(-9, 9)), draw(st.integers(-9, 9))
    same = [
        f"({a}, {b})",
        rf"\left({a},\ {b}\right)",
        f"x={a}, y={b}",
        f"(x,y)=({a},{b})",
        f"({a}.0,{2 * b}/2)",
    ]
    other = [f"({a}, {b + 1})", f"({-a - 1}, {b})", f"({a}, {b}, 0)", f"x={a}, y={b + 1}"]
    return same, other + ([f"({b}, {a})", f"x={b}, y={a}"] if a != b else [])


@st.composite
def lists(draw: st.DrawFn) -> Case:
    values = draw(st.lists(st.integers(-20, 20), min_size=2, max_size=4, unique=True))
    same = [", ".join(map(str, order)) for order in (values, values[::-1], sorted(values))]
    same += [rf"\{{{','.join(map(str, values))}\}}", r" \text{ or } ".join(f"x={value}" for value in values)]
    other = [
        ", ".join(map(str, [*values, 99])),
        ", ".join(map(str, values[:-1])),
        ", ".join(map(str, [*values[:-1], 77])),
        r" \text{ or } ".join(f"x={value}" for value in [*values[1:], 55]),
    ]
    return same, other


@st.composite
def matrices(draw: st.DrawFn) -> Case:
    entries = draw(st.lists(st.integers(-9, 9), min_size=4, max_size=4))

    def body(a: int, b: int, c: int, d: int) -> str:
        return rf"{a} & {b} \\ {c} & {d}"

    whole = body(*entries)
    a, b, c, d = entries
    same = [rf"\begin{{{kind}}} {whole} \end{{{kind}}}" for kind in ("pmatrix", "bmatrix")]
    same += [
        rf"\left[\begin{{array}}{{cc}} {whole} \end{{array}}\right]",
        rf"\left(\begin{{matrix}} {whole} \end{{matrix}}\right)",
        rf"\frac12 \begin{{pmatrix}} {body(*(2 * entry for entry in entries))} \end{{pmatrix}}",
        f"[[{a}, {b}], [{c}, {d}]]",
    ]
    changed = [[a + 1, b, c, d], [a, b, c, d - 1], [a, c, b, d], [b, a, d, c], [-a, -b, -c, -d]]
    return same, [
        rf"\begin{{pmatrix}} {body(*other)} \end{{pmatrix}}" for other in changed if other != entries
    ]


@st.composite
def pieces(draw: st.DrawFn) -> Case:
    a, b, at = draw(st.integers(1, 9)), draw(st.integers(10, 19)), draw(st.integers(-5, 5))

    def cases(first: str, condition: str, second: str, other: str) -> str:
        return rf"\begin{{cases}} {first} & {condition} \\ {second} & {other} \end{{cases}}"

    same = [
        cases(f"{a}x", f"x<{at}", f"{b}", rf"x \ge {at}"),
        cases(f"{b}", rf"\text{{if }} x \geq {at}", f"{a}x", f"{at}>x"),
        cases(f"{a}x", f"x<{at}", f"{b}", r"\text{otherwise}"),
        cases(f"{b}", rf"x\ge {at}", f"{a}x", r"\text{otherwise}"),
    ]
    other = [
        *([cases(f"{a}x", rf"x\le {at}", f"{b}", f"x>{at}")] if a * at != b else []),  # it has no jump there
        cases(f"{b}", f"x<{at}", f"{a}x", rf"x \ge {at}"),
        cases(f"{a}x", f"x<{at + 1}", f"{b}", r"\text{otherwise}"),
        cases(f"{a}x", f"x<{at}", f"{b + 1}", rf"x \ge {at}"),
    ]
    return same, other


@st.composite
def surds(draw: st.DrawFn) -> Case:
    factor, under = draw(st.integers(2, 9)), draw(st.sampled_from([2, 3, 5, 6, 7, 10]))
    same = [
        rf"{factor}\sqrt{{{under}}}",
        rf"\sqrt{{{factor**2 * under}}}",
        f"{factor}√{under}",
        f"{factor}*sqrt({under})",
        rf"{factor}\cdot {under}^{{1/2}}",
        rf"\frac{{{factor * under}}}{{\sqrt{{{under}}}}}",
    ]
    other = [
        rf"{factor + 1}\sqrt{{{under}}}",
        rf"{factor}\sqrt{{{under + 1}}}",
        rf"-{factor}\sqrt{{{under}}}",
        rf"\sqrt[{factor + 1}]{{{under}}}",
        rf"{factor}\sqrt[3]{{{under}}}",
        f"{factor}{under}",
    ]
    return same, other


@st.composite
def ratios(draw: st.DrawFn) -> Case:
    a, b, times = draw(st.integers(1, 9)), draw(st.integers(61, 99)), draw(st.integers(2, 5))
    same = [
        f"{a}:{b}",
        f"{a} : {b}",
        f"{times * a}:{times * b}",
        f"{a} to {b}",
        rf"{a}\colon {b}",
        f"A:B={a}:{b}",
    ]
    return same, [f"{b}:{a}", f"{a}:{b + 1}", f"{a}:{b}:1", f"{a}{b}"]


@st.composite
def angles(draw: st.DrawFn) -> Case:
    degrees = draw(st.integers(1, 359))
    radians = Fraction(degrees, 180)
    same = [
        f"{degrees}°",
        rf"{degrees}^\circ",
        rf"{degrees}^{{\circ}}",
        f"{degrees} degrees",
        rf"\frac{{{radians.numerator}\pi}}{{{radians.denominator}}}",
        rf"\angle ABC = {degrees}^\circ",
    ]
    other = [
        f"{degrees}'",
        f"{degrees + 1}°",
        rf"{degrees}\pi",
        rf"\frac{{{radians.numerator + 1}\pi}}{{{radians.denominator}}}",
    ]
    return same, other


@st.composite
def reactions(draw: st.DrawFn) -> Case:
    left, right, made = draw(
        st.sampled_from([("2H2", "O2", "2H2O"), ("N2", "3H2", "2NH3"), ("C", "O2", "CO2")])
    )
    same = [
        f"{left} + {right} -> {made}",
        rf"\ce{{{left} + {right} -> {made}}}",
        rf"{right} + {left} \to {made}",
    ]
    return same, [f"{made} -> {left} + {right}", f"{left} -> {made}", f"3{left} + {right} -> {made}"]


@st.composite
def words(draw: st.DrawFn) -> Case:
    number = draw(st.integers(21, 99).filter(lambda value: value % 10))
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()[number // 10 - 2]
    ones = "one two three four five six seven eight nine".split()[number % 10 - 1]
    same = [str(number), f"{tens}-{ones}", f"{tens} {ones}", f"{tens.title()}-{ones}"]
    return same, [
        str(number + 1),
        f"{tens}-{'nine' if ones != 'nine' else 'eight'}",
        tens,
        ones,
        f"minus {tens}-{ones}",
    ]


KINDS: dict[str, Callable[[], st.SearchStrategy[Case]]] = {
    "number": numbers, "power of ten": powers_of_ten, "quantity": quantities, "polynomial": polynomials,
    "equation": equations, "interval": intervals, "union": unions, "tuple": tuples, "list": lists,
    "matrix": matrices, "piecewise": pieces, "surd": surds, "ratio": ratios, "angle": angles,
    "reaction": reactions, "number in words": words,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_equality_has_its_laws(kind: str) -> None:
    @QUICK
    @given(KINDS[kind](), st.data())
    def laws(case: Case, data: st.DataObject) -> None:
        same, other = case
        one, two = data.draw(st.sampled_from(same)), data.draw(st.sampled_from(same))
        assert compare(one, one).equal and compare(f"$ {one} $", one).equal
        assert compare(one, two).equal and compare(two, one).equal, (one, two)
        wrong = data.draw(st.sampled_from(other))
        assert not compare(wrong, one).equal and not compare(one, wrong).equal, (wrong, one)

    laws()
