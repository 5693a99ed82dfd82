r"""Bounds on a variable, and intervals with brackets that are turned outwards.

Enters: the sides of an inequality, or the text of an interval. Leaves: a set of numbers, or the text with the
usual brackets. Always holds: an absolute value is resolved only if its bound is known to be positive.
"""

from __future__ import annotations

import re

from r1v.scoring.answers import Interval, RealSet
from r1v.scoring.expression import Expression, Unreadable, negative
from r1v.scoring.kinds.regions import EVERYTHING, disjoint, intersection

BOUND = {
    "<": ("lt", False),
    "le": ("le", False),
    ">": ("lt", True),
    "ge": ("le", True),
    "=": ("=", False),
    "ne": ("ne", False),
}


# ]0,1[ and [0,1[: a bracket that is turned outwards excludes its end
_OUTWARD = re.compile(r"^\s*(?:(\])([^\[\]()]*)([\[\])])|([\[(])([^\[\]()]*)(\[))\s*$", re.DOTALL)


def turned_inward(text: str) -> str:
    """``]0,1[`` as ``(0,1)``; any other text as it is."""
    return _OUTWARD.sub(_inward, text)


def _inward(match: re.Match[str]) -> str:
    opening, inner, closing = (match[1], match[2], match[3]) if match[1] else (match[4], match[5], match[6])
    return f"{'(' if opening == ']' else opening}{inner}{')' if closing == '[' else closing}"


def solved(values: list[Expression], signs: list[str]) -> RealSet | None:
    """The set of numbers that an inequality describes: ``x > 2``, ``1 < x <= 3``, ``1 <= |x| < 2``; None
    where that is not known."""
    if (found := _chain(values, signs) or _bounded(values, signs)) is not None or len(values) != 3:
        return found
    halves = [solved(values[at : at + 2], signs[at : at + 1]) for at in (0, 1)]
    if halves[0] is None or halves[1] is None or halves[0].variable != halves[1].variable:
        return None
    try:
        shared = intersection(disjoint(halves[0]), disjoint(halves[1]))
    except Unreadable:
        return None
    return RealSet(tuple(shared), halves[0].variable)


def _bounded(values: list[Expression], signs: list[str]) -> RealSet | None:
    """``|x| < 2`` and ``|x - 1| >= 3`` as a set of numbers."""
    if len(values) != 2 or signs[0] not in ("<", "le", ">", "ge"):
        return None
    kind, turned_round = BOUND[signs[0]]
    small, large = reversed(values) if turned_round else values
    inside = small.kind == "absolute"
    bars, bound = (small, large) if inside else (large, small)
    if bars.kind != "absolute" or bound.symbols or (bound.kind == "number" and bound.value <= 0):
        return None
    terms = bars.args[0].args if bars.args[0].kind == "sum" else bars.args
    variables = [term for term in terms if term.kind == "symbol"]
    others = [term for term in terms if term.kind != "symbol"]
    if len(variables) != 1 or any(term.symbols for term in others):
        return None
    middle = [negative(term) for term in others]
    ends = [_sum_of([*middle, end]) for end in (negative(bound), bound)]
    closed = kind == "le"
    if inside:
        return RealSet((Interval(ends[0], closed, ends[1], closed),), variables[0].name)
    outer = (Interval(None, False, ends[0], closed), Interval(ends[1], closed, None, False))
    return RealSet(outer, variables[0].name)


def _sum_of(terms: list[Expression]) -> Expression:
    return terms[0] if len(terms) == 1 else Expression("sum", tuple(terms))


def _chain(values: list[Expression], signs: list[str]) -> RealSet | None:
    """``x > 2``, ``2 < x`` or ``1 < x <= 3`` as a set of numbers."""
    low: Expression | None = None
    high: Expression | None = None
    closed = {"low": False, "high": False}
    variables = [value.name for value in values if value.kind == "symbol"]
    if not variables or len(values) > 3:
        return None
    variable = variables[0] if len(variables) == 1 or len(values) == 2 else values[1].name
    for left, sign, right in zip(values, signs, values[1:], strict=False):
        kind, turned = BOUND.get(sign, ("", False))
        if kind == "ne":
            other = right if left.name == variable else left
            return RealSet((EVERYTHING,), variable, (other,)) if len(values) == 2 else None
        if kind not in ("lt", "le"):
            return None
        small, large = (right, left) if turned else (left, right)
        if small.kind == "symbol" and small.name == variable and high is None:
            high, closed["high"] = large, kind == "le"
        elif large.kind == "symbol" and large.name == variable and low is None:
            low, closed["low"] = small, kind == "le"
        else:
            return None
    low, high = (None if infinite(end) else end for end in (low, high))
    return RealSet((Interval(low, closed["low"], high, closed["high"]),), variable)


def infinite(value: Expression | None) -> bool:
    """Whether infinity occurs in an expression."""
    return value is not None and any(node.kind == "infinity" for node in value.walk())
