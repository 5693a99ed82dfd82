"""The hybrid reward: rules, functions, a reward model and form, and the advantages that follow.

Enters: questions with their sampled responses. Leaves: each part of each reward by name, their weighted sum,
and the advantages within a group. Always holds: a group whose responses are equal by rule (all right, all
wrong, and equal by every function) has no advantage from differences of the reward model's scores; a score
that is NaN or infinite is counted and named, and its response has the advantage 0.
Source: R1V2 report, section 3.3, which adds r_rule + r_model + r_format unweighted and says nothing of groups
that are equal by rule; there a reward model's noise would count as a signal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from r1v.prompt import is_refusal
from r1v.scoring import Verdict
from r1v.train import losses
from r1v.train.core.compute import Compute
from r1v.train.core.config import RewardConfig
from r1v.train.data.questions import EncodedQuestion
from r1v.train.reward.functions import RewardFunction, load_function
from r1v.train.reward.model import RewardScorer
from r1v.train.reward.rules import RuleReward, well_formed
from r1v.train.rollout.sampler import Response, row_of


@dataclass(frozen=True)
class Reward:
    """rule, format: 0 or 1. model: bounded score in (0, 1), 0 without a reward model, NaN for a score that is
    not finite. functions: by name; None said nothing. ruled: weighted sum of rule and functions, less what a
    wrong answer or a refusal costs. total: of all parts; NaN where one is not finite."""

    verdict: Verdict
    rule: float
    model: float
    format: float
    ruled: float
    total: float
    functions: Mapping[str, float | None] = field(default_factory=dict)


def combine(
    verdict: Verdict, form: bool, model: float, config: RewardConfig,
    functions: Mapping[str, float | None] | None = None, weights: Mapping[str, float] | None = None,
    refused: bool = False,
) -> Reward:  # fmt: skip
    """The weighted sum. model: bounded score, 0 without one. weights: of the functions, by name. refused: the
    response says that it cannot tell; it costs ``refusal_cost`` where that is not right, and no
    ``wrong_cost``."""
    rule, shape = (1.0 if yes else 0.0 for yes in (verdict is Verdict.RIGHT, form))
    cost = 0.0 if rule else config.refusal_cost if refused else config.wrong_cost
    said = {name: value for name, value in (functions or {}).items() if value is not None}
    ruled = config.rule_weight * rule + sum((weights or {})[name] * value for name, value in said.items())
    ruled -= cost
    total = ruled + config.model_weight * model + config.format_weight * shape
    return Reward(verdict, rule, model, shape, ruled, total, functions or {})


@dataclass(frozen=True)
class GroupAdvantages:
    """One number for each response. effective: the group differs by rule."""

    values: tuple[float, ...]
    effective: bool


def advantages(
    rewards: Sequence[Reward], config: RewardConfig, scaling: str = "group",
    penalties: Sequence[float] | None = None,
) -> GroupAdvantages:  # fmt: skip
    """Of one group. A group that is equal by rule has them from its form alone, or, where that is equal too
    and ``reward.model_alone`` is above 0, from the reward model within that limit. penalties: taken off each
    reward (KL)."""
    ruled = {one.ruled for one in rewards if math.isfinite(one.total)}
    effective = len(ruled) > 1
    less = [0.0] * len(rewards) if penalties is None else penalties
    if effective:
        found = _within([one.total - off for one, off in zip(rewards, less, strict=True)], scaling)
    else:
        weight = config.format_weight
        form = [weight * one.format if math.isfinite(one.total) else math.nan for one in rewards]
        found = _within([one - off for one, off in zip(form, less, strict=True)], scaling)
        if not any(found) and config.model_alone and config.model_weight:
            found = _within([one.model for one in rewards], scaling)
            largest = max(map(abs, found), default=0.0)
            found = tuple(config.model_alone * value / largest if largest else 0.0 for value in found)
    return GroupAdvantages(found, effective)


def _within(values: Sequence[float], scaling: str) -> tuple[float, ...]:
    totals = torch.tensor([list(values)], dtype=torch.float64)
    return tuple(losses.group_advantages(totals, scaling)[0].tolist())


class HybridReward:
    """Judges groups of responses. functions: those of the configuration, where they are loaded already. bad:
    samples with a part that is not finite, until they are taken."""

    def __init__(
        self, config: RewardConfig, compute: Compute, functions: Sequence[RewardFunction] | None = None
    ) -> None:
        self.config, self.rules = config, RuleReward()
        loaded = functions if functions is not None else map(load_function, config.functions)
        self.functions: list[RewardFunction] = list(loaded)
        self.weights = {one.name: one.weight for one in self.functions}
        self.scorer = RewardScorer.open(config.model, compute) if config.model else None
        self.bad: list[str] = []

    def judge(
        self, questions: Sequence[EncodedQuestion], groups: Sequence[Sequence[Response]]
    ) -> list[list[Reward]]:
        """The rewards of the responses to each question."""
        scores = iter(self._model_scores(questions, groups))
        judged = []
        for question, group in zip(questions, groups, strict=True):
            name = question.example.origin or f"question {question.planned.family} {question.planned.index}"
            said = self._functions(name, question, group)
            rewards = []
            for number, response in enumerate(group):
                model = next(scores, 0.0)
                functions = {key: values[number] for key, values in said.items()}
                wrong = [k for k, v in functions.items() if v is not None and not math.isfinite(v)]
                wrong += [] if math.isfinite(model) else ["the reward model"]
                self.bad += [f"{name}, response {number}: {who} gave no finite score" for who in wrong]
                verdict = self.rules.verdict(response, question.example.key)
                form, refused = well_formed(response), is_refusal(response.answer)
                rewards.append(combine(verdict, form, model, self.config, functions, self.weights, refused))
            judged.append(rewards)
        return judged

    def _model_scores(
        self, questions: Sequence[EncodedQuestion], groups: Sequence[Sequence[Response]]
    ) -> list[float]:
        """Bounded scores in the order of the responses, NaN for one that is not finite."""
        if self.scorer is None:
            return []
        rows = [row_of(q.prompt, r) for q, g in zip(questions, groups, strict=True) for r in g]
        scale = self.scorer.calibration
        return [
            scale.bounded(score) if math.isfinite(score) else math.nan for score in self.scorer.score(rows)
        ]

    def _functions(
        self, name: str, question: EncodedQuestion, group: Sequence[Response]
    ) -> dict[str, list[float | None]]:
        example = question.example
        return {
            one.name: one(
                name, [r.answer for r in group], [r.thinking for r in group],
                example.key.answer, example.question, example.columns,
            )
            for one in self.functions
        }  # fmt: skip

    def take_bad(self) -> list[str]:
        """The names of samples with a part that is not finite, since the last call."""
        found, self.bad = self.bad, []
        return found

    def close(self) -> None:
        """End the verifier's process."""
        self.rules.close()
