"""Tool calls in the text of an answer, in the Hermes form that Qwen's templates ask for.

Enters: pieces of an answer. Leaves: its text without calls, and the calls. Always holds: however the answer
is cut into pieces, the result is the same; what looks like a call but is none stays in the text.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from r1v.core import R1VError, ToolCall, parse_json
from r1v.llm.grammar import TOOL_CLOSE, TOOL_OPEN


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """Text, or a call (text is then empty)."""

    text: str = ""
    call: ToolCall | None = None


class ToolCallReader:
    """Reads one answer as it arrives."""

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._after_call = False

    def push(self, text: str) -> list[AnswerPart]:
        """Take more text; give what is settled."""
        self._held += text
        parts: list[AnswerPart] = []
        while True:
            marker = TOOL_CLOSE if self._inside else TOOL_OPEN
            place = self._held.find(marker)
            if place < 0:
                break
            before, self._held = self._held[:place], self._held[place + len(marker) :]
            if self._inside:
                parts.append(self._read(before, marker))
            else:
                self._text(before.rstrip(), parts)
            self._inside = not self._inside
        if not self._inside:
            keep = self._unsettled()
            ready, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
            self._text(ready, parts)
        return parts

    def flush(self) -> list[AnswerPart]:
        """What was held back, at the end; a call without its end marker counts if it is complete."""
        held, self._held = self._held, ""
        parts: list[AnswerPart] = []
        if self._inside:
            parts.append(self._read(held, ""))
        else:
            self._text(held, parts)
        return parts

    def _unsettled(self) -> int:
        """Length of the end that may begin a marker, with the white space before it."""
        held = self._held
        size = next((n for n in range(len(TOOL_OPEN) - 1, 0, -1) if held.endswith(TOOL_OPEN[:n])), 0)
        body = held[: len(held) - size]
        return size + len(body) - len(body.rstrip())

    def _text(self, text: str, parts: list[AnswerPart]) -> None:
        if self._after_call:
            text = text.lstrip()
        if text:
            self._after_call = False
            parts.append(AnswerPart(text))

    def _read(self, body: str, marker: str) -> AnswerPart:
        """The call in body, or body as it was written."""
        try:
            loaded = parse_json(body, "a call")
        except R1VError:
            loaded = None
        if isinstance(loaded, dict) and isinstance(loaded.get("name"), str):
            arguments = loaded.get("arguments", {})
            if isinstance(arguments, dict):
                self._after_call = True
                text = json.dumps(arguments, ensure_ascii=False)
                return AnswerPart(call=ToolCall(f"call_{uuid.uuid4().hex[:24]}", loaded["name"], text))
        return AnswerPart(TOOL_OPEN + body + marker)


def read_tool_calls(answer: str) -> tuple[str, tuple[ToolCall, ...]]:
    """(text, calls) of a whole answer."""
    reader = ToolCallReader()
    parts = reader.push(answer) + reader.flush()
    return "".join(part.text for part in parts), tuple(part.call for part in parts if part.call is not None)
