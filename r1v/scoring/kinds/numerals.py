"""Numbers in other notations: English words, Chinese numerals, repeating decimals.

Enters: a short text. Leaves: its value as a fraction, or None. Always holds: the whole text is the number;
nothing is guessed from a part of it.
"""

from __future__ import annotations

import re
from fractions import Fraction

_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "亿": 10**8}
_CHINESE = re.compile(r"[零〇一二两三四五六七八九十百千万亿]+")
_WITH_SCALE = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([千万亿]{1,2})")
_SHARE = re.compile(r"(.+)分之(.+)")
_DOTS = r"\\dot\s*(?:\{\s*\d\s*\}|\d)"
REPEATING = (  # 0.1\overline{6}, 0.1(6), 0.\dot{1}4\dot{2}
    rf"\d+\.\d*(?:\\overline\s*(?:\{{\s*\d+\s*\}}|\d)|\(\d+\)|{_DOTS}(?:\d*{_DOTS})?)"
)
_PARTS = re.compile(r"(\d+)\.(\d*)(.*)", re.DOTALL)
MAX_SIGNS = 30


def chinese_number(text: str) -> Fraction | None:
    """The value of ``二百五十六``, ``3万``, ``四分之三``, ``百分之二十`` or ``负七``."""
    text = text.strip()
    if len(text) > MAX_SIGNS:
        return None
    if text.startswith("负"):
        value = chinese_number(text[1:])
        return None if value is None else -value
    if match := _SHARE.fullmatch(text):
        below, above = (
            {"百": 100, "千": 1000, "万": 10_000}.get(match[1]) or _whole(match[1]),
            _whole(match[2]),
        )
        return None if below is None or above is None or not below else Fraction(above, below)
    if match := _WITH_SCALE.fullmatch(text):
        scale = 1
        for sign in match[2]:
            scale *= {**_SMALL, **_LARGE}[sign]
        return Fraction(match[1]) * scale
    whole = _whole(text)
    return None if whole is None else Fraction(whole)


def _whole(text: str) -> int | None:
    """A whole number in Chinese signs or in digits."""
    if text.isascii() and text.isdigit():
        return int(text)
    if not _CHINESE.fullmatch(text):
        return None
    total = part = 0
    digit: int | None = None
    last = 10**12
    for sign in text:
        if sign in _DIGITS:
            if digit:
                return None  # digits side by side are not a number in this notation
            digit = _DIGITS[sign]
        elif sign in _SMALL:
            if _SMALL[sign] >= last or (digit is None and (sign != "十" or part or total)):
                return None
            part += (1 if digit is None else digit) * _SMALL[sign]
            last, digit = _SMALL[sign], None
        else:
            part += digit or 0
            if not part and not total:
                return None
            total, part, digit, last = (total + part) * _LARGE[sign], 0, None, 10**12
    return total + part + (digit or 0)


_GROUPS_OF_THREE = re.compile(
    r"(?P<sign>[-+]?\s*(?:US\$|[$€£¥₹])?\s*)(?P<whole>[1-9]\d{0,2}(?: \d{3})+)(?P<places>\.\d+)?"
    r"(?P<rest>\s*(?:%|\^\\circ|\\(?:Omega|mu)(?![a-z])|(?:(?!(?:and|or|to|from|mod|in|C|P)\b)[A-Za-z\u4e00-\u9fff])"
    r"(?!.*(?:\s\d|[=<>])).*)?)",
    re.DOTALL,
)


def without_gaps(text: str) -> str:
    """``1 500 m`` as 1500 m: groups of three digits are one number where nothing but a unit stands beside
    them. Any other text as it is."""
    match = _GROUPS_OF_THREE.fullmatch(text)
    if match is None:
        return text
    return f"{match['sign']}{match['whole'].replace(' ', '')}{match['places'] or ''}{match['rest']}"


def repeating_decimal(text: str) -> Fraction:
    """The value of a text of the form REPEATING."""
    match = _PARTS.fullmatch(text)
    assert match is not None
    whole, fixed, rest = match.groups()
    period = re.sub(r"\D", "", rest)
    nines = 10 ** len(period) - 1
    value = Fraction(int(fixed or 0), 10 ** len(fixed)) + Fraction(int(period), nines * 10 ** len(fixed))
    return int(whole) + value


_ONES = {
    word: value
    for value, word in enumerate(
        (
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
            "sixteen seventeen eighteen nineteen"
        ).split()
    )
}
_TENS = {
    word: 20 + 10 * at
    for at, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())
}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS_OF_ONE = {
    "half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12, "hundredth": 100,
}  # fmt: skip
_NUMBER_WORD = "|".join([*_ONES, *_TENS, *_SCALES, "hundred"])
_IN_WORDS = re.compile(
    rf"(?P<minus>(?:minus|negative)\s+)?(?P<words>(?:an?\s+(?=hundred|thousand|million)|)(?:{_NUMBER_WORD})"
    rf"(?:(?:\s*,\s*|\s*-\s*|\s+(?:and\s+)?)(?:{_NUMBER_WORD}))*)"
    r"(?:\s+point(?P<places>(?:\s+(?:zero|oh|one|two|three|four|five|six|seven|eight|nine))+))?"
    rf"(?:[\s-]+(?P<part>{'|'.join(_PARTS_OF_ONE)})s?)?(?P<rest>\s+[^\d\W].{{0,60}})?",
    re.IGNORECASE | re.DOTALL,
)


_MIXED = re.compile(
    rf"(\d+|[a-z]+(?:[\s-][a-z]+)?) and (\w+)[\s-]+({'|'.join(_PARTS_OF_ONE)})s?((?:\s+[a-z].{{0,40}})?)",
    re.IGNORECASE,
)


_SECOND = re.compile(
    rf"(\s+[a-z]+\s+and\s+)((?:{_NUMBER_WORD})\b.*)", re.IGNORECASE
)  # " hour and ten minutes"


def in_digits(text: str) -> str:
    """A text that is, or begins with, a number in English words, with digits for the words: ``forty-two``,
    ``three quarters``, ``two hundred and six metres``. Any other text as it is."""
    if mixed := _MIXED.fullmatch(text.strip()):
        whole, part = in_digits(mixed[1]), mixed[3].casefold().removesuffix("s")
        top = 1 if mixed[2].casefold() in ("a", "an") else _ONES.get(mixed[2].casefold())
        bottom = _PARTS_OF_ONE.get(part)
        if whole.isdigit() and top and bottom and top < bottom:
            return rf"{whole}\frac{{{top}}}{{{bottom}}}{mixed[4]}"
    match = _IN_WORDS.fullmatch(text.strip())
    if match is None:
        return text
    value = _english_whole(re.findall("[a-z]+", match["words"].casefold()))
    if value is None:
        return text
    written = str(value)
    if match["places"]:
        digits = [str({"oh": 0, **_ONES}[word]) for word in match["places"].casefold().split()]
        written += "." + "".join(digits)
    if match["part"]:
        written += f"/{_PARTS_OF_ONE[match['part'].casefold()]}"
    rest = match["rest"] or ""
    if second := _SECOND.fullmatch(rest):
        rest = second[1] + in_digits(second[2])
    return f"{'-' if match['minus'] else ''}{written}{rest}"


def _english_whole(words: list[str]) -> int | None:
    """The value of the words of a whole number; None where they are several numbers."""
    total = part = 0
    smallest, room = 10**15, 1000  # what the next scale, and the next word below a thousand, must be under
    for word in words:
        if word in ("and", "a", "an"):
            continue
        value = _ONES.get(word, _TENS.get(word))
        if value is not None:
            if value >= room:
                return None
            part += value
            room = 10 if word in _TENS else 1
        elif word == "hundred":
            if not 0 <= part < 10:
                return None
            part, room = (part or 1) * 100, 100
        else:
            scale = _SCALES[word]
            if scale >= smallest:
                return None
            total, part, smallest, room = total + (part or 1) * scale, 0, scale, 1000
    return total + part
