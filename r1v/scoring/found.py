r"""Whether the answer that was found in a reply is the right one.

Enters: an ``Extraction`` and the right answer. Leaves: a ``Match``. Always holds: the last box is compared
first; several boxes that belong together by their labels are compared as one answer only if it is not right.
"""

from __future__ import annotations

from r1v.scoring.compare import EXACT, AnswerKind, Match, Tolerance, Verifier, compare
from r1v.scoring.extract import Extraction


def match_found(
    found: Extraction,
    answer: str,
    kind: AnswerKind = "math",
    tolerance: Tolerance = EXACT,
    verifier: Verifier | None = None,
) -> Match:
    """Compare what was found with the right answer. Nothing found is never right."""
    if found.text is None:
        return Match(False, "exact")
    match = compare(found.text, answer, kind, tolerance, verifier, boxed=found.how == "boxed")
    if match.equal or found.together is None:
        return match
    again = compare(found.together, answer, kind, tolerance)
    return again if again.equal else match
