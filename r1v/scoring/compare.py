r"""Whether a free answer means the same as the right one.

Enters: two short texts. Leaves: yes or no, and the rule that decided. Always holds: both are read as typed
values (``answers``) and compared by the equality of their kind (``equality``); math-verify, if a verifier is
given, is asked only about texts that cannot be read here, and its yes counts only where it does not read more
loosely than we do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from r1v.scoring.answers import Numeral, Scalar
from r1v.scoring.equality import same_reading
from r1v.scoring.equivalence import AnswerType, equivalent
from r1v.scoring.notation import MAX_LENGTH, spaceless, tidy
from r1v.scoring.quantities import EXACT, Tolerance
from r1v.scoring.reading import read
from r1v.scoring.restated import restated, without_unit
from r1v.scoring.sentences.prose import stated
from r1v.scoring.verifier import Verification

AnswerKind: TypeAlias = AnswerType | Literal["math"]
Rule: TypeAlias = Literal["exact", "value", "typed", "math-verify"]

_CONNECTIVE = re.compile(
    r"(?<![A-Za-z\\])(?:or|and|not|between|from|to|either|than|about|only|is|are)(?![A-Za-z])"
)
_LONG_WORD = re.compile(
    r"(?<![A-Za-z\\])(?!sin|cos|tan|log|exp|arc|sqrt|mod|gcd|lcm|max|min|det)[A-Za-z]{3,}"
)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_UNEVALUATED = re.compile(r"\\(?:sum|prod|int|iint|oint|lim)(?![A-Za-z])")
_INDEFINITE = re.compile(r"\\int(?![A-Za-z])\s*(?![_^\s])")
_UNFINISHED = re.compile(r"(?:[-+*/^=<>&|~]|\\(?:cdot|times|div))\s*$|^\s*[*/^=<>&]")
_MARKS = re.compile(
    r"[%‰'$€£¥₹&|!#@]|\\(?:land|lor|neg|lnot|to|iff|implies|oplus|sim|approx|propto|parallel|perp|prime|dot|ddot|circ"
    r"|subset|subseteq|supset|notin|exists|partial|nabla|pm|mp)(?![A-Za-z])"
)
_QUANTIFIER = re.compile(r"\\(?:forall|exists)(?![A-Za-z])")
_SIGN = re.compile(r"[<>=]|\\(?:le|ge|ne)(?![A-Za-z])")
_DIGITS = re.compile(r"[0-9A-Fa-f]+")


class Verifier(Protocol):
    """What ``verifier.MathVerifier`` offers."""

    def __call__(self, given: str, answer: str) -> Verification: ...


@dataclass(frozen=True, slots=True)
class Match:
    """equal: the verdict. rule: what decided it. timed_out: whether math-verify was asked and did not end in
    time."""

    equal: bool
    rule: Rule
    timed_out: bool = False


def compare(
    given: str,
    answer: str,
    kind: AnswerKind = "math",
    tolerance: Tolerance = EXACT,
    verifier: Verifier | None = None,
    boxed: bool = False,
) -> Match:
    """Compare an answer with the right one.

    kind: a type of ``equivalent``, or "math" for any free answer. verifier: math-verify; without it, texts
    that cannot be read are unequal. boxed: whether the given answer stood in a box, where an equation of an
    expression gives its value. A decimal of six places or more stands for the fraction of which it is the
    rounding.
    """
    if kind != "math":
        equal = equivalent(given, answer, kind, tolerance)
        if not equal and kind == "choice" and (said := stated(tidy(given))) is not None:
            equal = equivalent(said, answer, kind)
        return Match(equal, "typed")
    if len(given) > MAX_LENGTH or len(answer) > MAX_LENGTH:
        return Match(given == answer, "exact")
    left, right = tidy(given), tidy(answer)
    match = _compared(left, right, tolerance, verifier)
    if not match.equal and (said := stated(left)) is not None and said != left:
        again = _compared(tidy(said), right, tolerance, None)
        match = again if again.equal else _restated(said, answer, match, tolerance, boxed=False)
    return match if match.equal else _restated(given, answer, match, tolerance, boxed)


def _restated(given: str, answer: str, match: Match, tolerance: Tolerance, boxed: bool) -> Match:
    """Compare what an answer says in other words, without remark, label or unit."""
    right = tidy(answer)
    bare = without_unit(given, answer)
    plain = all(isinstance(value, Scalar) and not value.value.symbols for value in read(right))
    for other in (*restated(given, boxed and plain), *(() if bare is None else (bare,))):
        again = _compared(tidy(other), right, tolerance, None)
        if again.equal:
            return again
    return match


def _compared(left: str, right: str, tolerance: Tolerance, verifier: Verifier | None) -> Match:
    """Compare two tidy texts as they are."""
    if not left or not right or spaceless(left) == spaceless(right):
        return Match(spaceless(left) == spaceless(right), "exact")
    readings = read(left), read(right)
    if isinstance(readings[1][0], Numeral) and _DIGITS.fullmatch(left):
        return Match(left.upper() == readings[1][0].digits, "value")  # the question names the base
    found = same_reading(readings[0], readings[1], tolerance)
    if found is not None:
        return Match(found, "value")
    return _verified(left, right, tolerance, verifier)


def _verified(given: str, answer: str, tolerance: Tolerance, verifier: Verifier | None) -> Match:
    refused = (
        verifier is None
        or _CONNECTIVE.search(given)
        or _LONG_WORD.search(f"{given} {answer}")
        or (_UNEVALUATED.search(given) and not _UNEVALUATED.search(answer))
        or bool(_INDEFINITE.search(given)) != bool(_INDEFINITE.search(answer))
        or _UNFINISHED.search(given)
        or _QUANTIFIER.search(f"{given} {answer}")
        or sorted(_MARKS.findall(given)) != sorted(_MARKS.findall(answer))
        or re.search(r"\d\s+\d", f"{given} {answer}")
    )
    if refused or verifier is None:
        return Match(False, "math-verify")
    verification = verifier(given, answer)
    equal = verification.equal and _same_shape(given, answer)
    if tolerance and verification.given is not None and verification.answer is not None:
        equal |= tolerance.accepts(verification.given, verification.answer)
    return Match(equal, "math-verify", verification.timed_out)


def _same_shape(given: str, answer: str) -> bool:
    """Whether math-verify's yes can be believed: it reads products of letters, definitions by cases and
    relations too loosely."""
    if sorted(_SIGN.findall(given)) != sorted(_SIGN.findall(answer)) and not re.search(
        r"\\(?:infty|cup)", given + answer
    ):
        return False
    letters = [set(re.findall("[A-Za-z]", _COMMAND.sub("", text))) for text in (given, answer)]
    return {x.casefold() for x in letters[0]} != {x.casefold() for x in letters[1]} or letters[0] == letters[
        1
    ]


__all__ = ["EXACT", "AnswerKind", "Match", "Tolerance", "Verifier", "compare"]
