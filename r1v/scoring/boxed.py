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
    r"[\s$\\()\[\]*,;:]*(?:\n\s*[-•]\s*\$*)?(?:(?:[1-9](?=\s*\))|and|or|quad|qquad|text|和|或|及|以及|[A-Za-z](?:_\{?\w{1,3}\}?)?\s*=)[\s$\\()\[\]*{},;:]*){0,4}"
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
    r"(?:^|(?<=\n)|(?<=[.;。；]\s)|(?<=[.;。；]))[\s*#]{0,8}(?:[Pp]art\s+)?(?:[(（]\s*([1-9]|[a-e]|i{1,3}|iv)|([a-e]))\s*[)）]"
)
_MARK = re.compile(r"[(（]?\s*(?:[1-9]|[a-e]|i{1,3}|iv)\s*[)）.]?")
_ORDERS = (tuple("123456789"), tuple("abcde"), ("i", "ii", "iii", "iv"))


_MARK_BEFORE = re.compile(  # "(a)" or "Part 2:" shortly before a box, "1." right before it
    r"(?:^|[\s.;,:*$])(?:part\s*)?[(（]\s*([1-9]|[a-e]|i{1,3}|iv)\s*[)）][^()（）\n]{0,40}$"
    r"|\bpart\s+([1-9]|[a-e])\b[^()（）\n]{0,40}$|(?:^|\n)\s*([1-9])[.)][\s$*\\(\[]{0,6}$",
    re.IGNORECASE,
)
_LABEL_BEFORE = re.compile(
    r"(?:^|[\n.;,:]|\b(?:and|the|its)\b)[\s*_-]*(?!(?:the|its|and)\b)"
    r"(?P<name>[A-Za-z]{3,15}(?: [a-z]{2,15}){0,2}|[A-Za-z])[\s*_]*(?:\b(?:is|are)\b|=|:)[\s$*\\(\[_]*$",
    re.IGNORECASE,
)
_NO_LABEL = re.compile(
    r"\b(?:so|then|hence|thus|therefore|we|answers?|results?|first|second|now|next|finally|it|this|that|which|step"
    r"|check|intermediate|not|given)\b",
    re.IGNORECASE,
)
MAX_LEAD = 80  # characters before a box


def labelled_boxes(text: str, boxes: Sequence[Box]) -> str | None:
    """``Mean: \\boxed{6}, median: \\boxed{5}`` as ``(Mean, median) = (6, 5)``; None where not every box has a
    label of its own, or something else stands between the boxes."""
    if not 2 <= len(boxes) <= 6:
        return None
    names = list[str]()
    for lead in _leads(text, boxes):
        match = _LABEL_BEFORE.search(lead)
        if match is None or _NO_LABEL.search(match["name"]):
            return None
        if names and re.search(r"\w", re.sub(r"(?i)\b(?:and|the|its)\b", "", lead[: match.start("name")])):
            return None
        names.append(match["name"])
    contents = [box.content for box in boxes]
    if len(set(names)) < len(names) or any("," in content for content in contents):
        return None
    return f"({', '.join(names)}) = ({', '.join(contents)})"


_BOLD = re.compile(r"\*\*(?=\S)(?P<content>[^*\n]{1,80}?)(?<=\S)\*\*")
_ASSIGNED = re.compile(r"(?P<name>[A-Za-z](?:_\{?\w\}?)?)\s*=\s*(?P<value>[^=<>,;]+)")


def bold_together(text: str) -> str | None:
    """Bold values as one answer: one in each marked part (``(20 m, 4 s)``), or each with a name of its own
    (``b = -2, a = 3``)."""
    found = [Box(one.start(), one.end(), one["content"].strip(" .")) for one in _BOLD.finditer(text)]
    boxes = [box for box in found if re.search(r"\d", box.content) and not _MARK.fullmatch(box.content)]
    if 2 <= len(boxes) <= 6 and _are_parts(text, boxes):
        return f"({', '.join(box.content for box in boxes)})"
    return assigned_together([box.content for box in boxes])


def assigned_together(contents: Sequence[str]) -> str | None:
    """``x_1=3`` and ``x_2=-0.5`` as one answer; None where one is no such equation or a name stands twice."""
    found = [_ASSIGNED.fullmatch(content.strip("$ ")) for content in contents]
    names = {one["name"] if one else "" for one in found}
    if not 2 <= len(found) <= 6 or len(names) < len(found) or "" in names:
        return None
    return ", ".join(content.strip("$ ") for content in contents)


def _leads(text: str, boxes: Sequence[Box]) -> list[str]:
    """What stands before each box, behind the one before it."""
    starts = [0, *(box.end for box in boxes[:-1])]
    return [text[start : box.start][-MAX_LEAD:] for start, box in zip(starts, boxes, strict=True)]


def _are_parts(text: str, boxes: Sequence[Box]) -> bool:
    """Whether the boxes are the answers of parts that are marked (1), (2) and so on: one in each."""
    if len(boxes) < 2:
        return False
    found = [_MARK_BEFORE.search(lead) for lead in _leads(text, boxes)]
    if all(found):
        before = tuple(next(filter(None, one.groups())).lower() for one in found if one)
        if any(before == order[: len(boxes)] for order in _ORDERS):
            return True
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
