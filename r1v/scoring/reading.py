r"""Reading: from a short text to the values that it may mean.

Enters: a short text. Leaves: its readings, the most likely first. Always holds: reading never fails, because
a text that has no other reading is a ``Text``; brackets are matched before anything is split.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache, partial

from r1v.scoring.answers import (
    Collection,
    Interval,
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
from r1v.scoring.evaluation import approximate, same_value
from r1v.scoring.expression import Expression, Unreadable, expression_of, number
from r1v.scoring.kinds.angles import in_degrees, read_angle, read_bearing
from r1v.scoring.kinds.bounds import BOUND, infinite, solved, turned_inward
from r1v.scoring.kinds.chemistry import named_concentrations, read_formula, read_reaction
from r1v.scoring.kinds.compounds import compound_formula, glossed_formula
from r1v.scoring.kinds.dates import read_date
from r1v.scoring.kinds.families import read_family
from r1v.scoring.kinds.logic import read_statement
from r1v.scoring.kinds.matrices import read_matrix
from r1v.scoring.kinds.modifiers import multiplied
from r1v.scoring.kinds.numerals import chinese_number, in_digits, without_gaps
from r1v.scoring.kinds.piecewise import read_inline
from r1v.scoring.kinds.quantified import read_quantified
from r1v.scoring.kinds.regions import EVERYTHING, joined, point, whole_numbers
from r1v.scoring.kinds.times import read_clock
from r1v.scoring.kinds.units import CHINESE_UNIT, COUNTERS, Unit, compound, read_unit, split_units
from r1v.scoring.kinds.vectors import TUPLE_NAME, one_by_one, read_vector, scaled_tuple
from r1v.scoring.kinds.words import in_signs, small_roman
from r1v.scoring.notation import as_tuple, at_relations, brackets, spaceless, split_top, tidy

MAX_DEPTH = 4
MAX_ROUNDING = 0.02  # how far a decimal may be from the value that it is said to round
_DRESSED = re.compile(r"[-+]?\d[\d.,]*(?P<unit>\s*[A-Za-z%].*)", re.DOTALL)  # a decimal with its unit
_COUNTED = re.compile(
    rf"([零一二两三四五六七八九十百千万]{{2,}})({CHINESE_UNIT.pattern}|{COUNTERS.pattern})"
)  # 十五天
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)")  # 1,000: a comma within a number
_RATIO = re.compile(r"\(?([^:()]+(?:(?::|\\colon(?![a-z])|\bto\b)[^:()]+){1,3})\)?")
_NUMERAL = re.compile(r"\(?([0-9A-Fa-f]+)\)?_\s*\{?\s*(\d{1,2})\s*\}?")
_WORDS = re.compile(r"[^\W\d_]+(?:[\s'’\-,./&]+[^\W\d_]+)*", re.UNICODE)
_LONG_WORD = re.compile(
    r"(?<![A-Za-z\\])(?!(?:sin|cos|tan|cot|sec|csc|log|exp|ln|arc|sqrt|pi)(?![a-z]))[A-Za-z]{3,}"
)
_CAPITALS = {"US", "UK", "EU", "UN"}
_CAPITAL_WORDS = re.compile(
    r"(?:(?=[A-Z]*[AEIOU])[A-Z]{4,}\s+)+(?:(?=[A-Z]*[AEIOU])[A-Z]{4,})(?:\s+[A-Z0-9]+)*"
)
_SHORT_WORDS = {"no", "on", "up", "in", "ok"}
_ARTICLES = re.compile(r"\b(?:the|a|an)\b(?!\.)\s*", re.IGNORECASE)
_NO_SOLUTION = re.compile(
    r"\\emptyset|\\\{\s*\\\}|\{\s*\}|(?:there (?:is|are) )?no (?:real )?(?:solutions?|roots?"
    r"|(?:such )?values?)|none exists?|(?:the )?empty set|"
    r"(?:方程)?无(?:实数)?解|空集",
    re.IGNORECASE,
)
_ALL_REAL = re.compile(r"\\mathbb\s*\{?R\}?|(?:all )?(?:real numbers|reals)|(?:全体|任意)实数", re.IGNORECASE)
_SEPARATOR_WORD = re.compile(
    r"(?:\s*,\s*|\s+|(?<=[)\]}\d]))(?:and|or|und|oder)(?:\s+|(?=[(\[{\\\d]))|\s*(?:和|或|或者|与)\s*|\\(?:lor|land)(?![a-z])",
    re.IGNORECASE,
)
NAME = re.compile(
    r"\\?[A-Za-z]+(?:_(?:\{[^{}]*\}|\w))?'*(?:\([A-Za-z0-9, ]{1,12}\))?"  # x, \theta, S_{ABC}, f(x)
    r"|\\(?:angle|triangle|overline|vec|hat|bar|overrightarrow)\s*\{?[A-Za-z ]{1,6}\}?"
    r"|\\(?:Delta|delta|nabla)\s*\\?[A-Za-z]+(?:_(?:\{[^{}]*\}|\w))?(?:\s*\^\s*\{?\s*\\circ\s*\}?)?"
    r"|\\?(?:det|rank|dim|tr)\s*\(?\s*[A-Z]{1,2}\s*\)?"
    r"|\\?[A-Z][a-z]{0,2}\s*[\[(][^()\[\]=]{1,24}[\])]|P\s*\([^()]{1,24}\)"  # P(A \cap B), E[X]
    r"|m\s*\\angle\s*[A-Z]{1,3}|\|\s*(?![xytn]\s*\|)\\?[A-Za-z]{1,8}(?:\{[A-Z]{2}\})?\s*\||\\vert\s*[A-Z]{2}\s*\\vert"
    r"|\\?(?:sin|cos|tan|cot)\s*\(?\s*(?:\\angle\s*)?\\?[A-Za-z]{1,7}\s*\)?"
    r"|[A-Z]{1,4}(?:_(?:\{[^{}:]*\}|\w))?\s*[:/]\s*[A-Z]{1,4}(?:_(?:\{[^{}]*\}|\w))?"  # V_1:V_2, AB/BC
    r"|\\frac\s*\{\s*[A-Z]{1,3}\s*\}\s*\{\s*[A-Z]{1,3}\s*\}"
    r"|S_\s*\{?\s*\\triangle\s*[A-Z]{3}\s*\}?|\\frac\{d[a-z]\}\{d[a-z]\}"
    r"|[A-Za-z][A-Za-z \-]{2,39}"  # words
)
_PRODUCT = re.compile(r"[xyz]{2,3}")
_ROOT = re.compile(r"([A-Za-z])_\{?\d\}?")  # x_1 and x_2, solutions for x
_JOINED = re.compile(
    r"(?:[<>=]|\\(?:le|ge|ne|in)(?![a-z])).*(?:\\l(?:or|and)(?![a-z])|\bor\b|\band\b|&|\)\s*\|\s*\()"
)  # conditions in brackets
_BOTH = re.compile(r"&|\)\s*\|\s*\(")  # as programs write "and" and "or"
_FUNCTION_OF = re.compile(r"[A-Za-z]'*\([a-z]\)")  # f(x), whose values are bounded
_POINT = re.compile(r"([A-Z]'*(?:_\w)?)\s*(\([^()]*,[^()]*\))")  # A(2, 3)
_OTHER_THAN_AND = re.compile(r"\\(?!land)[A-Za-z]|¬|\b(?:or|not)\b|\(")
_REMAINDER = re.compile(
    r"(-?\d{1,9})(?:\s+[rR]\.?\s*|\s*,?\s*(?:with\s+)?(?:a\s+)?(?:remainder|rem\.?)\s+(?:of\s+)?|\s*余\s*)(\d{1,9})"
)
_OR = re.compile(r"\\lor(?![a-z])|\bor\b", re.IGNORECASE)
_PLUS_MINUS = re.compile(r"\\pm(?![A-Za-z])")
_MINUS_PLUS = re.compile(r"\\mp(?![A-Za-z])")
_WORD_INSIDE = re.compile(
    r"(?<![A-Za-z\\])(?=[A-Za-z]*[aeiouy])(?!(?:arc)?(?:sin|cos|tan|cot)h?(?![a-z])|sqrt|cbrt|infty|infinity)"
    r"(?:[A-Za-z]{4,}|(?<=\s)[A-Za-z]{3,})"
)
_CLOSE_UNIT = re.compile(  # 100m^2: if the other side has a unit
    r"([+-]?\d+(?:\.\d+)?)([A-Za-z](?:\^\{?-?\d\}?)?(?:/[A-Za-z]+(?:\^\{?\d\}?)?)?)"
)
_TRIGONOMETRIC = re.compile(r"(?<![a-z])(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_UNIT_OF_LETTERS = re.compile(r"[A-Za-z]{2,}\s*\^?[-{}\d]*$")


@lru_cache(maxsize=4096)  # one right answer is compared with many
def read(text: str, depth: int = 0) -> Reading:
    """The readings of a short text."""
    inner = partial(read, depth=depth + 1)
    if depth <= MAX_DEPTH and (quantified := read_quantified(tidy(text), inner)):
        return quantified
    text = _cleared(tidy(text))
    if depth > MAX_DEPTH:
        return (Text(spaceless(text), False),)
    if (statement := read_statement(text)) is not None:
        return (statement,) if _OTHER_THAN_AND.search(text) else (statement, *_collections(text, depth))
    date, several = read_date(text), compound(text)
    return (
        read_family(text, inner)
        or read_matrix(text, inner)
        or read_inline(text, inner)
        or read_vector(text)
        or (() if date is None else (date,))
        or (() if several is None else (Scalar(number(several[0]), several[1]),))
        or _remainder(text)
        or _sets(text, depth)
        or _relations(text, depth)
        or _collections(text, depth)
        or _single(text)
    )


def _cleared(text: str) -> str:
    text = re.sub(r"^\s*(?:\\approx|≈|~|=)\s*", "", text)
    text = in_signs(multiplied(without_gaps(as_tuple(text))))
    if not text.isascii() and (value := chinese_number(text)) is not None:
        share = re.fullmatch(r"-?负?百分之.+", text)
        return f"{value * 100}%" if share else str(value)
    if (counted := _COUNTED.fullmatch(text)) and (value := chinese_number(counted[1])) is not None:
        text = f"{value}{counted[2]}"
    return named_concentrations(multiplied(in_digits(text)))


def _remainder(text: str) -> Reading:
    """``3 R 1``: a quotient and what remains."""
    match = _REMAINDER.fullmatch(text.strip())
    if match is None:
        return ()
    return (Collection(tuple((Scalar(number(int(part))),) for part in match.groups()), "R", "R"),)


def _single(text: str) -> Reading:
    """The readings of one value."""
    if (clock := read_clock(text, strict=True)) is not None:
        return (clock, ratio) if (ratio := _ratio(text)) is not None else (clock,)
    if (ratio := _ratio(text)) is not None:
        return (ratio,)
    if (
        re.search(r"\\(?:ce|to|x[a-z]+|rightleftharpoons|overset|stackrel)(?![a-z])|[-=]>", text)
        and (reaction := read_reaction(text)) is not None
    ):
        return (reaction,)
    if match := _NUMERAL.fullmatch(text):
        return (Numeral(match[1].upper(), int(match[2])),)
    if (formula := read_formula(text) or glossed_formula(text)) is not None:
        return (formula,)
    if (value := small_roman(text)) is not None:
        return (Scalar(number(value)), Text(folded(text), True))
    if text in _CAPITALS:
        symbol = expression_of(text)
        return (Text(folded(text), True), *(() if symbol is None else (Scalar(symbol),)))
    if _are_words(text) or compound_formula(text) is not None:
        named = compound_formula(text)
        formula = None if named is None else read_formula(rf"\ce{{{named}}}")
        return (Text(folded(text), True), *(() if formula is None else (formula,)))
    if (angle := read_bearing(text) or read_angle(text)) is not None:
        return (angle,)
    readings: list[Value] = _quantities(text)
    if not _WORD_INSIDE.search(text) and not (readings and _UNIT_OF_LETTERS.search(text)):
        found = expression_of(text)
        readings += [] if found is None else [in_degrees(found)]
    if (match := _CLOSE_UNIT.fullmatch(text)) and (unit := read_unit(match[2])) and unit.factor is not None:
        readings.append(Scalar(number(Fraction(match[1])), unit, guessed=True))
    return tuple(readings) or (Text(folded(text), bool(re.fullmatch(r"[^\\{}^_=<>+*/]+", text))),)


def _quantities(text: str) -> list[Value]:
    for before, unit in split_units(text):
        if unit is not None and unit.degrees and _TRIGONOMETRIC.search(before):
            continue  # of the angle, and not of the whole
        value = expression_of(_without_thousands(before))
        if value is not None and (not value.symbols or _is_plain_unit(before, unit)):
            return [Scalar(value, unit)]
    return []


def _is_plain_unit(before: str, unit: Unit | None) -> bool:
    """Whether what stands behind an expression with variables is surely a unit: ``2x + 1 square feet``."""
    known = unit is not None and unit.factor is not None and re.match(r"[A-Za-z]{2}", unit.name)
    return bool(known) and before[-1:].isspace() and before.strip()[-1:] not in "+-*/^_\\"


def _without_thousands(text: str) -> str:
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)


def _ratio(text: str) -> Ratio | None:
    match = _RATIO.fullmatch(text)
    if match is None:
        return None
    terms = [
        expression_of(part.strip())
        for part in re.split(r":|\\colon(?![a-z])|\bto\b", _without_thousands(match[1]))
    ]
    return (
        None
        if any(term is None for term in terms)
        else Ratio(tuple(term for term in terms if term is not None))
    )


def _are_words(text: str) -> bool:
    """Whether a text consists of words. As a formula "tea" would be t·e·a, so whatever looks like a word is
    taken as one."""
    if _CAPITAL_WORDS.fullmatch(text) is not None:
        return True
    return _WORDS.fullmatch(text) is not None and (
        text.casefold() in _SHORT_WORDS
        or not text.isascii()
        or (_LONG_WORD.search(text) is not None and re.search("[aeiouy]", text.casefold()) is not None)
    )


def folded(text: str) -> str:
    """Words without case, articles and unneeded spaces."""
    return " ".join(_ARTICLES.sub("", text.casefold().replace("-", " ").replace("’", "'")).split())


# sets and intervals


def _sets(text: str, depth: int) -> Reading:
    if _NO_SOLUTION.fullmatch(text.strip()):
        return (NoSolution(),)
    if text.strip() == "R":
        return (Scalar(Expression("symbol", name="R")), RealSet((EVERYTHING,)))
    variable, body = "", text
    if match := re.match(r"\s*([A-Za-z])\s*\\in(?![a-z])\s*", body):
        variable, body = match[1], body[match.end() :]
    opening, closing, inner = brackets(body)
    if opening == r"\{" or (opening == "{" and closing == "}"):
        if match := re.match(
            r"\s*([A-Za-z])\s*(?:\\in\s*\\mathbb\s*\{?R\}?\s*)?(?:\||\\vert|:)\s*(.+)", inner, re.DOTALL
        ):
            found = read(match[2], depth + 1)
            return tuple(value for value in found if isinstance(value, RealSet | Parametric))
        return whole_numbers(inner, partial(_region, depth=depth))
    pieces = re.split(r"\\cup(?![a-z])", body)
    sets = [_interval(piece.strip()) or (_points(piece) if len(pieces) > 1 else None) for piece in pieces]
    if any(one is None for one in sets):
        return ()
    joined = RealSet(
        tuple(interval for one in sets if one for interval in one.intervals),
        variable,
        tuple(point for one in sets if one for point in one.but),
    )
    if len(pieces) == 1 and not variable and opening and (opening, closing) in (("(", ")"), ("[", "]")):
        return (*_collections(body, depth), joined)
    return (joined,)


def _interval(text: str) -> RealSet | None:
    if _ALL_REAL.fullmatch(text):
        return RealSet((EVERYTHING,))
    if match := re.fullmatch(
        r"\\mathbb\s*\{?R\}?\s*\\setminus\s*(?:\\\{|\{)(.*?)(?:\\\}|\})", text, re.DOTALL
    ):
        points = [expression_of(part) for part in split_top(match[1], ",;")]
        return (
            None
            if any(p is None for p in points)
            else RealSet((EVERYTHING,), "", tuple(p for p in points if p))
        )
    text = turned_inward(text)
    opening, closing, inner = brackets(text)
    ends = split_top(inner, ",;")
    if opening not in ("(", "[") or closing not in (")", "]") or len(ends) != 2:
        return None
    values = [expression_of(end) for end in ends]
    if values[0] is None or values[1] is None:
        return None
    low, high = (None if infinite(value) else value for value in values)
    return RealSet(
        (Interval(low, opening == "[" and low is not None, high, closing == "]" and high is not None),)
    )


def _points(text: str) -> RealSet | None:
    r"""``\\{1, 2\\}`` as single numbers, where it is a part of a union."""
    opening, _, inner = brackets(text.strip())
    values = [expression_of(part) for part in split_top(inner, ",;")]
    if opening not in (r"\{", "{") or any(value is None for value in values):
        return None
    return RealSet(tuple(point(value) for value in values if value is not None))


# relations


def _relations(text: str, depth: int) -> Reading:
    parts, signs = at_relations(text)
    if not signs and _JOINED.search(text) and (region := joined(text, partial(_region, depth=depth))):
        return (region,)
    if not signs or any(not part for part in parts):
        return ()
    if (reaction := read_reaction(text)) is not None:
        return (reaction,)
    whole = _GROUPED.sub(lambda match: match[0].replace(",", ""), text)
    separated = split_top(_SEPARATOR_WORD.sub(" , ", whole), ",;")
    if (len(separated) > 1 or _BOTH.search(whole)) and not TUPLE_NAME.fullmatch(parts[0].strip()):
        return _several_relations(whole, separated, depth)
    if "approx" in signs:
        return _rounded(parts, signs, depth)
    if set(signs) == {"="}:
        return _equation(parts, depth)
    return _inequality(parts, signs)


def _rounded(parts: list[str], signs: list[str], depth: int) -> Reading:
    r"""``\\frac{1}{3} \\approx 0.333``: the value, and the decimal that is said of it, where it fits."""
    if set(signs) == {"approx"} and (len(parts) > 2 or NAME.fullmatch(parts[0])):
        return _equation(parts, depth)
    *before, last = parts
    unit = match["unit"] if (match := _DRESSED.fullmatch(last)) else ""
    value, decimal = (expression_of(part) for part in (before[-1], last.removesuffix(unit)))
    if "approx" in signs[:-1] or value is None or decimal is None or decimal.symbols:
        return ()
    near, said = approximate(value), approximate(decimal)
    if near is None or said is None or abs(near - said) > MAX_ROUNDING * abs(near):
        return ()
    before[-1] += unit
    if len(before) == 1:
        return (*read(before[0], depth + 1), *read(last, depth + 1))
    exact = _equation(before, depth)
    return (*exact, *_equation([*before[:-1], last], depth)) if exact else ()


def _equation(parts: list[str], depth: int) -> Reading:
    if (worked_out := _worked_out(parts)) is not None:
        return (Scalar(worked_out),)
    readings: list[Value] = []
    roots = {match[1] for part in parts[:-1] if (match := _ROOT.fullmatch(part))}
    if len(parts) > 2 and len(roots) == 1 and all(map(_ROOT.fullmatch, parts[:-1])):
        return (Named(roots.pop(), read(parts[-1], depth + 1)),)
    left, right = parts[0], parts[-1]
    for name, value in ((left, right), (right, left)):
        if _PRODUCT.fullmatch(name):
            continue  # xy = 6 is a curve, and gives no value to a name
        if (NAME.fullmatch(name) or TUPLE_NAME.fullmatch(name)) and (len(parts) == 2 or name == left):
            found = read(value, depth + 1)
            if not _holds(found, name):
                readings += [Named(spaceless(name), found), *one_by_one(name, found)]
                break
    if len(parts) == 2:
        sides = [expression_of(part) for part in parts]
        if sides[0] is not None and sides[1] is not None:
            readings.append(Relation(sides[0], "=", sides[1]))
    return tuple(readings)


def _worked_out(parts: list[str]) -> Expression | None:
    """The result of ``10^3 = 1000``: the last side, where all sides are the same number."""
    sides = [expression_of(part) for part in parts]
    values = [side for side in sides if side is not None and not side.symbols]
    if len(values) < len(parts) or len({spaceless(part) for part in parts}) == 1:
        return None
    try:
        return values[-1] if all(same_value(side, values[-1]) for side in values[:-1]) else None
    except Unreadable:
        return None


def _holds(reading: Reading, name: str) -> bool:
    """Whether the name is among the variables of its value, as in ``x = 2x + 1``, which gives x no value."""
    symbol = expression_of(name)
    names = symbol.symbols if symbol is not None and symbol.kind == "symbol" else frozenset()
    return any(names & value.value.symbols for value in reading if isinstance(value, Scalar))


def _inequality(parts: list[str], signs: list[str]) -> Reading:
    sides = [
        Expression("symbol", name=part) if _FUNCTION_OF.fullmatch(part) else expression_of(part)
        for part in parts
    ]
    if any(side is None for side in sides):
        return ()
    values = [side for side in sides if side is not None]
    readings: list[Value] = []
    if (found := solved(values, signs)) is not None:
        readings.append(found)
    if len(values) == 2:
        sign, turned = BOUND[signs[0]]
        first, second = reversed(values) if turned else values
        readings.append(Relation(first, sign, second))
    elif len(set(signs)) == 1 and not any(value.symbols for value in values):
        readings.append(Collection(tuple((Scalar(value),) for value in values), "(", ")"))  # 1 < 2 < 3
    return tuple(readings)


def _several_relations(text: str, separated: list[str], depth: int) -> Reading:
    """``x = 1, y = 2``, ``x < 1 or x > 3``, ``x > 1 and x < 3``, ``p = 5, q = 2; p = 7, q = 2``."""
    if (region := joined(text, partial(_region, depth=depth))) is not None and _is_wide(region):
        return (region,)
    groups = split_top(text, ";")
    if 1 < len(groups) < len(separated):
        separated = groups
    values = [value for part in separated for value in (plus_minus(part) if "=" not in part else [part])]
    items = tuple(read(value, depth + 1) for value in values)
    names = {
        re.sub(r"\(\w\)$", "", value.name) for item in items for value in item if isinstance(value, Named)
    }
    mark = "or" if len(names) > 1 and _OR.search(text) else ""
    return (Collection(items, mark, mark),)


def _region(text: str, depth: int) -> RealSet | None:
    """One condition on a variable as a set of numbers; ``x = 5`` is a set of one."""
    for value in read(text, depth + 1):
        if isinstance(value, RealSet):
            return value
        if isinstance(value, Named) and re.fullmatch(r"\\?[A-Za-z]+", value.name):
            numbers = [one.value for one in value.value if isinstance(one, Scalar) and one.unit is None]
            return RealSet((point(numbers[0]),), value.name) if numbers else None
    return None


def _is_wide(region: RealSet) -> bool:
    """Whether a set holds more than single numbers, which are better compared as a list."""
    return any(one.low is None or one.low is not one.high for one in region.intervals)


# lists, tuples, sets of values


def _collections(text: str, depth: int) -> Reading:
    if found := scaled_tuple(text, partial(read, depth=depth + 1)):
        return found
    if match := _POINT.fullmatch(text):
        return (Named(match[1], read(match[2], depth + 1)),)
    opening, closing, inner = brackets(re.sub(r"^\s*[A-Za-z]\s*\\in(?![a-z])\s*", "", text))
    if not opening:
        inner = _SEPARATOR_WORD.sub(" , ", text)
        if (
            re.fullmatch(r"(?:\d{1,3}\s*:\s*|\D){0,4}\d{1,3}(?:,\d{3})+(?![\d,]).*", inner.strip(), re.DOTALL)
            and ", " not in inner
        ):
            return ()
    items = [value for item in split_top(inner, ",;") for value in plus_minus(item)]
    is_set = opening in (r"\{", "{") or (opening == "[" and inner.startswith("["))  # or rows of a matrix
    if (len(items) < 2 and not is_set) or any(not item for item in items):
        return ()
    if not opening and _are_words(text) and not all(len(item) <= 2 for item in items):
        return ()
    return (Collection(tuple(read(item, depth + 1) for item in items), opening, closing),)


def split_values(text: str) -> list[str]:
    """The texts of the values of a list, a tuple or a set; one text if there is one value."""
    opening, _, inner = brackets(tidy(text))
    return [
        part
        for item in split_top(inner if opening else _SEPARATOR_WORD.sub(" , ", inner), ",;")
        for part in plus_minus(item)
    ]


def plus_minus(text: str) -> list[str]:
    r"""Both values of a text with ``\pm``, the text itself otherwise."""
    text = text.strip()
    if not _PLUS_MINUS.search(text):
        return [text]
    plus = _PLUS_MINUS.sub("+", _MINUS_PLUS.sub("-", text))
    minus = _PLUS_MINUS.sub("-", _MINUS_PLUS.sub("+", text))
    return [part.strip().removeprefix("+").strip() for part in (plus, minus)]
