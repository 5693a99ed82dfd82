"""Options and right answers of people's own questions.

Enters: the fields of a row. Leaves: options in order, and the right answers as letters or texts. Always
holds: what cannot be a right answer of its type is refused before a question is asked; nothing is guessed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from r1v.core import parse_json
from r1v.eval.questions.data import DataError
from r1v.eval.questions.rows import LETTERS
from r1v.scoring import AnswerKind, extract_answer, extract_boxed, parse_number, read_clock

# the last line of a worked solution in the form of GSM8K
_MARKED = re.compile(r"^\s*####\s*(\S.*?)\s*$", re.MULTILINE)
_SHORT = 60  # characters; a longer solution without a mark is working, not an answer
_LETTER = re.compile(r"[(\[]?\s*([A-Za-z])\s*(?:[)\]]|[.:])+\s*(.*)", re.DOTALL)
# what the right answer of a type is
_NEEDED = {"number": "a number", "time": "a time of day such as 3:05"}


@dataclass(frozen=True, slots=True)
class Options:
    """The texts of a multiple choice in order, the first is A, and the names that the data has for them (""
    if it has none)."""

    texts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def read_options(found: Any) -> Options:
    """Options as data sets write them: a list; an object of names and texts; ARC's ``{"text": […], "label":
    […]}``; a list of objects with ``label`` and ``text``; each also as the text of one. Raises DataError."""
    value = _value_of_text(found) if isinstance(found, str) else found
    if isinstance(value, Mapping):
        if set(value) == {"text", "label"} and all(isinstance(one, list | tuple) for one in value.values()):
            if len(value["label"]) != len(value["text"]):
                raise DataError(
                    f"its options have {len(value['text'])} texts and {len(value['label'])} labels; "
                    "write one label for each text"
                )
            pairs = list(zip(value["label"], value["text"], strict=True))
        else:
            pairs = [(name, text) for name, text in value.items() if text is not None]
            letters = {str(name).strip().upper() for name, _ in pairs}
            if letters == set(LETTERS[: len(pairs)]):
                pairs.sort(key=lambda pair: str(pair[0]).strip().upper())
    elif isinstance(value, list | tuple):
        pairs = [_named(one) for one in value]
    else:
        pairs = [("", value)]
    texts = tuple(_scalar(text, "an option") for _, text in pairs)
    if len(texts) > len(LETTERS):
        raise DataError(f"it has {len(texts)} options; at most {len(LETTERS)} have a letter")
    return Options(_without_letters(texts), tuple(str(name).strip() for name, _ in pairs))


def _named(option: Any) -> tuple[Any, Any]:
    """The name and the text of one entry of a list of options."""
    if not isinstance(option, Mapping):
        return "", option
    if set(option) == {"label", "text"}:
        return option["label"], option["text"]
    raise DataError(
        f"an option is {str(dict(option))[:60]!r}; write its text, or an object with 'label' and 'text'"
    )


def _value_of_text(text: str) -> Any:
    """The list or object that a text stands for (JSON or Python); the text itself if it stands for none."""
    if text.strip()[:1] not in ("[", "{"):
        return text
    for reader in (partial(parse_json, what="options", error=DataError), ast.literal_eval):
        try:
            value = reader(text.strip())
        except (DataError, ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list | tuple | dict):
            return value
    raise DataError(f"options {text[:80]!r} are not a list; write them as a list")


def _without_letters(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The options without the letters that they carry already, if all of them do, in order."""
    found = [_LETTER.fullmatch(text) for text in texts]
    for letter, match in zip(LETTERS, found, strict=False):
        if match is None or match[1] != letter or not match[2].strip():
            return texts
    return tuple(match[2].strip() for match in found if match)


def _scalar(value: Any, what: str) -> str:
    """A text, a number or a truth value as text. Raises DataError for anything else, and for nothing."""
    if isinstance(value, str | bool | int | float) and value == value:
        text = str(value).strip()
        if text:
            return text
    if value is None or isinstance(value, str | float):
        raise DataError(f"{what} is empty; write a text or leave it out")
    raise DataError(f"{what} is {str(value)[:60]!r}; write a text or a number")


def read_answers(found: Any, options: Options, *, solution: bool = False) -> list[str]:
    """The right answers: texts, or letters if there are options. found: one, or a list of several right ones.
    solution: the field holds worked solutions. Raises DataError."""
    if isinstance(found, str) and re.match(r"\s*\[\s*['\"]", found):  # a list of texts in a cell of a table
        found = _value_of_text(found)
    given = list(found) if isinstance(found, list | tuple) else [found]
    if not given:
        raise DataError("its list of right answers is empty; write at least one")
    texts = [_scalar(one, "a right answer") for one in given]
    if options.texts:
        return list(dict.fromkeys(_letter(text, options) for text in texts))
    return [_final(text, solution) for text in texts]


def _final(text: str, solution: bool) -> str:
    r"""The answer itself: the text after GSM8K's ``####``, or the box of a worked solution."""
    if marked := _MARKED.findall(text):
        return str(marked[-1])
    if extract_boxed(text) is not None:
        return extract_answer(text).text or text
    if solution and (len(text) > _SHORT or "\n" in text):
        raise DataError(
            r"its solution marks no answer with \boxed{} or ####; write the answer alone as 'answer'"
        )
    return text


def _letter(answer: str, options: Options) -> str:
    """The letter of the right option, from the letter, the name that the data has for it, or its text."""
    texts, letters = options.texts, LETTERS[: len(options.texts)]
    found = {letter for letter, text in zip(letters, texts, strict=True) if text.strip() == answer}
    named = {letter for letter, name in zip(letters, options.names, strict=True) if name and name == answer}
    found |= named
    if not any(options.names) or [name.upper() for name in options.names] == list(letters):
        found |= {answer.upper()} if answer.upper() in letters else set()
        dressed = _LETTER.fullmatch(answer)
        if dressed and dressed[1].upper() in letters:
            letter = dressed[1].upper()
            if dressed[2].strip() in ("", texts[letters.index(letter)].strip()):
                found.add(letter)
    if len(found) != 1:
        index = "; the number of an option is not read" if re.fullmatch(r"\d{1,2}", answer) else ""
        raise DataError(
            f"the answer {answer[:40]!r} names {'several' if found else 'none'} of its {len(texts)} options; "
            f"write the option's letter or its text{index}"
        )
    return found.pop()


def check_type(kind: AnswerKind, answers: Sequence[str], options: Options, tolerance: bool) -> None:
    """Raise DataError if an answer cannot be one of its type, or if a tolerance has no number to be for."""
    if kind == "choice" and not options.texts:
        raise DataError("it has type 'choice', but no options; write them")
    if tolerance and options.texts:
        raise DataError("it has a tolerance and options; a tolerance is for numbers")
    if options.texts:
        return
    for answer in answers:
        readable = parse_number(answer, dressed=True) is not None
        if tolerance and not readable:
            raise DataError(f"it has a tolerance, but its answer {answer[:40]!r} is no number")
        if kind == "time":
            readable = read_clock(answer) is not None
        if kind in ("number", "time") and not readable:
            raise DataError(f"it has type {kind!r}, but its answer {answer[:40]!r} is not {_NEEDED[kind]}")
