"""Our losses against TRL's trainers, on the same model and batch, gradients included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from r1v.train import losses

pytestmark = pytest.mark.slow  # importing TRL alone takes many seconds
trl = pytest.importorskip("trl")
transformers = pytest.importorskip("transformers")


@pytest.fixture
def model(tmp_path: Path) -> Any:
    torch.manual_seed(0)
    made = transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(
            vocab_size=320, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=128, initializer_range=0.2,
        )
    )  # fmt: skip
    made.save_pretrained(tmp_path / "model")  # where the trainer finds the reference model
    return transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)


@pytest.fixture
def tokenizer(tiny_tokenizer_folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(tiny_tokenizer_folder)


def common(tmp_path: Path) -> dict[str, Any]:
    return {"output_dir": str(tmp_path), "use_cpu": True, "report_to": [], "bf16": False,
            "per_device_train_batch_size": 2, "gradient_checkpointing": False}  # fmt: skip


def flat_logprobs(
    model: Any, input_ids: torch.Tensor, attention: torch.Tensor, completion: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities (N,) of the completion tokens, and their rows (N,)."""
    logits = model(input_ids=input_ids, attention_mask=attention).logits[:, :-1]
    every = logits.log_softmax(-1).gather(-1, input_ids[:, 1:, None])[..., 0]
    keep = completion[:, 1:].bool()
    rows = torch.arange(len(input_ids))[:, None].expand_as(keep)[keep]
    return every[keep], rows


def gradient(model: Any) -> torch.Tensor:
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    return found


def assert_same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert (ours - theirs).norm() < 1e-4 * theirs.norm()


def preference_trainer(model: Any, tokenizer: Any, tmp_path: Path, **options: Any) -> Any:
    from datasets import Dataset

    rows = Dataset.from_list([{"prompt": "1+1?", "chosen": "2", "rejected": "3"}] * 2)
    arguments = trl.DPOConfig(**common(tmp_path), precompute_ref_log_probs=True, **options)
    return trl.DPOTrainer(model, args=arguments, train_dataset=rows, processing_class=tokenizer)


def preference_batch(equal: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(0, 300, (4, 12))
    lengths = [9, 9, 8, 12] if equal else [9, 12, 8, 10]  # 2 chosen, then 2 rejected; prompts of 4
    place = torch.arange(12)
    attention = torch.stack([place < n for n in lengths]).long()
    return {
        "input_ids": ids, "attention_mask": attention, "completion_mask": attention * (place >= 4),
        "ref_chosen_logps": torch.tensor([-30.0, -41.0]), "ref_rejected_logps": torch.tensor([-28.0, -33.0]),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("loss_type", "weights"),
    [
        ("sigmoid", losses.MPOWeights(1.0, 0.0, 0.0)),
        ("bco_pair", losses.MPOWeights(0.0, 1.0, 0.0)),  # TRL's has no delta
        ("sft", losses.MPOWeights(0.0, 0.0, 1.0)),  # TRL's averages over tokens: equal lengths only
    ],
)
def test_preference_losses(
    loss_type: str, weights: losses.MPOWeights, model: Any, tokenizer: Any, tmp_path: Path
) -> None:
    batch = preference_batch(equal=loss_type == "sft")
    trainer = preference_trainer(model, tokenizer, tmp_path, loss_type=[loss_type], beta=0.1)
    theirs = trainer._compute_loss(trainer.model, dict(batch), False)
    theirs.backward()
    their_gradient = gradient(trainer.model)
    logprobs, rows = flat_logprobs(
        trainer.model, batch["input_ids"], batch["attention_mask"], batch["completion_mask"]
    )
    sums = losses.row_sums(logprobs, rows, 4)
    lengths = batch["completion_mask"].sum(1)
    ours = losses.mpo(
        sums[:2], sums[2:], batch["ref_chosen_logps"], batch["ref_rejected_logps"], lengths[:2], weights, 0.0
    ).total
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    assert_same(gradient(trainer.model), their_gradient)


def reward_of(completions: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
    return [float(sum(ids) % 5) for ids in completion_ids]


def options_of(loss_type: str, **more: Any) -> losses.GRPOOptions:
    """Our options for TRL's name of a loss."""
    return losses.GRPOOptions(
        averaging={"dapo": "token", "cispo": "token", "dr_grpo": "constant"}.get(loss_type, "response"),  # type: ignore[arg-type]
        surrogate="cispo" if loss_type == "cispo" else "clip",
        ratios="sequence" if loss_type == "gspo" else "token",
        **more,
    )


def recorded_batch(
    model: Any, tokenizer: Any, tmp_path: Path, loss_type: str, settings: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """TRL's trainer, and what it sampled: two groups of four."""
    from datasets import Dataset

    arguments = trl.GRPOConfig(
        **common(tmp_path) | {"per_device_train_batch_size": 8} | settings,
        loss_type="grpo" if loss_type == "gspo" else loss_type,
        importance_sampling_level="sequence" if loss_type == "gspo" else "token", num_generations=4,
        max_completion_length=6, temperature=1.0,
    )  # fmt: skip
    rows = Dataset.from_list([{"prompt": "1+1?"}, {"prompt": "2+7?"}])
    trainer = trl.GRPOTrainer(
        model, reward_funcs=[reward_of], args=arguments, train_dataset=rows, processing_class=tokenizer
    )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    return trainer, trainer._generate_and_score_completions([row for row in rows for _ in range(4)])


@pytest.mark.parametrize(
    ("loss_type", "scaling", "beta", "clip_high", "correct_kl", "cap", "dual", "masked"),
    [
        ("grpo", "group", 0.0, 0.2, True, 0.0, 0.0, False),
        ("grpo", "none", 0.5, 0.2, True, 0.0, 0.0, False),
        ("grpo", "group", 0.5, 0.2, False, 0.0, 0.0, False),
        ("dapo", "group", 0.0, 0.28, True, 0.0, 0.0, False),
        ("grpo", "group", 0.5, 0.2, True, 1.2, 0.0, False),
        ("dr_grpo", "none", 0.0, 0.2, True, 0.0, 0.0, False),
        ("cispo", "group", 0.0, 1.2, True, 0.0, 0.0, False),
        ("gspo", "group", 0.0, 0.05, True, 0.0, 0.0, False),  # means over responses lie nearer to 1
        ("grpo", "group", 0.0, 0.2, True, 0.0, 1.3, False),  # TRL's delta; 1.3 is low, so that it is reached
        ("grpo", "group", 0.0, 0.2, True, 0.0, 0.0, True),
        ("dapo", "group", 0.0, 0.28, True, 0.0, 1.5, True),
        ("dr_grpo", "none", 0.2, 0.2, True, 0.0, 0.0, True),
    ],
)
def test_grpo_on_a_recorded_batch(
    loss_type: str, scaling: str, beta: float, clip_high: float, correct_kl: bool, cap: float, dual: float,
    masked: bool, model: Any, tokenizer: Any, tmp_path: Path,
) -> None:  # fmt: skip
    low = 0.05 if loss_type == "gspo" else 0.2
    settings = {"scale_rewards": scaling, "beta": beta, "epsilon": low, "epsilon_high": clip_high,
                "use_bias_correction_kl": correct_kl, "delta": dual or None}  # fmt: skip
    trainer, recorded = recorded_batch(model, tokenizer, tmp_path, loss_type, settings)
    ids, mask = recorded["completion_ids"], recorded["completion_mask"]
    whole_mask, kept_rows = mask, torch.ones(8, dtype=torch.bool)
    if masked:  # as TRL does where a completion was cut off: its mask is empty
        kept_rows[[1, 6]] = False
        recorded["completion_mask"] = mask = mask * kept_rows[:, None]
    kept = [row[keep.bool()].tolist() for row, keep in zip(ids, whole_mask, strict=True)]
    rewards = torch.tensor(reward_of([], kept)).view(2, 4)
    advantages = losses.group_advantages(rewards, scaling).flatten()  # type: ignore[arg-type]
    assert torch.allclose(advantages, recorded["advantages"].float(), atol=1e-5)

    # behaviour log-probabilities that are not the policy's, so that ratios leave the clip range
    whole = torch.cat([recorded["prompt_ids"], ids], 1)
    attention = torch.cat([recorded["prompt_mask"], mask], 1)
    completion = torch.cat([torch.zeros_like(recorded["prompt_mask"]), mask], 1)
    logprobs, rows_of = flat_logprobs(trainer.model, whole, attention, completion)
    torch.manual_seed(2)
    behaviour = logprobs.detach() + 0.3 * torch.randn(len(logprobs))
    reference = logprobs.detach() + 0.2 * torch.randn(len(logprobs))
    padded = torch.zeros(mask.shape)
    recorded["old_per_token_logps"] = padded.masked_scatter(mask.bool(), behaviour)
    recorded["ref_per_token_logps"] = padded.masked_scatter(mask.bool(), reference)
    recorded["num_items_in_batch"] = mask.sum()
    proximal = None
    if cap:  # what the trainer's own policy gave, beside what another engine sampled with
        proximal, behaviour = behaviour, behaviour + 0.3 * torch.randn(len(logprobs))
        weights = (proximal - behaviour).exp().clamp(max=cap)
        recorded["importance_sampling_ratio"] = padded.masked_scatter(mask.bool(), weights)
        trainer.use_vllm = trainer.vllm_importance_sampling_correction = True
    theirs = trainer._compute_loss(trainer.model, recorded)
    theirs.backward()
    their_gradient = gradient(trainer.model)
    options = options_of(
        loss_type,
        clip_low=low,
        clip_high=clip_high,
        kl=beta,
        correct_kl=correct_kl,
        importance_cap=cap,
        dual_clip=dual,
    )
    ours = losses.grpo(
        logprobs, behaviour, advantages, rows_of, options, num_responses=8, num_tokens=int(mask.sum()),
        max_tokens=6, reference=reference, proximal=proximal, kept=kept_rows,
    )  # fmt: skip
    ours.total.backward()
    assert ours.clipped.any()
    assert ours.total.item() == pytest.approx(theirs.item(), rel=1e-4, abs=1e-6)
    assert_same(gradient(trainer.model), their_gradient)


def test_reward_pairs(tokenizer: Any, tmp_path: Path) -> None:
    """The reward model's loss of two pairs of unequal length."""
    from datasets import Dataset

    torch.manual_seed(0)
    config = transformers.Qwen2Config(
        vocab_size=320, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=128, num_labels=1, pad_token_id=0,
        initializer_range=0.2,
    )  # fmt: skip
    model = transformers.Qwen2ForSequenceClassification(config)
    rows = Dataset.from_list([{"prompt": "1+1?", "chosen": "2", "rejected": "3"}] * 2)
    arguments = trl.RewardConfig(**common(tmp_path), center_rewards_coefficient=None)
    trainer = trl.RewardTrainer(model, args=arguments, train_dataset=rows, processing_class=tokenizer)
    ids = torch.randint(1, 300, (4, 9))
    mask = torch.stack([torch.arange(9) < n for n in (9, 6, 5, 9)]).long()
    batch = {"input_ids": ids * mask, "attention_mask": mask}
    theirs = trainer.compute_loss(trainer.model, dict(batch))
    theirs.backward()
    their_gradient = gradient(trainer.model)
    scores = trainer.model(**batch).logits[:, 0]
    ours = losses.reward_pairs(scores[:2], scores[2:]).mean()
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    assert_same(gradient(trainer.model), their_gradient)
