"""What goes over the wire to a remote endpoint, and what comes back, in the two forms that are spoken.

Enters: requests; the data of server-sent events. Leaves: JSON bodies; Deltas. Always holds: thinking is found
wherever a server puts it: ``reasoning_content``, ``reasoning``, ``thinking`` blocks, or inline ``<think>``.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from r1v.core import (
    ConfigError,
    FinishDetail,
    FinishReason,
    ImageRef,
    Message,
    PromptError,
    R1VError,
    SamplingParams,
    Segment,
    TokenLogprob,
    UnavailableError,
    parse_json,
)
from r1v.llm.config import RemoteConfig
from r1v.llm.requests import ChatRequest
from r1v.prompt import UNKNOWN_ID, ImageLimits, TextUnit, open_image

Json: TypeAlias = dict[str, Any]

ANTHROPIC_MAX_TOKENS = 8192  # where a request sets no limit: the messages API requires one


@dataclass(frozen=True, slots=True)
class WirePart:
    """A piece of a completion. logprobs: one for each unit, or none."""

    units: tuple[TextUnit, ...]
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(slots=True)
class Delta:
    """What one event of a stream adds. usage: the fields that it sets. done: the stream is complete."""

    parts: list[WirePart] = field(default_factory=list)
    reason: FinishReason | None = None
    detail: FinishDetail | None = None
    usage: dict[str, int] = field(default_factory=dict)
    done: bool = False
    error: str = ""


# ---------------------------------------------------------------------------------------------------- images


def image_data(ref: ImageRef, config: RemoteConfig, limits: ImageLimits) -> tuple[str, str]:
    """(media type, base64) of an image, as PNG or, where that is too large, JPEG, made smaller if need be.

    Raises ImageError.
    """
    image = open_image(ref, limits)
    side = max(image.size)
    if side > config.max_image_side:
        part = config.max_image_side / side
        image = image.resize((max(1, int(image.width * part)), max(1, int(image.height * part))))
    room = config.max_image_bytes * 3 // 4  # base64 takes four characters for three bytes
    while True:
        for form, options in (("PNG", {}), ("JPEG", {"quality": 92})):
            buffer = io.BytesIO()
            image.save(buffer, form, **options)
            if buffer.tell() <= room or max(image.size) <= 32:
                return f"image/{form.lower()}", base64.b64encode(buffer.getvalue()).decode()
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)))


# ---------------------------------------------------------------------------------------------------- openai


def openai_body(
    model: str, request: ChatRequest, index: int, config: RemoteConfig, limits: ImageLimits, owner: str
) -> Json:
    """The body of /chat/completions. owner: who made the server, as /models tells ("r1v", "vllm", …)."""
    params = request.params
    body: Json = {
        "model": model,
        "messages": [_openai_message(message, config, limits) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    given = {"temperature": params.temperature, "top_p": params.top_p}
    for name, neutral in (("top_k", 0), ("min_p", 0.0), ("repetition_penalty", 1.0)):
        value = getattr(params, name)
        if value != neutral or owner in ("r1v", "vllm"):  # other servers may not know these names
            given[name] = value
    body |= {name: value for name, value in given.items() if value is not None}  # None: the server's own
    for name in ("presence_penalty", "frequency_penalty", "min_tokens"):
        if getattr(params, name):
            body[name] = getattr(params, name)
    if params.seed is not None:
        body["seed"] = params.seed + index
    if params.max_tokens is not None:
        body["max_completion_tokens" if owner == "openai" else "max_tokens"] = params.max_tokens
    if params.stop:
        body["stop"] = list(params.stop)
    if params.stop_token_ids:
        body["stop_token_ids"] = list(params.stop_token_ids)
    if params.logit_bias:
        body["logit_bias"] = {str(key): value for key, value in params.logit_bias.items()}
    if params.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": params.logprobs}
    if request.tools:
        body["tools"] = [dict(tool) for tool in request.tools]
    if request.continue_final:
        body["continue_final_message"] = True
        if owner != "r1v":
            body["add_generation_prompt"] = False
    if params.detect_answer_loops and owner == "r1v":
        body["detect_answer_loops"] = True
    return body | _thinking(params, owner) | dict(config.extra)


def _thinking(params: SamplingParams, owner: str) -> Json:
    """The field that tells this server to think less. ConfigError: the server has none."""
    budget = params.thinking_budget
    if budget < 0:
        return {}
    if owner == "openai":
        if budget == 0:
            return {"reasoning_effort": "none"}
    elif budget == 0:
        return {"chat_template_kwargs": {"enable_thinking": False}}
    elif owner == "r1v":
        return {"thinking_budget": budget}
    elif owner == "vllm":
        return {"thinking_token_budget": budget}
    raise ConfigError(
        f"thinking_budget is {budget}, but this server takes none; leave it out, or name the server's own "
        "field in remote.extra"
    )


def _openai_message(message: Message, config: RemoteConfig, limits: ImageLimits) -> Json:
    sent: Json = {"role": message.role}
    if message.images:
        parts: list[Json] = []
        for part in _without_line_ends(message.content):
            if isinstance(part, ImageRef):
                media, data = image_data(part, config, limits)
                url = {"url": f"data:{media};base64,{data}"}
                parts.append({"type": "image_url", "image_url": url})
            else:
                parts.append({"type": "text", "text": part})
        sent["content"] = parts
    else:
        sent["content"] = message.text
    if message.reasoning:
        sent["reasoning_content"] = message.reasoning
    if message.tool_calls:
        sent["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        sent["tool_call_id"] = message.tool_call_id
    return sent


def _without_line_ends(content: Sequence[str | ImageRef]) -> list[str | ImageRef]:
    """Servers put a line end after each image themselves, so ours between the images are left out."""
    return [
        part for number, part in enumerate(content)
        if not (part == "\n" and number and isinstance(content[number - 1], ImageRef))
    ]  # fmt: skip


MAX_EVENT_VALUES = 100_000  # commas and brackets in one event, which holds only a few tokens


def _event(data: str) -> Json:
    """One event of a server, which is not trusted. Raises UnavailableError."""
    found = parse_json(
        data, "an event of the server", error=UnavailableError, max_values=MAX_EVENT_VALUES
    )  # fmt: skip
    if not isinstance(found, dict):
        raise UnavailableError("the server sent an event that is not an object; check the URL and the form")
    return found


class OpenAIReader:
    """Reads the events of one chat completion."""

    def __init__(self, separates: bool = False) -> None:
        """separates: the server always sends thinking apart, so that no text of an answer is a marker."""
        self._answer: Segment | None = "answer" if separates else None
        self._calls: dict[int, Json] = {}

    def read(self, data: str) -> Delta:
        """One event's data."""
        if data == "[DONE]":
            return Delta(done=True)
        chunk = _event(data)
        delta = Delta()
        if "error" in chunk:
            delta.error = error_text(chunk)
            return delta
        if chunk.get("usage"):
            delta.usage = openai_usage(chunk["usage"])
        for choice in chunk.get("choices", ()):
            message = choice.get("delta") or choice.get("message") or {}
            self._texts(message, choice.get("logprobs") or {}, delta)
            self._note_calls(message)
            if choice.get("finish_reason") is not None:
                delta.parts += self._call_texts()
                delta.reason = finish_reason(choice["finish_reason"])
                detail = choice.get("finish_detail")
                delta.detail = FinishDetail(detail) if detail in ("budget", "loop") else None
        return delta

    def _texts(self, message: Json, logprobs: Mapping[str, Any], delta: Delta) -> None:
        """Thinking, then the answer. Log-probabilities that are not split between them go to the part that is
        present."""
        thinking = message.get("reasoning_content") or message.get("reasoning") or ""
        content = message.get("content") or ""
        of_thinking, of_content = (logprobs.get(name) or [] for name in ("reasoning", "content"))
        if thinking and not content and not of_thinking:
            of_thinking, of_content = of_content, []
        if thinking or of_thinking:
            delta.parts.append(text_part(thinking, "thinking", of_thinking))
        if content or of_content:
            delta.parts.append(text_part(content, self._answer, of_content))

    def _note_calls(self, message: Json) -> None:
        for call in message.get("tool_calls") or ():
            kept = self._calls.setdefault(call.get("index", len(self._calls)), {"name": "", "arguments": ""})
            function = call.get("function") or {}
            kept["name"] += function.get("name") or ""
            kept["arguments"] += function.get("arguments") or ""

    def _call_texts(self) -> list[WirePart]:
        """Calls in the form in which our own models write them, which read_tool_calls reads."""
        parts: list[WirePart] = []
        for call in self._calls.values():
            try:
                arguments = parse_json(call["arguments"] or "{}", "the arguments of a call")
            except R1VError:
                arguments = call["arguments"]
            text = json.dumps({"name": call["name"], "arguments": arguments}, ensure_ascii=False)
            parts.append(text_part(f"<tool_call>\n{text}\n</tool_call>", "answer"))
        self._calls.clear()
        return parts


def text_part(text: str, segment: Segment | None, entries: Sequence[Mapping[str, Any]] = ()) -> WirePart:
    """A piece of text with its tokens' log-probabilities, cut into these tokens where their spelling is the
    text."""
    logprobs = tuple(
        TokenLogprob(
            _token_id(entry), float(entry["logprob"]),
            tuple((_token_id(top), float(top["logprob"])) for top in entry.get("top_logprobs") or ()),
        )
        for entry in entries
    )  # fmt: skip
    spelled = [str(entry.get("token", "")) for entry in entries]
    if "".join(spelled) != text:
        spelled = [text, *[""] * (len(entries) - 1)]
    return WirePart(tuple(TextUnit(each, segment) for each in spelled), logprobs)


def _token_id(entry: Mapping[str, Any]) -> int:
    """The id, if the server sends it in place of the token's text."""
    text = str(entry.get("token", ""))
    spelled = text.removeprefix("token_id:")
    return int(spelled) if spelled != text and spelled.isdigit() else UNKNOWN_ID


def finish_reason(name: str) -> FinishReason:
    """OpenAI's and Anthropic's names."""
    return FinishReason.LENGTH if name in ("length", "max_tokens") else FinishReason.STOP


def openai_usage(usage: Mapping[str, Any]) -> dict[str, int]:
    """Fields of Usage that a server tells."""
    prompt = usage.get("prompt_tokens_details") or {}
    output = usage.get("completion_tokens_details") or {}
    found = {
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cached_tokens": prompt.get("cached_tokens", usage.get("prompt_cache_hit_tokens")),
        "image_tokens": prompt.get("image_tokens"),
        "reasoning_tokens": output.get("reasoning_tokens"),
    }
    return {name: int(value) for name, value in found.items() if value is not None}


def error_text(body: Any) -> str:
    """A server's complaint in one line."""
    error = body.get("error", body) if isinstance(body, dict) else body
    text = error.get("message") if isinstance(error, dict) else None
    line = " ".join(str(text or error).split())
    return line if len(line) <= 300 else line[:300] + "…"


# ------------------------------------------------------------------------------------------------- anthropic


def anthropic_body(
    model: str, request: ChatRequest, index: int, config: RemoteConfig, limits: ImageLimits, owner: str
) -> Json:
    """The body of /messages."""
    params = request.params
    if params.logprobs is not None or request.tools or params.logit_bias:
        raise PromptError("log-probabilities, tools and logit_bias cannot be sent in the anthropic form")
    system = "\n\n".join(message.text for message in request.messages if message.role == "system")
    turns = [message for message in request.messages if message.role != "system"]
    budget = params.thinking_budget
    body: Json = {
        "model": model,
        "max_tokens": params.max_tokens or ANTHROPIC_MAX_TOKENS + max(budget, 0),
        "messages": [
            {"role": "assistant" if message.role == "assistant" else "user",
             "content": [_block(part, config, limits) for part in _without_line_ends(message.content)]}
            for message in turns
        ],
        "stream": True,
    }  # fmt: skip
    if system:
        body["system"] = system
    if params.stop:
        body["stop_sequences"] = list(params.stop)
    if budget > 0:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    else:
        body |= {} if params.temperature is None else {"temperature": params.temperature}
        body |= {} if params.top_p in (None, 1.0) else {"top_p": params.top_p}
    if params.top_k and budget <= 0:
        body["top_k"] = params.top_k
    return body | dict(config.extra)


def _block(part: str | ImageRef, config: RemoteConfig, limits: ImageLimits) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    media, data = image_data(part, config, limits)
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


class AnthropicReader:
    """Reads the events of one message."""

    def __init__(self, separates: bool = False) -> None:
        """separates: see OpenAIReader."""
        self._answer: Segment | None = "answer" if separates else None

    def read(self, data: str) -> Delta:
        """One event's data."""
        event = _event(data)
        kind, delta = event.get("type"), Delta()
        if kind == "error":
            delta.error = error_text(event)
        elif kind == "message_start":
            delta.usage = self._usage(event["message"].get("usage") or {})
        elif kind == "content_block_delta":
            found = event["delta"]
            if found.get("type") == "thinking_delta":
                delta.parts.append(text_part(found["thinking"], "thinking"))
            elif found.get("type") == "text_delta":
                delta.parts.append(text_part(found["text"], self._answer))
        elif kind == "message_delta":
            delta.usage = self._usage(event.get("usage") or {})
            if event["delta"].get("stop_reason"):
                delta.reason = finish_reason(event["delta"]["stop_reason"])
        delta.done = kind == "message_stop"
        return delta

    def _usage(self, usage: Mapping[str, Any]) -> dict[str, int]:
        names = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens",
                 "cache_read_input_tokens": "cached_tokens"}  # fmt: skip
        return {names[k]: int(v) for k, v in usage.items() if k in names and v is not None}
