"""Numbers in other writing: Chinese numerals, repeating decimals.

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
                return None  # digits side by side are no number of this writing
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


def repeating_decimal(text: str) -> Fraction:
    """The value of a text of the form REPEATING."""
    match = _PARTS.fullmatch(text)
    assert match is not None
    whole, fixed, rest = match.groups()
    period = re.sub(r"\D", "", rest)
    nines = 10 ** len(period) - 1
    value = Fraction(int(fixed or 0), 10 ** len(fixed)) + Fraction(int(period), nines * 10 ** len(fixed))
    return int(whole) + value
