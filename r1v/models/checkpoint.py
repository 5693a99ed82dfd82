"""Checkpoints: every layout in, both whole layouts out.

Enters: folders. Leaves: modules filled from them, or folders. Always holds: every parameter is filled once
and no tensor is left over, or an error names the tensors; a written folder appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from r1v.core import CheckpointError
from r1v.models.adapter import refuse_adapter
from r1v.models.config import LanguageConfig, Layout, R1VConfig, VisionConfig
from r1v.models.config_json.read import (
    Kind,
    kind_of,
    parse_language,
    parse_vision,
    read_config,
    read_json,
)
from r1v.models.config_json.write import write_native, write_release, write_text
from r1v.models.language import LanguageModel
from r1v.models.names import HEAD, Piece, canonical, language_pieces, pieces, vision_pieces
from r1v.models.quantised import (
    fill_quantised,
    named_method,
    quantised_table,
    read_quantisation,
    refuse_unsaid,
    stored_quantisation,
)
from r1v.models.r1v import R1V
from r1v.models.tensor_files import TensorFiles, faults_of_writing, some_names, write_shards
from r1v.models.vision import VisionTower
from r1v.write_lock import partial_prefix, remove_leftovers, writing

M = TypeVar("M", bound=nn.Module)
Shapes = Mapping[str, tuple[int, ...]]

FLOATING = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
MAX_SHARD_BYTES = 5_000_000_000
LAYOUTS: tuple[Layout, ...] = ("release", "native")

# buffers that older libraries store, whose values follow from the shapes
_BUFFERS = ("rotary_emb.inv_freq", ".position_ids")

# everything beside config.json and the weights that a checkpoint needs to be used
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
)


# -------------------------------------------------------------------------------------------------- structure


class _NoInitialValues(TorchFunctionMode):
    """Leaves out torch.nn.init, which on the meta device only imports torch's symbolic parts (2 s)."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def without_memory() -> Iterator[None]:
    """Modules built here have parameters with shapes only (meta device)."""
    with torch.device("meta"), _NoInitialValues():
        yield


def build_empty(config: R1VConfig) -> R1V:
    """The model without memory for its parameters."""
    with without_memory():
        return R1V(config)


def parameter_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shapes of a module's parameters by name."""
    return {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}


def refuse_quantised(values: Mapping[str, Any], folder: Path) -> None:
    """Raise CheckpointError for a checkpoint with quantised weights, where only plain weights can be used."""
    found = stored_quantisation(values)
    if found is not None:
        raise CheckpointError(
            f"{folder} is quantised ({named_method(found)}); this works on full-precision "
            "checkpoints only: use the one it was made from"
        )


def match(
    files: TensorFiles,
    table: Iterable[Piece],
    layout: Layout,
    head: str | None,
    integer: Mapping[str, torch.dtype] = MappingProxyType({}),
) -> dict[str, Piece]:
    """Tensor name in the files -> its piece; a tied model's copy of the output matrix is left out.

    head: name of the output matrix where the model has none of its own. integer: dtype of the tensors that
    hold codes, by the pieces' names. CheckpointError: tensors missing or left over, shapes or dtypes that do
    not fit, each named.
    """
    by_name = {piece.name: piece for piece in table}
    found = {name: by_name.get(canonical(name, layout)) for name in files.infos}
    extra = [
        name for name, piece in found.items()
        if piece is None and canonical(name, layout) != head and not name.endswith(_BUFFERS)
    ]  # fmt: skip
    missing = by_name.keys() - {piece.name for piece in found.values() if piece is not None}
    twice = len([1 for piece in found.values() if piece is not None]) + len(missing) - len(by_name)
    shapes = [
        f"{name} is {files.infos[name].shape}, the model has {piece.shape}"
        for name, piece in found.items() if piece is not None and files.infos[name].shape != piece.shape
    ]  # fmt: skip
    dtypes = [
        f"{name} is {files.infos[name].dtype}, not {integer.get(piece.name, 'floating point')}"
        for name, piece in found.items()
        if piece is not None and files.infos[name].dtype not in (
            (integer[piece.name],) if piece.name in integer else FLOATING
        )
    ]  # fmt: skip
    problems = []
    if missing:
        problems.append(f"missing tensors: {some_names(missing)}")
    if extra:
        problems.append(f"tensors without a place in the model: {some_names(extra)}")
    if shapes:
        problems.append(f"wrong shapes: {some_names(shapes)}")
    if dtypes:
        problems.append(f"wrong dtypes: {some_names(dtypes)}")
    if twice:
        problems.append("tensors under two spellings of their name")
    if problems:
        raise CheckpointError(f"{files.folder} does not fit its config.json: {'; '.join(problems)}")
    return {name: piece for name, piece in found.items() if piece is not None}


# ---------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Description:
    """What a folder's config.json describes. module: on the meta device, without values.

    head: tensor that a tied model may repeat its embedding in.
    """

    folder: Path
    values: Mapping[str, Any]
    kind: Kind
    config: R1VConfig | VisionConfig | LanguageConfig
    module: nn.Module
    layout: Layout
    head: str | None

    @property
    def embedding(self) -> str:
        """Name of the embedding's parameter."""
        return "language.embedding.weight" if isinstance(self.config, R1VConfig) else "embedding.weight"


def describe(folder: Path, *, whole: bool = False) -> Description:
    """Describe a folder of any supported layout, a whole model or a single part. CheckpointError,
    ConfigError: no supported config.json.

    whole: a language model's folder is described as an R1V without a tower, in the layout "language".
    """
    values = read_json(folder / "config.json")
    kind = kind_of(values)
    layout: Layout = "native" if kind.endswith("native") else "release"
    config: R1VConfig | VisionConfig | LanguageConfig
    head = None
    with without_memory():
        module: nn.Module
        if kind == "language" and whole:
            layout, config = "language", read_config(folder)
            module = R1V(config)
            head = f"{HEAD[layout]}.weight" if config.language.tied else None
        elif kind == "language":
            config = parse_language(values)
            module = LanguageModel(config)
            head = "lm_head.weight" if config.tied else None
        elif kind in ("vision-release", "vision-native"):
            config = parse_vision(values, layout)
            module = VisionTower(config)
        else:
            config = read_config(folder)
            module = R1V(config)
            head = f"{HEAD[layout]}.weight" if config.language.tied else None
    return Description(folder, values, kind, config, module, layout, head)


def table_of(description: Description) -> list[Piece]:
    """The tensors that a folder has to hold."""
    shapes = parameter_shapes(description.module)
    if isinstance(description.config, R1VConfig):
        return pieces(shapes, description.layout, description.config.language)
    if isinstance(description.config, LanguageConfig):
        return language_pieces(shapes, description.config)
    return vision_pieces(shapes, description.layout)


def open_files(description: Description) -> tuple[TensorFiles, dict[str, Piece]]:
    """A plain folder's tensors by header, each with its place. CheckpointError: they do not fit the config,
    or are quantised."""
    refuse_quantised(description.values, description.folder)
    return open_any_files(description)


def open_any_files(description: Description) -> tuple[TensorFiles, dict[str, Piece]]:
    """As `open_files`, but of a quantised folder too."""
    files = TensorFiles(description.folder)
    table, integer = table_of(description), dict[str, torch.dtype]()
    quantisation = read_quantisation(description.values, description.folder)
    if quantisation is not None:
        found = quantised_table(table, files, description.layout, quantisation)
        table, integer = found.pieces, found.integer
    else:
        refuse_unsaid(files)
    return files, match(files, table, description.layout, description.head, integer)


def load(
    path: str | os.PathLike[str],
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
    *,
    widen: bool = False,
    base: bool = False,
) -> R1V:
    """The model of a whole checkpoint's folder, or of a language model's alone, in eval mode.

    dtype: of the parameters; None is the one that most of the checkpoint has. widen: layers that are stored
    in 4 or 8 bits become plain ones with the same values. base: an adapter for pictures beside the weights is
    left to the caller; without it such a folder is refused. Peak memory is the model and one shard. Raises
    CheckpointError and ConfigError, naming what is missing, left over, damaged or not supported.
    """
    if not base:
        refuse_adapter(Path(path), "what is asked for")
    return _load(Path(path), R1V, "a whole model", dtype, device, widen)


def load_vision(
    path: str | os.PathLike[str],
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
) -> VisionTower:
    """The tower of a bare InternViT folder, in the release's or transformers' names. As `load`."""
    return _load(Path(path), VisionTower, "a bare vision tower", dtype, device)


def load_language(
    path: str | os.PathLike[str],
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
) -> LanguageModel:
    """The language model of a bare Qwen2 or Qwen3 folder. As `load`."""
    return _load(Path(path), LanguageModel, "a bare language model", dtype, device)


def _load(
    folder: Path,
    wanted: type[M],
    what: str,
    dtype: torch.dtype | None,
    device: str | torch.device,
    widen: bool = False,
) -> M:
    description = describe(folder, whole=wanted is R1V)
    module = description.module
    if not isinstance(module, wanted):
        remedy = "; build one with `r1v assemble`" if wanted is R1V else ""
        raise CheckpointError(
            f"{folder} is of model_type {description.values['model_type']}, not {what}{remedy}"
        )
    files, places = open_any_files(description)
    dtype, place = dtype or commonest_dtype(files), torch.device(device)
    packed = packed_places(files, places)
    _fill(module, files, {n: each for n, each in places.items() if n not in packed}, dtype, place)
    quantisation = read_quantisation(description.values, folder)
    if packed and quantisation is not None:
        fill_quantised(module, files, packed, dtype, place, quantisation, widen=widen)
    if description.head is not None:
        embedding = module.get_parameter(description.embedding)
        check_tied_copy(files, description.layout, description.head, embedding.detach())
    return module.eval()


def packed_places(files: TensorFiles, places: Mapping[str, Piece]) -> dict[str, Piece]:
    """The tensors that hold codes, and the scales and zero points that belong to them."""
    coded = {piece.parameter for name, piece in places.items() if files.infos[name].dtype not in FLOATING}
    return {name: piece for name, piece in places.items() if piece.parameter in coded}


def commonest_dtype(files: TensorFiles) -> torch.dtype:
    """The dtype of most bytes, codes left out."""
    sizes: dict[torch.dtype, int] = {}
    for info in files.infos.values():
        if info.dtype in FLOATING:
            sizes[info.dtype] = sizes.get(info.dtype, 0) + info.num_bytes
    return max(sizes, key=lambda dtype: sizes[dtype], default=torch.float32)


def _fill(
    module: nn.Module,
    files: TensorFiles,
    places: Mapping[str, Piece],
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    """Fill the parameters of a module on the meta device, file by file; each is allocated when its first
    tensor is read."""
    shapes = parameter_shapes(module)
    filled: dict[str, torch.Tensor] = {}
    for name, tensor in files.on_device([name for name in files.infos if name in places], device):
        piece = places[name]
        if piece.parameter not in filled:
            filled[piece.parameter] = torch.empty(shapes[piece.parameter], dtype=dtype, device=device)
        filled[piece.parameter][piece.start : piece.start + piece.shape[0]].copy_(tensor)
    for parameter, value in filled.items():
        owner, _, leaf = parameter.rpartition(".")
        setattr(module.get_submodule(owner), leaf, nn.Parameter(value))


def check_tied_copy(files: TensorFiles, layout: Layout, head: str, embedding: torch.Tensor) -> None:
    """Check the output matrix that the file of a tied model may hold a second time: both copies must be
    equal."""
    for name, info in files.infos.items():
        if canonical(name, layout) == head:
            with files.open(info.file) as opened:
                copy = opened.get_tensor(name).to(embedding.device, embedding.dtype)
            if not torch.equal(copy, embedding):
                raise CheckpointError(
                    f"{files.folder}: {name} differs from the embedding, but config.json ties them; "
                    "set tie_word_embeddings to false"
                )


# ---------------------------------------------------------------------------------------------------- writing


def save(
    model: R1V,
    path: str | os.PathLike[str],
    layout: Layout | None = None,
    *,
    tokenizer_from: str | os.PathLike[str] | None = None,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    dtype: torch.dtype | None = None,
    overwrite: bool = False,
) -> None:
    """Write a whole checkpoint: config.json, sharded safetensors, tokenizer files.

    layout: None is native, or that of a language model alone where the model is one.
    tokenizer_from: a folder whose tokenizer, template and generation files are copied. dtype: None is the
    model's. overwrite: replace a folder that is there. Raises ConfigError for a model that the layout cannot
    express, CheckpointError for a folder that is not empty.
    """
    layout = check_layout(layout, model.config)
    table = pieces(parameter_shapes(model), layout, model.config.language)
    parameters = dict(model.named_parameters())
    dtype = dtype or model.dtype

    def fetch(piece: Piece) -> torch.Tensor:
        rows = parameters[piece.parameter].detach()[piece.start : piece.start + piece.shape[0]]
        return rows.to(device="cpu", dtype=dtype).clone()

    sizes = {piece.name: torch.Size(piece.shape).numel() * dtype.itemsize for piece in table}
    values = config_for(model.config, layout, dtype)
    write_folder(
        path, values, table, sizes, fetch, tokenizer_from=tokenizer_from, max_shard_bytes=max_shard_bytes,
        overwrite=overwrite,
    )  # fmt: skip


def check_layout(layout: str | None, config: R1VConfig | None = None) -> Layout:
    """The layout to write; None is native, or the only one that a language model alone has.

    CheckpointError: it cannot be written."""
    if config is not None and config.vision is None:
        if layout in (None, "language"):
            return "language"
        raise CheckpointError(
            f"the layout {layout} is for models with a vision tower, but this is a language model alone, "
            "which has only one layout: leave the layout out"
        )
    layout = "native" if layout is None else layout
    for known in LAYOUTS:
        if layout == known:
            return known
    raise CheckpointError(f"layout {layout!r} is not known; use {' or '.join(LAYOUTS)}")


def config_for(config: R1VConfig, layout: Layout, dtype: torch.dtype) -> dict[str, Any]:
    """config.json of a layout."""
    name = str(dtype).removeprefix("torch.")
    if layout == "language":
        return write_text(config, name)
    return write_release(config, name) if layout == "release" else write_native(config, name)


def write_folder(
    path: str | os.PathLike[str],
    values: Mapping[str, Any],
    table: Sequence[Piece],
    sizes: Mapping[str, int],
    fetch: Callable[[Piece], torch.Tensor],
    *,
    tokenizer_from: str | os.PathLike[str] | None,
    max_shard_bytes: int,
    overwrite: bool = False,
    finish: Callable[[Path], None] | None = None,
) -> None:
    """Write into a folder beside the target and rename it, so that no half-written checkpoint is ever seen.

    finish: called with the folder before the renaming, to add files. ConfigError: another process writes it.
    """
    target = Path(path)
    if max_shard_bytes < 1:
        raise CheckpointError(f"max_shard_bytes is {max_shard_bytes}; it must be at least 1")
    with writing(target), faults_of_writing(target):
        if target.exists() and not overwrite and (not target.is_dir() or any(target.iterdir())):
            raise CheckpointError(f"{target} exists already; choose another folder (nothing is overwritten)")
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
        partial_folder = target.with_name(f"{partial_prefix(target)}{os.getpid()}")
        partial_folder.mkdir()
        by_name = {piece.name: piece for piece in table}
        order = sorted(by_name, key=partial(_file_order, by_name))
        try:
            (partial_folder / "config.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
            if tokenizer_from is not None:
                copy_tokenizer(Path(tokenizer_from), partial_folder)
                _fit_processor(partial_folder, values.get("image_seq_length"))
            write_shards(
                partial_folder, [(name, sizes[name]) for name in order], lambda name: fetch(by_name[name]),
                max_shard_bytes,
            )  # fmt: skip
            if finish is not None:
                finish(partial_folder)
            if target.exists():
                shutil.rmtree(target)
            partial_folder.rename(target)
        finally:
            shutil.rmtree(partial_folder, ignore_errors=True)


def _file_order(by_name: Mapping[str, Piece], name: str) -> tuple[str | int, ...]:
    """Layers in the order of their numbers, so that a shard holds neighbours."""
    piece = by_name[name]
    parts = (int(part) if part.isdecimal() else part for part in piece.parameter.split("."))
    return (*parts, piece.start)


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copy a checkpoint's tokenizer, template and generation files that are there."""
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _fit_processor(folder: Path, tokens_per_tile: int | None) -> None:
    """Correct the processor's settings, which may come from another model: the number of tokens of an image
    must be this model's."""
    path = folder / "processor_config.json"
    if tokens_per_tile is None or not path.is_file():
        return
    settings = read_json(path)
    if settings.get("image_seq_length", tokens_per_tile) != tokens_per_tile:
        settings["image_seq_length"] = tokens_per_tile
        path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
