"""Ranking of the replies to one question, for preference pairs.

Enters: responses of one group. Leaves: a score for each, and which may be chosen. Always holds: a reply that
breaks a rule (it is wrong, has the wrong form, contradicts the picture or lacks most steps) is never chosen,
whatever its score is. Source: R1V2 report, section 3.2 ("rule constraints").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from r1v.scoring import Verdict
from r1v.train.data.questions import EncodedQuestion
from r1v.train.reward.model import RewardScorer
from r1v.train.reward.rules import RuleReward, completeness, contradictions, well_formed
from r1v.train.rollout.sampler import Response, row_of

LEAST_COMPLETE = 0.5  # share of the reference's lines; a chain with fewer has left out steps


@dataclass(frozen=True)
class Ranked:
    """scores: of the reward model, or by rule. eligible: may be chosen. right: share of right answers."""

    scores: tuple[float, ...]
    eligible: tuple[bool, ...]
    right: float


class Ranker:
    """Ranks groups. scorer: None ranks by the rules alone."""

    def __init__(self, rules: RuleReward, scorer: RewardScorer | None) -> None:
        self.rules, self.scorer = rules, scorer

    def __call__(
        self, questions: Sequence[EncodedQuestion], groups: Sequence[Sequence[Response]]
    ) -> list[Ranked]:
        """Of the replies to each question."""
        scores: list[float] = []
        if self.scorer is not None:
            scores = self.scorer.score(
                [row_of(q.prompt, r) for q, g in zip(questions, groups, strict=True) for r in g]
            )
        ranked, first = [], 0
        for question, group in zip(questions, groups, strict=True):
            ranked.append(self._rank(question, group, scores[first : first + len(group)]))
            first += len(group)
        return ranked

    def _rank(self, question: EncodedQuestion, group: Sequence[Response], scores: Sequence[float]) -> Ranked:
        """One group. scores: of the reward model; empty without one."""
        example = question.example
        eligible, by_rule, right = [], [], 0
        for response in group:
            verdict = self.rules.verdict(response, example.key)
            form, steps = well_formed(response), completeness(response.thinking, example)
            against = contradictions(response.thinking, example.facts)
            right += verdict is Verdict.RIGHT
            whole = form and not against and steps >= LEAST_COMPLETE
            eligible.append(verdict is Verdict.RIGHT and whole)
            by_rule.append((verdict is Verdict.RIGHT) + 0.5 * form + 0.5 * steps - 0.5 * min(against, 2))
        return Ranked(tuple(scores or by_rule), tuple(eligible), right / max(len(group), 1))
