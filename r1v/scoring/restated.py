r"""Other texts that say what a given answer says: without a remark, a label or a unit, or by its value.

Enters: an answer that was given, never the right one. Leaves: texts that state the same by themselves. Always
holds: what stands beside a value agrees with it or is words that change nothing; in a box, an equation gives
the value of an expression of several unknowns (``a+b+c = -\frac12``), and never that of an unknown to solve
for (``2x = 8``). The right answer is never restated, so that 4 is not ``x + y = 4``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from r1v.scoring.answers import Reading, Scalar
from r1v.scoring.evaluation import same_value
from r1v.scoring.expression import Unreadable, expression_of
from r1v.scoring.kinds.dates import year_of
from r1v.scoring.kinds.modifiers import is_harmless
from r1v.scoring.kinds.units import read_unit
from r1v.scoring.kinds.words import directed
from r1v.scoring.notation import at_relations, split_top, tidy
from r1v.scoring.reading import read
from r1v.scoring.sentences.asides import AGAIN, NEARLY, agree, is_domain, without_aside
from r1v.scoring.sentences.mentions import is_mention
from r1v.scoring.sentences.stance import is_said

_REMARK = re.compile(
    r"(?P<value>.*[\w})\]'°])(?:\s+|(?<=[\d})]))\((?P<remark>(?:[^()]|\([^()]*\))*)\)", re.DOTALL
)
_WORDS = re.compile(r"(?=.*[a-z]{3})[A-Za-z][A-Za-z' -]{2,60}|(?!.*[不非无未或约错])[一-鿿]{2,20}")
_REASON = re.compile(r"\s*(?:since|because|as|by|from|using|for\s+both)\b", re.IGNORECASE)
_DOUBTED = re.compile(r"\b(?:or|not|if|unless|guess|maybe|perhaps|wrong)\b|\?", re.IGNORECASE)
_OTHER_ONE = re.compile(
    r"\b(?:reject\w*|extraneous|discard\w*|excluded|invalid|inadmissible|the\s+other)\b", re.IGNORECASE
)
_CHOICE = re.compile(r"\b(?:or|and|not|if|either|both)\b", re.IGNORECASE)
_HAS_NUMBER = re.compile(r"\d|\\(?:frac|sqrt|pi)")
_LABEL = re.compile(r"(?P<label>[A-Za-z][A-Za-z ]{2,30}):\s+(?P<value>\S.*)", re.DOTALL)
_KIND = re.compile(  # the 2 x 2 matrix [[1, 2], [3, 4]]
    r"(?:the|an?)\s+(?:\d\s*\\times\s*\d\s+)?(?:matrix|vector|point|interval|set|pair|triple|list|tuple|ratio|fraction"
    r"|polynomial|line|function|curve|equation|formula|expression|number|value)\s+(?P<value>[\[({\\\d].*)",
    re.DOTALL,
)
_PROVIDED = re.compile(
    r"(?P<value>[^=,;]+?),?\s+(?:provided(?:\s+that)?|where|with|for|if|as\s+long\s+as)\s+(?P<letter>[a-z])\s*\\ne\s*\S+",
    re.DOTALL,
)
_GIVEN_NAME = re.compile(  # Fe_2O_3, iron(III) oxide
    r"(?P<value>\\?[A-Z][A-Za-z\d_{}()^+-]*[\d}]\)?),\s+[a-z][a-z]*(?:\([IVX]+\))?(?:\s+[a-z]+)*"
)
_IT_IS = re.compile(r"(?:就|应该|应当)?[是为](?P<value>[一-鿿]{1,12})")
_INITIAL = re.compile(r"\s*\([A-Z][A-Za-z]{0,2}\)")
_AS_ASKED = re.compile(r",\s*as\s+(?:required|claimed|expected|desired|needed|asked)$")
_OFF = re.compile(r"(?<=\d)(\s*(?:\\?%|percent))\s+off$")  # a discount
_UNIT = re.compile(
    r"(?P<value>.+?)(?:\\[ ,;:!]|~|\s|\\q?quad)*\\(?:text|mathrm|textrm)\s*"
    r"\{\s*(?P<unit>[A-Za-z][A-Za-z/. ]*)\}(?P<power>\s*\^\s*\{?[23]\}?)?\s*",
    re.DOTALL,
)
_PLAIN_UNIT = re.compile(r"(?:(?:square|cubic|sq\.?)\s+)?units?(?:\^[23])?", re.IGNORECASE)
_BOUND = re.compile(r"\\(?:int|lim)(?![a-z])")  # a letter under it is no unknown
_FUNCTION = re.compile(r"[A-Za-z]\(-?\d")
_SEGMENT = re.compile(r"(?<![\\A-Za-z])[A-Z]{2,}(?![A-Za-z])")
_SEVERAL = re.compile(r"\\(?:pm|lor|land|begin)(?![a-z])|\b(?:or|and|for|if|when)\b")
MAX_LENGTH = 300  # characters
MAX_DEPTH = 2


def restated(given: str, boxed: bool, depth: int = 0) -> Iterator[str]:
    """Texts that state what a given answer states. boxed: whether it stood in a box."""
    text = tidy(given)
    if len(text) > MAX_LENGTH:
        return
    for other in (*_without_remark(text), *_without_label(text)):
        yield other
        if depth < MAX_DEPTH:
            yield from restated(other, boxed, depth + 1)
    if (match := _PROVIDED.fullmatch(text)) and _holds(match["value"], match["letter"]):
        yield match["value"]
    if (match := _GIVEN_NAME.fullmatch(text)) is not None:
        yield match["value"]
    if (match := _KIND.fullmatch(text)) is not None:
        yield match["value"]
    if len(_INITIAL.findall(text)) > 1:
        yield _INITIAL.sub("", text)
    if (side := _same_on_both_sides(text)) is not None:
        yield side
    if (match := _IT_IS.fullmatch(text)) is not None:
        yield match["value"]
    if (year := year_of(text)) is not None:
        yield year
    if boxed and (value := _value_given(text)) is not None:
        yield value


def _holds(value: str, letter: str) -> bool:
    """Whether a value is an expression of a letter."""
    return any(isinstance(one, Scalar) and letter in one.value.symbols for one in read(value))


def _same_on_both_sides(text: str) -> str | None:
    """The last side of ``n \\cdot n = n^2``, where all sides are one expression."""
    parts, signs = at_relations(text)
    if len(parts) < 2 or set(signs) != {"="} or not all(parts) or _is_constant(read(parts[-1])):
        return None
    return parts[-1] if all(_equal(side, parts[-1]) for side in parts[:-1]) else None


def without_unit(given: str, answer: str) -> str | None:
    r"""``\frac{v^2}{2g}\text{ m}`` without its unit, where the right answer has none; None for numbers and
    where there is no unit."""
    match = _UNIT.fullmatch(given)
    if match is None or _UNIT.fullmatch(answer) or any(_has_unit(value) for value in read(tidy(answer))):
        return None
    name = f"{match['unit']}{match['power'] or ''}".replace("{", "").replace("}", "").replace(" ^", "^")
    unit, value = read_unit(name.strip()), expression_of(tidy(match["value"].rpartition("=")[2]))
    known = _PLAIN_UNIT.fullmatch(name.strip()) or (unit is not None and unit.factor is not None)
    return match["value"] if known and value is not None and value.symbols else None


def _has_unit(value: object) -> bool:
    return isinstance(value, Scalar) and value.unit is not None


def _without_remark(text: str) -> Iterator[str]:
    """``12 (since 3·4 = 12)``, ``\\frac13 (≈ 0.333)``, ``\\frac34 or 0.75``."""
    if (match := _REMARK.fullmatch(text)) is not None:
        value, remark = match["value"], match["remark"]
        if _may_be_dropped(remark) or is_domain(remark, value):
            yield value
        again = AGAIN.fullmatch(remark)
        if again and _HAS_NUMBER.search(remark) and agree(value, again["again"], again["sign"] or ""):
            yield from (value,) if again["sign"] in NEARLY else (value, again["again"])
    yield from without_aside(text)


def _may_be_dropped(remark: str) -> bool:
    """Whether a remark gives a reason, names a candidate that was given up, or changes nothing."""
    if _REASON.match(remark):
        return not _DOUBTED.search(remark)
    if _HAS_NUMBER.search(remark):
        return _OTHER_ONE.search(remark) is not None and not _CHOICE.search(remark)
    unit = read_unit(remark)
    return (unit is None or unit.factor is None) and bool(_WORDS.fullmatch(remark)) and is_harmless(remark)


def _without_label(text: str) -> Iterator[str]:
    """``Total: 12`` and ``12, as required``."""
    match = _LABEL.fullmatch(text)
    if match is not None and not is_mention(text) and is_said(match["label"]):
        yield from (match["value"],) if is_harmless(match["label"]) and directed(match["label"]) == "" else ()
    for pattern, kept in ((_AS_ASKED, ""), (_OFF, r"\1")):
        if (bare := pattern.sub(kept, text)) != text:
            yield bare


def _value_given(text: str) -> str | None:
    """The value that an equation gives an expression of several unknowns, or an integral or limit."""
    parts, signs = at_relations(text)
    if not parts or set(signs) != {"="} or not all(parts) or _SEVERAL.search(text):
        return None
    if len(split_top(text, ",;")) > 1:
        return None
    for value, *sides in (parts[::-1], parts):
        unknown = [side for side in sides if not _is_constant(read(side))]
        known = [side for side in sides if side not in unknown]
        if _is_constant(read(value)) and all(_equal(side, value) for side in known):
            return value if all(map(_is_compound, unknown)) else None
    return None


def _is_constant(reading: Reading) -> bool:
    return len(reading) > 0 and isinstance(reading[0], Scalar) and not reading[0].value.symbols


def _equal(side: str, value: str) -> bool:
    first, second = expression_of(side), expression_of(value)
    try:
        return first is not None and second is not None and same_value(first, second)
    except Unreadable:
        return False


def _is_compound(side: str) -> bool:
    """Whether an expression holds several unknowns, or none that could be solved for."""
    if _BOUND.match(side) or len(_FUNCTION.findall(side)) > 1:
        return True
    segments = _SEGMENT.findall(side)
    letters = expression_of(side)
    if letters is None:
        return False
    single = {name for name in letters.symbols if not any(name in segment for segment in segments)}
    return len(single) + len(set(segments)) > 1


__all__ = ["restated", "without_unit"]
