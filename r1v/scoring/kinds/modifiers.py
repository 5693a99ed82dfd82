"""Words behind a number that change its value: ``7 hundred``, ``3 dozen``, ``5 below zero``, ``7 squared``.

Enters: a short text, or the words behind a number. Leaves: the text with the value worked out, or whether the
words only name what is counted. Always holds: a word that changes the value is never taken for a unit.
"""

from __future__ import annotations

import re
from fractions import Fraction

_FACTORS = {
    "hundred": 10**2, "thousand": 10**3, "lakh": 10**5, "million": 10**6, "crore": 10**7, "billion": 10**9,
    "trillion": 10**12, "dozen": 12,
}  # fmt: skip
_PARTS = {
    "halves": 2, "thirds": 3, "fourths": 4, "fifths": 5, "sixths": 6, "sevenths": 7, "eighths": 8,
    "ninths": 9, "tenths": 10, "elevenths": 11, "twelfths": 12, "hundredths": 10**2, "thousandths": 10**3,
    "millionths": 10**6, "billionths": 10**9,
}  # fmt: skip
_MULTIPLIED = re.compile(
    rf"(-?\d[\d,]*(?:\.\d+)?)\s+(?:({'|'.join(_FACTORS)})s?|({'|'.join(_PARTS)}))(?![A-Za-z])(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_BELOW_ZERO = re.compile(
    r"(\d+(?:\.\d+)?)(?P<unit>\s*(?:\^\\circ\s*[CF]?|degrees?(?:\s+(?:celsius|fahrenheit|[CF]))?)?)\s+below\s+zero",
    re.IGNORECASE,
)
# a scale or a group that is not read here, since its words have other meanings too
_GROUPS = (
    r"kilo|mega|giga|tera|milli|micro|nano|tausend|hundert|dutzend|milliarden?|millionen|teen|ty|hundreds?|thousands?|lakhs?|crores?|ml?ns?|mil|mill|millions?|mio|bn|billions?|mrd|tn|trn|trillions?|dozens?|doz|gross"
    r"|scores?|pairs?|couples?|trios?|[\w-]*fold|myriads?|ones|twos|threes|fours|fives|sixes|sevens|eights|nines|tens|elevens|twelves"
    r"|half|halves|quarters?|\w+(?:[rfvxhn]ths?|dths?)(?<!months)(?<!month)(?<!moths)|thirds?|[2-9]?(?:st|nd|rd|th)"
)
_OPERATIONS = (
    r"pi|log|ln|sin|cos|tan|exp|sqrt|infinity|prime|conjugate|complement|negated|inverted|down|maximum|minimum|max"
    r"|[CP]\s*\d|squared|square(?!\s)|cubed|cube(?!\s)|factorial|doubled?|tripled?|halved|times(?=\s)|plus|minus|divided|multiplied|raised|mod|modulo|choose"
    r"|over|under|below|above|beyond|less|fewer|short|shy|off|at|than|to|from|between|by|not|never|without|except"
    r"|wrong|incorrect|false|or|if|unless|zero|but|negative|inverse|reciprocal|root"
)
_FIRST = re.compile(
    rf"(?:{_GROUPS}|{_OPERATIONS}|and|in|on|for|with|is|are|was|were)(?![A-Za-z])", re.IGNORECASE
)
_ANYWHERE = re.compile(
    r"\b(?:factorial|times(?=\s)|plus|minus|divided|below|above|under|less|fewer|short|than|not|never"
    r"|without|except|wrong|or|unless|zero)\b",
    re.IGNORECASE,
)
# before a number, with or without "of": what is named is another number
_CHANGED = re.compile(
    r"\b(?:half|third|quarter|twice|thrice|double|triple|square|cube|root|factorial|reciprocal|inverse|negative"
    r"|opposite|multiples?|powers?|divisors?|factors?|logarithm|log|percent|tenths?|times|complement)\s+(?:of\s+)?"
    r"(?:the\s+)?[-+$€£¥(\\]*\d",
    re.IGNORECASE,
)
_CHANGED_BEHIND = re.compile(
    rf"[\d}})]\s*\(?(?:{_GROUPS}|pi|log|ln|[CP]\s*\d|maximum|minimum|max|prime|conjugate"
    rf"|complement|inverted|negated|squared|cubed|factorial|times(?=\s)|below|above|under|beyond|short|shy|less|fewer|wrong"
    r"|incorrect|false|plus|minus|over)(?![A-Za-z])",
    re.IGNORECASE,
)


_CHANGING_REMARK = re.compile(
    r"\b(?:or|and|not|if|when|where|unless|only|but|except|to\s+be|at\s+(?:most|least)|guess\w*|bound|half|double|twice"
    r"|minimum|maximum|in\s+\w+s|per|each|base|mod|times|percent|wrong|false|incorrect|doubt\w*|maybe|perhaps|possibly"
    r"|opposite|negative|excluded|rejected|provisional\w*|squared|cubed|thousands?|millions?|hundreds?|dozens?)\b|n't\b",
    re.IGNORECASE,
)


def multiplied(text: str) -> str:
    """``7 hundred`` as 700, ``3 dozen eggs`` as 36 eggs, ``7 tenths`` as a fraction, ``5 below zero`` as -5;
    any other text as it is."""
    if match := _BELOW_ZERO.fullmatch(text):
        return f"-{match[1]}{match['unit']}"
    if (match := _MULTIPLIED.fullmatch(text)) is None or re.match(r"\s+of\b", match["rest"]):
        return text
    number = Fraction(match[1].replace(",", ""))
    if match[2]:
        number *= _FACTORS[match[2].lower()]
    else:
        number /= _PARTS[match[3].lower()]
    if number.denominator == 1:
        return f"{number.numerator}{match['rest']}"
    sign = "-" if number < 0 else ""
    return rf"{sign}\frac{{{abs(number.numerator)}}}{{{number.denominator}}}{match['rest']}"


def only_names(words: str) -> bool:
    """Whether the words behind a number only name what is counted, as in ``7 people in the room``."""
    return not _FIRST.match(words.strip()) and not _ANYWHERE.search(words)


def is_harmless(remark: str) -> bool:
    """Whether words in brackets behind a value leave it as it is: ``(in total)``, and not ``(at least)``."""
    if re.fullmatch(r"(?:in (?:total|all|both cases)|by [a-z]+)", remark.strip(), re.IGNORECASE):
        return True
    return only_names(remark) and not _CHANGING_REMARK.search(remark)


def is_changed(sentence: str) -> bool:
    """Whether a sentence speaks of a number that is made from one it shows: ``half of 7``, ``7 squared``."""
    return bool(_CHANGED.search(sentence) or _CHANGED_BEHIND.search(sentence))
