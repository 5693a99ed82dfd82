"""Whether two equations or inequalities say the same.

Enters: two relations. Leaves: yes or no. Always holds: an equation is compared by its points and not as it is
written; a factor may change the direction of an inequality only with its sign.
"""

from __future__ import annotations

from r1v.scoring.answers import Relation
from r1v.scoring.evaluation import factor_between, same_value
from r1v.scoring.expression import Expression, negative, number, substituted

MAX_TERMS = 8  # of a sum that is brought to one denominator


def same_relations(given: Relation, answer: Relation) -> bool:
    """Whether two relations hold for the same values of their variables."""
    if given.sign != answer.sign:
        return False
    left, right = (Expression("sum", (side.left, negative(side.right))) for side in (given, answer))
    if left.symbols != right.symbols:
        return False
    factor = factor_between(left, right)
    if factor is None and given.sign == "=":  # y = k/x and xy = k
        factor = factor_between(_fraction(left)[0], _fraction(right)[0])
        if factor is None and (_solved_the_other_way(given, answer) or _through_the_pole(left, right)):
            return True
    return factor is not None and (factor == 1 or given.sign in ("=", "ne"))


def _solved_the_other_way(given: Relation, answer: Relation) -> bool:
    """Whether ``x = ln y`` and ``y = e^x`` hold for the same points: each for all points that the other
    gives."""
    for first, second in ((given, answer), (answer, given)):
        if first.left.kind != "symbol" or first.left.name in first.right.symbols:
            return False
        sides = [substituted(side, first.left.name, first.right) for side in (second.left, second.right)]
        if not same_value(*sides):
            return False
    return given.left != answer.left


def _through_the_pole(given: Expression, answer: Expression) -> bool:
    """Whether two curves in polar coordinates differ by a factor of the radius, which adds only the pole."""
    radius = next(
        (name for name in ("\\rho", "r") if name in answer.symbols and "\\theta" in answer.symbols), None
    )
    if radius is None:
        return False
    symbol = Expression("symbol", name=radius)
    return any(
        factor_between(Expression("product", (symbol, one)), other) is not None
        for one, other in ((given, answer), (answer, given))
    )


def _fraction(value: Expression) -> tuple[Expression, Expression]:
    """Numerator and denominator of an expression whose quotients are brought to the top."""
    if value.kind == "quotient":
        (top, below), (bottom, above) = (_fraction(arg) for arg in value.args)
        return Expression("product", (top, above)), Expression("product", (below, bottom))
    if value.kind not in ("sum", "product") or len(value.args) > MAX_TERMS:
        return value, number(1)
    parts = [_fraction(arg) for arg in value.args]
    bottom = Expression("product", tuple(below for _, below in parts))
    if value.kind == "product":
        return Expression("product", tuple(top for top, _ in parts)), bottom
    terms = []
    for index, (top, _) in enumerate(parts):
        others = (below for other, (_, below) in enumerate(parts) if other != index)
        terms.append(Expression("product", (top, *others)))
    return Expression("sum", tuple(terms)), bottom
