"""Times of day.

Enters: a short text. Leaves: a Clock or None. Always holds: ``3:05`` may be in the morning or in the
afternoon, unless one of the two compared times says which.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLOCK = re.compile(
    r"(?:(am|pm|上午|下午|凌晨|晚上)\s*)?(\d{1,2})\s*(?:[:：.h时時点點]|\s+h\s+)\s*"
    r"(?:(\d{1,2})\s*(?:min|m|分)?(?:\s*[:：]?\s*(\d{1,2})\s*[s秒]?)?)?\s*(?:(am|pm|o'?clock))?",
    re.IGNORECASE,
)
_STRICT = re.compile(r"\d{1,2}\s*:\s*[0-5]\d(?:\s*:\s*[0-5]\d)?\s*(?:[ap]\.?\s*m\.?)?", re.IGNORECASE)
_HOUR_ALONE = re.compile(r"(\d{1,2})\s*([ap])\.?\s?m\b\.?", re.IGNORECASE)
_NOON = re.compile(r"(?:12(?::00)?\s*)?(noon|midday|midnight)", re.IGNORECASE)
_HOURS = "one two three four five six seven eight nine ten eleven twelve".split()
_MINUTES = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20, "twenty-five": 25}
_PART_OF_DAY = {"morning": "am", "afternoon": "pm", "evening": "pm", "night": "pm"}
_PAST = re.compile(
    rf"(?:a\s+)?(?P<minutes>{'|'.join(sorted(_MINUTES, key=len, reverse=True))}|\d{{1,2}})(?:\s+minutes?)?\s+"
    rf"(?P<side>past|after|to|before)\s+(?P<hour>{'|'.join(_HOURS)}|\d{{1,2}})"
    rf"(?P<rest>\s*[ap]\.?m\.?|\s+(?:in\s+the|at)\s+(?:{'|'.join(_PART_OF_DAY)}))?",
    re.IGNORECASE,
)
_O_CLOCK = re.compile(
    rf"({'|'.join(_HOURS)}|\d{{1,2}})\s*o\s?['’]?\s?clock(?:\s+(?:in\s+the|at)\s+({'|'.join(_PART_OF_DAY)}))?",
    re.IGNORECASE,
)
_WITH_PART = re.compile(rf"(\d{{1,2}}:\d\d)\s+(?:in\s+the|at)\s+({'|'.join(_PART_OF_DAY)})", re.IGNORECASE)
_CHINESE_HOUR = re.compile(r"(上午|下午|晚上|凌晨|早上)?\s*(\d{1,2})\s*([时时点點])\s*(半|(\d{1,2})\s*分?)?")
_HOUR_S, _HALF_DAY_S = 3600, 12 * 3600


@dataclass(frozen=True, slots=True)
class Clock:
    """seconds: since midnight, as written. marked: whether the text says am or pm."""

    seconds: int
    marked: bool

    def same(self, other: Clock) -> bool:
        """Whether two times are the same."""
        unmarked = other.seconds if self.marked else self.seconds
        if self.marked == other.marked or not _HOUR_S <= unmarked < _HALF_DAY_S + _HOUR_S:
            return self.seconds == other.seconds
        return self.seconds % _HALF_DAY_S == other.seconds % _HALF_DAY_S


def read_clock(text: str, strict: bool = False) -> Clock | None:
    """A time of day, or None. strict: only hours and minutes with a colon, for texts that may be something
    else."""
    text = in_figures(text.strip())
    if strict and not _STRICT.fullmatch(text):
        return None
    text = re.sub(
        r"\b([ap])\s*\.\s*m\b\.?|\b([ap])\s+m\b\.?",
        lambda match: (match[1] or match[2]) + "m",
        text,
        flags=re.I,
    )
    match = _CLOCK.fullmatch(text.strip())
    if match is None or re.search(r"\d\s*[:：]\s*\d(?!\d)", text):  # 3:5 is no time of day
        return None
    hour, minute, second = (int(group or 0) for group in match.group(2, 3, 4))
    if hour > 24 or minute > 59 or second > 59:
        return None
    marker = (match[1] or match[5] or "").lower()
    afternoon = marker in ("pm", "下午", "晚上")
    morning = marker in ("am", "上午", "凌晨")
    if (afternoon or morning) and hour <= 12:
        hour = hour % 12 + (12 if afternoon else 0)
    return Clock((hour * 60 + minute) * 60 + second, afternoon or morning)


def in_figures(text: str) -> str:
    """``half past six`` as 6:30, ``noon`` as 12:00 pm, ``6 a.m.`` as 6:00 am; any other text as it is."""
    if match := _CHINESE_HOUR.fullmatch(text):
        side = {"上午": "am", "凌晨": "am", "早上": "am", "下午": "pm", "晚上": "pm"}.get(match[1] or "", "")
        if match[1] or match[3] == "点":
            return f"{match[2]}:{30 if match[4] == '半' else int(match[5] or 0):02} {side}".strip()
    if match := _NOON.fullmatch(text):
        return "12:00 am" if match[1].lower() == "midnight" else "12:00 pm"
    if match := _HOUR_ALONE.fullmatch(text):
        return f"{match[1]}:00 {match[2].lower()}m"
    if match := _O_CLOCK.fullmatch(text):
        hour = match[1].lower()
        return f"{_HOURS.index(hour) + 1 if hour in _HOURS else hour}:00 {_side(match[2])}".strip()
    if match := _WITH_PART.fullmatch(text):
        return f"{match[1]} {_side(match[2])}"
    if (match := _PAST.fullmatch(text)) is None:
        return text
    minutes = _MINUTES.get(match["minutes"].lower()) or int(match["minutes"])
    hour = match["hour"].lower()
    number = _HOURS.index(hour) + 1 if hour in _HOURS else int(hour)
    if minutes > 30 or not 1 <= number <= 12:
        return text
    if match["side"].lower() in ("to", "before") and minutes:
        number, minutes = number - 1 or 12, 60 - minutes
    rest = (match["rest"] or "").split()
    side = _side(rest[-1]) if rest and rest[-1].lower() in _PART_OF_DAY else "".join(rest)
    return f"{number}:{minutes:02} {side}".strip()


def _side(word: str | None) -> str:
    return _PART_OF_DAY[word.lower()] if word else ""


CLOCK_WORDS = re.compile(
    rf"(?<![/.,\d])(?:{_PAST.pattern})|{_NOON.pattern}|(?<![:/.,\d]){_HOUR_ALONE.pattern}", re.IGNORECASE
)
