"""The façade over the real engine and a random tiny checkpoint."""

import gc
import json
import os
import shutil
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from r1v import LLM, SamplingParams
from r1v.core import (
    Completion,
    ConfigError,
    ContextLengthError,
    Decoding,
    FinishReason,
    ImageError,
    ImageRef,
    Message,
    PromptError,
    R1VError,
    TokenEvent,
    UnavailableError,
)
from r1v.llm.config import RELEASE, default_params, resolve_device, resolve_dtype
from r1v.models import load
from r1v.prompt import Processor

GREEDY = SamplingParams.greedy(max_tokens=12)


@pytest.fixture(scope="module")
def llm(tiny_checkpoint: Path):
    with LLM(tiny_checkpoint) as llm:
        yield llm


def same(left: Completion, right: Completion) -> bool:
    return (left.token_ids, left.thinking, left.answer, left.finish_reason) == (
        right.token_ids, right.thinking, right.answer, right.finish_reason
    )  # fmt: skip


def test_greedy_is_that_of_the_bare_model(llm: LLM, tiny_checkpoint: Path, picture: Path) -> None:
    import torch

    model, processor = load(tiny_checkpoint), Processor.from_folder(tiny_checkpoint)
    prompt = processor.encode([Message.user("How many?", [picture])])
    ids = list(prompt.token_ids)
    banned = [processor.special.image_context, processor.special.img_start, processor.special.img_end]
    banned += [processor.special.pad, 318, 319]
    with torch.inference_mode():
        for _ in range(8):
            logits = model(torch.tensor([ids]), prompt.pixel_values)[0, -1]
            logits[banned] = float("-inf")
            ids.append(int(logits.argmax()))
    completion = llm.chat("How many?", SamplingParams.greedy(max_tokens=8), images=[picture])
    assert completion.token_ids == tuple(ids[len(prompt.token_ids) :])
    assert completion.usage.image_tokens == prompt.image_token_count > 0
    assert completion.usage.prompt_tokens == len(prompt.token_ids)
    assert completion.timing.first_token_s > 0


def test_streamed_is_whole(llm: LLM, picture: Path) -> None:
    whole = llm.chat("Look", GREEDY, images=[picture])
    *events, last = llm.stream("Look", GREEDY, images=[Image.open(picture)])
    assert isinstance(last, Completion) and same(whole, last)
    assert all(isinstance(event, TokenEvent) for event in events)
    assert "".join(e.text for e in events if e.segment == "thinking") == whole.thinking


def test_messages_and_text_are_the_same(llm: LLM) -> None:
    assert same(llm.chat("Hi", GREEDY), llm.chat([Message("user", ("Hi",))], GREEDY))


def test_defaults_come_from_the_checkpoint(llm: LLM, tmp_path: Path) -> None:
    assert llm.default_params == SamplingParams.greedy().over(RELEASE)
    assert llm.config.device in ("cpu", "cuda") and llm.config.dtype != "auto"
    assert default_params(tmp_path) == RELEASE
    path = tmp_path / "generation_config.json"
    path.write_text(json.dumps({"temperature": 0.7, "top_k": 20, "top_p": None, "do_sample": True}))
    assert default_params(tmp_path) == SamplingParams(temperature=0.7, top_k=20).over(RELEASE)
    path.write_text(json.dumps({"do_sample": False, "temperature": 0.6, "repetition_penalty": 1.02}))
    assert default_params(tmp_path) == SamplingParams.greedy(repetition_penalty=1.02).over(RELEASE)
    path.write_text(json.dumps({"top_k": -1, "top_p": 1.0}))
    assert default_params(tmp_path) == SamplingParams(top_k=0, top_p=1.0).over(RELEASE)


def test_what_is_not_given_is_the_checkpoints(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """The tiny checkpoint is decoded without a penalty; so is a request that gives a temperature alone."""
    with LLM(tiny_checkpoint) as llm:
        given = SamplingParams(temperature=0.0, max_tokens=40)
        assert given.repetition_penalty is None and llm.default_params.repetition_penalty == 1.0
        whole = replace(given, repetition_penalty=1.0, top_p=1.0)
        assert llm.chat("Hi", given).token_ids == llm.chat("Hi", whole).token_ids
        assert (
            llm.chat("Hi", given).token_ids
            != llm.chat("Hi", replace(given, repetition_penalty=2.0)).token_ids
        )
    assert SamplingParams(temperature=0).decoding == Decoding(temperature=0)


@pytest.mark.parametrize("name", ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"])
@pytest.mark.parametrize("value", ["-2", "1e400", "NaN", "-1e-320", '"0.5"', "true", "10" * 200])
def test_impossible_defaults_of_a_checkpoint_are_refused_by_name(
    tmp_path: Path, name: str, value: str
) -> None:
    path = tmp_path / "generation_config.json"
    path.write_text(f'{{"{name}": {value}}}')
    if name == "top_k" and value.isdigit():  # no id is cut off
        assert default_params(tmp_path).top_k == int(value)
        return
    with pytest.raises(R1VError, match=f"generation_config.json(: {name}| is not valid JSON)"):
        default_params(tmp_path)


def test_chat_many_is_each_alone(llm: LLM, picture: Path) -> None:
    conversations = [f"Question {i}" for i in range(7)] + [[Message.user("This?", [picture])]]
    together = llm.chat_many(conversations, GREEDY)
    assert all(same(llm.chat(c, GREEDY), t) for c, t in zip(conversations, together, strict=True))
    assert llm.chat_many([]) == []


def test_chat_many_with_few_places(tiny_checkpoint: Path) -> None:
    from r1v.engine import EngineConfig

    with LLM(tiny_checkpoint, engine=EngineConfig(max_num_seqs=1)) as llm:
        params = [SamplingParams.greedy(max_tokens=i + 1) for i in range(6)]
        done = llm.chat_many(["Go"] * 6, params)
        assert [len(each.token_ids) for each in done] == [1, 2, 3, 4, 5, 6]
        with pytest.raises(ConfigError, match="2 params were given for 1"):
            llm.chat_many(["a"], params[:2])


def test_chat_many_ends_all_at_the_first_error(llm: LLM) -> None:
    long = SamplingParams.greedy(max_tokens=400)
    with pytest.raises(ImageError):
        llm.chat_many(["a", "b", [Message("user", (ImageRef("nowhere.png"), "c"))]], long)
    assert llm._backend.loop.call(lambda engine: engine.num_running) == 0  # type: ignore[attr-defined]


def test_several_completions(llm: LLM) -> None:
    params = SamplingParams(temperature=1.0, seed=5, max_tokens=8, n=3)
    several = llm.chat_n("Roll", params)
    assert [each.index for each in several] == [0, 1, 2]
    assert len({each.token_ids for each in several}) > 1
    assert [each.token_ids for each in several] == [each.token_ids for each in llm.chat_n("Roll", params)]
    with pytest.raises(ConfigError, match="chat_n"):
        llm.chat("Roll", params)
    events = list(llm.stream("Roll", params))
    assert sorted(e.index for e in events if isinstance(e, Completion)) == [0, 1, 2]


def test_stop_strings(llm: LLM) -> None:
    params = SamplingParams.greedy(max_tokens=30, thinking_budget=0)
    whole = llm.chat("Say", params)
    assert len(whole.answer) > 6
    stop = whole.answer[4:6]
    cut = llm.chat("Say", SamplingParams.greedy(max_tokens=30, thinking_budget=0, stop=(stop,)))
    assert cut.answer == whole.answer[: whole.answer.index(stop)]
    assert cut.finish_reason is FinishReason.STOP
    assert cut.token_ids == whole.token_ids[: len(cut.token_ids)]


def test_thinking_off_and_bounded(llm: LLM) -> None:
    off = llm.chat("Say", SamplingParams.greedy(max_tokens=10, thinking_budget=0))
    assert off.thinking == "" and off.usage.reasoning_tokens == 0
    bounded = llm.chat("Say", SamplingParams.greedy(max_tokens=40, thinking_budget=5))
    assert bounded.usage.reasoning_tokens >= 5 and bounded.answer
    assert bounded.finish_detail == "budget"


def test_max_tokens_end_at_the_context(tiny_checkpoint: Path) -> None:
    with LLM(tiny_checkpoint, max_model_len=40) as short:
        completion = short.chat("Hi", SamplingParams.greedy(max_tokens=10**6))
        assert completion.usage.prompt_tokens + completion.usage.completion_tokens == 40
        assert completion.finish_reason is FinishReason.LENGTH
        with pytest.raises(ContextLengthError, match=r"has \d+ tokens, but the context holds 40"):
            short.chat("Hi " * 40)
        with pytest.raises(ContextLengthError, match=r"\d+ of them of 5 images"):
            short.chat("Hi", images=[Image.new("RGB", (32, 32))] * 5)


def test_leaving_a_stream_cancels(llm: LLM) -> None:
    for event in llm.stream("Go", SamplingParams.greedy(max_tokens=450)):
        assert isinstance(event, TokenEvent)
        break
    del event
    gc.collect()
    assert llm._backend.loop.call(lambda engine: engine.num_running) == 0  # type: ignore[attr-defined]
    stream = llm.stream("Go", SamplingParams.greedy(max_tokens=450))
    next(stream)
    stream.cancel()
    *_, last = stream
    assert isinstance(last, Completion) and last.finish_reason is FinishReason.CANCELLED
    assert 0 < len(last.token_ids) < 450


def test_from_many_threads(llm: LLM) -> None:
    alone = {i: llm.chat(f"Thread {i}", GREEDY) for i in range(6)}
    found: dict[int, Completion] = {}

    def ask(i: int) -> None:
        found[i] = llm.chat(f"Thread {i}", GREEDY)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(same(alone[i], found[i]) for i in range(6))


def test_a_second_question_finds_the_image_in_the_cache(llm: LLM, picture: Path) -> None:
    llm.chat("What is it, and where exactly does it lie?", GREEDY, images=[picture])
    second = llm.chat("What colour?", GREEDY, images=[picture])
    assert second.usage.cached_tokens > 0


def test_logprobs(llm: LLM) -> None:
    completion = llm.chat("Hi", SamplingParams.greedy(max_tokens=4, logprobs=2))
    assert completion.logprobs is not None
    assert [entry.token_id for entry in completion.logprobs] == list(completion.token_ids)
    assert all(len(entry.top) == 2 and entry.logprob <= 0 for entry in completion.logprobs)


def test_from_model(tiny_checkpoint: Path, llm: LLM) -> None:
    module = LLM.from_model(load(tiny_checkpoint), Processor.from_folder(tiny_checkpoint), GREEDY)
    assert same(module.chat("Hi"), llm.chat("Hi", GREEDY))
    module.close()


def test_continue_final(llm: LLM) -> None:
    turns = [Message.user("Hi"), Message("assistant", ("The answer",))]
    assert llm.chat(turns, GREEDY, continue_final=True).thinking == ""


@pytest.mark.parametrize(
    ("messages", "images", "words"),
    [
        ([], (), "empty"),
        ([{"role": "user", "content": "hi"}], (), r"messages\[0\] is a dict"),
        ([Message.user("hi")], ("a.png",), "ImageRef"),
    ],
)
def test_wrong_messages(llm: LLM, messages: list, images: tuple, words: str) -> None:
    with pytest.raises(PromptError, match=words):
        llm.chat(messages, images=images)


def test_wrong_settings(tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dtype is 'int3'"):
        LLM(tiny_checkpoint, dtype="int3")
    with pytest.raises(ConfigError, match="backend 'other' is not known"):
        LLM(tiny_checkpoint, backend="other")
    with pytest.raises(ConfigError, match="device 'abacus'"):
        LLM(tiny_checkpoint, device="abacus")
    with pytest.raises(UnavailableError, match="cuda:77"):
        resolve_device("cuda:77")
    with pytest.raises(ConfigError, match="max_tiles is 0"):
        LLM(tiny_checkpoint, max_tiles=0)
    broken = tmp_path / "broken"
    shutil.copytree(tiny_checkpoint, broken)
    (broken / "generation_config.json").write_text('{"temperature": -1}')
    with pytest.raises(ConfigError, match="temperature is -1"):
        LLM(broken)


def test_dtype_on_a_cpu() -> None:
    assert resolve_dtype("auto", "cpu", 28_000_000) == "float32"
    assert resolve_dtype("auto", "cpu", 2_000_000_000) == "bfloat16"
    assert resolve_dtype("float16", "cpu", 0) == "float16"


def test_close_and_drop(tiny_checkpoint: Path) -> None:
    llm = LLM(tiny_checkpoint)
    stream = llm.stream("Go", SamplingParams.greedy(max_tokens=450))
    llm.close()
    with pytest.raises(UnavailableError):
        list(stream)
    with pytest.raises(UnavailableError, match="closed"):
        llm.chat("again")
    dropped = LLM(tiny_checkpoint)
    dropped.chat("Hi", GREEDY)
    thread = dropped._backend.loop._thread  # type: ignore[attr-defined]
    backend = weakref.ref(dropped._backend)
    del dropped
    gc.collect()
    assert backend() is None
    thread.join(5)
    assert not thread.is_alive()


def test_a_stream_keeps_its_model(tiny_checkpoint: Path) -> None:
    events = list(LLM(tiny_checkpoint).stream("Hi", GREEDY))
    assert isinstance(events[-1], Completion)


def test_in_a_forked_child(tiny_checkpoint: Path) -> None:
    """The child has no thread of the engine, so a request of it would wait for ever."""
    reader, writer = os.pipe()
    with LLM(tiny_checkpoint) as llm:
        child = os.fork()
        if child == 0:
            try:
                with llm:
                    llm.chat("Hello")
            except UnavailableError as error:
                os.write(writer, str(error).encode())
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert f"made by process {os.getpid()}" in os.read(reader, 1000).decode()
        assert llm.chat("Hello", SamplingParams.greedy(max_tokens=2)).token_ids
    os.close(reader)
    os.close(writer)
