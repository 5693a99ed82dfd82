"""One row of training data, from a JSONL file or a dataset: what its keys mean, and which rows are refused.

Enters: the values of a row, by key. Leaves: a `DataRow` of checked texts and image sources. Always holds:
null means that the key is absent; no value is turned into text (a number or null never becomes an answer); a
row that seems to have an image under a key that is not read is refused, so that no question is trained
without its picture.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from r1v.core import ConfigError, ImageRef, R1VError, parse_json
from r1v.prompt.thinking import CLOSE_TEXT, OPEN_TEXT
from r1v.scoring import extract_boxed
from r1v.train.core.checks import printable, read_text, reason
from r1v.train.data.pictures import is_data_url, refuse_unread
from r1v.train.data.texts import blank, check_answer, check_chain, check_characters

# The names that data sets give to a value; the first is ours.
QUESTION = ("question", "problem")
CHAIN = ("thinking", "solution")
IMAGES = ("images", "image", "image_path", "image_paths")
REASONING = ("reasoning_content", "reasoning", "thinking")  # of an assistant's message
_READ = {*QUESTION, *CHAIN, *IMAGES, "answer", "messages", "family", "answer_type", "tolerance", "direct"}
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]+):/", re.IGNORECASE)  # of two letters at least: C:/ is a path
_TURN = {"role", "content"}
_PART = {"text": ("type", "text"), "image": ("type", "image", "image_url", "url", "path")}


@dataclass(frozen=True)
class DataRow:
    """A question, its images first, with what is to be learned.

    images: paths, data URLs, encoded bytes or PIL pictures, as the row has them. thinking: "" where the row
    has none. solution: the chain came as a worked solution, whose answer is still to be boxed. key: the right
    answer to compare with, and tolerance how far off a number may be. unread: keys that were not used.
    spoken: whether the answer is only what an assistant said, so that the right answer is not known
    otherwise. direct: the answer is learned at once, without thinking. values: of the keys that were not
    used.
    """

    question: str
    images: tuple[Any, ...]
    thinking: str
    answer: str
    key: str
    solution: bool = False
    family: str = "all"
    answer_type: str = "math"
    tolerance: float = 0.0
    unread: tuple[str, ...] = ()
    spoken: bool = False
    direct: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)


def read_lines(path: Path, key: str) -> list[str]:
    """The lines of a file, ended by line feeds only; text may hold other line ends of Unicode.

    key: what names the file, for the message of the ConfigError where it cannot be read or holds no row.
    """
    found = read_text(path, key).split("\n")
    if all(blank(line) for line in found):
        raise ConfigError(f"{key}: {path} is empty; write a row on each line, a JSON object")
    return found


def no_row(path: Path, key: str, bad: Sequence[str], lines: Sequence[str]) -> ConfigError:
    """The error of a file whose rows are all bad. bad: which, and why."""
    if lines[0].lstrip().startswith("["):
        return ConfigError(
            f"{key}: {path} is one JSON list, not JSON lines; write each of its objects on a line of its own"
        )
    return ConfigError(f"{key}: {path} has no usable row: {first_bad(bad)}; correct the rows")


def first_bad(bad: Sequence[str]) -> str:
    """The first three of some bad rows, and how many there are more."""
    more = f" (and {len(bad) - 3} more)" if len(bad) > 3 else ""
    return printable("; ".join(bad[:3])) + more


def parse_line(line: str) -> dict[str, Any]:
    """The values of one line of JSONL. ValueError: it is not a JSON object."""
    try:
        values = parse_json(line, "the line", unique_keys=True)
    except R1VError as error:
        raise ValueError(str(error)) from None
    if not isinstance(values, dict):
        raise ValueError(f"the line is {_kind(values)}, not an object")
    return values


def read_row(values: Mapping[str, Any], *, chains: bool, folder: Path | None = None) -> DataRow:
    """The row that some values mean. ValueError says what is wrong.

    chains: a chain of thought is needed. folder: where the paths of images begin, for rows of a file.
    """
    given = {key: value for key, value in values.items() if value is not None}
    unread = {str(key): value for key, value in given.items() if key not in _READ}
    talk = _conversation(given["messages"], folder) if "messages" in given else _Talk()
    images = _images(given, talk)
    refuse_unread(unread, images, folder)
    question = talk.question or text(given, *QUESTION)
    if talk.question is not None and any(name in given for name in QUESTION):
        raise ValueError("messages and question are both given; keep one")
    if talk.thinking is not None and any(name in given for name in CHAIN):
        raise ValueError("messages and thinking are both given; keep one")
    named = talk.thinking or text(given, *CHAIN, needed=False)
    direct = given.get("direct", False)
    if not isinstance(direct, bool):
        raise ValueError(f"direct is {_kind(direct)}; it must be true or false")
    if direct and named is not None:
        raise ValueError("direct is true beside a chain; keep one")
    if named is None and chains and not direct:
        raise ValueError("thinking or solution is missing; a row without a chain cannot be learned here")
    solution = talk.thinking is None and "thinking" not in given and named is not None
    key = text(given, "answer", needed=False)
    if key is None and talk.answer is None:
        key = extract_boxed(named) if solution and named is not None else None
        if key is None:
            raise ValueError("answer is missing (and no solution ends with a boxed one)")
    answer = talk.answer or key
    assert answer is not None
    if key is not None:
        check_answer(key, "answer")
    if named is not None:
        check_chain(named)
    right = answer if key is None else key
    bare = extract_boxed(right)
    return DataRow(
        question=question, images=images, thinking=named or "", answer=answer,
        key=right if bare is None else bare, solution=solution and talk.answer is None,
        family=text(given, "family", needed=False) or "all",
        answer_type=text(given, "answer_type", needed=False) or "math",
        tolerance=_tolerance(given.get("tolerance", 0.0)),
        unread=(*unread, *talk.unread), spoken=key is None, direct=direct,
        values=unread,
    )  # fmt: skip


def text(given: Mapping[str, Any], *names: str, needed: bool = True, empty: bool = False) -> Any:
    """The text under the one of some names that is there; None where none is and none is needed.

    empty: text of white space alone is allowed. ValueError: it is missing, empty, not text, or given twice.
    """
    found = [name for name in names if given.get(name) is not None]
    if len(found) > 1:
        raise ValueError(f"{found[0]} and {found[1]} are both given; keep one")
    if not found:
        if needed:
            raise ValueError(f"{' or '.join(names)} is missing")
        return None
    value = given[found[0]]
    if not isinstance(value, str):
        raise ValueError(f"{found[0]} is {_kind(value)}, not text; write it in quotes")
    if is_data_url(value):
        raise ValueError(f"{found[0]} is the data URL of an image, not text; call it images")
    check_characters(value, found[0])
    if blank(value) and not empty:
        raise ValueError(f"{found[0]} is empty")
    return value


def image_sources(given: Mapping[str, Any]) -> tuple[Any, ...]:
    """The images of a row, under whichever name. ValueError: they are no images, or under two names."""
    found = [name for name in IMAGES if given.get(name) is not None]
    if len(found) > 1:
        raise ValueError(f"{found[0]} and {found[1]} are both given; keep one")
    if not found:
        return ()
    name = found[0]
    listed = given[name] if isinstance(given[name], list | tuple) else [given[name]]
    return tuple(_source(one, f"{name}[{place}]" if len(listed) > 1 else name)
                 for place, one in enumerate(listed))  # fmt: skip


def beside(sources: tuple[Any, ...], folder: Path) -> tuple[ImageRef, ...]:
    """The images as references; paths lie in the folder."""
    return tuple(
        ImageRef(folder / one if isinstance(one, str) and not one.startswith("data:") else one)
        for one in sources
    )


def check_files(images: tuple[ImageRef, ...]) -> None:
    """ValueError: one of the images is a path at which there is no regular file."""
    for one in images:
        if not isinstance(one.source, os.PathLike):
            continue
        try:
            mode = os.stat(one.source).st_mode
        except (OSError, ValueError) as error:  # ValueError: a zero byte, or half of a character
            why = reason(error) if isinstance(error, OSError) else "its name is no path"
            raise ValueError(f"image {str(one)[:200]} cannot be opened: {why}") from None
        if not stat.S_ISREG(mode):
            raise ValueError(f"image {str(one)[:200]} is not a regular file")


def with_images(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values with the paths of images made absolute, under ``images``, wherever the row is copied to."""
    rest = {key: value for key, value in values.items() if key not in IMAGES}
    names = [
        one if one.startswith("data:") else str((folder / one).resolve()) for one in image_sources(values)
    ]
    return {**rest, "images": names}


@dataclass(frozen=True)
class _Talk:
    """The content of ``messages``. placeholders: the number of images that are only marked there and are
    listed under ``images``. unread: keys of the turns and parts that were not used."""

    question: str | None = None
    images: tuple[Any, ...] = ()
    placeholders: int = 0
    thinking: str | None = None
    answer: str | None = None
    unread: tuple[str, ...] = ()


def _conversation(messages: Any, folder: Path | None) -> _Talk:
    """One question, and the reply where there is one."""
    if not isinstance(messages, list) or not all(isinstance(turn, Mapping) for turn in messages):
        raise ValueError("messages is not a list of objects")
    roles = [turn.get("role") for turn in messages]
    if roles not in (["user"], ["user", "assistant"]):
        raise ValueError(
            f"messages has the turns {', '.join(map(str, roles)) or 'none'}; a row takes one of the user and "
            "at most one of the assistant behind it"
        )
    unread = tuple(
        key for turn, role in zip(messages, roles, strict=True) for key in _unread(turn, role, folder)
    )
    talk = _content(messages[0].get("content"), _Talk(unread=unread), folder)
    if len(messages) == 1:
        return talk
    reply = {key: value for key, value in messages[1].items() if value is not None}
    thinking = text(reply, *REASONING, needed=False)
    said = _content(reply.get("content"), _Talk(), folder)
    if said.images or said.placeholders:
        raise ValueError("the assistant's message holds an image")
    answer = said.question or ""
    if thinking is None and CLOSE_TEXT in answer:
        before, _, answer = answer.rpartition(CLOSE_TEXT)
        thinking = before.strip().removeprefix(OPEN_TEXT).strip()
        thinking = None if blank(thinking) else thinking
    if blank(answer):
        raise ValueError("the assistant's message is empty")
    check_answer(answer, "the assistant's message")
    unread = tuple(dict.fromkeys((*talk.unread, *said.unread)))
    return replace(talk, thinking=thinking, answer=answer.strip(), unread=unread)


def _unread(turn: Mapping[str, Any], role: Any, folder: Path | None) -> list[str]:
    """The keys of a turn that are not used. ValueError: one of them holds an image or calls a tool."""
    known = _TURN | set(REASONING) if role == "assistant" else _TURN
    rest = {str(key): one for key, one in turn.items() if key not in known and one is not None}
    for name in ("tool_calls", "function_call"):
        if rest.get(name):
            raise ValueError(f"the {role}'s message has {name}, which are not learned here; take the row out")
    refuse_unread(rest, (), folder, f"the {role}'s message: ")
    return [f"messages.{key}" for key in rest]


def _content(content: Any, talk: _Talk, folder: Path | None) -> _Talk:
    """The text and images of one message."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise ValueError("the content of a message is neither text nor a list of parts")
    texts, images, placeholders, unread = [], [], 0, list(talk.unread)
    for part in parts:
        given = {key: value for key, value in part.items() if value is not None}
        kind = given.get("type")
        known = _PART.get("image" if kind == "image_url" else str(kind), ())
        rest = {str(key): one for key, one in given.items() if key not in known}
        unread += [f"messages.content.{key}" for key in rest]
        if kind == "text":
            refuse_unread(rest, (), folder, "a text of messages: ")
            texts.append(text(given, "text", empty=True))
        elif kind in ("image", "image_url"):
            named = [n for n in ("image", "image_url", "url", "path") if given.get(n)]
            if len(named) > 1:
                raise ValueError(f"an image of messages has {named[0]} and {named[1]}; keep one")
            found = given[named[0]] if named else None
            refuse_unread(rest, (found,), folder, "an image of messages: ")
            if isinstance(found, Mapping) and "url" in found:
                found = found["url"]
            if found is None:
                placeholders += 1
            else:
                images.append(_source(found, "an image of messages"))
        else:
            raise ValueError(f"a part of messages has type {kind!r}; text, image and image_url are read")
    joined = "".join(texts)
    if blank(joined):
        raise ValueError("a message has no text")
    return replace(
        talk, question=joined, images=tuple(images), placeholders=placeholders,
        unread=tuple(dict.fromkeys(unread)),
    )  # fmt: skip


def num_images(messages: Any) -> int:
    """How many parts of some messages are images; 0 where they cannot be read."""
    turns = messages if isinstance(messages, list) else []
    parts = [turn.get("content") for turn in turns if isinstance(turn, Mapping)]
    return sum(
        isinstance(part, Mapping) and part.get("type") in ("image", "image_url")
        for content in parts
        if isinstance(content, list)
        for part in content
    )


def _images(given: Mapping[str, Any], talk: _Talk) -> tuple[Any, ...]:
    beside_talk = image_sources(given)
    if talk.question is None or not (talk.images or talk.placeholders):
        return beside_talk
    if talk.images and (beside_talk or talk.placeholders):
        raise ValueError("messages name images in two ways; keep one")
    if not talk.images and talk.placeholders != len(beside_talk):
        raise ValueError(f"messages have {talk.placeholders} places for {len(beside_talk)} images")
    return talk.images or beside_talk


def _source(value: Any, name: str) -> Any:
    """One image: a path, a data URL, bytes, a picture, or a data set's record of bytes or path."""
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str):
        if not value.strip():
            raise ValueError(f"{name} is empty")
        check_characters(value, name)
        if value[:5].lower() == "data:":
            return "data:" + value[5:]
        scheme = _SCHEME.match(value)
        if scheme is not None and scheme[1].lower() == "file":
            raise ValueError(f"{name} is a file: address; give the path alone, without file://")
        if scheme is not None:
            raise ValueError(f"{name} is a web address ({scheme[0]}); download it and give its path")
        return value
    if isinstance(value, bytes | os.PathLike) or hasattr(value, "convert"):
        return value
    raise ValueError(f"{name} is {_kind(value)}, not an image: give a path or a data URL")


def _tolerance(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"tolerance is {value!r}; it must be a number from 0")
    return float(value)


def _kind(value: Any) -> str:
    """What a value is, in the words of JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value!r}"[:40]
    named = {"list": "a list", "dict": "an object", "NoneType": "null", "bytes": "bytes"}
    return named.get(type(value).__name__, f"of type {type(value).__name__}")
