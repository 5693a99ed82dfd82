"""How clear, how hard and how visual a question is, and the repetition penalty that follows from it: QDAM,
VTIA and DRLC.

Enters: pictures, and scores of a judge. Leaves: a repetition penalty for each question. Always holds: scores
are only compared within one set, after min-max scaling. Source: R1V report, section 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

MAX_PENALTY = 2.0


@dataclass(frozen=True)
class Clarity:
    """sharpness: variance of the Laplacian of the grey picture. pixels: of the smallest picture."""

    sharpness: float
    pixels: int


def clarity(images: Sequence[Image.Image]) -> Clarity:
    """The clarity of the least clear picture of a question; infinite for a question without pictures."""
    if not images:
        return Clarity(math.inf, 0)
    return Clarity(
        min(laplacian_variance(np.asarray(image.convert("L"), np.float64)) for image in images),
        min(image.width * image.height for image in images),
    )


def laplacian_variance(grey: np.ndarray) -> float:
    """Variance of the four-neighbour Laplacian of (H, W), inside its border; 0 for one without an inside.

    Source: Pech-Pacheco et al. 2000.
    """
    if min(grey.shape) < 3:
        return 0.0
    inside = grey[1:-1, 1:-1]
    return float((grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inside).var())


@dataclass(frozen=True)
class JudgeScores:
    """Of a question, on any scale: its wording, its difficulty, the reasoning it demands, and how far text
    and picture have to be read together (VTIA)."""

    quality: float
    difficulty: float
    reasoning: float
    integration: float


def min_max(values: Sequence[float]) -> np.ndarray:
    """Scaled to [0, 1]; values that are all alike, which tell nothing, to 0.5. Infinity counts as the largest
    finite value."""
    found = np.asarray(values, np.float64)
    finite = found[np.isfinite(found)]
    if not len(finite) or finite.min() == finite.max():
        return np.full(len(found), 0.5)
    found = np.clip(found, finite.min(), finite.max())
    scaled: np.ndarray = (found - finite.min()) / (finite.max() - finite.min())
    return scaled


def penalty(vision: float, text: float, integration: float, alpha: float, beta: float, gamma: float) -> float:
    """min(2, exp(alpha * (1 - (S_v + beta * S_t + gamma * S_I) / (1 + beta + gamma)))), scores in [0, 1].

    Easy questions get a high penalty and so short chains, hard ones a low one. DRLC, equation of section 2.3.
    """
    weighted = (vision + beta * text + gamma * integration) / (1 + beta + gamma)
    return min(MAX_PENALTY, math.exp(alpha * (1 - weighted)))


@dataclass(frozen=True)
class Assessed:
    """A question's scaled scores in [0, 1], and its penalty."""

    vision: float
    text: float
    integration: float
    penalty: float


def assess(
    clear: Sequence[Clarity], necessity: Sequence[float], judged: Sequence[JudgeScores], *, alpha: float,
    beta: float, gamma: float,
) -> list[Assessed]:  # fmt: skip
    """All questions of a set against one another.

    S_v: mean of sharpness (its logarithm), pixels and the need of the image; S_t: mean of quality, difficulty
    and reasoning; S_I: integration; each scaled before and the sums after (the report does not say how its
    parts are joined).
    """

    def joined(*parts: Sequence[float]) -> np.ndarray:
        return min_max(np.mean([min_max(part) for part in parts], axis=0).tolist())

    sharpness = [math.log1p(c.sharpness) if math.isfinite(c.sharpness) else math.inf for c in clear]
    vision = joined(sharpness, [float(c.pixels) for c in clear], necessity)
    text = joined([j.quality for j in judged], [j.difficulty for j in judged], [j.reasoning for j in judged])
    integration = min_max([j.integration for j in judged])
    return [
        Assessed(float(v), float(t), float(i), penalty(float(v), float(t), float(i), alpha, beta, gamma))
        for v, t, i in zip(vision, text, integration, strict=True)
    ]
