"""The option that is left when a text has ruled the others out.

Enters: the sentences of a line that weighs several options. Leaves: the one letter that they settle on.
Always holds: where letters are denied, only a letter that is affirmed is taken, and only if no other one is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ONE = (
    r"(?<![A-Za-z\\])(?:options?\s+|choices?\s+|answers?\s+|选项)?"
    r"[(\[*]{0,3}(?-i:[A-Z])[)\]*]{0,3}(?![A-Za-z'’])(?:\s*\([^()]{2,60}\))?"
)
_LIST = rf"{_ONE}(?:\s*(?:[,、，;]\s*(?:and|or|nor)?|and|or|nor|&|和|与|或|及|以及)\s*{_ONE}){{0,9}}"
_RULED_OUT = (
    r"eliminated|ruled\s+out|excluded|rejected|discarded|dismissed|crossed\s+out|incorrect|wrong|false"
    r"|impossible|out\b|too\s+\w+|not\b|n't\b|cannot\b|fail(?:s|ed)?\b|exceeds?\b|contradicts?\b|violates?\b|invalid"
    r"|inconsistent|implausible|错误|错|不对|不正确|不符合|不成立|不选|排除"
)
_DENIED = re.compile(
    r"(?:\b(?:eliminat(?:e|es|ed|ing)|rul(?:e|es|ed|ing)\s+out|exclud(?:e|es|ed|ing)|reject(?:s|ed|ing)?|discard(?:s|ed|ing)?"
    rf"|dismiss(?:es|ed|ing)?|cross(?:ed|ing)?\s+out|neither|nor|not(?:\s+be)?|cannot\s+be|(?:ca|could|wo|is|are|must)n?['’]t(?:\s+be)?)\s+(?:either\s+|both\s+|all\s+)?|排除|不选|不可能是|不会是|不是){_LIST}"
    r"|\bnot\s+[^\s,;.]{1,20}\s+\((?-i:[A-Z])\)"
    rf"|\brul(?:e|es|ed|ing)\s+{_LIST}\s+out\b"
    rf"|{_LIST}\s*(?:(?:are|is|were|was|do|does|did|can|could|must|have|has|be|been|all|both|also|clearly|obviously"
    rf"|therefore|thus|definitely|each|都|均|全|也|是)\s*){{0,4}}(?:{_RULED_OUT})",
    re.IGNORECASE,
)
_BETWEEN = re.compile(rf"\bbetween\s+{_ONE}\s+and\s+{_ONE}", re.IGNORECASE)
_ALL_BUT = re.compile(
    r"\b(?P<how>all|every\w*|each|none|no(?:\s+(?:one|other))?)(?:\s+of)?(?:\s+the)?(?:\s+other)?(?:\s+(?:options?|choices?|answers?))?"
    rf"\s*,?\s*(?:except|but|other\s+than|besides|apart\s+from)(?:\s+for)?\s+(?P<kept>{_LIST})",
    re.IGNORECASE,
)
_VERBS = r"eliminat|rul(?:e|es|ed|ing)\s+out|exclud|reject|discard|dismiss|cross(?:ed|ing)?\s+out"
_AFFIRMED = re.compile(
    r"\b(?:answer|option|choice|choose|pick|select|guess|leav\w*|left|remain\w*|must\s+be|should\s+be|correct|right|best|only|fits?"
    r"|works?|match\w*|satisf\w+|does|holds?|so|hence|thus|therefore|elimination|it['’]?s|it\s+is|go\s+with|true)\b|选|正确|对|剩|答案",
    re.IGNORECASE,
)
_LETTER = re.compile(r"(?<![A-Za-z\\'’])([A-Z])(?![A-Za-z'’])")
_ARTICLE = re.compile(
    r"\bA(?=\s+[a-z])(?!\s+(?:is|are|and|or|because|since|as|not|does|fits|works|remains?|matches|satisfies|holds|fails?)\b)"
)
_PRONOUN = re.compile(r"\bI(?=\s+[a-z]|['’])")
_NO_OPTION = re.compile(
    r"(?:°|\\circ\s*\}?)\s*[CFK](?![A-Za-z])"  # 20 °C
    r"|(?<![A-Za-z\d.])\d[\d.,]*\s?(?:\\(?:mathrm|text)\{)?[ACFHJKNTVW]\}?(?![A-Za-z])(?!['’])"  # 300 K, 5 A
    r"|(?<![A-Za-z\\])[A-Z](?=\s*[_^]|[\d₀-₉⁰-⁹²³⁺⁻]|[+-](?:\s|$)|\s*=\s*[-\\$\d])"  # H_2, K+, C = 12
    r"|(?<![A-Za-z\\])[A-Za-z]\s?\([A-Z](?=[^()]*\))[^()]*\)"  # P(A)
)
MAX_WEIGHED = 600  # characters


def denies(text: str) -> bool:
    """Whether a text rules options out."""
    return len(text) <= MAX_WEIGHED and bool(_DENIED.search(text) or _ALL_BUT.search(text))


def without_denied(text: str) -> str:
    """The text without what it rules out."""
    return _DENIED.sub(" ", text) if len(text) <= MAX_WEIGHED else text


def without_other_letters(text: str) -> str:
    """The text without capital letters that name no option: the article "a", the pronoun "I", a unit's
    letter, a chemical symbol, a variable."""
    return _NO_OPTION.sub(" ", _PRONOUN.sub(" ", _ARTICLE.sub(" ", text)))


def settled(sentences: Sequence[str], letters: Sequence[str]) -> str | None:
    """The one letter that sentences affirm, after they denied others; "" where they only deny; None where
    nothing is affirmed, or several letters are."""
    denied, affirmed, named = set[str](), set[str](), set[str]()
    for sentence in sentences:
        but = _ALL_BUT.search(sentence)
        if but is not None:
            rest = sentence[: but.start()] + sentence[but.end() :]
            ruled_out = re.search(f"{_RULED_OUT}|{_VERBS}", rest, re.IGNORECASE) is not None
            kept_ones = affirmed if ruled_out != but["how"].lower().startswith("no") else denied
            kept_ones |= _standing(but["kept"], letters)
            continue
        left = _BETWEEN.sub(" ", sentence)
        for match in _DENIED.finditer(left):
            denied |= _standing(match[0], letters)
        left = _DENIED.sub(" ", left)
        found = _standing(left, letters)
        alone = re.fullmatch(r"\W*[A-Z]\W*", left) is not None
        (affirmed if alone or _AFFIRMED.search(left) else named).update(found)
    if not affirmed and not named:
        return ""
    kept = affirmed - denied
    return kept.pop() if len(affirmed) == len(kept) == 1 and not named - affirmed - denied else None


def _standing(text: str, letters: Sequence[str]) -> set[str]:
    """Letters of options that stand alone."""
    return {match[1] for match in _LETTER.finditer(without_other_letters(text)) if match[1] in letters}
