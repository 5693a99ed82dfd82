r"""Values of expressions: whether two are the same for every value of their variables.

Enters: expressions. Leaves: yes or no. Always holds: rational numbers are compared exactly, however large
they are; all other expressions are computed at several points with enough digits to show any difference: at
least forty more than the longest number in either expression. Source of the method: two expressions of
elementary functions that agree at enough independent points are the same (Schwartz 1980; Zippel 1979, for
polynomials).
"""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath

from r1v.scoring.expression import Expression, Unreadable

MAX_DIGITS = 3000  # of a number, written out
GUARD_DIGITS = 40
NUM_POSITIVE, NUM_NEGATIVE = 4, 2  # points with positive values, and with values of either sign

_LOCAL = threading.local()


def exact(value: Expression) -> Fraction | None:
    """The value of an expression of rational numbers; None if these rules do not give a rational number.

    Raises Unreadable where the number would be longer than MAX_DIGITS.
    """
    kind, args = value.kind, value.args
    if kind == "number":
        return value.value
    if kind not in ("sum", "product", "quotient", "power", "factorial", "binomial", "absolute"):
        return None
    parts = [exact(arg) for arg in args]
    numbers = [part for part in parts if part is not None]
    if len(numbers) < len(parts):
        return None
    if kind == "sum":
        return sum(numbers, Fraction(0))
    if kind == "product":
        result = Fraction(1)
        for part in numbers:
            result *= part
        return _bounded(result)
    if kind == "absolute":
        return abs(numbers[0])
    return _exact_operation(kind, numbers)


def _exact_operation(kind: str, numbers: list[Fraction]) -> Fraction | None:
    if kind == "quotient":
        return _bounded(numbers[0] / numbers[1]) if numbers[1] else None
    if kind == "power":
        return _exact_power(*numbers)
    if any(part.denominator != 1 or part < 0 or part > MAX_DIGITS for part in numbers):
        raise Unreadable
    if kind == "factorial":
        if numbers[0] > 1000:
            raise Unreadable
        return Fraction(math.factorial(int(numbers[0])))
    return Fraction(math.comb(int(numbers[0]), int(numbers[1])))


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator == 1:
        size = max(abs(base.numerator), base.denominator).bit_length() * abs(exponent.numerator)
        if size > MAX_DIGITS * 3.4:
            raise Unreadable
        return None if not base and exponent <= 0 else base ** int(exponent)
    if base < 0 or exponent.denominator > 64:
        return None
    roots = [_root(side, exponent.denominator) for side in (base.numerator, base.denominator)]
    if roots[0] is None or not roots[1]:
        return None
    return _exact_power(Fraction(roots[0], roots[1]), Fraction(exponent.numerator))


def _root(value: int, degree: int) -> int | None:
    """The whole root of a whole number, or None."""
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**degree < value:
            low = middle + 1
        else:
            high = middle
    return low if low**degree == value else None


def _bounded(value: Fraction) -> Fraction:
    if max(abs(value.numerator), value.denominator).bit_length() > MAX_DIGITS * 3.4:
        raise Unreadable
    return value


def _digits(value: Expression) -> int:
    """An upper limit of the length of the numbers that occur when an expression is computed."""
    total = 0
    for node in value.walk():
        if node.kind == "number":
            total += len(str(abs(node.value.numerator))) + len(str(node.value.denominator))
        elif node.kind == "power":
            base, exponent = node.args
            power = abs(exponent.value) if exponent.kind == "number" else Fraction(8)
            total += int(_digits(base) * min(float(power), MAX_DIGITS))
        elif node.kind == "factorial":
            total += 40
        if total > MAX_DIGITS:
            raise Unreadable
    return total


def _context() -> Any:
    """mpmath's arithmetic, one for each thread: its precision is a setting of the object."""
    if not hasattr(_LOCAL, "mp"):
        _LOCAL.mp = mpmath.ctx_mp.MPContext()
    return _LOCAL.mp


Point = Mapping[str, Any]


def _points(names: Sequence[str], mp: Any) -> list[tuple[Point, bool]]:
    """Points at which to compute: values for the variables, the same at each call, and whether all of them
    are positive."""
    if not names:
        return [({}, True)]
    found: list[tuple[Point, bool]] = []
    for index in range(NUM_POSITIVE + NUM_NEGATIVE):
        positive = index < NUM_POSITIVE
        point = {}
        for name in names:
            seed = zlib.crc32(f"{name} {index}".encode())
            value = mp.mpf(1 + seed % 99991) / (17011 + 1009 * (seed % 61))
            point[name] = value if positive or seed & 1024 else -value
        found.append((point, positive))
    return found


def compute(value: Expression, point: Point, mp: Any) -> Any:
    """The value of an expression at a point, real or complex. Raises ValueError or ZeroDivisionError if it
    has none."""
    kind = value.kind
    if kind == "number":
        return mp.mpf(value.value.numerator) / value.value.denominator
    if kind == "symbol":
        return point[value.name]
    if kind in _CONSTANTS:
        return _CONSTANTS[kind](mp)
    if kind == "series":
        return _series(value, point, mp)
    args = [compute(arg, point, mp) for arg in value.args]
    if kind == "sum":
        return mp.fsum(args)
    if kind == "product":
        return mp.fprod(args)
    return _OPERATIONS[kind](mp, *args)


_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "pi": lambda mp: +mp.pi,
    "e": lambda mp: mp.exp(1),
    "i": lambda mp: mp.mpc(0, 1),
    "degree": lambda mp: mp.pi / 180,
    "infinity": lambda mp: mp.inf,
}


def _series(value: Expression, point: Point, mp: Any) -> Any:
    """A number that stands for a sum or a product over a variable: the same for the same bounds and the same
    terms, whatever the variable is called, linear in the terms of a sum and multiplicative in those of a
    product. It is no value: only two series can be compared by it."""
    kind, variable = value.name.split()
    low, high, terms = value.args
    ends = [_end(compute(end, point, mp), mp) for end in (low, high)]
    weight = mp.sin(ends[0] + mp.mpf(2) / 7) + ends[1] * mp.mpf(13) / 11 + 3
    one = compute(terms, {**point, variable: mp.mpf(17011) / 9973}, mp)
    return weight * one if kind == "sum" else mp.power(one, weight)


def _end(value: Any, mp: Any) -> Any:
    return value if mp.isfinite(value) else mp.sign(value) * mp.mpf(77) / 13


def _whole_numbers(operation: Callable[..., int]) -> Callable[..., Any]:
    def computed(mp: Any, *values: Any) -> Any:
        if any(value != mp.floor(value) for value in values):
            raise ValueError("a divisor of numbers that are not whole")
        return mp.mpf(operation(*(int(value) for value in values)))

    return computed


def _quotient(mp: Any, top: Any, bottom: Any) -> Any:
    if bottom == 0:
        raise ZeroDivisionError
    return top / bottom


def _power(mp: Any, base: Any, exponent: Any) -> Any:
    if abs(exponent) > 10_000:
        raise ValueError("the exponent is too large to compute with")
    return mp.power(base, exponent)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "quotient": _quotient,
    "power": _power,
    "factorial": lambda mp, x: mp.gamma(x + 1),
    "binomial": lambda mp, n, k: mp.binomial(n, k),
    "absolute": lambda mp, x: abs(x),
    "floor": lambda mp, x: mp.floor(x),
    "sgn": lambda mp, x: mp.sign(x),
    "ceil": lambda mp, x: mp.ceil(x),
    "max": lambda mp, *values: max(values),
    "min": lambda mp, *values: min(values),
    "gcd": _whole_numbers(math.gcd),
    "lcm": _whole_numbers(math.lcm),
    "ln": lambda mp, x: mp.ln(x),
    "exp": lambda mp, x: mp.exp(x),
    **{
        name: (lambda mp, x, name=name: getattr(mp, name)(x))
        for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth")
    },
    **{
        f"arc{name}": (lambda mp, x, name=name: getattr(mp, f"a{name}")(x))
        for name in ("sin", "cos", "tan", "cot")
    },
}


def same_value(left: Expression, right: Expression) -> bool:
    """Whether two expressions are the same for all values of their variables. Raises Unreadable where that
    cannot be computed."""
    if left == right:
        return True
    first, second = exact(left), exact(right)
    if first is not None and second is not None:
        return first == second
    if _agree(left, right, lambda a, b, near: near(a, b)):
        return True
    if any(node.kind == "series" for side in (left, right) for node in side.walk()):
        raise Unreadable  # they may be the same all the same
    return False


def factor_between(left: Expression, right: Expression) -> int | None:
    """The sign of the constant c with a = c·b: 1 or -1, 0 for a constant that is not real; None if there is
    no such constant. If both expressions are zero everywhere, it is 1."""
    ratios: list[Any] = []

    def compared(a: Any, b: Any, near: Callable[[Any, Any], bool]) -> bool:
        if near(a, 0) or near(b, 0):
            return near(a, 0) and near(b, 0)
        ratios.append(a / b)
        return near(ratios[0], ratios[-1])

    if not _agree(left, right, compared):
        return None
    if not ratios:
        return 1
    ratio = ratios[0]
    if getattr(ratio, "imag", 0):
        return 0
    return 1 if ratio.real > 0 else -1


def _agree(
    left: Expression, right: Expression, compared: Callable[[Any, Any, Callable[[Any, Any], bool]], bool]
) -> bool | None:
    """Whether ``compared`` holds at every point; None if the expressions have values at too few points."""
    names = sorted(left.symbols | right.symbols)
    digits = _digits(left) + _digits(right) + GUARD_DIGITS
    mp = _context()
    mp.dps = digits
    tolerance = mp.mpf(10) ** (GUARD_DIGITS // 2 - digits)

    def near(a: Any, b: Any) -> bool:
        return bool(abs(a - b) <= tolerance * max(abs(a), abs(b), 1))

    agreed = 0
    for point, positive in _points(names, mp):
        values = []
        for side in (left, right):
            try:
                values.append(compute(side, point, mp))
            except (ValueError, ZeroDivisionError, OverflowError, TypeError):
                values.append(None)
        if any(value is None or not mp.isfinite(value) for value in values):
            if positive and (values[0] is None) != (values[1] is None):
                return False
            continue
        if not positive and any(mp.im(value) for value in values):
            # a root or logarithm of a negative number may have been taken on another branch; that is not
            # another answer
            continue
        if not compared(values[0], values[1], near):
            return False
        agreed += 1
    return True if agreed >= min(2, len(_points(names, mp))) else None


def values_at(value: Expression, point: Mapping[str, Any]) -> Any:
    """The real value of an expression at a point, with sixty digits; None where it has none, or another
    variable."""
    mp = _context()
    mp.dps = 60
    try:
        computed = compute(value, {name: mp.mpf(at) for name, at in point.items()}, mp)
    except (Unreadable, ValueError, ZeroDivisionError, OverflowError, TypeError, KeyError):
        return None
    return mp.re(computed) if mp.isfinite(computed) and abs(mp.im(computed)) < 1e-40 else None


def constant_between(left: Expression, right: Expression) -> bool:
    """Whether two expressions of some variable differ by a constant."""
    differences: list[Any] = []

    def compared(a: Any, b: Any, near: Callable[[Any, Any], bool]) -> bool:
        differences.append(a - b)
        return near(differences[0], differences[-1])

    return bool(left.symbols | right.symbols) and bool(_agree(left, right, compared))


def approximate(value: Expression) -> float | None:
    """A constant as a floating-point number; None for anything that is not a real number."""
    if value.symbols or any(node.kind == "series" for node in value.walk()):
        return None
    try:
        if (found := exact(value)) is not None:
            return float(found)
        mp = _context()
        mp.dps = _digits(value) + GUARD_DIGITS
        computed = compute(value, {}, mp)
    except (Unreadable, ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None
    return None if mp.im(computed) or not mp.isfinite(computed) else float(mp.re(computed))
