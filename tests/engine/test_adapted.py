"""An adapter for pictures: rows with pictures see it, rows without do not, to the bit, in one batch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from r1v import LLM, ImageRef, Message, SamplingParams
from r1v.core import CheckpointError
from r1v.engine import EngineConfig
from r1v.models import load
from r1v.models.adapter import adapted, read_adapter, save_adapter

PARAMS = SamplingParams.greedy(max_tokens=12, detect_loops=False, logprobs=0)
TEXTS = ("What is 2 + 3?", "Say hello to everybody in the room, twice.", "x")
SYSTEM = Message("system", ("You answer questions about all kinds of things, and are brief.",))


@pytest.fixture(scope="module")
def folder(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint with an adapter of the language model's linears and another projector."""
    target = tmp_path_factory.mktemp("adapter") / "model"
    shutil.copytree(tiny_checkpoint, target)
    base = load(target)
    generator = torch.Generator().manual_seed(4)
    tensors = {}
    for name, parameter in base.named_parameters():
        if name.startswith("language.layers.") and parameter.dim() == 2:
            rows, columns = parameter.shape
            tensors[f"{name}.down"] = torch.randn(4, columns, generator=generator)
            tensors[f"{name}.up"] = torch.randn(rows, 4, generator=generator) * 0.2
        elif name.startswith("projector."):
            tensors[name] = parameter.detach() + torch.randn(parameter.shape, generator=generator) * 0.3
    save_adapter(target, base, tensors)
    return target


def talks(picture: Path) -> list[list[Message]]:
    """Text and pictures in turn, all with one beginning, which blocks of the cache could be shared by."""
    shown = [[SYSTEM, Message.user(text, [ImageRef(picture)])] for text in TEXTS]
    plain = [[SYSTEM, Message.user(text)] for text in TEXTS]
    return [talk for pair in zip(shown, plain, strict=True) for talk in pair]


def answers(model: Path | str, conversations: list[list[Message]], **engine: Any) -> list[Any]:
    """Ids with log-probabilities of each."""
    config = EngineConfig(block_size=16, **engine)
    with LLM(model, dtype="float32", engine=config) as llm:
        found = llm.chat_many(conversations, PARAMS)
    return [(each.token_ids, [one.logprob for one in each.logprobs or ()]) for each in found]


@pytest.mark.parametrize("deterministic", [True, False])
def test_text_answers_are_the_bases_and_pictures_the_merged_models(
    folder: Path, tiny_checkpoint: Path, picture: Path, tmp_path: Path, run_r1v: Any, deterministic: bool
) -> None:
    from r1v.ops import isa

    if deterministic and isa.features().kernel_level is None:
        pytest.skip("deterministic needs our compiled kernels")
    assert run_r1v("convert", folder, tmp_path / "merged", "--merge-adapter")[0] == 0
    conversations = talks(picture)
    mixed = answers(folder, conversations, deterministic=deterministic)
    base = answers(tiny_checkpoint, conversations[1::2], deterministic=deterministic)
    merged = answers(tmp_path / "merged", conversations[::2], deterministic=deterministic)
    if deterministic:
        assert mixed[1::2] == base and mixed[::2] == merged
    assert [ids for ids, _ in mixed[1::2]] == [ids for ids, _ in base]
    assert [ids for ids, _ in mixed[::2]] == [ids for ids, _ in merged]
    # the adapter changes what is said about pictures, and would change texts
    assert mixed[::2] != answers(tiny_checkpoint, conversations[::2], deterministic=deterministic)
    assert base != answers(tmp_path / "merged", conversations[1::2], deterministic=deterministic)


def test_a_text_alone_is_the_bases_to_the_bit(folder: Path, tiny_checkpoint: Path, picture: Path) -> None:
    for talk in talks(picture)[1::2]:
        assert answers(folder, [talk]) == answers(tiny_checkpoint, [talk])


def test_the_base_is_untouched_and_the_twin_is_the_sum(folder: Path) -> None:
    base = load(folder, torch.float32, base=True)
    before = {name: value.detach().clone() for name, value in base.named_parameters()}
    tensors = read_adapter(folder, base)
    twin = adapted(base, tensors)
    for name, value in base.named_parameters():
        assert torch.equal(value, before[name])
        own = twin.get_parameter(name)
        if f"{name}.up" in tensors:
            assert torch.allclose(own, value + tensors[f"{name}.up"] @ tensors[f"{name}.down"], atol=1e-5)
        elif name in tensors:
            assert torch.equal(own, tensors[name])
        else:
            assert own is value


def test_what_would_leave_it_out_refuses(folder: Path, tmp_path: Path, run_r1v: Any) -> None:
    with pytest.raises(CheckpointError, match="--merge-adapter"):
        load(folder)
    for command in (
        ("quantize", folder, tmp_path / "awq", "--method", "rtn", "--group", 32),
        ("export", "gguf", folder, tmp_path / "gguf"),
        ("ask", "Hi", "--model", folder, "--backend", "transformers"),
        ("convert", folder, tmp_path / "other", "--layout", "release"),
    ):
        status, _, err = run_r1v(*command)
        assert status == 1 and "--merge-adapter" in err, (command, err)


def test_another_base_and_tensors_without_a_place_are_refused(folder: Path, tmp_path: Path) -> None:
    base = load(folder, torch.float32, base=True)
    with torch.no_grad():
        base.language.embedding.weight.add_(torch.randn(base.language.embedding.weight.shape))
    with pytest.raises(CheckpointError, match="made for another base: embedding"):
        read_adapter(folder, base)
    for name, shape in (("language.layers.9.mlp.down.weight", (2, 2)), ("projector.fc1.bias", (3,)),
                        ("language.layers.0.mlp.down.weight.up", (64, 4))):  # fmt: skip
        with pytest.raises(CheckpointError, match="fits no parameter"):
            save_adapter(tmp_path, base, {name: torch.zeros(shape)})
