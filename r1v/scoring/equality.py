"""Whether two readings of answers are the same: each kind of value has its own equality.

Enters: readings of two answers. Leaves: yes, no, or None where a text could not be read. Always holds: values
of unrelated kinds differ; values that would take too long to compare count as different.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from r1v.scoring.answers import (
    Cases,
    Collection,
    Matrix,
    Named,
    NoSolution,
    Numeral,
    Parametric,
    Ratio,
    Reading,
    RealSet,
    Relation,
    Scalar,
    Text,
    Value,
)
from r1v.scoring.curves import same_relations
from r1v.scoring.evaluation import exact, same_value
from r1v.scoring.expression import Expression, Unreadable, number, turned
from r1v.scoring.kinds.chemistry import Formula, Reaction
from r1v.scoring.kinds.dates import Date
from r1v.scoring.kinds.families import PARAMETER, renamed, same_family, same_turns, undeclared
from r1v.scoring.kinds.logic import Statement
from r1v.scoring.kinds.piecewise import same_function
from r1v.scoring.kinds.regions import complement, disjoint, same_region
from r1v.scoring.kinds.times import Clock
from r1v.scoring.kinds.words import same_words
from r1v.scoring.quantities import EXACT, Tolerance, same_scalars

_NOT_ITEMS = (Collection, NoSolution)  # {x} counts as x, but {∅} is not ∅


def same_reading(given: Reading, answer: Reading, tolerance: Tolerance = EXACT) -> bool | None:
    """Whether two answers are the same in one of their readings; None if one of them has no reading."""
    if (
        any(isinstance(value, Text) and not value.read for value in (*given, *answer))
        or not given
        or not answer
    ):
        return None
    if all(isinstance(reading[0], Clock) for reading in (given, answer)):
        given, answer = given[:1], answer[:1]  # two times of day are not compared as ratios
    if all(isinstance(reading[0], Scalar) and reading[0].unit is not None for reading in (given, answer)):
        given, answer = given[:1], answer[:1]  # two quantities are not compared as products of letters
    times = [any(isinstance(value, Clock) for value in reading) for reading in (given, answer)]
    unknown = False
    for right in answer:
        for left in given:
            if any(times) and {type(left), type(right)} == {Ratio, Scalar}:
                continue  # 3:45 may be a time of day, and is then not a fraction
            found = same(left, right, tolerance)
            if found:
                return True
            unknown |= found is None
    return None if unknown else False


def same(given: Value, answer: Value, tolerance: Tolerance = EXACT) -> bool | None:
    """Whether two values are the same; None if that could not be computed."""
    if isinstance(given, Parametric) != isinstance(answer, Parametric):
        return _named_constant(given, answer, tolerance)
    if isinstance(given, Named) or isinstance(answer, Named):
        return _same_named(given, answer, tolerance)
    for first, second in ((given, answer), (answer, given)):
        if isinstance(first, Collection) and len(first.items) == 1 and not isinstance(second, _NOT_ITEMS):
            one, other = first.items[0], (second,)
            return (
                same_reading(one, other, tolerance) if first is given else same_reading(other, one, tolerance)
            )
    if isinstance(given, Matrix) and isinstance(answer, Collection):
        return _same_column(given, answer, tolerance)
    if isinstance(given, Collection) and isinstance(answer, Matrix):
        return _same_column(answer, given, tolerance)
    for ratio, quotient in ((given, answer), (answer, given)):
        if isinstance(ratio, Ratio) and isinstance(quotient, Scalar):
            return _ratio_is(ratio, quotient)
    if isinstance(given, Cases) != isinstance(answer, Cases):
        return bool(same_function(given, answer))
    if type(given) is not type(answer):
        return False
    try:
        return _SAME[type(answer)](given, answer, tolerance)
    except Unreadable:
        return None


def _named_constant(given: Value, answer: Value, tolerance: Tolerance) -> bool | None:
    """``Ae^{2x}, A \\in \\mathbb{R}`` is ``Ce^{2x}``, in which nothing is said of the constant."""
    sides: list[Reading] = []
    for value in (given, answer):
        if isinstance(value, Parametric):
            if value.over in ("Z", "Z+", "N+"):
                return _undeclared(given, answer, tolerance)
            if value.over != "R":
                return False
            sides.append(renamed(value.body, PARAMETER, "C"))
        else:
            sides.append((value,))
    return same_reading(sides[0], sides[1], tolerance)


def _undeclared(given: Value, answer: Value, tolerance: Tolerance) -> bool | None:
    r"""``x = k\\pi`` is ``x = k\\pi, k \\in \\mathbb{Z}``, because k is a letter for whole numbers."""
    declared = given if isinstance(given, Parametric) else answer
    assert isinstance(declared, Parametric)
    sides = [
        value if isinstance(value, Parametric) else undeclared(value, declared.over, declared.body)
        for value in (given, answer)
    ]
    return False if sides[0] is None or sides[1] is None else same(sides[0], sides[1], tolerance)


_KIND_OF_QUANTITY = re.compile(r"(?<=^[A-Z])_[a-z]{1,4}$")
_OF_X = re.compile(r"(?<=[A-Za-z'])\([a-z]\)$")  # the name of a function's value
_ANGLE = re.compile(r"m?\s*\\angle\s*([A-Z]{1,3})")


def _same_named(given: Value, answer: Value, tolerance: Tolerance) -> bool | None:
    """The values are compared if one side has no name, or both have the same. ``y`` and ``f(x)`` are both
    names of a function's value."""
    for named, other in ((given, answer), (answer, given)):
        tuple_of_names = isinstance(named, Named) and named.name.startswith("(")
        if tuple_of_names and isinstance(other, Collection) and _names(other):
            return False  # its names are compared with those of the tuple's own reading
    if isinstance(given, Named) and isinstance(answer, Named):
        if not _same_function_name(_name(given.name), _name(answer.name)):
            return False
        return same_reading(given.value, answer.value, tolerance)
    if isinstance(given, Named):
        return False if isinstance(answer, Relation) else same_reading(given.value, (answer,), tolerance)
    assert isinstance(answer, Named)
    return False if isinstance(given, Relation) else same_reading((given,), answer.value, tolerance)


def _same_function_name(given: str, answer: str) -> bool:
    """``f`` and ``f(x)`` are one function, and y is a name for any; a derivative is another one."""
    bare = [_OF_X.sub("", name) for name in (given, answer)]
    if given == answer or bare[0] == bare[1]:
        return True
    if len({_KIND_OF_QUANTITY.sub("", name) for name in bare}) == 1 and min(map(len, bare)) == 1:
        return True  # E and E_k
    functions = [name.rstrip("'") == "y" or bool(_OF_X.search(name)) for name in (given, answer)]
    letters = {name.rstrip("'") for name in bare}
    return all(functions) and "y" in letters and bare[0].count("'") == bare[1].count("'")


def _name(name: str) -> str:
    if (angle := _ANGLE.fullmatch(name.replace("{", "").replace("}", "").strip())) is not None:
        return f"angle{turned('angle', angle[1])}".casefold()
    return (
        name.replace("{", "")
        .replace("}", "")
        .replace(" ", "")
        .removeprefix("m\\")
        .removeprefix("\\")
        .casefold()
        if ("angle" in name or re.fullmatch(r"[A-Za-z ]{3,}", name))
        else name.replace("{", "").replace("}", "").replace(" ", "")
    )


def _same_ratios(given: Ratio, answer: Ratio, tolerance: Tolerance) -> bool:
    if len(given.terms) != len(answer.terms):
        return False
    pairs = list(zip(given.terms, answer.terms, strict=True))
    (first_given, first_answer), *others = pairs
    return all(
        same_value(Expression("product", (left, first_answer)), Expression("product", (right, first_given)))
        for left, right in others
    )


def _ratio_is(ratio: Ratio, quotient: Scalar) -> bool:
    """Whether a ratio such as ``3:4`` equals a quotient that is written as one, ``3/4``. A decimal does not
    count as a ratio."""
    if len(ratio.terms) != 2 or quotient.unit is not None or quotient.value.kind != "quotient":
        return False
    return same_value(Expression("quotient", ratio.terms), quotient.value)


# several values


def _same_collections(given: Collection, answer: Collection, tolerance: Tolerance) -> bool | None:
    if (given.opening == "or") != (answer.opening == "or"):
        return False
    left, right = _names(given), _names(answer)
    first, second = _solutions(given), _solutions(answer)
    if first and second and _are_indexed(given) != _are_indexed(answer):
        if first[0] != second[0]:
            return False
        return _same_collections(Collection(first[1]), Collection(second[1]), tolerance)
    if left and right:
        if set(left) != set(right):
            return False
        return _all(same_reading(left[name], right[name], tolerance) for name in right)
    in_order = given.ordered or answer.ordered or (bool(left) != bool(right) and first is second is None)
    given, answer = (
        _by_name(one, names) if in_order else one for one, names in ((given, left), (answer, right))
    )
    if not _brackets_agree(given, answer):
        return False
    if in_order:
        if len(given.items) != len(answer.items):
            return False
        return _all(same_reading(a, b, tolerance) for a, b in zip(given.items, answer.items, strict=True))
    if len(given.items) == len(answer.items) and not (given.opening and answer.opening):
        return _matched(given.items, answer.items, tolerance)
    return _all(_any(same_reading(a, b, tolerance) for b in answer.items) for a in given.items) and _all(
        _any(same_reading(a, b, tolerance) for a in given.items) for b in answer.items
    )


def _by_name(values: Collection, names: dict[str, Reading]) -> Collection:
    """``y = 2, x = 3`` in the order of its letters, beside values without names."""
    if values.opening or not names or any(len(name) > 1 for name in names):
        return values
    return Collection(tuple(names[name] for name in sorted(names)))


def _matched(given: Sequence[Reading], answer: Sequence[Reading], tolerance: Tolerance) -> bool | None:
    """Whether each value has a partner of its own: ``1, 1, 2`` is not ``1, 2, 2``."""
    left, unknown = list(given), False
    for one in answer:
        found = [same_reading(other, one, tolerance) for other in left]
        if True in found:
            del left[found.index(True)]
        elif None in found:
            unknown = True
        else:
            return False
    return None if unknown else True


_INDEXED = re.compile(r"([A-Za-z]|\\[a-z]+)_\{?\d\}?")


def _are_indexed(values: Collection) -> bool:
    return any(
        isinstance(one, Named) and _INDEXED.fullmatch(one.name) for item in values.items for one in item
    )


def _solutions(values: Collection) -> tuple[str, tuple[Reading, ...]] | None:
    """The letter and the values of ``x = 1 or x = 3``, or of ``x_1 = 3, x_2 = 1``; nothing for names of
    several letters."""
    letters, found = set(), []
    for item in values.items:
        named = next((value for value in item if isinstance(value, Named)), None)
        if named is None:
            return None
        match = _INDEXED.fullmatch(named.name)
        letters.add(match[1] if match else named.name)
        found.append(named.value)
    return (letters.pop(), tuple(found)) if len(letters) == 1 else None


def _names(values: Collection) -> dict[str, Reading]:
    """Values by name, if all items have names of their own; otherwise nothing."""
    found: dict[str, Reading] = {}
    for item in values.items:
        named = next((value for value in item if isinstance(value, Named)), None)
        if named is None or _name(named.name) in found:
            return {}
        found[_name(named.name)] = named.value
    return found


def _brackets_agree(given: Collection, answer: Collection) -> bool:
    """Whether the brackets of two collections agree: they are equal, or one side has none and the other is a
    tuple or a set."""
    pairs = set()
    for one in (given, answer):
        pair = (one.opening, one.closing)
        pairs.add({("{", "}"): (r"\{", r"\}"), (r"\langle", r"\rangle"): ("(", ")")}.get(pair, pair))
    return len(pairs) == 1 or (("", "") in pairs and bool(pairs & {("(", ")"), (r"\{", r"\}")}))


def _same_matrices(given: Matrix, answer: Matrix, tolerance: Tolerance) -> bool | None:
    if given.bars != answer.bars or [len(row) for row in given.rows] != [len(row) for row in answer.rows]:
        return False
    pairs = [pair for rows in zip(given.rows, answer.rows, strict=True) for pair in zip(*rows, strict=True)]
    return _all(
        same_reading(_scaled(left, given.factor), _scaled(right, answer.factor), tolerance)
        for left, right in pairs
    )


def _scaled(entry: Reading, factor: Expression | None) -> Reading:
    if factor is None:
        return entry
    scaled: list[Value] = []
    for value in entry:
        if isinstance(value, Scalar):
            product = Expression("product", (factor, value.value))
            worked_out = exact(product)
            value = Scalar(product if worked_out is None else number(worked_out), value.unit)
        scaled.append(value)
    return tuple(scaled)


def _same_column(matrix: Matrix, values: Collection, tolerance: Tolerance) -> bool | None:
    """A column, or a row, of numbers and a tuple are the same vector; a list of rows is a matrix."""
    if (rows := _rows(values)) is not None and not matrix.bars:
        return _same_matrices(matrix, Matrix(rows), tolerance)
    entries = [entry for row in matrix.rows for entry in row]
    if (
        not values.ordered
        or min(len(matrix.rows), len(matrix.rows[0])) != 1
        or len(entries) != len(values.items)
    ):
        return False
    pairs = zip(entries, values.items, strict=True)
    return _all(same_reading(_scaled(a, matrix.factor), b, tolerance) for a, b in pairs)


def _rows(values: Collection) -> tuple[tuple[Reading, ...], ...] | None:
    """The rows of ``[[1, 2], [3, 4]]``, or None."""
    rows = []
    for item in values.items:
        row = next((value for value in item if isinstance(value, Collection)), None)
        if values.opening != "[" or row is None or row.opening != "[":
            return None
        rows.append(row.items)
    return tuple(rows)


def _same_cases(given: Cases, answer: Cases, tolerance: Tolerance) -> bool | None:
    if len(given.cases) != len(answer.cases):
        return False
    given, answer = (_otherwise_as_region(one) for one in (given, answer))
    left = list(given.cases)
    unmatched = []
    for value, condition in answer.cases:
        for case in left:
            both = condition is not None and case[1] is not None
            conditions = same_reading(case[1] or (), condition or ()) if both else condition is case[1]
            if conditions and same_reading(case[0], value, tolerance):
                left.remove(case)
                break
        else:
            unmatched.append((value, condition))
    if not left:
        return True
    if len(left) == len(unmatched) == 1 and None in (
        left[0][1],
        unmatched[0][1],
    ):  # "otherwise" for the last one
        return same_reading(left[0][0], unmatched[0][0], tolerance)
    return False


def _otherwise_as_region(values: Cases) -> Cases:
    """ "Otherwise" as what the other conditions leave, where they are sets of one variable's values."""
    regions = [
        next((value for value in condition if isinstance(value, RealSet)), None)
        for _, condition in values.cases
        if condition is not None
    ]
    known = [region for region in regions if region is not None]
    names = {region.variable for region in known}
    if len(known) != len(values.cases) - 1 or len(regions) != len(known) or len(names) != 1:
        return values
    try:
        rest = complement([one for region in known for one in disjoint(region)])
    except Unreadable:
        return values
    otherwise: Reading = (RealSet(tuple(rest), names.pop()),)
    return Cases(tuple((value, otherwise if cond is None else cond) for value, cond in values.cases))


def _all(results: Any) -> bool | None:
    unknown = False
    for result in results:
        if result is False:
            return False
        unknown |= result is None
    return None if unknown else True


def _any(results: Any) -> bool | None:
    unknown = False
    for result in results:
        if result:
            return True
        unknown |= result is None
    return None if unknown else False


_SAME: dict[type, Callable[[Any, Any, Tolerance], bool | None]] = {
    Text: lambda given, answer, _: same_words(given.words, answer.words),
    Scalar: lambda given, answer, near: same_scalars(given, answer, near) or same_turns(given, answer),
    Ratio: _same_ratios,
    Numeral: lambda given, answer, _: given == answer,
    Statement: lambda given, answer, _: given == answer,
    Relation: lambda given, answer, _: same_relations(given, answer),
    RealSet: lambda given, answer, _: same_region(given, answer),
    Collection: _same_collections,
    Matrix: _same_matrices,
    Cases: lambda given, answer, near: _same_cases(given, answer, near) or same_function(given, answer),
    Parametric: lambda given, answer, near: same_family(given, answer, partial(same_reading, tolerance=near)),
    NoSolution: lambda given, answer, _: True,
    Clock: lambda given, answer, _: given.same(answer),
    Date: lambda given, answer, _: given.same(answer),
    Formula: lambda given, answer, _: given == answer,
    Reaction: lambda given, answer, _: given == answer,
}
