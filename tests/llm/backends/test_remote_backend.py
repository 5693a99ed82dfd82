"""The remote backend against small local servers: every form of reasoning, retries, limits, cancellation."""

import base64
import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from r1v import LLM, SamplingParams
from r1v.core import (
    Completion,
    ConfigError,
    ContextLengthError,
    FinishDetail,
    FinishReason,
    ImageRef,
    Message,
    PromptError,
    UnavailableError,
)
from r1v.llm import RemoteConfig, read_tool_calls
from r1v.llm.backends.remote.wire import image_data
from r1v.prompt import ImageLimits
from tests.llm.backends.remote_server import Script, chunk, serving, stream

FAST = {"max_retries": 3, "timeout_s": 5.0}


def remote(url: str, **settings) -> LLM:  # type: ignore[no-untyped-def]
    return LLM("m", backend="openai", remote=RemoteConfig(url, **{**FAST, **settings}))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1v.llm.backends.remote.backend.FIRST_PAUSE_S", 0.02)


FORMS = {
    "vllm": (chunk(reasoning="so "), chunk(reasoning="it is"), chunk(content="Four.")),
    "deepseek": (chunk(reasoning_content="so it is"), chunk(content="Fo"), chunk(content="ur.")),
    "both names": (chunk(reasoning="so it is", reasoning_content="so it is"), chunk(content="Four.")),
    "inline": (chunk(content="<thi"), chunk(content="nk>\nso it"), chunk(content=" is\n</th"),
               chunk(content="ink>\n\nFour.")),
    "whole": (chunk(content="<think>so it is</think>Four."),),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_reasoning_wherever_it_is(form: str) -> None:
    with serving(Script(stream(*FORMS[form]))) as url, remote(url) as llm:
        *events, done = llm.stream("2+2?")
        assert isinstance(done, Completion)
        assert (done.thinking, done.answer, done.finish_reason) == ("so it is", "Four.", FinishReason.STOP)
        assert done.usage.prompt_tokens == 7 and done.usage.reasoning_tokens == 3
        assert "".join(e.text for e in events if e.segment == "answer").strip() == "Four."


def test_openai_hides_reasoning_but_counts_it() -> None:
    with serving(Script(stream(chunk(content="Four.")))) as url, remote(url) as llm:
        done = llm.chat("2+2?")
        assert (done.thinking, done.answer, done.usage.reasoning_tokens) == ("", "Four.", 3)


def test_a_whole_answer_and_our_own_fields() -> None:
    message = {"role": "assistant", "content": "4", "reasoning_content": "two and two"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop", "finish_detail": "budget"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 9}}  # fmt: skip
    with serving(Script((200, {}, body))) as url, remote(url) as llm:
        done = llm.chat("2+2?")
        assert (done.thinking, done.answer, done.finish_detail) == ("two and two", "4", FinishDetail.BUDGET)


def test_tool_calls() -> None:
    calls = ({"index": 0, "id": "a", "function": {"name": "add", "arguments": '{"a": 1'}},
             {"index": 0, "function": {"arguments": ', "b": 2}'}})  # fmt: skip
    script = Script(stream(*(chunk(tool_calls=[call]) for call in calls)))
    with serving(script) as url, remote(url) as llm:
        tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
        _, found = read_tool_calls(llm.chat("1+2", tools=[tool]).answer)
        assert [(c.name, c.arguments) for c in found] == [("add", '{"a": 1, "b": 2}')]
        assert script.bodies[0]["tools"] == [tool]


def test_what_is_sent(picture: Path) -> None:
    script = Script(stream(chunk(content="x")), models=[{"id": "m", "owned_by": "vllm", "max_model_len": 99}])
    with serving(script) as url, remote(url, api_key="secret", extra={"user": "me"}) as llm:
        assert llm.context_length == 99
        params = SamplingParams(temperature=0.5, top_p=0.9, top_k=5, seed=1, max_tokens=8, stop=("a",), n=2,
                                repetition_penalty=1.0, thinking_budget=0)  # fmt: skip
        llm.chat_n([Message("system", ("Be brief.",)), Message.user("What?", [picture])], params)
        assert "secret" not in repr(llm.config)
        llm.chat("again")
    body = next(b for b in script.bodies if b.get("seed") == 1)
    assert {b.get("seed") for b in script.bodies} == {1, 2, None}
    assert (body["temperature"], body["top_k"], body["max_tokens"], body["stop"], body["user"]) == (
        0.5, 5, 8, ["a"], "me"
    )  # fmt: skip
    assert body["chat_template_kwargs"] == {"enable_thinking": False} and body["repetition_penalty"] == 1.0
    kinds = [part["type"] for part in body["messages"][1]["content"]]
    assert kinds == ["image_url", "text"]
    assert body["messages"][1]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "temperature" not in script.bodies[-1]
    assert script.headers[0]["authorization"] == "Bearer secret"


def test_anthropic(picture: Path) -> None:
    events = (
        {"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "A disc."}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 6}},
        {"type": "message_stop"},
    )
    overloaded = (529, {}, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    script = Script(overloaded, (200, {}, events))
    with serving(script) as url, remote(url, form="anthropic", api_key="k") as llm:
        asked = [Message("system", ("Be brief.",)), Message.user("What?", [picture])]
        done = llm.chat(asked, SamplingParams(max_tokens=100, thinking_budget=2048))
    assert (done.thinking, done.answer, done.finish_reason) == ("hm", "A disc.", FinishReason.LENGTH)
    assert done.usage.prompt_tokens == 11 and done.usage.completion_tokens == 6
    body = script.bodies[-1]
    assert body["system"] == "Be brief." and body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert body["messages"][0]["content"][0]["source"]["media_type"] == "image/png"
    assert script.headers[0]["x-api-key"] == "k" and len(script.bodies) == 2


def test_retries_and_the_servers_pause() -> None:
    limited = (429, {"Retry-After": "0.3"}, {"error": {"message": "slow down"}})
    broken = (200, {}, [])  # a stream without an end
    script = Script((500, {}, {"error": "oops"}), limited, broken, stream(chunk(content="ok")))
    with serving(script) as url, remote(url) as llm:
        assert llm.chat("x").answer == "ok"
        assert llm.load.counters["num_retried"] == 3
    assert script.times[2] - script.times[1] >= 0.28


def test_not_again_after_the_first_words() -> None:
    script = Script((200, {}, [chunk(content="I th")]))
    with serving(script) as url, remote(url) as llm:
        with pytest.raises(UnavailableError, match="in the middle"):
            llm.chat("x")
        assert len(script.bodies) == 1


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "top_k is unknown", PromptError),
        (400, "This model's maximum context length is 8 tokens", ContextLengthError),
        (401, "bad key", UnavailableError),
        (404, "no model", UnavailableError),
        (503, "down", UnavailableError),
    ],
)
def test_errors_are_one_line(status: int, message: str, error: type[Exception]) -> None:
    script = Script((status, {}, {"error": {"message": message + "\nmore"}}))
    with serving(script) as url, remote(url, max_retries=1) as llm:
        with pytest.raises(error, match=message[:6]) as caught:
            llm.chat("x")
        assert "\n" not in str(caught.value)
        assert len(script.bodies) == (2 if status == 503 else 1)


def test_cancellation_ends_the_connection() -> None:
    script = Script((200, {}, [chunk(content="a"), *([0.05, chunk(content="b")] * 200)]))
    with serving(script) as url, remote(url) as llm:
        stream_ = llm.stream("x")
        next(stream_)
        start = time.monotonic()
        stream_.cancel()
        done = stream_.wait()[0]
        assert done.finish_reason is FinishReason.CANCELLED and done.answer.startswith("a")
        assert time.monotonic() - start < 8  # the whole answer takes ten seconds
        for _ in range(100):
            if script.gone:
                break
            time.sleep(0.05)
        assert script.gone == 1


def test_limits_of_rate_and_number() -> None:
    script = Script((200, {}, [0.05, chunk("stop", content="a"), "[DONE]"]))
    with serving(script) as url, remote(url, max_concurrent=3, requests_per_minute=1200) as llm:
        assert len(llm.chat_many(["x"] * 12)) == 12
    assert script.most_at_once <= 3
    assert script.times[-1] - script.times[0] >= 11 * 0.05 - 0.15


def test_images_within_limits() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8))
    config = RemoteConfig("http://x/v1", max_image_bytes=40_000, max_image_side=350)
    media, data = image_data(ImageRef(noise), config, ImageLimits())
    opened = Image.open(io.BytesIO(base64.b64decode(data)))
    assert len(data) <= 40_000 and media == "image/jpeg" and max(opened.size) <= 350
    assert abs(opened.width / opened.height - 4 / 3) < 0.02


def test_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="needs a URL"):
        LLM("m", backend="openai")
    with pytest.raises(ConfigError, match="http"):
        RemoteConfig("ftp://x")
    with pytest.raises(UnavailableError, match="cannot be reached"):
        remote("http://127.0.0.1:9/v1")
    with (
        serving(Script(stream(), models=[{"id": "other"}])) as url,
        pytest.raises(ConfigError, match="it has other"),
    ):
        remote(url)
    with (
        serving(Script(stream())) as url,
        remote(url) as llm,
        pytest.raises(ConfigError, match="thinking_budget is 5"),
    ):
        llm.chat("x", SamplingParams(thinking_budget=5))


@pytest.mark.parametrize("event", [
    "[" * 100_000, '{"choices":' * 5_000, '{"choices": [' + "0," * 200_000 + "0]}", "[]", "1", '"x"', "{",
    "NaN", '{"choices": 5}', '{"choices": [5]}', '{"choices": [{"delta": {"content": 5}}]}',
    '{"choices": [{"delta": [1]}]}',
    '{"usage": {"prompt_tokens": "x"}}', '{"choices": [{"delta": {"tool_calls": [7]}}]}',
    '{"usage": {"prompt_tokens": 1e400}}',
], ids=range(15))  # fmt: skip
def test_a_hostile_endpoint_is_one_line(event: str) -> None:
    """Nested, huge and misshapen events end the request with an error of ours."""
    with serving(Script((200, {}, [event]))) as url, remote(url, max_retries=0) as llm:
        with pytest.raises(UnavailableError) as error:
            list(llm.stream("2+2?"))
        assert "\n" not in str(error.value) and len(str(error.value)) < 400
