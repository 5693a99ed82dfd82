"""The parts of an answer in their order: thinking, text, calls of tools.

Enters: events of one completion. Leaves: parts. Always holds: an answer has the same parts whether it is read
whole or piece by piece; only the places where its texts are cut may differ.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from r1v.core import Completion, TokenEvent, ToolCall
from r1v.llm import AnswerPart, Event, ToolCallReader

Kind = Literal["thinking", "text", "call"]


@dataclass(frozen=True, slots=True)
class OutputPart:
    """A piece of thinking or of text, or a whole call."""

    kind: Kind
    text: str = ""
    call: ToolCall | None = None


class PartReader:
    """Reads the parts of one completion."""

    def __init__(self, *, with_tools: bool, with_thinking: bool = True) -> None:
        """with_tools: whether tool calls are recognised in the text. with_thinking: whether thinking is
        passed on."""
        self._reader = ToolCallReader() if with_tools else None
        self._with_thinking = with_thinking

    def push(self, event: Event) -> list[OutputPart]:
        """The parts that an event completes. The last event, a Completion, releases what was held back."""
        if isinstance(event, Completion):
            return _answer_parts([] if self._reader is None else self._reader.flush())
        return self._piece(event)

    def whole(self, completion: Completion) -> list[OutputPart]:
        """All parts of a completion that was not streamed."""
        thinking = TokenEvent("thinking", completion.thinking)
        answer = TokenEvent("answer", completion.answer)
        return [*self._piece(thinking), *self._piece(answer), *self.push(completion)]

    def _piece(self, event: TokenEvent) -> list[OutputPart]:
        if not event.text:
            return []
        if event.segment == "thinking":
            return [OutputPart("thinking", event.text)] if self._with_thinking else []
        if self._reader is None:
            return [OutputPart("text", event.text)]
        return _answer_parts(self._reader.push(event.text))


def _answer_parts(parts: Sequence[AnswerPart]) -> list[OutputPart]:
    return [
        OutputPart("text", part.text) if part.call is None else OutputPart("call", call=part.call)
        for part in parts
    ]


def new_id(kind: str) -> str:
    """An id that nothing else has, as in msg_0123."""
    return f"{kind}_{uuid.uuid4().hex}"
