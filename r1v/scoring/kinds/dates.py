"""Dates.

Enters: a short text. Leaves: a Date or None. Always holds: the month is written as a word, in Chinese or as
in 2020-02-29; figures with strokes are read only where day and month cannot be taken for each other, because
countries order them differently (11/11/1918, 25/12/2020).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from r1v.scoring.kinds.words import MONTHS

_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS) + "|sept"
_WEEKDAY = r"(?:(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day)\s*,?\s*)?(?:the\s+)?"
_FORMS = [
    re.compile(_WEEKDAY + form, re.IGNORECASE)
    for form in (
        rf"(?<![a-z])(?P<month>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s*,?\s*(?P<year>\d{{4}}))?",
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})(?![a-z])\.?(?:\s*,?\s*(?P<year>\d{{4}}))?",
        r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})",
        r"(?:(?P<year>\d{4})\s*年\s*)?(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*[日号]",
    )
]


_YEAR = re.compile(rf"(?:(?:{_MONTH})\s+)?(?P<year>[12]\d{{3}})", re.IGNORECASE)
_WITH_STROKES = re.compile(r"(\d{1,2})/(\d{1,2})/([12]\d{3})")


@dataclass(frozen=True, slots=True)
class Date:
    """year: None where the text names none. weekday: in small letters, or ""."""

    year: int | None
    month: int
    day: int
    weekday: str

    def same(self, other: Date) -> bool:
        """Whether two dates are the same; a weekday may be left out, a year may not."""
        weekdays = {self.weekday, other.weekday} - {""}
        return (self.year, self.month, self.day) == (other.year, other.month, other.day) and len(weekdays) < 2


def read_date(text: str) -> Date | None:
    """``March 14, 2015``, ``Friday, 13 May``, ``2020-02-29``, ``2020年2月29日``, ``25/12/2020``."""
    if (match := _WITH_STROKES.fullmatch(text.strip())) is not None:
        low, high = sorted((int(match[1]), int(match[2])))
        sure = (low == high or high > 12) and 1 <= low <= 12 and high <= 31
        return Date(int(match[3]), low, high, "") if sure else None
    for form in _FORMS:
        if (match := form.fullmatch(text.strip())) is None:
            continue
        parts = match.groupdict()
        month = parts["month"].lower()
        number = int(month) if month.isdigit() else 1 + [name[:3] for name in MONTHS].index(month[:3])
        if not (1 <= number <= 12 and 1 <= int(parts["day"]) <= 31):
            return None
        year = int(parts["year"]) if parts["year"] else None
        return Date(year, number, int(parts["day"]), (parts.get("weekday") or "").lower())
    return None


def find_date(sentence: str) -> str | None:
    """The one date in a sentence."""
    texts = [match[0] for form in _FORMS for match in form.finditer(sentence)]
    texts = [text for text in texts if read_date(text) is not None]
    found = {text for text in texts if not any(text in other and text != other for other in texts)}
    return found.pop() if len(found) == 1 else None


def year_of(text: str) -> str | None:
    """The year of a date: ``28 July 1914``, ``July 1914``, ``in 1914``; None for another text."""
    text = text.strip().removeprefix("in ").removeprefix("on ").removeprefix("the year ")
    date = read_date(text)
    if date is not None:
        return None if date.year is None else str(date.year)
    match = _YEAR.fullmatch(text)
    return match["year"] if match else None
