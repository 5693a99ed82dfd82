"""The short answer that a Chinese sentence states.

Enters: one tidy sentence with Chinese signs. Leaves: the quantity, the change or the words that it states, or
None. Always holds: a sentence that denies, doubts, compares or offers several things states nothing.
"""

from __future__ import annotations

import re

from r1v.scoring.kinds.units import CHINESE_UNIT, COUNTERS

_STATED = re.compile(
    r"(?:是|为|等于|应选|选择|故选|选(?!法)|叫做?|称为|在|得|有|需要|需|共(?![用花需])|约|花了|用了|剩下|还剩)\s*[:：]?\s*(?P<answer>[^是为等于选在得有,，;；]{1,40})$"
)
DENIED_IN_CHINESE = re.compile(r"不是|不为|不等于|不能|不在|可能|或者|没有|也许|或许|大概")
_WAY = re.compile(
    r"增大|变大|增加|增强|减小|变小|减少|减弱|保持不变|不变|升高|上升|降低|下降|变亮|变暗|变长|变短|变快|变慢|变高|变低"
)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:/\d+)?[万亿]?")
_OTHER_NUMBER = re.compile(
    r"大于|小于|超过|不到|不足|以上|以下|以内|多于|少于|低于|高于|第|分之|一半|(?<!最)[多少]|[增减升降亏赚涨跌快慢长短高]|折|倍|或|[A-Za-z\\]+\s*[=<>]|[零下]{2}"
)
_UNIT = re.compile(
    rf"\s*(?:(?:{CHINESE_UNIT.pattern})+|{COUNTERS.pattern}|%|\^\\circ\s*[CF]?|[A-Za-z]{{1,4}}(?:\^\{{?\d\}}?)?)"
)


def stated_in_chinese(text: str) -> str | None:
    """What a sentence states."""
    text = re.sub(r"^答\s*[:：]\s*", "", text)
    if DENIED_IN_CHINESE.search(text) or len(text) < (3 if re.search(r"\d", text) else 4):
        return None
    ways = _WAY.findall(text)
    if len(ways) == 1 and text.endswith(ways[0]) and "先" not in text and not re.search(r"\d", text):
        return ways[0]
    if (quantity := _quantity(text)) is not None:
        return quantity
    match = _STATED.search(text)
    return match["answer"].strip() if match else None


def _quantity(text: str) -> str | None:
    """The one number of a sentence, with its unit."""
    numbers = list(_NUMBER.finditer(text))
    if (
        len(numbers) != 1
        or _OTHER_NUMBER.search(text)
        or re.search(r"[A-Za-z\\(]", text[: numbers[0].start()])
    ):
        return None
    behind = text[numbers[0].end() :]
    unit = _UNIT.match(behind)
    rest = behind[unit.end() :] if unit else behind
    if re.search(r"[A-Za-z\\^*/+=<>()]", rest) or (unit is None and rest):
        return None
    return numbers[0][0] + (unit[0] if unit else "")
