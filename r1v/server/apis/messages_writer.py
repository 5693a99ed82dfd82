"""Completions and events as Anthropic's messages.

Enters: a Completion and its events. Leaves: JSON data and server-sent events. Always holds: the blocks of a
stream, joined, are those of the whole message.
"""

from __future__ import annotations

from r1v.core import Completion, R1VError, TokenEvent, parse_json
from r1v.server.apis.chat_answers import Json
from r1v.server.apis.endpoint import sse
from r1v.server.apis.parts import OutputPart, PartReader, new_id
from r1v.server.errors import APIError

SIGNATURE = "r1v"  # some clients keep only thinking that is signed; this server checks no signature
_TEXT_KEYS = {"thinking": "thinking", "text": "text"}


class MessageWriter:
    """Writes one message, whole or as events."""

    def __init__(self, model: str, *, with_tools: bool, with_thinking: bool) -> None:
        self._model, self._id = model, new_id("msg")
        self._reader = PartReader(with_tools=with_tools, with_thinking=with_thinking)
        self._blocks: list[Json] = []
        self._open = False  # whether the last block is still open

    # ------------------------------------------------------------------------------------------------- whole

    def whole(self, completion: Completion, reason: str, detail: str | None) -> Json:
        """The message."""
        for part in self._reader.whole(completion):
            self._take(part)
        self._close()
        return {
            **self._head(self._blocks),
            **self._ending(completion, reason, detail),
            "usage": usage_of(completion),
        }

    def _head(self, blocks: list[Json]) -> Json:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": blocks,
        }

    def _ending(self, completion: Completion, reason: str, detail: str | None) -> Json:
        if reason == "length":
            why = "max_tokens"
        elif any(block["type"] == "tool_use" for block in self._blocks):
            why = "tool_use"
        else:
            why = "end_turn" if completion.stop is None else "stop_sequence"
        stop = completion.stop if why == "stop_sequence" else None
        ending: Json = {"stop_reason": why, "stop_sequence": stop, "finish_detail": detail}
        return ending | ({"refused": True} if completion.refused else {})

    # ------------------------------------------------------------------------------------------------ events

    def begin(self) -> list[bytes]:
        """The message's first event. The tokens of the prompt are given at the end, when they are known."""
        usage = {"input_tokens": 0, "output_tokens": 0}
        message = {**self._head([]), "stop_reason": None, "stop_sequence": None, "usage": usage}
        return [sse("message_start", {"message": message})]

    def event(self, event: TokenEvent) -> list[bytes]:
        """Events for a piece of output."""
        return [each for part in self._reader.push(event) for each in self._take(part)]

    def end(self, completion: Completion, reason: str, detail: str | None) -> list[bytes]:
        """What is left of the text, the reason for the end, and the token counts."""
        events = [each for part in self._reader.push(completion) for each in self._take(part)]
        told = {"delta": self._ending(completion, reason, detail), "usage": usage_of(completion)}
        return [*events, *self._close(), sse("message_delta", told), sse("message_stop", {})]

    def failed(self, error: APIError) -> list[bytes]:
        """The error, as the last event."""
        body = error.body("/v1/messages")
        return [sse("error", {"error": body["error"]})]

    # ------------------------------------------------------------------------------------------------ blocks

    def _take(self, part: OutputPart) -> list[bytes]:
        """Add a part to the blocks. Returns the events that announce it."""
        if part.call is not None:
            return self._take_call(part)
        events, key = [], _TEXT_KEYS[part.kind]
        if not self._open or self._blocks[-1]["type"] != part.kind:
            events = self._close()
            events.append(self._start({"type": part.kind, key: ""} | self._unsigned(part)))
        self._blocks[-1][key] += part.text
        return [*events, self._delta({"type": f"{key}_delta", key: part.text})]

    def _unsigned(self, part: OutputPart) -> Json:
        return {"signature": ""} if part.kind == "thinking" else {}

    def _take_call(self, part: OutputPart) -> list[bytes]:
        assert part.call is not None
        call, events = part.call, self._close()
        events.append(self._start({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}))
        self._blocks[-1]["input"] = _arguments(call.arguments)
        delta = self._delta({"type": "input_json_delta", "partial_json": call.arguments})
        return [*events, delta, *self._close()]

    def _start(self, block: Json) -> bytes:
        told = sse("content_block_start", {"index": len(self._blocks), "content_block": block})
        self._blocks.append(block)
        self._open = True
        return told

    def _delta(self, delta: Json) -> bytes:
        return sse("content_block_delta", {"index": len(self._blocks) - 1, "delta": delta})

    def _close(self) -> list[bytes]:
        if not self._open:
            return []
        events, block = [], self._blocks[-1]
        if block["type"] == "thinking":
            block["signature"] = SIGNATURE
            events.append(self._delta({"type": "signature_delta", "signature": SIGNATURE}))
        self._open = False
        return [*events, sse("content_block_stop", {"index": len(self._blocks) - 1})]


def _arguments(text: str) -> Json:
    """A call's arguments, which are always an object: the reader of calls accepts nothing else."""
    try:
        found = parse_json(text or "{}", "the arguments of a call")
    except R1VError:
        return {}
    return found if isinstance(found, dict) else {}


def usage_of(completion: Completion) -> Json:
    """Token counts as Anthropic counts them: tokens that came from the cache are not part of input_tokens."""
    usage = completion.usage
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }
