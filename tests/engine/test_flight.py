"""Decode steps launched a step ahead: the same outputs as one step at a time, on the CPU with a slow twin of
the device that runs ahead."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from r1v.core import FinishReason, SamplingParams
from r1v.engine import Engine, scheduler
from r1v.engine.flight import Flights
from r1v.engine.sampler import Row, Sampled, mix, uniform, uniforms
from r1v.engine.scheduler import Chunk, Step
from r1v.models import R1V
from tests.engine.test_properties import check, drive, random_engine
from tests.engine.tiny import CLOSE, collect, drain, engine, request, tiny_model, token_ids


@dataclass
class Held:
    """Ids that are there at once, and are read later."""

    sampled: list[Sampled]

    def read(self) -> list[Sampled]:
        return self.sampled


@dataclass
class Twin:
    """Draws as a device that runs ahead: an id that has not been read goes in as a draft would."""

    engine: Engine
    last: list[int]
    num_ahead: int = 0
    num_joined: int = 0

    def draw(self, chunks: Sequence[Chunk], rows: Sequence[Row], sources: Sequence[int] | None) -> Held:
        chunks, rows = list(chunks), list(rows)
        if sources is not None:
            self.num_ahead += 1
            drawn = [max(self.last[source], 0) for source in sources]
            chunks = [replace(chunk, token_ids=[i]) for chunk, i in zip(chunks, drawn, strict=True)]
            # a row whose id has been taken meanwhile does not happen: nothing lands before this is launched
            rows = [Row(row.sequence, (i,)) for row, i in zip(rows, drawn, strict=True)]
        sampled = self.engine._sampler(self.engine._runner(Step(chunks)), rows)
        self.last = [row.token_id for row in sampled]
        return Held(sampled)

    def join(self, logits: torch.Tensor, rows: Sequence[Row], place: int) -> Held:
        self.num_joined += 1
        sampled = self.engine._sampler(logits, rows)
        self.last[place:] = [row.token_id for row in sampled]
        return Held(sampled)


def ahead(engine_: Engine, joins: bool = True) -> Twin:
    """Let an engine on the CPU run ahead."""
    twin = Twin(engine_, [])
    engine_._flights = Flights(engine_._scheduler, twin, joins)
    return twin


@pytest.fixture(scope="module")
def model() -> R1V:
    return tiny_model()


@pytest.mark.parametrize("joins", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_random_traffic(model: R1V, seed: int, joins: bool) -> None:
    """Arrivals, cancels, preemptions, budgets, drafts and images: every output that of a solo run."""
    random_ = random.Random(7000 + seed)
    busy = random_engine(random_, model, random_.choice([0, 0, 4]))
    twin = ahead(busy, joins)
    doubtful = check(random_, model, drive(random_, busy, 16), busy)
    assert doubtful <= 1 and twin.num_ahead > 10 and (twin.num_joined > 10) == joins


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_soak(model: R1V, part: int) -> None:
    """1,000 mixed requests, 100 a part, in engines of all sizes that run ahead."""
    doubtful = 0
    for seed in (2 * part, 2 * part + 1):
        random_ = random.Random(21_000 + seed)
        busy = random_engine(random_, model, random_.choice([0, 0, 4, 8]))
        ahead(busy)
        doubtful += check(random_, model, drive(random_, busy, 50), busy)
    assert doubtful <= 2


@pytest.mark.parametrize("params", [
    SamplingParams.greedy(max_tokens=30),
    SamplingParams(temperature=1.3, seed=3, max_tokens=40, thinking_budget=7),
    SamplingParams(temperature=1.3, seed=4, max_tokens=40, repetition_penalty=1.3, frequency_penalty=0.3),
    SamplingParams(temperature=0.9, seed=5, max_tokens=40, logprobs=3, logit_bias={CLOSE: 3.0}),
])  # fmt: skip
def test_one_sequence(model: R1V, params: SamplingParams) -> None:
    """Ids, reasons and log-probabilities are those of an engine that reads each id before the next step."""
    asked = request(random.Random(1), 20, 1, params, opens_thinking=True)
    results = []
    for runs_ahead in (False, True):
        engine_ = engine(model)
        twin = ahead(engine_) if runs_ahead else None
        number = engine_.add(asked)
        results.append(drain(engine_)[number, 0])
        assert twin is None or twin.num_ahead > 0
    one, other = results
    assert token_ids(one) == token_ids(other)
    assert one[-1].finish_reason == other[-1].finish_reason
    assert [o.num_forced for o in one if o.num_forced] == [o.num_forced for o in other if o.num_forced]
    for a, b in zip(*([e for o in r for e in o.logprobs] for r in results), strict=True):
        assert a.token_id == b.token_id and abs(a.logprob - b.logprob) < 1e-4


def test_the_next_step_is_launched_before_the_ids_are_read(model: R1V) -> None:
    engine_ = engine(model)
    twin = ahead(engine_)
    engine_.add(request(random.Random(2), 10, 0, SamplingParams.greedy(max_tokens=20, min_tokens=20)))
    for _ in range(3):
        engine_.step()
    launched = twin.num_ahead
    outputs = engine_.step()
    assert len(outputs) == 1 and len(outputs[0].token_ids) == 1 and twin.num_ahead == launched + 1


def test_numbers_of_many_rows_are_those_of_each() -> None:
    random_ = random.Random(1)
    seeds = [mix(random_.getrandbits(64)) for _ in range(50)]
    places = [random_.randrange(5000) for _ in seeds]
    arrays = (np.array(seeds, dtype=np.uint64), np.array(places, dtype=np.uint64))
    assert uniforms(*arrays).tolist() == [uniform(a, b) for a, b in zip(seeds, places, strict=True)]


@pytest.mark.parametrize("joins", [False, True])
def test_a_length_that_is_known_costs_no_row(model: R1V, joins: bool) -> None:
    """The last id of a sequence whose length ends it is not followed."""
    engine_ = engine(model)
    twin = ahead(engine_, joins)
    engine_.add(request(random.Random(3), 10, 0, SamplingParams.greedy(max_tokens=6, min_tokens=6)))
    outputs = drain(engine_)
    assert len(token_ids(outputs[0, 0])) == 6
    # of six steps one is the prompt's; that behind it waits for its id, unless that was drawn in flight
    assert twin.num_ahead == (5 if joins else 4)


def test_many_who_wait_are_admitted_together(model: R1V) -> None:
    """While places are taken, in fewer passes over prompts and a few steps later; the ids are the same."""
    results, passes, waits = [], [], []
    for steps in (0, 8):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scheduler, "WAVE_STEPS", steps)
            engine_ = engine(model, max_num_seqs=64)
            twin = ahead(engine_)
            random_ = random.Random(9)
            for seed in range(160):
                params = SamplingParams(temperature=1.0, seed=seed, max_tokens=random_.randrange(20, 60))
                engine_.add(request(random_, 6, 0, params))
            outputs, longest, waited = [], 0, 0
            while engine_.has_work:
                outputs += engine_.step()
                waited = waited + 1 if engine_.num_waiting and engine_.num_running < 64 else 0
                longest = max(longest, waited)
        results.append({key: token_ids(found) for key, found in collect(outputs).items()})
        passes.append(twin.num_joined)
        waits.append(longest)
    assert results[0] == results[1]
    assert passes[1] < 0.6 * passes[0] and waits[0] <= 2 and 2 < waits[1] <= 10, (passes, waits)


def test_cancel_and_new_weights_between_launch_and_reading(model: R1V) -> None:
    engine_ = engine(model)
    ahead(engine_)
    params = SamplingParams.greedy(max_tokens=30, min_tokens=30)
    keep, drop = (engine_.add(request(random.Random(i), 10, 0, params)) for i in (4, 5))
    for _ in range(4):
        engine_.step()
    engine_.cancel(drop)
    outputs = engine_.step()
    assert [o.finish_reason for o in outputs if o.request_id == drop] == [FinishReason.CANCELLED]
    engine_.weights_changed()
    found = token_ids(drain(engine_)[keep, 0])
    alone = engine(model)
    alone.add(request(random.Random(4), 10, 0, params))
    assert found == token_ids(drain(alone)[0, 0])[-len(found) :]
    assert engine_._pool.num_free == engine_._pool.num_blocks
