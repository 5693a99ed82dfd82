"""Means and their confidence intervals.

Enters: scores by question and epoch. Leaves: pass@1 with a 95% interval, pass@k. Always holds: questions
are the independent units; the epochs of one question are one cluster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

Z = 1.959963984540054  # of a two-sided 95% interval


@dataclass(frozen=True, slots=True)
class Mean:
    """value: in [0, 1], with its standard error and 95% interval, over num_questions clusters with
    num_samples samples."""

    value: float
    stderr: float
    low: float
    high: float
    num_questions: int
    num_samples: int


def clustered_mean(scores: Mapping[str, Sequence[float]]) -> Mean | None:
    """Mean score over all samples, and its interval clustered by question; None without samples.

    The standard error is that of a ratio of cluster totals (the sandwich estimator, with n/(n-1)). The
    interval is Wilson's with the sample size that would have this standard error, so that it keeps within
    [0, 1] and has a width also where all are right or all wrong.
    """
    clusters = [list(values) for values in scores.values() if values]
    total = sum(len(values) for values in clusters)
    if not total:
        return None
    count = len(clusters)
    value = sum(map(sum, clusters)) / total
    residuals = sum((sum(values) - value * len(values)) ** 2 for values in clusters)
    variance = residuals / total**2 * (count / (count - 1) if count > 1 else 1.0)
    low, high = interval(value, variance, count, total)
    return Mean(value, math.sqrt(variance), low, high, count, total)


def interval(value: float, variance: float, num_questions: int, num_samples: int) -> tuple[float, float]:
    """The 95% interval of a share with this variance: Wilson's, as described at ``clustered_mean``."""
    effective = value * (1 - value) / variance if variance > 0 else float(num_questions)
    return wilson(value, min(max(effective, 1.0), float(num_samples)))


def bootstrap(units: Sequence[str], value: Callable[[Sequence[str]], float]) -> tuple[float, float]:
    """The 95% interval of a function of units that were drawn together: from 400 resamples with
    replacement, always the same ones. Where all resamples agree, as wide as Wilson's."""
    random = Random("bootstrap")
    drawn = sorted(value([random.choice(units) for _ in units]) for _ in range(400))
    low, high = quantile(drawn, 0.025), quantile(drawn, 0.975)
    return (low, high) if low < high else wilson(value(units), float(len(units)))


def wilson(share: float, size: float) -> tuple[float, float]:
    """Wilson's 95% score interval of a share seen in ``size`` draws."""
    centre = (share + Z * Z / (2 * size)) / (1 + Z * Z / size)
    half = Z * math.sqrt(share * (1 - share) / size + Z * Z / (4 * size * size)) / (1 + Z * Z / size)
    return max(0.0, centre - half), min(1.0, centre + half)


def pass_at_k(num_samples: int, num_right: int, k: int) -> float:
    """The unbiased estimate of "one of k is right" from num_samples draws (Chen et al. 2021, equation 1)."""
    if not 1 <= k <= num_samples:
        raise ValueError(f"k is {k}; it must be between 1 and the number of samples, {num_samples}")
    if num_samples - num_right < k:
        return 1.0
    return 1.0 - math.prod((num_samples - num_right - i) / (num_samples - i) for i in range(k))


def sign_test(better: int, worse: int) -> float:
    """The two-sided exact p-value of a sign test: the probability of a split at least this uneven if neither
    side is better (McNemar's exact test for questions with one answer each)."""
    count = better + worse
    tail = sum(math.comb(count, index) for index in range(min(better, worse) + 1)) / 2**count
    return min(1.0, 2 * tail)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies, interpolated."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    low = math.floor(position)
    high = math.ceil(position)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)
