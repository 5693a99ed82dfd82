r"""Answers as typed values: what kinds there are, and how a text is read as one.

Enters: a short text. Leaves: its readings, the most likely first. Most texts have one; ``(1, 2)`` has two, a
pair and an interval. Always holds: reading never fails, because a text that has no other reading is a
``Text``; brackets are matched before anything is split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from r1v.scoring.expression import Expression
from r1v.scoring.kinds.chemistry import Formula, Reaction
from r1v.scoring.kinds.dates import Date
from r1v.scoring.kinds.logic import Statement
from r1v.scoring.kinds.times import Clock
from r1v.scoring.kinds.units import Unit


@dataclass(frozen=True, slots=True)
class Text:
    """words: the text without case and articles, which do not matter. read: whether it consists of words;
    otherwise it is something that cannot be read here."""

    words: str
    read: bool


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number or an expression, with its unit. guessed: whether the unit may be a variable, as in 5m, and
    counts only beside another unit."""

    value: Expression
    unit: Unit | None = None
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Ratio:
    """``2:3`` or ``1:2:3``."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number written in another base."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Relation:
    """Two sides and a sign: =, ne, lt or le. Relations with "greater" are turned round."""

    left: Expression
    sign: str
    right: Expression


@dataclass(frozen=True, slots=True)
class Named:
    """``x = 5``: a value and what it is called."""

    name: str
    value: Reading


@dataclass(frozen=True, slots=True)
class Interval:
    """low, high: None for infinity."""

    low: Expression | None
    low_closed: bool
    high: Expression | None
    high_closed: bool


@dataclass(frozen=True, slots=True)
class RealSet:
    """Intervals without the points ``but``. variable: the one that the text names, or "". A single interval
    in brackets may also be a tuple."""

    intervals: tuple[Interval, ...]
    variable: str = ""
    but: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """Several values. opening, closing: the brackets around them, "" for none, "R" for a quotient and its
    remainder, "or" for equations of different letters of which one holds. ordered: whether the order
    matters."""

    items: tuple[Reading, ...]
    opening: str = ""
    closing: str = ""

    @property
    def ordered(self) -> bool:
        return self.opening not in ("", "or", "{", r"\{")


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of entries. factor: an expression in front of the matrix. bars: whether it is a determinant."""

    rows: tuple[tuple[Reading, ...], ...]
    factor: Expression | None = None
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Cases:
    """A function by cases: (value, condition); a condition of None is "otherwise"."""

    cases: tuple[tuple[Reading, Reading | None], ...]


@dataclass(frozen=True, slots=True)
class Parametric:
    """One value for each value of a parameter. over: where the parameter lies: "Z", "Z+", "N+", "R", or "R*"
    for all but 0. body: the values, in which the parameter has the name ``families.PARAMETER``."""

    over: str
    body: Reading


@dataclass(frozen=True, slots=True)
class NoSolution:
    """The empty set, or words that say so."""


Value: TypeAlias = (
    Text
    | Scalar
    | Ratio
    | Numeral
    | Relation
    | Named
    | RealSet
    | Collection
    | Matrix
    | Cases
    | Parametric
    | NoSolution
    | Clock
    | Date
    | Formula
    | Reaction
    | Statement
)
Reading: TypeAlias = tuple[Value, ...]
