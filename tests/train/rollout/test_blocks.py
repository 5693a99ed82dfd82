"""Tensors that are handed over block by block: whole at the other end, in little memory, in no file."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from r1v import models
from r1v.train.core.compute import Compute
from r1v.train.core.config import ModelConfig
from r1v.train.core.policy import load_policy
from r1v.train.rollout.blocks import SentBlock, SharedBlock, WeightBlock, fill, read
from r1v.train.rollout.vllm import weights_of
from tests.train.core.test_distributed import Peak, anonymous, in_two, sixteen_layers

CPU = torch.device("cpu")


def tensors() -> list[tuple[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(3,), (7, 5), (), (64, 32), (1, 1, 9), (100,), (2, 3)]
    kinds = [torch.float32, torch.bfloat16, torch.float32, torch.float16, torch.bfloat16, torch.float32]
    return [
        (f"t{place}", torch.randn(shape, generator=generator).to(kinds[place % len(kinds)]))
        for place, shape in enumerate(shapes)
    ]


@pytest.mark.parametrize("kind", [SharedBlock, SentBlock])
@pytest.mark.parametrize(("size", "blocks"), [(4096, 3), (4608, 2), (1 << 20, 1)])
def test_tensors_arrive_as_they_were_sent(kind: Callable[[int], WeightBlock], size: int, blocks: int) -> None:
    """What was read stays as it is when the block is written again."""
    block, found, number = kind(size), [], 0
    for filled in fill(block, tensors()):
        found += read(block.place(), filled.tensors, block.content(filled.num_bytes), CPU)
        number += 1
    block.close()
    assert number == blocks
    for (name, sent), (arrived, got) in zip(tensors(), found, strict=True):
        assert name == arrived and sent.dtype == got.dtype and torch.equal(sent, got)


READER = """
import json, sys, torch
from r1v.train.rollout.blocks import Laid, read
place, laid = json.loads(sys.argv[1])
found = read(place, [Laid(*one) for one in laid], b"", torch.device("cpu"))
print(sum(float(tensor.double().sum()) for _, tensor in found))
"""


def test_another_process_reads_what_both_share() -> None:
    block = SharedBlock(1 << 20)
    (filled,) = fill(block, tensors())
    laid = [[one.name, one.dtype, list(one.shape), one.start] for one in filled.tensors]
    asked = json.dumps([block.place(), laid])
    found = subprocess.run([sys.executable, "-c", READER, asked], capture_output=True, text=True, check=True)
    assert float(found.stdout) == pytest.approx(sum(float(t.double().sum()) for _, t in tensors()))
    place = block.place()
    block.close()
    assert not Path(place["path"]).exists()


def hand_over(model: Path, out: Path) -> None:
    """Write the most memory of its own that a process took, which has one of two shares of a model."""
    ctypes.CDLL(None).mallopt(-3, 1 << 20)  # M_MMAP_THRESHOLD: what is freed goes back at once
    compute = Compute.open("cpu", False)
    config = ModelConfig(str(model), train=("vision", "projector", "llm"))
    policy = load_policy(model, compute, config, seed=0, console=Console(quiet=True))
    block, before, names = SharedBlock(1 << 22), anonymous(), list[str]()
    with Peak() as held:
        for filled in fill(block, weights_of(policy, torch.float32)):
            names += [one.name for one in filled.tensors]
    block.close()
    assert len(names) == len(set(names)) > 100
    (out / f"{compute.world.rank}.json").write_text(json.dumps(held.most - before))


def test_weights_of_a_split_model_take_a_tensor_at_a_time(tmp_path: Path) -> None:
    model = sixteen_layers(tmp_path)
    in_two(lambda: hand_over(model, tmp_path))
    parameters = [p.numel() * 4 for p in models.load(model, torch.float32).parameters()]
    for rank in (0, 1):
        # the largest tensor gathered, and the copies that gathering makes
        assert json.loads((tmp_path / f"{rank}.json").read_text()) < 4 * max(parameters) < sum(parameters) / 5
