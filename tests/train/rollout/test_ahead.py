"""Questions that are answered while the model is being updated: by which weights is a matter of counting."""

from __future__ import annotations

import copy
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from r1v import models
from r1v.core import ConfigError
from r1v.models import R1V
from r1v.train.core.config_read import changed
from r1v.train.rollout.sampler import EngineRollouts, Response
from r1v.train.sampling import Group
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.mpo import MPOConfig
from tests.train.core.test_distributed import assert_as_one, grpo
from tests.train.rollout.test_environment import ends_often, environments, first_of_last_turn  # noqa: F401
from tests.train.rollout.test_vllm_rollouts import engines
from tests.train.stages.test_grpo import by_first_token, config, metrics, trainer_of, without_times


def ahead(start: Path, out: Path, **changes: Any) -> GRPOConfig:
    return config(start, out, **{"rollout__stale": 1, "steps": 5, "ssb__mix": 0.0, **changes})


def watch(trainer: GRPOTrainer) -> tuple[dict[int, R1V], list[list[Group]]]:
    """Copies of the model by version, and the groups of each step, as they come."""
    versions, steps = {0: copy.deepcopy(trainer.policy.base)}, list[list[Group]]()
    update, judge = trainer._update, trainer.asker.judge

    def updated(*given: Any) -> Any:
        found = update(*given)
        versions[trainer.version] = copy.deepcopy(trainer.policy.base)
        return found

    def judged(*given: Any) -> list[Group]:
        steps.append(judge(*given))
        return steps[-1]

    trainer._update = updated  # type: ignore[method-assign]
    trainer.asker.judge = judged  # type: ignore[method-assign]
    return versions, steps


def text_of(responses: list[Response]) -> list[tuple[tuple[int, ...], list[float]]]:
    return [(one.token_ids, one.logprobs.tolist()) for one in responses]


def test_each_batch_comes_from_the_weights_of_the_update_before(start: Path, tmp_path: Path) -> None:
    """An engine of its own over these weights gives the same tokens, and over the newest ones it does not."""
    trainer = trainer_of(ahead(start, tmp_path / "run", lr=0.01))
    versions, steps = watch(trainer)
    seeds: list[list[int]] = []
    chosen = trainer.asker._seeds

    def seeded(*given: Any) -> list[int]:
        seeds.append(chosen(*given))
        return seeds[-1]

    trainer.asker._seeds = seeded  # type: ignore[method-assign]
    trainer.train()
    c, bench = trainer.config, trainer.bench
    assert [groups[0].version for groups in steps] == [0, 0, 1, 2, 3]
    assert [row["age"] for row in metrics(tmp_path / "run")] == [0, 1, 1, 1, 1]
    differs = False
    for place, groups in enumerate(steps):
        for version in {groups[0].version, place}:  # version ``place`` is what is updated in this step
            engine = EngineRollouts(versions[version], bench.processor, bench.compute, max_num_seqs=16)
            again = engine.sample(
                [group.question.prompt for group in groups], seeds[place], n=c.rollout.group,
                max_tokens=c.rollout.max_tokens,
            )  # fmt: skip
            same = [text_of(list(g.responses)) == text_of(a) for g, a in zip(groups, again, strict=True)]
            if version == groups[0].version:
                assert all(same)
            else:
                differs |= not all(same)
    assert differs


def test_the_next_batch_is_answered_while_the_model_is_updated(start: Path, tmp_path: Path) -> None:
    """The engine waits for the update to begin, the update for the engine to end: neither could do so if they
    took turns."""
    trainer = trainer_of(ahead(start, tmp_path / "run", steps=3))
    begun, ended = threading.Event(), threading.Event()
    ask, backward = trainer.asker.rollouts.ask, trainer.loss.backward
    main, met = threading.current_thread(), []

    def asked(*given: Any, **named: Any) -> Any:
        if threading.current_thread() is main:  # a probe
            return ask(*given, **named)
        if met:  # the first batch is waited for
            assert begun.wait(60)
        met.append(1)
        found = ask(*given, **named)
        if len(met) > 1:
            ended.set()
        return found

    def updated(*given: Any) -> Any:
        begun.set()
        if trainer.ahead is not None:
            assert ended.wait(60)
            ended.clear()
            begun.clear()
        return backward(*given)

    trainer.asker.rollouts.ask = trainer.asker.engine.ask = asked  # type: ignore[method-assign]
    trainer.loss.backward = updated  # type: ignore[method-assign]
    trainer.train()
    assert len(met) == 3


def test_a_slow_engine_changes_nothing(start: Path, tmp_path: Path) -> None:
    first = trainer_of(ahead(start, tmp_path / "1", updates=2, ssb__mix=0.5, heldout=2, eval_every=2)).train()
    slow = trainer_of(ahead(start, tmp_path / "2", updates=2, ssb__mix=0.5, heldout=2, eval_every=2))
    ask = slow.asker.rollouts.ask

    def asked(*given: Any, **named: Any) -> Any:
        time.sleep(0.3)
        return ask(*given, **named)

    slow.asker.rollouts.ask = asked  # type: ignore[method-assign]
    second = slow.train()
    assert without_times(metrics(tmp_path / "1")) == without_times(metrics(tmp_path / "2"))
    one, two = (models.load(folder).state_dict() for folder in (first, second))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_run_cut_off_goes_on_bit_for_bit(start: Path, tmp_path: Path) -> None:
    assert_goes_on(start, tmp_path, ssb__mix=0.5, heldout=2, eval_every=2, workers=1)


@pytest.mark.usefixtures("ends_often", "environments")
def test_a_run_with_an_environment_goes_on_bit_for_bit(start: Path, tmp_path: Path) -> None:
    """What was under way has several turns with pictures between them."""
    changes = {"environment": f"{tmp_path / 'mine.py'}:Looks", "max_tokens": 16}
    assert_goes_on(start, tmp_path, by=first_of_last_turn, **changes)
    assert max(row["turns"] for row in metrics(tmp_path / "cut")) > 1.5


def assert_goes_on(start: Path, tmp_path: Path, by: Any = by_first_token, **changes: Any) -> None:
    """A run that was cut off a step after its checkpoint ends as one that was not."""
    whole = trainer_of(ahead(start, tmp_path / "whole", **changes), by).train()
    first = trainer_of(ahead(start, tmp_path / "cut", **changes), by)

    def cut(every_s: float) -> bool:
        if first.bench.step == 4:
            raise KeyboardInterrupt
        return first.bench.step == 3

    first.bench.run.due = cut  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.train()
    kept = torch.load(tmp_path / "cut" / "checkpoints" / "step-3" / "other.pt", weights_only=True)["state"]
    assert (kept["ahead"]["step"], kept["ahead"]["version"], kept["version"]) == (3, 2, 3)
    resumed = trainer_of(ahead(start, tmp_path / "cut", **changes), by).train()
    assert without_times(metrics(tmp_path / "cut")) == without_times(metrics(tmp_path / "whole"))
    one, two = (models.load(folder).state_dict() for folder in (whole, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_an_engine_elsewhere_answers_ahead_as_our_own(start: Path, tmp_path: Path) -> None:
    families = ("arithmetic",)
    trainer_of(ahead(start, tmp_path / "here", families=families)).train()
    with engines(start, tmp_path / "engine") as there:
        trainer_of(ahead(start, tmp_path / "there", **there)).train()
    rows = metrics(tmp_path / "there")
    assert without_times(rows) == without_times(metrics(tmp_path / "here"))
    assert [row["age"] for row in rows] == [0, 1, 1, 1, 1]


def test_more_questions_of_a_step_come_from_the_newest_weights(start: Path, tmp_path: Path) -> None:
    """Dynamic sampling asks before the next batch is begun."""
    trainer = trainer_of(ahead(start, tmp_path / "run", loss__dynamic=2, group=2, max_tokens=1))
    ask, asked = trainer.asker.ask, list[tuple[bool, int, int]]()

    def more(*given: Any) -> Any:
        asked.append((trainer.ahead is None, trainer.synced, trainer.version))
        return ask(*given)

    trainer.asker.ask = more  # type: ignore[method-assign]
    trainer.train()
    assert asked and all(free and synced == version for free, synced, version in asked)


def test_what_cannot_be_asked_ahead_is_refused(start: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it can be 0 or 1"):
        ahead(start, tmp_path, rollout__stale=2)
    with pytest.raises(ConfigError, match="not for mpo"):
        changed(MPOConfig(), rollout__stale=1)
    with pytest.raises(ConfigError, match="for our own engine"):
        ahead(start, tmp_path, engine="vllm", engine_device="cuda:1")


@pytest.mark.slow
def test_two_processes_ask_ahead_as_one(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three questions a step, so that they have unequal shares; one alone could go on from their state."""

    def stage(model: Path, out: Path, **more: Any) -> None:
        grpo(model, out, stale=1, **more)

    assert_as_one(start, tmp_path, monkeypatch, stage, 2)
