"""Modular reassembly: a vision tower, a projector and a language model become one checkpoint.

Always holds: widths fit, the tokenizer has the image tokens and every id has an embedding, there is a chat
template; assembly.json tells what came from where, with hashes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from r1v import __version__
from r1v.core import CheckpointError
from r1v.models.checkpoint import (
    FLOATING,
    LAYOUTS,
    MAX_SHARD_BYTES,
    check_layout,
    commonest_dtype,
    copy_tokenizer,
    describe,
    parameter_shapes,
    without_memory,
)
from r1v.models.config import LanguageConfig, Layout, R1VConfig, VisionConfig
from r1v.models.config_json.read import IMAGE_TOKEN
from r1v.models.convert import StoredParameters, describe_whole, stored_parameters, write_stored
from r1v.models.image_tokens import TokenIds, ensure_image_tokens
from r1v.models.names import PROJECTOR, Piece
from r1v.models.projector import Projector
from r1v.models.r1v import randomise
from r1v.models.tensor_files import TensorFiles, some_names
from r1v.models.thinking import Thinking, settle_template, thinks
from r1v.write_lock import writing


@dataclass(frozen=True, slots=True)
class AssembleConfig:
    """How parts are put together.

    layout: of the result. dtype: of all its tensors; None is that of the language model. seed: of a projector
    that is not given. chat_template: text that replaces the language model's template. thinking: as of
    `settle_template`.
    """

    layout: Layout = "native"
    dtype: torch.dtype | None = None
    seed: int = 0
    chat_template: str | None = None
    thinking: Thinking = "keep"
    max_shard_bytes: int = MAX_SHARD_BYTES


def assemble(
    vision: str | os.PathLike[str],
    language: str | os.PathLike[str],
    out: str | os.PathLike[str],
    projector: str | os.PathLike[str] | None = None,
    config: AssembleConfig | None = None,
) -> dict[str, Any]:
    """Write a whole checkpoint from parts; returns what assembly.json says.

    vision, language: folders of bare parts, or of whole checkpoints whose part is taken. projector: a
    safetensors file, or a whole checkpoint's folder; None starts one at random. Raises CheckpointError where
    parts do not fit.
    """
    settings = config or AssembleConfig()
    check_layout(settings.layout)
    stored = StoredParameters()
    base, vision_files = _take_vision(Path(vision), stored)
    language_config, language_files = _take_language(Path(language), stored)
    with writing(out), tempfile.TemporaryDirectory() as scratch:
        tokenizer = Path(scratch)
        copy_tokenizer(Path(language), tokenizer)
        tokens = ensure_image_tokens(tokenizer)
        template = settle_template(tokenizer, settings.thinking, settings.chat_template)
        language_config = _grow_vocabulary(language_config, tokens, stored)
        whole = replace(base, language=language_config, image_token_id=tokens.ids[IMAGE_TOKEN])
        dtype = settings.dtype or commonest_dtype(language_files)
        record: dict[str, Any] = {
            "r1v_version": __version__,
            "dtype": str(dtype).removeprefix("torch."),
            "vision": _origin(Path(vision), vision_files),
            "projector": _take_projector(projector, whole, stored, settings.seed),
            "language": _origin(Path(language), language_files),
            "image_tokens": {"ids": tokens.ids, "added": list(tokens.added)},
            "chat_template": {
                "from": "given" if settings.chat_template is not None else str(language),
                "sha256": hashlib.sha256(template.encode()).hexdigest(),
                "thinks": thinks(tokenizer, template),
            },
        }

        def finish(folder: Path) -> None:
            record["result"] = {name: sha256(folder / name) for name in TensorFiles(folder).files}
            (folder / "assembly.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

        write_stored(
            out, whole, settings.layout, stored, dtype, cast=True, tokenizer_from=tokenizer,
            max_shard_bytes=settings.max_shard_bytes, finish=finish,
        )  # fmt: skip
    return record


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _origin(folder: Path, files: TensorFiles) -> dict[str, Any]:
    return {
        "path": str(folder.resolve()),
        "sha256": {name: sha256(folder / name) for name in ("config.json", *files.files)},
    }


def _take_vision(folder: Path, stored: StoredParameters) -> tuple[R1VConfig, TensorFiles]:
    """Put a tower's parameters into stored; a config whose language part still has to be replaced."""
    description = describe(folder)
    config = description.config
    if isinstance(config, LanguageConfig):
        raise CheckpointError(
            f"{folder} is a language model; --vision needs an InternViT or a whole checkpoint"
        )
    if isinstance(config, R1VConfig):
        whole, files = stored_parameters(description)
        stored.merge(whole, "vision.")
        return config, files
    tower, files = stored_parameters(description, "vision.")
    stored.merge(tower, "vision.")
    return R1VConfig(vision=config, language=LanguageConfig(1, 2, 1, 1, 1, 2, 1)), files


def _take_language(folder: Path, stored: StoredParameters) -> tuple[LanguageConfig, TensorFiles]:
    """Put a language model's parameters into stored."""
    description = describe(folder)
    config = description.config
    if isinstance(config, VisionConfig):
        raise CheckpointError(f"{folder} is a vision tower; --llm needs a Qwen model or a whole checkpoint")
    whole, files = stored_parameters(description, "language." if isinstance(config, LanguageConfig) else "")
    stored.merge(whole, "language.")
    return config if isinstance(config, LanguageConfig) else config.language, files


def _take_projector(
    path: str | os.PathLike[str] | None, config: R1VConfig, stored: StoredParameters, seed: int
) -> dict[str, Any]:
    """Put a projector's parameters into stored; what assembly.json says about it."""
    if path is None:
        with torch.device("cpu"):
            fresh = Projector(config)
        randomise(fresh, torch.Generator("cpu").manual_seed(seed))
        for name, parameter in fresh.named_parameters():
            stored.put(f"projector.{name}", parameter.detach())
        return {"initialised": f"at random, seed {seed}"}
    source = Path(path)
    if source.is_dir():
        description, found = describe_whole(source)
        if found.vision is None:
            raise CheckpointError(f"{source} is a language model without a projector; give one that has it")
        parameters, files = stored_parameters(description)
        _check_shapes(source, _projector_shapes(found), config)
        stored.merge(parameters, "projector.")
        return _origin(source, files)
    if not source.is_file():
        raise CheckpointError(
            f"{source} does not exist; --projector needs a safetensors file or a checkpoint"
        )
    files = TensorFiles(source.parent, source.name)
    places = _projector_places(files)
    _check_shapes(source, {piece.parameter: piece.shape for piece in places.values()}, config)
    stored.add(files, places)
    return {"path": str(source.resolve()), "sha256": {source.name: sha256(source)}}


def _projector_shapes(config: R1VConfig) -> dict[str, tuple[int, ...]]:
    with without_memory():
        return {f"projector.{name}": shape for name, shape in parameter_shapes(Projector(config)).items()}


def _check_shapes(source: Path, shapes: Mapping[str, tuple[int, ...]], config: R1VConfig) -> None:
    """CheckpointError for a projector that does not fit between the tower and the language model."""
    assert config.vision is not None
    wrong = [
        f"{name} is {shapes[name]}, it has to be {shape}"
        for name, shape in _projector_shapes(config).items() if shapes[name] != shape
    ]  # fmt: skip
    if wrong:
        raise CheckpointError(
            f"{source} does not fit between this tower (width {config.vision.hidden_size}) and this language "
            f"model (width {config.language.hidden_size}): {some_names(wrong)}"
        )


def _projector_places(files: TensorFiles) -> dict[str, Piece]:
    """The projector's tensors in a file, by the release's, transformers' or this project's names."""
    parameters = [f"{module}.{leaf}" for module in ("norm", "fc1", "fc2") for leaf in ("weight", "bias")]
    places: dict[str, Piece] = {}
    for parameter in parameters:
        module, leaf = parameter.split(".")
        names = {f"projector.{parameter}", parameter}
        for layout in LAYOUTS:
            names.add(f"{PROJECTOR[layout][module]}.{leaf}")
        names |= {name.removeprefix("model.") for name in names} | {
            name.removeprefix("mlp1.") for name in names
        }
        found = [name for name in names if name in files.infos]
        if len(found) != 1 or files.infos[found[0]].dtype not in FLOATING:
            what = "has no usable" if len(found) < 2 else "has several spellings of"
            raise CheckpointError(f"{files.folder / files.files[0]} {what} {parameter} of a projector")
        places[found[0]] = Piece(found[0], f"projector.{parameter}", 0, files.infos[found[0]].shape)
    return places


def _grow_vocabulary(config: LanguageConfig, tokens: TokenIds, stored: StoredParameters) -> LanguageConfig:
    """Add rows for new ids if the embedding has no spare ones; each is the mean of the existing rows."""
    if tokens.size <= config.vocab_size:
        return config
    size = -(-tokens.size // 64) * 64
    for parameter in ("language.embedding.weight",) if config.tied else (
        "language.embedding.weight", "language.head.weight"
    ):  # fmt: skip
        rows = stored.read(parameter, 0, config.vocab_size)
        mean = rows.mean(0, keepdim=True, dtype=torch.float32).to(rows.dtype)
        stored.put(parameter, torch.cat((rows, mean.expand(size - config.vocab_size, -1))))
    return replace(config, vocab_size=size)
