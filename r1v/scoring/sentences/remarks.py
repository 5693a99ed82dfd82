r"""What stands behind the answer at the end of a reply: good wishes, offers, checks, remarks.

Enters: a reply. Leaves: its lines without these, and the sentences of a text. Always holds: a sentence that
takes something back, goes on working or concludes is never passed over; a sentence that shows a value only if
it checks, stands in brackets or says what would be otherwise.
"""

from __future__ import annotations

import re

from r1v.scoring.sentences.mentions import is_mention
from r1v.scoring.sentences.phrases import phrases
from r1v.scoring.sentences.stance import is_asked, is_said

_SENTENCE_END = re.compile(
    r"(?<=[^\d\s])(?<![Ii]\.e)(?<![Ee]\.g)(?<!approx)(?<!\b[pP])(?<!\bpp)(?<!\b[eE]q)(?<!\b[fF]ig)(?<!\b[cC]f)\.\s|(?<=\d)\.(?:\s|$)|[。;；]\s?"
)
_WORDS = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}")
_FENCE = re.compile(r"(?:```|~~~)\w*")
_FAREWELL = phrases(
    r"(?:i )?hope\b[^\d]*$", r"let me know\b[^\d]*$", r"feel free\b[^\d]*$", r"if you have\b[^\d]*$",
    r"(?:happy to|good luck|thanks|thank you|best regards)\b[^\d]*$", r"(?:希望|如有)[^\d]*$",
    after=r"[*_]*",
)  # fmt: skip
_CHECK = phrases(
    r"(?:(?:double |sanity |quick |cross-?)?check|verification|to (?:check|verify)|检验|验算|note|tip|remark"
    r"|fun fact"
    r"|test|proof|probe|(?:boundary|edge|special) case)[*_]*\s*[:：]",
    r"(?:as a (?:\w+ )?check|checking|testing|test|and indeed|indeed)\b(?=.*[\d=<>])",
    r"count(?:ing)?[*_]*\s*:(?=.*=.*=)",
    r"both sides (?:have|now have|contain)\b", r"(?:系数|原子|电荷)[^。]*(?:配平|守恒|相等)",
    after=r"[>\s]*[*_(]*",
)  # fmt: skip
_GOOD = phrases(
    r"(?:both (?:check|work|fit|are fine|satisfy it)|fine|good|great|done|nice|perfect|works|as expected"
    r"|all good|q\.?e\.?d|(?:it|that|this|which|everything)"
    r" (?:works|checks|fits|matches|agrees)(?: out)?)\W*",
    after=r"\W*",
)
_RETRACTED = re.compile(
    r"\b(?:so|hence|thus|therefore|answer|wait|actually|sorry|mistake\w*|instead|correct\w*|wrong|should)\b",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"[*_]*\((?![^()]*\)\s*\S)(?=[^()]*[a-z]{3}).*\)[*_.]*", re.DOTALL)
_OTHERWISE = phrases(
    r"^(?:without|with|had|if|ignoring)\b.*\b(?:would|had) (?:have been|be)\b",
    r"^(?:if|had)\b.*\bwould have (?:got|given)\b",
)
_LINE = re.compile(r"[-*_—]{3,}")
_DECORATION = phrases(
    r"(?<=[.。!])[\s∎□■✅]+$", r",\s*as (?:required|claimed|expected|desired|needed|asked)\.?$"
)
_REMARK = phrases(  # a sentence behind the one that gives the answer
    r"(?:this|that|these|it|they|he|she|which)\b[^\d]*$", r"(?:i )?hope\b[^\d]*$", r"let me know\b[^\d]*$",
    r"(?:feel free|done|thanks|good luck)\b[^\d]*$", r"q\.?e\.?d\.?\W*$", r"$", r"check\b",
    after=r"\W*",
)  # fmt: skip
_OBJECTION = phrases(
    r"\b(?:not|never|no|fails?|wrong|but|however|contradict\w*|still|remains?|must|has to|have to|needs?)\b",
    r"\b(?:impossible|only|then|next)\b", r"n['’]t\b", r"\\ne", r"≠", r"不",
)  # fmt: skip
_GOES_ON = re.compile(r"\b(?:before the|half|twice|doubl\w+|halv\w+)\b", re.IGNORECASE)
_CORRECTION = phrases(  # in a note behind the answer
    r"\b(?:so|hence|thus|therefore|answer|final|correct(?:ion|ed)?|should|actually|mistake\w*|errors?)\b",
    r"\b(?:instead|rather|sorry|wait|extraneous|excluded?|rejected|discard\w*|invalid|except|unless)\b",
    r"\b(?:undefined|without|minus|add|subtract)\b",
)  # fmt: skip
_SHOWS_VALUE = re.compile(  # also one in words, or the statement that there is none
    r"[\d=<>$\\²³½¼¾√π∞%|]|\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|half"
    r"|thirds?|quarters?|twice|double[sd]?|tripled?|none|nothing|infinit\w*|undefined|exists?|same|unchanged|determined|both|neither"
    r"|either|yes|true|false|correct|solutions?|empty)\b|[一-鿿]",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(r"\*\*|^\W*(?:so|hence|thus|therefore|altogether|in total)\b|∴", re.IGNORECASE)
_WORK_LEFT = re.compile(
    r"\b(?:other|rest|next|part|second|third|left|follows?|find|still|if|would|now|from|with this|will|can"
    r"|could|another|also|too)\b",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"\\(?:begin|end)\{[a-z*]+\}|\\[A-Za-z]+")
_LONG_WORD = re.compile(r"[A-Za-z]{3,}")
_OFFER = re.compile(r"\b(?:you|me|your)\b", re.IGNORECASE)
MAX_PASSED = 6  # checks and good wishes at the end
MAX_REMARKS = 3  # sentences at the end
MIN_WORDS = 4  # of a sentence behind a semicolon


def answer_lines(text: str) -> list[str]:
    """The lines of a reply, without fences, and without the good wishes and checks at its end."""
    stripped = (line.strip() for line in text.splitlines())
    lines = [line for line in stripped if line and not _FENCE.fullmatch(line)]
    for _ in range(MAX_PASSED):
        if not lines:
            break
        whole = _LINE.fullmatch(lines[-1]) or _FAREWELL.match(lines[-1]) or _is_check(lines[-1])
        sentences = sentences_of(lines[-1])
        if not whole and (len(sentences) < 2 or not _is_check(sentences[-1])):
            break
        if len(lines) == 1 and (whole or len(sentences) < 2):
            break
        lines = lines[:-1] if whole else [*lines[:-1], " ".join(sentences[:-1])]
    return [*lines[:-1], _DECORATION.sub("", lines[-1])] if lines else []


def _is_check(sentence: str) -> bool:
    """Whether a sentence or a line checks what stands before it, is an aside in brackets, or says what
    would be otherwise."""
    if _GOOD.fullmatch(sentence):
        return True
    if _BRACKETED.fullmatch(sentence) or _OTHERWISE.search(sentence):
        return not _RETRACTED.search(sentence)
    return (
        bool(_CHECK.match(sentence)) and not _OBJECTION.search(sentence) and not _CORRECTION.search(sentence)
    )


def without_remarks(lines: list[str]) -> list[str]:
    """The lines without sentences at their end that show no value, where one before them concludes with
    one."""
    for _ in range(MAX_REMARKS):
        sentences = sentences_of(lines[-1]) if lines else [""]
        before = " ".join(sentences[:-1]) or (lines[-2] if len(lines) > 1 else "")
        told = sentences_of(before)[-1]
        formula = not _LONG_WORD.search(_COMMAND.sub("", told))
        concludes = re.search(r"\d", told) and (formula or _CONCLUDED.search(told))
        if not _is_remark(sentences[-1]) or not concludes:
            break
        lines = [*lines[:-1], " ".join(sentences[:-1])] if len(sentences) > 1 else lines[:-1]
    return lines


def _is_remark(sentence: str) -> bool:
    """Whether a sentence shows no value and takes nothing back, or is an offer to the reader."""
    if _SHOWS_VALUE.search(sentence):
        return False
    if is_asked(sentence):
        return _OFFER.search(sentence) is not None
    if objects(sentence) or _CORRECTION.search(sentence) or _WORK_LEFT.search(sentence):
        return False
    return is_said(sentence) and not is_mention(sentence, in_words=True)


def objects(sentence: str) -> bool:
    """Whether a sentence takes back or goes on from what stands before it."""
    return _OBJECTION.search(sentence) is not None or _GOES_ON.search(sentence) is not None


def is_whole(sentences: list[str]) -> bool:
    """Whether the first sentence is the answer: what follows only remarks on it."""
    if not any(re.search(r"\d", one) for one in sentences) or sentences[1:] == [""]:
        return True  # "Paris. It lies on the Seine."
    return all(_REMARK.match(one) and not objects(one) for one in sentences[1:])


def sentences_of(text: str) -> list[str]:
    """The text cut behind each sentence, and nowhere between brackets."""
    found, start, counted = list[str](), 0, 0
    depth = dict.fromkeys("([{", 0)
    for match in _SENTENCE_END.finditer(text):
        between, counted = text[counted : match.start()], match.start()
        for opened, closed in ("()", "[]", "{}"):
            depth[opened] += between.count(opened) - between.count(closed)
        if match[0].strip() == ";" and len(_WORDS.findall(text, match.end(), match.end() + 200)) < MIN_WORDS:
            continue  # what follows is another part of the answer, not a sentence
        if all(level <= 0 for level in depth.values()):
            found.append(text[start : match.end()].strip())
            start = match.end()
    rest = text[start:].strip()
    return [*found, rest] if rest or not found else found
