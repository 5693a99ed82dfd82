r"""What a writer stands by, among the things that a reply says.

Enters: a reply, or a sentence of it. Leaves: the part that was not taken back, and whether a sentence or a
box is said as true. Always holds: what is denied, doubted, supposed, asked or quoted as somebody's mistake is
never an answer.
"""

from __future__ import annotations

import re

from r1v.scoring.boxed import Box

_WITHDRAWN = re.compile(
    r"(?:(?:[.!?,;:\u2014-]|\n|\A)\s{0,4}(?:(?:oh|hmm|hm|oops|but|ah)[,.]?\s+)?(?:no[,.]?\s+wait|wait[,.!\u2014-]*\s+no|no[,.]\s+(?:it|that)(?:'s|\s+is)"
    r"\s+(?:wrong|not\s+right|incorrect)|scratch\s+that|correction|on\s+second\s+thoughts?|i\s+(?:was\s+wrong|made\s+an?\s+(?:mistake|error))"
    r"|my\s+mistake|that(?:'s|\s+is)\s+(?:wrong|incorrect|not\s+right)|no[.!]\s+let\s+me\s+(?:reconsider|try\s+again|redo)"
    r"|(?:no,\s+)?sorry(?=[,:])|edit(?=:)|actually(?=,?\s+(?:it(?:'s|\s+is)|the\s+answer\s+(?:is|should\s+be))\s+[$(*]*(?:[A-Z]\b|-?\d|\\)))"
    r"(?![a-z])|不对|等等)\s*[,.:!;\u2014-]*",
    re.IGNORECASE,
)
_NOT_RESOLVED = (  # a doubt that the same sentence does not end
    r"(?![^.]*\b(?:but|so|therefore|hence|thus)\b[^.]*\b(?:answer|choose|choice|go|pick|select|think|conclude|settle)\b)"
)
_NOT_SAID = re.compile(
    r"\bif\b[^.]*\b(?:answer|result|option|choice)\b[^.]*\bwould\b|\b(?:answer|option|choice)\s+(?:would|could|might)\b[^.]*\bif\b"
    r"|\bif\s+(?:we|i|you|one)\s+(?:had|were|forgot|ignored|forget|ignore)\b|\bfor\s+example\b[^.]*\bif\b|\bif\b[^.]*\botherwise\b"
    r"|\b(?:(?<!no )doubt|unlikely|i\s+(?:don't|do\s+not)\s+(?:think|believe))\b"
    r"|\b(?:common|frequent|typical|easy|classic|usual)\s+(?:mistake|error|misconception|trap|wrong)"
    r"|\b(?:many|most|some|several|few|other)\s+(?:students|people|others|readers|solvers|of\s+\w+)\b[^.]*"
    r"\b(?:say|think|answer|choose|claim|guess|pick|believe|assume|conclude)s?\b"
    r"|\b(?:wrong|incorrect|least\s+likely|worst|unlikely|mistaken|false)\s+(?:answer|option|choice|result|one)\b"
    rf"|\b(?:perhaps|maybe|possibly)\b(?!\s+(?:surprisingly|unexpectedly|counterintuitively|you|we)\b){_NOT_RESOLVED}"
    rf"|\b(?:might|may|could)\s+(?:well\s+|also\s+|just\s+)?be\s+(?=[$(\[*]*(?:[A-Z]\b|[-+]?\d|\\(?:boxed|frac|sqrt|pi)|option|choice|either)){_NOT_RESOLVED}"
    r"|也许|或许|(?<!不)可能(?:是|为|选)|大概(?:是|为)"
    r"|\b(?:not|never)\s+sure\b|\bunsure\b|\b(?:wrong|false|mistake)\s+to\s+say\b|\bfalse\s+that\b|\b(?:nobody|no\s+one)\b|\btrap\s+answer\b|\banything\s+but\b"
    r"|\bstudent'?s'?\s+answer\b|\b(?:mistakenly|wrongly|incorrectly|erroneously)\b|\btempt(?:ed|ing)\b"
    r"|\banswer\s*(?:\*\*)?\s*(?:isn't|can't|cannot|won't|is\s+not|can\s+not|could\s+not|couldn't|wasn't|is\s+never)\b(?![^.]*\b(?:so|but|therefore|hence)\b)",
    re.IGNORECASE,
)
_ASKED = re.compile(r"^\s*(?:is|are|could|can|would|should|might|does|do|was)\s[^.]*$|\?\s*$", re.IGNORECASE)
_DENIED_BEFORE = re.compile(
    r"(?:\bnot|n't|\bnever|\binstead\s+of|\brather\s+than|\bneither|\bnor)\s+"
    r"(?:(?:be|equals?|equal\s+to|simply|just|choose|pick|(?:the\s+)?(?:right\s+|correct\s+|final\s+)?answer(?:\s+is)?)\s+)?"
    r"[$(\[\\*\s]*$",
    re.IGNORECASE,
)
_DENIED_BEHIND = re.compile(
    r"[$)\]\\*\s.]{0,6}\s*(?:,?\s*which\s+)?(?:is|was|would\s+be|cannot\s+be|can't\s+be|isn't|were|are)?\s*"
    r"(?:clearly\s+|also\s+|definitely\s+|actually\s+|however\s+|therefore\s+)*(?:wrong|incorrect|false|an?\s+(?:mistake|error)"
    r"|not\s+(?:right|correct|the\s+(?:right\s+|correct\s+)?answer|possible)|impossible|my\s+(?:first|initial)\b"
    r"|would\s+be\s+(?:wrong|a\s+mistake))",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(
    r"\b(?:cannot|can['’]t|can\s+not|unable\s+to|don['’]t|do\s+not|not|unsure)\s+(?:(?:tell|decide|say|determine|know|sure)\s+)?which\b",
    re.IGNORECASE,
)
_ONE_OR_OTHER = re.compile(r"[^.!?;\n]*\bor\b[^.!?;\n]*", re.IGNORECASE)
_COULD = re.compile(r"\b(?:could|might|may|either)\b[^.!?;\n]*$", re.IGNORECASE)
_MISTAKE = re.compile(r"\b(?:mistake|wrong|incorrect|error)\b", re.IGNORECASE)
MAX_SENTENCE = 600  # characters that are looked at, from the end
_SOMETHING = re.compile(r"\w")
_CLAUSE_START = re.compile(r"[.!?;\n(]\s*(?=[^.!?;\n(]*$)")
_CLAUSE_END = re.compile(r"[.!?;\n)]")


def standing(text: str) -> str:
    """The reply behind the last place where its writer took something back, if anything stands there."""
    end = 0
    for match in _WITHDRAWN.finditer(text):
        if _SOMETHING.search(text, match.end()):
            end = match.end()
    return text[end:]


def is_said(sentence: str) -> bool:
    """Whether a sentence says something as true: it does not suppose, doubt or quote a mistake."""
    return not _NOT_SAID.search(sentence[-MAX_SENTENCE:])


def is_asked(sentence: str) -> bool:
    """Whether a sentence is a question."""
    return _ASKED.search(sentence[-MAX_SENTENCE:]) is not None


def _leaves_open(text: str, boxes: list[Box]) -> bool:
    """Whether a reply offers different boxes and does not choose among them."""
    if len({box.content for box in boxes[-2:]}) < 2:
        return False
    first, second = boxes[-2:]
    if _UNDECIDED.search(text, second.end):
        return True
    return (
        _COULD.search(text[max(0, first.start - 160) : first.start]) is not None
        and _ONE_OR_OTHER.fullmatch(text[first.end : second.start]) is not None
    )


def said_boxes(text: str, boxes: list[Box]) -> list[Box]:
    """The boxes that are said as true. A box that is only supposed counts if there is no other."""
    if _leaves_open(text, boxes):
        return []
    denied, supposed = set[Box](), set[Box]()
    for box in boxes:
        before, behind = text[max(0, box.start - 160) : box.start], text[box.end : box.end + 160]
        start = _CLAUSE_START.search(before)
        lead = before[start.end() if start else 0 :]
        tail = _CLAUSE_END.split(behind.lstrip("$)\\]*. "), maxsplit=1)[0]
        if _DENIED_BEFORE.search(lead) or _DENIED_BEHIND.match(behind):
            denied.add(box)
        elif _NOT_SAID.search(lead) or (
            lead.strip() and _MISTAKE.search(tail) and before.rstrip()[-1:] != ":"
        ):
            supposed.add(box)
    left = [box for box in boxes if box not in denied and box not in supposed]
    return left or [box for box in boxes if box not in denied]
