"""MPO through its rounds on a tiny model: the margin grows, runs resume, pairs keep the rules."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.core import ConfigError, FinishReason
from r1v.train.core.config_read import changed, make
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import FigureSource
from r1v.train.data.questions import EncodedQuestion, make_question
from r1v.train.reward.ranking import Ranked, Ranker
from r1v.train.reward.rules import RuleReward, completeness, contradictions, repetition
from r1v.train.rollout.sampler import Response
from r1v.train.stages.mpo import MPOConfig, MPOTrainer

FAMILIES = ("arithmetic", "counting")


def config(start: Path, out: Path, **changes: object) -> MPOConfig:
    base = make(
        MPOConfig,
        model=str(start), out=str(out), families=FAMILIES, rounds=2, questions=8, group=4, max_tokens=5,
        batch_size=4, micro_batches=2, epochs=3, lr=1e-3, heldout_share=0.25, bf16=False, device="cpu",
        save_every_s=1e9, variation=0.0, train=("vision", "projector", "llm"),
    )  # fmt: skip
    return changed(base, **changes)


def by_first_token(questions: list[EncodedQuestion], groups: list[list[Response]]) -> list[Ranked]:
    """A preference that a random model can learn: small ids first."""
    firsts = [[response.token_ids[0] for response in group] for group in groups]
    return [Ranked(tuple(-float(i) for i in ids), (True,) * len(ids), 0.5) for ids in firsts]


def trainer_of(c: MPOConfig, rank: Any = by_first_token) -> MPOTrainer:
    trainer = MPOTrainer(c, Console(quiet=True))
    trainer.rank = rank
    return trainer


def metrics(folder: Path, key: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if key in row]


def untimed(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "memory_mb"} for row in metrics(folder, "margin")]


def test_the_best_weights_are_named_with_their_step(start: Path, tmp_path: Path) -> None:
    """A model that gets nothing right is never better than at its start."""
    trainer = MPOTrainer(
        config(start, tmp_path, rounds=1, heldout=2, epochs=1), Console(record=True, width=200)
    )
    trainer.rank = by_first_token  # type: ignore[assignment]
    assert trainer.train() == tmp_path / "best"
    said = trainer.console.export_text()
    assert said.count("best: 0.000 right at step 0: training brought nothing") == 1


def test_margins_grow_and_start_from_zero_in_each_round(start: Path, tmp_path: Path) -> None:
    trainer_of(config(start, tmp_path / "run", epochs=3)).train()
    for round_ in (0, 1):
        margins = [r["margin"] for r in metrics(tmp_path / "run", "margin") if r["round"] == round_]
        assert abs(margins[0]) < 1e-3  # policy and reference are the same at first
        assert margins[-1] > 0.01
    held = [row["heldout_margin"] for row in metrics(tmp_path / "run", "heldout_margin")]
    assert len(held) == 2 and all(held)  # chance: a random model cannot generalise
    deltas = [row["delta"] for row in metrics(tmp_path / "run", "delta")]
    assert deltas[0] == 0.0 and len(set(deltas)) > 2
    second = [row["delta"] for row in metrics(tmp_path / "run", "delta") if row["round"] == 1]
    assert second[0] == 0.0  # a new reference: rewards start from 0, and so does their mean


@pytest.mark.slow
def test_a_run_cut_off_goes_on_bit_for_bit(start: Path, tmp_path: Path) -> None:
    whole = trainer_of(config(start, tmp_path / "whole")).train()
    first = trainer_of(config(start, tmp_path / "cut"))
    stop = len(metrics(tmp_path / "whole", "margin")) - 2  # in the second round

    def cut(every_s: float) -> bool:
        if first.bench.step == stop + 1:
            raise KeyboardInterrupt
        return first.bench.step == stop

    first.bench.run.due = cut  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.train()
    resumed = trainer_of(config(start, tmp_path / "cut")).train()
    assert untimed(tmp_path / "cut") == untimed(tmp_path / "whole")
    one, two = (models.load(folder).state_dict() for folder in (whole, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_micro_batches_do_not_change_the_gradient(start: Path, tmp_path: Path) -> None:
    gradients = []
    for number, tokens in ((1, 0), (3, 0), (1, 200)):
        out = tmp_path / f"{number}-{tokens}"
        trainer = trainer_of(config(start, out, micro_batches=number, part_tokens=tokens, clip=0.0))
        trainer._collect()
        trainer.shift = dataclasses.replace(trainer.shift, value=0.03)
        kept: list[torch.Tensor] = []

        def step(rate: float, trainer: MPOTrainer = trainer, kept: list[torch.Tensor] = kept) -> None:
            kept.append(
                torch.cat([p.grad.flatten() for p in trainer.policy.parameters() if p.grad is not None])
            )

        trainer.bench.optimizer.step = step  # type: ignore[method-assign]
        trainer._update(trainer.pairs[:4], 1)
        gradients.append(kept[0])
    for other in gradients[1:]:
        assert (gradients[0] - other).norm() < 1e-4 * gradients[0].norm()


def test_a_threshold_that_no_pair_reaches_is_an_error(start: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        trainer_of(config(start, tmp_path / "run", threshold=1e6)).train()


def response(thinking: str, answer: str, reason: FinishReason = FinishReason.STOP) -> Response:
    return Response((1, 2), np.zeros(2, np.float32), reason, None, thinking, answer)


def test_rules_decide_who_may_be_chosen(start: Path) -> None:
    from r1v.prompt import Processor

    source = FigureSource(("counting",))
    question = make_question(source, Processor.from_folder(start), PlannedSample("counting", 0, 0.0))
    assert isinstance(question, EncodedQuestion)
    example = question.example
    name, value = next((k, v) for k, v in example.facts.items() if v.isdigit())
    good = example.thinking
    group = [
        response(good, example.answer),
        response(good, "Answer: \\boxed{777}"),
        response(good, example.answer, FinishReason.LENGTH),
        response(good + f"\n{name}: {int(value) + 1}", example.answer),
        response("", example.answer),
    ]
    rules = RuleReward()
    ranked = Ranker(rules, None)([question], [group])[0]
    rules.close()
    assert ranked.eligible == (True, False, False, False, False)
    assert ranked.scores[0] == max(ranked.scores) and ranked.right == 0.8


def test_small_measures() -> None:
    assert contradictions("a: 1; b = 2\nc: 9", {"a": "1", "b": "3", "d": "4"}) == 1
    assert repetition([1, 2, 3, 4] * 3) == pytest.approx(1 - 4 / 9) and repetition([1, 2]) == 0.0
    example = FigureSource(("arithmetic",)).example("arithmetic", 0, 0.0)
    assert completeness(example.thinking, example) == 1.0 and completeness("", example) == 0.0
