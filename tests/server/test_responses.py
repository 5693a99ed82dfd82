"""/v1/responses with OpenAI's own client, over a checkpoint whose template knows tools."""

import json
from collections.abc import Iterator

import httpx
import pytest
from openai import BadRequestError, OpenAI

from r1v.llm import LLM

from .conftest import Served, serving

WEATHER = {"type": "function", "name": "weather", "description": "Weather of a town", "strict": False,
           "parameters": {"type": "object", "properties": {"town": {"enum": ["Rome"]}}, "required": ["town"],
                          "additionalProperties": False}}  # fmt: skip
GREEDY = {"model": "tiny", "max_output_tokens": 40, "temperature": 0}
BUDGET = {"extra_body": {"thinking_budget": 8}}


@pytest.fixture(scope="module")
def tools(tool_llm: LLM) -> Iterator[Served]:
    with serving(tool_llm) as served:
        yield served


@pytest.fixture(scope="module")
def client(tools: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{tools.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_the_same_answer_as_chat_completions(client: OpenAI, tools: Served) -> None:
    found = client.responses.create(
        input="Hi", instructions="Be brief.", metadata={"a": "b"}, **GREEDY, **BUDGET
    )
    body = {"model": "tiny", "max_tokens": 40, "temperature": 0, "thinking_budget": 8, "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}  # fmt: skip
    chat = httpx.post(f"{tools.url}/v1/chat/completions", json=body, timeout=60).json()
    message, usage = chat["choices"][0]["message"], chat["usage"]
    thinking, answer = found.output
    assert thinking.type == "reasoning" and thinking.content[0].text == message["reasoning"]
    assert answer.type == "message" and found.output_text == message["content"]
    assert found.status == "incomplete" and found.incomplete_details.reason == "max_output_tokens"
    assert found.metadata == {"a": "b"} and found.instructions == "Be brief." and found.error is None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (
        usage["prompt_tokens"], usage["completion_tokens"])  # fmt: skip
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert found.usage.output_tokens_details.reasoning_tokens == reasoning > 0


def test_events_come_in_their_order_and_make_the_whole(client: OpenAI) -> None:
    whole = client.responses.create(input="Hi", **GREEDY, **BUDGET)
    events = list(client.responses.create(input="Hi", stream=True, **GREEDY, **BUDGET))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    once = [kind for number, kind in enumerate(kinds) if not number or kinds[number - 1] != kind]
    assert once == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done", "incomplete",
    ]  # fmt: skip
    last = events[-1].response
    assert last.output_text == whole.output_text and last.usage.output_tokens == whole.usage.output_tokens
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole.output_text
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.model_dump() for item in done] == [item.model_dump() for item in last.output]
    with client.responses.stream(input="Hi", **GREEDY, **BUDGET) as stream:  # the client's own accumulation
        final = list(stream)[-1].response
    assert final.output_text == whole.output_text


@pytest.mark.parametrize("name", ["summary", "generate_summary"])
def test_thinking_comes_as_a_summary_where_that_is_asked(name: str, client: OpenAI) -> None:
    asked = {**GREEDY, **BUDGET, "reasoning": {name: "auto"}}
    plain = client.responses.create(input="Hi", **GREEDY, **BUDGET).output[0]
    whole = client.responses.create(input="Hi", **asked)
    item = whole.output[0]
    assert item.type == "reasoning" and not item.content and len(item.summary) == 1
    assert item.summary[0].text == plain.content[0].text
    events = list(client.responses.create(input="Hi", stream=True, **asked))
    kinds = [event.type.removeprefix("response.") for event in events]
    kinds = [kind for number, kind in enumerate(kinds) if not number or kinds[number - 1] != kind]
    assert kinds[2:8] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
    ]  # fmt: skip
    told = [event for event in events if event.type == "response.reasoning_summary_text.delta"]
    assert "".join(event.delta for event in told) == item.summary[0].text
    assert {event.summary_index for event in told} == {0}
    with client.responses.stream(input="Hi", **asked) as stream:  # the client's own accumulation
        final = list(stream)[-1].response
    assert final.output[0].summary[0].text == item.summary[0].text
    back = [{"role": "user", "content": "Hi"}, *(each.model_dump() for each in whole.output)]
    client.responses.create(input=[*back, {"role": "user", "content": "And?"}], **asked)


def test_thinking_can_be_sent_back_where_a_client_asks_for_it_encrypted(client: OpenAI) -> None:
    """Clients of a server that keeps nothing ask so. The thinking comes as text, and goes back as it came."""
    asked = {**GREEDY, **BUDGET, "include": ["reasoning.encrypted_content"], "store": False}
    plain = client.responses.create(input="Hi", **GREEDY, **BUDGET)
    first = client.responses.create(input="Hi", **asked)
    thinking, answer = first.output
    assert thinking.content[0].text == plain.output[0].content[0].text and not thinking.encrypted_content
    assert answer.content[0].text == plain.output_text
    begun, more = {"role": "user", "content": "Hi"}, {"role": "user", "content": "And?"}
    second = client.responses.create(
        input=[begun, *(item.model_dump() for item in first.output), more], **asked
    )
    assert second.usage.input_tokens > first.usage.input_tokens


def test_effort_none_is_no_thinking(client: OpenAI) -> None:
    found = client.responses.create(input="Hi", reasoning={"effort": "none"}, **GREEDY)
    assert [item.type for item in found.output] == ["message"]
    assert found.usage.output_tokens_details.reasoning_tokens == 0 and found.reasoning.effort == "none"


def test_images(served: Served, picture_url: str) -> None:
    parts = [{"type": "input_text", "text": "How many?"},
             {"type": "input_image", "image_url": picture_url, "detail": "auto"}]  # fmt: skip
    with OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        found = client.responses.create(input=[{"role": "user", "content": parts}], **GREEDY, **BUDGET)
        assert found.usage.input_tokens_details.image_tokens > 0
        parts[1]["image_url"] = "http://127.0.0.1/x.png"
        with pytest.raises(BadRequestError, match="refused"):
            client.responses.create(input=[{"role": "user", "content": parts}], **GREEDY)


def test_tools_and_the_conversation_that_goes_on(client: OpenAI) -> None:
    options = {**GREEDY, "max_output_tokens": 200, "tools": [WEATHER], **BUDGET, "parallel_tool_calls": False}
    choice = {"type": "function", "name": "weather"}
    first = client.responses.create(input="Weather?", tool_choice=choice, **options)
    thinking, call = first.output
    assert call.type == "function_call" and json.loads(call.arguments) == {"town": "Rome"}
    assert first.status == "completed" and thinking.type == "reasoning"
    events = list(client.responses.create(input="Weather?", tool_choice=choice, stream=True, **options))
    kinds = [event.type.removeprefix("response.") for event in events][-5:]
    assert kinds == ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
                     "output_item.done", "completed"]  # fmt: skip
    assert events[-1].response.output[-1].arguments == call.arguments
    output = [item.model_dump(exclude_none=True) for item in first.output]
    items = [{"role": "user", "content": "Weather?"}, *output,
             {"type": "function_call_output", "call_id": call.call_id, "output": "sun"}]  # fmt: skip
    second = client.responses.create(input=items, **GREEDY, tools=[WEATHER], **BUDGET)
    assert second.usage.input_tokens > first.usage.input_tokens


def test_formats(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"enum": [7]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    text = {"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}}
    found = client.responses.create(input="Hi", text=text, **{**GREEDY, "max_output_tokens": 120}, **BUDGET)
    assert json.loads(found.output_text) == {"n": 7} and found.text.format.name == "n"
    text = {"format": {"type": "json_object"}}
    found = client.responses.create(input="Hi", text=text, **GREEDY, reasoning={"effort": "none"})
    assert found.output_text.startswith("{") and "\n" not in found.output_text


def test_truncation_leaves_out_the_oldest_turns_and_no_more(client: OpenAI, tools: Served) -> None:
    """The oracle: the prompts of every shorter conversation, counted one by one."""
    said = [
        {"role": role, "content": f"{role} {number}"}
        for number in range(20)
        for role in ("user", "assistant")
    ]
    turns, system = (
        [*said, {"role": "user", "content": "And now?"}],
        {"role": "system", "content": "Be brief."},
    )
    context = tools.llm.context_length

    def count(cut: int) -> int:
        body = {"model": "tiny", "messages": [system, *turns[cut:]]}
        return httpx.post(f"{tools.url}/tokenize", json=body, timeout=60).json()["count"]

    asked = {**GREEDY, **BUDGET, "instructions": "Be brief.", "truncation": "auto"}
    fitting = [cut for cut in range(0, len(turns), 2) if count(cut) + GREEDY["max_output_tokens"] <= context]
    assert fitting and fitting[0] > 0
    found = client.responses.create(input=turns, **asked)
    assert found.truncation == "auto" and found.usage.input_tokens == count(fitting[0])
    same = client.responses.create(input=turns[fitting[0] :], **asked)  # which fits as it is
    assert found.output_text == same.output_text and same.usage.input_tokens == found.usage.input_tokens
    *_, last = client.responses.create(input=turns, stream=True, **asked)
    assert last.response.output_text == found.output_text and last.response.truncation == "auto"
    for settings in ({"truncation": "disabled"}, {}):
        with pytest.raises(BadRequestError, match="tokens"):
            client.responses.create(input=turns, **GREEDY, **settings)


def test_truncation_never_leaves_out_the_last_question(client: OpenAI) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "user", "content": "word " * 3000}]
    with pytest.raises(BadRequestError) as error:
        client.responses.create(input=turns, truncation="auto", **GREEDY)
    assert error.value.code == "context_length_exceeded"


@pytest.mark.parametrize("wrong, param", [
    ({"previous_response_id": "resp_1"}, "previous_response_id"), ({"background": True}, "background"),
    ({"store": True}, "store"), ({"conversation": "c"}, "conversation"),
    ({"include": ["reasoning.encrypted_content", "file_search_call.results"]}, "include"),
    ({"max_output_tokens": 10**6}, "max_output_tokens"),
    ({"tools": [{"type": "web_search"}]}, "tools.0.type"), ({"tool_choice": "required"}, "tool_choice"),
    ({"reasoning": {"effort": "low"}, "extra_body": {"thinking_budget": 3}}, "reasoning.effort"),
])  # fmt: skip
def test_what_is_refused_is_named(client: OpenAI, wrong: dict, param: str) -> None:
    with pytest.raises(BadRequestError) as error:
        client.responses.create(**{"model": "tiny", "input": "Hi", **wrong})
    assert error.value.param == param and error.value.body["message"].startswith(param)


def test_what_is_not_for_this_model_says_what_is(tools: Served) -> None:
    for path in ("/v1/embeddings", "/v1/rerank"):
        answer = httpx.post(tools.url + path, json={"model": "tiny", "input": "x"})
        assert answer.status_code == 404 and "/v1/chat/completions" in answer.json()["error"]["message"]
