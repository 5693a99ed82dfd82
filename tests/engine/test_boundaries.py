"""Drafts, budgets, forced ids, stop ids, min_tokens, loops, length and grammars, in all combinations.

A drafter that knows the right ids (and sometimes errs) makes each step run across every boundary that there
is; whatever the features, the output is the one of an engine that makes one id a step.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1v.core import FinishReason, SamplingParams
from r1v.engine import Engine, EngineConfig, EngineIds, EngineOutput, EngineRequest
from r1v.models import R1V
from tests.engine.tiny import CLOSE, EOS, IMAGE, OPEN, drain, request, tiny_model, token_ids

VOCABULARY = 64


@pytest.fixture(scope="module")
def model() -> R1V:
    return tiny_model()


@dataclass
class PathMask:
    """A grammar of ``length`` ids: which ones are allowed depends on all before, then only the end is."""

    seed: int
    length: int
    path: tuple[int, ...] = ()

    def allowed(self) -> set[int]:
        if len(self.path) >= self.length:
            return {EOS}
        return set(random.Random(f"{self.seed} {self.path}").sample(range(60), 5))

    def bits(self) -> torch.Tensor:
        words = [0, 0]
        for token_id in self.allowed():
            words[token_id // 32] |= 1 << token_id % 32
        return torch.tensor([w - (1 << 32) if w >> 31 else w for w in words], dtype=torch.int32)

    def accept(self, token_id: int) -> None:
        assert token_id in self.allowed(), "an id that was sampled without the grammar reached it"
        self.path += (token_id,)

    def fork(self) -> PathMask:
        return PathMask(self.seed, self.length, self.path)


class Oracle:
    """In place of the engine's drafter: proposes the ids of ``expected``, each wrong with some chance."""

    expected: tuple[int, ...] = ()
    wrong = 0.0

    def __init__(self, *_: object) -> None:
        self.num_taken, self._random = 0, random.Random(0)

    def read(self, ids: Iterable[int]) -> None:
        self.num_taken += len(list(ids))

    def push(self, token_id: int) -> None:
        self.num_taken += 1

    def draft(self, once: float, per_row: float) -> list[int]:
        guesses = Oracle.expected[self.num_taken : self.num_taken + 6]
        return [g if self._random.random() >= Oracle.wrong else self._random.randrange(60) for g in guesses]


@dataclass(frozen=True)
class Case:
    """One request, and the ids that its model gives a meaning."""

    ids: EngineIds
    request: EngineRequest


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any combination of the features."""
    one_id = draw(st.booleans())
    close = (CLOSE,) if one_id else (1, 2)
    forced = draw(st.sampled_from([(), (5, *close, 6), (*close, 6, 6), (5, *close)]))
    ids = EngineIds(IMAGE, (EOS,), (OPEN,) if one_id else (3, 4), close, forced)
    bias = dict.fromkeys((1, 2, 3), 30.0) if not one_id else {CLOSE: draw(st.sampled_from([0.0, 3.0, 5.0]))}
    params = SamplingParams(
        temperature=draw(st.sampled_from([0.0, 0.0, 1.5])), top_p=1.0,
        repetition_penalty=draw(st.sampled_from([1.0, 1.3])),
        frequency_penalty=draw(st.sampled_from([0.0, 0.5])), seed=draw(st.integers(0, 99)),
        max_tokens=draw(st.integers(1, 40)), min_tokens=draw(st.sampled_from([0, 0, 3, 30])),
        stop_token_ids=tuple(draw(st.lists(st.integers(0, 59), max_size=6))), logit_bias=bias,
        thinking_budget=draw(st.sampled_from([-1, -1, 0, 1, 5, 12])),
        logprobs=draw(st.sampled_from([None, 2])),
    )  # fmt: skip
    masked = draw(st.booleans())
    mask = PathMask(draw(st.integers(0, 99)), draw(st.integers(1, 10))) if masked else None
    prompt = tuple(draw(st.lists(st.integers(7, 59), min_size=1, max_size=12)))
    return Case(ids, EngineRequest(prompt, params, opens_thinking=draw(st.booleans()), mask=mask))


def run(model: R1V, case: Case, drafts: int) -> tuple[list[EngineOutput], Engine]:
    engine = Engine(model, EngineConfig(cache_bytes=1 << 20, block_size=4, num_draft_tokens=drafts), case.ids)
    engine.add(case.request)
    return drain(engine)[0, 0], engine


@given(case=cases(), wrong=st.sampled_from([0.0, 0.0, 0.3]))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_features_agree_at_every_boundary(
    model: R1V, case: Case, wrong: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(model, case, wrong, monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(case=cases(), wrong=st.sampled_from([0.0, 0.0, 0.3]))
@settings(
    max_examples=3000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_features_agree_in_thousands_of_cases(
    model: R1V, case: Case, wrong: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(model, case, wrong, monkeypatch)


def check(model: R1V, case: Case, wrong: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """One id a step and many give the same."""
    plain, _ = run(model, case, 0)
    with monkeypatch.context() as patch:
        patch.setattr("r1v.engine.engine.Drafter", Oracle)
        Oracle.expected, Oracle.wrong = (*case.request.token_ids, *token_ids(plain)), wrong
        eager, engine = run(model, case, 6)
    assert token_ids(eager) == token_ids(plain)
    for name in ("finish_reason", "finish_detail", "num_thinking", "num_completion"):
        assert getattr(eager[-1], name) == getattr(plain[-1], name)
    assert eager[-1].finish_reason in (FinishReason.STOP, FinishReason.LENGTH), eager[-1].error
    assert sum(o.num_forced for o in eager) == sum(o.num_forced for o in plain)
    for outputs in (plain, eager):
        if case.request.params.logprobs is not None:
            scored = [entry.token_id for output in outputs for entry in output.logprobs]
            assert scored == token_ids(outputs)
    assert engine._pool.num_free == engine._pool.num_blocks


def test_the_oracle_makes_steps_run_across_boundaries(model: R1V, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above rests on: steps that take several ids, with a grammar that begins behind them."""
    ids = EngineIds(IMAGE, (EOS,), (OPEN,), (CLOSE,))
    params = SamplingParams.greedy(max_tokens=30, logit_bias={CLOSE: 5.0, EOS: -50.0})
    drafted = accepted = 0
    for seed in range(16):
        asked = request(random.Random(seed), 9, 0, params, opens_thinking=True)
        case = Case(ids, replace(asked, mask=PathMask(1, 6)))
        plain, one_each = run(model, case, 0)
        with monkeypatch.context() as patch:
            patch.setattr("r1v.engine.engine.Drafter", Oracle)
            Oracle.expected, Oracle.wrong = (*asked.token_ids, *token_ids(plain)), 0.0
            eager, engine = run(model, case, 6)
        assert token_ids(eager) == token_ids(plain)
        if CLOSE in token_ids(plain)[2:]:
            assert engine.stats.num_steps < one_each.stats.num_steps
            drafted, accepted = drafted + engine.stats.num_drafted, accepted + engine.stats.num_accepted
    assert drafted > accepted > 15
