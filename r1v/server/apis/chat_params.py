"""From a checked body to a request of the façade.

Enters: bodies as `chat_schema` describes them. Leaves: ChatRequests and TextRequests. Always holds: every
parameter that was sent either takes effect or is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from r1v.core import ConfigError, ImageRef, SamplingParams, ToolCall
from r1v.core import Message as CoreMessage
from r1v.llm import ChatRequest, ModelInfo, OutputGrammar, TextRequest
from r1v.server.apis.chat_schema import (
    AssistantMessage,
    ChatBody,
    ImagePart,
    Message,
    NamedTool,
    ObjectFormat,
    SamplingFields,
    SchemaFormat,
    TemplateArguments,
    TextBody,
    TextPart,
    TokenizeBody,
    Tool,
    ToolMessage,
)
from r1v.server.config import ServerConfig
from r1v.server.errors import APIError
from r1v.server.images import ImageSource

# The limit of thinking for each effort, as a share of the context; None is no limit.
EFFORTS: dict[str, float | None] = {
    "none": 0.0, "minimal": 1 / 32, "low": 1 / 8, "medium": 1 / 4, "high": None, "xhigh": None,
}  # fmt: skip

MAX_SCHEMA_CHARS = 100_000


def refuse(param: str, message: str, code: str = "invalid_value") -> APIError:
    """A 400 that names the parameter."""
    return APIError(400, f"{param}: {message}", code=code, param=param)


class Translator:
    """Knows the model and the limits of one server."""

    def __init__(
        self, info: ModelInfo, defaults: SamplingParams, config: ServerConfig, images: ImageSource
    ) -> None:
        self._info, self._defaults, self._config, self._images = info, defaults, config, images

    async def chat(self, body: ChatBody) -> ChatRequest:
        """Raises APIError, ImageError."""
        tools, grammar = self._tools(body)
        if grammar is None:
            grammar = _format(body)
        elif isinstance(body.response_format, ObjectFormat | SchemaFormat):
            raise refuse("response_format", "cannot go with tools that must be called")
        return ChatRequest(
            messages=await self.messages(body.messages),
            params=self._chat_params(body),
            tools=tools,
            continue_final=self.continues(body),
            grammar=grammar,
        )

    def texts(self, body: TextBody) -> list[TextRequest]:
        """One request for each prompt of the body."""
        prompts: Sequence[Any] = (
            body.prompt
            if isinstance(body.prompt, list) and not isinstance(body.prompt[0], int)
            else [body.prompt]
        )
        params = self._sampling(body, {"logprobs": body.logprobs, "max_tokens": body.max_tokens or 16})
        params = replace(params, thinking_budget=-1, detect_loops=False)
        for prompt in prompts:
            if not isinstance(prompt, str) and max(prompt) >= self._info.vocab_size:
                raise refuse(
                    "prompt", f"token {max(prompt)} is outside the vocabulary of {self._info.vocab_size}"
                )
        return [TextRequest(prompt, params) for prompt in prompts]

    def tokenized(self, thinks: bool) -> SamplingParams:
        """Sampling settings for a prompt that is only tokenized."""
        return replace(self._defaults, n=1, thinking_budget=-1 if thinks else 0)

    async def messages(self, sent: Sequence[Message]) -> tuple[CoreMessage, ...]:
        """The conversation with its images opened."""
        urls = [
            part.image_url.url for message in sent for part in _parts(message) if isinstance(part, ImagePart)
        ]
        if urls and not self._info.takes_images:
            raise refuse("messages", "this model takes no images; ask without them")
        opened = iter(await self._images.open(urls))
        return tuple(_message(message, opened) for message in sent)

    def tool_list(self, tools: Sequence[Tool] | None) -> list[dict[str, Any]] | None:
        """Tools in the form that a chat template takes."""
        if not tools:
            return None
        if not self._info.takes_tools:
            raise refuse(
                "tools", "this model's chat template does not support tools; ask without them", "unsupported"
            )
        listed = [tool.model_dump(exclude_none=True) for tool in tools]
        if len(json.dumps(listed)) > MAX_SCHEMA_CHARS:
            raise refuse("tools", f"longer than {MAX_SCHEMA_CHARS} characters; send fewer")
        names = [tool.function.name for tool in tools]
        if len(set(names)) < len(names):
            raise refuse("tools", "two of them have the same name")
        return listed

    def continues(self, body: ChatBody | TokenizeBody) -> bool:
        """Whether the last message is continued. vLLM's add_generation_prompt means the opposite."""
        wanted = bool(body.continue_final_message)
        if body.add_generation_prompt is not None and body.add_generation_prompt == wanted:
            other = "true" if not wanted else "false"
            raise refuse(
                "add_generation_prompt", f"contradicts continue_final_message; send {other} or leave it out"
            )
        if wanted and not (body.messages and isinstance(body.messages[-1], AssistantMessage)):
            raise refuse("continue_final_message", "the last message is not the assistant's")
        return wanted

    # ------------------------------------------------------------------------------------------------ params

    def _chat_params(self, body: ChatBody) -> SamplingParams:
        if body.max_tokens and body.max_completion_tokens and body.max_tokens != body.max_completion_tokens:
            raise refuse("max_tokens", "differs from max_completion_tokens; send one of them")
        if body.top_logprobs and not body.logprobs:
            raise refuse("top_logprobs", "needs logprobs: true")
        changes = {
            "logprobs": (body.top_logprobs or 0) if body.logprobs else None,
            "max_tokens": body.max_completion_tokens or body.max_tokens,
            "thinking_budget": self._budget(body),
        }
        return self._sampling(body, changes)

    def _budget(self, body: ChatBody) -> int:
        """The limit of thinking in tokens: -1 is no limit, 0 is no thinking. A model that does not think
        keeps any such limit, so requests to it may set one as well."""
        extra = body.chat_template_kwargs or TemplateArguments()
        given: dict[str, int] = {}
        if body.thinking_budget is not None:
            given["thinking_budget"] = body.thinking_budget
        if extra.thinking_budget is not None:
            given["chat_template_kwargs.thinking_budget"] = extra.thinking_budget
        if body.reasoning_effort is not None:
            share = EFFORTS[body.reasoning_effort]
            given["reasoning_effort"] = -1 if share is None else int(share * self._info.context_length)
        if len(set(given.values())) > 1:
            raise refuse(list(given)[1], f"contradicts {next(iter(given))}; send one of them")
        budget = next(iter(given.values()), None)
        if extra.enable_thinking is False:
            if budget:
                raise refuse("chat_template_kwargs.enable_thinking", f"contradicts {next(iter(given))}")
            return 0
        if extra.enable_thinking and budget == 0:
            raise refuse("chat_template_kwargs.enable_thinking", f"contradicts {next(iter(given))}")
        return self._defaults.thinking_budget if budget is None else budget

    def _sampling(self, body: SamplingFields, changes: dict[str, Any]) -> SamplingParams:
        if body.stream_options is not None and not body.stream:
            raise refuse("stream_options", "needs stream: true")
        for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
                     "frequency_penalty", "seed", "n", "min_tokens", "detect_answer_loops"):  # fmt: skip
            value = getattr(body, name)
            if value is not None:
                changes[name] = value
        if changes.get("top_k") == -1:  # vLLM's way to switch it off
            changes["top_k"] = 0
        if body.n is not None and body.n > self._config.max_n:
            raise refuse("n", f"{body.n} is more than this server's limit of {self._config.max_n}")
        limit = changes.get("max_tokens")
        if limit is not None and limit > self._info.context_length:
            raise refuse("max_tokens", f"{limit} is more than the context of {self._info.context_length}")
        if limit is not None and (body.min_tokens or 0) > limit:
            raise refuse("min_tokens", f"{body.min_tokens} is more than max_tokens, {limit}")
        if body.ignore_eos:  # what benchmark clients send for answers of a fixed length
            if limit is None:
                raise refuse("ignore_eos", "needs max_tokens, the length that the answer is to have")
            changes["min_tokens"] = limit
        if body.deadline_s is not None and body.deadline_s > self._config.deadline_s:
            raise refuse(
                "deadline_s", f"{body.deadline_s:g} is more than this server's {self._config.deadline_s:g}"
            )
        if body.stop is not None:
            changes["stop"] = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop)
        if body.stop_token_ids is not None:
            for token_id in body.stop_token_ids:
                self._check_token("stop_token_ids", token_id)
            changes["stop_token_ids"] = tuple(body.stop_token_ids)
        if body.logit_bias is not None:
            changes["logit_bias"] = {self._bias_id(key): value for key, value in body.logit_bias.items()}
        try:
            return replace(self._defaults, **changes)
        except ConfigError as error:  # values that the schema's ranges could not refuse
            raise APIError(400, str(error), code="invalid_value", param=str(error).split(" ")[0]) from error

    def _bias_id(self, key: str) -> int:
        if not (key.isascii() and key.isdigit() and len(key) < 10 and key == str(int(key))):
            raise refuse("logit_bias", f"the key {key[:20]!r} is not a token id")
        self._check_token("logit_bias", int(key))
        return int(key)

    def _check_token(self, param: str, token_id: int) -> None:
        if token_id >= self._info.vocab_size:
            raise refuse(param, f"token {token_id} is outside the vocabulary of {self._info.vocab_size}")

    # ------------------------------------------------------------------------------------------------- tools

    def _tools(self, body: ChatBody) -> tuple[list[dict[str, Any]] | None, OutputGrammar | None]:
        """Tools for the template, and the grammar of a call that is demanded."""
        choice = body.tool_choice
        if not body.tools:
            if choice not in (None, "none", "auto"):
                raise refuse("tool_choice", "there are no tools to choose from")
            return None, None
        listed = self.tool_list(body.tools)
        if choice == "none":
            return None, None
        schemas = {tool.function.name: tool.function.parameters or {} for tool in body.tools}
        if isinstance(choice, NamedTool):
            name = choice.function.name
            if name not in schemas:
                raise refuse("tool_choice", f"no tool is called {name[:64]!r}")
            return listed, OutputGrammar.tool_calls({name: schemas[name]}, several=False)
        if choice == "required":
            return listed, OutputGrammar.tool_calls(schemas, several=body.parallel_tool_calls is not False)
        if any(tool.function.strict for tool in body.tools):
            raise refuse(
                "tools", "strict functions need tool_choice required or a named function", "unsupported"
            )
        if body.parallel_tool_calls is False:
            raise refuse(
                "parallel_tool_calls", "false needs tool_choice required or a named function", "unsupported"
            )
        if isinstance(body.response_format, ObjectFormat | SchemaFormat):
            raise refuse("response_format", "cannot go with tools; send tool_choice: none")
        return listed, None


def _format(body: ChatBody) -> OutputGrammar | None:
    """The grammar that response_format asks for."""
    wanted = body.response_format
    if isinstance(wanted, ObjectFormat):
        return OutputGrammar.json_object()
    if isinstance(wanted, SchemaFormat):
        schema = wanted.json_schema.schema_
        if len(json.dumps(schema)) > MAX_SCHEMA_CHARS:
            raise refuse("response_format", f"the schema is longer than {MAX_SCHEMA_CHARS} characters")
        return OutputGrammar.json_schema(schema)
    return None


def _parts(message: Message) -> Sequence[TextPart | ImagePart]:
    content = message.content
    return content if isinstance(content, list) else []


def _message(message: Message, opened: Any) -> CoreMessage:
    """One message. opened: an iterator that gives the images in their order."""
    content = message.content
    texts: tuple[str | ImageRef, ...]
    if isinstance(content, list):
        texts = _join([next(opened) if isinstance(part, ImagePart) else part.text for part in content])
    else:
        texts = (content,) if content else ()
    if isinstance(message, AssistantMessage):
        return CoreMessage(
            "assistant",
            texts,
            reasoning=message.reasoning_content or message.reasoning or None,
            tool_calls=tuple(
                ToolCall(call.id, call.function.name, call.function.arguments)
                for call in message.tool_calls or ()
            ),
        )
    if isinstance(message, ToolMessage):
        return CoreMessage("tool", texts, tool_call_id=message.tool_call_id)
    return CoreMessage("system" if message.role == "developer" else message.role, texts)


def _join(parts: list[str | ImageRef]) -> tuple[str | ImageRef, ...]:
    """Each image on a line of its own, as the release's scripts put it."""
    joined: list[str | ImageRef] = []
    for part in parts:
        before = joined[-1] if joined else None
        if before is not None and (isinstance(before, ImageRef) or isinstance(part, ImageRef)):
            open_line = isinstance(before, ImageRef) or not before.endswith("\n")
            if open_line and not (isinstance(part, str) and part.startswith("\n")):
                joined.append("\n")
        joined.append(part)
    return tuple(joined)
