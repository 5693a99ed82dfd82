"""The rewards of a response: by rule, by a reward model, by form.

Enters: sampled responses and the keys of their questions. Leaves: each part and their weighted sum. Always
holds: a reward model's score is bounded before it is added, so that with the default weights no score makes a
wrong answer better than a right one of the same form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from r1v.core import ConfigError, FinishReason
from r1v.figures import claims
from r1v.prompt import CLOSE_TEXT, OPEN_TEXT
from r1v.scoring import MathVerifier, Tolerance, Verdict, compare, extract_answer, verdict_of
from r1v.scoring.verifier import available
from r1v.train.data.examples import AnswerKey, Example
from r1v.train.rollout.sampler import Response


@dataclass(frozen=True)
class RewardWeights:
    """Of the three parts. The report adds them unweighted; a bounded model part of 1 would make a wrong
    answer with the best score equal to a right one with the worst, hence 0.5."""

    rule: float = 1.0
    model: float = 0.5
    format: float = 0.5

    def __post_init__(self) -> None:
        if min(self.rule, self.model, self.format) < 0:
            raise ConfigError(f"{self}: no weight may be below 0")


@dataclass(frozen=True)
class Reward:
    """rule, format: 0 or 1. model: in (0, 1), 0 without a reward model. total: weighted sum."""

    rule: float
    model: float
    format: float
    total: float
    verdict: Verdict


class RuleReward:
    """Compares answers with keys; what only math-verify reads goes to its killable process, if installed."""

    def __init__(self, timeout_s: float = 5.0) -> None:
        self._verifier = MathVerifier(timeout_s) if available() else None

    def verdict(self, response: Response, key: AnswerKey) -> Verdict:
        """Whether the answer is right, or why there is none."""
        found = extract_answer(response.answer)
        right = None
        if found.text is not None:
            right = compare(found.text, key.answer, key.kind, Tolerance(key.tolerance), self._verifier).equal
        return verdict_of(
            right,
            found=found.text is not None,
            finish_reason=response.finish_reason,
            finish_detail=response.finish_detail,
        )

    def close(self) -> None:
        """End the verifier's process."""
        if self._verifier is not None:
            self._verifier.close()


def well_formed(response: Response) -> bool:
    """R1's form: some thinking, closed; then an answer with a box; then the end of the turn."""
    return (
        response.finish_reason is FinishReason.STOP
        and bool(response.thinking.strip())
        and extract_answer(response.answer).how == "boxed"
        and OPEN_TEXT not in response.answer
        and CLOSE_TEXT not in response.answer
    )


def combine(verdict: Verdict, form: bool, model: float, weights: RewardWeights) -> Reward:
    """The weighted sum. model: bounded score in (0, 1), 0 without one."""
    rule = 1.0 if verdict is Verdict.RIGHT else 0.0
    shape = 1.0 if form else 0.0
    total = weights.rule * rule + weights.model * model + weights.format * shape
    return Reward(rule, model, shape, total, verdict)


def repetition(token_ids: Sequence[int], n: int = 4) -> float:
    """Share of the n-grams of a response that it has had before; 0 for one shorter than n."""
    number = len(token_ids) - n + 1
    if number < 1:
        return 0.0
    return 1.0 - len({tuple(token_ids[i : i + n]) for i in range(number)}) / number


def contradictions(thinking: str, facts: Mapping[str, str]) -> int:
    """How many facts of the picture a chain states otherwise, as ``name: value`` or ``name = value``."""
    return claims.check(thinking, facts).wrong


def completeness(thinking: str, example: Example) -> float:
    """Lines of a chain against those of the reference, at most 1; 1 where there is no reference."""
    wanted = len([line for line in example.thinking.splitlines() if line.strip()])
    return min(1.0, len([line for line in thinking.splitlines() if line.strip()]) / wanted) if wanted else 1.0
