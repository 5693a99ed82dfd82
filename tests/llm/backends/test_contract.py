"""One builder of completions: the same table of cases through every backend's way of delivering output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from r1v import LLM, SamplingParams
from r1v.core import Completion, FinishReason, Message, TokenEvent, TokenLogprob, ToolCall, Usage
from r1v.engine import EngineOutput
from r1v.llm import ChatRequest, OutputGrammar, RemoteConfig
from r1v.llm.backends.hf_prompt_encoder import HFPrompt, HFPromptEncoder
from r1v.llm.config import LLMConfig
from r1v.llm.generation import Generation
from r1v.llm.requests import ModelInfo
from r1v.prompt import Processor
from tests.llm.backends.remote_server import Script, serving


@dataclass(frozen=True)
class Case:
    """written: what the model writes, special tokens as text. opened: after a prompt that opens thinking."""

    written: str
    thinking: str
    answer: str
    finish: FinishReason = FinishReason.STOP
    stop: tuple[str, ...] = ()
    opened: bool = False


CASES = {
    "answer": Case("abXcd", "", "abXcd"),
    "stop": Case("abXcd", "", "ab", stop=("X",)),
    "stop over several tokens": Case("a1 2 3b", "", "a", stop=("1 2 3",)),
    "thinking": Case("so\n</think>\n\nfour", "so", "four", opened=True),
    "thinking that the model opens": Case("<think>\nso\n</think>\n\nfour", "so", "four"),
    "no stop in thinking": Case("a X b</think>c X d", "a X b", "c ", stop=("X",), opened=True),
    "cut in thinking": Case("so it", "so it", "", FinishReason.LENGTH, opened=True),
    "cut in the answer": Case("abX", "", "abX", FinishReason.LENGTH, stop=("Xc",)),
    "typed markers": Case("s = '<think>a</think>'", "", "s = '<think>a</think>'"),
    "typed markers after thinking": Case("so</think>{'<think>': 1}", "so", "{'<think>': 1}", opened=True),
    "characters of several tokens": Case("三😀", "", "三😀"),
    "nothing": Case("", "", ""),
}

Result = tuple[list[TokenEvent], Completion, int]  # events, the completion, ids in all (0: not known)
Way = Callable[[Case], Result]


def fed(generation: Generation, ids: Sequence[int], case: Case, delivered: list[Any], eos: int) -> Result:
    """A generation given one id after the other, as our engine and transformers' loop do."""
    steps = [*ids, *([eos] if case.finish is FinishReason.STOP else [])]
    for number, token_id in enumerate(steps):
        reason = case.finish if number == len(steps) - 1 else None
        output = EngineOutput(0, 0, (token_id,), (TokenLogprob(token_id, -0.5),), finish_reason=reason)
        if not generation.receive(output):
            break
    *events, completion = delivered
    return events, completion, len(steps)


@pytest.fixture(scope="module")
def processor(tiny_checkpoint: Path) -> Processor:
    return Processor.from_folder(tiny_checkpoint)


def params_of(case: Case) -> SamplingParams:
    return SamplingParams(stop=case.stop, logprobs=0)


@pytest.fixture(params=["r1v", "transformers", "vllm", "openai", "openai, inline", "openai, whole"])
def way(request: pytest.FixtureRequest, processor: Processor, tiny_tokenizer_folder: Path) -> Way:
    """How a backend delivers what a model writes."""

    def by_our_ids(case: Case) -> Result:
        delivered: list[Any] = []
        generation = Generation([processor.segmenter(case.opened)], params_of(case), delivered.append,
                                eos=processor.special.eos, usage=Usage())  # fmt: skip
        ids = processor.tokenizer.encode_trusted(case.written)
        return fed(generation, ids, case, delivered, processor.special.eos[0])

    def by_transformers(case: Case) -> Result:
        delivered: list[Any] = []
        encoder = hf_encoder(tiny_tokenizer_folder)
        prompt = HFPrompt((1,), {}, case.opened)
        asked = ChatRequest((Message.user("?"),), params_of(case))
        _, generation = encoder.generation(asked, prompt, delivered.append)
        ids = processor.tokenizer.encode_trusted(case.written)
        return fed(generation, ids, case, delivered, encoder.ids.eos[0])

    def by_vllm(case: Case) -> Result:
        from r1v.llm.backends.vllm.backend import _hand_over
        from r1v.llm.backends.vllm.prompts import VLLMRequest

        delivered: list[Any] = []
        generation = Generation([processor.segmenter(case.opened)], params_of(case), delivered.append,
                                eos=processor.special.eos, usage=Usage())  # fmt: skip
        asked = VLLMRequest({}, (1,), case.opened, params_of(case), generation)
        ids = processor.tokenizer.encode_trusted(case.written)
        steps = [*ids, *(processor.special.eos[:1] if case.finish is FinishReason.STOP else ())]
        follower = SimpleNamespace(push=lambda ids: None, detail=None, num_seen=0, num_thinking=0)
        for start in range(0, len(steps), 2):
            new = steps[start : start + 2]
            table = [{i: SimpleNamespace(logprob=-0.5, rank=1)} for i in new]
            reason = case.finish.value if start + 2 >= len(steps) else None
            part = SimpleNamespace(token_ids=new, logprobs=table, finish_reason=reason)
            if _hand_over(part, SimpleNamespace(num_cached_tokens=0), 0, follower, asked):
                break
        *events, completion = delivered
        return events, completion, len(steps)

    def by_server(case: Case) -> Result:
        """A server that tells thinking apart, token by token."""
        return over_the_wire(tokens_of(processor, case, inline=False), case)

    def by_inline_server(case: Case) -> Result:
        """One that does not; where its template opens thinking, it sends the opening too."""
        return over_the_wire(tokens_of(processor, case, inline=True), case)

    def by_whole_answer(case: Case) -> Result:
        """One that sends everything at once."""
        messages = tokens_of(processor, case, inline=False)
        message = {key: "".join(m.get(key, "") for m in messages) for key in ("reasoning_content", "content")}
        choice = {"index": 0, "message": message, "finish_reason": case.finish.value,
                  "logprobs": {"content": [{"token": "?", "logprob": -0.5}] * len(messages)}}  # fmt: skip
        return ask(Script((200, {}, {"choices": [choice], "usage": {}})), case)

    ways = {"r1v": by_our_ids, "transformers": by_transformers, "vllm": by_vllm, "openai": by_server,
            "openai, inline": by_inline_server, "openai, whole": by_whole_answer}  # fmt: skip
    return ways[request.param]


def hf_encoder(folder: Path) -> HFPromptEncoder:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    info = ModelInfo("m", 256, 320, takes_images=False, takes_tools=True, thinks=True, max_images=0)
    return HFPromptEncoder(tokenizer, LLMConfig("m"), info, (tokenizer.eos_token_id,))


def tokens_of(processor: Processor, case: Case, *, inline: bool) -> list[dict[str, str]]:
    """The deltas of a server, one a token, where a token is whole characters."""
    written = f"<think>{case.written}" if inline and case.opened else case.written
    if inline:
        return [{"content": character} for character in written]
    thinking, answer = processor.split(processor.tokenizer.encode_trusted(case.written), case.opened)
    return [{"reasoning_content": c} for c in thinking] + [{"content": c} for c in answer]


def over_the_wire(deltas: list[dict[str, str]], case: Case) -> Result:
    chunks: list[dict[str, Any]] = []
    for delta in deltas:
        (text,) = delta.values()
        entries = {"content": [{"token": text, "logprob": -0.5}]}
        chunks.append({"choices": [{"index": 0, "delta": delta, "logprobs": entries}]})
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": case.finish.value}]})
    return ask(Script((200, {}, [*chunks, "[DONE]"])), case)


def ask(script: Script, case: Case) -> Result:
    with serving(script) as url, LLM("m", backend="openai", remote=RemoteConfig(url)) as llm:
        *events, completion = llm.stream("?", params_of(case))
    assert isinstance(completion, Completion)
    return [event for event in events if isinstance(event, TokenEvent)], completion, 0


@pytest.mark.parametrize("name", CASES)
def test_every_backend_builds_the_same(way: Way, name: str) -> None:
    case = CASES[name]
    events, completion, num_ids = way(case)
    assert (completion.thinking, completion.answer) == (case.thinking, case.answer)
    for segment, whole in (("thinking", completion.thinking), ("answer", completion.answer)):
        assert "".join(e.text for e in events if e.segment == segment) == whole
    ids = tuple(i for e in events for i in e.token_ids)
    scores = tuple(score for e in events for score in e.logprobs)
    assert completion.token_ids == ids and completion.logprobs == scores
    stopped = bool(case.stop) and case.finish is FinishReason.STOP
    assert completion.finish_reason is case.finish
    if num_ids:
        assert [score.token_id for score in scores] == list(ids)
        assert completion.usage.completion_tokens == len(ids)
        assert len(ids) == num_ids if not stopped else len(ids) < num_ids
    assert bool(scores) == bool(case.written or num_ids)


# ------------------------------------------------------------------------------- the backends as a whole


WRITTEN = {
    "stop": ('start: "abXcd"', ("X",), "ab"),
    "typed markers": ("start: \"s = '<think>a</think>'\"", (), "s = '<think>a</think>'"),
}


@pytest.mark.parametrize("backend", ["r1v", "transformers"])
def test_a_text_that_the_model_must_write(backend: str, tiny_checkpoint: Path) -> None:
    """A grammar leaves the random model one answer; stops, markers and log-probabilities are the same."""
    if backend == "transformers":
        pytest.importorskip("accelerate")
    with LLM(tiny_checkpoint, backend=backend) as llm:
        for lark, stop, expected in WRITTEN.values():
            params = SamplingParams.greedy(max_tokens=60, thinking_budget=0, stop=stop, logprobs=1)
            asked = ChatRequest((Message.user("Write"),), params, grammar=OutputGrammar(lark))
            *events, done = llm.start(asked)
            assert isinstance(done, Completion)
            assert (done.thinking, done.answer) == ("", expected)
            assert done.finish_reason is FinishReason.STOP
            assert [row.token_id for row in done.logprobs or ()] == list(done.token_ids)
            assert (
                tuple(i for e in events if isinstance(e, TokenEvent) for i in e.token_ids) == done.token_ids
            )


def test_a_message_loses_nothing_on_its_way_to_another_models_template(tiny_tokenizer_folder: Path) -> None:
    encoder = hf_encoder(tiny_tokenizer_folder)
    called = Message("assistant", (), "I must add.", (ToolCall("a", "add", '{"x": 1}'),))
    assert encoder._message(called) == {
        "role": "assistant", "content": [], "reasoning_content": "I must add.",
            "reasoning": "I must add.", "thinking": "I must add.",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "add", "arguments": {"x": 1}}}],
    }  # fmt: skip
    result = Message("tool", ("2",), tool_call_id="a")
    assert encoder._message(result) == {
        "role": "tool", "content": [{"type": "text", "text": "2"}], "tool_call_id": "a"
    }  # fmt: skip
