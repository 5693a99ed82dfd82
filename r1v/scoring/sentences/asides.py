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
from r1v.scoring.kinds.chemistry import Formula
from r1v.scoring.kinds.units import conversion
from r1v.scoring.notation import at_relations, tidy
from r1v.scoring.reading import MAX_ROUNDING, NAME, read

NEARLY = ("\\approx", "about", "approximately", "roughly", "around")
AGAIN = re.compile(
    rf"\s*(?P<sign>{'|'.join(map(re.escape, NEARLY))}|=|i\.e\.,?|(?:that|which)(?:\s+is|['’]s),?"
    rf"|or)?\s*(?P<again>.+)",
    re.DOTALL,
)
_SET_OFF = re.compile(
    r"\s*(?:[,;]?\s*i\.e\.,?|,\s*(?:that\s+is|so|namely|in\s+other\s+words|meaning),?|,?\s+or)\s+(?:(?:expanded|simplified|equivalently|factori[sz]ed),?\s+)?"
)
CONTRAST = re.compile(  # what is denied beside what is said
    r"(?<=[\w*)$}⟧])(?:,\s+(?:and\s+)?not|,?\s+rather\s+than|,?\s+instead\s+of|,?\s+as\s+opposed\s+to|,\s+unlike)\s+(?!sure|certain|yet|only)[^,.;]{1,60}(?=[.。!]?$)",
    re.IGNORECASE,
)
_DOMAIN = re.compile(  # also ", provided x \\ne 3"
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
_REASONED = re.compile(r"(?P<value>.+?),?\s+(?:because|since|given\s+that)\s+(?P<rest>[^!?]+)", re.DOTALL)
_ADDED = re.compile(  # words that say more about a value
    r"(?P<value>.+?)(?:,\s+(?:with\s+[A-Za-z]\s+in|the|an|which|who|where|having|both|each|located|named|as|for\s+every|regardless|independent)\s|\s[—–-]+\s+)"
    r"(?P<rest>[^\d!?]+)",
    re.DOTALL,
)
_DOUBTED = re.compile(
    r"\b(?:unless|maybe|perhaps|might|guess\w*|unsure|otherwise|(?:not|n['’]t)\s+sure)\b|\?", re.IGNORECASE
)
_NUMBER_WORD = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|thousand|half|third|quarter|twice"
    r"|double[sd]?|remainder|first|second|other|we|i|then|next|now|still|but)\b|[=<>\\]",
    re.IGNORECASE,
)
_CALLED = re.compile(  # P(at least one six) = 11/36
    r"[A-Za-z]\s*\((?=[^()]*[a-z]{2})[^()=]*\)\s*(?:=|\\approx)\s*(?P<value>.+)", re.DOTALL
)
_NEAR_BEHIND = re.compile(
    r"=?\s*(?P<value>.+?),\s+(?:which\s+is\s+|that\s+is\s+)?(?:about|approximately|roughly|nearly|\\approx)\s*(?P<again>.+)",
    re.DOTALL,
)
_ROUNDED_FROM = re.compile(r"(?P<value>.+?)\s+\((?:rounded\s*)?[^()\d]*from\s+(?P<exact>[^()]+)\)", re.DOTALL)
_WITH = re.compile(
    r"(?P<value>[A-Z][a-z]+(?:\s+[A-Za-z][a-z]*){0,3}),\s+(?:because|since|(?:with|at|having)(?=\D{0,20}\d))\s+"
    r"(?P<rest>[^.!?]+)"
)


def first_of_two(text: str) -> str | None:
    """The value before ``, i.e.`` or ``, or`` where the same value stands behind it."""
    sides = _SET_OFF.split(text)
    return sides[0] if len(sides) == 2 and agree(sides[0], sides[1], "") else None


def without_aside(text: str) -> Iterator[str]:
    """The values of ``x \\le -2, i.e. x \\in (-\\infty, -2]``, ``P \\approx 0.234 = \\frac{15}{64}``,
    ``March, with about 80 units`` and ``Yes, 97 is prime``."""
    if len(sides := _SET_OFF.split(text)) == 2 and agree(sides[0], sides[1], ""):
        yield from sides
    if len(pair := text.split(", ")) == 2 and _one_substance(*pair):
        yield from pair
    parts, signs = at_relations(text)
    if signs == ["approx"] and agree(parts[0], parts[1], "\\approx"):
        yield from parts
    if signs == ["approx", "="] and NAME.fullmatch(parts[0]) and agree(parts[2], parts[1], "\\approx"):
        yield f"{parts[0]} = {parts[2]}"
    if (match := _VERDICT.fullmatch(text)) is not None:
        denied = match["verdict"].casefold() in ("no", "false")
        if not _OPEN.search(_DENIAL.sub("", match["rest"], count=1) if denied else match["rest"]):
            yield match["verdict"]
    if (match := _REASONED.fullmatch(text)) is not None and not _DOUBTED.search(match["rest"]):
        yield match["value"]
    if (match := _ADDED.fullmatch(text)) is not None and not (
        _OPEN.search(match["rest"]) or _NUMBER_WORD.search(match["rest"])
    ):
        yield match["value"]
    if (match := _NEAR_BEHIND.fullmatch(text)) and agree(match["value"], match["again"], "\\approx"):
        yield match["value"]
    if (match := _ROUNDED_FROM.fullmatch(text)) and agree(match["exact"], match["value"], "\\approx"):
        yield match["exact"]
    if (match := _CALLED.fullmatch(text)) is not None:
        yield match["value"]
    if (match := _WITH.fullmatch(text)) is not None and not _OPEN.search(match["rest"]):
        yield match["value"]


def _one_substance(first: str, second: str) -> bool:
    """``methane, CH_4``: a formula and its name."""
    readings = read(tidy(first)), read(tidy(second))
    formulas = [any(isinstance(one, Formula) for one in reading) for reading in readings]
    return any(formulas) and same_reading(*readings) is True


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
    if left is None or right is None:
        return False
    factor = conversion(left.unit, right.unit) if left.unit is not None and right.unit is not None else None
    if right.unit is not None and factor is None:
        return False
    near, said = approximate(left.value), approximate(right.value)
    near = near if near is None or factor is None else near * float(factor)
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
