"""Losses as pure functions of tensors.

Tokens of all responses lie flat in one axis (N,), with the row of each in ``rows`` (N,); pairs have the axis
(P,). Always holds: nothing here knows a model, and every mean says over what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from torch.nn import functional

from r1v.core import ConfigError

Averaging: TypeAlias = Literal["response", "token"]
Scaling: TypeAlias = Literal["group", "none"]
STD_EPS = 1e-4  # keeps a group of nearly equal rewards from huge advantages; TRL's value


def completion_nll(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of each target token, in nats.

    logits: (N, V) of the places before the targets, any float dtype; targets: (N,) int64.
    Returns (N,) float32.
    """
    return functional.cross_entropy(logits.float(), targets, reduction="none")


def exact_rows(right: torch.Tensor, rows: torch.Tensor, num_rows: int) -> torch.Tensor:
    """Which rows have every target right.

    right: (N,) bool; rows: (N,) int64, the row of each target. Returns (num_rows,) bool.
    """
    wrong = torch.zeros(num_rows, dtype=torch.int64, device=right.device)
    return wrong.index_add_(0, rows, (~right).long()) == 0


def row_sums(values: torch.Tensor, rows: torch.Tensor, num_rows: int) -> torch.Tensor:
    """Sums of values (N,) by row; (num_rows,), 0 for a row without values."""
    return values.new_zeros(num_rows).index_add(0, rows, values)


def row_means(values: torch.Tensor, rows: torch.Tensor, num_rows: int) -> torch.Tensor:
    """Means of values (N,) by row; (num_rows,), 0 for a row without values."""
    counts = row_sums(torch.ones_like(values), rows, num_rows)
    return row_sums(values, rows, num_rows) / counts.clamp(min=1)


# ------------------------------------------------------------------------------------------------ preferences


def reward_pairs(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """-log sigmoid(r+ - r-) of each pair of scores (P,); returns (P,). Source: Skywork-VL Reward report."""
    return -functional.logsigmoid(chosen.float() - rejected.float())


def dpo(chosen: torch.Tensor, rejected: torch.Tensor, beta: float) -> torch.Tensor:
    """-log sigmoid(beta * chosen - beta * rejected), (P,).

    chosen, rejected: log(pi / pi0) of whole responses (P,). Source: Rafailov et al. 2023, equation 7.
    """
    return -functional.logsigmoid(beta * (chosen - rejected))


def bco(chosen: torch.Tensor, rejected: torch.Tensor, beta: float, delta: float) -> torch.Tensor:
    """-log sigmoid(beta * chosen - delta) - log sigmoid(-(beta * rejected - delta)), (P,).

    delta: moving average of past rewards beta * log(pi / pi0); see `RewardShift`. Source: Jung et al. 2024.
    """
    return -functional.logsigmoid(beta * chosen - delta) - functional.logsigmoid(delta - beta * rejected)


@dataclass(frozen=True)
class RewardShift:
    """BCO's delta: the mean of the first ``window`` rewards, from then on an exponential average.

    The delta that a batch is trained with is that of the batches before it.
    """

    value: float = 0.0
    count: int = 0
    window: int = 1000

    def updated(self, rewards: torch.Tensor) -> RewardShift:
        """After one more batch of rewards, of chosen and rejected responses alike."""
        number = rewards.numel()
        count = min(self.count + number, max(self.window, number))
        mean = float(rewards.detach().double().mean())
        return RewardShift(self.value + (mean - self.value) * number / count, count, self.window)


@dataclass(frozen=True)
class MPOWeights:
    """Weights of the three terms, and beta; the defaults are those of InternVL's release."""

    preference: float = 0.8
    quality: float = 0.2
    generation: float = 1.0
    beta: float = 0.1


@dataclass(frozen=True)
class MPOLoss:
    """Means over the pairs, total with a gradient. rewards: beta * log(pi / pi0), (P,) each, detached."""

    total: torch.Tensor
    preference: torch.Tensor
    quality: torch.Tensor
    generation: torch.Tensor
    chosen_rewards: torch.Tensor
    rejected_rewards: torch.Tensor


def mpo(
    chosen_logprobs: torch.Tensor,
    rejected_logprobs: torch.Tensor,
    chosen_reference: torch.Tensor,
    rejected_reference: torch.Tensor,
    chosen_lengths: torch.Tensor,
    weights: MPOWeights,
    delta: float,
) -> MPOLoss:
    """Mixed preference optimisation: w1 * DPO + w2 * BCO + w3 * NLL of the chosen response per token.

    All (P,): summed log-probabilities of whole responses under the policy and the reference, and the tokens
    of each chosen response. Source: InternVL-MPO (arXiv 2411.10442), equations 1 to 5.
    """
    chosen, rejected = chosen_logprobs - chosen_reference, rejected_logprobs - rejected_reference
    preference = dpo(chosen, rejected, weights.beta).mean()
    quality = bco(chosen, rejected, weights.beta, delta).mean()
    generation = (-chosen_logprobs / chosen_lengths.clamp(min=1)).mean()
    total = weights.preference * preference + weights.quality * quality + weights.generation * generation
    return MPOLoss(
        total, preference.detach(), quality.detach(), generation.detach(),
        (weights.beta * chosen).detach(), (weights.beta * rejected).detach(),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------- GRPO


def group_advantages(rewards: torch.Tensor, scaling: Scaling = "group") -> torch.Tensor:
    """Rewards against their group's mean, over its deviation plus STD_EPS ("group") or as they are ("none").

    rewards: (groups, responses). Returns the same shape; a group of equal rewards has exactly 0. The
    deviation is the sample's (n - 1), as in TRL. Source: DeepSeekMath, section 4.1; "none" is Dr. GRPO's.
    """
    rewards = rewards.double()
    centred = rewards - rewards.mean(1, keepdim=True)
    if scaling == "group" and rewards.shape[1] > 1:
        centred = centred / (rewards.std(1, keepdim=True) + STD_EPS)
    same = (rewards == rewards[:, :1]).all(1, keepdim=True)  # a mean of equal numbers may be off by rounding
    return centred.masked_fill(same, 0.0).float()


@dataclass(frozen=True)
class GRPOOptions:
    """Variants of the loss.

    averaging: "response", tokens within each response, then responses (GRPO, Eq. 8 of the R1V2 report), or
    "token", all tokens alike (DAPO). clip_low, clip_high: the ratio is held in [1 - low, 1 + high]; DAPO's
    clip-higher is clip_high 0.28. kl: weight of the penalty towards the reference (estimator k3), 0 is none.
    correct_kl: weigh each token's penalty by its ratio, without which k3 is biased for tokens of another
    policy, and its gradient for those of this one (DeepSeek-V3.2; TRL's default). importance_cap: above 0,
    ratios are taken against the trainer's own policy of the time of sampling, and what another engine sampled
    otherwise is weighed by min(trainer / engine, cap), truncated importance sampling (Yao et al. 2025, "Your
    efficient RL framework secretly brings you off-policy RL training").
    """

    averaging: Averaging = "response"
    clip_low: float = 0.2
    clip_high: float = 0.2
    kl: float = 0.0
    correct_kl: bool = True
    importance_cap: float = 0.0

    def __post_init__(self) -> None:
        if self.averaging not in get_args(Averaging):
            raise ConfigError(f"averaging is {self.averaging!r}; use response or token")
        if self.importance_cap < 0.0:
            raise ConfigError(f"importance_cap is {self.importance_cap}; it must be at least 0")
        if not 0.0 < self.clip_low <= 1.0 or self.clip_high <= 0.0 or self.kl < 0.0:
            raise ConfigError(
                f"clip_low {self.clip_low}, clip_high {self.clip_high}, kl {self.kl}; the first must be in "
                "(0, 1], the second above 0, the third at least 0"
            )


@dataclass(frozen=True)
class GRPOLoss:
    """total: the part of the batch's loss that these tokens are, with a gradient. clipped (N,) bool: tokens
    that get no gradient because their ratio left the range. kl (N,): k3 towards the reference, or None.
    capped (N,) bool: tokens whose importance weight was cut, or None."""

    total: torch.Tensor
    clipped: torch.Tensor
    kl: torch.Tensor | None
    capped: torch.Tensor | None = None


def k3(logprobs: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """exp(d) - d - 1 with d = reference - logprobs: an unbiased, never negative estimate of KL(pi || pi_ref)
    from tokens of pi. Source: Schulman 2020, "Approximating KL divergence"."""
    difference = reference - logprobs
    return difference.exp() - difference - 1


def grpo(
    logprobs: torch.Tensor,
    behaviour: torch.Tensor,
    advantages: torch.Tensor,
    rows: torch.Tensor,
    options: GRPOOptions,
    *,
    num_responses: int,
    num_tokens: int,
    reference: torch.Tensor | None = None,
    proximal: torch.Tensor | None = None,
) -> GRPOLoss:
    """The clipped surrogate of some responses of a batch; the parts of a batch add up to its loss.

    logprobs, behaviour, reference: (N,) of each token under the policy, the policy that sampled it, and the
    reference. proximal: (N,) under the trainer's policy at that time, needed with importance_cap. advantages:
    (R,) of each response. rows: (N,). num_responses, num_tokens: of the whole batch.
    Source: R1V2 report, equation 8.
    """
    if options.importance_cap and proximal is None:
        raise ConfigError("importance_cap needs the trainer's own log-probabilities of that time")
    old = proximal if options.importance_cap and proximal is not None else behaviour
    ratio = (logprobs - old).exp()
    held = ratio.clamp(1 - options.clip_low, 1 + options.clip_high)
    token_advantages = advantages[rows]
    loss = -torch.minimum(ratio * token_advantages, held * token_advantages)
    clipped = ((ratio < 1 - options.clip_low) & (token_advantages < 0)) | (
        (ratio > 1 + options.clip_high) & (token_advantages > 0)
    )
    capped = None
    if options.importance_cap:
        weight = (old - behaviour).exp()
        capped = weight > options.importance_cap
        loss = loss * weight.clamp(max=options.importance_cap)
    divergence = None
    if options.kl:
        if reference is None:
            raise ConfigError(f"kl is {options.kl}, but no reference log-probabilities were given")
        divergence = k3(logprobs, reference)
        loss = loss + options.kl * (divergence * ratio if options.correct_kl else divergence)
    if options.averaging == "token":
        total = loss.sum() / max(num_tokens, 1)
    else:
        total = row_means(loss, rows, len(advantages)).sum() / max(num_responses, 1)
    return GRPOLoss(total, clipped, None if divergence is None else divergence.detach(), capped)
