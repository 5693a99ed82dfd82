r"""The answers in boxes.

Enters: text that a model wrote, whole or cut anywhere. Leaves: the content of its complete ``\boxed{}``.
Always holds: any text is read in one pass; a box that is not closed is never an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# A box's opening, an escaped character (so that \{ and \} are not braces), or a brace. Some models double the
# backslash of \boxed, as in JSON; up to four are read as one.
_MARKS = re.compile(r"\\{1,4}(?:boxed|fbox)\s{0,8}\{|\\.|[{}]", re.DOTALL)
# What may stand between two boxes that are one answer: "and", commas, "y =", delimiters of mathematics.
_JOINT = re.compile(
    r"[\s$\\()\[\]*,;:]*(?:(?:[1-9](?=\s*\))|and|or|quad|qquad|text|和|或|及|以及|[A-Za-z](?:_\{?\w{1,3}\}?)?\s*=)[\s$\\()\[\]*{},;:]*){0,4}"
)
MAX_JOINT = 40  # characters


@dataclass(frozen=True, slots=True)
class Box:
    """A complete box."""

    start: int  # where the command begins
    end: int  # after the closing brace
    content: str


def extract_boxed(text: str) -> str | None:
    r"""The content of the last complete ``\boxed{...}`` (or ``\fbox{...}``), without outer white space.

    Braces nest, escaped braces do not count, and of boxes inside one another the innermost is taken. An empty
    box is skipped, because it is a quotation of the instructions. None if there is no complete box.
    """
    boxes = find_boxes(text)
    return boxes[-1].content if boxes else None


def extract_boxes(text: str, boxes: Sequence[Box] | None = None) -> list[str]:
    r"""The contents of the last group of boxes that belong together: ``\boxed{2} and \boxed{5}`` are two
    values of one answer, while a box in an earlier sentence is not part of it. boxes: those that count, of
    all of the text unless given."""
    boxes = find_boxes(text) if boxes is None else boxes
    if _are_parts(text, boxes):
        contents = [box.content for box in boxes]
        return contents if any("," in one for one in contents) else [f"({', '.join(contents)})"]
    last = list(boxes[-1:])
    for box in reversed(boxes[:-1]):
        between = text[box.end : last[0].start]
        if len(between) > MAX_JOINT or between.count("\n") > 1 or not _JOINT.fullmatch(between):
            break
        last.insert(0, box)
    return list(dict.fromkeys(box.content for box in last))


_PART = re.compile(
    r"(?:^|(?<=\n)|(?<=[.;。；]\s)|(?<=[.;。；]))[\s*#]{0,8}(?:[(（]\s*([1-9]|[a-e]|i{1,3}|iv)|([a-e]))\s*[)）]"
)
_ORDERS = (tuple("123456789"), tuple("abcde"), ("i", "ii", "iii", "iv"))


def _are_parts(text: str, boxes: Sequence[Box]) -> bool:
    """Whether the boxes are the answers of parts that are marked (1), (2) and so on: one in each."""
    if len(boxes) < 2:
        return False
    parts = list(_PART.finditer(text))
    marks = tuple(part[1] or part[2] for part in parts)
    starts = [part.start() for part in parts] + [len(text)]
    return any(marks == order[: len(boxes)] for order in _ORDERS) and all(
        starts[index] <= box.start < starts[index + 1] for index, box in enumerate(boxes)
    )


def find_boxes(text: str) -> list[Box]:
    """Complete boxes that hold something and no other box, in order."""
    found: list[Box] = []
    # where command and content of each box start; None for another brace
    opened: list[tuple[int, int] | None] = []
    for mark in _MARKS.finditer(text):
        token = mark.group()
        if token == "}":
            start = opened.pop() if opened else None
            if start is None:
                continue
            content = text[start[1] : mark.start()].strip()
            if content and not (found and found[-1].start > start[0]):
                found.append(Box(start[0], mark.end(), content))
        elif token == "{":
            opened.append(None)
        elif len(token) > 2:
            opened.append((mark.start(), mark.end()))
    return found
