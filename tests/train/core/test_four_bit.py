"""QLoRA: frozen layers in 4 bits compute and learn as plain ones with the same values, by peft's adapters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.core import ConfigError
from r1v.models.quantised import is_quantised
from r1v.ops.linear import AwqLinear
from r1v.ops.rounding import quantise
from r1v.train.core.compute import Compute
from r1v.train.core.config import ModelConfig
from r1v.train.core.config_read import make
from r1v.train.core.four_bit import FourBitLinear, four_bit_layers
from r1v.train.core.lora import adapters_off
from r1v.train.core.policy import PolicyModule, load_policy
from r1v.train.rollout.sampler import EngineRollouts
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.mpo import MPOConfig, MPOTrainer
from r1v.train.stages.sft import SFTConfig, Trainer
from tests.train.core.test_distributed import in_two

pytest.importorskip("peft")
CPU, QUIET = Compute(torch.device("cpu"), False), Console(quiet=True)
IDS = torch.arange(10, 26).unsqueeze(0)


def policy_of(start: Path, train: tuple[str, ...] = ("projector",), **changes: Any) -> PolicyModule:
    config = ModelConfig(str(start), train=train, lora=("llm",), lora_rank=4, **changes)
    return load_policy(start, CPU, config, seed=3, console=QUIET)


@pytest.fixture(scope="module")
def widened(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain float32 checkpoint with the values that the tiny model's layers have in 4 bits."""
    folder = tmp_path_factory.mktemp("widened") / "model"
    return policy_of(start, four_bit=True).export(folder, start, 4096, dtype=torch.float32)


def test_a_layer_is_the_one_that_r1v_quantize_stores() -> None:
    """Forward against AwqLinear, the gradient against autograd through its widened weights."""
    torch.manual_seed(0)
    weight, bias = torch.randn(24, 64), torch.nn.Parameter(torch.randn(24), requires_grad=False)
    layer = FourBitLinear(24, 64, 32, bias)
    layer.record = torch.nn.Parameter(torch.zeros(layer.record.shape, dtype=torch.bfloat16), False)
    layer.fill_rounded(weight[:10], 0)
    layer.fill_rounded(weight[10:], 10)
    found = quantise(weight, 32)
    from r1v.ops.linear import pack_nibbles

    stored = AwqLinear(pack_nibbles(found.codes), found.scales, found.zeros, bias)
    assert torch.equal(layer.weight(), stored.widened())
    assert layer.record.numel() * 2 == 24 * (32 + 2 * 3)  # half a byte a weight, three bytes a group
    x, y = (torch.randn(5, 64).requires_grad_() for _ in range(2))
    y.data.copy_(x.data)
    ours, theirs = layer(x), stored(y)
    assert torch.equal(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    assert x.grad is not None and y.grad is not None and torch.allclose(x.grad, y.grad, rtol=1e-5)


def test_it_computes_as_a_plain_model_of_those_values(start: Path, widened: Path) -> None:
    policy, plain = policy_of(start, four_bit=True), models.load(widened, torch.float32)
    assert len(four_bit_layers(policy.base)) == 8  # four products of each of two blocks
    held = four_bit_layers(policy.base)["language.layers.0.mlp.down"].record
    assert held.numel() * 2 < 0.16 * 128 * 128 * 4  # of float32
    with torch.no_grad():
        assert torch.equal(policy.base(IDS), plain(IDS))
        assert not torch.allclose(plain(IDS), models.load(start, torch.float32)(IDS), atol=1e-4)
    for name, parameter in policy.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    twin = policy.twin(torch.float32, torch.device("cpu"))
    policy.copy_to(twin)
    with torch.no_grad():
        assert torch.allclose(policy.base(IDS), twin(IDS), atol=1e-4)
        assert not torch.allclose(twin(IDS), plain(IDS), atol=1e-2)
        with adapters_off(policy):  # the reference of such a run
            assert torch.equal(policy.base(IDS), plain(IDS))


def sft(model: Path, out: Path, **changes: Any) -> Path:
    settings: dict[str, Any] = {
        "families": ("arithmetic", "counting"), "train": ("projector",), "lora": ("llm",), "lora_rank": 4,
        "steps": 4, "batch_size": 4, "micro_batches": 2, "lr": 1e-2, "warmup_steps": 1, "heldout": 0,
        "log_every": 1, "bf16": False, "device": "cpu",
    }  # fmt: skip
    return Trainer(make(SFTConfig, model=str(model), out=str(out), **settings | changes), QUIET).train()


def losses(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row["nll"] for row in rows if "nll" in row]


def test_it_learns_as_peft_s_adapters_beside_plain_layers(start: Path, widened: Path, tmp_path: Path) -> None:
    """The same losses step by step, with recomputation and packing too; and what comes out is plain."""
    sft(widened, tmp_path / "plain")
    found = sft(start, tmp_path / "four", four_bit=True)
    sft(start, tmp_path / "packed", four_bit=True, checkpointing=True, packing=True)
    assert losses(tmp_path / "plain")[-1] < losses(tmp_path / "plain")[0]
    assert losses(tmp_path / "four") == pytest.approx(losses(tmp_path / "plain"), rel=1e-5)
    assert losses(tmp_path / "packed") == pytest.approx(losses(tmp_path / "plain"), rel=1e-4)
    assert not is_quantised(models.load(found))


def test_two_processes_share_the_codes(start: Path, tmp_path: Path) -> None:
    sft(start, tmp_path / "1", four_bit=True)
    in_two(lambda: sft(start, tmp_path / "2", four_bit=True))
    assert losses(tmp_path / "2") == pytest.approx(losses(tmp_path / "1"), rel=1e-5)
    # in bf16, where it is native, the codes travel beside float32 masters
    in_two(lambda: sft(start, tmp_path / "3", four_bit=True, bf16=True))
    assert losses(tmp_path / "3") == pytest.approx(losses(tmp_path / "1"), rel=0.02)
    a, b = (models.load(tmp_path / name / "model").state_dict() for name in "12")
    assert all(torch.allclose(a[name].float(), b[name].float(), atol=2e-3, rtol=1e-2) for name in a)


def test_a_quantised_checkpoint_keeps_its_own_codes(start: Path, tmp_path: Path, run_r1v: Any) -> None:
    """What `r1v quantize` wrote is trained beside without rounding again, in one process and in two."""
    folder = tmp_path / "w4"
    status, _, err = run_r1v(
        "quantize", start, folder, "--method", "rtn", "--group", "32", "--vision-bits", "8"
    )
    assert status == 0, err
    plain = models.load(folder, torch.float32, widen=True)
    policy = policy_of(folder, four_bit=True)
    with torch.no_grad():
        assert torch.equal(policy.base(IDS), plain(IDS))
    sft(folder, tmp_path / "1", four_bit=True, steps=2)
    in_two(lambda: sft(folder, tmp_path / "2", four_bit=True, steps=2))
    in_two(lambda: sft(folder, tmp_path / "3", steps=2))  # widened: it was refused before
    for name in "23":
        assert losses(tmp_path / name) == pytest.approx(losses(tmp_path / "1"), rel=1e-5)


def test_stages_that_sample(start: Path, tmp_path: Path) -> None:
    """GRPO with a KL penalty and MPO: the engine runs the 4-bit layers and adapters themselves, without a
    copy; the reference has none of the adapters."""
    common: dict[str, Any] = {
        "model": str(start), "families": ("arithmetic", "counting"), "train": (), "lora": ("llm",),
        "lora_rank": 4, "group": 4, "max_tokens": 4, "workers": 0, "device": "cpu", "bf16": False,
        "lr": 1e-2, "four_bit": True,
    }  # fmt: skip
    trainer = GRPOTrainer(
        make(GRPOConfig, out=str(tmp_path / "grpo"), steps=3, prompts=3, kl=0.1, **common), QUIET
    )
    assert isinstance(trainer.asker.engine, EngineRollouts) and trainer.asker.engine.twin is None
    assert trainer.asker.engine.engine.model is trainer.policy.base
    trainer.train()
    rows = [json.loads(line) for line in (tmp_path / "grpo" / "metrics.jsonl").read_text().splitlines()]
    assert max(row["probe"] for row in rows) < 1e-3 and abs(rows[0]["kl"]) < 1e-6
    assert rows[-1]["version"] == 3 and max(row["mismatch_worst"] for row in rows) < 1e-3
    ranked = MPOTrainer(make(MPOConfig, out=str(tmp_path / "mpo"), rounds=1, questions=2, **common), QUIET)
    assert ranked.policy.trained()
    assert isinstance(ranked.rollouts, EngineRollouts) and ranked.rollouts.twin is None
    common |= {"bf16": True}  # the engine computes as the trainer does, in bf16 where that is native
    short = GRPOTrainer(make(GRPOConfig, out=str(tmp_path / "bf16"), steps=2, prompts=3, **common), QUIET)
    short.train()
    rows = [json.loads(line) for line in (tmp_path / "bf16" / "metrics.jsonl").read_text().splitlines()]
    assert max(row["mismatch"] for row in rows) < 1e-3


def test_what_cannot_be_held_is_one_line(start: Path) -> None:
    with pytest.raises(ConfigError, match=r"all of llm is trained"):
        policy_of(start, train=("llm",), four_bit=True)
