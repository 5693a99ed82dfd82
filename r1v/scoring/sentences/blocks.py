r"""The last lines of a reply that are one answer together.

Enters: the lines of a reply. Leaves: how many lines at the end belong together, and what they say as one
text: the branches of a function, the solutions of one letter, the rows of a matrix. Always holds: lines of
one letter that come to the same are steps of a computation, not several solutions.
"""

from __future__ import annotations

import re
from itertools import pairwise

from r1v.scoring.evaluation import same_value
from r1v.scoring.expression import Unreadable, expression_of
from r1v.scoring.notation import at_relations, tidy

_BRANCH = re.compile(
    r"(?P<name>[^=<>]{1,30}?)\s*=\s*(?P<value>[^=<>]+?,?\s+(?:for|if|when)\s.+|[^=<>]+,?\s+(?:otherwise|elsewhere))"
)
_CELL = r"-?(?:\d+(?:\.\d+)?(?:/\d+)?[a-z]?|[a-z]|\\[a-z]+\{[^{}]*\}(?:\{[^{}]*\})?)"
_ROW = re.compile(rf"(?:[(\[|]\s*)?(?P<cells>{_CELL}(?:[\s,&|]+{_CELL})+)(?:\s*[)\]|])?")
_ASSIGNED = re.compile(r"(?P<name>[A-Za-z](?:_\{?\w\}?)?)\s*=\s*(?:[^=,;]+=\s*)*(?P<value>[^=,;]+)")
_SOLUTION = re.compile(r"(?P<name>[A-Za-z](?:_\w)?)\s*=\s*\S.*")
MAX_LINES = 6


def block(lines: list[str]) -> tuple[int, str] | None:
    """The last lines that are one answer: their number and their text; None where the last line
    stands alone."""
    bare = [tidy(line.strip("*_$ ").rstrip(" ,;.")) for line in lines[-MAX_LINES:]]
    for pattern, join in ((_BRANCH, _branches), (_SOLUTION, _solutions), (_ROW, _rows)):
        found = _trailing(bare, pattern)
        if len(found) > 1 and (text := join(found)) is not None:
            return len(found), text
    return None


def assigned(lines: list[str]) -> str | None:
    """``x = 3`` and ``y = -2`` in the last lines as one answer; None where a name stands twice."""
    found = _trailing([tidy(line.strip("*_$ ").rstrip(" ,;.")) for line in lines[-MAX_LINES:]], _ASSIGNED)
    if len(found) < 2 or len({one["name"] for one in found}) < len(found):
        return None
    return ", ".join(f"{one['name']} = {one['value'].strip()}" for one in found)


_NAME = r"[A-Za-z](?:_\w)?'*(?:\([a-z]\))?"
_BOUND = r"[^,:;()]*?(?:[<>]|\\(?:le|ge|ne)(?![a-z]))[^,:;()]*?"
_IF = r"(?:for|if|when|where|当)"
_ENDS = r"(?=\s*(?:[;,，；]|\.(?!\d)|\band\b|$))"
_PIECES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_IF}\s*(?P<condition>{_BOUND})(?:时)?(?:\s*[,:，]\s*(?:then\s+)?|\s+then\s+)(?:(?P<name>{_NAME})\s*=\s*)?(?P<value>[^,;=]+?){_ENDS}",
        rf"otherwise,?\s+(?:(?P<name>{_NAME})\s*=\s*)?(?P<value>[^,;=]+?)(?P<condition>){_ENDS}",
        rf"(?:(?P<name>{_NAME})\s*=\s*)?(?P<value>[^,;=]+?)(?:\s*\(\s*(?:{_IF}\s+)?(?P<condition>{_BOUND})\)|\s*,?\s+{_IF}\s+(?P<behind>{_BOUND})|\s*,?\s+otherwise){_ENDS}",
    )
]
_BETWEEN_PIECES = re.compile(r"[\s;,.，；]*(?:(?:and|but)\s+)?")
_IN_WORDS = (
    ("is at least", r"\ge"),
    ("is at most", r"\le"),
    ("is less than", "<"),
    ("is greater than", ">"),
    ("is more than", ">"),
)


def cases(text: str) -> str | None:
    """``If x < 0, then f(x) = -x; otherwise f(x) = x`` as ``-x for x < 0, x otherwise``; None for
    another text."""
    for words, sign in _IN_WORDS:
        text = text.replace(words, sign)
    text = _CONNECTIVE.sub("", text, count=1)
    position, found, names = 0, list[str](), set[str | None]()
    while position < len(text) and len(found) <= MAX_LINES:
        match = next(filter(None, (one.match(text, position) for one in _PIECES)), None)
        if match is None:
            return None
        parts = match.groupdict()
        parts["value"] = _LEAD.sub("", parts["value"].strip())
        condition = (parts["condition"] or parts.get("behind") or "").strip()
        found.append(
            f"{parts['value'].strip()} for {condition}"
            if condition
            else f"{parts['value'].strip()} otherwise"
        )
        names.add(parts["name"])
        position = _BETWEEN_PIECES.match(text, match.end()).end()  # type: ignore[union-attr]
    several = 1 < len(found) <= MAX_LINES and len(names - {None}) < 2
    return ", ".join(found) if several and sum("otherwise" in one for one in found) < 2 else None


_LEAD = re.compile(r"^[^=<>\d]*\b(?:is|equals)\s+")
_CONNECTIVE = re.compile(
    r"^(?:(?:so|hence|thus|therefore)\b,?\s*|(?:于是|所以|因此)[,，]?\s*)", re.IGNORECASE
)


def _trailing(lines: list[str], pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The matches of the last lines, as far as all have one."""
    found: list[re.Match[str]] = []
    for line in reversed(lines):
        match = pattern.fullmatch(line)
        if match is None:
            break
        found.insert(0, match)
    return found


def _branches(found: list[re.Match[str]]) -> str | None:
    return ", ".join(one["value"] for one in found) if len({one["name"] for one in found}) == 1 else None


def _solutions(found: list[re.Match[str]]) -> str | None:
    """``x = 12/4 = 3`` and ``x = 2/4 = 0.5`` as x = 3, x = 0.5; None where two of
    them have different names or come to the same."""
    name = found[-1]["name"]
    ends = list[str]()
    for one in reversed(found):
        parts, signs = at_relations(one[0])
        if one["name"] != name or set(signs) != {"="} or not _is_number(parts[-1]):
            break
        ends.insert(0, parts[-1])
    numbers = [expression_of(end) for end in ends]
    try:
        pairs = pairwise(numbers)
        differ = all(a is not None and b is not None and not same_value(a, b) for a, b in pairs)
    except Unreadable:
        return None
    several = len(ends) > 1 and differ and len(ends) == len(found)
    return ", ".join(f"{name} = {end}" for end in ends) if several else None


def _is_number(text: str) -> bool:
    value = expression_of(text)
    return value is not None and not value.symbols and not re.search(r"\\times|\\cdot|\\div|[*+]|.-", text)


def _rows(found: list[re.Match[str]]) -> str | None:
    return matrix([re.split(r"[\s,&|]+", one["cells"].strip()) for one in found])


def matrix(rows: list[list[str]]) -> str | None:
    """Rows of the same length in LaTeX."""
    if len(rows) < 2 or len({len(row) for row in rows}) > 1:
        return None
    return r"\begin{pmatrix}" + r"\\".join("&".join(row) for row in rows) + r"\end{pmatrix}"


_LINE_WORD = (
    r"(?:(?:(?:and\s+)?(?:its|the)\s+)?(?P<order>first|second|third|fourth)\s+(?P<kind>row|column)"
    r"(?:\s+(?:is|being))?\s*:?\s*)"
)
_NUMBERED = re.compile(
    r"(?<!first\s)(?<!second\s)(?<!third\s)\b(row|column)\s+(one\b|two\b|three\b|[123](?=\s*:))",
    re.IGNORECASE,
)
_NUMBERS = ("one", "two", "three", "1", "2", "3")
_ORDER = ("first", "second", "third", "fourth")
_CELLS = re.compile(
    r"[(\[]?\s*(?P<cells>-?[\w.\\{}/]+(?:\s*,\s*-?[\w.\\{}/]+)*)\s*[)\]]?\s*[,;.]?\s*(?:and\s*)?"
)


def matrix_in_words(text: str) -> str | None:
    """``the matrix with first row (1, 2) and second row 3, 4`` in LaTeX; None for another text."""
    text = _NUMBERED.sub(
        lambda match: f"{_ORDER[_NUMBERS.index(match[2].lower()) % 3]} {match[1].lower()}", text
    )
    marks = list(re.finditer(_LINE_WORD, text, re.IGNORECASE))
    if len(marks) < 2 or [one["order"].lower() for one in marks] != list(_ORDER[: len(marks)]):
        return None
    if len({one["kind"] for one in marks}) > 1:
        return None
    rows: list[list[str]] = []
    for mark, end in zip(marks, [*(one.start() for one in marks[1:]), len(text)], strict=True):
        cells = _CELLS.fullmatch(text, mark.end(), end)
        if cells is None:
            return None
        rows.append(re.split(r"\s*,\s*", cells["cells"]))
    if len({len(row) for row in rows}) > 1:
        return None
    return matrix(rows if marks[0]["kind"] == "row" else [list(column) for column in zip(*rows, strict=True)])
