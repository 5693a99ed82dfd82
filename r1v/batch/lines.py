"""What a line of a file of requests must be, and which lines carry a name that an earlier line has.

Enters: a file of JSON lines in OpenAI's batch format. Leaves: requests, or a fault in words that names line
and custom_id. Always holds: nothing of a line is left out of account without a word; memory is eight bytes a
line.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from r1v.core import R1VError, parse_json

CHAT_URL = "/v1/chat/completions"
KEYS = ("custom_id", "method", "url", "body")
_ID = re.compile(rb'"custom_id"\s*:\s*("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank. number: how many such lines are before it. place: its place in the file, from
    1 on, as an editor counts."""

    number: int
    place: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class FileFacts:
    """num_lines: that are not blank. repeated: custom_id -> place of the first line that has it, for those
    that several lines have."""

    num_lines: int
    repeated: Mapping[str, int] = field(default_factory=dict)


class LineError(R1VError):
    """A line that is no request that can be answered here. status, code: as the server would answer."""

    def __init__(self, text: str, custom_id: Any = None, status: int = 400, code: str | None = None) -> None:
        super().__init__(text)
        self.custom_id, self.status, self.code = custom_id, status, code


def lines_of(path: Path) -> Iterator[Line]:
    """All lines that are not blank."""
    number = 0
    with path.open("rb") as file:
        for place, raw in enumerate(file, 1):
            if raw.strip():
                yield Line(number, place, raw)
                number += 1


def survey(path: Path) -> FileFacts:
    """Count the lines of a file, and find the names that several have."""
    marks = array("Q")
    num_lines = 0
    for line in lines_of(path):
        num_lines += 1
        name = quick_id(line.raw)
        if name is not None:
            marks.append(_mark(name))
    ordered = np.sort(np.frombuffer(marks, np.uint64))
    twice = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not twice:
        return FileFacts(num_lines)
    first: dict[str, int] = {}
    repeated: dict[str, int] = {}
    for line in lines_of(path):
        name = quick_id(line.raw)
        if name is not None and _mark(name) in twice:
            if name in first:
                repeated[name] = first[name]
            else:
                first[name] = line.place
    return FileFacts(num_lines, repeated)


def _mark(name: str) -> int:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def quick_id(raw: bytes) -> str | None:
    """The custom_id of a line, None where it has none that is text. A line that names it once need not be
    parsed, which takes long where it holds pictures."""
    found = _ID.findall(raw)
    if len(found) == 1 and raw.count(b"custom_id") == 1:
        try:
            return str(parse_json(found[0], "custom_id"))
        except R1VError:
            return None
    if b"custom_id" not in raw and b"\\u" not in raw:
        return None
    try:
        asked = parse_json(raw, "the line")
    except R1VError:
        return None
    name = asked.get("custom_id") if isinstance(asked, dict) else None
    return name if isinstance(name, str) else None


def read_request(line: Line, facts: FileFacts, models: Collection[str] | None) -> tuple[str, dict[str, Any]]:
    """The custom_id and the body of a line. models: names by which the body may call the model; None takes
    any. Raises LineError."""
    try:
        asked = parse_json(line.raw, f"line {line.place}")
    except R1VError as error:
        raise LineError(str(error), quick_id(line.raw)) from error
    if not isinstance(asked, dict):
        raise LineError(f"line {line.place} is not an object with custom_id, method, url and body")
    name = asked.get("custom_id")
    called = f"line {line.place}" + (f" (custom_id {name[:80]!r})" if isinstance(name, str) else "")

    def fault(text: str, status: int = 400, code: str | None = None) -> LineError:
        return LineError(f"{called}: {text}", name, status, code)

    if not isinstance(name, str) or not name:
        given = "is missing" if name is None else f"is {str(name)[:80]!r}"
        raise fault(f"custom_id {given}; give each line a text of its own")
    if not _is_unicode(name):
        raise fault("custom_id has half a character (a lone surrogate); use valid Unicode")
    if facts.repeated.get(name, line.place) != line.place:
        raise fault(f"line {facts.repeated[name]} has this custom_id already; give each line its own")
    unknown = sorted(asked.keys() - set(KEYS))
    if unknown:
        raise fault(f"{unknown[0][:80]!r} is no key of a request; those are {', '.join(KEYS)}")
    if asked.get("method", "POST") != "POST":
        raise fault(f"method is {str(asked['method'])[:80]!r}; only POST is answered")
    if asked.get("url", CHAT_URL) != CHAT_URL:
        raise fault(f"url is {str(asked['url'])[:80]!r}; only {CHAT_URL} is answered")
    if "body" not in asked:
        raise fault("body is missing; it holds the request, with messages")
    body = asked["body"]
    if not isinstance(body, dict):
        raise fault("body is no object; it holds the request, with messages")
    for key in ("stream", "stream_options"):
        if body.get(key):
            raise fault(f"body.{key} asks for a stream, but an answer in a file is whole; leave it out")
    model = body.get("model")
    if models is not None and model is not None and model not in models:
        text = (
            f"the model {str(model)[:80]!r} does not answer here; use {next(iter(models))!r}, or --any-model"
        )
        raise fault(text, 404, "model_not_found")
    return name, body


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
