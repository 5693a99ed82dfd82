r"""Statements of logic: letters joined by "and", "or", "not" and arrows.

Enters: a short text such as ``p \land \neg q``, or "A or B". Leaves: its truth table, or None. Always holds:
two statements are equal only if they are true in the same cases; "and" is never "or".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

MAX_LETTERS = 6
_TOKEN = re.compile(
    r"\s*(?:(?P<and>\\land(?![a-z])|\band\b)|(?P<or>\\lor(?![a-z])|\bor\b)|(?P<not>\\(?:neg|lnot)(?![a-z])|¬|\bnot\b)"
    r"|(?P<to>\\(?:to|implies)(?![a-z]))|(?P<xor>\\oplus(?![a-z]))|(?P<open>\()|(?P<close>\))|(?P<letter>[A-Za-z])(?![A-Za-z_^0-9]))"
)
_SIGN = re.compile(r"\\(?:land|lor|neg|lnot)(?![a-z])|¬|(?:^|[\s)])(?:and|or)(?:[\s(]|$)")
_IMPLIED = re.compile(r"\(?[pqrs]\)?\s*\\(?:to|implies)\s*\(?[pqrs]\)?")  # p \to q, which has no other sign
_STRENGTH = (("to",), ("or", "xor"), ("and",))  # the loosest first
_Statement = Callable[[dict[str, bool]], bool]


@dataclass(frozen=True, slots=True)
class Statement:
    """letters: in order. table: the value for each case, the letters counting from all false to all true."""

    letters: tuple[str, ...]
    table: tuple[bool, ...]


def read_statement(text: str) -> Statement | None:
    """The truth table of a statement with "and", "or" or "not" between its letters; None for another text."""
    if not _SIGN.search(text) and not _IMPLIED.fullmatch(text.strip()):
        return None
    found, position = list[tuple[str, str]](), 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        found.append((str(match.lastgroup), match[0].strip()))
        position = match.end()
    letters = tuple(sorted({sign for kind, sign in found if kind == "letter"}))
    if not 0 < len(letters) <= MAX_LETTERS:
        return None
    statement, rest = _joined(found, 0)
    if statement is None or rest:
        return None
    cases = product((False, True), repeat=len(letters))
    return Statement(letters, tuple(statement(dict(zip(letters, case, strict=True))) for case in cases))


_Rest = list[tuple[str, str]]


def _joined(signs: _Rest, level: int) -> tuple[_Statement | None, _Rest]:
    """Read operands of one strength, and what joins them; an arrow binds to the right."""
    if level == len(_STRENGTH):
        return _operand(signs)
    left, rest = _joined(signs, level + 1)
    while left is not None and rest and rest[0][0] in _STRENGTH[level]:
        kind = rest[0][0]
        right, rest = _joined(rest[1:], level if kind == "to" else level + 1)
        if right is None:
            return None, rest
        left = _both(kind, left, right)
    return left, rest


def _both(kind: str, left: _Statement, right: _Statement) -> _Statement:
    if kind == "and":
        return lambda case: left(case) and right(case)
    if kind == "or":
        return lambda case: left(case) or right(case)
    if kind == "xor":
        return lambda case: left(case) != right(case)
    return lambda case: not left(case) or right(case)


def _negated(inner: _Statement) -> _Statement:
    return lambda case: not inner(case)


def _operand(signs: _Rest) -> tuple[_Statement | None, _Rest]:
    if not signs:
        return None, []
    (kind, sign), *rest = signs
    if kind == "letter":
        return (lambda case: case[sign]), rest
    if kind == "not":
        inner, rest = _operand(rest)
        return (None if inner is None else _negated(inner)), rest
    if kind == "open":
        inner, rest = _joined(rest, 0)
        return (inner, rest[1:]) if rest and rest[0][0] == "close" else (None, rest)
    return None, rest
