"""Tool calls that a model writes in another form than its template asks for.

Enters: pieces of an answer, and the names of the tools that were offered. Leaves: its text without calls, and
the calls. Always holds: calls in the template's form are read as ``tools`` reads them; of the rest only JSON
that calls an offered tool is a call: bare or in a fence, one, several one after the other, or a list. It
stands at the beginning of a line. From the first such place on text waits for the end of the answer.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from r1v.core import R1VError, ToolCall, parse_json
from r1v.llm.tools import AnswerPart, ToolCallReader

MAX_PLACES = 64  # places of one answer at which JSON is looked for
_PLACE = re.compile(r"^[ \t]*(?:```|[\[{])", re.MULTILINE)
_BEGUN = re.compile(r"^[ \t]*`{0,2}\Z", re.MULTILINE)  # the beginnings of such a place
_FENCE = re.compile(r"[ \t]*```(?:json|tool_calls?|xml)?[ \t]*\n(.*?)\n[ \t]*```[ \t]*(?:\n|$)", re.DOTALL)


class LooseToolCallReader(ToolCallReader):
    """Reads one answer as it arrives."""

    def __init__(self, names: Collection[str]) -> None:
        """names: of the tools that may be called."""
        super().__init__()
        self._names = frozenset(names)
        self._waiting = ""
        self._tail = ""  # the end of what came, where a place may have begun
        self._line_begins = True

    def push(self, text: str) -> list[AnswerPart]:
        """Take more text; give what is settled."""
        return self._sift(super().push(text))

    def flush(self) -> list[AnswerPart]:
        """What still waited, at the end."""
        return [*self._sift(super().flush()), *self._release(), *self._settle()]

    def _sift(self, parts: list[AnswerPart]) -> list[AnswerPart]:
        """Pass text on up to the place where another call may begin."""
        sifted: list[AnswerPart] = []
        for part in parts:
            if part.call is not None:
                sifted += [*self._release(), *self._settle(), part]
                self._line_begins = True
                continue
            if self._waiting:
                self._waiting += part.text
                continue
            text, self._tail = self._tail + part.text, ""
            ahead = "" if self._line_begins else "x"  # so that a call can only begin on a new line
            found = _PLACE.search(ahead + text)
            begun = None if found else _BEGUN.search(ahead + text)
            end = next((match.start() - len(ahead) for match in (found, begun) if match), len(text))
            ready = text[:end]
            if found:
                self._waiting = text[end:]
            else:
                self._tail = text[end:]
            if ready:
                last_line = ready.rpartition("\n")[2]
                new_line = self._line_begins or "\n" in ready
                self._line_begins = new_line and not last_line.strip(" \t")
                sifted.append(AnswerPart(ready))
        return sifted

    def _release(self) -> list[AnswerPart]:
        """The text that turned out not to begin a call."""
        text, self._tail = self._tail, ""
        return [AnswerPart(text)] if text else []

    def _settle(self) -> list[AnswerPart]:
        """The calls in what waited, and its text."""
        text, self._waiting = self._waiting, ""
        parts: list[AnswerPart] = []
        done = at = 0
        for _ in range(MAX_PLACES):
            found = _PLACE.search(text, at)
            if found is None:
                break
            calls, end = self._calls_at(text, found.start())
            if calls:
                before = text[done : found.start()].strip()
                parts += [AnswerPart(before)] if before else []
                parts += [AnswerPart(call=call) for call in calls]
                done = end
            at = max(end, found.end())
        rest = text[done:] if not done else text[done:].strip()
        return [*parts, AnswerPart(rest)] if rest else parts

    def _calls_at(self, text: str, start: int) -> tuple[list[ToolCall], int]:
        """The calls of a value or a fence that begins there, and where it ends; none where it is text."""
        fence = _FENCE.match(text, start)
        if fence is not None:
            body, calls = fence[1].strip(), list[ToolCall]()
            while body:
                value, length = _value(body)
                more = self._calls(value)
                if not more:
                    return [], fence.end()
                calls += more
                body = body[length:].lstrip(" \t\r\n,;")
            return calls, fence.end()
        start += len(text[start:]) - len(text[start:].lstrip(" \t"))
        value, length = _value(text[start:])
        return self._calls(value), start + length

    def _calls(self, value: Any) -> list[ToolCall]:
        """The calls that a JSON value makes; none if any part of it is something else."""
        if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
            value = value["tool_calls"]
        calls = [self._call(each) for each in (value if isinstance(value, list) else [value])]
        return [] if None in calls else [call for call in calls if call is not None]

    def _call(self, value: Any) -> ToolCall | None:
        if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
            value = value["function"]
        if not isinstance(value, Mapping) or value.get("name") not in self._names:
            return None
        arguments = value.get("arguments", value.get("parameters"))
        if isinstance(arguments, str):
            try:
                arguments = parse_json(arguments, "the arguments of a call")
            except R1VError:
                return None
        if not isinstance(arguments, dict):
            return None
        text = json.dumps(arguments, ensure_ascii=False)
        return ToolCall(f"call_{uuid.uuid4().hex[:24]}", value["name"], text)


def _value(text: str) -> tuple[Any, int]:
    """The JSON value at the beginning of a text, and its length; None where there is none."""
    try:
        _, length = json.JSONDecoder().raw_decode(text)
        return parse_json(text[:length], "a call"), length
    except (ValueError, RecursionError, R1VError):
        return None, 0


def read_loose_tool_calls(answer: str, names: Collection[str]) -> tuple[str, tuple[ToolCall, ...]]:
    """(text, calls) of a whole answer."""
    reader = LooseToolCallReader(names)
    parts = reader.push(answer) + reader.flush()
    return "".join(part.text for part in parts), tuple(part.call for part in parts if part.call is not None)
