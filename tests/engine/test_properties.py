"""The engine under random traffic: whatever comes, every output is that of the same request run alone.

Arrivals, cancels, priorities, images, samples, tiny caches, few tiles and tokens a step, drafts. Sampled ids
are compared with a solo run, where the best two logits leave no doubt about greedy ones.
"""

import random
from dataclasses import dataclass, replace

import pytest
import torch

from r1v.core import FinishReason, SamplingParams
from r1v.engine import Engine, EngineOutput, EngineRequest
from r1v.models import R1V
from tests.engine.tiny import CLOSE, collect, drain, engine, is_greedy, request, tiny_model, token_ids


@pytest.fixture(scope="module")
def model() -> R1V:
    return tiny_model()


def random_request(random_: random.Random, earlier: list[EngineRequest]) -> EngineRequest:
    """Any kind of request; some begin as an earlier one did."""
    greedy = random_.random() < 0.5
    params = SamplingParams(
        temperature=0.0 if greedy else random_.choice([0.7, 1.3]),
        top_p=random_.choice([1.0, 0.9]),
        top_k=random_.choice([0, 10]),
        min_p=random_.choice([0.0, 0.05]),
        repetition_penalty=random_.choice([1.0, 1.2]),
        frequency_penalty=random_.choice([0.0, 0.4]),
        seed=random_.randrange(1000),
        max_tokens=random_.randrange(1, 25),
        thinking_budget=random_.choice([-1, 0, 4]),
        n=random_.choice([1, 1, 1, 3]),
    )
    if earlier and random_.random() < 0.4:
        known = random_.choice(earlier)
        more = tuple(random_.randrange(60) for _ in range(random_.randrange(8)))
        return replace(known, token_ids=known.token_ids + more, params=params)
    return request(
        random_, random_.randrange(1, 40), random_.choice([0, 0, 1, 2]), params,
        opens_thinking=random_.random() < 0.5, priority=random_.choice([0, 0, 0, 1, -1]),
    )  # fmt: skip


def random_engine(random_: random.Random, model: R1V, drafts: int) -> Engine:
    """A small engine with odd sizes."""
    block_size = random_.choice([1, 3, 4, 16])
    num_blocks = random_.randrange(140, 260) // block_size + 1
    num_seqs = random_.choice([1, 3, 8])
    return engine(
        model, block_size=block_size, cache_bytes=num_blocks * block_size * 2 * 2 * 2 * 8 * 4,
        max_model_len=130, max_num_seqs=num_seqs, max_step_tokens=random_.choice([8, 13, 64]),
        max_step_tiles=random_.choice([1, 2]), image_cache_bytes=random_.choice([0, 1500, 1 << 20]),
        num_draft_tokens=drafts,
    )  # fmt: skip


@dataclass
class Traffic:
    """What was asked, and what came."""

    asked: dict[int, EngineRequest]
    cancelled: set[int]
    outputs: dict[tuple[int, int], list[EngineOutput]]


def drive(random_: random.Random, engine_: Engine, number: int) -> Traffic:
    """Random arrivals and cancels until all is done."""
    asked: dict[int, EngineRequest] = {}
    cancelled: set[int] = set()
    outputs: list[EngineOutput] = []
    while engine_.has_work or len(asked) < number:
        while len(asked) < number and random_.random() < 0.5:
            new = random_request(random_, list(asked.values())[-5:])
            asked[engine_.add(new)] = new
        if asked and random_.random() < 0.04:
            drop = random_.choice(list(asked))
            if engine_._requests.get(drop):
                cancelled.add(drop)
            engine_.cancel(drop)
        outputs += engine_.step()
    return Traffic(asked, cancelled, collect(outputs))


def check(random_: random.Random, model: R1V, traffic: Traffic, engine_: Engine) -> int:
    """Every promise of the engine; returns how many greedy outputs differed within the doubt."""
    doubtful = 0
    for request_id, asked in traffic.asked.items():
        alone = engine(model, max_model_len=130)
        alone.add(asked)
        solo = drain(alone)
        for index in range(asked.params.n):
            outputs = traffic.outputs[request_id, index]
            assert [o.finish_reason is not None for o in outputs].count(True) == 1
            assert outputs[-1].finish_reason is not None
            expected, got = token_ids(solo[0, index]), token_ids(outputs)
            if outputs[-1].finish_reason is FinishReason.CANCELLED:
                assert request_id in traffic.cancelled
                expected = expected[: len(got)]
            else:
                last = solo[0, index][-1]
                assert (outputs[-1].finish_reason, outputs[-1].finish_detail, outputs[-1].num_thinking) == (
                    last.finish_reason, last.finish_detail, last.num_thinking)  # fmt: skip
            if got != expected:
                plain = asked.params.temperature == 0 and asked.params.repetition_penalty == 1.0
                assert plain and CLOSE not in got and is_greedy(model, asked, got), (
                    request_id,
                    got,
                    expected,
                )
                doubtful += 1
    pool = engine_._pool
    assert pool.num_free == pool.num_blocks and not any(pool._references)
    assert not engine_._requests and not engine_._sampler._seen
    return doubtful


@pytest.mark.parametrize("drafts", [0, 4])
@pytest.mark.parametrize("seed", range(6))
def test_random_traffic(model: R1V, seed: int, drafts: int) -> None:
    random_ = random.Random(100 * seed + drafts)
    busy = random_engine(random_, model, drafts)
    doubtful = check(random_, model, drive(random_, busy, 16), busy)
    assert doubtful <= 1


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_soak(model: R1V, part: int) -> None:
    """2,000 mixed requests, 100 a part, in engines of all sizes."""
    doubtful = 0
    for seed in (2 * part, 2 * part + 1):
        random_ = random.Random(10_000 + seed)
        busy = random_engine(random_, model, random_.choice([0, 0, 4, 8]))
        doubtful += check(random_, model, drive(random_, busy, 50), busy)
    assert doubtful <= 2


# ------------------------------------------------------------------------------------------ speculation

FEW = {1: 60.0, 2: 60.0, 3: 60.0}  # with so few ids to choose from, the tiny model repeats itself


@pytest.mark.parametrize("params", [
    SamplingParams.greedy(max_tokens=150),
    SamplingParams(temperature=0.5, seed=3, max_tokens=150),
    SamplingParams(temperature=2.0, seed=4, max_tokens=150, thinking_budget=77),
    SamplingParams(temperature=0.4, seed=5, max_tokens=150, frequency_penalty=0.01, detect_loops=False),
])  # fmt: skip
def test_drafts_change_nothing_but_the_number_of_steps(model: R1V, params: SamplingParams) -> None:
    params = replace(params, logprobs=1, logit_bias=FEW)
    asked = request(random.Random(5), 30, 1, params, opens_thinking=True)
    plain, eager = engine(model), engine(model, num_draft_tokens=6)
    eager._scheduler.draft_cost = lambda rows, context: (0.0, 0.02)
    results = []
    for engine_ in (plain, eager):
        engine_.add(asked)
        results.append(drain(engine_)[0, 0])
    assert token_ids(results[0]) == token_ids(results[1])
    for one, other in zip(*([e for o in r for e in o.logprobs] for r in results), strict=True):
        assert one.token_id == other.token_id and abs(one.logprob - other.logprob) < 1e-3
    assert eager.stats.num_accepted > 20, "the model did not repeat itself; the test shows nothing"
    assert eager.stats.num_steps <= plain.stats.num_steps - eager.stats.num_accepted


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_one_request_wrote_is_guessed_in_the_next(model: R1V, temperature: float) -> None:
    """The same ids in fewer steps, unless sequences are kept apart."""
    params = SamplingParams(temperature=temperature, seed=1, max_tokens=100, detect_loops=False)
    asked = request(random.Random(7), 30, 1, params)
    for shared_bytes in (1 << 16, 0):
        eager = engine(model, num_draft_tokens=6, shared_draft_bytes=shared_bytes)
        eager._scheduler.draft_cost = lambda rows, context: (0.0, 0.02)
        found, steps = [], []
        for _ in range(3):
            before = eager.stats.num_steps
            eager.add(asked)
            found += drain(eager).values()
            steps.append(eager.stats.num_steps - before)
        assert token_ids(found[0]) == token_ids(found[1]) == token_ids(found[2])
        assert (steps[2] < 0.5 * steps[0]) if shared_bytes else (steps[2] > 0.8 * steps[0]), steps


def test_drafting_does_not_change_the_distribution(model: R1V) -> None:
    """Frequencies of the second id over many seeds, with drafts tried wherever there is one."""
    params = SamplingParams(
        temperature=1.5, top_p=1.0, repetition_penalty=1.0, max_tokens=3, n=128, logit_bias=FEW
    )
    asked = request(random.Random(6), 1, 0, params)
    asked = replace(asked, token_ids=(1, 2, 3, 1, 3, 2, 1, 1, 2, 2, 3, 3, 1, 2))
    eager = engine(model, num_draft_tokens=2, max_num_seqs=32)
    eager._scheduler.draft_cost = lambda rows, context: (0.0, -0.1)  # as if each row saved time
    counts, number = torch.zeros(64), 12 * 128
    for seed in range(12):
        eager.add(replace(asked, params=replace(params, seed=seed)))
        for outputs in drain(eager).values():
            counts[token_ids(outputs)[1]] += 1
    assert eager.stats.num_drafted > number / 2
    bias = torch.zeros(64)
    bias[[1, 2, 3]] = 60.0
    with torch.no_grad():
        first = ((model(torch.tensor([asked.token_ids]))[0, -1] + bias) / 1.5).softmax(-1)
        after = model(torch.tensor([[*asked.token_ids, i] for i in (1, 2, 3)]))[:, -1]
        expected = number * (first[[1, 2, 3]] @ ((after + bias) / 1.5).softmax(-1))[[1, 2, 3]]
    chi = float(((counts[[1, 2, 3]] - expected) ** 2 / expected).sum())
    assert chi < 13.8, (counts[[1, 2, 3]], expected)  # 2 degrees of freedom, p = 0.001
