"""Whether a reply says that the question cannot be answered.

One rule for every model: an answer without a box that begins with one of a few plain sentences that say so.
"""

from __future__ import annotations

import re

# how a reply begins that gives no answer, after an excuse at most
_EXCUSE = r"(?:(?:i am|i'm) sorry|sorry|unfortunately|but|抱歉|对不起)(?:[,.!:;，。]|\b)?\s*"
_UNABLE = r"(?:can't|cannot|can not|could not|couldn't|am unable to|am not able to|do not|don't)"
_BEGINNING = re.compile(
    rf"\s*(?:{_EXCUSE})*"
    rf"(?:i\s+(?:really\s+)?{_UNABLE}\s+(?:tell|answer|say|see|read|know|determine|help)\b"
    r"|我(?:答不出来|看不出来|看不懂|不知道|无法|不能|没办法|回答不了))",
    re.IGNORECASE,
)


def is_refusal(answer: str) -> bool:
    """Whether an answer says that it cannot be given: no box, and a beginning such as "I can't tell".

    answer: the text behind the thinking. An answer in a box is never one, whatever it says before the box.
    """
    text = answer.replace("\u2019", "'")
    return "\\boxed" not in text and _BEGINNING.match(text) is not None
