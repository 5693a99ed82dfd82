"""Anthropic's /v1/messages over the requests of chat completions.

Enters: bodies of messages_schema.py. Leaves: messages. Always holds: sampling, limits, images and thinking
are those of chat completions; errors have Anthropic's form, with the parameter's name beside it.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from r1v.llm import ChatRequest
from r1v.server.apis.chat_answers import Json
from r1v.server.apis.chat_params import refuse
from r1v.server.apis.chat_schema import ChatBody
from r1v.server.apis.endpoint import FAILURES, Endpoint, chat_body, renamed
from r1v.server.apis.messages_schema import (
    AssistantTurn,
    Base64Source,
    CountBody,
    ImageBlock,
    MessagesBody,
    TextBlock,
    ThinkingBlock,
    ThinkingFree,
    ThinkingOff,
    ThinkingOn,
    ToolResultBlock,
    UserTurn,
)
from r1v.server.apis.messages_writer import MessageWriter
from r1v.server.errors import APIError, json_response

# Names of fields in chat completions, and their names in this API.
NAMES = {
    "response_format": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "thinking_budget": "thinking.budget_tokens",
    "stop": "stop_sequences",
    "continue_final_message": "messages",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
}


class ErrorDetail(BaseModel):
    """The error in Anthropic's form, with param and code in addition."""

    type: str
    message: str
    param: str | None
    code: str | None


class MessagesError(BaseModel):
    """What the body of a failed request holds."""

    type: str
    error: ErrorDetail


class TokenCount(BaseModel):
    """The tokens of a conversation."""

    input_tokens: int


_FAILURES = {status: {**told, "model": MessagesError} for status, told in FAILURES.items()}


class Messages(Endpoint):
    """The endpoints of Anthropic's form."""

    def add_routes(self, app: FastAPI) -> None:
        """Put the endpoints on an app."""
        stream = {
            "content": {"application/json": {}, "text/event-stream": {}},
            "description": "The message, or a stream of its events",
        }
        app.add_api_route(
            "/v1/messages", self.message, methods=["POST"],
            responses={**_FAILURES, 200: stream}, summary="Answer a conversation (Anthropic)",
        )  # fmt: skip
        app.add_api_route("/v1/messages/count_tokens", self.count, methods=["POST"],
                          responses={**_FAILURES, 200: {"model": TokenCount}},
                          summary="The number of tokens of a conversation (Anthropic)")  # fmt: skip

    async def message(self, body: MessagesBody, request: Request) -> Response:
        """Answer a conversation with text and images."""
        told = body.thinking
        hidden = isinstance(told, ThinkingOn | ThinkingFree) and told.display == "omitted"
        writer = MessageWriter(self._config.name, with_tools=bool(body.tools), with_thinking=not hidden)
        return await self.answer(as_chat(body), request, writer, NAMES)

    async def count(self, body: CountBody, request: Request) -> Response:
        """Count the tokens of a conversation as the chat template writes it."""
        self.check_model(body.model)
        chat = chat_body(_conversation(body), NAMES)
        params = self._translator.tokenized(not isinstance(body.thinking, ThinkingOff))
        with self._service.admit():
            try:
                work = ChatRequest(
                    await self._translator.messages(chat.messages), params,
                    self._translator.tool_list(chat.tools), bool(chat.continue_final_message),
                )  # fmt: skip
            except APIError as error:
                raise renamed(error, NAMES) from error
            number = len(await self._service.tokenize(work))
            self.note_prompt(request, number, sum(len(message.images) for message in work.messages))
            return json_response({"input_tokens": number})


def as_chat(body: MessagesBody) -> ChatBody:
    """The same request as chat completions have it. Raises APIError."""
    fields = _conversation(body) | {
        "max_tokens": body.max_tokens,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "top_k": body.top_k,
        "stop": body.stop_sequences,
        "stream": body.stream,
    }
    if isinstance(body.thinking, ThinkingOn):
        budget = body.thinking.budget_tokens
        if budget >= body.max_tokens:
            raise refuse(
                "thinking.budget_tokens",
                f"{budget} leaves nothing of max_tokens, {body.max_tokens}, for the answer; send less",
            )
        fields["thinking_budget"] = budget
    elif isinstance(body.thinking, ThinkingOff):
        fields["thinking_budget"] = 0
    if body.output_config is not None:
        effort = body.output_config.effort
        fields["reasoning_effort"] = "xhigh" if effort == "max" else effort
        if body.output_config.format is not None:
            schema = {"name": "answer", "schema": body.output_config.format.schema_}
            fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return chat_body(fields | _choice(body), NAMES)


def _choice(body: MessagesBody) -> Json:
    choice = body.tool_choice
    if choice is None:
        return {}
    if (choice.type == "tool") != (choice.name is not None):
        raise refuse("tool_choice.name", "goes with the type tool, and only with it")
    wanted: Any = {"any": "required"}.get(choice.type, choice.type)
    if choice.type == "tool":
        wanted = {"type": "function", "function": {"name": choice.name}}
    several = None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use
    return {"tool_choice": wanted, "parallel_tool_calls": several}


def _conversation(body: CountBody) -> Json:
    """Model, messages and tools."""
    messages: list[Json] = []
    if body.system:
        system = body.system if isinstance(body.system, str) else _texts(body.system)
        messages.append({"role": "system", "content": system})
    for turn in body.messages:
        messages += _user(turn) if isinstance(turn, UserTurn) else [_assistant(turn)]
    fields: Json = {"model": body.model, "messages": messages}
    if messages[-1]["role"] == "assistant":
        if messages[-1].get("tool_calls"):
            raise refuse("messages", "the last one calls tools; send their tool_result blocks after it")
        fields["continue_final_message"] = True
    if body.tools:
        fields["tools"] = [
            {"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.input_schema,
                "strict": tool.strict}}
            for tool in body.tools
        ]  # fmt: skip
    return fields


def _texts(blocks: list[TextBlock]) -> list[Json]:
    return [{"type": "text", "text": block.text} for block in blocks]


def _part(block: TextBlock | ImageBlock) -> Json:
    if isinstance(block, TextBlock):
        return {"type": "text", "text": block.text}
    source = block.source
    if isinstance(source, Base64Source):
        return {"type": "image_url", "image_url": {"url": f"data:{source.media_type};base64,{source.data}"}}
    return {"type": "image_url", "image_url": {"url": source.url}}


def _user(turn: UserTurn) -> list[Json]:
    """The answers of tools, each as a message of its own, then what the person says."""
    if isinstance(turn.content, str):
        return [{"role": "user", "content": turn.content}]
    results: list[Json] = []
    said: list[Json] = []
    for block in turn.content:
        if isinstance(block, ToolResultBlock):
            content = block.content or ""
            parts = content if isinstance(content, str) else [_part(each) for each in content]
            results.append({"role": "tool", "tool_call_id": block.tool_use_id, "content": parts})
        else:
            said.append(_part(block))
    return [*results, *([{"role": "user", "content": said}] if said else [])]


def _assistant(turn: AssistantTurn) -> Json:
    if isinstance(turn.content, str):
        return {"role": "assistant", "content": turn.content}
    texts: list[str] = []
    thinking: list[str] = []
    calls: list[Json] = []
    for block in turn.content:
        if isinstance(block, TextBlock):
            texts.append(block.text)
        elif isinstance(block, ThinkingBlock):
            thinking.append(block.thinking)
        else:
            function = {"name": block.name, "arguments": json.dumps(block.input, ensure_ascii=False)}
            calls.append({"id": block.id, "type": "function", "function": function})
    message: Json = {"role": "assistant", "content": "".join(texts)}
    if thinking:
        message["reasoning_content"] = "".join(thinking)
    if calls:
        message["tool_calls"] = calls
    return message
