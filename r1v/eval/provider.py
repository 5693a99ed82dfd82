"""``r1v/MODEL``: our engine in process, as a model provider of Inspect.

Enters: Inspect's messages and settings. Leaves: Inspect's outputs, the thinking as reasoning content.
Always holds: no server is involved; twice as many requests are under way as the engine decodes together, and
a few threads, however many requests there are, prepare their prompts.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    Content,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.tool import ToolCall as InspectCall
from inspect_ai.tool import ToolChoice, ToolFunction, ToolInfo

from r1v.core import (
    Completion,
    ConfigError,
    FinishReason,
    ImageRef,
    Message,
    R1VError,
    SamplingParams,
    ToolCall,
    parse_json,
)
from r1v.llm import LLM, ChatRequest, OutputGrammar, read_tool_calls

_STOP = {FinishReason.STOP: "stop", FinishReason.LENGTH: "max_tokens", FinishReason.CANCELLED: "unknown"}
# settings of Inspect that do not apply to a model in this process
_IGNORED = {
    "max_retries", "timeout", "attempt_timeout", "max_connections", "cache_prompt", "parallel_tool_calls",
    "response_schema", "internal_tools", "cache", "batch", "modalities", "verbosity", "effort",
    "adaptive_connections",
}  # fmt: skip
# SamplingParams without a counterpart in Inspect, given in extra_body
EXTRA = (
    "min_p",
    "repetition_penalty",
    "min_tokens",
    "detect_loops",
    "detect_answer_loops",
    "thinking_budget",
)


# Prompts prepared at a time. Each thread that uses torch gets a pool of its threads, and the rest
# of this work holds the interpreter, which the engine's thread needs too.
PREPARE_THREADS = 4


class R1VAPI(ModelAPI):
    """A model of ours. Model arguments: llm (an LLM to use) or those of LLM, and num_requests, the number of
    requests under way at a time (by default twice what the engine decodes together)."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - the signature that Inspect asks for
        llm: LLM | None = None,
        num_requests: int | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self.llm = llm or LLM(model_name, **model_args)
        self.owned = llm is None
        self.num_requests = num_requests or 2 * self.llm.max_running
        self._preparing: anyio.CapacityLimiter | None = None
        self._waiting: anyio.CapacityLimiter | None = None

    def max_connections(self) -> int:
        """The number of requests under way: those that the engine decodes together, and as many that wait for
        their turn."""
        return self.num_requests

    def connection_key(self) -> str:
        return f"r1v-{id(self.llm)}"

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """One answer, or calls of tools. Raises R1VError as ``LLM.chat`` does."""
        if self._preparing is None or self._waiting is None:
            self._preparing = anyio.CapacityLimiter(PREPARE_THREADS)
            self._waiting = anyio.CapacityLimiter(self.num_requests)
        offered = [] if tool_choice == "none" else tools
        request = ChatRequest(
            [to_message(message) for message in input],
            to_params(config, self.llm.default_params),
            [to_function(tool) for tool in offered] or None,
            grammar=to_grammar(offered, tool_choice, config),
        )
        stream = await anyio.to_thread.run_sync(partial(self.llm.start, request), limiter=self._preparing)
        with stream:
            found = await anyio.to_thread.run_sync(stream.wait, limiter=self._waiting, abandon_on_cancel=True)
        return to_output(found[0], f"r1v/{self.model_name}", with_tools=bool(offered))

    async def aclose(self) -> None:
        if self.owned:
            self.llm.close()


def to_grammar(
    tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
) -> OutputGrammar | None:
    """The grammar of the text after the thinking: a call if one is demanded, JSON if a schema is given,
    otherwise None. Raises ConfigError for a tool that is not offered."""
    schemas = {tool.name: tool.parameters.model_dump(exclude_none=True) for tool in tools}
    if isinstance(tool_choice, ToolFunction):
        if tool_choice.name not in schemas:
            raise ConfigError(f"tool {tool_choice.name!r} must be called, but is not among the tools")
        return OutputGrammar.tool_calls({tool_choice.name: schemas[tool_choice.name]}, several=False)
    if tool_choice == "any" and schemas:
        return OutputGrammar.tool_calls(schemas)
    if config.response_schema is not None and not schemas:
        return OutputGrammar.json_schema(config.response_schema.json_schema.model_dump(exclude_none=True))
    return None


def to_message(message: ChatMessage) -> Message:
    """An Inspect message as ours. Raises R1VError for content that is neither text nor image."""
    content = message.content if isinstance(message.content, list) else [ContentText(text=message.content)]
    parts: list[str | ImageRef] = []
    reasoning = ""
    for part in content:
        if isinstance(part, ContentText):
            parts.append(part.text)
        elif isinstance(part, ContentImage):
            parts.append(ImageRef(part.image))
        elif isinstance(part, ContentReasoning):
            reasoning += part.reasoning
        else:
            raise R1VError(f"message content of type {part.type!r} is not supported; use text and images")
    calls: tuple[ToolCall, ...] = ()
    if isinstance(message, ChatMessageAssistant) and message.tool_calls:
        calls = tuple(
            ToolCall(call.id, call.function, json.dumps(call.arguments)) for call in message.tool_calls
        )
    call_id = message.tool_call_id if message.role == "tool" else None
    return Message(
        message.role, tuple(part for part in parts if part != ""), reasoning or None, calls, call_id
    )


def to_params(config: GenerateConfig, defaults: SamplingParams) -> SamplingParams:
    """Inspect's settings, with the checkpoint's defaults for the rest. Raises ConfigError for a setting that
    does not exist here."""
    values = config.model_dump(exclude_none=True)
    changes: dict[str, Any] = {
        name: values.pop(name)
        for name in (
            "temperature", "top_p", "top_k", "max_tokens", "seed", "presence_penalty", "frequency_penalty",
        )
        if name in values
    }  # fmt: skip
    if changes.get("temperature") == 0.0 and "top_p" not in changes:
        changes["top_p"] = 1.0
    if "stop_seqs" in values:
        changes["stop"] = tuple(values.pop("stop_seqs"))
    if "reasoning_tokens" in values:
        changes["thinking_budget"] = values.pop("reasoning_tokens")
    if values.pop("logprobs", False):
        changes["logprobs"] = values.pop("top_logprobs", 1)
    extra = values.pop("extra_body", None) or {}
    for name, value in extra.items():
        if name not in EXTRA:
            raise ConfigError(f"extra_body has {name!r}; known are {', '.join(EXTRA)}")
        changes[name] = value
    unknown = sorted(values.keys() - _IGNORED)
    if unknown:
        raise ConfigError(f"setting {unknown[0]!r} is not supported by r1v models; leave it out")
    return replace(defaults, **changes)


def to_function(tool: ToolInfo) -> dict[str, Any]:
    """A tool in the form that chat templates take, with a JSON schema."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters.model_dump(exclude_none=True),
        },
    }


def to_output(completion: Completion, model: str, with_tools: bool = False) -> ModelOutput:
    """A completion as Inspect's output. The metadata says what ended the thinking early, if anything did."""
    text, calls = read_tool_calls(completion.answer) if with_tools else (completion.answer, ())
    content: list[Content] = []
    if completion.thinking:
        content.append(ContentReasoning(reasoning=completion.thinking))
    content.append(ContentText(text=text))
    usage = completion.usage
    detail = completion.finish_detail
    reason = _STOP.get(completion.finish_reason, "unknown")
    called = [InspectCall(call.id, call.name, parse_json(call.arguments, "arguments")) for call in calls]
    message = ChatMessageAssistant(
        content=content,
        tool_calls=called or None,
        model=model,
        source="generate",
    )
    return ModelOutput(
        model=model,
        choices=[
            ChatCompletionChoice(
                message=message,
                stop_reason="tool_calls" if calls and reason == "stop" else reason,  # type: ignore[arg-type]
            )
        ],
        usage=ModelUsage(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            total_tokens=usage.prompt_tokens + usage.completion_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        ),
        metadata={"finish_detail": str(detail)} if detail is not None else None,
    )
