"""Completions and events as OpenAI's objects.

Enters: Completions and TokenEvents. Leaves: JSON data. Always holds: the deltas of a stream, joined, are what
the whole response would have held; every object fits the type of the ``openai`` package, with additional
fields: ``reasoning_content`` and ``reasoning``, ``finish_detail``, ``refused``, image tokens in the usage.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from openai.types import Completion as TextCompletion
from openai.types.chat import ChatCompletion

from r1v.core import Completion, TokenEvent, TokenLogprob, ToolCall
from r1v.llm import (
    AnswerPart,
    LooseToolCallReader,
    ToolCallReader,
    read_loose_tool_calls,
    read_tool_calls,
)

Json: TypeAlias = dict[str, Any]
TokenText: TypeAlias = Callable[[int], tuple[str, bytes]]


def usage_of(completions: Sequence[Completion]) -> Json:
    """Token counts of one request. Each prompt is counted once, however many completions it has."""
    prompt = completions[0].usage
    output = sum(completion.usage.completion_tokens for completion in completions)
    return {
        "prompt_tokens": prompt.prompt_tokens,
        "completion_tokens": output,
        "total_tokens": prompt.prompt_tokens + output,
        "prompt_tokens_details": {"cached_tokens": prompt.cached_tokens, "image_tokens": prompt.image_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": sum(completion.usage.reasoning_tokens for completion in completions)
        },
    }


def add_usage(parts: Sequence[Json]) -> Json:
    """The usage of several prompts in one request."""
    total: Json = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                total[key] = add_usage([total.get(key, {}), value])
            else:
                total[key] = total.get(key, 0) + value
    return total


class ChatWriter:
    """Writes one chat response, whole or as chunks."""

    def __init__(
        self,
        model: str,
        token_text: TokenText,
        *,
        with_tools: bool,
        fingerprint: str,
        with_reasoning: bool = True,
        loose_names: Sequence[str] = (),
    ) -> None:
        """with_reasoning: whether the thinking is sent; it is counted in any case. loose_names: tools whose
        calls are also read in other forms than the template's."""
        self._loose_names = loose_names
        self._with_reasoning = with_reasoning
        self.id = f"chatcmpl-{uuid.uuid4().hex}"
        self._head: Json = {"model": model, "created": int(time.time()), "system_fingerprint": fingerprint}
        self._token_text = token_text
        self._with_tools = with_tools
        self._readers: dict[int, ToolCallReader] = {}
        self._num_calls: dict[int, int] = {}

    # ------------------------------------------------------------------------------------------------- whole

    def whole(
        self,
        completions: Sequence[Completion],
        finishes: Sequence[tuple[str, str | None]],
        num_thinking_ids: Mapping[int, int],
    ) -> Json:
        """The response. finishes: (reason, detail) of each completion. num_thinking_ids: for each completion,
        how many of its first ids are thinking; log-probabilities are divided there."""
        response = {
            "id": self.id,
            "object": "chat.completion",
            **self._head,
            "choices": [
                self._choice(c, *finish, num_thinking_ids.get(c.index, 0))
                for c, finish in zip(completions, finishes, strict=True)
            ],
            "usage": usage_of(completions),
        }
        return ChatCompletion.model_validate(response).model_dump(mode="json", exclude_unset=True)

    def _choice(self, completion: Completion, reason: str, detail: str | None, thought: int) -> Json:
        text, calls = completion.answer, tuple[ToolCall, ...]()
        if self._loose_names:
            text, calls = read_loose_tool_calls(text, self._loose_names)
        elif self._with_tools:
            text, calls = read_tool_calls(text)
        message: Json = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
        if completion.thinking and self._with_reasoning:
            message |= {"reasoning_content": completion.thinking, "reasoning": completion.thinking}
        if calls:
            message["tool_calls"] = [_call(call) for call in calls]
        logprobs = None
        if completion.logprobs is not None:
            entries = [self._logprob(entry) for entry in completion.logprobs]
            logprobs = {
                "content": entries[thought:],
                "refusal": None,
                "reasoning": entries[: thought if self._with_reasoning else 0],
            }
        return {
            "index": completion.index,
            "message": message,
            "logprobs": logprobs,
            "finish_reason": "tool_calls" if calls and reason == "stop" else reason,
            "finish_detail": detail,
            **({"refused": True} if completion.refused else {}),
        }

    # ------------------------------------------------------------------------------------------------ chunks

    def first(self, index: int) -> Json:
        """The chunk with which a choice begins."""
        return self._chunk(index, {"role": "assistant", "content": ""})

    def event(self, event: TokenEvent) -> list[Json]:
        """Chunks for a piece of output; no chunk while nothing in it is certain yet."""
        logprobs = None
        if event.logprobs:
            entries = [self._logprob(entry) for entry in event.logprobs]
            inside = event.segment == "thinking"
            logprobs = {
                "content": [] if inside else entries,
                "refusal": None,
                "reasoning": entries if inside and self._with_reasoning else [],
            }
        if event.segment == "thinking":
            told = event.text if self._with_reasoning else ""
            deltas: list[Json] = [{"reasoning_content": told, "reasoning": told}] if told else []
        elif self._with_tools:
            reader = self._readers.get(event.index)
            if reader is None:
                names = self._loose_names
                reader = LooseToolCallReader(names) if names else ToolCallReader()
                self._readers[event.index] = reader
            deltas = [self._delta(event.index, part) for part in reader.push(event.text)]
        else:
            deltas = [{"content": event.text}] if event.text else []
        if not deltas and logprobs is not None:
            deltas = [{}]
        return [
            self._chunk(event.index, delta, logprobs if number == 0 else None)
            for number, delta in enumerate(deltas)
        ]

    def last(self, completion: Completion, reason: str, detail: str | None) -> list[Json]:
        """The chunks with which a choice ends."""
        index = completion.index
        rest = self._readers[index].flush() if index in self._readers else []
        chunks = [self._chunk(index, self._delta(index, part)) for part in rest]
        called = self._num_calls.get(index, 0) > 0
        end = self._chunk(index, {})
        end["choices"][0]["finish_reason"] = "tool_calls" if called and reason == "stop" else reason
        end["choices"][0]["finish_detail"] = detail
        if completion.refused:
            end["choices"][0]["refused"] = True
        return [*chunks, end]

    def usage(self, completions: Sequence[Completion]) -> Json:
        """The last chunk, with the token counts."""
        return {"id": self.id, "object": "chat.completion.chunk", **self._head, "choices": [],
                "usage": usage_of(completions)}  # fmt: skip

    def _delta(self, index: int, part: AnswerPart) -> Json:
        if part.call is None:
            return {"content": part.text}
        number = self._num_calls.get(index, 0)
        self._num_calls[index] = number + 1
        return {"tool_calls": [{"index": number, **_call(part.call)}]}

    def _chunk(self, index: int, delta: Json, logprobs: Json | None = None) -> Json:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
        return {"id": self.id, "object": "chat.completion.chunk", **self._head, "choices": [choice]}

    def _logprob(self, entry: TokenLogprob) -> Json:
        return {
            **self._token(entry.token_id, entry.logprob),
            "top_logprobs": [self._token(token_id, value) for token_id, value in entry.top],
        }

    def _token(self, token_id: int, logprob: float) -> Json:
        text, spelled = self._token_text(token_id)
        return {"token": text, "bytes": list(spelled), "logprob": max(logprob, -9999.0)}


def _call(call: ToolCall) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


class TextWriter:
    """Writes one response of /v1/completions, whole or as chunks."""

    def __init__(self, model: str, token_text: TokenText, *, fingerprint: str) -> None:
        self.id = f"cmpl-{uuid.uuid4().hex}"
        self._head: Json = {"id": self.id, "object": "text_completion", "created": int(time.time()),
                            "model": model, "system_fingerprint": fingerprint}  # fmt: skip
        self._token_text = token_text
        self._offsets: dict[int, int] = {}

    def whole(self, choices: Sequence[tuple[int, Completion, str, str | None]], usage: Json) -> Json:
        """The response; choices: (index, completion, reason, detail)."""
        listed = [
            self._choice(index, c.answer, c.logprobs, reason, detail) for index, c, reason, detail in choices
        ]
        response = {**self._head, "choices": listed, "usage": usage}
        return TextCompletion.model_validate(response).model_dump(mode="json", exclude_unset=True)

    def event(self, index: int, event: TokenEvent) -> Json | None:
        """The chunk for a piece of output; None while nothing in it is certain yet."""
        if not event.text and not event.logprobs:
            return None
        return {
            **self._head,
            "choices": [self._choice(index, event.text, event.logprobs or None, None, None)],
        }

    def last(self, index: int, reason: str, detail: str | None) -> Json:
        """The chunk with which a choice ends."""
        return {**self._head, "choices": [self._choice(index, "", None, reason, detail)]}

    def usage(self, usage: Json) -> Json:
        """The last chunk, with the token counts."""
        return {**self._head, "choices": [], "usage": usage}

    def _choice(
        self,
        index: int,
        text: str,
        logprobs: Sequence[TokenLogprob] | None,
        reason: str | None,
        detail: str | None,
    ) -> Json:
        listed: Json | None = None
        if logprobs is not None:
            tokens = [self._token_text(entry.token_id)[0] for entry in logprobs]
            offset, offsets = self._offsets.get(index, 0), []
            for token in tokens:
                offsets.append(offset)
                offset += len(token)
            self._offsets[index] = offset
            listed = {
                "tokens": tokens,
                "token_logprobs": [max(entry.logprob, -9999.0) for entry in logprobs],
                "top_logprobs": [
                    {self._token_text(i)[0]: max(value, -9999.0) for i, value in entry.top}
                    for entry in logprobs
                ],
                "text_offset": offsets,
            }
        return {
            "index": index,
            "text": text,
            "logprobs": listed,
            "finish_reason": reason,
            "finish_detail": detail,
        }
