r"""Angles in degrees, minutes and seconds.

Enters: tidy text, or an expression. Leaves: a quantity in degrees, or None. Always holds: minutes alone are
no degrees.
"""

from __future__ import annotations

import re
from fractions import Fraction

from r1v.scoring.answers import Scalar
from r1v.scoring.expression import Expression, number
from r1v.scoring.kinds.units import Unit

_DEGREES = re.compile(
    r"([+-]?\d+(?:\.\d+)?)\s*\^\\circ\s*(?:(\d+(?:\.\d+)?)\s*(?:'|\^\\prime)(?!'))?\s*"
    r"(?:(\d+(?:\.\d+)?)\s*(?:''|\"|\^\{\\prime\\prime\}))?"
)
_IN_WORDS = re.compile(r"(\d+)\s+degrees?,?\s+(?:and\s+)?(\d+)\s+(?:arc\s*)?minutes?(?!\w)", re.IGNORECASE)
_BEARING = re.compile(
    r"([NS])\s*(\d{1,2}(?:\.\d+)?)\s*\^\\circ\s*([EW])|(0\d\d|[12]\d\d|3[0-5]\d)\s*\^\\circ\s*T?"
)
_SIDES = {"n": "N", "s": "S", "e": "E", "w": "W", "北": "N", "南": "S", "东": "E", "西": "W"}
_ASIDE = re.compile(  # 30° east of north, north 30° east, 北偏东30°
    r"(?P<angle>\d{1,2}(?:\.\d+)?)\s*(?:\^\\circ|degrees?)\s*(?:to the\s+)?"
    r"(?P<to>north|south|east|west|[NSEW])\s+of\s+(?:due\s+)?(?P<of>north|south|east|west|[NSEW])"
    r"|(?P<from>north|south)\s*(?P<by>\d{1,2}(?:\.\d+)?)\s*(?:\^\\circ|degrees?)\s*(?P<side>east|west)"
    r"|(?P<base>[东西南北])偏(?P<turn>[东西南北])\s*(?P<degrees>\d{1,2}(?:\.\d+)?)\s*(?:\^\\circ|度)",
    re.IGNORECASE,
)
_MINUTES = re.compile(r"(\d+(?:\.\d+)?)\s*'(?!')")
DEGREES = Unit("deg", Fraction(1), (("deg", 1),))


BEARING = Unit("bearing", Fraction(1), (("bearing", 1),))


def read_bearing(text: str) -> Scalar | None:
    """``N30°E`` and ``030°``: degrees from north, clockwise."""
    if aside := _ASIDE.fullmatch(re.sub(r"^(?:in the direction|at)\s+", "", text.strip())):
        text = _aside(aside)
    match = _BEARING.fullmatch(text)
    if match is None:
        return None
    if match[4]:
        return Scalar(number(int(match[4])), BEARING) if match[4][0] == "0" else None
    angle = Fraction(match[2])
    if angle > 90:
        return None
    from_north = angle if match[1] == "N" else 180 - angle
    return Scalar(number(from_north if match[3] == "E" else (360 - from_north) % 360), BEARING)


def _aside(match: re.Match[str]) -> str:
    """``30^\\circ north of east`` as N60°E; nothing where the two sides lie on one line."""
    angle = Fraction(match["angle"] or match["by"] or match["degrees"])
    base, turn = (
        _SIDES[word[0].lower()]
        for word in (
            match["of"] or match["from"] or match["base"],
            match["to"] or match["side"] or match["turn"],
        )
    )
    if base in "EW":
        base, turn, angle = turn, base, 90 - angle
    on_one_line = base in "EW" or turn in "NS"
    return "" if on_one_line or angle < 0 else f"{base}{float(angle):g}^\\circ {turn}"


def read_angle(text: str) -> Scalar | None:
    """Degrees with minutes and seconds, or minutes alone."""
    if match := _DEGREES.fullmatch(_IN_WORDS.sub(r"\1^\\circ \2'", text)):
        whole, minutes, seconds = (Fraction(part or 0) for part in match.groups())
        part = minutes / 60 + seconds / 3600
        return Scalar(number(whole - part if match[1].startswith("-") else whole + part), DEGREES)
    if match := _MINUTES.fullmatch(text):
        return Scalar(number(Fraction(match[1])), Unit("'", Fraction(1, 60), (("deg", 1),)))
    return None


def in_degrees(value: Expression) -> Scalar:
    """``(180 - 2x)^\\circ`` is an expression with a unit."""
    if value.kind == "product" and len(value.args) == 2 and value.args[1].kind == "degree":
        return Scalar(value.args[0], DEGREES)
    return Scalar(value)
