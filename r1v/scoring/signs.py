r"""The signs of an expression.

Enters: text that ``notation.tidy`` has gone over. Leaves: tokens, or ``Unreadable``. Always holds: digits
that a space separates are two numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from r1v.scoring.kinds.numerals import REPEATING, repeating_decimal

MAX_TOKENS = 400

FUNCTIONS = (
    "arcsin arccos arctan arccot sinh cosh tanh coth sin cos tan cot sec csc ln log lg exp asin acos atan sgn"
).split()
OF_SEVERAL = ("max", "min", "gcd", "lcm")
_LATIN = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_WORDS = "|".join(
    sorted([*FUNCTIONS, "sqrt", "cbrt", "pi", "infinity", "infty", "oo", *OF_SEVERAL], key=len, reverse=True)
)
_LEXEME = re.compile(
    r"(?P<space>\s+)"
    rf"|(?P<repeating>{REPEATING})"
    r"|(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])|\d+(?:\.\d*)?(?:[eE][+-]?\d{1,4}(?![\dA-Za-z]))?|\.\d+)"
    rf"|(?<![A-Za-z\\])(?P<word>{_WORDS})(?![A-Za-z])"
    r"|\\(?P<command>[A-Za-z]+)"
    r"|(?P<letter>[A-Za-z])"
    r"|(?P<sign>\*\*|\\\{|\\\}|[-+*/^_(){}\[\]!|%',=])",
)


class Unreadable(Exception):
    """The text is not an expression that can be read here."""


@dataclass(frozen=True, slots=True)
class Token:
    """kind: space, number, word, command, letter or sign. text: as written, or its one spelling."""

    kind: str
    text: str
    spaced: bool  # whether white space stands before it


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text. Raises Unreadable at a sign that no expression has."""
    position, spaced, count = 0, False, 0
    while position < len(text):
        match = _LEXEME.match(text, position)
        if match is None or count > MAX_TOKENS:
            raise Unreadable
        position = match.end()
        kind = match.lastgroup or ""
        if kind == "space":
            spaced = True
            continue
        lexeme = match[kind]
        if kind == "repeating":
            value = repeating_decimal(lexeme)
            kind, lexeme = "number", f"{value.numerator}/{value.denominator}"
        if kind == "word" or (kind == "command" and lexeme in FUNCTIONS):
            kind, lexeme = "command", _LATIN.get(lexeme, "infty" if lexeme in ("infinity", "oo") else lexeme)
        if lexeme in ("cdot", "times", "div"):
            kind, lexeme = "sign", "/" if lexeme == "div" else "*"
        if lexeme == "vert":
            kind, lexeme = "sign", "|"
        yield Token(kind, {"**": "^"}.get(lexeme, lexeme), spaced)
        spaced, count = False, count + 1
