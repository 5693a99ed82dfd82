r"""Sentences that mention a value and do not state it as the answer.

Enters: a sentence, or the words before a value that is set apart. Leaves: whether it only supposes, uses,
recalls, checks, quotes, gives up or points to what it shows. Always holds: what stands behind the last "so"
is judged alone; a sentence of which the writer is the subject states something only by a verb of finding,
such as "we get".
"""

from __future__ import annotations

import re

from r1v.scoring.sentences.phrases import (
    CHINESE,
    HEARSAY,
    LEADING,
    LEADS,
    NO_VERB,
    NOT_IT,
    NUMBERED,
    OPENING,
    ORDERS,
    QUOTED,
    REFERENCE,
    RESULT,
    SUBJECT,
    SUPPOSED,
    THAT,
    WANTED,
    WRITER,
)

_CONCLUSION = re.compile(
    r"(?<![A-Za-z])(?:so(?!\s+far\b)|hence|thus(?!\s+far\b)|therefore|consequently|leaving)(?![A-Za-z])(?:\s+that\b)?,?\s*"
    r"|所以|因此|故(?!障)",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"(?:,\s*(?:provided|whose|although|though|while|until|unless|before|assuming|whether|once|where)"
    r"|(?:,\s*|\s+)(?:since|because|given\s+that|even\s+though))\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_REASON = re.compile(
    r"(?:^|(?<=,\s))(?:since|because|as|given\s+that|although|while|though|from|using|with|knowing)\b[^,]*,\s+",
    re.IGNORECASE,
)
_WORDS_IN_BRACKETS = re.compile(r"\s*\((?=[^()]*[a-z]{3})[^()\d]*\)")
_ALSO = re.compile(r"\b(?:also|too|as\s+well)\b", re.IGNORECASE)
_HAS_VALUE = re.compile(
    r"\d|[=<>]|\\(?:frac|sqrt|pi)|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b",
    re.IGNORECASE,
)
MAX_SENTENCE = 600  # characters that are looked at, from the end
_OPENING = re.compile(OPENING, re.IGNORECASE)
_SET_OFF = re.compile(r",\s|[:：]\s")


def is_mention(sentence: str, in_words: bool = False) -> bool:
    """Whether a sentence only mentions the value that it shows. in_words: whether words are a value too."""
    text = scope(sentence)
    if not in_words and not _HAS_VALUE.search(text):
        return False
    return any(one.match(text) for one in LEADS) or _is_held_back(text) or _is_step(text)


def is_held_back(sentence: str) -> bool:
    """Whether a sentence supposes, quotes or gives up what it announces."""
    text = scope(sentence)
    return SUPPOSED.match(text) is not None or _is_held_back(text)


def leads_to_mention(lead: str) -> bool:
    """Whether the words before a formula or a list that is set apart say that it is no answer."""
    if re.search(r"[.。!]$", lead.strip()):
        return False  # a sentence by itself
    text = scope(lead).rstrip(" :：")
    return any(one.match(text) for one in LEADS) or _is_held_back(text) or LEADING.search(text) is not None


def scope(sentence: str) -> str:
    """The sentence behind its last "so", or behind "but" if a value stands there."""
    text = sentence[-MAX_SENTENCE:].strip().strip("*").rstrip(".。!*")
    for match in reversed(list(_CONCLUSION.finditer(text))):
        if rest := text[match.end() :].strip():
            return rest
    _, but, behind = text.rpartition(", but ")
    return behind if but and _HAS_VALUE.search(behind) and not _ALSO.search(behind) else text


def main_clause(text: str) -> str:
    """A sentence without what gives its reasons, before or behind it or in brackets."""
    text = _WORDS_IN_BRACKETS.sub("", text)
    for one in (_BEHIND, _REASON):
        rest = one.sub("", text, count=1)
        text = rest if len(rest.split()) > 1 else text
    return text


def _is_held_back(text: str) -> bool:
    return bool(QUOTED.search(text) or CHINESE.search(text) or NOT_IT.search(main_clause(text)))


def _is_step(text: str) -> bool:
    """Whether a sentence tells what is done, points to another place or says something about a number."""
    if text.endswith((":", "：")) or THAT.search(text) or WANTED.match(text) or REFERENCE.search(text):
        return True
    if any(one.match(text) for one in (NUMBERED, SUBJECT, HEARSAY, NO_VERB)):
        return True
    if RESULT.search(text):
        return False
    rest = _OPENING.sub("", text, count=1)
    ordered = ORDERS.match(rest) is not None and not _SET_OFF.search(rest)
    return ordered or (WRITER.match(text) is not None and ":" not in text)
