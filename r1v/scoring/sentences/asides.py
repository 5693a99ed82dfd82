r"""What stands beside a value: in brackets, behind a comma, or as another form of it.

Enters: a value and what is said beside it. Leaves: whether both agree, or the value without what is beside
it. Always holds: an aside that gives another value is never dropped; a condition is dropped only where it
says where a formula of its letter is defined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from r1v.scoring.answers import Named, Reading, RealSet, Relation, Scalar
from r1v.scoring.equality import same_reading
from r1v.scoring.evaluation import approximate
from r1v.scoring.notation import at_relations, tidy
from r1v.scoring.reading import MAX_ROUNDING, NAME, read

NEARLY = ("\\approx", "about", "approximately", "roughly", "around")
AGAIN = re.compile(
    rf"\s*(?P<sign>{'|'.join(map(re.escape, NEARLY))}|=|i\.e\.,?|that\s+is,?|or)?\s*(?P<again>.+)", re.DOTALL
)
_SET_OFF = re.compile(
    r"\s*(?:,\s*i\.e\.,?|,\s*that\s+is,?|,?\s+or)\s+(?:(?:expanded|simplified|equivalently|factori[sz]ed),?\s+)?"
)
_DOMAIN = re.compile(
    r"(?:for|with|where)?\s*(?:all\s+)?(?P<letter>[A-Za-z])\s*"
    r"(?:(?P<real>(?:>|\\ne(?:q)?(?![a-z]))\s*0)|为正整数|\\in\s*\\?(?:mathbb|mathbf)?\s*\{?N\}?(?:\^\{?[*+]\}?|_\{?\+\}?)?)"
)
_VERDICT = re.compile(r"(?P<verdict>yes|no|true|false)\s*[,;:—]\s+(?P<rest>[^.!?]+)", re.IGNORECASE)
_DENIAL = re.compile(r"\b(?:not|never|no)\b|n['’]t\b", re.IGNORECASE)
_OPEN = re.compile(
    r"\b(?:not|never|no|nor|but|only|if|unless|except|however|although|though|or|could|might|may|perhaps|maybe"
    r"|false|wrong|yes|true)\b|n['’]t\b|\?",
    re.IGNORECASE,
)
_WITH = re.compile(
    r"(?P<value>[A-Z][a-z]+(?:\s+[A-Za-z][a-z]*){0,3}),\s+(?:because|since|(?:with|at|having)(?=\D{0,20}\d))\s+"
    r"(?P<rest>[^.!?]+)"
)


def without_aside(text: str) -> Iterator[str]:
    """The values of ``x \\le -2, i.e. x \\in (-\\infty, -2]``, ``P \\approx 0.234 = \\frac{15}{64}``,
    ``March, with about 80 units`` and ``Yes, 97 is prime``."""
    if len(sides := _SET_OFF.split(text)) == 2 and agree(sides[0], sides[1], ""):
        yield from sides
    parts, signs = at_relations(text)
    if signs == ["approx"] and agree(parts[0], parts[1], "\\approx"):
        yield from parts
    if signs == ["approx", "="] and NAME.fullmatch(parts[0]) and agree(parts[2], parts[1], "\\approx"):
        yield f"{parts[0]} = {parts[2]}"
    if (match := _VERDICT.fullmatch(text)) is not None:
        denied = match["verdict"].casefold() in ("no", "false")
        if not _OPEN.search(_DENIAL.sub("", match["rest"], count=1) if denied else match["rest"]):
            yield match["verdict"]
    if (match := _WITH.fullmatch(text)) is not None and not _OPEN.search(match["rest"]):
        yield match["value"]


def agree(value: str, again: str, sign: str) -> bool:
    """Whether a value and what is said of it are the same, or the one rounds the other. sign: what stands
    before the second one."""
    alike = value if "=" in again else value.rpartition("=")[2]  # an equation is compared as a whole
    first, second = read(tidy(alike)), read(tidy(again))
    if sign.casefold() not in NEARLY:
        return same_reading(first, second) is True and _are_values(first, second)
    left, right = (next((v for v in one if isinstance(v, Scalar)), None) for one in (first, second))
    if left is not None and left.unit is None and right is not None and right.unit is not None:
        right = next((v for v in second if isinstance(v, Scalar) and v.unit is None), right)  # 16.7%
    if left is None or right is None or (right.unit is not None and left.unit != right.unit):
        return False
    near, said = approximate(left.value), approximate(right.value)
    return near is not None and said is not None and abs(near - said) <= MAX_ROUNDING * abs(near)


def is_domain(aside: str, value: str) -> bool:
    """Whether an aside only says where a formula is defined: ``x^{-1} (for x > 0)``, ``a_n = 2n (n \\in N)``.
    A curve ``y = x (x > 0)`` is a part of ``y = x``."""
    match = _DOMAIN.fullmatch(aside.strip())
    if match is None:
        return False
    formulas = list(read(value))
    if not match["real"]:
        formulas += [one for named in formulas if isinstance(named, Named) for one in named.value]
    return any(isinstance(one, Scalar) and match["letter"] in one.value.symbols for one in formulas)


def _are_values(*readings: Reading) -> bool:
    return all(any(isinstance(v, Scalar | RealSet | Relation) for v in one) for one in readings)
