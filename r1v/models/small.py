"""R1V-Small: R1V-Nano's tower before a language model that somebody else trained.

Enters: the folder of Qwen2.5-Coder-0.5B-Instruct, from the Hub or named by the caller. Leaves: a checkpoint
of R1V-Nano's tower, a projector that begins with R1V-Nano's first layer, that language model, and the
adapter for pictures that this package has. Always holds: the language model's weights are not changed, and
its answers to texts are its own; the adapter is refused beside another model than it was trained on.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from r1v.core import CheckpointError
from r1v.models.adapter import FOLDER, has_adapter, read_adapter
from r1v.models.assemble import AssembleConfig, assemble
from r1v.models.checkpoint import load
from r1v.models.convert import describe_whole

SMALL, LANGUAGE_MODEL = "r1v-small", "Qwen/Qwen2.5-Coder-0.5B-Instruct"
PACKAGED = Path(__file__).parent / SMALL
_SHAPE = (24, 896, 151936)  # layers, width, vocabulary

_given: list[Path] = []


def use_language_model(folder: str | Path | None) -> None:
    """Take the language model of R1V-Small from a folder or a GGUF file instead of the Hub; None: the Hub."""
    _given[:] = [] if folder is None else [Path(folder)]


def given_language_model() -> Path | None:
    """What `use_language_model` was given."""
    return _given[0] if _given else None


def folder_of_small(nano: Path, language: Path) -> Path:
    """The checkpoint of R1V-Small, put together at the first use and kept in ~/.cache/r1v/small.

    nano, language: the folders of R1V-Nano and of the language model. Another one, or another version of the
    adapter, makes another checkpoint. CheckpointError: the adapter was made for another language model.
    """
    if not has_adapter(PACKAGED):
        raise CheckpointError(f"this installation has no {SMALL}; name another model")
    stamp = hashlib.sha256((PACKAGED / FOLDER / "adapter.safetensors").read_bytes())
    for file in sorted(language.glob("*.safetensors")):
        found = file.stat()
        stamp.update(f"{file.resolve()} {found.st_size} {found.st_mtime_ns}".encode())
    folder = Path.home() / ".cache" / "r1v" / "small" / stamp.hexdigest()[:12]
    if not has_adapter(folder):
        print(f"putting {SMALL} together once, in {folder}", file=sys.stderr)
        assemble_small(nano, language, folder)
        try:
            read_adapter(PACKAGED, load(folder))
        except CheckpointError:
            shutil.rmtree(folder, ignore_errors=True)
            raise CheckpointError(
                f"{language} is another model than {SMALL} was trained on; give {LANGUAGE_MODEL}"
            ) from None
        shutil.copytree(PACKAGED / FOLDER, folder / FOLDER)
    return folder


def assemble_small(nano: Path, language: Path, out: Path) -> None:
    """Tower, projector and language model as one checkpoint, as they are before training. CheckpointError:
    the language model is of another shape."""
    described = describe_whole(language)[1].language
    shape = described.num_layers, described.hidden_size, described.vocab_size
    if shape != _SHAPE:
        raise CheckpointError(
            f"{language} has layers, width and vocabulary {shape}; {SMALL} needs {_SHAPE}, which "
            f"{LANGUAGE_MODEL} has"
        )
    with tempfile.TemporaryDirectory() as scratch:
        projector = Path(scratch) / "projector.safetensors"
        save_file(starting_projector(nano, described.hidden_size), projector)
        assemble(nano, language, out, projector, AssembleConfig(thinking="pictures"))


def starting_projector(nano: Path, width: int) -> dict[str, torch.Tensor]:
    """R1V-Nano's norm and first layer, with zeros up to the width, and a second layer of zeros."""
    own = load(nano).projector
    assert own is not None
    first, inside = own.fc1.weight.detach().float(), own.fc1.out_features
    if width < inside:
        raise CheckpointError(f"the language model's width {width} is below R1V-Nano's {inside}")
    rest = width - inside
    found = {
        "norm.weight": own.norm.weight, "norm.bias": own.norm.bias,
        "fc1.weight": torch.nn.functional.pad(first, (0, 0, 0, rest)),
        "fc1.bias": torch.nn.functional.pad(own.fc1.bias.detach().float(), (0, rest)),
        "fc2.weight": torch.zeros(width, width), "fc2.bias": torch.zeros(width),
    }  # fmt: skip
    return {f"projector.{name}": value.detach().float().contiguous() for name, value in found.items()}
