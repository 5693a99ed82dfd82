r"""Families of values with a whole or real parameter: ``\frac{\pi}{4}+k\pi, k\in\mathbb{Z}``.

Enters: a text that ends by saying where a letter lies, a congruence, or words ("odd integers"). Leaves: a
``Parametric``. Always holds: two families are the same only if they hold the same values; the values must be
linear in a whole parameter, and no others are compared but letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from typing import Any

from r1v.scoring.answers import Collection, Matrix, Named, Parametric, Reading, RealSet, Scalar
from r1v.scoring.evaluation import values_at
from r1v.scoring.expression import Expression

Read = Callable[[str], Reading]
_SETS = r"\\mathbb\s*\{?\s*([ZNR])\s*\}?\s*(?:\^\s*\{?\s*[+*]\s*\}?|_\s*\{?\s*[+*]\s*\}?)?"
_TAIL = re.compile(
    rf"(?P<body>.+?)\s*(?:[,;]\s*|\s+|(?=\())\(?\s*(?:where\s+|with\s+|for\s+|其中)?(?P<name>[A-Za-z])\s*"
    rf"(?:\\in\s*(?P<set>{_SETS}|Z|R)|(?P<whole>(?:is\s+)?(?:an?\s+|any\s+)?integer|为整数|是整数)"
    rf"|(?P<nonzero>\\ne\s*0))\s*\)?",
    re.DOTALL,
)
_CONGRUENCE = re.compile(
    r"(?P<name>[A-Za-z]\s*)?\\equiv\s*(?P<rest>-?\d+)\s*\\?[(]?\s*\\?(?:pmod|bmod|mod)\s*\{?\s*(?P<by>\d+)\s*\}?\)?"
)
_WORDS = re.compile(
    r"(?:(?:the\s+)?set\s+of\s+)?(?:all\s+)?(?:(?:the\s+)?(?P<parity>odd|even)\s+(?:integers|numbers)"
    r"|(?:integer\s+|integral\s+)?multiples\s+of\s+(?P<of>\d+))|所有(?P<chinese>奇数|偶数)",
    re.IGNORECASE,
)
_WHOLE_LETTERS = frozenset("kmn")
_INDEXED = re.compile(r"\\?[A-Za-z]+(?:_\s*\{?\s*([a-z])\s*\}?|\(([a-z])\))")
MAX_FAMILY = 300  # characters
MAX_PARTS = 24  # residues that are compared
_HALF_TURN = values_at(Expression("pi"), {})
PARAMETER = "\\parameter"  # the name that every parameter is given


def read_family(text: str, read: Read) -> Reading:
    """The family that a text describes, or nothing."""
    if match := _CONGRUENCE.fullmatch(text.strip()):
        body = read(f"{match['rest']}+{match['by']}q")
        name = (match["name"] or "").strip()
        return (Parametric("Z", renamed((Named(name, body),) if name else body, "q")),)
    if match := _WORDS.fullmatch(text.strip()):
        odd = (match["parity"] or "").lower() == "odd" or match["chinese"] == "奇数"
        return (Parametric("Z", renamed(read(f"{match['of']}q" if match["of"] else f"2q+{int(odd)}"), "q")),)
    match = _TAIL.fullmatch(text.strip()) if len(text) <= MAX_FAMILY else None
    if match is None:
        return ()
    kind = "R*" if match["nonzero"] else "Z" if match["whole"] else _kind(match["set"])
    body = read(match["body"].strip().rstrip(","))
    body = tuple(one for one in body if not isinstance(one, RealSet) or one.intervals[0].low is not None)
    if not any(match["name"] in symbols_in(one) for one in body):
        return ()
    return (Parametric(kind, renamed(body, match["name"])),)


def _kind(text: str) -> str:
    letter = re.sub(r"\\mathbb|[{}\s]", "", text)
    return letter[0] + ("+" if letter[1:] or letter[0] == "N" else "")


def renamed(value: Any, old: str, new: str = PARAMETER) -> Any:
    """The same values with another name for a variable."""
    if isinstance(value, Expression):
        if value.kind == "symbol":
            return replace(value, name=new) if value.name == old else value
        return replace(value, args=tuple(renamed(arg, old, new) for arg in value.args))
    if isinstance(value, tuple):
        return tuple(renamed(one, old, new) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        changes = {
            each.name: renamed(getattr(value, each.name), old, new)
            for each in fields(value)
            if isinstance(getattr(value, each.name), tuple | Expression)
            or is_dataclass(getattr(value, each.name))
        }
        return replace(value, **changes)
    return value


def symbols_in(value: Any) -> frozenset[str]:
    """The variables of a value and of all its parts."""
    if isinstance(value, Expression):
        return value.symbols
    if isinstance(value, tuple):
        return frozenset[str]().union(*(symbols_in(one) for one in value))
    if is_dataclass(value) and not isinstance(value, type):
        return frozenset[str]().union(*(symbols_in(getattr(value, each.name)) for each in fields(value)))
    return frozenset()


def same_family(
    given: Parametric, answer: Parametric, same_reading: Callable[[Reading, Reading], bool | None]
) -> bool | None:
    """Whether two families hold the same values."""
    if given.over != answer.over:
        return False
    if same_reading(given.body, answer.body):
        return True
    if given.over == "Z":
        return _same_residues(given.body, answer.body)
    if given.over in ("R*", "R"):
        return _parallel(given.body, answer.body)
    return False


def undeclared(value: Any, over: str, body: Reading) -> Parametric | None:
    """A value whose letter is not said to be whole, as a member of a family with the same parameter: k, m and
    n are letters for whole numbers, and the letter of a sequence (``a_n``) for positive ones."""
    letters = symbols_in(value) & _WHOLE_LETTERS
    if over != "Z":
        names = [one.name for one in (value, *body) if isinstance(one, Named)]
        indices = {match[1] or match[2] for name in names if (match := _INDEXED.fullmatch(name))}
        letters = symbols_in(value) & indices if len(indices) == 1 else frozenset[str]()
    if len(letters) != 1 or not isinstance(value, Named | Scalar):
        return None
    return Parametric(over, renamed((value,), min(letters)))


def same_turns(given: Scalar, answer: Scalar) -> bool:
    r"""Whether ``k\\pi`` and ``n\\pi`` are the same angles: multiples of a part of pi, of which one has the
    letter k, with an offset of less than one step."""
    letters = [min(side.value.symbols, default="") for side in (given, answer)]
    if letters[0] == letters[1] or "k" not in letters:
        return False
    lines = [_turns(side, letter) for side, letter in zip((given, answer), letters, strict=True)]
    if lines[0] is None or lines[1] is None:
        return False
    (first, step), (second, other) = lines[0], lines[1]
    return abs(abs(step) - abs(other)) <= 1e-25 and _congruent(first, second, other)


def _turns(side: Scalar, letter: str) -> Line | None:
    """Offset and step, if both are parts of pi and the offset is less than one step."""
    if side.unit is not None or letter not in _WHOLE_LETTERS or side.value.symbols != {letter}:
        return None
    line = _line((renamed(side.value, letter),))
    if line is None:
        return None
    for value in (line[1], *line[0]):
        part = Fraction(float(value / _HALF_TURN)).limit_denominator(MAX_PARTS)
        if abs(value - part.numerator * _HALF_TURN / part.denominator) > 1e-25:
            return None
    return line if abs(line[0][0]) < abs(line[1]) else None


def _terms(body: Reading) -> Iterator[tuple[Expression, ...]]:
    """The values of a family: one expression each, or two for the ends of an interval."""
    value = body[0] if body else None
    value = value.value[0] if isinstance(value, Named) and value.value else value
    if isinstance(value, Scalar) and (value.unit is None or value.unit.degrees):
        yield (value.value,)
    elif isinstance(value, Collection) and value.opening in ("", r"\{"):
        for item in value.items:
            yield from _terms(item)
    intervals = [one for one in body if isinstance(one, RealSet)]
    if intervals and len(intervals[0].intervals) == 1 and not intervals[0].but:
        ends = intervals[0].intervals[0]
        if ends.low is not None and ends.high is not None:
            yield ends.low, ends.high


def _same_residues(given: Reading, answer: Reading) -> bool:
    """Compare offsets modulo the common period."""
    names = {one.name for body in (given, answer) for one in body[:1] if isinstance(one, Named)}
    closed = [
        {(i.low_closed, i.high_closed) for one in body if isinstance(one, RealSet) for i in one.intervals}
        for body in (given, answer)
    ]
    if len(names) > 1 or closed[0] != closed[1]:
        return False
    lines = [[_line(term) for term in _terms(body)] for body in (given, answer)]
    known = [one for side in lines for one in side]
    if not lines[0] or not lines[1] or any(one is None for one in known):
        return False
    periods = [abs(one[1]) for one in known if one is not None]
    common = _common_period(periods)
    if common is None:
        return False
    left, right = ([one for line in side if line for one in _expanded(line, common)] for side in lines)
    return all(any(_congruent(a, b, common) for b in right) for a in left) and all(
        any(_congruent(a, b, common) for a in left) for b in right
    )


Line = tuple[tuple[Any, ...], Any]


def _line(term: tuple[Expression, ...]) -> Line | None:
    """Offsets and slope, if all ends are linear in the parameter with one slope that is not zero."""
    found = [[values_at(end, {PARAMETER: at}) for at in (0, 1, 2, 5)] for end in term]
    if any(value is None for values in found for value in values):
        return None
    slope = found[0][1] - found[0][0]
    for values in found:
        if any(
            abs(values[0] + at * slope - value) > 1e-30
            for at, value in zip((0, 1, 2, 5), values, strict=True)
        ):
            return None
    return (tuple(values[0] for values in found), slope) if abs(slope) > 1e-20 else None


def _common_period(periods: list[Any]) -> Any:
    """The smallest multiple of all periods; None where there is none."""
    common = periods[0]
    for one in periods[1:]:
        ratio = Fraction(float(common / one)).limit_denominator(MAX_PARTS)
        if ratio <= 0 or abs(common * ratio.denominator - one * ratio.numerator) > 1e-25:
            return None
        common = common * ratio.denominator
    return common if all(common / one <= MAX_PARTS for one in periods) else None


def _expanded(line: Line, common: Any) -> list[tuple[Any, ...]]:
    offsets, slope = line
    count = round(float(common / abs(slope)))
    return [tuple(offset + at * slope for offset in offsets) for at in range(count)]


def _congruent(first: tuple[Any, ...], second: tuple[Any, ...], period: Any) -> bool:
    if len(first) != len(second):
        return False
    turns = round(float((first[0] - second[0]) / period))
    return all(abs(a - b - turns * period) <= 1e-25 for a, b in zip(first, second, strict=True))


def _parallel(given: Reading, answer: Reading) -> bool:
    """Whether two vectors times a parameter have one direction."""
    left, right = _components(given), _components(answer)
    if left is None or right is None or len(left) != len(right):
        return False
    pairs = list(zip(left, right, strict=True))
    return all(abs(a * d - b * c) <= 1e-25 for a, b in pairs for c, d in pairs)


def _components(body: Reading) -> list[Any] | None:
    """The vector that the parameter multiplies; None unless it is one that is not zero."""
    value = body[0] if body else None
    value = value.value[0] if isinstance(value, Named) and value.value else value
    parts: list[Expression] = []
    if isinstance(value, Matrix) and value.factor is not None and value.factor.symbols == {PARAMETER}:
        entries = [entry for row in value.rows for entry in row]
        if min(len(value.rows), len(value.rows[0])) != 1:
            return None
        parts = [
            Expression("product", (value.factor, one.value))
            for e in entries
            for one in e[:1]
            if isinstance(one, Scalar)
        ]
    elif isinstance(value, Collection) and value.opening == "(":
        entries = list(value.items)
        parts = [one.value for e in entries for one in e[:1] if isinstance(one, Scalar)]
    else:
        return None
    if len(parts) != len(entries):
        return None
    lines = [
        (values_at(part, {PARAMETER: 0}), values_at(part, {PARAMETER: 1}), values_at(part, {PARAMETER: 3}))
        for part in parts
    ]
    if any(None in line for line in lines) or any(
        abs(a) > 1e-25 or abs(3 * b - c) > 1e-25 for a, b, c in lines
    ):
        return None
    slopes = [b for _, b, _ in lines]
    return slopes if any(abs(one) > 1e-20 for one in slopes) else None
