"""Processes that compute rows together: their attention is the whole rows', and they train as one process."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from rich.console import Console
from torch.profiler import ProfilerActivity, profile

from r1v.core import ConfigError
from r1v.models.config import LanguageConfig
from r1v.ops import CausalAttention
from r1v.ops.attention import attention_reference, segment_mask
from r1v.train.core.compute import Compute
from r1v.train.core.config import ModelConfig
from r1v.train.core.config_read import read
from r1v.train.core.distributed import World
from r1v.train.core.policy import load_policy
from r1v.train.core.sequence import SequenceAttention, Team
from r1v.train.data.batches import MicroBatch
from r1v.train.stages.sft import SFTConfig, Trainer
from tests.train.core.test_distributed import (
    SETTINGS,
    assert_as_one,
    assert_same_run,
    grpo,
    in_two,
    mpo,
    reward,
    train,
)

TOGETHER = "model.sequence_parallel=2"


def language(heads: int, kv_heads: int) -> LanguageConfig:
    """The shape of a decoder with these heads; nothing else of it is looked at."""
    found = LanguageConfig.__new__(LanguageConfig)
    object.__setattr__(found, "num_heads", heads)
    object.__setattr__(found, "num_kv_heads", kv_heads)
    return found


def attend(folder: Path, kv_heads: int, packed: bool) -> None:
    """One process's columns of outputs and gradients, beside those of attention written out."""
    dist.init_process_group("gloo")
    world = World(dist.get_rank(), dist.get_world_size())
    team = Team.open(world, world.size, language(8, kv_heads))
    generator = torch.Generator().manual_seed(3)
    batch = 1 if packed else 2
    segments = torch.tensor([[0] * 5 + [1] * 6 + [-1]]) if packed else None
    shapes = [(batch, 12, heads, 4) for heads in (8, kv_heads, kv_heads)]
    whole = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    weights = torch.randn((batch, 12, 8, 4), generator=generator)
    mask = torch.ones(12, 12, dtype=torch.bool).tril() if segments is None else segment_mask(segments)
    expected = attention_reference(*whole, mask)
    slopes = torch.autograd.grad((expected * weights).sum(), whole)
    width = 12 // team.size
    columns = slice(team.place * width, (team.place + 1) * width)
    own = [part.detach()[:, columns].clone().requires_grad_() for part in whole]
    found = SequenceAttention(CausalAttention(segments), team)(0, *own)
    assert torch.allclose(found, expected[:, columns], atol=1e-6)
    own_slopes = torch.autograd.grad((found * weights[:, columns]).sum(), own)
    for mine, slope in zip(own_slopes, slopes, strict=True):
        assert torch.allclose(mine, slope[:, columns], atol=1e-5)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("processes", "kv_heads"), [(2, 8), (2, 4), (2, 1), (4, 2)])
def test_attention_over_columns_is_that_of_whole_rows(
    tmp_path: Path, processes: int, kv_heads: int, packed: bool
) -> None:
    in_two(lambda: attend(tmp_path, kv_heads, packed), processes)


@pytest.mark.parametrize(
    ("heads", "kv_heads", "processes", "size", "said"),
    [
        (8, 4, 4, 3, "there are 4 processes"),
        (6, 6, 4, 4, "divide the model's 6 attention heads"),
        (12, 3, 2, 2, "3 key-value heads"),
    ],
)
def test_heads_and_processes_that_cannot_be_divided_are_refused(
    heads: int, kv_heads: int, processes: int, size: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        Team.open(World(0, processes), size, language(heads, kv_heads))


def test_two_processes_train_rows_together_as_one(start: Path, tmp_path: Path) -> None:
    """Text and pictures mixed, padded; one key-value head for two processes."""
    train(start, tmp_path / "1")
    in_two(lambda: train(start, tmp_path / "2", TOGETHER))
    assert_same_run(tmp_path / "1", tmp_path / "2")


@pytest.mark.slow
@pytest.mark.parametrize("spread", ["model.replicate=false", "model.replicate=true"])
def test_two_teams_train_as_one_process(start: Path, tmp_path: Path, spread: str) -> None:
    """Four processes, two to a row: the model split among all of them, or whole in each."""
    train(start, tmp_path / "1")
    in_two(lambda: train(start, tmp_path / "4", TOGETHER, spread), 4)
    assert_same_run(tmp_path / "1", tmp_path / "4")


@pytest.mark.slow
@pytest.mark.parametrize("packing", ["data.packing=true", "data.packing=false"])
def test_adapters_and_recomputed_activations_in_a_team(start: Path, tmp_path: Path, packing: str) -> None:
    pytest.importorskip("peft")
    changes = ('model.train=["projector"]', 'model.lora=["llm"]', "model.lora_rank=4",
               "model.checkpointing=true", packing, "optim.muon_lr=0")  # fmt: skip
    train(start, tmp_path / "1", *changes)
    in_two(lambda: train(start, tmp_path / "2", TOGETHER, *changes))
    assert_same_run(tmp_path / "1", tmp_path / "2")


@pytest.mark.slow
@pytest.mark.parametrize("stage", [grpo, mpo, reward])
def test_other_stages_in_two_teams_do_as_one_process(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Callable[..., None]
) -> None:
    """Four processes: each asks its share of the questions, and two together compute a row."""
    assert_as_one(start, tmp_path, monkeypatch, stage, 4, sequence_parallel=2)


def most_allocated(work: Callable[[], object]) -> int:
    """The most bytes that torch held for this work at one time; counted, not looked at from time to time."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        work()
    changes = [one for one in found.profiler.kineto_results.events() if one.name() == "[memory]"]
    changes.sort(key=lambda one: one.start_ns())
    return max(accumulate(one.nbytes() for one in changes))


def peaks(model: Path, out: Path, together: int) -> None:
    """Write the most memory that a pass over a row of 8,192 tokens takes in this process."""
    compute = Compute.open("cpu", False)
    config = ModelConfig(str(model), sequence_parallel=together)
    policy = load_policy(model, compute, config, seed=0, console=Console(quiet=True))
    ids, side = torch.full((1, 8192), 7), policy.base.config.image_size
    end, zero = torch.tensor([8191]), torch.tensor([0])
    part = MicroBatch(ids, torch.zeros((0, side, side, 3), dtype=torch.uint8), end, zero, zero, ("",))
    policy.scores(policy.blank()).logprobs.sum().backward()  # what is made once is there
    most = most_allocated(lambda: policy.scores(part).logprobs.sum().backward())
    if compute.world.first:
        (out / f"{together}.json").write_text(json.dumps(most))


def test_a_row_takes_half_the_memory_in_each_of_two(start: Path, tmp_path: Path) -> None:
    """Both times two processes, so that the model is split alike."""
    in_two(lambda: peaks(start, tmp_path, 1))
    in_two(lambda: peaks(start, tmp_path, 2))
    alone, shared = (json.loads((tmp_path / f"{together}.json").read_text()) for together in (1, 2))
    assert shared < 0.65 * alone, (shared, alone)


def test_compiled_layers_are_refused(start: Path, tmp_path: Path) -> None:
    given = [f"model={start}", f"run.out={tmp_path / '1'}", *SETTINGS, TOGETHER, "run.compile=true"]
    with pytest.raises(ConfigError, match=r"run\.compile"):
        Trainer(read(SFTConfig, None, given), Console(quiet=True)).train()
