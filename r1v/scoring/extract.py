r"""The final answer in what a model wrote after its thinking.

Enters: the answer part of an output, never the thinking. Leaves: a short text, and how it was found. Always
holds: a box comes first; without one, only text that is announced as the answer, or that stands first or
last, is read; nothing is guessed from the middle of a text; a text that names several options has chosen
none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from r1v.scoring.boxed import assigned_together, bold_together, extract_boxes, find_boxes, labelled_boxes
from r1v.scoring.compare import compare
from r1v.scoring.notation import tidy
from r1v.scoring.sentences.blocks import assigned, block
from r1v.scoring.sentences.elimination import (
    denies,
    settled,
    without_denied,
    without_other_letters,
)
from r1v.scoring.sentences.final import final_statement
from r1v.scoring.sentences.mentions import is_held_back, is_mention
from r1v.scoring.sentences.named import heads, named
from r1v.scoring.sentences.prose import VERB, stated
from r1v.scoring.sentences.remarks import answer_lines, is_whole, objects, sentences_of, without_remarks
from r1v.scoring.sentences.stance import is_asked, is_said, said_boxes, standing

How: TypeAlias = Literal["boxed", "announced", "last-line", "first-line", "option", "none"]

_ANNOUNCED = re.compile(
    r"(?:final\s+answer|(?:correct|right)\s+(?:answer|option|choice|one)|answer|result|答案)\s*(?:\*\*)?\s*(?:is|are|was|:|=|：|→|->|['’]s(?=\s)|是|为)"
    r"\s*[:：]?\s*(?:\*\*)?\s*(?:(?:therefore|thus|hence|then|simply|indeed|clearly)\s+)?(?P<answer>[^\n]{1,400})",
    re.IGNORECASE,
)
_NOT_ANOTHER = re.compile(
    r"(?:,\s*(?:and\s+|but\s+)?not|,?\s+rather\s+than)\s+\S{1,40}$|\s*\((?:and\s+)?not\s+[^()]*\)$",
    re.IGNORECASE,
)
_REASONS = re.compile(
    r"(?<=[\d)}]),?\s+(?:since|because|which\s+(?:is|means|gives|equals|makes))\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*|__)(?=\S)(.{1,200}?)(?<=\S)\1(?![\w*])")
_FENCE = re.compile(r"(?:```|~~~)\w*")
_LETTER = re.compile(r"(?<![A-Za-z\\'’])[(\[*]{0,3}([A-Z])[)\]*]{0,3}(?![A-Za-z'’])")
_MARKED = re.compile(r"[(\[]?([A-Za-z])[)\]]?\s*[.:)：、,]\s*(?=\S)")  # "B. the red one"
_LABEL = r"(?:\b(?:option|choice|answer)\s*)?(?<![A-Za-z'’])[(\[*]{0,3}(?-i:[A-Z])[)\]*]{0,3}(?![A-Za-z'’])"
_DENIED = re.compile(
    r"(?:\bnot|\bcannot|\bnever|\bunlike|不是|不选|并非|而非|排除|n't"
    r"|\bneither|\bnor|\brather than|\binstead of|\bexcept|\bexcludes?|\beliminates?"
    r"|\brules? out|\bover|\bbetween\s+\S+\s+and)"
    rf"\s*(?:\bbe\s+)?(?<![A-Za-z]){_LABEL}|{_LABEL}\s*\?|{_LABEL}\s+(?:cannot|can't|can not"
    r"|could not|couldn't|is not|isn't|does not|doesn't"
    r"|must not"
    r"|will not|won't|(?:is|are|must be|would be)\s+(?:clearly |also |definitely )?"
    r"(?:wrong|incorrect|false|impossible|ruled out|out))",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"(?<=\S)\s+\([^()]{4,}\)\s*\.?\s*$")
_STARTS_WITH_NUMBER = re.compile(r"[-$\\(]*\d")
_NEGATION = re.compile(
    r"\b(?:not|never|no\s+longer|cannot|nor|neither|false\s+that)\b|n['’]t\b|不|没有|并非",
    re.IGNORECASE,
)
_OF_SEVERAL = re.compile(
    r"(?:(?:^|(?<=[.!;\n。]\s)|(?<=\n))[(\[]?|选项\s*)(?P<letter>[A-Z])(?:[)\].:]+\s*|(?<=选项.)\s*|\s*[-–]\s+)"
    r"(?P<said>[^.!;\n,，。]*)",
    re.MULTILINE,
)
_VERDICT = re.compile(
    r"(?P<denied>\b(?:not|in)\s*(?=correct|right|true)|不)?(?:\b|(?<=in))?(?:(?P<right>correct|right|yes|✓|✔|正确|对)|wrong|no\b|✗|✘|错误|错)"
    r"\W*$",
    re.IGNORECASE,
)
_SMALL_LETTER = re.compile(
    r"\b(?:(?:i['’]?d|i|we|i['’]ll|i would)\s+(?:go\s+(?:for|with)|pick|choose|say|take)|(?:it|so)(?:['’]s"
    r"|\s+is)?|answer(?:\s+is)?)"
    r"\s+\(?([b-z])\)?$"
)
_SAYS = re.compile(r"\b(?:is|are|equals)\s+[-+]?[$\\]?[\d(]", re.IGNORECASE)
_SO_IT_IS = re.compile(
    r"^(?:(?:.*\s)?(?:is|are|equals)|(?:.*\s)?it['’]s|so|hence|thus|therefore),?\s+(?=[-+]?[$\\]?[\d.(\\])",
    re.IGNORECASE,
)
_PLACE_END = re.compile(r"[.!?。]\s|\n")
_EMOJI = re.compile("[\U0001f000-\U0001faff\ufe0f\u27a1\u2b50\u2728\u200d]\\s?")
_SPEAKS_OF_IT = re.compile(r"(?:it|this|they|these|he|she|its|their|his|her|that)\b", re.IGNORECASE)
_LISTED = re.compile(r"[-*•|#>]\s|\d+[.)]\s|\|")
_BEHIND_ANSWER = re.compile(r"[,(;]")
_PASSING = re.compile(r"(?<!final )result\W*(?:is|are|was|:|=|：|是|为)\W*$", re.IGNORECASE)
_LEFT_OPEN = re.compile(r"\bcannot\b|\bcan['’]t\b|\bdepends\b|\binfinitely\b", re.IGNORECASE)
MAX_ANNOUNCED = 20  # announcements, the last ones, that are searched for an option
MAX_REST = 1000  # characters behind an announced result
MAX_BEFORE = 300  # characters of a sentence before what it announces
MAX_REMARKS = 3  # sentences at the end
MAX_LAST_LINE = 60  # characters; a longer last line is explanation, not an answer
MAX_NAMED = 200  # characters of a text that are searched for a letter


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was taken for the answer (None: nothing) and how it was found. together: all boxes of a reply by
    their labels, where the last one alone may be a part of the answer. words: what the last sentence names,
    for keys in words."""

    text: str | None
    how: How
    together: str | None = None
    words: tuple[str, ...] = ()


def extract_answer(text: str) -> Extraction:
    """The answer to an open question: the last box (or boxes that belong together, joined by commas),
    otherwise the last announced answer, otherwise a short last line."""
    found_boxes = said_boxes(text, find_boxes(text))
    if boxes := extract_boxes(text, found_boxes):
        together = labelled_boxes(text, found_boxes) or assigned_together(
            [box.content for box in found_boxes]
        )
        return Extraction(", ".join(boxes), "boxed", together)
    text = standing(_EMOJI.sub("", text))
    announced = _announced(text)
    if announced:
        found = _REASONS.sub("", _NOT_ANOTHER.sub("", _trimmed(announced[-1])))
        if found:
            lines = answer_lines(text)
            last = block(lines)
            whole = last[1] if last and _trimmed(lines[-last[0]]) == _trimmed(announced[-1]) else None
            return Extraction(
                found,
                "announced",
                whole,
                words=(*heads(found), *(named(found) if VERB.search(found) else ())),
            )
    lines = answer_lines(text)
    return replace(_from_end(without_remarks(lines)), words=_named_at_end(lines))


def _from_end(lines: list[str]) -> Extraction:
    """What the last lines of a reply without a box state."""
    sentences = sentences_of(lines[-1]) if lines else []
    if len(sentences) > 1 and sentences[-2].endswith((";", "；")) and _LEFT_OPEN.search(sentences[-2]):
        return Extraction(None, "none")
    together = bold_together("\n".join(lines)) or assigned(lines)
    if lines and (final := final_statement(lines, sentences)) is not None:
        return Extraction(final or None, "last-line" if final else "none", together if final else None)
    if not lines or is_asked(sentences[-1]) or not is_said(sentences[-1]) or is_mention(sentences[-1]):
        return Extraction(None, "none")
    if len(lines[-1]) <= MAX_LAST_LINE and is_whole(sentences) and (found := _trimmed(lines[-1])):
        whole = stated(found) is not None or len(_SAYS.findall(found)) > 1
        short = found if whole else _SO_IT_IS.sub("", found)
        return Extraction(short, "last-line", together)  # "their sum is 12" gives 12
    if said := stated(sentences_of(tidy(_EMPHASIS.sub(r"\2", lines[-1])))[-1]):
        return Extraction(said, "last-line", together)
    return Extraction(None, "none")


def _named_at_end(lines: list[str]) -> tuple[str, ...]:
    """What the last sentence with bold words names, or the last one; the one before it where that speaks of
    "it" and names nothing."""
    sentences = sentences_of(lines[-1])[-MAX_REMARKS:] if lines else []
    if len(sentences) == 1 and len(lines) > 1 and "**" not in sentences[0] and not _LISTED.match(lines[-2]):
        sentences = [sentences_of(lines[-2])[-1], *sentences]
    for at in range(len(sentences) - 1, -1, -1):
        if "**" in sentences[at]:
            taken_back = any(objects(one) or not is_said(one) for one in sentences[at + 1 :])
            return () if taken_back else named(sentences[at])
    found = named(sentences[-1]) if sentences else ()
    if not found and len(sentences) > 1 and _SPEAKS_OF_IT.match(sentences[-1]):
        return () if objects(sentences[-1]) else named(sentences[-2])
    return found


def _announced(text: str) -> list[str]:
    """What the text announces as the answer, in sentences that are said as true; each goes on to the end of
    its line."""
    found, position = list[str](), 0
    while (match := _ANNOUNCED.search(text, position)) is not None:
        first = sentences_of(match["answer"])[0]
        position = match.start("answer") + max(len(first), 1)
        before = _PLACE_END.split(text[max(0, match.start() - MAX_BEFORE) : match.start()])[-1]
        question = re.match(r"[^.]{0,60}?\?", match["answer"])
        announcement = f"{before}{text[match.start() : match.start('answer')]}"
        held_back = is_held_back(announcement + _BEHIND_ANSWER.split(first)[0])
        rest = sentences_of(text[match.start("answer") + len(first) :][:MAX_REST].strip(" \n.。"))
        passing = _PASSING.search(announcement) is not None and not is_whole([first, *rest])
        if not question and is_said(announcement + first) and not held_back and not passing:
            found.append(match["answer"])
    return found


def _trimmed(text: str) -> str:
    """The first sentence, without its mark-up."""
    text = _EMPHASIS.sub(r"\2", text)
    text = re.sub(r"(?<=\S)\*\*(?=[\s.,;(]|$)", "", text) if text.count("**") == 1 else text
    return tidy(sentences_of(tidy(text))[0].strip("*_ ").rstrip("."))


def extract_choice(text: str, options: Sequence[str]) -> Extraction:
    """The letter of the option that the text settles on; options: their texts, the first is A.

    In this order: a box that holds a letter or an option's text or value; an announced letter or option; a
    letter that the last line settles on; an option whose text, and no other's, occurs in the last line; a
    letter that is all of the first line. A box that names no option, such as an intermediate result, does not
    hide an announced letter. If a place names several options, the search ends without a choice.
    """
    letters = [chr(ord("A") + index) for index in range(len(options))]
    boxed = extract_boxes(text, said_boxes(text, find_boxes(text)))
    picks = [_picked(content, options, letters) for content in boxed]
    if boxed and (picked := picks[-1]):
        several = len({one.letter for one in picks if one is not None}) > 1
        return Extraction(None if several else picked.letter, "boxed")
    text = standing(text)
    announced = [_trimmed(_ASIDE.sub("", answer)) for answer in _announced(text)[-MAX_ANNOUNCED:]]
    for answer in reversed(announced):
        if picked := _picked(answer, options, letters):
            return Extraction(picked.letter, "announced")
    if (judged := _judged(text, letters)) is not None:
        return Extraction(judged.letter, "option")
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not _FENCE.fullmatch(line.strip())
    ]
    if not lines:
        return Extraction(None, "none")
    last = sentences_of(lines[-1])[-1]
    asked = is_asked(last) and not any(option.strip().endswith("?") for option in options)
    if _is_echo(lines, options) or asked or not is_said(last):
        return Extraction(None, "none")
    if (named_one := _option_named(text, options, letters)) is not None:
        return named_one
    if denies(lines[-1]) and (weighed := sentences_of(lines[-1])):
        final = weighed[-1:] if not denies(weighed[-1]) else weighed
        letter = settled(final, letters) or settled(weighed, letters)
        if letter != "":
            return Extraction(letter, "last-line" if letter else "none")
    return _from_lines(lines, options, letters, bool(announced and _STARTS_WITH_NUMBER.match(announced[-1])))


def _option_named(text: str, options: Sequence[str], letters: Sequence[str]) -> Extraction | None:
    """The one option whose words the last sentence names, or whose letter it picks in small type."""
    lines = answer_lines(text)
    names = () if lines and _MARKED.match(lines[-1]) else _named_at_end(lines)  # "B. It is half past."
    found = [
        letter
        for letter, option in zip(letters, options, strict=True)
        if option[1:].strip() and any(_same_words(name, option) for name in names)
    ]
    if len(found) == 1:
        return Extraction(found[0], "option")
    small = _SMALL_LETTER.search(sentences_of(lines[-1])[-1].rstrip(".! ")) if lines else None
    return Extraction(small[1].upper(), "last-line") if small and small[1].upper() in letters else None


def _from_lines(
    lines: Sequence[str], options: Sequence[str], letters: Sequence[str], announced: bool
) -> Extraction:
    """The option that the last line, or the first one, settles on. announced: whether the text announces a
    number, which is none of the options."""
    for part in (_trimmed(lines[-1]), lines[-1]):
        if (picked := _picked(part, options, letters)) and (picked.letter or part == lines[-1]):
            return Extraction(picked.letter, "last-line")
    opening = [letter for letter, option in zip(letters, options, strict=True) if _opens(lines[-1], option)]
    if len(opening) == 1:
        return Extraction(opening[0], "option")
    found = [letter for letter, option in zip(letters, options, strict=True) if _contains(lines[-1], option)]
    if len(found) == 1 and not announced and not _negated(lines[-1], options[letters.index(found[0])]):
        return Extraction(found[0], "option")
    # "(B)", with the explanation in the lines below
    if first := re.fullmatch(r"[(\[]?([A-Z])[)\].:]?", lines[0]):
        return Extraction(first[1] if first[1] in letters else None, "first-line")
    first = _MARKED.match(lines[0])
    if (
        first
        and first[1] in letters
        and _same_words(lines[0][first.end() :], options[letters.index(first[1])])
    ):
        return Extraction(first[1], "first-line")
    return Extraction(None, "none")


def _opens(line: str, option: str) -> bool:
    """Whether a line begins with the words of an option, as in ``Yes, no doubt about it``."""
    return (
        option[:1].isalpha() and re.match(rf"{re.escape(option)}\s*[,.!;:]", line, re.IGNORECASE) is not None
    )


def _negated(line: str, option: str) -> bool:
    """Whether the last sentence of a line that has an option's words denies something in other words."""
    words = tidy(option).casefold()
    having = [one for one in sentences_of(tidy(line).casefold()) if words in one]
    return bool(having) and _NEGATION.search(having[-1].replace(words, " ")) is not None


def _judged(text: str, letters: Sequence[str]) -> _Pick | None:
    """The one option that a text calls right, where it passes judgement on several, one after the other."""
    found = [match for match in _OF_SEVERAL.finditer(text) if match["letter"] in letters]
    verdicts = [_VERDICT.search(match["said"]) for match in found]
    if len({match["letter"] for match in found}) < 2 or any(verdict is None for verdict in verdicts):
        return None
    right = [
        match["letter"]
        for match, verdict in zip(found, verdicts, strict=True)
        if verdict is not None and verdict["right"] and not verdict["denied"]
    ]
    return _Pick(right[0] if len(right) == 1 else None)


def _is_echo(lines: Sequence[str], options: Sequence[str]) -> bool:
    """Whether the last lines only repeat the options, each with its letter."""
    if len(options) < 2 or len(lines) < 2:
        return False
    for line, at in ((lines[-1], len(options) - 1), (lines[-2], len(options) - 2)):
        match = _MARKED.match(line)
        if (
            match is None
            or match[1].upper() != chr(ord("A") + at)
            or not _same_words(line[match.end() :], options[at])
        ):
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Pick:
    """letter: None if several options are named, or one that does not exist."""

    letter: str | None


def _picked(text: str, options: Sequence[str], letters: Sequence[str]) -> _Pick | None:
    """The option that a short text names by its letter, its words or its value; None if it names no
    option."""
    text = tidy(text)
    by_text = [letter for letter, option in zip(letters, options, strict=True) if _same_words(text, option)]
    if len(by_text) == 1 and text.upper() not in letters:
        return _Pick(by_text[0])
    bare = re.sub(
        r"^(?:option|choice)\s+",
        "",
        re.sub(r"^((?:option|choice)\s+)?[(\[]\s*([A-Za-z])\s*[)\]]$", r"\2", text, flags=re.IGNORECASE),
        flags=re.IGNORECASE,
    )
    if re.fullmatch("[A-Za-z]", bare):
        return _Pick(bare.upper() if bare.upper() in letters else None)
    named = _named(text, letters)
    if len(named) > 1:
        return _Pick(None)
    if (match := _MARKED.match(text)) and match[1].upper() in letters and not (named - {match[1].upper()}):
        return _Pick(match[1].upper())
    if named:
        return _Pick(named.pop()) if len(text) <= MAX_NAMED else None
    by_value = [
        letter for letter, option in zip(letters, options, strict=True) if compare(text, option).equal
    ]
    return _Pick(by_value[0] if len(by_value) == 1 else None) if by_value else None


def _named(text: str, letters: Sequence[str]) -> set[str]:
    """Letters of options that stand alone in a text and are not negated."""
    text = _DENIED.sub(" ", without_denied(without_other_letters(text)))
    return {match[1] for match in _LETTER.finditer(text) if match[1] in letters}


def _same_words(text: str, option: str) -> bool:
    return bool(option.strip()) and " ".join(text.casefold().split()) == " ".join(
        tidy(option).casefold().split()
    )


def _contains(line: str, option: str) -> bool:
    option = tidy(option).casefold()
    return (
        len(option) > 1 and re.search(rf"(?<!\w){re.escape(option)}(?!\w)", tidy(line).casefold()) is not None
    )
