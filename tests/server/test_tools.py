"""Tools and formats of answers, over a checkpoint whose template knows tools."""

import json
from collections.abc import Iterator

import httpx
import pytest
from openai import OpenAI

from r1v.llm import LLM

from .conftest import serving

WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "Weather of a town",
    "parameters": {"type": "object", "properties": {"town": {"enum": ["Rome", "北京"]}}, "required": ["town"],
                   "additionalProperties": False}}}  # fmt: skip
TIME = {"type": "function", "function": {"name": "time"}}
NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}


@pytest.fixture(scope="module")
def url(tool_llm: LLM) -> Iterator[str]:
    with serving(tool_llm) as served:
        yield served.url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client: OpenAI, **options: object):
    messages = options.pop("messages", [{"role": "user", "content": "Weather?"}])
    settings = {"max_tokens": 200, "temperature": 1.0, "seed": 5, "extra_body": NO_THINKING, **options}
    return client.chat.completions.create(model="tiny", messages=messages, **settings)


def test_a_named_function_is_called(client: OpenAI) -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    (answer,) = ask(client, tools=[WEATHER, TIME], tool_choice=choice).choices
    (call,) = answer.message.tool_calls
    assert answer.finish_reason == "tool_calls" and answer.message.content is None
    assert call.function.name == "weather" and json.loads(call.function.arguments)["town"] in ("Rome", "北京")
    assert call.id.startswith("call_") and call.type == "function"


def test_a_streamed_call_is_the_same(client: OpenAI) -> None:
    options = {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False}
    (whole,) = ask(client, **options).choices
    deltas = [c for chunk in ask(client, stream=True, **options) for c in chunk.choices]
    (call,) = [call for c in deltas for call in c.delta.tool_calls or []]
    assert call.index == 0 and call.function.model_dump() == whole.message.tool_calls[0].function.model_dump()
    assert deltas[-1].finish_reason == whole.finish_reason == "tool_calls"
    assert not "".join(c.delta.content or "" for c in deltas).strip()


def test_a_call_that_is_held_back_keeps_the_connection_alive(tool_llm: LLM) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Weather?"}], "tools": [WEATHER],
            "tool_choice": "required", "parallel_tool_calls": False, "stream": True, "max_tokens": 200,
            **NO_THINKING}  # fmt: skip
    with serving(tool_llm, keep_alive_s=0.001) as served:
        text = httpx.post(f"{served.url}/v1/chat/completions", json=body, timeout=60).text
    called = text.index('"tool_calls":[')
    assert ": keep-alive\n\n" in text[:called] and text.rstrip().endswith("data: [DONE]")


def test_calls_come_after_thinking(client: OpenAI) -> None:
    (answer,) = ask(client, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False,
                    extra_body={"thinking_budget": 8}).choices  # fmt: skip
    assert answer.message.reasoning and answer.message.tool_calls[0].function.name == "weather"


def test_the_conversation_goes_on_with_the_result(client: OpenAI) -> None:
    first = ask(client, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False).choices[0].message
    messages = [
        {"role": "user", "content": "Weather?"},
        first.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": first.tool_calls[0].id, "name": "weather", "content": "sun"},
    ]
    again = ask(client, messages=messages, tools=[WEATHER], max_tokens=4)
    assert again.usage.prompt_tokens > 150


def test_tools_change_the_prompt_unless_switched_off(client: OpenAI) -> None:
    plain = ask(client, max_tokens=1).usage.prompt_tokens
    assert ask(client, max_tokens=1, tools=[TIME]).usage.prompt_tokens > plain
    assert ask(client, max_tokens=1, tools=[TIME], tool_choice="none").usage.prompt_tokens == plain


def test_answers_that_fit_a_schema(client: OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 9}},
              "required": ["n"], "additionalProperties": False}  # fmt: skip
    form = {"type": "json_schema", "json_schema": {"name": "count", "schema": schema, "strict": True}}
    (answer,) = ask(client, response_format=form, extra_body={"thinking_budget": 5}).choices
    assert answer.finish_reason == "stop" and 0 <= json.loads(answer.message.content)["n"] <= 9
    (answer,) = ask(client, response_format={"type": "json_object"}).choices
    assert answer.message.content.startswith("{")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [WEATHER, WEATHER]}, "tools"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "some"}, "tool_choice"),
        ({"tools": [WEATHER], "response_format": {"type": "json_object"}}, "response_format"),
        ({"tools": [WEATHER], "tool_choice": "required", "response_format": {"type": "json_object"}},
         "response_format"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({"tools": [{"type": "function", "function": {"name": "f" * 99_000}}]}, "tools.0.function.name"),
        ({"tools": [{"type": "function", "function": {"name": "f", "description": "d" * 100_001}}]}, "tools"),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
         "response_format.json_schema.schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {
            "name": "x", "schema": {"type": "no"}}}}, None),
    ],
)  # fmt: skip
def test_refusals(url: str, body: dict, param: str | None) -> None:
    whole = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], **body}
    refused = httpx.post(f"{url}/v1/chat/completions", json=whole)
    assert refused.status_code == 400 and refused.json()["error"]["param"] == param, refused.text
