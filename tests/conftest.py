"""A random tiny R1V checkpoint with R1V-Nano's tokenizer form and chat template, and pictures to show it."""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Threads of several test processes on few cores stall one another; set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("R1V_QUIET", "1")  # what R1V-Nano is has a test of its own

from r1v.cli.instructions import limit_instructions

limit_instructions(os.environ)  # R1V_CPU_ISA

# On a busy machine making examples takes long, which is no fault of the tests.
settings.register_profile("r1v", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("r1v")

TINY_CONTEXT = 512
TINY_IMAGE_SIZE = 32  # patch 8, downsample 2: 4 tokens a tile


@pytest.fixture(scope="session")
def tiny_tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tokenizer files only: 256 bytes, a few dozen merges, the release's special tokens; ids under 320."""
    from r1v.train.data.tokenizer import save_tokenizer, train_tokenizer

    texts = ["The answer is 12. So 12 + 7 = 19, thus the triangle has 3 sides.", "圆圈有三个，红色。"] * 4
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_tokenizer(texts, vocab_size=320), folder, context=TINY_CONTEXT)
    return folder


def tiny_config(tokenizer_folder: Path, **language):  # type: ignore[no-untyped-def]
    """An R1VConfig of 32-pixel tiles and 2+2 layers; language: changes to the LanguageConfig."""
    from tokenizers import Tokenizer

    from r1v.models import LanguageConfig, R1VConfig, VisionConfig

    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    special = {name: tokenizer.token_to_id(name) for name in ("<|im_end|>", "<|endoftext|>", "<IMG_CONTEXT>")}
    values = {
        "vocab_size": 320,  # two more than the tokenizer has, as real checkpoints are padded
        "hidden_size": 64,
        "num_layers": 2,
        "num_heads": 4,
        "num_kv_heads": 2,
        "head_dim": 32,
        "intermediate_size": 96,
        "max_position_embeddings": TINY_CONTEXT,
        "tied": True,
        "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["<|endoftext|>"],
    }
    return R1VConfig(
        vision=VisionConfig(
            hidden_size=32,
            num_layers=2,
            num_heads=2,
            intermediate_size=64,
            image_size=TINY_IMAGE_SIZE,
            patch_size=8,
        ),
        language=LanguageConfig(**{**values, **language}),
        image_token_id=special["<IMG_CONTEXT>"],
        max_tiles=2,
    )


def write_tiny_checkpoint(
    folder: Path, tokenizer_folder: Path, layout: str = "native", seed: int = 0
) -> Path:
    """Write a whole random checkpoint that `r1v.models.load`, Processor and LLM read."""
    import torch

    from r1v.models import R1V, save

    model = R1V(tiny_config(tokenizer_folder))
    model.initialise(seed)
    with torch.no_grad():  # larger than a trained start: outputs differ from prompt to prompt
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "embedding" not in name:
                parameter.mul_(8.0)
    save(model, folder, layout, tokenizer_from=tokenizer_folder)  # type: ignore[arg-type]
    (folder / "generation_config.json").write_text(
        json.dumps({"do_sample": False, "eos_token_id": model.config.language.eos_token_id})
    )
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer_folder: Path) -> Path:
    """A checkpoint folder in transformers' native layout: float32, context 512, 4 tokens a tile, 1 to 2 tiles
    and a thumbnail an image, greedy by its generation_config.json. Read only."""
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "tiny-r1v", tiny_tokenizer_folder)


def write_text_checkpoint(folder: Path, tokenizer_folder: Path, family: str = "qwen2") -> Path:
    """Write a random language model alone, as Qwen2 and Qwen3 are published, greedy by its settings."""
    import torch

    from r1v.models import R1V, R1VConfig, save

    whole = tiny_config(tokenizer_folder, family=family)
    model = R1V(R1VConfig(None, whole.language))
    model.initialise(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "embedding" not in name:
                parameter.mul_(8.0)
    save(model, folder, tokenizer_from=tokenizer_folder)
    (folder / "generation_config.json").write_text(
        json.dumps({"do_sample": False, "eos_token_id": model.config.language.eos_token_id})
    )
    return folder


@pytest.fixture(scope="session", params=["qwen2", "qwen3"])
def text_checkpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer_folder: Path
) -> Path:
    """The folder of a tiny language model without a tower, of each family. Read only."""
    folder = tmp_path_factory.mktemp("text") / f"tiny-{request.param}"
    return write_text_checkpoint(folder, tiny_tokenizer_folder, request.param)


@pytest.fixture(scope="session")
def endless_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint with a long context: greedily it goes on for a minute."""
    folder = tmp_path_factory.mktemp("endless") / "model"
    shutil.copytree(tiny_checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = 50_000
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PNG of 96 x 48 pixels, a red disc on blue: 12 tokens (2 tiles, thumbnail) in the tiny checkpoint."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (96, 48), "blue")
    ImageDraw.Draw(image).ellipse((10, 10, 40, 40), fill="red")
    path = tmp_path_factory.mktemp("pictures") / "disc.png"
    image.save(path)
    return path


@pytest.fixture
def run_r1v(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[object]:
    """Call ``r1v ARG...`` in this process: (status, standard output, standard error)."""
    from r1v.cli.main import main

    monkeypatch.delenv("R1V_MODEL", raising=False)

    def call(*argv: object) -> tuple[int, str, str]:
        try:
            status = main([str(word) for word in argv])
        except SystemExit as stop:  # argparse's own
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    yield call


@pytest.fixture(autouse=True, scope="module")
def _memory_given_back() -> Iterator[None]:
    """A command run in this process freezes what it holds; engines' caches would add up over the files."""
    yield
    gc.unfreeze()
    gc.collect()
