"""With ``deterministic``, an answer has the same ids and the same log-probabilities, bit by bit, whatever
runs beside it, however its prompt is cut, with drafts and without, and from the cache."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from r1v.core import ConfigError, SamplingParams
from r1v.engine import Engine, EngineOutput, EngineRequest
from r1v.ops.cpu import native
from tests.engine.tiny import drain, engine, request, tiny_model, token_ids

needs_kernels = pytest.mark.skipif(not native.available(), reason="our kernels are not compiled here")


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.slow)])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def asked(random_: random.Random, number: int) -> list[EngineRequest]:
    """Prompts of all lengths, some with images; sampled so hot that every rounding shows."""
    return [
        request(
            random_, random_.randrange(1, 150), random_.choice([0, 0, 1]),
            SamplingParams(temperature=1.5, top_p=1.0, repetition_penalty=1.0, seed=i, max_tokens=12,
                           logprobs=2, detect_loops=False),
        )
        for i in range(number)
    ]  # fmt: skip


def signature(outputs: list[EngineOutput]) -> tuple[object, ...]:
    """Ids and log-probabilities."""
    return tuple(token_ids(outputs)), tuple(e for output in outputs for e in output.logprobs)


def run(engine_: Engine, requests: list[EngineRequest]) -> list[tuple[object, ...]]:
    ids = [engine_.add(each) for each in requests]
    outputs = drain(engine_)
    return [signature(outputs[i, 0]) for i in ids]


@needs_kernels
@pytest.mark.parametrize(("dtype", "weight_format"), [
    (torch.float32, "auto"), (torch.bfloat16, "auto"), (torch.float16, "auto"), (torch.bfloat16, "int4"),
])  # fmt: skip
def test_an_answer_is_the_same_whatever_runs_beside_it(
    threads: int, dtype: torch.dtype, weight_format: str
) -> None:
    model = tiny_model(dtype=dtype, hidden_size=64)
    settings = {"deterministic": True, "weight_format": weight_format, "max_model_len": 400}
    requests = asked(random.Random(1), 4)
    alone = [run(engine(model, **settings, max_step_tokens=1024), [each])[0] for each in requests]
    for change in (
        {"max_num_seqs": 9, "max_step_tokens": 1024},
        {"max_num_seqs": 9, "max_step_tokens": 17, "max_step_tiles": 2},
        {"max_num_seqs": 4, "max_step_tokens": 64, "num_draft_tokens": 6},
        {"max_num_seqs": 8, "max_step_tokens": 64, "cache_bytes": 120 * 4 * 2 * 2 * 2 * 8 * 4},  # preempts
    ):
        busy = engine(model, **{**settings, **change})
        if "num_draft_tokens" in change:
            busy._scheduler._draft_cost = lambda rows, context: (0.0, -0.1)
        for _ in range(2):  # the second time from the cache, and with what was drafted before
            assert run(busy, requests) == alone


@needs_kernels
def test_without_it_the_last_bits_depend_on_the_batch() -> None:
    """What the test above rests on: it would see a difference."""
    model = tiny_model(hidden_size=64)
    requests = asked(random.Random(1), 9)
    alone = [run(engine(model, max_model_len=400), [each])[0] for each in requests]
    assert run(engine(model, max_model_len=400, max_num_seqs=9, max_step_tokens=64), requests) != alone


def test_where_it_cannot_be_promised_it_is_refused() -> None:
    model = tiny_model()
    with pytest.raises(ConfigError, match="deterministic"):
        engine(model, deterministic=True, weight_format="plain")


@needs_kernels
def test_changed_weights_stay_deterministic() -> None:
    model = tiny_model(hidden_size=64)
    requests = [replace(each, params=SamplingParams.greedy(max_tokens=5, logprobs=0))
                for each in asked(random.Random(2), 5)]  # fmt: skip
    busy = engine(model, deterministic=True, max_model_len=400)
    busy.weights_changed()
    alone = [run(engine(model, deterministic=True, max_model_len=400), [each])[0] for each in requests]
    assert run(busy, requests) == alone
