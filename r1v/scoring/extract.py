r"""The final answer in what a model wrote after its thinking.

Enters: the answer part of an output, never the thinking. Leaves: a short text and the way it was found.
Always holds: a box comes first; the fallbacks read only what announces itself as the answer, or is the
first or the last thing said; nothing is guessed from the middle of a text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1v.scoring.boxed import extract_boxed
from r1v.scoring.equivalence import plain

How: TypeAlias = Literal["boxed", "announced", "last-line", "first-line", "option", "none"]

_ANNOUNCED = re.compile(
    r"(?:final\s+answer|correct\s+(?:answer|option|choice)|answer|result|答案)\s*(?:\*\*)?\s*(?:is|are|was|:|=|：|是|为)"
    r"\s*[:：]?\s*(?:\*\*)?\s*(?P<answer>[^\n]{1,400})",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[^\d\s])\.\s|(?<=\d)\.(?:\s|$)|[。;；]\s?")
_LETTER = re.compile(r"(?<![A-Za-z\\])[(\[*]{0,3}([A-Z])[)\]*]{0,3}(?![A-Za-z'’])")
_SO_IT_IS = re.compile(r"^.*\s(?:is|are|equals)\s+(?=[-+]?[$\\]?[\d.(\\])", re.IGNORECASE)
MAX_LAST_LINE = 60  # characters; a longer last line is prose, not an answer


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was taken for the answer (None: nothing) and how it was found."""

    text: str | None
    how: How


def extract_answer(text: str) -> Extraction:
    """The answer to a question with a free answer: the last box, else the last announced answer, else a short
    last line."""
    if (boxed := extract_boxed(text)) is not None:
        return Extraction(boxed, "boxed")
    announced = [match["answer"] for match in _ANNOUNCED.finditer(text)]
    if announced:
        found = _trimmed(announced[-1])
        if found:
            return Extraction(found, "announced")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and len(lines[-1]) <= MAX_LAST_LINE and (found := _trimmed(lines[-1])):
        return Extraction(_SO_IT_IS.sub("", found), "last-line")  # "their sum is 12" gives 12
    return Extraction(None, "none")


def _trimmed(text: str) -> str:
    """The first sentence, without mark-up about it."""
    text = _SENTENCE_END.split(text.strip(), maxsplit=1)[0]
    return plain(text.strip().strip("*_ ").rstrip("."))


def extract_choice(text: str, options: Sequence[str]) -> Extraction:
    """The letter of the option that the text settles on; options: their texts, the first is A.

    In this order: a box that holds a letter or an option's text; an announced letter or option; a letter that
    stands alone in the last line; an option whose text, and no other's, occurs in the last line; a letter
    that is all of the first line.
    """
    letters = [chr(ord("A") + index) for index in range(len(options))]
    boxed = extract_boxed(text)
    if boxed is not None:
        return Extraction(_as_letter(boxed, options, letters), "boxed")
    for match in reversed(list(_ANNOUNCED.finditer(text))):
        if (letter := _as_letter(_trimmed(match["answer"]), options, letters)) is not None:
            return Extraction(letter, "announced")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return Extraction(None, "none")
    if (letter := _as_letter(_trimmed(lines[-1]), options, letters)) is not None:
        return Extraction(letter, "last-line")
    found = [letter for letter, option in zip(letters, options, strict=True) if _contains(lines[-1], option)]
    if len(found) == 1:
        return Extraction(found[0], "option")
    if first := re.fullmatch(r"[(\[]?([A-Z])[)\].:]?", lines[0]):  # "(B)", and why in the lines below
        return Extraction(first[1] if first[1] in letters else None, "first-line")
    return Extraction(None, "none")


def _as_letter(text: str, options: Sequence[str], letters: Sequence[str]) -> str | None:
    """The one letter that a short text names, by itself or by its option's words."""
    text = plain(text)
    by_text = [letter for letter, option in zip(letters, options, strict=True) if _same_words(text, option)]
    if len(by_text) == 1 and text.upper() not in letters:
        return by_text[0]
    text = re.sub(r"^[(\[]\s*([A-Za-z])\s*[)\]]$", r"\1", text)
    if len(text) == 1:
        return text.upper() if text.upper() in letters else None
    named = {match[1] for match in _LETTER.finditer(text) if match[1] in letters}
    if match := re.match(r"[(\[]?([A-Za-z])[)\]]?\s*[.:)：、,]\s*\S", text):  # "B. the red one"
        return match[1].upper() if match[1].upper() in letters else None
    if "A" in named and len(named) > 1 and re.match(r"A\s+[a-z]", text):  # the article
        named.discard("A")
    return named.pop() if len(named) == 1 and len(text) <= 200 else None


def _same_words(text: str, option: str) -> bool:
    return bool(option.strip()) and " ".join(text.casefold().split()) == " ".join(
        plain(option).casefold().split()
    )


def _contains(line: str, option: str) -> bool:
    option = plain(option).casefold()
    return (
        len(option) > 1
        and re.search(rf"(?<!\w){re.escape(option)}(?!\w)", plain(line).casefold()) is not None
    )
