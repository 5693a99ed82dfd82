"""The API as its clients see it: the official openai client against a running server."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk

from r1v.llm import LLM

from .conftest import Served, serving


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client: OpenAI, content: object = "Hi", **options: object):
    return client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": content}], **{"max_tokens": 24, **options}
    )


def join(chunks: list[ChatCompletionChunk], index: int = 0) -> tuple[str, str, list]:
    """(thinking, answer, finish reasons) of one choice of a stream."""
    choices = [c for chunk in chunks for c in chunk.choices if c.index == index]
    thinking = "".join(getattr(c.delta, "reasoning_content", None) or "" for c in choices)
    answer = "".join(c.delta.content or "" for c in choices)
    return thinking, answer, [c.finish_reason for c in choices if c.finish_reason]


def test_a_question_is_answered(client: OpenAI) -> None:
    answer = ask(client, extra_body={"thinking_budget": 6})
    (choice,) = answer.choices
    assert answer.object == "chat.completion" and answer.model == "tiny" and answer.id.startswith("chatcmpl-")
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.message.reasoning_content == choice.message.reasoning != ""
    assert choice.finish_reason == "length" and choice.finish_detail == "budget"
    usage = answer.usage
    assert usage.completion_tokens == 24 and usage.total_tokens == usage.prompt_tokens + 24
    assert usage.completion_tokens_details.reasoning_tokens in (6, 7)  # the line end before the marker


@pytest.mark.parametrize("budget", [-1, 0, 5])
def test_streamed_is_whole(client: OpenAI, picture_url: str, budget: int) -> None:
    content = [{"type": "image_url", "image_url": {"url": picture_url}}, {"type": "text", "text": "多少？"}]
    options = {"n": 2, "seed": 7, "temperature": 1.0, "max_tokens": 40,
               "logprobs": True, "top_logprobs": 2, "extra_body": {"thinking_budget": budget}}  # fmt: skip
    whole = ask(client, content, **options)
    chunks = list(ask(client, content, stream=True, stream_options={"include_usage": True}, **options))
    assert whole.usage.prompt_tokens_details.image_tokens == 12
    for choice in whole.choices:
        thinking, answer, reasons = join(chunks, choice.index)
        assert (thinking, answer) == (getattr(choice.message, "reasoning", "") or "", choice.message.content)
        assert reasons == [choice.finish_reason]
        for part in ("content", "reasoning"):
            streamed = [
                entry if isinstance(entry, dict) else entry.model_dump()
                for chunk in chunks for c in chunk.choices if c.index == choice.index and c.logprobs
                for entry in getattr(c.logprobs, part) or []
            ]  # fmt: skip
            stored = [e if isinstance(e, dict) else e.model_dump() for e in getattr(choice.logprobs, part)]
            assert [e["token"] for e in streamed] == [e["token"] for e in stored]
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert not chunks[-1].choices and all(chunk.choices for chunk in chunks[:-1])


def test_chunks_are_openais_objects(http: httpx.Client) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "stream": True, "max_tokens": 5}
    with http.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    for line in lines[:-1]:
        sent = json.loads(line.removeprefix("data: "))
        chunk = ChatCompletionChunk.model_validate(sent, strict=True)
        assert chunk.choices[0].delta is not None and "usage" not in sent


def test_chinese_streams_in_whole_characters(client: OpenAI) -> None:
    said = "圆圈有三个，红色。🙂"
    schema = {"name": "say", "schema": {"const": said}}
    chunks = list(ask(client, "?", max_tokens=100, stream=True, reasoning_effort="none",
                      response_format={"type": "json_schema", "json_schema": schema}))  # fmt: skip
    pieces = [c.delta.content for chunk in chunks for c in chunk.choices if c.delta.content]
    assert len(pieces) > 5 and not any("\ufffd" in piece for piece in pieces)
    assert json.loads("".join(pieces)) == said


def test_same_seed_same_answer_and_n(client: OpenAI) -> None:
    first, second = (ask(client, temperature=1.0, seed=3, n=3) for _ in range(2))
    texts = [c.message.reasoning_content for c in first.choices]
    assert texts == [c.message.reasoning_content for c in second.choices] and len(set(texts)) == 3


def test_stop_ends_before_its_text(client: OpenAI) -> None:
    no_thinking = {"chat_template_kwargs": {"enable_thinking": False}}
    whole = ask(client, extra_body=no_thinking).choices[0].message.content
    stop = whole[8:11]
    cut = ask(client, stop=[stop], extra_body=no_thinking).choices[0]
    assert cut.finish_reason == "stop" and cut.message.content == whole[: whole.index(stop)]


def test_logit_bias_forces_a_token(client: OpenAI, http: httpx.Client) -> None:
    asked = {"model": "tiny", "prompt": "7", "return_token_strs": True}
    (seven,) = http.post("/tokenize", json=asked).json()["tokens"]
    answer = ask(client, logit_bias={str(seven): 100}, max_tokens=4, reasoning_effort="none", logprobs=True)
    assert answer.choices[0].message.content == "7777"
    assert answer.choices[0].logprobs.content[0].bytes == [ord("7")]


def test_max_completion_tokens_and_effort(client: OpenAI) -> None:
    answer = ask(client, max_tokens=openai.NOT_GIVEN, max_completion_tokens=3)
    assert answer.usage.completion_tokens == 3
    low = ask(client, max_tokens=100, reasoning_effort="minimal")
    assert low.usage.completion_tokens_details.reasoning_tokens <= 512 // 32 + 1


def test_turns_come_back_with_their_reasoning(client: OpenAI) -> None:
    first = ask(client, extra_body={"thinking_budget": 4}).choices[0].message
    messages = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": "Hi"},
        first.model_dump(),
        {"role": "user", "content": [{"type": "text", "text": "And?"}]},
    ]
    again = client.chat.completions.create(model="tiny", messages=messages, max_tokens=4)
    assert again.usage.prompt_tokens > 30


def test_continue_final_message(client: OpenAI, http: httpx.Client) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "The answer is"}]
    body = {"model": "tiny", "messages": messages, "continue_final_message": True}
    counted = http.post("/tokenize", json=body).json()["count"]
    answer = http.post("/v1/chat/completions", json={**body, "max_tokens": 2}).json()
    assert answer["usage"]["prompt_tokens"] == counted
    refused = http.post("/v1/chat/completions", json={**body, "messages": messages[:1]})
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "continue_final_message"


def test_models_and_tokenize(client: OpenAI, http: httpx.Client) -> None:
    (model,) = client.models.list().data
    assert model.id == "tiny" and model.context_length == 512 and model.input_modalities == ["text", "image"]
    assert client.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")
    found = http.post(
        "/tokenize", json={"model": "tiny", "prompt": "三角 12", "return_token_strs": True}
    ).json()
    assert found["count"] == len(found["tokens"]) == len(found["token_strs"])


def test_texts_are_continued(client: OpenAI) -> None:
    asked = {
        "model": "tiny",
        "prompt": ["One", "Two"],
        "max_tokens": 8,
        "n": 2,
        "seed": 1,
        "temperature": 1.0,
    }
    whole = client.completions.create(**asked, logprobs=1)
    assert [choice.index for choice in whole.choices] == [0, 1, 2, 3]
    assert whole.usage.completion_tokens == 32 and len(whole.choices[0].logprobs.tokens) == 8
    chunks = list(client.completions.create(**asked, stream=True))
    for choice in whole.choices:
        text = "".join(c.text for chunk in chunks for c in chunk.choices if c.index == choice.index)
        assert text == choice.text
    ids = client.completions.create(model="tiny", prompt=[1, 2, 3], max_tokens=1)
    assert ids.usage.prompt_tokens == 3


def test_the_async_client(served: Served) -> None:
    async def talk() -> list[str]:
        async with AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none") as client:

            async def one(number: int) -> str:
                stream = await client.chat.completions.create(
                    model="tiny", messages=[{"role": "user", "content": f"Number {number}"}], stream=True,
                    max_tokens=12,
                )  # fmt: skip
                return join([chunk async for chunk in stream])[0]

            return await asyncio.gather(*(one(number % 4) for number in range(12)))

    texts = asyncio.run(talk())
    assert texts[:4] == texts[4:8] == texts[8:] and all(texts)


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"extra_body": {"foo": 1}}, "foo"),
        ({"extra_body": {"best_of": 2}}, "best_of"),
        ({"extra_body": {"chat_template_kwargs": {"foo": 1}}}, "chat_template_kwargs.foo"),
        ({"n": 100}, "n"),
        ({"max_tokens": 513}, "max_tokens"),
        ({"max_tokens": 3, "max_completion_tokens": 4}, "max_tokens"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logit_bias": {"a": 1}}, "logit_bias"),
        ({"logit_bias": {"100000": 1}}, "logit_bias"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"reasoning_effort": "low", "extra_body": {"thinking_budget": 7}}, "reasoning_effort"),
        ({"stop": [""]}, "stop.0"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(client: OpenAI, options: dict, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **options)
    assert caught.value.param == param and param in caught.value.message
    assert "\n" not in caught.value.message


def test_prompts_beyond_the_context(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="512") as caught:
        ask(client, "word " * 600)
    assert caught.value.code == "context_length_exceeded"


def test_unknown_model(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="served"):
        client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "Hi"}])


@pytest.mark.parametrize(
    "changes",
    [
        {"top_k": -1},
        {"skip_special_tokens": True, "ignore_eos": False, "use_beam_search": False, "prompt_logprobs": None},
        {"add_generation_prompt": True},
        {"add_special_tokens": False, "best_of": 1, "echo": False, "length_penalty": 1.0,
         "early_stopping": False, "bad_words": [], "priority": 0, "return_token_ids": False,
         "allowed_token_ids": None, "guided_json": None, "structured_outputs": None,
         "truncate_prompt_tokens": None},
        {"prediction": None, "audio": None, "functions": None, "function_call": None,
         "web_search_options": None, "top_logprobs": 0, "verbosity": "medium",
         "prompt_cache_retention": "24h"},
        {"stream_options": {"include_usage": None}, "stream": True},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi",
                                                    "cache_control": {"type": "ephemeral"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "PICTURE"}]}]},
        {"messages": [{"role": "user", "content": "Hi", "name": "bob"}]},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None},
                      {"role": "user", "content": "Again"}]},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "So"}],
         "continue_final_message": True, "add_generation_prompt": False},
    ],
)  # fmt: skip
def test_what_clients_of_other_servers_send(http: httpx.Client, changes: dict, picture_url: str) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, **changes}
    sent = json.dumps(body).replace("PICTURE", picture_url)
    answer = http.post("/v1/chat/completions", content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_an_answer_of_a_fixed_length(http: httpx.Client, path: str) -> None:
    """As benchmark clients ask, even where the end is the likeliest token at every place."""
    asked = (
        {"prompt": "Hi"} if path == "/v1/completions" else {"messages": [{"role": "user", "content": "Hi"}]}
    )
    body = {"model": "tiny", "temperature": 0, "max_tokens": 12, "logit_bias": {"40": 100},
            "stop_token_ids": [40], **asked}  # fmt: skip
    short = http.post(path, json=body).json()
    assert short["usage"]["completion_tokens"] < 12
    fixed = http.post(path, json={**body, "ignore_eos": True})
    assert fixed.json()["usage"]["completion_tokens"] == 12
    assert fixed.json()["choices"][0]["finish_reason"] == "length"
    if path == "/v1/chat/completions":
        del body["max_tokens"]
        refused = http.post(path, json={**body, "ignore_eos": True})
        assert refused.status_code == 400 and refused.json()["error"]["param"] == "ignore_eos"


def test_reasoning_can_be_left_out(http: httpx.Client) -> None:
    body = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 8,
        "temperature": 0,
    }
    with_it = http.post("/v1/chat/completions", json={**body, "include_reasoning": True}).json()
    without = http.post("/v1/chat/completions", json={**body, "include_reasoning": False}).json()
    assert with_it["choices"][0]["message"]["reasoning_content"]
    assert "reasoning_content" not in without["choices"][0]["message"]
    assert without["usage"]["completion_tokens_details"] == with_it["usage"]["completion_tokens_details"]
    streamed = http.post("/v1/chat/completions", json={**body, "include_reasoning": False, "stream": True})
    assert "reasoning" not in streamed.text


def test_one_request_holds_a_share_of_the_queue(http: httpx.Client) -> None:
    """Twenty prompts with sixteen completions each would be the whole queue of the default settings."""
    body = {"model": "tiny", "prompt": ["x"] * 20, "n": 16, "max_tokens": 1}
    refused = http.post("/v1/completions", json=body)
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "prompt"
    assert "320" in refused.text and "80" in refused.text
    assert http.post("/v1/completions", json={**body, "prompt": ["x"] * 5}).status_code == 200


def test_deep_arguments_of_a_tool_call(tool_llm: LLM) -> None:
    arguments = '{"a":' * 600 + "1" + "}" * 600
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    turns = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "x", "tool_call_id": "a"},
    ]
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}, *turns]}
    with serving(tool_llm) as served:
        refused = httpx.post(served.url + "/v1/chat/completions", json=body, timeout=60)
    assert refused.status_code == 400 and "64 deep" in refused.text


ODD = [
    # what is sent, what the message names
    ({"logit_bias": {"01": 1, "1": -1}}, "'01' is not a token id"),
    ({"deadline_s": 1e-46}, "deadline_s"),
    ({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "4"}]}, "does not support tools"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * 4097}]}, "4096"),
    ({f"k{number}": 0 for number in range(5000)}, "4096 keys"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * 4000}] * 5}, "16384 objects"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "named"), ODD)
def test_what_would_be_dropped_or_hold_others_up_is_refused(
    http: httpx.Client, changes: dict, named: str
) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, **changes}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code in (400, 413) and named in answer.json()["error"]["message"], answer.text


def test_a_key_given_twice(http: httpx.Client) -> None:
    twice = '{"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "top_k": 1, "top_k": 2}'
    answer = http.post("/v1/chat/completions", content=twice, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and "'top_k' is given twice" in answer.json()["error"]["message"]


def test_a_body_that_is_not_said_to_be_json(http: httpx.Client) -> None:
    answer = http.post("/v1/chat/completions", content="{}", headers={"Content-Type": "text/plain"})
    error = answer.json()["error"]
    assert answer.status_code == 400 and "application/json" in error["message"]
    assert error["param"] == "Content-Type"


@pytest.mark.parametrize("path", ["/health", "/v1/models"])
def test_head_is_answered_as_get(http: httpx.Client, path: str) -> None:
    answer = http.head(path)
    assert answer.status_code == 200 and answer.content == b""
    assert answer.headers["content-type"] == "application/json"
