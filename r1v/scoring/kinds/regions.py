r"""Sets of real numbers: union, intersection, complement, and equality by what they contain.

Enters: sets as they were written, or a text that joins conditions by "and" and "or". Leaves: disjoint
intervals in rising order. Always holds: ends are compared exactly; a set whose ends have no order (they hold
variables) is ``Unreadable``, never guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cmp_to_key

from r1v.scoring.answers import Collection, Interval, Reading, RealSet, Scalar
from r1v.scoring.evaluation import approximate, same_value
from r1v.scoring.expression import Expression, Unreadable, number
from r1v.scoring.notation import brackets

EVERYTHING = Interval(None, False, None, False)
_OR = re.compile(
    r"(?:\s|(?<=[)\]}\d]))(?:or|oder)(?=[\s(\[\\])|\s*(?:或者|或)\s*|\\lor(?![a-z])|(?<=\))\s*\|\s*(?=\()"
)
_AND = re.compile(r"\s(?:and|und)\s|\s*(?:且|和|与)\s*|\\land(?![a-z])|&")
_CONDITION = re.compile(r"[<>=]|\\(?:le|ge|ne|in)(?![a-z])")
_COMMA = re.compile(r"[,;]")
_WHOLE = re.compile(
    r"\s*([A-Za-z])\s*\\in\s*\\mathbb\s*\{?\s*[ZN]\s*\}?(?:\^\s*\{?\s*[+*]\s*\}?)?\s*(?:\||\\vert|:)\s*(.+)"
    r"|\s*([A-Za-z])\s*(?:\||\\vert|:)\s*(.+?)\s*,\s*\3\s*\\in\s*\\mathbb\s*\{?\s*[ZN]\s*\}?(?:\^\s*\{?\s*[+*]\s*\}?)?\s*",
    re.DOTALL,
)
MAX_PARTS = 24
MAX_WHOLE = 60  # whole numbers between two bounds that are listed


def point(value: Expression) -> Interval:
    """One number as an interval."""
    return Interval(value, True, value, True)


def _order(first: Expression, second: Expression) -> int:
    if same_value(first, second):
        return 0
    left, right = approximate(first), approximate(second)
    if left is None or right is None:
        raise Unreadable
    return -1 if left < right else 1


def _by_low(first: Interval, second: Interval) -> int:
    """Which of two intervals begins first."""
    if first.low is None or second.low is None:
        return (second.low is None) - (first.low is None)
    return _order(first.low, second.low) or second.low_closed - first.low_closed


def _high(first: Interval, second: Interval) -> int:
    """Which of two intervals ends first."""
    if first.high is None or second.high is None:
        return (first.high is None) - (second.high is None)
    return _order(first.high, second.high) or first.high_closed - second.high_closed


def union(intervals: list[Interval]) -> list[Interval]:
    """Disjoint intervals in rising order; empty ones are left out. Raises Unreadable."""
    found: list[Interval] = []
    for one in sorted(filter(_holds_something, intervals), key=cmp_to_key(_by_low)):
        if found and _touch(found[-1], one):
            last = found.pop()
            longer = one if _high(last, one) < 0 else last
            one = Interval(last.low, last.low_closed, longer.high, longer.high_closed)
        found.append(one)
    return found


def _holds_something(one: Interval) -> bool:
    if one.low is None or one.high is None:
        return True
    order = _order(one.low, one.high)
    return order < 0 or (order == 0 and one.low_closed and one.high_closed)


def _touch(first: Interval, second: Interval) -> bool:
    """Whether the second, which does not begin before the first, leaves no gap."""
    if first.high is None or second.low is None:
        return True
    order = _order(second.low, first.high)
    return order < 0 or (order == 0 and (first.high_closed or second.low_closed))


def intersection(first: list[Interval], second: list[Interval]) -> list[Interval]:
    """What two lists of intervals share. Raises Unreadable."""
    found = []
    for a in first:
        for b in second:
            low = b if _by_low(a, b) < 0 else a
            high = a if _high(a, b) < 0 else b
            found.append(Interval(low.low, low.low_closed, high.high, high.high_closed))
    return union(found)


def complement(intervals: list[Interval]) -> list[Interval]:
    """All real numbers but those of the intervals. Raises Unreadable."""
    left = [EVERYTHING]
    for one in union(intervals):
        outside = []
        if one.low is not None:
            outside.append(Interval(None, False, one.low, not one.low_closed))
        if one.high is not None:
            outside.append(Interval(one.high, not one.high_closed, None, False))
        left = intersection(left, outside)
    return left


def disjoint(region: RealSet) -> list[Interval]:
    """The intervals of a set, without its missing points. Raises Unreadable."""
    found = union(list(region.intervals))
    return intersection(found, complement([point(one) for one in region.but])) if region.but else found


def same_region(given: RealSet, answer: RealSet) -> bool:
    """Whether two sets hold the same numbers; sets with variables in their ends are compared as written."""
    if given.variable and answer.variable and given.variable != answer.variable:
        return False
    try:
        left, right = disjoint(given), disjoint(answer)
    except Unreadable:
        if given.but or answer.but:
            raise
        left = right = []
    if not left or not right:  # of no known order, or ends the wrong way round
        left, right = list(given.intervals), list(answer.intervals)
    return len(left) == len(right) and all(_same_interval(a, b) for a, b in zip(left, right, strict=True))


def _same_interval(given: Interval, answer: Interval) -> bool:
    if (given.low_closed, given.high_closed) != (answer.low_closed, answer.high_closed):
        return False
    for left, right in ((given.low, answer.low), (given.high, answer.high)):
        if (left is None) != (right is None) or (
            left is not None and right is not None and not same_value(left, right)
        ):
            return False
    return True


def joined(text: str, atom: Callable[[str], RealSet | None]) -> RealSet | None:
    r"""The set that conditions on one variable describe together.

    They are joined by "and", "or", commas and brackets. atom: reads one condition. Of parts that commas
    separate, the union is meant, or the intersection where the union is everything (``x > 1, x < 3``);
    numbers that are left out (``x \ne 2``) are left out of the rest.
    """
    try:
        return _joined(text, atom)
    except Unreadable:
        return None


def _joined(text: str, atom: Callable[[str], RealSet | None]) -> RealSet | None:
    opening, closing, inner = brackets(text.strip())
    if (opening, closing) in (("(", ")"), ("{", "}")) and _CONDITION.search(inner):
        text = inner
    for pattern, how in ((_OR, "or"), (_COMMA, ","), (_AND, "and")):
        parts = _split(text, pattern)
        if 1 < len(parts) <= MAX_PARTS and all(parts):
            regions = [_joined(part, atom) for part in parts]
            known = [region for region in regions if region is not None]
            names = {region.variable for region in known}
            if len(known) < len(regions) or len(names) != 1:
                return None
            return RealSet(tuple(_combined(known, how)), names.pop())
    return atom(text.strip())


def _combined(regions: list[RealSet], how: str) -> list[Interval]:
    all_but = [region for region in regions if region.but]
    others = [region for region in regions if not region.but]
    if how == "or":
        whole = union([one for region in others for one in disjoint(region)])
    else:
        whole = [EVERYTHING]
        for region in others:
            whole = intersection(whole, disjoint(region))
        if others and how == ",":
            together = union([one for region in others for one in disjoint(region)])
            whole = together if together != [EVERYTHING] else whole
    whole = whole if others else [EVERYTHING]
    for region in all_but:
        whole = intersection(whole, disjoint(region))
    return whole


def _split(text: str, pattern: re.Pattern[str]) -> list[str]:
    """The text cut where the pattern matches outside of all brackets."""
    parts, start, depth = list[str](), 0, 0
    position = 0
    while position < len(text):
        if depth <= 0 and (match := pattern.match(text, position)) and match.end() > position:
            parts.append(text[start:position].strip())
            start = position = match.end()
            continue
        depth += (text[position] in "([{") - (text[position] in ")]}")
        position += 1
    return [*parts, text[start:].strip()]


def whole_numbers(inner: str, atom: Callable[[str], RealSet | None]) -> Reading:
    r"""The inside of ``\{n \in \mathbb{Z} : 1 < n < 5\}`` as the list of these numbers; nothing where a bound
    is missing."""
    match = _WHOLE.fullmatch(inner)
    region = None if match is None else joined(match[2] or match[4], atom)
    if region is None:
        return ()
    found: list[int] = []
    for one in region.intervals:
        ends = [None if end is None else approximate(end) for end in (one.low, one.high)]
        if ends[0] is None or ends[1] is None or not abs(ends[1] - ends[0]) <= MAX_WHOLE:
            return ()
        for value in range(math.floor(ends[0]), math.ceil(ends[1]) + 1):
            if intersection(disjoint(RealSet((one,), but=region.but)), [point(number(value))]):
                found.append(value)
    items = tuple((Scalar(number(value)),) for value in sorted(set(found)))
    return (Collection(items, r"\{", r"\}"),)
