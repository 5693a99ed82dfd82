"""Typed sums of training beside `typed.MAKERS`: four digits, two signs in words, like fractions.

They are drawn for training alone, so that the held-out items stay those that earlier weights were asked;
`benchmarks/nano_sums.py` measures these kinds with items of its own.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import gcd
from random import Random

from r1v.figures.item import Split
from r1v.figures.people.sums import SIGNS, Sum, sign_as_typed, written
from r1v.figures.people.typed_more import in_words
from r1v.figures.working import Token, line, operate, solve, times

# a big unit, a small one, and how many small ones make a big one
_PARTS = (("km", "m", 1000), ("m", "cm", 100), ("cm", "mm", 10), ("kg", "g", 1000), ("t", "kg", 1000),
          ("l", "ml", 1000), ("hours", "minutes", 60), ("euros", "cents", 100), ("dollars", "cents", 100),
          ("m", "mm", 1000))  # fmt: skip
_SIGN_WORDS = {"+": "plus", "-": "minus", "×": "times", "÷": "divided by"}


def reduced(top: int, bottom: int) -> tuple[str, list[str]]:
    """A fraction in lowest terms, and the line that takes it there, if it is not there yet."""
    value, common = Fraction(top, bottom), gcd(top, bottom)
    result = f"{value.numerator}/{value.denominator}" if value.denominator > 1 else str(value.numerator)
    if common in (0, 1):
        return result, []
    work = f"{top} / {common} = {top // common}, {bottom} / {common} = {bottom // common}"
    return result, [f"both by {common}: {work}, so {result}"]


def long(rng: Random, split: Split) -> Sum:
    """Three and four digits: sums, differences, and products with one digit."""
    sign = rng.choice("++--×")
    a = rng.randint(1000, 9999)
    if sign == "×":
        a, b = rng.choice((a, rng.randint(100, 999))), rng.randint(2, 9)
        text = f"{a}{sign_as_typed(sign, split, rng)}{b}"
        return Sum(text, str(a * b), (f"{a} × {b}", times(a, b)))
    low, high = rng.choice(((1000, 9999), (1000, 9999), (100, 999), (10, 99)))
    b = rng.randint(low, high)
    if sign == "-":
        a, b = max(a, b), min(a, b)
    elif a + b > 9999 and rng.random() < 0.5:
        a, b = a // 2, b // 2
    if sign == "+" and rng.random() < 0.4:
        a, b = b, a
    text = f"{a}{sign_as_typed(sign, split, rng)}{b}"
    return Sum(text, str(operate(a, sign, b)), (f"{a} {sign} {b}", line(a, sign, b)))


def _two_signs(rng: Random) -> list[Token]:
    """Three numbers and two signs, every result on the way whole and not negative."""
    while True:
        first, second = rng.choice(("×+", "+×", "×-", "-×", "÷+", "+÷", "+-", "-+", "++", "××", "÷-", "×+"))
        small = "×÷"
        a = rng.randint(2, 12) if first in small else rng.randint(2, 60)
        b = rng.randint(2, 12) if first in small or second in small else rng.randint(2, 40)
        c = rng.randint(2, 10) if second in small else rng.randint(1, 40)
        if first == "÷":
            a *= b
        if second == "÷" and first not in small:
            b *= c
        tokens: list[Token] = [a, first, b, second, c]
        try:
            _, value = solve(tokens)
        except ValueError:
            continue
        if value <= 999:
            return tokens


def worded(rng: Random, split: Split) -> Sum:
    """``A times B plus C`` and the like: two signs, at least one of them in words."""
    tokens = _two_signs(rng)
    steps, value = solve(tokens)
    every = rng.random() < 0.7
    keep = rng.choice((1, 3))
    parts = []
    for place, token in enumerate(tokens):
        if place % 2 == 0:
            parts.append(
                in_words(int(token)) if every and int(token) < 100 and rng.random() < 0.1 else str(token)
            )
        elif every or place == keep:
            parts.append(f" {_SIGN_WORDS[str(token)]} ")
        else:
            parts.append(
                f" {rng.choice([m.strip() for m in SIGNS[str(token)][0] if not m.strip().isalpha()])} "
            )
    text = "".join(parts).replace(" divided by by ", " divided by ")
    lines = (" ".join(map(str, tokens)), *(line(*step) for step in steps))
    return Sum(text, str(value), lines)


def like(rng: Random, split: Split) -> Sum:
    """Fractions of one denominator added or taken away, and unlike ones where one divides the other."""
    below, sign = rng.randint(2, 12), rng.choice("++-")
    a, b = rng.randint(1, below), rng.randint(1, below - 1)
    a = min(a, below - 1) or 1
    if sign == "-" and a < b:
        a, b = b, a
    mark = rng.choice((sign, f" {sign} ", f" {'plus' if sign == '+' else 'minus'} "))
    if rng.random() < 0.25 and below <= 6:  # the second has a multiple of the first's denominator
        k = rng.randint(2, 3)
        whole, part = below * k, rng.randint(1, below * k - 1)
        left = a * k
        if sign == "-" and left < part:
            part = rng.randint(1, left)
        top = left + part if sign == "+" else left - part
        result, last = reduced(top, whole)
        lines = [f"{a}/{below} {sign} {part}/{whole}", f"{a}/{below} = {left}/{whole}"]
        text = f"{a}/{below}{mark}{part}/{whole}"
        below = whole
        first, second = left, part
    else:
        top = a + b if sign == "+" else a - b
        result, last = reduced(top, below)
        lines = [f"{a}/{below} {sign} {b}/{below}", f"both have {below} below"]
        text = f"{a}/{below}{mark}{b}/{below}"
        first, second = a, b
    lines.append(f"{first} {sign} {second} = {top}, so {top}/{below}")
    return Sum(text, result, (*lines, *last))


def brackets(rng: Random, split: Split) -> Sum:
    """Two bracketed sums with a sign between them, or a bracket before or behind a number."""
    while True:
        outer = rng.choice("×××+-÷")
        sides: list[list[Token]] = []
        for _ in range(2):
            a, b = rng.randint(1, 20), rng.randint(1, 12)
            sides.append(["(", a, rng.choice("+-" if outer in "×÷" else "+-×"), b, ")"])
        if rng.random() < 0.25:
            sides[rng.randrange(2)] = [rng.randint(2, 12)]
        tokens: list[Token] = [*sides[0], outer, *sides[1]]
        try:
            steps, value = solve(tokens)
        except ValueError:
            continue
        if value <= 2000:
            break
    blank = rng.choice(("", "", " "))
    marks = {"+": "+", "-": "-", "×": rng.choice(("*", "x", "×", "*")), "÷": rng.choice("/÷")}
    text = "".join(f"{blank}{marks[str(t)]}{blank}" if str(t) in marks else str(t) for t in tokens)
    if outer == "×" and blank == "" and text.count("(") == 2 and rng.random() < 0.15:
        text = re.sub(r"\)[*x×]\(", ")(", text)
    shown = " ".join(map(str, tokens)).replace("( ", "(").replace(" )", ")")
    return Sum(text, str(value), (shown, *(line(*step) for step in steps)))


def decimal_product(rng: Random, split: Split) -> Sum:
    """Two decimals multiplied: as whole numbers first, then the places of both taken off."""
    places = rng.choice(((1, 1), (1, 1), (1, 1), (1, 2), (0, 1), (0, 2), (1, 0)))
    u, v = (rng.choice([n for n in range(1, 100) if not p or n % 10]) for p in places)
    a, b = Fraction(u, 10 ** places[0]), Fraction(v, 10 ** places[1])
    unit = 10 ** sum(places)
    text = f"{written(a)}{sign_as_typed('×', split, rng)}{written(b)}"
    last = f"by {unit}: {u * v} / {unit} = {written(a * b)}"
    return Sum(
        text,
        written(a * b),
        (f"{written(a)} × {written(b)}", f"as whole numbers: {u} × {v}", times(u, v), last),
    )


def unit_decimal(rng: Random, split: Split) -> Sum:
    """A decimal of a big unit in small ones, or small ones as a decimal of the big one."""
    big, small, factor = rng.choice(_PARTS)
    n = Fraction(10 * rng.randint(0, 12) + (5 if factor == 60 else rng.randint(1, 9)), 10)
    many = n * factor
    known = f"1 {big} is {factor} {small}"
    if rng.random() < 0.7:
        said = rng.choice(
            (
                "how many {s} are {n} {b}?",
                "{n} {b} in {s}",
                "convert {n} {b} to {s}",
                "{n} {b} = ? {s}",
                "{n}{b} in {s}",
                "{n} {b} to {s}",
            )
        )
        work = (known, f"{written(n)} × {factor} = {written(many)}")
        return Sum(said.format(n=written(n), b=big, s=small), written(many), work, framed=False)
    said = rng.choice(
        ("how many {b} are {m} {s}?", "{m} {s} in {b}", "convert {m} {s} to {b}", "{m} {s} = ? {b}")
    )
    work = (known, f"{written(many)} / {factor} = {written(n)}")
    return Sum(said.format(m=written(many), b=big, s=small), written(n), work, framed=False)


def with_zero(rng: Random, split: Split) -> Sum:
    """A sum in which 0 is given or comes out, and which has an answer, unlike a division by 0."""
    n = rng.randint(1, rng.choice((9, 99)))
    a, sign, b = rng.choice(((0, "÷", n), (0, "÷", n), (0, "×", n), (n, "×", 0), (n, "-", 0), (n, "-", n),
                             (0, "+", n), (n, "÷", 1), (n, "÷", n), (10 * n, "÷", 10)))  # fmt: skip
    value = operate(a, sign, b)
    text = f"{a}{sign_as_typed(sign, split, rng)}{b}"
    return Sum(text, str(value), (f"{a} {sign} {b}", f"{a} {sign} {b} = {value}"))


def small(rng: Random, split: Split) -> Sum:
    """Differences of small numbers in both orders, and what is little less or more than a round number."""
    if rng.random() < 0.3:
        a, b = rng.choice((100, 200, 300, 500, 1000, 2000, 5000)), rng.randint(1, 120)
        b = min(b, a) if rng.random() < 0.5 else rng.randint(1, 9)
        a, sign = (a, "-") if rng.random() < 0.8 else (a - 1, "+")
        return Sum(f"{a}{sign_as_typed(sign, split, rng)}{b}", str(operate(a, sign, b)),
                   (f"{a} {sign} {b}", line(a, sign, b)))  # fmt: skip
    high = rng.choice((5, 10, 20))
    a, b = rng.randint(0, high), rng.randint(0, high)
    if a < b and rng.random() < 0.6:
        a, b = b, a
    text = f"{a}{sign_as_typed('-', split, rng)}{b}"
    lines = (f"{a} - {b}", line(max(a, b), "-", min(a, b)))
    return Sum(text, str(a - b), lines if a >= b else (*lines, f"the sign is minus: {a - b}"))


def small_decimal(rng: Random, split: Split) -> Sum:
    """Sums and differences of decimals below 3, one place and two beside each other."""
    u, v = (rng.choice((5 * rng.randint(1, 60), 10 * rng.randint(1, 30), rng.randint(1, 300))) for _ in "ab")
    sign = rng.choice("++-")
    u, v = (max(u, v), min(u, v)) if sign == "-" else (u, v)
    value = operate(u, sign, v)
    a, b, result = (written(Fraction(one, 100)) for one in (u, v, value))
    lines = (f"{a} {sign} {b}", f"times 100: {u} {sign} {v}", line(u, sign, v),
             f"by 100: {value} / 100 = {result}")  # fmt: skip
    return Sum(f"{a}{sign_as_typed(sign, split, rng)}{b}", result, lines)
