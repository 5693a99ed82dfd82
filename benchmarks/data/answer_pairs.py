r"""Writes the fourth set of labelled answer pairs, benchmarks/data/answer_pairs_kinds.txt.

The kinds are those that the project's issue on evaluation and its log name; the script was written from those
names alone, before the rules for them. Where a kind has values, sympy or exact fractions say whether two of
them are the same; where it has none (units of other languages, reactions, names), the label is written by
hand.

    python benchmarks/data/answer_pairs.py > benchmarks/data/answer_pairs_kinds.txt
"""

from __future__ import annotations

from fractions import Fraction
from random import Random

import sympy

RANDOM = Random(22)


def group(answer: str, same: list[str], other: list[str]) -> None:
    print(f"= {answer}")
    for text in same:
        print(f"+ {text}")
    for text in other:
        print(f"- {text}")


def topic(text: str) -> None:
    print(f"\n# {text}")


# ------------------------------------------------------------------------------------- with values: labels by
# rule


def repeating_decimals() -> None:
    topic("repeating decimals")
    for whole, fixed, period in (
        ("0", "", "3"),
        ("0", "1", "6"),
        ("2", "", "142857"),
        ("0", "0", "45"),
        ("1", "2", "9"),
    ):
        nines = 10 ** len(period) - 1
        value = (
            int(whole)
            + Fraction(int(fixed or 0), 10 ** len(fixed))
            + Fraction(int(period), nines * 10 ** len(fixed))
        )
        fraction = rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
        same = [
            rf"{whole}.{fixed}\overline{{{period}}}",
            rf"${whole}.{fixed}\overline{{{period}}}$",
            str(value),
        ]
        if len(period) == 1:
            same.append(rf"{whole}.{fixed}\dot{{{period}}}")
        else:
            same.append(rf"{whole}.{fixed}({period})")
        wrong = value + Fraction(1, nines * 10 ** len(fixed))
        cut = [f"{whole}.{fixed}{period}"] if len(period) < 6 else []  # six places stand for what they round
        group(fraction, same, [*cut, str(wrong), rf"{whole}.\overline{{{fixed}{period}1}}"])


def chinese_numerals() -> None:
    topic("Chinese numerals")
    for answer, same, other in (
        ("20%", ["百分之二十", "20％"], ["百分之二", "二十"]),
        ("30000", ["3万", "三万", "30,000"], ["3千", "三百", "13万"]),
        ("15", ["十五", "15"], ["五十", "一五十"]),
        ("256", ["二百五十六"], ["二百六十五", "两千五百六十"]),
        (r"\frac{3}{4}", ["四分之三", "0.75"], ["三分之四", "四分之一"]),
        ("-7", ["负七", "-7"], ["七", "负十七"]),
    ):
        group(answer, same, other)


def choose_and_over() -> None:
    topic(r"\choose and \over")
    for n, k in ((5, 2), (10, 3), (7, 7)):
        value = sympy.binomial(n, k)
        group(
            str(value),
            [rf"{{{n} \choose {k}}}", rf"\binom{{{n}}}{{{k}}}"],
            [rf"{{{n} \choose {k - 1 if k < n else 2}}}"],
        )
    for above, below in ((3, 4), (22, 7), (5, 15)):
        group(
            rf"\frac{{{above}}}{{{below}}}",
            [rf"{{{above} \over {below}}}", rf"{above} \over {below}"],
            [rf"{{{below} \over {above}}}", rf"{{{above + 1} \over {below}}}"],
        )
    group(r"\frac{x+1}{2}", [r"{x+1 \over 2}", r"{1+x\over 2}"], [r"{x-1 \over 2}", r"x+{1 \over 2}"])


def absolute_values() -> None:
    topic("an absolute value's bound as an interval")
    for bound in (2, 5, Fraction(1, 2)):
        group(
            f"(-{bound}, {bound})",
            [f"|x|<{bound}", rf"-{bound}<x<{bound}"],
            [rf"|x|\le {bound}", f"|x|>{bound}"],
        )
    group(r"[-3,3]", [r"|x|\le3", r"\left|x\right| \leq 3"], ["|x|<3", r"|x|\le 4"])
    group(r"(-1,5)", ["|x-2|<3", r"\{x : -1<x<5\}"], ["|x+2|<3", r"|x-2|\le3"])
    group(r"(-\infty,-4)\cup(4,\infty)", ["|x|>4", r"x<-4 \text{ or } x>4"], ["|x|<4", r"|x|\ge4"])


def french_brackets() -> None:
    topic("brackets turned outwards")
    group("(0,1)", ["]0,1[", "]0;1["], ["[0,1]", "]0,1]"])
    group("[2,5)", ["[2,5[", "[2;5["], ["]2,5]", "]2,5["])
    group(r"(-\infty,3]", [r"]-\infty,3]", r"]-\infty;3]"], [r"]-\infty,3[", "]3,[-"])
    group("(1,2]", ["]1,2]"], ["[1,2[", "]1,3]"])


def unit_vectors() -> None:
    topic("vectors by their components")
    for a, b, c in ((2, -3, 1), (1, 5, 4), (-1, 2, -2)):
        signs = [f"{x:+d}" for x in (b, c)]
        dressed = rf"{a}\mathbf{{i}}{signs[0]}\mathbf{{j}}{signs[1]}\mathbf{{k}}"
        hats = rf"{a}\hat{{i}}{signs[0]}\hat{{j}}{signs[1]}\hat{{k}}"
        other = rf"{a}\mathbf{{i}}{-b:+d}\mathbf{{j}}{signs[1]}\mathbf{{k}}"
        group(f"({a},{b},{c})", [dressed, hats, rf"\langle {a},{b},{c}\rangle"], [other, f"({b},{a},{c})"])
    group(
        r"3\mathbf{i}-4\mathbf{j}",
        [r"3\vec{i}-4\vec{j}", r"3\hat{\imath}-4\hat{\jmath}", "(3,-4)"],
        [r"3\mathbf{i}+4\mathbf{j}", "(-4,3)"],
    )


def angles() -> None:
    topic("angles")
    group(
        r"\angle ABC=60^\circ",
        [r"\angle CBA=60^\circ", r"60^\circ", r"\frac{\pi}{3}"],
        [r"\angle BAC=60^\circ", r"\angle ABC=60'"],
    )
    group(r"\angle PQR", [r"\angle RQP"], [r"\angle QPR", r"\angle PRQ"])
    for degrees, minutes in ((30, 15), (12, 45), (89, 6)):
        value = degrees + Fraction(minutes, 60)
        group(
            rf"{degrees}^\circ{minutes}'",
            [
                rf"{degrees}^{{\circ}} {minutes}^{{\prime}}",
                rf"{degrees}°{minutes}′",
                rf"{float(value)}^\circ",
            ],
            [
                rf"{degrees}^\circ{minutes}''",
                rf"{minutes}^\circ{degrees}'",
                rf"{degrees}.{minutes:02d}^\circ" if minutes != 6 else r"89.6^\circ",
            ],
        )
    for above, below in ((1, 6), (3, 4), (5, 3)):
        degrees = 180 * Fraction(above, below)
        group(
            rf"\frac{{{above}\pi}}{{{below}}}",
            [rf"{degrees}^\circ", rf"\frac{{{above}}}{{{below}}}\pi"],
            [f"{degrees}", rf"{degrees}'"],
        )


def powers_and_roots() -> None:
    topic("roots of any degree and powers in other signs")
    for text, same, other in (
        (r"\sqrt[3]{16}", [r"2\sqrt[3]{2}", r"16^{1/3}", "∛16"], [r"\sqrt{16}", r"3\sqrt{16}"]),
        (r"2\sqrt{3}", ["2√3", r"\sqrt{12}", r"2\cdot3^{1/2}"], ["√6", "3√2"]),
        (r"x^2", ["x²", "x^{2}", r"x\cdot x"], ["2x", "x³", "x2"]),
        (r"10^{-3}", ["10⁻³", "0.001", r"\frac{1}{1000}"], ["10³", "-1000", "7"]),
        (r"3\frac{1}{2}", ["3½", "3.5", r"3+\frac12", r"\frac{7}{2}"], [r"\frac{31}{2}", r"\frac32"]),
        (r"\sqrt[4]{81}", ["3"], ["9", "4"]),
    ):
        group(text, same, other)


def huge_powers() -> None:
    topic("huge powers")
    for base, exponent in ((3, 1008), (2, 500), (7, 333)):
        group(
            rf"\frac{{{base}^{{{exponent}}}-1}}{{{base}^{{{exponent + 1}}}}}",
            [rf"\frac1{{{base}}}-\frac{{1}}{{{base}^{{{exponent + 1}}}}}"],
            [rf"\frac{{{base}^{{{exponent}}}+1}}{{{base}^{{{exponent + 1}}}}}", rf"\frac{{1}}{{{base}}}"],
        )


def spaced_and_summed() -> None:
    topic("numbers side by side, and what is left to be worked out")
    for whole, above, below in ((1, 2, 3), (4, 1, 5)):
        group(
            rf"{whole}\frac{{{above}}}{{{below}}}",
            [
                f"{whole} {above}/{below}",
                rf"{whole}+\frac{{{above}}}{{{below}}}",
                rf"\frac{{{whole * below + above}}}{{{below}}}",
            ],
            [f"{whole}{above}/{below}", rf"\frac{{{whole * above}}}{{{below}}}"],
        )
    for a, b in ((47, 38), (120, 15)):
        group(str(a + b), [f"{a + b}.0"], [f"{a} + {b}", f"{a + b} {a}", f"{b - a}"])
        group(str(a * b), [rf"{a * b:,}"], [rf"{a} \times {b}", rf"{a}\cdot {b}"])
    group("12", ["12.00", r"\,12"], ["1 2", "1, 2", "12 12"])


def ratios() -> None:
    topic("ratios")
    for a, b in ((7, 32), (3, 4), (5, 1)):
        group(
            f"{a}:{b}",
            [f"{2 * a}:{2 * b}", rf"\frac{{{a}}}{{{b}}}", rf"{a} \text{{ to }} {b}"],
            [f"{b}:{a}", f"{a + 1}:{b}"],
        )
    group("1:2:3", ["2:4:6"], ["3:2:1", "1:2"])


def polynomials() -> None:
    topic("expressions that sympy says are the same")
    x, y = sympy.symbols("x y")
    for _ in range(8):
        a, b, c = (RANDOM.randint(1, 6) for _ in range(3))
        expression = (a * x + b * y) * (x - c)
        other = (a * x + b * y) * (x + c)
        assert sympy.expand(expression - other) != 0
        factored = f"({a}x+{b}y)(x-{c})".replace("(1x", "(x").replace("+1y", "+y")
        group(
            factored,
            [sympy.latex(sympy.expand(expression))],
            [sympy.latex(sympy.expand(other)), sympy.latex(sympy.expand(expression) + 1)],
        )


# -------------------------------------------------------------------------------------- without values: by
# hand


def equations() -> None:
    topic("equations and their sides")
    group(
        "x^2+y^2=4", ["y^2 + x^2 = 4", "4=x^2+y^2", "x^2+y^2-4=0"], ["4", "x^2+y^2", "x^2+y^2=2", "x^2-y^2=4"]
    )
    group("y^2=4x", ["4x=y^2", r"y^{2} = 4x"], ["4x", "y=4x", "x^2=4y"])
    group(
        r"\frac{x^2}{9}+\frac{y^2}{4}=1",
        ["4x^2+9y^2=36", r"\frac{y^2}{4}+\frac{x^2}{9}=1"],
        ["1", r"\frac{x^2}{4}+\frac{y^2}{9}=1"],
    )


def units() -> None:
    topic("units")
    group("5米", ["5 m", "500厘米"], ["5千克", "5分米", "5千米"])
    group("2小时", ["120分钟", "2 h"], ["2分钟", "2天"])
    group(
        r"8\sqrt{3}\text{ square inches}",
        [r"8\sqrt3", r"8\sqrt{3}\text{ in}^2"],
        [r"8\sqrt{3}\text{ inches}", r"8\sqrt2\text{ square inches}"],
    )
    group(r"525\pi\text{ cm}^2", ["525π cm²", r"525\pi"], ["525 cm²", "525π cm", "525π m²"])
    group("2.5 kJ", [r"2.5\times10^3\text{ J}", "2500 J"], ["2.5 J", "25 kJ", "2.5 kW"])
    group("90 km/h", ["25 m/s", r"90\ \mathrm{km/h}"], ["90 m/s", "90 km", "2.5 m/s"])
    group("$15", ["15 dollars", r"\$15.00"], ["15 cents", "$15.50"])
    group("3 L", ["3000 mL", "3 liters"], ["3 mL", "30 L"])


def chemistry() -> None:
    topic("chemistry")
    group(
        r"2H_2+O_2\to2H_2O",
        [r"\ce{2H2 + O2 -> 2H2O}", r"O_2+2H_2 \rightarrow 2H_2O"],
        [r"2H_2O\to2H_2+O_2", r"H_2+O_2\to H_2O"],
    )
    group(
        r"\mathrm{CuSO_4\cdot5H_2O}",
        [r"\ce{CuSO4.5H2O}", r"CuSO4·5H2O", r"\text{CuSO}_4 \cdot 5\text{H}_2\text{O}"],
        [r"CuSO_4", r"CuSO_4\cdot 4H_2O"],
    )
    group(r"\ce{Na2CO3.10H2O}", [r"Na_2CO_3\cdot10H_2O"], [r"Na_2CO_3\cdot H_2O"])
    group(r"\mathrm{SO_4^{2-}}", [r"\ce{SO4^2-}", r"SO_4^{2-}"], [r"SO_4", r"SO_3^{2-}", r"SO_4^{2+}"])


def sets() -> None:
    topic("intervals, inequalities and sets")
    group(r"(-\infty,3]", [r"x\le3", r"x \leq 3", r"\{x\mid x\le3\}"], ["x<3", r"x\ge3", "[3,\\infty)"])
    group(r"\mathbb{R}", [r"(-\infty,\infty)", r"(-∞, +∞)", r"x\in\mathbb R"], [r"[0,\infty)", r"\emptyset"])
    group(r"\emptyset", [r"\varnothing", "∅", r"\{\}"], [r"\{0\}", r"\{\emptyset\}", "0"])
    group(r"\{1,2,3\}", [r"\{3,2,1\}", "{1, 2, 3}"], [r"\{1,2\}", r"\{1,2,4\}", r"\{1,2,3,4\}"])
    group(r"(1,2)\cup(3,4)", [r"(3,4)\cup(1,2)", r"1<x<2 \text{ or } 3<x<4"], ["(1,4)", r"(1,2)\cap(3,4)"])


def labelled() -> None:
    topic("values with names, tuples, matrices, cases")
    group("(p,q)=(3,2)", ["p=3, q=2", "(3,2)", "q=2,p=3"], ["p=2, q=3", "(2,3)"])
    group("x=5", ["5", "5=x"], ["x=-5", "y=5"])
    group(
        r"\frac12\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        [r"\begin{pmatrix}1/2&1\\3/2&2\end{pmatrix}", r"\begin{bmatrix}\frac12&1\\\frac32&2\end{bmatrix}"],
        [r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\frac12\begin{pmatrix}1&3\\2&4\end{pmatrix}"],
    )
    group(
        r"\begin{cases}x&x\le0\\x^2&x>0\end{cases}",
        [r"\begin{cases}x,&x\leq0\\x^2,&x>0\end{cases}", r"\begin{cases}x^2&x>0\\x&x\le0\end{cases}"],
        [r"\begin{cases}x^2&x\le0\\x&x>0\end{cases}", "x"],
    )
    group(r"\varepsilon_0", [r"\epsilon_0"], [r"\varepsilon_1", r"\eta_0"])
    group(r"\varphi", [r"\phi"], [r"\psi", r"\theta"])
    group(r"\infty", ["∞", r"+\infty"], [r"-\infty", "0"])
    group(
        r"\mathbf{\frac{2}{5}}",
        [r"\frac25", "0.4", r"\boldsymbol{\frac{2}{5}}"],
        [r"\frac52", r"\mathbf{25}"],
    )


def main() -> None:
    print("# A fourth set of answer pairs, written by benchmarks/data/answer_pairs.py from the kinds' names")
    print("# alone. Its form is that of answer_pairs.txt.")
    for part in (
        equations, spaced_and_summed, powers_and_roots, units, huge_powers, angles, chemistry, sets, labelled,
        ratios, repeating_decimals, chinese_numerals, choose_and_over, absolute_values, french_brackets,
        unit_vectors, polynomials,
    ):  # fmt: skip
        part()


if __name__ == "__main__":
    main()
