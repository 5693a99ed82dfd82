"""Adapters: they begin without effect, train alone, add up to plain weights, and run through the stages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.core import ConfigError
from r1v.models.adapter import adapted, read_adapter
from r1v.train.core.compute import Compute
from r1v.train.core.config import ModelConfig
from r1v.train.core.config_read import make
from r1v.train.core.lora import adapters_off
from r1v.train.core.policy import PolicyModule, load_policy
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.sft import SFTConfig, Trainer

pytest.importorskip("peft")
CPU, QUIET = Compute(torch.device("cpu"), False), Console(quiet=True)
IDS = torch.arange(10, 26).unsqueeze(0)


def policy_with(start: Path, *names: str, train: tuple[str, ...] = ()) -> PolicyModule:
    config = ModelConfig(str(start), train=train, lora=names, lora_rank=4)
    return load_policy(start, CPU, config, seed=3, console=QUIET)


def with_adapters(start: Path, *names: str, train: tuple[str, ...] = ()) -> models.R1V:
    return policy_with(start, *names, train=train).base


def test_new_adapters_change_nothing_and_train_alone(start: Path) -> None:
    model = with_adapters(start, "llm.layers.*.mlp.*", train=("projector",))
    with torch.no_grad():
        assert torch.equal(model(IDS), models.load(start, torch.float32)(IDS))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {n.split(".")[0] for n in trained if "lora_" not in n} == {"projector"}
    assert {n.split(".")[-4] for n in trained if "lora_" in n} == {"gate_up", "down"}
    again = with_adapters(start, "llm.layers.*.mlp.*").state_dict()
    assert all(torch.equal(v, again[n]) for n, v in model.state_dict().items())  # the seed decides


def test_the_plain_twin_computes_the_same(start: Path) -> None:
    policy = policy_with(start, "llm", "vision.layers.0.*")
    model = policy.base
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    twin = policy.twin(torch.float32, torch.device("cpu"))
    policy.copy_to(twin)
    assert set(twin.state_dict()) == set(models.load(start).state_dict())
    tiles = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(model(IDS), twin(IDS), atol=1e-4)
        assert torch.allclose(model.encode_images(tiles), twin.encode_images(tiles), atol=1e-4)
        before = models.load(start, torch.float32)(IDS)
        assert not torch.allclose(model(IDS), before, atol=1e-2)
        with adapters_off(model):  # the reference of a run with adapters
            assert torch.equal(model(IDS), before)


def test_a_name_that_fits_nothing(start: Path) -> None:
    with pytest.raises(ConfigError, match=r"llm\.heads"):
        with_adapters(start, "llm.heads.*")
    with pytest.raises(ConfigError, match=r"model\.lora holds 'head'"):
        make(SFTConfig, model="m", out="o", lora=("head",))


def test_stages_with_adapters(start: Path, tmp_path: Path) -> None:
    """SFT, then GRPO on what it left: the loss falls, the frozen matrices carry the adapters' product."""
    sft = Trainer(
        make(
            SFTConfig,
            model=str(start), out=str(tmp_path / "sft"), families=("arithmetic",), train=(), lora=("llm",),
            lora_rank=4, steps=12, batch_size=8, lr=2e-2, warmup_steps=1, heldout=0,
            log_every=1, bf16=False, device="cpu",
        ),
        QUIET,
    ).train()  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "sft" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["nll"] < rows[0]["nll"] - 0.3
    before, after = models.load(start).state_dict(), models.load(sft).state_dict()
    moved = {n for n in before if not torch.equal(before[n].bfloat16(), after[n])}
    assert {n.split(".")[-2] for n in moved} == {"qkv", "out", "gate_up", "down"}
    assert {n.split(".")[0] for n in moved} == {"language"}
    folder = GRPOTrainer(
        make(
            GRPOConfig,
            model=str(sft), out=str(tmp_path / "grpo"), families=("arithmetic",), train=(), lora=("llm",),
            lora_rank=4, steps=2, prompts=2, group=4, max_tokens=6, lr=1e-2, workers=0, device="cpu",
            bf16=False,
        ),
        QUIET,
    ).train()  # fmt: skip
    assert set(models.load(folder).state_dict()) == set(before)


def test_what_is_trained_is_written_apart_too(start: Path, tmp_path: Path) -> None:
    """The starting checkpoint with this adapter is the whole checkpoint that the run wrote, to the bit."""
    merged = Trainer(
        make(
            SFTConfig,
            model=str(start), out=str(tmp_path / "sft"), families=("counting",), train=("projector.fc2.*",),
            lora=("llm", "vision", "projector.fc1"), lora_rank=2, steps=3, batch_size=2, lr=1e-2, heldout=0,
            keep_apart=True, bf16=False, device="cpu",
        ),
        QUIET,
    ).train()  # fmt: skip
    base = models.load(start, torch.float32)
    tensors = read_adapter(tmp_path / "sft", base)
    assert {"projector.fc2.weight", "projector.fc2.bias", "projector.fc1.weight.up"} <= tensors.keys()
    twin, whole = adapted(base, tensors).state_dict(), models.load(merged).state_dict()
    assert all(torch.equal(value.bfloat16(), whole[name]) for name, value in twin.items())
    changed = {name for name, value in base.state_dict().items() if not torch.equal(value, twin[name])}
    assert {name.partition(".")[0] for name in changed} == {"vision", "projector", "language"}
