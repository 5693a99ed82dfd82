"""One verdict per sample, the same everywhere: evaluation, rewards, metrics.

Enters: how a generation ended, whether an answer was found, and what the grader said. Leaves: a
``Verdict``. Always holds: only answers are right or wrong; if there is no answer, the verdict names the
reason.
"""

from __future__ import annotations

import enum

from r1v.core import FinishDetail, FinishReason


class Verdict(enum.StrEnum):
    """What became of a sample."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPARSED = "unparsed"  # it ended, but no answer was found in it
    TRUNCATED = "truncated"  # cut at the token limit, before an answer
    LOOPED = "looped"  # ended because it repeated itself, without an answer
    JUDGE_FAILED = "judge-failed"  # the judge gave no verdict, so the answer is neither right nor wrong
    FAILED = "failed"  # the model or its connection failed: nothing was generated


def verdict_of(
    right: bool | None,
    *,
    found: bool,
    finish_reason: FinishReason | str = FinishReason.STOP,
    finish_detail: FinishDetail | str | None = None,
    judge_failed: bool = False,
) -> Verdict:
    """The verdict on one sample.

    right: the grader's decision, None if it had nothing to grade. found: whether an answer was extracted. An
    answer that was given before a loop or a limit ended the text is graded like any other.
    """
    if finish_reason == FinishReason.ERROR:
        return Verdict.FAILED
    if judge_failed:
        return Verdict.JUDGE_FAILED
    if found and right is not None:
        return Verdict.RIGHT if right else Verdict.WRONG
    if finish_detail == FinishDetail.LOOP:
        return Verdict.LOOPED
    if finish_reason == FinishReason.LENGTH:
        return Verdict.TRUNCATED
    return Verdict.UNPARSED
