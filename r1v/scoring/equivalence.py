"""Answers of a known type: a number, a word, a choice, a time, a formula.

Enters: two short texts and the type. Leaves: yes or no. Always holds: exact arithmetic (fractions, never
floats), no exception whatever the text, and time bounded by the text's length.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal, TypeAlias

from r1v.scoring.answers import Named, Reading, Relation, Scalar
from r1v.scoring.equality import same, same_reading
from r1v.scoring.evaluation import exact
from r1v.scoring.expression import Unreadable
from r1v.scoring.kinds.chemistry import same_molecule
from r1v.scoring.kinds.times import read_clock
from r1v.scoring.notation import MAX_LENGTH, spaceless, tidy
from r1v.scoring.quantities import EXACT, Tolerance
from r1v.scoring.reading import read

AnswerType: TypeAlias = Literal["number", "string", "choice", "time", "formula"]

_CHOICE = re.compile(
    r"(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)\s*(?:is|:)?\s*|(?:答案|选项|選項)(?:是|为|:)?\s*|(?:故|应|本题)?选(?:择)?\s*)?"
    r"(?:[(\[]\s*(?P<marked>[A-Za-z])\s*[)\]]\s*\S.*|[(\[]?\s*(?P<letter>[A-Za-z])\s*[)\]]?(?:\s*[.:,)]\s*\S.*|\s*[.:]?))",
    re.IGNORECASE | re.DOTALL,
)
_WORD = re.compile(r"[^\W\d_]+")


def equivalent(
    given: str, answer: str, answer_type: AnswerType, tolerance: float | Tolerance = EXACT
) -> bool:
    r"""Whether ``given`` is the same answer as ``answer``.

    answer_type: ``number`` (integers, decimals, fractions, powers of ten, thousands separators, with units: a
    unit on one side only is assumed for the other, because the question names it), ``string`` (case and
    spacing aside), ``choice`` (a letter, as people usually write it), ``time`` (a time of day; 3:05 is 03:05,
    and 3:05 pm is 15:05), ``formula`` (a formula of chemistry by its atoms and charge, or an
    expression or equation by its value). tolerance: absolute if a plain number; for numbers only.
    """
    if len(given) > MAX_LENGTH or len(answer) > MAX_LENGTH:
        return given == answer
    given, answer = tidy(given), tidy(answer)
    if not answer:
        return not given
    if _fold(given) == _fold(answer):
        return answer_type != "formula" or _same_formula(given, answer)
    if answer_type == "number":
        near = tolerance if isinstance(tolerance, Tolerance) else Tolerance(absolute=tolerance)
        return _same_number(given, answer, near)
    if answer_type == "choice":
        return _same_choice(given, answer)
    if answer_type == "time":
        left, right = read_clock(given), read_clock(answer)
        return left is not None and right is not None and left.same(right)
    return answer_type == "formula" and _same_formula(given, answer)


def _fold(text: str) -> str:
    """Case and spacing aside."""
    return " ".join(text.casefold().split())


def parse_number(text: str, *, dressed: bool = False) -> Fraction | None:
    r"""The exact value of a number as people and models write it, or None.

    Reads ``-1,234.5``, ``1.2e3``, ``3/4``, ``\frac{3}{4}``, ``1 1/2`` and ``1.2 \times 10^{3}``. dressed:
    also with a name before it or a unit behind it.
    """
    reading = read(text)
    found = numbers(
        reading if dressed else tuple(v for v in reading if isinstance(v, Scalar) and v.unit is None)
    )
    return found[0][0] if found else None


def numbers(reading: Reading) -> list[tuple[Fraction, Scalar]]:
    """The rational numbers among the readings of a text, including those after a name, as in ``x = 3``."""
    found = []
    for value in reading:
        if isinstance(value, Named):
            found += numbers(value.value)
        elif isinstance(value, Scalar):
            try:
                number = exact(value.value)
            except Unreadable:
                continue
            if number is not None:
                found.append((number, value))
    return found


def _same_number(given: str, answer: str, tolerance: Tolerance) -> bool:
    if _WORD.fullmatch(given):
        return False
    left, right = numbers(read(given)), numbers(read(answer))
    return any(same(first, second, tolerance) for _, first in left for _, second in right)


def _same_choice(given: str, answer: str) -> bool:
    """If the answer is a letter, the given text must name that letter and no other; if it is several letters,
    these and no others, in any order."""
    if (letters := _letters(answer)) is not None:
        return _letters(given) == letters
    right, left = (_picked(text) for text in (answer, given))
    return right is not None and left == right and not _several(given)


def _picked(text: str) -> str | None:
    match = _CHOICE.fullmatch(text)
    return None if match is None else (match["marked"] or match["letter"]).upper()


def _letters(text: str) -> frozenset[str] | None:
    """The letters of ``BD``, ``B, D`` and ``B and D``; None for another text, also for one letter."""
    text = re.sub(r"\b(?:and|or)\b|[和与及]", lambda match: "or" if match[0] == "or" else " ", text)
    bare = re.sub(r"[\s,;、()\[\]{}&\\]+", "", text)
    return frozenset(bare) if re.fullmatch("[A-Z]{2,8}", bare) and len(set(bare)) == len(bare) else None


def _several(text: str) -> bool:
    """Whether a text names several letters: ``A, C`` or ``A or B``."""
    return (
        re.fullmatch(r"[(\[]?[A-Z][)\]]?(?:\s*(?:,|and|or|&|/|、)\s*[(\[]?[A-Z][)\]]?)+", text.strip())
        is not None
    )


def _same_formula(given: str, answer: str) -> bool:
    """Compare by atoms and charge if the right answer is a molecule or an ion, otherwise by the value of
    the expression or equation."""
    if (molecule := same_molecule(given, answer)) is not None:
        return molecule
    kinds = (Scalar, Relation, Named)
    left, right = (
        tuple(value for value in read(text) if isinstance(value, kinds)) for text in (given, answer)
    )
    return spaceless(given) == spaceless(answer) or same_reading(left, right) is True
