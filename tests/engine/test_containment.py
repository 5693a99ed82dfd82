"""One request never ends another: numbers of every size, and errors in every place of a step."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1v.core import ComputeError, ConfigError, FinishReason, R1VError, SamplingParams
from r1v.engine import EngineRequest
from r1v.engine.runner import Runner
from r1v.engine.scheduler import Step
from r1v.models import R1V
from tests.engine.test_boundaries import PathMask
from tests.engine.tiny import drain, engine, request, tiny_model, token_ids

HEALTHY = request(random.Random(12), 20, 1, SamplingParams.greedy(max_tokens=6))


@pytest.fixture(scope="module")
def model() -> R1V:
    return tiny_model()


@pytest.fixture(scope="module")
def healthy_ids(model: R1V) -> list[int]:
    alone = engine(model)
    alone.add(HEALTHY)
    return token_ids(drain(alone)[0, 0])


FLOATS = st.one_of(
    st.floats(), st.floats(min_value=0.0, max_value=2.0),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-45, 1e-40, 1e-37, 9.99e-6, 1e-5, 0.01, 1.0, 2.0,
                     10.0, 100.0, 1.8e308, float("inf"), float("nan")]),
)  # fmt: skip
WHOLES = st.one_of(
    st.integers(-2, 70), st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), 2**64, 10**400, -(10**400)])
)
ANY = st.one_of(FLOATS, WHOLES)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty",
                         "frequency_penalty"), ANY),
        **dict.fromkeys(("top_k", "seed", "max_tokens", "min_tokens", "logprobs", "thinking_budget"), ANY),
        "n": st.one_of(st.integers(0, 3), FLOATS),
        "logit_bias": st.dictionaries(st.one_of(st.integers(0, 63), WHOLES), ANY, max_size=4),
        "stop_token_ids": st.one_of(
            st.lists(st.one_of(st.integers(0, 63), ANY), max_size=4), st.just(list(range(64)))
        ).map(tuple),
    },
)  # fmt: skip


@given(values=st.lists(PARAMETERS, min_size=1, max_size=3), images=st.integers(0, 1))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_number_reaches_a_neighbour(
    model: R1V, healthy_ids: list[int], values: list[dict[str, Any]], images: int
) -> None:
    mix(model, healthy_ids, values, images)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(values=st.lists(PARAMETERS, min_size=1, max_size=3), images=st.integers(0, 1))
@settings(
    max_examples=3000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_number_of_thousands_reaches_a_neighbour(
    model: R1V, healthy_ids: list[int], values: list[dict[str, Any]], images: int
) -> None:
    mix(model, healthy_ids, values, images)


def mix(model: R1V, healthy_ids: list[int], values: list[dict[str, Any]], images: int) -> None:
    """Requests with any numbers, and a healthy one among them."""
    shared = engine(model, num_draft_tokens=4, max_model_len=60)
    accepted: dict[int, int] = {}
    for each in values:
        try:
            params = SamplingParams(**each)
            asked = request(random.Random(1), 8, images, params, opens_thinking=True)
            accepted[shared.add(asked)] = params.n
        except R1VError as error:
            assert len(str(error)) < 300
    healthy = shared.add(HEALTHY)
    outputs = drain(shared)
    assert token_ids(outputs[healthy, 0]) == healthy_ids
    for request_id, number in accepted.items():
        for index in range(number):
            last = outputs[request_id, index][-1]
            assert all(0 <= i < 60 or i > 60 for i in token_ids(outputs[request_id, index]))
            if last.finish_reason is FinishReason.ERROR:  # every id is a stop id
                assert isinstance(last.error, ConfigError) and "min_tokens" in str(last.error)


@pytest.mark.parametrize("values", [
    {"temperature": 1e-40}, {"temperature": 5e-324}, {"temperature": 1e-37, "logit_bias": {3: 100.0}},
    {"temperature": 1e-5, "repetition_penalty": 0.01, "logit_bias": {3: -100.0, 4: 100.0}},
    {"temperature": 1e-5, "top_p": 5e-324, "min_p": 5e-324}, {"temperature": 100.0, "top_p": 5e-324},
])  # fmt: skip
def test_accepted_numbers_make_ids(model: R1V, values: dict[str, Any]) -> None:
    shared = engine(model)
    shared.add(request(random.Random(1), 8, 0, SamplingParams(**values, max_tokens=5, seed=1)))
    last = drain(shared)[0, 0][-1]
    assert last.error is None and last.finish_reason in (FinishReason.LENGTH, FinishReason.STOP)


@pytest.mark.parametrize(("name", "value"), [
    ("repetition_penalty", 5e-324), ("repetition_penalty", 1e-3), ("temperature", float("nan")),
    ("top_k", 1.5), ("seed", 0.5), ("n", 1.0), ("max_tokens", 10.0), ("logit_bias", {1.5: 1.0}),
    ("logit_bias", {1: float("inf")}), ("stop_token_ids", (-1,)), ("temperature", "1"),
])  # fmt: skip
def test_other_numbers_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        SamplingParams(**{name: value})


@pytest.mark.parametrize("name", ["temperature", "seed", "n", "logprobs", "thinking_budget"])
def test_numbers_too_long_to_print_are_refused_too(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is"):
        SamplingParams(**{name: 10**5000 if name != "thinking_budget" else -(10**5000)})


def test_temperatures_near_zero_are_greedy(model: R1V, healthy_ids: list[int]) -> None:
    for temperature in (5e-324, 1e-40, 9e-6):
        shared = engine(model)
        shared.add(replace(HEALTHY, params=replace(HEALTHY.params, temperature=temperature, seed=1)))
        assert token_ids(drain(shared)[0, 0]) == healthy_ids


# ------------------------------------------------------------------------------- errors in parts of a step


class BrokenMask(PathMask):
    """A grammar that fails in one of its methods."""

    broken = "bits"

    def bits(self) -> torch.Tensor:
        if self.broken == "bits":
            raise RuntimeError("the grammar broke")
        return super().bits()

    def accept(self, token_id: int) -> None:
        raise RuntimeError("the grammar broke")

    def fork(self) -> BrokenMask:
        copy = BrokenMask(self.seed, self.length, self.path)
        copy.broken = self.broken
        return copy


def broken_mask(where: str) -> EngineRequest:
    mask = BrokenMask(0, 5)
    mask.broken = where
    return replace(request(random.Random(4), 9), mask=mask)


def nan_image(value: float) -> EngineRequest:
    asked = request(random.Random(5), 9, 1)
    assert asked.pixel_values is not None
    asked.pixel_values[0, 0, 0, 0] = value
    return asked


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (broken_mask("bits"), RuntimeError),
        (broken_mask("accept"), RuntimeError),
        (nan_image(float("nan")), ComputeError),
        (nan_image(float("inf")), ComputeError),
        (request(random.Random(6), 9, 0, SamplingParams(min_tokens=2, stop_token_ids=tuple(range(64)))),
         ConfigError),
    ],
)  # fmt: skip
@pytest.mark.parametrize("number", [1, 3])
def test_an_error_ends_its_sequence_only(
    model: R1V, healthy_ids: list[int], asked: EngineRequest, kind: type[Exception], number: int
) -> None:
    shared = engine(model, num_draft_tokens=4)
    asked = replace(asked, params=replace(asked.params, n=number))
    for _ in range(3):  # also after the blocks and drafts of the failed ones were used again
        bad, good = shared.add(asked), shared.add(HEALTHY)
        outputs = drain(shared)
        assert token_ids(outputs[good, 0]) == healthy_ids
        for index in range(number):
            last = outputs[bad, index][-1]
            assert last.finish_reason is FinishReason.ERROR and isinstance(last.error, kind)
    assert shared._pool.num_free == shared._pool.num_blocks and not shared._sampler._seen


def failing(
    run: Callable[[Runner, Step], torch.Tensor], marked: int
) -> Callable[[Runner, Step], torch.Tensor]:
    """A runner that cannot compute a sequence whose prompt begins with an id."""

    def call(runner: Runner, step: Step) -> torch.Tensor:
        if any(chunk.sequence.request.token_ids[0] == marked for chunk in step.chunks):
            raise RuntimeError("this one cannot be computed")
        return run(runner, step)

    return call


def test_a_pass_that_fails_ends_the_sequence_at_fault(
    model: R1V, healthy_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = engine(model)
    monkeypatch.setattr(Runner, "__call__", failing(Runner.__call__, 59))
    with_image = request(random.Random(7), 9, 1)
    for first in (59, 8):
        asked = replace(with_image, token_ids=(first, *with_image.token_ids))
        bad, good = shared.add(asked), shared.add(HEALTHY)
        outputs = drain(shared)
        assert (outputs[bad, 0][-1].finish_reason is FinishReason.ERROR) == (first == 59)
        assert token_ids(outputs[good, 0]) == healthy_ids


def test_a_fault_of_the_scheduler_ends_what_runs_and_no_more(
    model: R1V, healthy_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = engine(model)
    shared.add(HEALTHY)
    with monkeypatch.context() as patch:
        patch.setattr(shared._scheduler, "plan", lambda *_: 1 // 0)
        (output,) = shared.step()
    assert isinstance(output.error, ZeroDivisionError) and not shared.has_work
    later = shared.add(HEALTHY)
    assert token_ids(drain(shared)[later, 0]) == healthy_ids
    assert shared._pool.num_free == shared._pool.num_blocks


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 1, 16, 16), (3, 16, 16)])
def test_pixels_of_another_shape_are_refused(model: R1V, shape: tuple[int, ...]) -> None:
    asked = replace(request(random.Random(8), 9, 1), pixel_values=torch.zeros(shape))
    with pytest.raises(R1VError, match="pixel_values"):
        engine(model).add(asked)
