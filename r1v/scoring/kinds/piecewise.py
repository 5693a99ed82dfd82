r"""Functions that are given by cases, in an environment or in a line, as what they are at each point.

Enters: a text such as ``2x for x > 0, and 0 otherwise``, or two readings of functions. Leaves: ``Cases``, or
whether two functions agree. Always holds: two functions are compared at all bounds of their conditions, on
both sides of each and far away, so that a case that is moved, missing or closed at the wrong end shows.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from r1v.scoring.answers import Cases, Interval, Named, Reading, RealSet, Scalar, Text, Value
from r1v.scoring.evaluation import values_at
from r1v.scoring.expression import Expression
from r1v.scoring.notation import brackets, split_top

Read = Callable[[str], Reading]
_CONDITION = r"(?:if|for|when|where|当|若)"
_PIECE = re.compile(
    r"(?:(?P<name>[A-Za-z](?:_\{?\w\}?)?'*(?:\([a-z]\))?)\s*=\s*)?(?P<value>.+?)\s*"
    rf"(?:\(\s*(?:{_CONDITION}\s+)?(?P<inside>[^()]*(?:[<>=]|\\(?:le|ge|ne)(?![a-z])|even|odd)[^()]*)\)"
    rf"|(?:,\s*)?(?<![A-Za-z]){_CONDITION}\s+(?P<behind>.+?)|,?\s*(?P<other>otherwise|elsewhere|else|其他|否则))",
    re.DOTALL | re.IGNORECASE,
)
_FIRST = re.compile(r"(?P<letter>[A-Za-z])_\{?(?P<index>\d+)\}?\s*=\s*(?P<value>[^=]+)")
_PARITY = re.compile(
    r"(?:(?P<name>[a-z])\s*)?(?:is\s+|为|是)?\s*(?P<parity>even|odd|偶数|奇数)", re.IGNORECASE
)
_DOMAIN = re.compile(
    r"\s*(?:,|且|and)\s*[a-z]\s*\\in\s*\\mathbb\s*\{[NZ]\}\s*(?:[\^_]\s*\{?\s*[*+]\s*\}?)?\s*$"
)
_TWICE = re.compile(r"(?P<name>[n-z])\s*=\s*2\s*[kmp]\s*(?P<odd>[+-]\s*1)?")
_WHOLE = frozenset("nmkij")  # letters for whole numbers
_POINTS = 12
MAX_INLINE = 300  # characters of cases in one line


def condition_text(text: str) -> str:
    """A condition without the brackets about it and without what its letter ranges over; ``n = 2k - 1`` in
    words."""
    bare = _DOMAIN.sub("", text.strip())
    opening, closing, inner = brackets(bare)
    if (opening, closing) == ("(", ")") and not re.search("[,;]", inner):
        bare = _DOMAIN.sub("", inner)
    if match := _TWICE.fullmatch(bare):
        return f"{match['name']} is {'odd' if match['odd'] else 'even'}"
    return bare


def read_inline(text: str, read: Read) -> Reading:
    """Cases in one line, each with its condition; nothing where the text is something else."""
    if len(text) > MAX_INLINE:
        return ()
    parts = re.split(r"\s*;\s*(?:and\s+)?", text)
    if len(parts) < 2:
        parts = _at_commas(text)
    if not 2 <= len(parts) <= _POINTS:
        return ()
    found: list[tuple[Reading, Reading | None]] = []
    names, conditioned = set(), False
    for part in parts:
        if match := _PIECE.fullmatch(part.strip()):
            condition = match["inside"] or match["behind"]
            found.append((read(match["value"]), read(condition_text(condition)) if condition else None))
            names |= {match["name"]} - {None}
            conditioned = True
        elif first := _FIRST.fullmatch(part.strip()):
            found.append((read(first["value"]), read(f"n={first['index']}")))
            names.add(f"{first['letter']}_n")
        else:
            return ()
    value: Value = Cases(tuple(found))
    if not conditioned or len(names) > 1 or sum(condition is None for _, condition in found) > 1:
        return ()
    return (Named(names.pop(), (value,)),) if names else (value,)


def _at_commas(text: str) -> list[str]:
    """Parts at commas and "and", those with a condition of their own put together with what stands before."""
    parts = split_top(re.sub(r"\s*,\s*and\s+|\s+and\s+(?=[^<>]*\b(?:if|for|when)\b)", ", ", text), ",")
    joined: list[str] = []
    for part in parts:
        if joined and re.match(rf"\s*(?:{_CONDITION}\s|otherwise|elsewhere|else)", part, re.IGNORECASE):
            joined[-1] += ", " + part
        else:
            joined.append(part)
    return joined


def same_function(given: Value, answer: Value) -> bool | None:
    """Whether two functions, at least one of them by cases, have the same values; None where a condition or
    a value cannot be computed."""
    sides = [_cases_of(value) for value in (given, answer)]
    if sides[0] is None or sides[1] is None:
        return None
    conditions = [condition for side in sides for _, condition in side or [] if condition is not None]
    variables = {name for condition in conditions if (name := _variable(condition)) is not None}
    if len(variables) != 1 or any(_variable(condition) is None for condition in conditions):
        return None
    name = variables.pop()
    points = _points_of(conditions, name)
    if points is None:
        return None
    by_cases = [isinstance(value, Cases) for value in (given, answer)]
    compared, hole = 0, False
    for point in points:
        values = [_value_at(side, name, point) for side in sides if side is not None]
        if any(isinstance(value, str) for value in values):
            return None
        if values[0] is None or values[1] is None:
            if values[0] is not values[1] and all(by_cases):
                return False
            hole |= bool(compared) and values[0] is not values[1]
            continue
        if hole:
            return (
                False  # one function has a value between two points at which the other has some, and it none
            )
        if abs(values[0] - values[1]) > 1e-25 * max(1, abs(values[1])):
            return False
        compared += 1
    return compared >= 2


def _cases_of(value: Value) -> list[tuple[Expression, Reading | None]] | None:
    if isinstance(value, Scalar):
        return None if value.unit is not None else [(value.value, None)]
    if not isinstance(value, Cases):
        return None
    found = []
    for one, condition in value.cases:
        inner = one[0].value if one and isinstance(one[0], Named) else one
        scalar = next((each for each in inner if isinstance(each, Scalar) and each.unit is None), None)
        if scalar is None:
            return None
        found.append((scalar.value, condition))
    return found


def _variable(condition: Reading) -> str | None:
    """The variable of a condition; None for one that is not known."""
    for value in condition:
        if isinstance(value, RealSet) and value.variable:
            return value.variable
        if isinstance(value, Named) and any(isinstance(one, Scalar) for one in value.value):
            return value.name
        if isinstance(value, Text) and (match := _PARITY.fullmatch(value.words)):
            return match["name"] or "n"
    return None


def _points_of(conditions: Sequence[Reading], name: str) -> list[Any] | None:
    """Where to compare: whole numbers for a whole variable; otherwise bounds, their sides, far away."""
    bounds: list[Any] = []
    parity = False
    for condition in conditions:
        for value in condition:
            if isinstance(value, RealSet):
                ends = [end for one in value.intervals for end in (one.low, one.high) if end is not None]
                bounds += [values_at(end, {}) for end in (*ends, *value.but)]
            elif isinstance(value, Named):
                bounds += [values_at(one.value, {}) for one in value.value if isinstance(one, Scalar)]
            parity |= isinstance(value, Text)
    if any(bound is None for bound in bounds):
        return None
    if parity or name in _WHOLE:
        first = min((int(bound) for bound in bounds), default=1)
        return list(range(min(first, 1) - 1, max([*map(int, bounds), 1]) + _POINTS))
    bounds.sort()
    found = [bound + step for bound in bounds for step in (-41.7, -2.3, -0.013, 0, 0.013, 2.3, 41.7)]
    return sorted(found + [(low + high) / 2 for low, high in pairwise(bounds)])


def _value_at(side: list[tuple[Expression, Reading | None]], name: str, point: Any) -> Any:
    """The value of a function at a point; None where it has none, "unknown" where that cannot be told."""
    for value, condition in sorted(side, key=lambda case: case[1] is None):
        holds = condition is None or _holds(condition, point)
        if holds is None:
            return "unknown"
        if holds:
            others = {one: 0.3 + zlib.crc32(one.encode()) % 997 / 311 for one in value.symbols - {name}}
            computed = values_at(value, {**others, name: point})
            return "unknown" if computed is None else computed
    return None


def _holds(condition: Reading, point: Any) -> bool | None:
    for value in condition:
        if isinstance(value, RealSet):
            inside = any(_inside(one, point) for one in value.intervals)
            return inside and all(abs(values_at(one, {}) - point) > 1e-25 for one in value.but)
        if isinstance(value, Named):
            numbers = [values_at(one.value, {}) for one in value.value if isinstance(one, Scalar)]
            return bool(numbers) and numbers[0] is not None and abs(numbers[0] - point) < 1e-25
        if isinstance(value, Text) and (match := _PARITY.fullmatch(value.words)):
            return int(point) % 2 == int(match["parity"].lower() in ("odd", "奇数"))
    return None


def _inside(one: Interval, point: Any) -> bool:
    for end, closed, sign in ((one.low, one.low_closed, 1), (one.high, one.high_closed, -1)):
        if end is None:
            continue
        distance = sign * (point - values_at(end, {}))
        if distance < 0 or (distance == 0 and not closed):
            return False
    return True
