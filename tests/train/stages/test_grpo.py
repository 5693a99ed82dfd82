"""GRPO through its real step on a tiny model: it learns, resumes bit for bit, and notices what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.core import ConfigError, R1VError
from r1v.scoring import Verdict
from r1v.train.buffer import BufferedResponse
from r1v.train.core.compute import Compute
from r1v.train.core.config import DataConfig
from r1v.train.core.config_read import changed, make
from r1v.train.core.policy import as_policy
from r1v.train.data.batches import Split
from r1v.train.data.examples import AnswerKey
from r1v.train.data.questions import QuestionPool, plan_questions
from r1v.train.data.sources import open_source
from r1v.train.losses import GRPOOptions
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.sampler import Response
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.pool import make_pool
from r1v.train.update import PolicyLoss, Trained, parts_by_length

FAMILIES = ("arithmetic", "counting")
QUIET = Console(quiet=True)


def config(start: Path, out: Path, **changes: object) -> GRPOConfig:
    base = make(
        GRPOConfig,
        model=str(start), out=str(out), families=FAMILIES, steps=4, prompts=3, group=4, max_tokens=6,
        lr=1e-3, bf16=False, device="cpu", workers=0, micro_batches=2, max_num_seqs=16, save_every_s=1e9,
        ssb__mix=0.5, train=("vision", "projector", "llm"),
    )  # fmt: skip
    return changed(base, **changes)


def by_first_token(response: Response, key: AnswerKey) -> Verdict:
    """A task that a random model solves about half of the time, and can learn at once."""
    return Verdict.RIGHT if response.token_ids[0] % 3 == 0 else Verdict.WRONG


def trainer_of(c: GRPOConfig, verdict: Any = by_first_token) -> GRPOTrainer:
    trainer = GRPOTrainer(c, Console(quiet=True))
    trainer.asker.reward.rules.verdict = verdict  # type: ignore[method-assign]
    return trainer


def metrics(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if "reward" in row]


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not k.endswith(("_s", "_mb"))} for row in rows]


def test_the_reward_rises(start: Path, tmp_path: Path) -> None:
    trainer_of(config(start, tmp_path / "run", steps=15, prompts=4, group=8, max_tokens=2, lr=8e-3)).train()
    rows = metrics(tmp_path / "run")
    early, late = (np.mean([row["rule"] for row in part]) for part in (rows[:4], rows[-4:]))
    assert late > early + 0.3
    assert max(row["probe"] for row in rows) < 1e-3
    assert max(row["mismatch_worst"] for row in rows) < 1e-3  # engine and trainer agree on fresh tokens
    assert np.mean([row["ssb"]["effective"] for row in rows]) > np.mean(
        [row["ssb"]["fresh_effective"] for row in rows]
    )


def test_a_run_cut_off_goes_on_bit_for_bit(start: Path, tmp_path: Path) -> None:
    whole = trainer_of(config(start, tmp_path / "whole", updates=2)).train()
    first = trainer_of(config(start, tmp_path / "cut", updates=2))

    def cut(every_s: float) -> bool:
        if first.bench.step == 3:
            raise KeyboardInterrupt
        return first.bench.step == 2

    first.bench.run.due = cut  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.train()
    resumed = trainer_of(config(start, tmp_path / "cut", updates=2)).train()
    assert without_times(metrics(tmp_path / "cut")) == without_times(metrics(tmp_path / "whole"))
    assert any(row["ssb"]["replayed"] for row in metrics(tmp_path / "cut")[2:])
    one, two = (models.load(folder).state_dict() for folder in (whole, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_an_engine_with_stale_weights_is_noticed(start: Path, tmp_path: Path) -> None:
    trainer = trainer_of(config(start, tmp_path / "run", lr=0.05))
    trainer.asker.rollouts.engine.weights_changed = lambda: 0.0  # type: ignore[method-assign]
    with pytest.raises(R1VError, match="stale weights"):
        trainer.train()


def test_replays_are_what_was_sampled(start: Path, tmp_path: Path) -> None:
    """Tokens, tiles, advantages and log-probabilities of replays, through the step, at unchanged weights."""
    trainer = trainer_of(config(start, tmp_path / "run", lr=0.0, steps=6, ssb__mix=1.0, ssb__max_age=20))
    seen: dict[tuple[bytes, ...], Trained] = {}
    replayed: list[Trained] = []
    backward = trainer.loss.backward

    def watch(samples: list[Trained]) -> Any:
        for one in samples:
            key = (one.sample.prompt_ids.tobytes(), one.sample.completion_ids.tobytes())
            if one.fresh:
                seen[key] = one
            else:
                replayed.append(one)
                before = seen[key]
                assert one.sample is before.sample
                assert [t.tobytes() for t in one.tiles] == [t.tobytes() for t in before.tiles]
        return backward(samples)

    trainer.loss.backward = watch  # type: ignore[method-assign]
    trainer.train()
    assert len(replayed) > 5 and any(one.tiles for one in replayed)
    # the weights never moved: what the trainer computes now is what the engine gave when sampling
    side = trainer.policy.base.config.vision.image_size
    for places, part in parts_by_length([("x", one.encoded(side)) for one in replayed], Split(3), 0):
        with torch.no_grad():
            found = trainer.policy.scores(part).logprobs
        stored = np.concatenate([replayed[i].sample.logprobs for i in places])
        assert np.allclose(found.numpy(), stored, atol=1e-4)


def multi_image_samples(model: models.R1V, counts: list[list[int]]) -> list[Trained]:
    """Samples whose images have these numbers of tiles."""
    rng = np.random.default_rng(0)
    side, image_id = model.config.vision.image_size, model.config.image_token_id
    assert image_id is not None
    samples = []
    for number, tiles in enumerate(counts):
        prompt = [5 + number]
        for n in tiles:
            prompt += [7, *[image_id] * (n * model.config.tokens_per_tile), 8]
        made = [rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8) for n in tiles]
        ids = rng.integers(10, 200, number + 2).astype(np.int32)
        hashes = tuple(bytes([number, i] * 8) for i in range(len(tiles)))
        sample = BufferedResponse(np.array(prompt, np.int32), ids, hashes, (-1.0) ** number * (number + 1),
                        np.full(len(ids), -5.0, np.float32), 0)  # fmt: skip
        samples.append(Trained(sample, made, True))
    return samples


@pytest.mark.parametrize("averaging", ["response", "token"])
def test_groups_with_different_tile_counts_have_the_gradient_of_each_alone(
    start: Path, averaging: str
) -> None:
    model = models.load(start, torch.float32).train()
    samples = multi_image_samples(model, [[1], [3, 1], [], [2], [1, 1, 2]])
    compute = Compute(torch.device("cpu"), False)
    options = GRPOOptions(averaging, clip_low=1.0, clip_high=1e9)  # type: ignore[arg-type]

    def gradient(split: Split) -> torch.Tensor:
        model.zero_grad()
        PolicyLoss(as_policy(model, compute), options, pad_id=0, split=split).backward(samples)
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    alone = gradient(Split(len(samples)))
    assert alone.norm() > 0
    for split in (Split(1), Split(2), Split(tokens=96)):
        assert (gradient(split) - alone).norm() < 1e-4 * alone.norm()


def test_a_step_without_any_advantage_changes_nothing(start: Path, tmp_path: Path) -> None:
    folder = trainer_of(config(start, tmp_path / "run", steps=2), lambda r, k: Verdict.WRONG).train()
    rows = metrics(tmp_path / "run")
    assert [row["version"] for row in rows] == [0, 0] and rows[0]["ssb"]["effective"] == 0.0
    one, two = models.load(start).state_dict(), models.load(folder).state_dict()
    assert all(torch.equal(one[name].to(two[name].dtype), two[name]) for name in one)


def test_held_out_questions_are_asked_at_the_end_too(start: Path, tmp_path: Path) -> None:
    """Else the best weights would always be those that the run began with."""
    c = config(start, tmp_path, steps=1, heldout=1, families=("arithmetic",))
    console = Console(record=True, width=200)
    assert GRPOTrainer(c, console).train() == tmp_path / "best"
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "heldout" in row] == [0, 1]
    assert "best: 0.000 right at step 0: training brought nothing" in console.export_text()


@pytest.mark.slow
def test_the_kl_penalty_holds_the_policy_back(start: Path, tmp_path: Path) -> None:
    moved = []
    for name, kl in (("free", 0.0), ("held", 5.0)):
        trainer = trainer_of(config(start, tmp_path / name, kl=kl, steps=5, lr=3e-3, ssb=False))
        trainer.train()
        before = models.load(start, torch.float32).state_dict()
        after = trainer.policy.base.state_dict()
        moved.append(sum(float((after[n] - before[n]).square().sum()) for n in before))
    assert metrics(tmp_path / "held")[-1]["kl"] > 0
    assert moved[1] < moved[0]


def test_image_tokens_are_never_sampled_and_alarms_are_raised(start: Path, tmp_path: Path) -> None:
    trainer = trainer_of(config(start, tmp_path / "run", steps=1, group=16, max_tokens=12))
    sampled: list[int] = []
    judge = trainer.asker.judge

    def watch(questions: Any, responses: Any, version: int) -> Any:
        sampled.extend(i for group in responses for response in group for i in response.token_ids)
        return judge(questions, responses, version)

    trainer.asker.judge = watch  # type: ignore[method-assign]
    trainer.train()
    special = trainer.bench.processor.special
    assert sampled and not {special.image_context, special.img_start, special.img_end} & set(sampled)
    assert {"truncated", "empty"} <= set(metrics(tmp_path / "run")[0]["alarms"])  # a random model's text


def test_the_pool_holds_the_questions_with_mixed_groups(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verdict(self: object, response: Response, key: AnswerKey) -> Verdict:
        return Verdict.RIGHT if int(key.answer) % 2 and response.token_ids[0] % 3 == 0 else Verdict.WRONG

    monkeypatch.setattr(RuleReward, "verdict", verdict)
    c = config(start, tmp_path / "pool", steps=3, prompts=6, families=("counting",))
    path = make_pool(c, Console(quiet=True))
    pool = QuestionPool.read(path)
    assert 0 < len(pool.samples) < 18
    run = config(start, tmp_path / "run", pool=str(path), families=("counting",), steps=2)
    trainer = GRPOTrainer(run, Console(quiet=True))
    trainer.train()
    # with a random model chance decides, but all questions asked come from the pool
    assert set(trainer.asker.plan(0, 3)) <= set(pool.samples)
    once = pool.plan(0, 0, len(pool.samples))
    assert sorted(once, key=str) == sorted(pool.samples, key=str)  # each once a round


def test_a_pool_of_other_data_is_refused(start: Path, tmp_path: Path) -> None:
    """Its places mean other questions there: with another seed, other rows, or other rows held out."""
    rows = [{"question": f"q{i}", "answer": str(i), "family": "f"} for i in range(12)]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def source(**values: Any) -> Any:
        seed = values.pop("seed", 0)
        return open_source(DataConfig(source=(str(data),), **values), seed, QUIET, chains=False)

    made = source(heldout=2)
    plan = plan_questions(made, 0, 0, 6)
    pool = QuestionPool(plan, [made.example(one.family, one.index, 1.0).origin for one in plan])
    pool.write(tmp_path / "pool.jsonl")
    pool = QuestionPool.read(tmp_path / "pool.jsonl")
    pool.check(made)
    assert pool.origins[0].startswith("rows.jsonl:")
    for other in ({}, {"heldout": 2, "seed": 1}, {"heldout": 3}):
        with pytest.raises(ConfigError, match=r"pool: its question rows\.jsonl:\d+ is not where"):
            pool.check(source(**other))
    with pytest.raises(ConfigError, match="pool: its question"):
        pool.check(open_source(DataConfig(), 0, QUIET))


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"group": 1}, "group"), ({"averaging": "sum"}, "averaging"), ({"train": ()}, "train"),
     ({"schedule": "linear"}, "schedule")],
)  # fmt: skip
def test_settings_out_of_range(start: Path, tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        config(start, tmp_path, **changes)
