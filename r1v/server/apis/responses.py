"""OpenAI's /v1/responses over the requests of chat completions.

Enters: bodies of responses_schema.py. Leaves: responses. Always holds: sampling, limits, images and thinking
are those of chat completions; nothing is kept after a response has been sent, and a request that would need
it is refused; parts of a conversation are left out only with ``truncation: auto``.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI, Request
from starlette.responses import Response

from r1v.core import ContextLengthError
from r1v.core import Message as CoreMessage
from r1v.llm import ChatRequest
from r1v.server.apis.chat_answers import Json
from r1v.server.apis.chat_params import refuse
from r1v.server.apis.chat_schema import ChatBody
from r1v.server.apis.endpoint import FAILURES, Endpoint, chat_body, renamed
from r1v.server.apis.responses_schema import (
    FlatSchemaFormat,
    FunctionCall,
    FunctionResult,
    InputImage,
    InputMessage,
    InputText,
    Item,
    NamedFunction,
    OutputText,
    ReasoningItem,
    ResponsesBody,
)
from r1v.server.apis.responses_writer import ResponseWriter
from r1v.server.errors import APIError

# Names of fields in chat completions, and their names in this API.
NAMES = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
}


class Responses(Endpoint):
    """The endpoint of OpenAI's newer form."""

    def add_routes(self, app: FastAPI) -> None:
        """Put the endpoint on an app."""
        stream = {
            "content": {"application/json": {}, "text/event-stream": {}},
            "description": "The response, or a stream of its events",
        }
        app.add_api_route(
            "/v1/responses", self.respond, methods=["POST"],
            responses={**FAILURES, 200: stream}, summary="Answer a conversation (Responses)",
        )  # fmt: skip

    async def respond(self, body: ResponsesBody, request: Request) -> Response:
        """Answer a conversation with text and images."""
        chat = as_chat(body)
        if body.truncation == "auto":
            self.check_model(body.model)
            chat = await self._shortened(chat)
        return await self.answer(chat, request, ResponseWriter(body), NAMES)

    async def _shortened(self, chat: ChatBody) -> ChatBody:
        """The conversation without its oldest turns: as few as possible are left out for the prompt to fit.
        Instructions and the last question always stay. If turns are left out, there is room for
        max_output_tokens, or for an eighth of the context if the request gives none."""
        try:
            messages = await self._translator.messages(chat.messages)
        except APIError as error:
            raise renamed(error, NAMES) from error
        context = self._llm.context_length
        cuts = question_places([message.role for message in messages])
        if not cuts or await self._fits(chat, messages, 0, context - 1):
            return chat
        longest = context - (chat.max_tokens or max(1, context // 8))
        low, high = 0, len(cuts) - 1
        while low < high:  # the first cut after which the rest fits
            middle = (low + high) // 2
            if await self._fits(chat, messages, cuts[middle], longest):
                high = middle
            else:
                low = middle + 1
        kept = kept_places([message.role for message in messages], cuts[low])
        return chat.model_copy(update={"messages": [chat.messages[place] for place in kept]})

    async def _fits(self, chat: ChatBody, messages: Sequence[CoreMessage], cut: int, longest: int) -> bool:
        """Whether the prompt without the turns before ``cut`` has at most ``longest`` tokens."""
        params = self._translator.tokenized(chat.thinking_budget != 0 and chat.reasoning_effort != "none")
        tools = self._translator.tool_list(chat.tools)
        kept = kept_places([message.role for message in messages], cut)
        work = ChatRequest(tuple(messages[place] for place in kept), params, tools)
        with self._service.admit():
            try:
                return len(await self._service.tokenize(work)) <= longest
            except ContextLengthError:
                return False


_KEPT = "responses are not kept here; "
# Clients of a server that keeps nothing ask for this so that they can send the thinking back. Here the
# thinking comes as text.
_READABLE = "reasoning.encrypted_content"
_NOT_INCLUDED = (
    f"only {_READABLE} may be named, which adds nothing: thinking comes as text; leave the rest out"
)
_WHOLE = _KEPT + "send the whole conversation in input"


def _refuse_what_is_not_here(body: ResponsesBody) -> None:
    """Refuse what would need a store of responses, or tools that this server does not have."""
    for name, wanted, remedy in (
        ("previous_response_id", body.previous_response_id is not None, _WHOLE),
        ("conversation", body.conversation is not None, _WHOLE),
        ("store", bool(body.store), _KEPT + "send false, or leave it out"),
        ("background", bool(body.background), _KEPT + "send false, and wait or use stream: true"),
        ("include", any(each != _READABLE for each in body.include or ()), _NOT_INCLUDED),
    ):
        if wanted:
            raise refuse(name, remedy, "unsupported")


_INSTRUCTIONS = ("system", "developer")


def question_places(roles: Sequence[str]) -> list[int]:
    """The places at which a shortened conversation may begin: each question except the first."""
    return [place for place, role in enumerate(roles) if role == "user"][1:]


def kept_places(roles: Sequence[str], cut: int) -> list[int]:
    """The places of the messages that stay when a conversation is cut at ``cut``: those from there on, and
    the instructions at its beginning."""
    first = next((place for place, role in enumerate(roles) if role not in _INSTRUCTIONS), len(roles))
    return [*range(first), *range(max(cut, first), len(roles))]


def as_chat(body: ResponsesBody) -> ChatBody:
    """The same request as chat completions have it. Raises APIError."""
    _refuse_what_is_not_here(body)
    items = [{"role": "user", "content": body.input}] if isinstance(body.input, str) else _turns(body.input)
    system: list[Json] = [] if not body.instructions else [{"role": "system", "content": body.instructions}]
    fields: Json = {
        "model": body.model,
        "messages": [*system, *items],
        "max_tokens": body.max_output_tokens,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "reasoning_effort": None if body.reasoning is None else body.reasoning.effort,
        "thinking_budget": body.thinking_budget,
        "response_format": _format(body),
        "tools": _tools(body),
        "tool_choice": body.tool_choice,
        "parallel_tool_calls": body.parallel_tool_calls,
        "stream": body.stream,
    }
    if isinstance(body.tool_choice, NamedFunction):
        fields["tool_choice"] = {"type": "function", "function": {"name": body.tool_choice.name}}
    if body.parallel_tool_calls is False and not body.tools:
        fields["parallel_tool_calls"] = None  # clients send it with every request
    return chat_body(fields, NAMES)


def _format(body: ResponsesBody) -> Json | None:
    wanted = None if body.text is None else body.text.format
    if wanted is None:
        return None
    if isinstance(wanted, FlatSchemaFormat):
        schema = {"name": wanted.name, "schema": wanted.schema_}
        return {"type": "json_schema", "json_schema": schema}
    return {"type": wanted.type}


def _tools(body: ResponsesBody) -> list[Json] | None:
    if not body.tools:
        return None
    return [
        {"type": "function", "function": tool.model_dump(exclude={"type"}, exclude_none=True)}
        for tool in body.tools
    ]


def _turns(items: Sequence[Item]) -> list[Json]:
    """The items as messages. The model's reasoning, text and calls are separate items and become one turn."""
    turns: list[Json] = []
    thinking = ""
    for item in items:
        if isinstance(item, ReasoningItem):
            thinking += "".join(part.text for part in item.content or item.summary)
            continue
        if isinstance(item, FunctionResult):
            content = item.output if isinstance(item.output, str) else list(map(_part, item.output))
            turns.append({"role": "tool", "tool_call_id": item.call_id, "content": content})
        elif isinstance(item, InputMessage) and item.role != "assistant":
            content = item.content if isinstance(item.content, str) else list(map(_part, item.content))
            turns.append({"role": item.role, "content": content})
        else:
            _add_to_turn(turns, item, thinking)
            thinking = ""
    if thinking:
        turns.append({"role": "assistant", "content": "", "reasoning_content": thinking})
    return turns


def _add_to_turn(turns: list[Json], item: InputMessage | FunctionCall, thinking: str) -> None:
    """Add an item to the turns: a call joins the model's turn before it, anything else begins a new turn."""
    joins = isinstance(item, FunctionCall) and not thinking and turns and turns[-1]["role"] == "assistant"
    if not joins:
        turns.append({"role": "assistant", "content": ""})
        if thinking:
            turns[-1]["reasoning_content"] = thinking
    turn = turns[-1]
    if isinstance(item, FunctionCall):
        function = {"name": item.name, "arguments": item.arguments}
        call = {"id": item.call_id, "type": "function", "function": function}
        turn.setdefault("tool_calls", []).append(call)
    elif isinstance(item.content, str):
        turn["content"] = item.content
    else:
        turn["content"] = "".join(part.text for part in item.content if not isinstance(part, InputImage))


def _part(part: InputText | InputImage | OutputText) -> Json:
    if isinstance(part, InputImage):
        return {"type": "image_url", "image_url": {"url": part.image_url}}
    return {"type": "text", "text": part.text}
