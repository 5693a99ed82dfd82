"""Whether two quantities are the same: numbers and expressions, with units or without.

Enters: two values with their units, and a tolerance. Leaves: yes or no. Always holds: exact arithmetic; a sum
or product that is left to compute is no answer; a unit on one side only is assumed for the other, because the
question names it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from r1v.scoring.answers import Scalar
from r1v.scoring.evaluation import approximate, constant_between, exact, same_value
from r1v.scoring.expression import Expression, Unreadable, number, substituted
from r1v.scoring.kinds.units import Dimension, Unit, conversion, is_plain
from r1v.scoring.signs import OF_SEVERAL

LEAST_DIGITS = 3  # of a decimal that may be the rounding of a longer one
MIN_PLACES = 6  # a decimal with so many places stands for the number that it rounds


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may differ: ``absolute`` in the answer's unit, or ``relative`` to its size."""

    absolute: float = 0.0
    relative: float = 0.0

    def accepts(self, given: float, answer: float) -> bool:
        """Whether a number is near enough."""
        return abs(given - answer) <= max(self.absolute, self.relative * abs(answer))

    def __bool__(self) -> bool:
        return self.absolute > 0 or self.relative > 0


EXACT = Tolerance()


def same_scalars(given: Scalar, answer: Scalar, tolerance: Tolerance) -> bool:
    if (given.guessed and answer.unit is None) or (answer.guessed and given.unit is None):
        return False
    if (given.unit is None) != (answer.unit is None) and (given.unit or answer.unit).name == "'":  # type: ignore[union-attr]
        return False  # a prime is minutes, feet or a derivative: nothing that a question's unit could be
    left, right = given.value, answer.value
    left_percent = given.unit is not None and given.unit.percent
    right_percent = answer.unit is not None and answer.unit.percent
    if left_percent != right_percent and (given.unit is None or answer.unit is None):
        share = given.unit if left_percent else answer.unit
        if share is not None and share.factor not in (None, Fraction(1, 100)):  # per mille, basis points
            sides = [
                _times(side, share.factor if has else Fraction(1))
                for side, has in ((left, left_percent), (right, right_percent))
            ]
            return _near(sides[0], sides[1], tolerance)
        scaled = _times(left, Fraction(1, 100)) if left_percent else _times(left, Fraction(100))
        value = exact(right)
        if left_percent and value is not None and 0 < abs(value) < 1:
            return _near(scaled, right, tolerance)  # a share such as 0.35 is 35%, not 0.35%
        return _near(left, right, tolerance) or _near(scaled, right, tolerance)
    if _in_radians(given, answer):
        degree = Expression("degree")
        sides = [
            Expression("product", (_times(side.value, side.unit.factor or Fraction(1)), degree))
            if side.unit is not None and side.unit.degrees
            else side.value
            for side in (given, answer)
        ]
        return _near(sides[0], sides[1], tolerance)
    if (kelvins := _in_kelvins(given, answer)) is not None:
        return kelvins
    factor = conversion(given.unit, answer.unit)
    if factor is None:
        return False
    if not is_evaluated(left) and is_evaluated(right) and exact(right) is not None:
        return False
    return (
        _near(_times(left, factor), right, tolerance)
        or _rounded_alike(left, right, factor, given.unit)
        or _same_but_for_a_constant(left, right)
        or _same_with_another_constant(left, right)
    )


_CONSTANTS = frozenset(("C", "K", "c", "k", "A", "B", "D", "C_0", "C_1", "C_2", "c_1", "c_2", "k_1", "k_2"))


def _same_but_for_a_constant(given: Expression, answer: Expression) -> bool:
    """Whether two antiderivatives, each with a constant of integration, differ by a constant."""
    rests = []
    for side, names in ((given, _CONSTANTS), (answer, {"C"})):
        terms = side.args if side.kind == "sum" else ()
        constants = [term for term in terms if term.kind == "symbol" and term.name in names]
        others = [term for term in terms if term not in constants]
        if len(constants) != 1 or not others or any(constants[0].name in term.symbols for term in others):
            return False
        rests.append(Expression("sum", tuple(others)))
    return constant_between(*rests)


def _same_with_another_constant(given: Expression, answer: Expression) -> bool:
    """Whether a function with the constant C has another letter for it: ``Ae^{2x}`` for ``Ce^{2x}``."""
    others, lost = given.symbols - answer.symbols, answer.symbols - given.symbols
    if (
        not lost
        or len(others) != len(lost)
        or not others < _CONSTANTS
        or not answer.symbols & {"x", "t", "y"}
    ):
        return False
    if not (lost <= {"C"} or lost in ({"C_1", "C_2"}, {"c_1", "c_2"})):
        return False
    for names in permutations(sorted(lost)):
        changed = given
        for old, new in zip(sorted(others), names, strict=True):
            changed = substituted(changed, old, Expression("symbol", name=new))
        if same_value(changed, answer):
            return True
    return False


_TEMPERATURES: dict[Dimension, int] = {(("K", 1),): 0, (("celsius", 1),): 1, (("fahrenheit", 1),): 2}


def _in_kelvins(given: Scalar, answer: Scalar) -> bool | None:
    """Whether two temperatures on different scales are the same; None for other quantities. Zero degrees are
    273.15 kelvins, or 273 as often taught."""
    scales, values = [], []
    for side in (given, answer):
        scale = None if side.unit is None else _TEMPERATURES.get(side.unit.dimension)
        value = exact(side.value)
        if scale is None or value is None or side.unit is None or side.unit.factor is None:
            return None
        scales.append(scale)
        value *= side.unit.factor
        values.append((value - 32) * Fraction(5, 9) if scale == 2 else value)
    if scales[0] == scales[1]:
        return None
    zero = {Fraction(27315, 100), Fraction(273)} if 0 in scales else {Fraction(0)}
    shift = [1 if scale else 0 for scale in scales]
    return any(values[0] + shift[0] * by == values[1] + shift[1] * by for by in zero)


def _rounded_alike(given: Expression, answer: Expression, factor: Fraction, unit: Unit | None) -> bool:
    """Whether a decimal with more places rounds to the right one, which has three digits or more, or whether
    a quantity was converted by a factor that has to be rounded."""
    left, right = exact(given), exact(answer)
    if left is None or right is None or not left or not right:
        return False
    digits = [_significant(side) for side in (left, right)]
    if digits[0] is None or digits[1] is None:
        return False
    if not is_plain(factor):
        fewest = min(digits[0], digits[1])
        return fewest >= LEAST_DIGITS and _to_digits(left * factor, fewest) == _to_digits(right, fewest)
    places = [_places(side) for side in (left * factor, right)]
    money = unit is not None and unit.dimension in ((("dollar", 1),), (("euro", 1),), (("yuan", 1),))
    if factor != 1 or {given.kind, answer.kind} != {"number"} or money or not 0 < places[1] < places[0]:
        return False
    return digits[1] >= LEAST_DIGITS and 2 * abs(left - right) * 10 ** places[1] <= 1


def _places(value: Fraction) -> int:
    """Decimal places of a number that has an end."""
    places = 0
    while value.denominator != 1 and places < 40:
        value, places = value * 10, places + 1
    return places


def _significant(value: Fraction) -> int | None:
    """Digits from the first to the last that is not zero; None for a number without an end."""
    shifted = value * 10 ** _places(value)
    return len(str(abs(shifted.numerator)).strip("0")) if shifted.denominator == 1 else None


def _to_digits(value: Fraction, digits: int) -> str:
    return f"{float(value):.{digits - 1}e}"


def _times(value: Expression, factor: Fraction) -> Expression:
    return value if factor == 1 else Expression("product", (number(factor), value))


def _in_radians(given: Scalar, answer: Scalar) -> bool:
    """Whether one angle is in degrees and the other in radians, which a unit or a multiple of pi shows."""

    def radians(side: Scalar) -> bool:
        if side.unit is not None:
            return side.unit.dimension == (("rad", 1),)
        return any(node.kind == "pi" for node in side.value.walk())

    degrees = [side.unit is not None and side.unit.degrees for side in (given, answer)]
    return degrees[0] != degrees[1] and (radians(given) or radians(answer))


def _near(given: Expression, answer: Expression, tolerance: Tolerance) -> bool:
    if tolerance:
        left, right = exact(given), exact(answer)
        if left is not None and right is not None and math.isfinite(tolerance.absolute + tolerance.relative):
            absolute, relative = Fraction(str(tolerance.absolute)), Fraction(str(tolerance.relative))
            return abs(left - right) <= max(absolute, relative * abs(right))
        values = [approximate(side) for side in (given, answer)]
        if values[0] is not None and values[1] is not None and tolerance.accepts(values[0], values[1]):
            return True
    return same_value(given, answer) or _rounds_to(given, answer)


def _rounds_to(given: Expression, answer: Expression) -> bool:
    """Whether a decimal of many places is the rounding of a fraction."""
    value, right = exact(given), exact(answer)
    if value is None or right is None or given.kind not in ("number", "product") or right.denominator == 1:
        return False
    places, bottom = 0, value.denominator
    while bottom > 1 and places <= 40:
        shared = 10 if bottom % 10 == 0 else 5 if bottom % 5 == 0 else 2 if bottom % 2 == 0 else 0
        if not shared:
            return False
        bottom //= shared
        places += 1
    return places >= MIN_PLACES and abs(value - right) <= Fraction(1, 2 * 10**places)


def is_evaluated(value: Expression) -> bool:
    """Whether no sum or product of plain numbers is left to compute: ``47 + 38`` and ``3 * 4``
    are questions, not answers. Powers, roots, factorials and scientific notation are numbers as people
    write them."""
    for node in value.walk():
        if node.kind in ("series", *OF_SEVERAL):
            return False
        if node.kind == "sum":
            plain = [arg for arg in node.args if _is_rational(arg)]
            if len(plain) > 1 and not _is_mixed(plain):
                return False
        elif node.kind == "product":
            plain = [arg for arg in node.args if _is_rational(arg) and arg != number(-1)]
            literal = [arg for arg in plain if arg.kind not in ("power", "binomial", "factorial")]
            if len(literal) > 1:
                return False
    return True


def _is_mixed(terms: list[Expression]) -> bool:
    """Whether a sum is a mixed number: a whole number and a proper fraction of the same sign."""
    values = [exact(term) for term in terms]
    whole, part = values[0], values[-1]
    if len(values) != 2 or whole is None or part is None:
        return False
    return whole.denominator == 1 and 0 < abs(part) < 1 and whole * part > 0


def _is_rational(value: Expression) -> bool:
    if value.kind == "sum":
        return False  # its own terms are looked at
    try:
        return exact(value) is not None
    except Unreadable:
        return True
