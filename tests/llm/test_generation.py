"""Ids to events: whole and streamed agree, stop strings cut ids and text alike."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1v.core import Completion, FinishReason, SamplingParams, TokenEvent, TokenLogprob, Usage
from r1v.engine import EngineOutput
from r1v.llm.generation import Generation
from r1v.prompt import Processor

SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)


@pytest.fixture(scope="session")
def processor(tiny_checkpoint: Path) -> Processor:
    return Processor.from_folder(tiny_checkpoint)


def generate(
    processor: Processor,
    steps: list[list[int]],
    params: SamplingParams = SamplingParams(),  # noqa: B008 - frozen
    reason: FinishReason = FinishReason.STOP,
    opened: bool = True,
) -> tuple[list[TokenEvent], Completion, int]:
    """Events, the completion, and how many outputs were asked for."""
    delivered: list = []
    generation = Generation(
        [processor.segmenter(opened)],
        params,
        delivered.append,
        eos=processor.special.eos,
        usage=Usage(prompt_tokens=3),
        arrived_s=0.0,
    )
    taken = 0
    for number, ids in enumerate(steps):
        last = number == len(steps) - 1
        scores = () if params.logprobs is None else tuple(TokenLogprob(i, -0.1 * i) for i in ids)
        taken += 1
        output = EngineOutput(0, 0, tuple(ids), scores, finish_reason=reason if last else None, num_cached=2)
        if not generation.receive(output):
            break
    *events, completion = delivered
    assert isinstance(completion, Completion)
    return events, completion, taken


def joined(events: list[TokenEvent], segment: str) -> str:
    return "".join(event.text for event in events if event.segment == segment)


STEPS = st.lists(st.lists(st.integers(0, 317), min_size=1, max_size=4), min_size=1, max_size=12)


@SHARED
@given(steps=STEPS, opened=st.booleans())
def test_streamed_is_whole(processor: Processor, steps: list[list[int]], opened: bool) -> None:
    events, completion, _ = generate(processor, steps, reason=FinishReason.LENGTH, opened=opened)
    ids = [i for step in steps for i in step]
    assert completion.token_ids == tuple(ids) == tuple(i for event in events for i in event.token_ids)
    if ids[-1] not in processor.special.eos:
        assert (completion.thinking, completion.answer) == processor.split(ids, opened)
    assert (joined(events, "thinking"), joined(events, "answer")) == (completion.thinking, completion.answer)
    assert completion.usage.completion_tokens == len(ids)
    assert completion.usage.reasoning_tokens <= len(ids)


@SHARED
@given(
    steps=STEPS, stops=st.lists(st.sampled_from(["a", "is", "1", "三", " ", "e t"]), min_size=1, max_size=3)
)
def test_stop_strings(processor: Processor, steps: list[list[int]], stops: list[str]) -> None:
    params = SamplingParams(stop=tuple(stops), logprobs=0)
    events, completion, taken = generate(processor, steps, params, FinishReason.LENGTH, opened=False)
    assert not any(stop in completion.answer for stop in stops)
    assert joined(events, "answer") == completion.answer
    ids = tuple(i for event in events for i in event.token_ids)
    assert completion.token_ids == ids
    assert [entry.token_id for entry in completion.logprobs or ()] == list(ids)
    assert [entry.token_id for event in events for entry in event.logprobs] == list(ids)
    if taken < len(steps):
        assert completion.finish_reason is FinishReason.STOP


def test_thinking_answer_and_end_token(processor: Processor) -> None:
    ids = processor.encode_completion("2 red", r"Answer: \boxed{2}")
    _, completion, _ = generate(processor, [[i] for i in ids])
    assert completion.thinking == "2 red"
    assert completion.answer == r"Answer: \boxed{2}"
    assert completion.finish_reason is FinishReason.STOP
    assert completion.token_ids == tuple(ids)
    assert completion.usage == Usage(3, 0, 2, len(ids), completion.usage.reasoning_tokens)
    assert 0 < completion.usage.reasoning_tokens < len(ids)


@pytest.mark.parametrize(
    ("answer", "refused"),
    [("I can't tell: there is no picture.", True), (r"I can't tell. Answer: \boxed{2}", False)],
)
def test_a_completion_says_whether_it_refuses(processor: Processor, answer: str, refused: bool) -> None:
    _, completion, _ = generate(processor, [processor.encode_completion("I can't tell", answer)])
    assert completion.answer == answer and completion.refused is refused


def test_thinking_is_not_searched_for_stop_strings(processor: Processor) -> None:
    ids = processor.encode_completion("the answer is 2", "the answer")
    _, completion, _ = generate(processor, [ids], SamplingParams(stop=("answer",)))
    assert (completion.thinking, completion.answer) == ("the answer is 2", "the ")


def test_a_partial_stop_string_at_the_end_is_text(processor: Processor) -> None:
    ids = processor.encode_completion("x", "the ans")
    events, completion, _ = generate(processor, [[i] for i in ids], SamplingParams(stop=("answer",)))
    assert completion.answer == "the ans" == joined(events, "answer")


def test_unclosed_thinking_is_thinking(processor: Processor) -> None:
    ids = processor.encode_text("so 12 + 7")
    _, completion, _ = generate(processor, [ids], reason=FinishReason.LENGTH)
    assert (completion.thinking, completion.answer) == ("so 12 + 7", "")
