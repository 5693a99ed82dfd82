"""Losses as pure functions of tensors.

Tokens of all responses lie flat in one axis (N,), with the row of each in ``rows`` (N,); pairs have the axis
(P,). Always holds: nothing here depends on a model, and every mean states what it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from torch.nn import functional

from r1v.core import ConfigError
from r1v.train.core.checks import at_least, choice
from r1v.train.core.keys import key

Averaging: TypeAlias = Literal["response", "token", "constant"]
Scaling: TypeAlias = Literal["group", "none"]
Surrogate: TypeAlias = Literal["clip", "cispo"]
Ratios: TypeAlias = Literal["token", "sequence"]
STD_EPS = 1e-4  # keeps the advantages of nearly equal rewards from becoming huge; TRL's value


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

    preference: float = key(0.8, "weight of the preference loss (DPO)")
    quality: float = key(0.2, "weight of the quality loss (BCO)")
    generation: float = key(1.0, "weight of the generation loss, the chosen response's likelihood")
    beta: float = key(0.1, "rewards are beta * log(policy / reference)")

    def __post_init__(self) -> None:
        at_least(self, 0, "preference", "quality", "generation", "beta", group="loss")


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


def group_advantages(rewards: torch.Tensor, scaling: str = "group") -> torch.Tensor:
    """Rewards against their group's mean, over its deviation plus STD_EPS ("group") or as they are ("none").

    rewards: (groups, responses). Returns float32 of the same shape; a group of equal rewards has exactly 0. A
    reward that is NaN or infinite has the advantage 0 and is in no mean. The deviation is the sample's
    (n - 1), as in TRL. Source: DeepSeekMath, section 4.1; "none" is Dr. GRPO's.
    """
    rewards = rewards.double()
    good = rewards.isfinite()
    number = good.sum(1, keepdim=True).clamp(min=1)
    clean = rewards.where(good, torch.zeros_like(rewards))
    mean = clean.sum(1, keepdim=True) / number
    centred = (clean - mean).where(good, torch.zeros_like(rewards))
    if scaling == "group" and rewards.shape[1] > 1:
        deviation = (centred.square().sum(1, keepdim=True) / (number - 1).clamp(min=1)).sqrt()
        centred = centred / (deviation + STD_EPS)
    high = clean.where(good, mean.expand_as(clean)).amax(1, keepdim=True)
    low = clean.where(good, mean.expand_as(clean)).amin(1, keepdim=True)
    # a mean of equal numbers may be off by rounding
    first = clean.gather(1, good.to(torch.int64).argmax(1, keepdim=True))
    same = ((clean == first) | ~good).all(1, keepdim=True) | (high == low)
    return centred.masked_fill(same, 0.0).float()


@dataclass(frozen=True)
class GRPOOptions:
    """Variants of the loss. Known methods: GRPO is the default; DAPO averaging=token clip_high=0.28
    mask_truncated=true dynamic=4; Dr. GRPO averaging=constant scaling=none; GSPO ratios=sequence
    clip_low=3e-4 clip_high=4e-4; CISPO surrogate=cispo averaging=token clip_high=5."""

    averaging: str = key(
        "response",
        "how losses of tokens are averaged: response (within each response, then over responses; "
        "R1V2's equation 8), token (over all tokens) or constant (their sum over responses x "
        "rollout.max_tokens)"
    )  # fmt: skip
    scaling: str = key("group", "divide advantages by the group's standard deviation (group) or not (none)")
    surrogate: str = key(
        "clip", "clip: the clipped ratio; cispo: the log-probability, weighted by the cut ratio"
    )
    ratios: str = key(
        "token", "a ratio for each token (token) or for the whole response, of its mean log-ratio (sequence)"
    )
    clip_low: float = key(0.2, "ratios are kept at or above 1 - clip_low")
    clip_high: float = key(
        0.2, "ratios are kept at or below 1 + clip_high; with cispo at or below clip_high itself"
    )
    dual_clip: float = key(
        0.0, "above 1: the largest ratio that counts where the advantage is negative, 3 is usual; 0: "
        "no limit"
    )  # fmt: skip
    mask_truncated: bool = key(False, "leave responses that were cut off at max_tokens out of the loss")
    kl: float = key(0.0, "weight of the penalty towards the starting policy (estimator k3); 0: none")
    kl_in: str = key("loss", "where the penalty is applied: loss, or reward (then with estimator k1)")
    correct_kl: bool = key(True, "weight each token's penalty in the loss by its ratio")
    importance_cap: float = key(
        0.0, "above 0: weight each token by min(trainer / engine, cap), truncated importance sampling"
    )
    dynamic: int = key(
        0, "batches of questions that may be asked in addition until a step is full of effective "
        "groups; 0: none"
    )  # fmt: skip

    def __post_init__(self) -> None:
        choice("loss.averaging", self.averaging, get_args(Averaging))
        choice("loss.scaling", self.scaling, get_args(Scaling))
        choice("loss.surrogate", self.surrogate, get_args(Surrogate))
        choice("loss.ratios", self.ratios, get_args(Ratios))
        choice("loss.kl_in", self.kl_in, ("loss", "reward"))
        at_least(self, 0, "importance_cap", "dynamic", "kl", group="loss")
        if self.dual_clip and not self.dual_clip > 1.0:
            raise ConfigError(f"loss.dual_clip is {self.dual_clip}; it must be above 1, or 0 for none")
        if not 0.0 < self.clip_low <= 1.0 or not self.clip_high > 0.0:
            raise ConfigError(
                f"loss.clip_low is {self.clip_low}, clip_high {self.clip_high}; the first must be in (0, 1], "
                "the second above 0"
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
    max_tokens: int = 0,
    reference: torch.Tensor | None = None,
    proximal: torch.Tensor | None = None,
    kept: torch.Tensor | None = None,
) -> GRPOLoss:
    """The clipped surrogate of some responses of a batch; the parts of a batch add up to its loss.

    logprobs, behaviour, reference: (N,) of each token under the policy, the policy that sampled it, and the
    reference. proximal: (N,) under the trainer's policy at that time, needed with importance_cap. advantages:
    (R,) of each response. rows: (N,). num_responses, num_tokens: of the whole batch; max_tokens: the longest
    that a response may be, for averaging "constant". kept: bool (R,), responses that have a loss; None: all.
    Sources: R1V2 report, equation 8; Ye et al. 2020 (dual clip); Liu et al. 2025 (Dr. GRPO); Zheng et al.
    2025 (GSPO); MiniMax-M1 2025 (CISPO); Yu et al. 2025 (DAPO).
    """
    if options.importance_cap and proximal is None:
        raise ConfigError("importance_cap needs the trainer's log-probabilities from the time of sampling")
    old = proximal if options.importance_cap and proximal is not None else behaviour
    token_advantages = advantages[rows]
    ratio = _ratios(logprobs, old, rows, len(advantages), options)
    loss, clipped = _surrogate(logprobs, ratio, token_advantages, options)
    capped = None
    if options.importance_cap:
        weight = (old - behaviour).exp()
        capped = weight > options.importance_cap
        loss = loss * weight.clamp(max=options.importance_cap)
    divergence = None
    if options.kl and options.kl_in == "loss":
        if reference is None:
            raise ConfigError(f"kl is {options.kl}, but no reference log-probabilities were given")
        divergence = k3(logprobs, reference)
        loss = loss + options.kl * (divergence * ratio if options.correct_kl else divergence)
    if kept is not None:
        loss = loss * kept[rows]
    if options.averaging == "token":
        total = loss.sum() / max(num_tokens, 1)
    elif options.averaging == "constant":
        total = loss.sum() / (max(num_responses, 1) * max(max_tokens, 1))
    else:
        total = row_means(loss, rows, len(advantages)).sum() / max(num_responses, 1)
    return GRPOLoss(total, clipped, None if divergence is None else divergence.detach(), capped)


def _ratios(
    logprobs: torch.Tensor, old: torch.Tensor, rows: torch.Tensor, num_rows: int, options: GRPOOptions
) -> torch.Tensor:
    """exp(log pi - log pi_old), (N,): of each token, or for "sequence" of the mean over its response. The
    gradient of a sequence's ratio reaches each of its tokens alike."""
    difference = logprobs - old
    if options.ratios == "sequence":
        difference = row_means(difference, rows, num_rows)[rows]
    return difference.exp()


def _surrogate(
    logprobs: torch.Tensor, ratio: torch.Tensor, advantages: torch.Tensor, options: GRPOOptions
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each token's loss (N,), and which tokens get no gradient because their ratio left the range."""
    if options.surrogate == "cispo":
        cut = ratio > options.clip_high
        held = ratio.clamp(max=options.clip_high).detach()
        return -held * advantages * logprobs, cut & (advantages > 0)
    held = ratio.clamp(1 - options.clip_low, 1 + options.clip_high)
    loss = -torch.minimum(ratio * advantages, held * advantages)
    clipped = ((ratio < 1 - options.clip_low) & (advantages < 0)) | (
        (ratio > 1 + options.clip_high) & (advantages > 0)
    )
    if options.dual_clip:
        far = (ratio > options.dual_clip) & (advantages < 0)
        loss = torch.where(far, -options.dual_clip * advantages, loss)
        clipped = clipped | far
    return loss, clipped
