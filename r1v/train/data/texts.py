"""Checks of the texts of a training row: what would be learned without meaning anything, or against itself.

Enters: a text and its name in the row. Leaves: nothing, or a ValueError that says what is wrong. Always
holds: a chain never holds the mark that ends it, and what is learned as an answer has at most one box, which
is whole.
"""

from __future__ import annotations

import re
import unicodedata

from r1v.prompt.thinking import CLOSE_TEXT, OPEN_TEXT
from r1v.scoring import AnswerKind, Tolerance, compare, extract_boxed, extract_boxes, parse_number

_BOX = re.compile(r"\\+(?:boxed|fbox)(?![A-Za-z])")
_BLANK = frozenset("\u2800\u3164\u115f\u1160\uffa0")  # letters and signs of Unicode that show nothing


def blank(text: str) -> bool:
    """Whether a text shows nothing: white space, and characters that have no width."""
    return all(
        one.isspace() or one in _BLANK or unicodedata.category(one) in ("Cc", "Cf", "Zs", "Zl", "Zp")
        for one in text
    )


def check_characters(text: str, name: str) -> None:
    """ValueError: the text holds half of a character, which no tokenizer can read."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        raise ValueError(
            f"{name} holds {half} at character {error.start}, which is half of a character (a surrogate "
            "without its pair)"
        ) from None


def check_chain(text: str) -> None:
    """ValueError: the chain holds a mark that ends thinking."""
    if CLOSE_TEXT in text:
        raise ValueError(f"the chain holds {CLOSE_TEXT}, which would end it too early; remove it")


def check_answer(text: str, name: str) -> None:
    r"""ValueError: a text that is learned as the answer holds marks of thinking, several boxes, or one that
    is empty or not closed."""
    for mark in (OPEN_TEXT, CLOSE_TEXT):
        if mark in text:
            raise ValueError(f"{name} holds {mark}; give the chain once, and only the answer here")
    boxes = len(_BOX.findall(text))
    if boxes > 1:
        raise ValueError(f"{name} holds {boxes} boxes; exactly one is learned, so write one \\boxed{{}}")
    found = extract_boxed(text)
    if boxes and (found is None or blank(found)):
        raise ValueError(f"{name} has a \\boxed{{}} that is empty or not closed")


def check_agrees(text: str, name: str, answer: str, kind: AnswerKind, tolerance: float) -> None:
    """ValueError: the text ends in a box, or is a bare number, that is not the answer."""
    last = extract_boxed(text)
    if last is None and parse_number(text.strip()) is not None:
        last = text.strip()
    if last is None or last == answer.strip():
        return
    near = Tolerance(absolute=tolerance)
    if not any(compare(one, answer, kind, near).equal for one in (last, ", ".join(extract_boxes(text)))):
        raise ValueError(
            f"{name} ends in the answer {last[:100]!r}, but answer is {answer[:100]!r}; correct one of them"
        )
