# ruff: noqa: E501 - one kind of damage a line
"""150 damaged checkpoints: each is loaded, or refused in one line; and what others write is loaded."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from r1v import models
from r1v.core import R1VError
from r1v.models import LanguageConfig, R1VConfig, VisionConfig
from r1v.models.summary import summarise
from r1v.models.tensor_files import INDEX_NAME
from r1v.prompt import Processor
from tests.prompt.conftest import TEMPLATES, bpe, write_checkpoint

__all__ = ["bpe"]  # a fixture
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", INDEX_NAME)
ODD: list[Any] = [
    None, True, -1, 0, 2147483646, 10**30, 1.5, 1e308, "", "4", "x" * 5000, [], [None], {}, {"a": {"b": [1]}}, [[]] * 9,
    "\ud800", "<|im_end|>", "\u0000",
]  # fmt: skip


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, bpe: Any) -> Path:
    """A whole checkpoint with weights in shards."""
    folder = write_checkpoint(tmp_path_factory.mktemp("attacks") / "tokens", bpe, TEMPLATES["qwq"])
    (folder / "generation_config.json").write_text(json.dumps({"temperature": 0.6, "eos_token_id": [1, 2]}))
    size = json.loads((folder / "config.json").read_text())["llm_config"]["vocab_size"]
    config = R1VConfig(
        vision=VisionConfig(32, 1, 4, 48, image_size=56, patch_size=14),
        language=LanguageConfig(size, 48, 1, 6, 2, 8, 80, max_position_embeddings=512),
        image_token_id=Processor.from_folder(folder).special.image_context,
    )
    with torch.random.fork_rng():
        model = models.R1V(config)
    out = folder.parent / "whole"
    models.save(model, out, "native", tokenizer_from=folder, max_shard_bytes=60_000)
    assert (out / INDEX_NAME).is_file()
    return out


def read(folder: Path) -> None:
    """Everything that loads a checkpoint; each part ends well or in one line."""
    for part in (models.load, Processor.from_folder, summarise):
        try:
            part(folder)
        except R1VError as error:
            assert "\n" not in str(error) and len(str(error)) < 2000, error


def places(value: Any) -> list[tuple[Any, ...]]:
    """The ways to every value within one, a few of long lists."""
    items = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    found: list[tuple[Any, ...]] = []
    for key, inner in items[:40]:
        found += [(key,), *((key, *rest) for rest in places(inner))]
    return found


def with_odd_value(folder: Path, rng: random.Random) -> None:
    """One value of one file becomes another, or goes."""
    path = folder / rng.choice(FILES)
    values = json.loads(path.read_text())
    place = rng.choice(places(values))
    owner = values
    for key in place[:-1]:
        owner = owner[key]
    if rng.random() < 0.2:
        del owner[place[-1]]
    else:
        owner[place[-1]] = copy.deepcopy(rng.choice(ODD))
    path.write_text(json.dumps(values))


def with_damaged_bytes(folder: Path, rng: random.Random) -> None:
    """Bytes of a file are changed, cut or added."""
    path = rng.choice(sorted(path for path in folder.iterdir() if path.is_file()))
    raw = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 8)):
        raw[rng.randrange(min(len(raw), 4000))] = rng.randrange(256)
    path.write_bytes(raw[: rng.choice([len(raw), rng.randrange(len(raw))])] + rng.choice([b"", b"\0" * 9]))


def with_odd_file(folder: Path, rng: random.Random) -> None:
    """A file is a pipe, a folder, a loop of links, a link to a device, very deep, or not there."""
    path = rng.choice(sorted(path for path in folder.iterdir() if path.is_file()))
    path.unlink()
    kind = rng.randrange(7)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to(path.name)
    elif kind == 3:
        path.symlink_to("/dev/zero")
    elif kind == 4:
        path.write_text("[" * 100_000)
    elif kind == 5:
        path.write_text('{"a":' * 2000 + "1" + "}" * 2000)


DAMAGE: list[Callable[[Path, random.Random], None]] = [
    with_odd_value,
    with_odd_value,
    with_damaged_bytes,
    with_odd_file,
]


def check(number: int, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    rng = random.Random(number)
    DAMAGE[number % len(DAMAGE)](folder, rng)
    read(folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(160))
def test_a_damaged_checkpoint(number: int, whole: Path, tmp_path: Path) -> None:
    check(number, whole, tmp_path)


@pytest.mark.parametrize("number", range(1000, 1012))
def test_a_few_damaged_checkpoints(number: int, whole: Path, tmp_path: Path) -> None:
    check(number, whole, tmp_path)


# ------------------------------------------------------------------------------------------- what others write


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def with_overlay(folder: Path) -> None:
    """A tensor in a file of its own, whose older copy is still in the shard; and one that nobody maps."""
    index = json.loads((folder / INDEX_NAME).read_text())
    name = next(name for name in index["weight_map"] if "norm" in name)
    tensors = load_file(folder / index["weight_map"][name])
    save_file({name: tensors[name].clone()}, folder / "overlay.safetensors")
    save_file(
        {**tensors, name: tensors[name] + 1, "unused": torch.ones(2)}, folder / index["weight_map"][name]
    )
    edit(folder / INDEX_NAME, lambda values: values["weight_map"].update({name: "overlay.safetensors"}))


def with_buffer(folder: Path) -> None:
    """A buffer of positions, as older versions of transformers stored it."""
    name = "model.vision_tower.embeddings.position_ids"
    save_file({name: torch.arange(17)[None]}, folder / "model-buffer.safetensors")
    edit(folder / INDEX_NAME, lambda values: values["weight_map"].update({name: "model-buffer.safetensors"}))


OTHERS: dict[str, Callable[[Path], Any]] = {
    "an index that maps to overlays": with_overlay,
    "position_ids": with_buffer,
    "byte-order marks": lambda f: [
        (f / name).write_bytes(b"\xef\xbb\xbf" + (f / name).read_bytes()) for name in FILES
    ],
    "unsloth": lambda f: edit(
        f / "config.json", lambda v: v.update(unsloth_version="2025.1", unsloth_fixed=True)
    ),
    "keys_to_ignore_at_inference": lambda f: edit(
        f / "config.json", lambda v: v["text_config"].update(keys_to_ignore_at_inference=["past_key_values"])
    ),
    "nulls": lambda f: edit(f / "config.json", lambda v: v.update(quantization_config=None, llm_config=None)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_others_write_is_loaded(name: str, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    shutil.copytree(whole, folder)
    OTHERS[name](folder)
    theirs, ours = models.load(folder).state_dict(), models.load(whole).state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    Processor.from_folder(folder)
    if name == "unsloth":
        assert summarise(folder).unused == ["unsloth_version", "unsloth_fixed"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_size", 2147483646), ("max_position_embeddings", 2**40), ("vocab_size", 2**31),
     ("rope_scaling", {"rope_type": "yarn", "factor": 1e9, "original_max_position_embeddings": 32768})],
)  # fmt: skip
def test_absurd_sizes_are_refused_before_anything_is_allocated(
    key: str, value: object, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "absurd"
    shutil.copytree(whole, folder)
    edit(folder / "config.json", lambda values: values["text_config"].update({key: value}))
    with pytest.raises(R1VError) as caught:
        models.load(folder)
    assert "\n" not in str(caught.value)
