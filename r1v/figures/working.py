"""Written arithmetic: one line of working for each operation, and the order of operations.

Enters: whole numbers. Leaves: text that ends with the full equation, ``a + b = c``, and the value. Each step
is small enough to be done in the head: digits, tens, tables up to 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Token: TypeAlias = int | str  # a number, one of + - × ÷, or a bracket

PLACES = ("ones", "tens", "hundreds", "thousands")


def _digits(number: int) -> list[int]:
    """Digits from the ones up."""
    return [int(d) for d in reversed(str(number))]


def plus(a: int, b: int) -> str:
    """Column addition where both numbers have two digits or more or 1 is carried twice, else the bare
    equation."""
    if (
        (min(a, b) < 10 and (max(a, b) % 100 + min(a, b) < 100 or max(a, b) < 100))
        or (max(a, b) < 100 and (a % 10 == 0 or b % 10 == 0))
        or (a % 100 == 0 and b % 100 == 0)
    ):
        return f"{a} + {b} = {a + b}"
    columns, carry = [], 0
    top, bottom = _digits(a), _digits(b)
    for i in range(max(len(top), len(bottom))):
        parts = [d[i] for d in (top, bottom) if i < len(d)] + ([1] if carry else [])
        total = sum(parts)
        columns.append(
            f"{PLACES[i]} {' + '.join(map(str, parts))}" + (f" = {total}" if len(parts) > 1 else "")
        )
        carry = total // 10
    return f"{', '.join(columns)}, so {a} + {b} = {a + b}"


def minus(a: int, b: int) -> str:
    """Column subtraction of b from a >= b where both have two digits or more or 1 is borrowed twice, else the
    bare equation."""
    assert a >= b
    if (b < 10 and (a % 100 >= b or a < 100)) or (b % 10 == 0 and a < 100) or (a % 100 == 0 and b % 100 == 0):
        return f"{a} - {b} = {a - b}"
    columns, borrow = [], 0
    top, bottom = _digits(a), _digits(b)
    for i in range(len(top)):
        below = bottom[i] if i < len(bottom) else 0
        left = top[i] - borrow - below
        start = top[i] + (10 if left < 0 else 0)
        text = (
            f"{PLACES[i]} {start}" + (" - 1" if borrow else "") + (f" - {below}" if i < len(bottom) else "")
        )
        borrow = int(left < 0)
        columns.append(text + (f" = {left % 10}" if " - " in text else ""))
    return f"{', '.join(columns)}, so {a} - {b} = {a - b}"


def _running(parts: list[int]) -> str:
    """`` = 240 + 42 = 282`` and so on: a sum brought down from the left, two at a time."""
    text = ""
    while len(parts) > 1:
        text += " = " + " + ".join(map(str, parts))
        parts = [parts[0] + parts[1], *parts[2:]]
    return text + f" = {parts[0]}"


def _times_digit(a: int, b: int) -> str:
    """a times a single digit (or a up to 12 times b up to 12), by places."""
    if max(a, b) <= 12 or (a % 10 == 0 and a < 100) or b <= 1 or a <= 1:
        return f"{a} × {b} = {a * b}"
    parts = [d * 10**i * b for i, d in reversed(list(enumerate(_digits(a)))) if d]
    return f"{a} × {b}{_running(parts)}"


def times(a: int, b: int) -> str:
    """Multiplication by places; with two digits on both sides, one partial product for each."""
    if 10 in (a, b):
        return f"{a} × {b} = {a * b}"
    if min(a, b) < 10 or max(a, b) <= 12:
        result = _times_digit(max(a, b), min(a, b)).split(" = ", 1)[1]
        return f"{a} × {b} = {result}"
    tens, ones = b // 10 * 10, b % 10
    lines = [_times_digit(a, tens // 10)]
    if tens > 10 or not ones:
        lines.append(f"{a} × {tens} = {a * tens}")
    else:
        lines = [f"{a} × 10 = {a * 10}"]
    if ones:
        lines += [_times_digit(a, ones), f"{a} × {b} = {a * tens} + {a * ones} = {a * b}"]
    return ", ".join(lines)


def divide(a: int, b: int) -> str:
    """Long division without remainder; by the table where the quotient is at most 12."""
    assert b > 0 and a % b == 0
    if a // b <= 12:
        return f"{b} × {a // b} = {a}, so {a} ÷ {b} = {a // b}"
    steps, _ = _long_division(a, b)
    return f"{', '.join(steps)}, so {a} ÷ {b} = {a // b}"


def remainder(a: int, b: int) -> str:
    """Long division with remainder."""
    if a // b <= 12:
        return f"{b} × {a // b} = {a // b * b}, {a} - {a // b * b} = {a % b}"
    steps, rest = _long_division(a, b)
    return f"{', '.join(steps)}, so {a} = {b} × {a // b} + {rest}"


def _long_division(a: int, b: int) -> tuple[list[str], int]:
    """The steps ``part = b × digit + rest`` from the left, and the last rest."""
    steps, rest, begun = [], 0, False
    for digit in str(a):
        part = rest * 10 + int(digit)
        rest = part % b
        begun = begun or part >= b
        if begun:
            steps.append(f"{part} = {b} × {part // b} + {rest}")
    return steps, rest


def operate(a: int, sign: str, b: int) -> int:
    """a sign b. Raises ValueError where the result is negative or not whole."""
    if sign == "+":
        return a + b
    if sign == "-" and a >= b:
        return a - b
    if sign == "×":
        return a * b
    if sign == "÷" and b and a % b == 0:
        return a // b
    raise ValueError(f"{a} {sign} {b}")


def line(a: int, sign: str, b: int) -> str:
    """The working of one operation."""
    return {"+": plus, "-": minus, "×": times, "÷": divide}[sign](a, b)


def solve(expression: Sequence[Token]) -> tuple[list[tuple[int, str, int]], int]:
    """The operations of an expression in the order in which they are done, and its value.

    Raises ValueError where a result on the way is negative or not whole.
    """
    tokens = list(expression)
    steps: list[tuple[int, str, int]] = []
    while len(tokens) > 1:
        start, end = 0, len(tokens)
        if "(" in tokens:
            end = tokens.index(")")
            start = max(i for i in range(end) if tokens[i] == "(") + 1
        inside = range(start, end)
        at = next((i for i in inside if tokens[i] in ("×", "÷")), None)
        if at is None:
            at = next((i for i in inside if tokens[i] in ("+", "-")), None)
        if at is None:  # a number alone in brackets
            tokens[start - 1 : end + 1] = [tokens[start]]
            continue
        a, sign, b = int(tokens[at - 1]), str(tokens[at]), int(tokens[at + 1])
        steps.append((a, sign, b))
        tokens[at - 1 : at + 2] = [operate(a, sign, b)]
    return steps, int(tokens[0])


def written(expression: Sequence[Token]) -> str:
    """An expression as text: blanks round the signs, none inside brackets."""
    return " ".join(map(str, expression)).replace("( ", "(").replace(" )", ")")


_CHINESE = (
    ("ones ", "个位"),
    ("tens ", "十位"),
    ("hundreds ", "百位"),
    ("thousands ", "千位"),
    (", so ", "，所以"),
)


def chinese(working: str) -> str:
    """The same working with its words in Chinese."""
    for english, word in _CHINESE:
        working = working.replace(english, word)
    return working
