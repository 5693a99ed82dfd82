r"""Whether the answer that was found in a reply is the right one.

Enters: an ``Extraction`` and the right answer. Leaves: a ``Match``. Always holds: the last box is compared
first; several boxes that belong together by their labels are compared as one answer only if it is not right.
"""

from __future__ import annotations

import re

from r1v.scoring.compare import EXACT, AnswerKind, Match, Tolerance, Verifier, compare
from r1v.scoring.extract import Extraction

_WORDS = re.compile(r"[^\W\d_](?:[^\W\d_]|['’., 、-])*[^\W\d_]")

_FORMULA = re.compile(r"(?:\\(?:mathrm|text|ce)\{)?(?:[A-Z][a-z]?(?:_?\{?\d+\}?)?){2,}\}?")


def match_found(
    found: Extraction,
    answer: str,
    kind: AnswerKind = "math",
    tolerance: Tolerance = EXACT,
    verifier: Verifier | None = None,
) -> Match:
    """Compare what was found with the right answer. Nothing found is never right."""
    match = Match(False, "exact")
    if found.text is not None:
        match = compare(found.text, answer, kind, tolerance, verifier, boxed=found.how == "boxed")
    others: tuple[str, ...] = () if match.equal or found.together is None else (found.together,)
    if not match.equal and (_WORDS.fullmatch(answer.strip()) or _FORMULA.fullmatch(answer.strip("$ "))):
        others += found.words
    for other in others:
        again = compare(other, answer, kind, tolerance)
        if again.equal:
            return again
    return match
