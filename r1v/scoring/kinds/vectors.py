r"""Vectors by their components, and tuples of names.

Enters: a short text, or a tuple's name and value. Leaves: readings as tuples, or as values by name. Always
holds: named components are put in the order of their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from r1v.scoring.answers import Collection, Named, Reading, Scalar, Value
from r1v.scoring.evaluation import exact
from r1v.scoring.expression import Expression, Unreadable, expression_of, number
from r1v.scoring.notation import brackets, spaceless, split_top

_NAME = r"(?:[A-Za-z](?:_\w)?|[A-Za-z]{3,15}(?: [a-z]{2,15}){0,2})"
TUPLE_NAME = re.compile(rf"\(\s*{_NAME}(?:\s*,\s*{_NAME})+\s*\)")


def one_by_one(name: str, found: Reading) -> list[Value]:
    """``(p, q) = (3, 2)`` as ``p = 3`` and ``q = 2``."""
    if not TUPLE_NAME.fullmatch(name):
        return []
    names = split_top(brackets(name)[2], ",")
    value = next((one for one in found if isinstance(one, Collection)), None)
    if value is None or len(value.items) != len(names):
        return []
    named = zip(names, value.items, strict=True)
    return [Collection(tuple((Named(spaceless(one), item),) for one, item in named))]


_UNIT_VECTOR = re.compile(
    r"\\(?:hat|vec|bar|overrightarrow|widehat)\s*\{?\s*\\?([ijk])(?:math)?\s*\}?|\\([ij])math(?![a-z])"
    r"|(?<![A-Za-z\\])([ijk])(?![A-Za-z])"
)


def read_vector(text: str) -> Reading:
    """``2i - 3j + k`` as (2, -3, 1), as a further reading besides the expression. Without a k it may have two
    components or three. An expression with i alone is not a vector, because i may be the imaginary unit."""
    found = list(_UNIT_VECTOR.finditer(text))
    names = [match[1] or match[2] or match[3] for match in found]
    if len(found) < 2 or len(set(names)) != len(names) or text[found[-1].end() :].strip():
        return ()
    parts: dict[str, Reading] = {}
    start = 0
    for name, match in zip(names, found, strict=True):
        factor = text[start : match.start()].strip()
        if start and factor[:1] not in ("+", "-"):
            return ()
        factor = re.sub(r"\\cdot\s*$", "", factor).strip()
        factor = f"{factor}1" if factor in ("", "+", "-") else factor
        value = expression_of(factor)
        if value is None or (value.kind == "sum" and not factor.lstrip("+-").startswith("(")):
            return ()
        parts[name] = (Scalar(value),)
        start = match.end()
    zero: Reading = (Scalar(number(0)),)
    three = Collection(tuple(parts.get(name, zero) for name in "ijk"), "(", ")")
    two = [] if "k" in parts else [Collection(three.items[:2], "(", ")")]
    whole = expression_of(text)
    return (*([] if whole is None else [Scalar(whole)]), *two, three)


_TURNED = re.compile(r"([\[(].*[\])])\s*\^\s*\{?\s*(?:T|\\top|\\mathsf\{T\})\s*\}?", re.DOTALL)
_FACTOR_BEFORE = re.compile(r"([^,()\[\]]*[^,()\[\]A-Za-z\s]|-)\s*(?:\\cdot|\\times)?\s*(\(.*\))", re.DOTALL)


def scaled_tuple(text: str, read: Callable[[str], Reading]) -> Reading:
    r"""``\frac13(4, -2)`` and ``[3, 1]^T`` as tuples; nothing for another text. The factor is a number."""
    text = text.strip()
    factor: Expression | None = number(1)
    if match := _TURNED.fullmatch(text):
        body = match[1]
    elif match := _FACTOR_BEFORE.fullmatch(text):
        body = match[2]
        factor = number(-1) if match[1].strip() == "-" else expression_of(match[1])
    else:
        return ()
    opening, _, inner = brackets(body)
    items = split_top(inner, ",")
    if not opening or len(items) < 2 or factor is None or factor.symbols:
        return ()
    entries = [expression_of(item) for item in items]
    if any(entry is None for entry in entries):
        return ()
    found = [_times(factor, entry) for entry in entries if entry is not None]
    return (Collection(tuple((Scalar(one),) for one in found), "(", ")"),)


def _times(factor: Expression, entry: Expression) -> Expression:
    product = entry if factor == number(1) else Expression("product", (factor, entry))
    try:
        value = exact(product)
    except Unreadable:
        return product
    return product if value is None else number(value)
