"""Rules about a response: whether its answer is right, its form correct, and its chain complete and
consistent.

Enters: sampled responses and the keys of their questions. Leaves: verdicts and measures. Always holds: the
same response and key give the same verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from r1v.core import FinishReason
from r1v.figures import claims
from r1v.prompt import CLOSE_TEXT, OPEN_TEXT, is_refusal
from r1v.scoring import MathVerifier, Tolerance, Verdict, extract_answer, match_found, verdict_of
from r1v.scoring.verifier import available
from r1v.train.data.examples import AnswerKey, Example
from r1v.train.rollout.sampler import Response


class RuleReward:
    """Compares answers with keys. Texts that only math-verify can read go to its killable process, if it is
    installed."""

    def __init__(self) -> None:
        self._verifier = MathVerifier() if available() else None

    def verdict(self, response: Response, key: AnswerKey) -> Verdict:
        """Whether the answer is right, or why there is none. A question without an answer (its key is empty)
        wants a whole reply without a box, which is a refusal, or is none, where the key says so; elsewhere a
        refusal holds no answer, whatever it mentions."""
        found = extract_answer(response.answer)
        if not key.answer:
            ended = response.finish_reason is FinishReason.STOP and bool(response.answer.strip())
            told = key.refusal is None or is_refusal(response.answer) is key.refusal
            return Verdict.RIGHT if ended and told and found.how != "boxed" else Verdict.WRONG
        if is_refusal(response.answer):
            return Verdict.UNPARSED
        right = match_found(found, key.answer, key.kind, Tolerance(key.tolerance), self._verifier).equal
        any_found = right or found.text is not None
        return verdict_of(
            right if any_found else None,
            found=any_found,
            finish_reason=response.finish_reason,
            finish_detail=response.finish_detail,
        )

    def close(self) -> None:
        """End the verifier's process."""
        if self._verifier is not None:
            self._verifier.close()


def well_formed(response: Response) -> bool:
    """R1's form: some thinking, closed; then an answer with a box, or one that says that it cannot be told;
    then the end of the turn."""
    return (
        response.finish_reason is FinishReason.STOP
        and bool(response.thinking.strip())
        and (extract_answer(response.answer).how == "boxed" or is_refusal(response.answer))
        and OPEN_TEXT not in response.answer
        and CLOSE_TEXT not in response.answer
    )


def repetition(token_ids: Sequence[int], n: int = 4) -> float:
    """The share of a response's n-grams that occurred in it before; 0 for a response shorter than n."""
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
