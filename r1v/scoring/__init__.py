"""Answer extraction and equivalence: deterministic, offline, exact arithmetic, no torch.

The verdict on a sample is made here too (``taxonomy``). math-verify, if it is used, runs in a child process.
"""

from r1v.scoring.boxed import extract_boxed, extract_boxes
from r1v.scoring.compare import AnswerKind, Match, compare
from r1v.scoring.equivalence import AnswerType, equivalent, parse_number
from r1v.scoring.extract import Extraction, extract_answer, extract_choice
from r1v.scoring.found import match_found
from r1v.scoring.kinds.times import read_clock
from r1v.scoring.programs import extract_program
from r1v.scoring.quantities import Tolerance
from r1v.scoring.taxonomy import Verdict, verdict_of
from r1v.scoring.verifier import MathVerifier

__all__ = [
    "AnswerKind",
    "AnswerType",
    "Extraction",
    "Match",
    "MathVerifier",
    "Tolerance",
    "Verdict",
    "compare",
    "equivalent",
    "extract_answer",
    "extract_boxed",
    "extract_boxes",
    "extract_choice",
    "extract_program",
    "match_found",
    "parse_number",
    "read_clock",
    "verdict_of",
]

# modules whose public names other packages may import as well
MODULES = (
    "compare",
    "reading",
    "verifier",
)
