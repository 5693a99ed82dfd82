"""Losses against numbers computed by hand."""

import math
from typing import Any

import pytest
import torch

from r1v.core import ConfigError
from r1v.train.losses import (
    GRPOOptions,
    MPOWeights,
    RewardShift,
    bco,
    dpo,
    exact_rows,
    group_advantages,
    grpo,
    k3,
    mpo,
    reward_pairs,
    row_means,
)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_a_row_is_exact_only_when_all_its_targets_are_right() -> None:
    right = torch.tensor([True, True, False, True, True])
    rows = torch.tensor([0, 0, 1, 1, 3])
    assert exact_rows(right, rows, 4).tolist() == [True, False, True, True]  # row 2 has no target


def test_row_means() -> None:
    assert row_means(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 2]), 3).tolist() == [2.0, 0.0, 5.0]


def test_reward_pairs_by_hand() -> None:
    loss = reward_pairs(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0]))
    assert loss.tolist() == pytest.approx([-math.log(sigmoid(1.0)), -math.log(sigmoid(-3.0))], rel=1e-6)


def test_dpo_by_hand() -> None:
    loss = dpo(torch.tensor([3.0, -1.0]), torch.tensor([1.0, 1.0]), beta=0.5)
    assert loss.tolist() == pytest.approx([-math.log(sigmoid(1.0)), -math.log(sigmoid(-1.0))], rel=1e-6)
    assert dpo(torch.zeros(1), torch.zeros(1), 0.1).item() == pytest.approx(math.log(2))


def test_bco_by_hand() -> None:
    # beta 0.5: rewards 2 and -1, shifted by 0.25
    loss = bco(torch.tensor([4.0]), torch.tensor([-2.0]), beta=0.5, delta=0.25)
    expected = -math.log(sigmoid(2.0 - 0.25)) - math.log(sigmoid(-(-1.0 - 0.25)))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_the_shift_is_the_mean_of_past_rewards_and_then_forgets() -> None:
    shift = RewardShift(window=4)
    assert shift.value == 0.0  # the first batch is not shifted
    shift = shift.updated(torch.tensor([1.0, 3.0]))
    assert (shift.value, shift.count) == (2.0, 2)
    shift = shift.updated(torch.tensor([6.0, 6.0]))
    assert (shift.value, shift.count) == (4.0, 4)  # (1 + 3 + 6 + 6) / 4
    shift = shift.updated(torch.tensor([0.0, 0.0]))
    assert (shift.value, shift.count) == (2.0, 4)  # 4 + (0 - 4) * 2 / 4


def test_mpo_adds_the_three_terms_and_divides_each_nll_by_its_own_length() -> None:
    chosen, rejected = torch.tensor([-10.0, -6.0], requires_grad=True), torch.tensor([-8.0, -9.0])
    loss = mpo(
        chosen, rejected, torch.tensor([-12.0, -6.0]), torch.tensor([-8.0, -7.0]), torch.tensor([5, 2]),
        MPOWeights(), delta=0.05,
    )  # fmt: skip
    ratios = [(2.0, 0.0), (0.0, -2.0)]
    preference = sum(-math.log(sigmoid(0.1 * (c - r))) for c, r in ratios) / 2
    quality = (
        sum(-math.log(sigmoid(0.1 * c - 0.05)) - math.log(sigmoid(0.05 - 0.1 * r)) for c, r in ratios) / 2
    )
    generation = (10 / 5 + 6 / 2) / 2  # not 16 / 7
    assert loss.generation.item() == pytest.approx(generation)
    assert loss.total.item() == pytest.approx(0.8 * preference + 0.2 * quality + generation, rel=1e-6)
    assert loss.chosen_rewards.tolist() == pytest.approx([0.2, 0.0])
    loss.total.backward()
    # of the second pair: half of the mean of dDPO, dBCO and dNLL
    slope = -0.8 * 0.1 * (1 - sigmoid(0.2)) - 0.2 * 0.1 * (1 - sigmoid(-0.05)) - 1 / 2
    assert chosen.grad is not None and chosen.grad[1].item() == pytest.approx(slope / 2, rel=1e-5)


def test_group_advantages_by_hand() -> None:
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.7, 0.7, 0.7, 0.7]])
    std = math.sqrt(4 * 0.25 / 3)
    assert group_advantages(rewards)[0].tolist() == pytest.approx(
        [x / (std + 1e-4) for x in (0.5, -0.5, -0.5, 0.5)], rel=1e-6
    )
    assert group_advantages(rewards, "none")[0].tolist() == [0.5, -0.5, -0.5, 0.5]
    assert group_advantages(rewards)[1].tolist() == [0.0] * 4  # exactly, whatever the rounding
    assert group_advantages(torch.full((1, 3), 0.1), "none").tolist() == [[0.0] * 3]


def test_k3() -> None:
    # p / q = 2 at this token: 2 - log 2 - 1
    assert k3(torch.tensor(-2.0), torch.tensor(-2.0) + math.log(2)).item() == pytest.approx(1 - math.log(2))


ROWS = torch.tensor([0, 0, 1])
BEHAVIOUR = torch.tensor([-1.0, -1.0, -1.0])
LOGPROBS = BEHAVIOUR + torch.tensor([1.5, 0.9, 0.5]).log()
ADVANTAGES = torch.tensor([2.0, -1.0])


def loss_of(**options: object) -> float:
    return grpo(
        LOGPROBS, BEHAVIOUR, ADVANTAGES, ROWS, GRPOOptions(**options), num_responses=2, num_tokens=3
    ).total.item()  # type: ignore[arg-type]


def test_grpo_averages_in_each_response_then_over_them() -> None:
    # tokens: min(1.5 * 2, 1.2 * 2) = 2.4, 0.9 * 2 = 1.8; min(0.5 * -1, 0.8 * -1) = -0.8
    assert loss_of() == pytest.approx(-((2.4 + 1.8) / 2 - 0.8) / 2)
    assert loss_of(averaging="token") == pytest.approx(-(2.4 + 1.8 - 0.8) / 3)
    assert loss_of(clip_high=0.28) == pytest.approx(-((2.56 + 1.8) / 2 - 0.8) / 2)


def test_grpo_kl_and_clipped_share() -> None:
    reference = LOGPROBS + torch.tensor([math.log(2), 0.0, 0.0])
    loss = grpo(LOGPROBS, BEHAVIOUR, ADVANTAGES, ROWS, GRPOOptions(kl=0.1), num_responses=2, num_tokens=3,
                reference=reference)  # fmt: skip
    penalty = 0.1 * (1 - math.log(2)) / 2 / 2
    assert loss.total.item() == pytest.approx(loss_of() + 1.5 * penalty, rel=1e-5)  # its ratio is 1.5
    plain = grpo(LOGPROBS, BEHAVIOUR, ADVANTAGES, ROWS, GRPOOptions(kl=0.1, correct_kl=False),
                 num_responses=2, num_tokens=3, reference=reference)  # fmt: skip
    assert plain.total.item() == pytest.approx(loss_of() + penalty, rel=1e-5)
    assert loss.clipped.tolist() == [True, False, True]
    with pytest.raises(ConfigError, match="reference"):
        grpo(LOGPROBS, BEHAVIOUR, ADVANTAGES, ROWS, GRPOOptions(kl=0.1), num_responses=2, num_tokens=3)


def test_truncated_importance_sampling_by_hand() -> None:
    """Ratios against the trainer's own policy; weights trainer / engine of 2, 1 and 0.5, cut at 1.25."""
    proximal = BEHAVIOUR + torch.tensor([2.0, 1.0, 0.5]).log()
    found = grpo(
        LOGPROBS, BEHAVIOUR, ADVANTAGES, ROWS, GRPOOptions(importance_cap=1.25), num_responses=2,
        num_tokens=3, proximal=proximal,
    )  # fmt: skip
    # ratios 0.75, 0.9, 1: 0.75 * 2 * 1.25, 0.9 * 2 * 1; 1 * -1 * 0.5
    assert found.total.item() == pytest.approx(-((1.875 + 1.8) / 2 - 0.5) / 2)
    assert found.capped is not None and found.capped.tolist() == [True, False, False]
    with pytest.raises(ConfigError, match="log-probabilities from the time"):
        loss_of(importance_cap=1.25)


@pytest.mark.parametrize("averaging", ["response", "token"])
def test_parts_of_a_batch_add_up(averaging: str) -> None:
    options = GRPOOptions(averaging=averaging)  # type: ignore[arg-type]
    first, second = ROWS == 0, ROWS == 1
    parts = [
        grpo(LOGPROBS[keep], BEHAVIOUR[keep], ADVANTAGES[row : row + 1], ROWS[keep] - row, options,
             num_responses=2, num_tokens=3).total.item()
        for row, keep in enumerate((first, second))
    ]  # fmt: skip
    assert sum(parts) == pytest.approx(loss_of(averaging=averaging))


def test_clipped_tokens_get_no_gradient() -> None:
    logprobs = LOGPROBS.clone().requires_grad_()
    grpo(logprobs, BEHAVIOUR, ADVANTAGES, ROWS, GRPOOptions(), num_responses=2, num_tokens=3).total.backward()
    # d(-ratio * A / tokens of its response / responses) = -0.9 * 2 / 2 / 2
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == pytest.approx([0.0, -0.45, 0.0])


@pytest.mark.parametrize("options", [{"averaging": "mean"}, {"clip_low": 0.0}, {"kl": -1.0}])
def test_options_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        GRPOOptions(**options)  # type: ignore[arg-type]


def grpo_of(options: GRPOOptions, ratio: float, advantage: float, **rest: Any) -> tuple[float, float]:
    """Loss and its gradient by the log-probability, of one token with this ratio."""
    logprobs = torch.tensor([-1.0], requires_grad=True)
    behaviour = torch.tensor([-1.0 - math.log(ratio)])
    loss = grpo(
        logprobs, behaviour, torch.tensor([advantage]), torch.tensor([0]), options, num_responses=1,
        num_tokens=1, **rest,
    )  # fmt: skip
    loss.total.backward()
    assert logprobs.grad is not None
    return loss.total.item(), logprobs.grad.item()


def test_dual_clip_by_hand() -> None:
    """A replay whose ratio is 500 has gradient 500 without it, and none with it."""
    assert grpo_of(GRPOOptions(), 500.0, -1.0) == pytest.approx((500.0, 500.0), rel=1e-4)
    assert grpo_of(GRPOOptions(dual_clip=3.0), 500.0, -1.0) == (3.0, 0.0)
    assert grpo_of(GRPOOptions(dual_clip=3.0), 2.0, -1.0) == pytest.approx((2.0, 2.0), rel=1e-5)
    assert grpo_of(GRPOOptions(dual_clip=3.0), 500.0, 1.0) == pytest.approx((-1.2, 0.0), rel=1e-5)


def test_cispo_by_hand() -> None:
    """-min(ratio, limit) * advantage * log pi, the ratio without a gradient."""
    options = GRPOOptions(surrogate="cispo", averaging="token", clip_high=5.0)
    assert grpo_of(options, 2.0, 1.5) == pytest.approx((2 * 1.5, -3.0), rel=1e-5)
    assert grpo_of(options, 500.0, -1.0) == pytest.approx((-5.0, 5.0), rel=1e-5)


def test_gspo_by_hand() -> None:
    """The ratio of a response is exp of the mean log-ratio of its tokens."""
    logprobs = torch.tensor([-1.0, -2.0, -0.5], requires_grad=True)
    behaviour = torch.tensor([-1.1, -1.9, -0.5])
    rows = torch.tensor([0, 0, 1])
    options = GRPOOptions(ratios="sequence", clip_low=0.5, clip_high=0.5)
    loss = grpo(logprobs, behaviour, torch.tensor([2.0, -1.0]), rows, options, num_responses=2, num_tokens=3)
    assert loss.total.item() == pytest.approx((-2.0 + 1.0) / 2)  # both mean log-ratios are 0
    loss.total.backward()
    assert logprobs.grad is not None and logprobs.grad.tolist() == pytest.approx([-0.5, -0.5, 0.5])


def test_dr_grpo_and_masks_by_hand() -> None:
    logprobs, rows = torch.zeros(4, requires_grad=True), torch.tensor([0, 0, 0, 1])
    arguments = (logprobs, torch.zeros(4), torch.tensor([1.0, -2.0]), rows)
    constant = GRPOOptions(averaging="constant")
    loss = grpo(*arguments, constant, num_responses=2, num_tokens=4, max_tokens=10)
    assert loss.total.item() == pytest.approx((-3.0 + 2.0) / 20)
    kept = torch.tensor([True, False])
    loss = grpo(*arguments, GRPOOptions(), num_responses=2, num_tokens=4, kept=kept)
    assert loss.total.item() == pytest.approx(-0.5)
    loss.total.backward()
    assert logprobs.grad is not None and logprobs.grad[3] == 0.0


@pytest.mark.parametrize(
    "values",
    [{"averaging": "sum"}, {"dual_clip": 0.5}, {"clip_low": 2.0}, {"surrogate": "ppo"}, {"kl_in": "both"}],
)
def test_variants_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        GRPOOptions(**values)
