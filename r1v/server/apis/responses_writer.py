"""Completions and events as OpenAI's responses.

Enters: a Completion and its events. Leaves: JSON data and server-sent events, numbered. Always holds: the
items of a stream are those of the whole response; each is closed before the next one is opened.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from openai.types.responses import Response as OpenAIResponse

from r1v.core import Completion, TokenEvent
from r1v.server.apis.chat_answers import Json
from r1v.server.apis.endpoint import sse
from r1v.server.apis.parts import OutputPart, PartReader, new_id
from r1v.server.apis.responses_schema import ResponsesBody
from r1v.server.errors import APIError

_ITEMS = {"thinking": "reasoning", "text": "message"}


@dataclass(frozen=True)
class _Form:
    """How the text of an item is written. place: the list of the item that holds it. text: its type.
    text_event, part_event: the names of the events for its pieces, and for its beginning and end."""

    place: str
    text: str
    text_event: str
    part_event: str

    def index(self) -> Json:
        return {f"{self.place}_index": 0}


_MESSAGE = _Form("content", "output_text", "output_text", "content_part")
_REASONING = _Form("content", "reasoning_text", "reasoning_text", "content_part")
_SUMMARY = _Form("summary", "summary_text", "reasoning_summary_text", "reasoning_summary_part")


class ResponseWriter:
    """Writes one response, whole or as events."""

    def __init__(self, body: ResponsesBody) -> None:
        """body: what was asked, which the response repeats."""
        self._reader = PartReader(with_tools=bool(body.tools))
        self._items: list[Json] = []
        self._open = False  # whether the last item is still open
        self._number = 0
        asked = body.reasoning
        as_summary = asked is not None and (asked.summary or asked.generate_summary)
        self._forms = {"message": _MESSAGE, "reasoning": _SUMMARY if as_summary else _REASONING}
        self._response: Json = {
            "id": new_id("resp"),
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "output": [],
            "usage": None,
            "previous_response_id": None,
            "store": False,
            "background": False,
            "truncation": body.truncation or "disabled",
            **_asked(body),
        }

    # ------------------------------------------------------------------------------------------------- whole

    def whole(self, completion: Completion, reason: str, detail: str | None) -> Json:
        """The response."""
        for part in self._reader.whole(completion):
            self._take(part)
        self._close(_status(reason))
        return OpenAIResponse.model_validate(self._ended(completion, reason, detail)).model_dump(
            mode="json", exclude_unset=True, by_alias=True
        )

    def _ended(self, completion: Completion, reason: str, detail: str | None) -> Json:
        status = _status(reason)
        return {
            **self._response,
            "status": status,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "finish_detail": detail,
            **({"refused": True} if completion.refused else {}),
            "output": self._items,
            "usage": usage_of(completion),
        }

    # ------------------------------------------------------------------------------------------------ events

    def begin(self) -> list[bytes]:
        """The response as it is before anything was written."""
        told = {"response": self._response}
        return [self._event("response.created", told), self._event("response.in_progress", told)]

    def event(self, event: TokenEvent) -> list[bytes]:
        """Events for a piece of output."""
        return [each for part in self._reader.push(event) for each in self._take(part)]

    def end(self, completion: Completion, reason: str, detail: str | None) -> list[bytes]:
        """What is left of the text, then the whole response once more."""
        events = [each for part in self._reader.push(completion) for each in self._take(part)]
        events += self._close(_status(reason))
        told = {"response": self._ended(completion, reason, detail)}
        return [*events, self._event(f"response.{_status(reason)}", told)]

    def failed(self, error: APIError) -> list[bytes]:
        """The response with the error in it."""
        told = {"code": "server_error", "message": error.message}
        response = {**self._response, "status": "failed", "error": told, "output": self._items}
        return [self._event("response.failed", {"response": response})]

    def _event(self, kind: str, content: Json) -> bytes:
        number, self._number = self._number, self._number + 1
        return sse(kind, {"sequence_number": number, **content})

    # ------------------------------------------------------------------------------------------------- items

    def _take(self, part: OutputPart) -> list[bytes]:
        """Add a part to the items. Returns the events that announce it."""
        if part.call is not None:
            return self._take_call(part)
        kind, events = _ITEMS[part.kind], []
        if not self._open or self._items[-1]["type"] != kind:
            events = [*self._close(), *self._start(kind)]
        form = self._forms[kind]
        self._items[-1][form.place][0]["text"] += part.text
        told: Json = {**self._place(), **form.index(), "delta": part.text}
        if kind == "message":
            told["logprobs"] = []
        return [*events, self._event(f"response.{form.text_event}.delta", told)]

    def _start(self, kind: str) -> list[bytes]:
        """Open an item of text, and the one part that it has."""
        form = self._forms[kind]
        part: Json = {"type": form.text, "text": ""}
        if kind == "message":
            item: Json = {"id": new_id("msg"), "type": kind, "role": "assistant", "status": "in_progress"}
            part["annotations"] = []
        else:
            item = {"id": new_id("rs"), "type": kind, "summary": [], "status": "in_progress"}
        self._items.append({**item, form.place: []})
        self._open = True
        added = self._event("response.output_item.added", {**self._at(), "item": self._items[-1]})
        told = {**self._place(), **form.index(), "part": dict(part)}
        self._items[-1][form.place].append(part)
        return [added, self._event(f"response.{form.part_event}.added", told)]

    def _take_call(self, part: OutputPart) -> list[bytes]:
        assert part.call is not None
        call, events = part.call, self._close()
        item = {"id": new_id("fc"), "type": "function_call", "call_id": call.id, "name": call.name,
                "arguments": "", "status": "in_progress"}  # fmt: skip
        self._items.append(item)
        events.append(self._event("response.output_item.added", {**self._at(), "item": item}))
        told = {**self._place(), "delta": call.arguments}
        events.append(self._event("response.function_call_arguments.delta", told))
        item |= {"arguments": call.arguments, "status": "completed"}
        told = {**self._place(), "name": call.name, "arguments": call.arguments}
        events.append(self._event("response.function_call_arguments.done", told))
        return [*events, self._event("response.output_item.done", {**self._at(), "item": item})]

    def _close(self, status: str = "completed") -> list[bytes]:
        """Close the last item if it is open."""
        if not self._open:
            return []
        item, self._open = self._items[-1], False
        item["status"] = status
        kind = item["type"]
        form = self._forms[kind]
        (part,) = item[form.place]
        told: Json = {**self._place(), **form.index(), "text": part["text"]}
        if kind == "message":
            told["logprobs"] = []
        return [
            self._event(f"response.{form.text_event}.done", told),
            self._event(f"response.{form.part_event}.done", {**self._place(), **form.index(), "part": part}),
            self._event("response.output_item.done", {**self._at(), "item": item}),
        ]

    def _at(self) -> Json:
        return {"output_index": len(self._items) - 1}

    def _place(self) -> Json:
        return {"item_id": self._items[-1]["id"], **self._at()}


def _asked(body: ResponsesBody) -> Json:
    """The fields of the request that a response repeats."""
    dumped = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    names = ("model", "instructions", "max_output_tokens", "temperature", "top_p", "user")
    asked: Json = {name: dumped.get(name) for name in names}
    return {
        **asked,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "reasoning": {"effort": None, "summary": None, **dumped.get("reasoning", {})},
        "text": dumped.get("text") or {"format": {"type": "text"}},
        "tool_choice": dumped.get("tool_choice", "auto"),
        "tools": [{"parameters": None, "strict": None, **tool} for tool in dumped.get("tools", ())],
    }


def _status(reason: str) -> str:
    return "incomplete" if reason == "length" else "completed"


def usage_of(completion: Completion) -> Json:
    """Token counts."""
    usage = completion.usage
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": 0,
            "image_tokens": usage.image_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
