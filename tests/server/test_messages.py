"""/v1/messages with Anthropic's own client, over a checkpoint whose template knows tools."""

from collections.abc import Iterator

import httpx
import pytest

from r1v.llm import LLM

from .conftest import Served, serving

anthropic = pytest.importorskip("anthropic")

WEATHER = {"name": "weather", "description": "Weather of a town", "input_schema": {
    "type": "object", "properties": {"town": {"enum": ["Rome"]}}, "required": ["town"],
    "additionalProperties": False}}  # fmt: skip
HI = [{"role": "user", "content": "Hi"}]
THINK = {"type": "enabled", "budget_tokens": 8}
GREEDY = {"model": "tiny", "max_tokens": 40, "extra_body": {"temperature": 0}}


@pytest.fixture(scope="module")
def tools(tool_llm: LLM) -> Iterator[Served]:
    with serving(tool_llm) as served:
        yield served


@pytest.fixture(scope="module")
def client(tools: Served) -> Iterator["anthropic.Anthropic"]:
    with anthropic.Anthropic(base_url=tools.url, api_key="none", max_retries=0) as client:
        yield client


def test_the_same_answer_as_chat_completions(client: "anthropic.Anthropic", tools: Served) -> None:
    found = client.messages.create(messages=HI, system="Be brief.", thinking=THINK, **GREEDY)
    body = {"model": "tiny", "max_tokens": 40, "temperature": 0, "thinking_budget": 8, "messages": [
        {"role": "system", "content": "Be brief."}, *HI]}  # fmt: skip
    chat = httpx.post(f"{tools.url}/v1/chat/completions", json=body, timeout=60).json()
    message, usage = chat["choices"][0]["message"], chat["usage"]
    thinking, answer = found.content
    assert thinking.type == "thinking" and thinking.thinking == message["reasoning"] and thinking.signature
    assert answer.type == "text" and answer.text == message["content"]
    assert found.stop_reason == "max_tokens" and found.role == "assistant" and found.id.startswith("msg_")
    assert found.usage.input_tokens + found.usage.cache_read_input_tokens == usage["prompt_tokens"]
    assert found.usage.output_tokens == usage["completion_tokens"]
    count = client.messages.count_tokens(model="tiny", messages=HI, system="Be brief.", thinking=THINK)
    assert count.input_tokens == usage["prompt_tokens"]


def test_events_come_in_their_order_and_make_the_whole(client: "anthropic.Anthropic") -> None:
    whole = client.messages.create(messages=HI, thinking=THINK, **GREEDY)
    events = list(client.messages.create(messages=HI, thinking=THINK, stream=True, **GREEDY))
    kinds = [event.type for event in events]
    once = [kind for number, kind in enumerate(kinds) if not number or kinds[number - 1] != kind]
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert once == ["message_start", *block, *block, "message_delta", "message_stop"]
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    assert "".join(d.thinking for d in deltas if d.type == "thinking_delta") == whole.content[0].thinking
    assert "".join(d.text for d in deltas if d.type == "text_delta") == whole.content[1].text
    assert [d.signature for d in deltas if d.type == "signature_delta"] == [whole.content[0].signature]
    with client.messages.stream(messages=HI, thinking=THINK, **GREEDY) as stream:  # the client's accumulation
        final = stream.get_final_message()
    assert [b.model_dump() for b in final.content] == [b.model_dump() for b in whole.content]
    assert final.usage.output_tokens == whole.usage.output_tokens and final.stop_reason == whole.stop_reason


def test_no_thinking(client: "anthropic.Anthropic") -> None:
    found = client.messages.create(messages=HI, thinking={"type": "disabled"}, **GREEDY)
    assert [block.type for block in found.content] == ["text"]
    hidden = {"type": "adaptive", "display": "omitted"}
    found = client.messages.create(messages=HI, thinking=hidden, output_config={"effort": "low"}, **GREEDY)
    assert "thinking" not in [block.type for block in found.content]


def test_stop_sequences(client: "anthropic.Anthropic") -> None:
    off = {"type": "disabled"}
    whole = client.messages.create(messages=HI, thinking=off, **GREEDY).content[0].text
    stop = whole[len(whole) // 2 :][:3]
    found = client.messages.create(messages=HI, thinking=off, stop_sequences=[stop], **GREEDY)
    assert found.stop_reason == "stop_sequence" and found.stop_sequence == stop
    assert found.content[0].text == whole[: whole.index(stop)]


def test_images(served: Served, picture_url: str) -> None:
    data = picture_url.partition(",")[2]
    source = {"type": "base64", "media_type": "image/png", "data": data}
    asked = [
        {
            "role": "user",
            "content": [{"type": "image", "source": source}, {"type": "text", "text": "How many?"}],
        }
    ]
    with anthropic.Anthropic(base_url=served.url, api_key="none", max_retries=0) as client:
        found = client.messages.create(messages=asked, thinking=THINK, **GREEDY)
        without = client.messages.count_tokens(model="tiny", messages=HI).input_tokens
        assert found.usage.input_tokens + (found.usage.cache_read_input_tokens or 0) > without + 16
        asked[0]["content"][0]["source"] = {"type": "url", "url": "http://127.0.0.1/x.png"}
        with pytest.raises(anthropic.BadRequestError, match="refused"):
            client.messages.create(messages=asked, **GREEDY)


def test_tools_and_the_conversation_that_goes_on(client: "anthropic.Anthropic") -> None:
    choice = {"type": "tool", "name": "weather"}
    options = {**GREEDY, "max_tokens": 200, "tools": [WEATHER], "thinking": THINK}
    asked = [{"role": "user", "content": "Weather?"}]
    first = client.messages.create(messages=asked, tool_choice=choice, **options)
    thinking, call = first.content
    assert call.type == "tool_use" and call.input == {"town": "Rome"} and first.stop_reason == "tool_use"
    with client.messages.stream(messages=asked, tool_choice=choice, **options) as stream:
        final = stream.get_final_message()
    assert final.content[-1].input == call.input and final.stop_reason == "tool_use"
    answer = {"type": "tool_result", "tool_use_id": call.id, "content": "sun"}
    blocks = [block.model_dump(exclude_none=True) for block in first.content]
    turns = [*asked, {"role": "assistant", "content": blocks},
             {"role": "user", "content": [answer, {"type": "text", "text": "And now?"}]}]  # fmt: skip
    second = client.messages.create(messages=turns, **options)
    assert second.usage.output_tokens > 0 and thinking.type == "thinking"
    with pytest.raises(anthropic.BadRequestError, match="tool_result"):
        client.messages.create(messages=turns[:2], **options)


def test_the_last_turn_of_the_assistant_is_continued(client: "anthropic.Anthropic") -> None:
    turns = [*HI, {"role": "assistant", "content": "The answer is"}]
    found = client.messages.create(messages=turns, **GREEDY)
    assert found.content and found.content[0].type == "text"


@pytest.mark.parametrize("wrong, param", [
    ({"thinking": {"type": "enabled", "budget_tokens": 40}}, "thinking.budget_tokens"),
    ({"max_tokens": 10_000}, "max_tokens"), ({"extra_body": {"seed": 1}}, "seed"),
    ({"tool_choice": {"type": "any"}}, "tool_choice"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools.0.type"),
    ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, "output_config.effort"),
])  # fmt: skip
def test_errors_have_anthropics_form(client: "anthropic.Anthropic", wrong: dict, param: str) -> None:
    with pytest.raises(anthropic.BadRequestError) as error:
        client.messages.create(**{"messages": HI, **GREEDY, **wrong})
    body = error.value.body
    assert body["type"] == "error" and body["error"]["type"] == "invalid_request_error"
    assert body["error"]["param"] == param and body["error"]["message"].startswith(param)


def test_other_errors_too(tiny_llm: LLM) -> None:
    with serving(tiny_llm, api_keys=("secret-key",)) as served:
        with anthropic.Anthropic(base_url=served.url, api_key="wrong", max_retries=0) as client:
            with pytest.raises(anthropic.AuthenticationError) as refused:
                client.messages.create(messages=HI, **GREEDY)
            assert refused.value.body["error"]["type"] == "authentication_error"
        with anthropic.Anthropic(base_url=served.url, api_key="secret-key", max_retries=0) as client:
            assert client.messages.count_tokens(model="tiny", messages=HI).input_tokens > 0
            with pytest.raises(anthropic.NotFoundError) as unknown:
                client.messages.create(**{"messages": HI, **GREEDY, "model": "other"})
            assert unknown.value.body["error"]["type"] == "not_found_error"
