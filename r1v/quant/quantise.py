"""A checkpoint in 4 bits, made block by block.

Enters: a full-precision checkpoint and settings. Leaves: a folder in AutoAWQ's "gemm" layout, in
either checkpoint layout. Always holds: memory is that of one block, its activations and one shard; a run that
was killed goes on at the block where it stopped and writes the same bytes; the folder appears whole or not
at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from r1v.core import CheckpointError, ConfigError, parse_json
from r1v.models import R1V, R1VConfig
from r1v.models.checkpoint import (
    build_empty,
    check_layout,
    commonest_dtype,
    config_for,
    parameter_shapes,
    write_folder,
)
from r1v.models.config import Layout
from r1v.models.convert import StoredParameters, describe_whole, stored_parameters
from r1v.models.language import LanguageLayer
from r1v.models.names import Piece, pieces
from r1v.models.quantised import SUFFIXES, pack_codes
from r1v.models.tensor_files import TensorFiles
from r1v.ops import CausalAttention
from r1v.ops.rounding import quantise, quantise_rows
from r1v.prompt import normalise
from r1v.quant.awq import LayerInputs, ScaleChoice, search_layer
from r1v.quant.calibration import CHAT_SOURCES, chats_of, check_source
from r1v.quant.chat import Chat, load_chats, save_chats
from r1v.write_lock import writing

METHODS = ("awq", "rtn")
# what stays in high precision, for every reader: vLLM looks for a part of its own names, which are of either
# layout, transformers for the beginning of a native one
NOT_CONVERTED = ("vision_model", "vision_tower", "mlp1", "multi_modal_projector", "lm_head",
                 "model.vision_tower", "model.multi_modal_projector")  # fmt: skip
CHATS = "chats.safetensors"
Progress = Callable[[str, int, int], None]  # (kind of work, amount done, amount in all)


@dataclass(frozen=True, slots=True)
class QuantConfig:
    """method: "awq", or "rtn" (round to nearest, without calibration). vision_bits: 16 keeps the tower.

    calibration: where the chats come from: one of CHAT_SOURCES, or a file (see `calibration.chats_of`).
    max_tokens: of an answer. search_tokens: of
    those that scales are searched with. num_ratios: of the grid. clipping: also narrow the groups' ranges
    (see `awq`). layout: None is the source's. device: of the arithmetic.
    """

    bits: int = 4
    group_size: int = 128
    method: str = "awq"
    vision_bits: int = 16
    calibration: str = "own"
    num_chats: int = 64
    max_tokens: int = 1024
    search_tokens: int = 2048
    num_ratios: int = 20
    clipping: bool = False
    seed: int = 0
    layout: Layout | None = None
    device: str = "cpu"
    max_shard_bytes: int = 2_000_000_000

    def __post_init__(self) -> None:
        if self.bits != 4:
            raise ConfigError(f"bits is {self.bits}; AWQ checkpoints are made with 4")
        if self.method not in METHODS:
            raise ConfigError(f"method {self.method!r} is not known; use one of {', '.join(METHODS)}")
        if self.vision_bits not in (8, 16):
            raise ConfigError(f"vision_bits is {self.vision_bits}; it must be 8 or 16")
        check_source(self.calibration)
        for name in ("group_size", "num_chats", "max_tokens", "search_tokens", "num_ratios"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")


def quantise_checkpoint(
    source: Path,
    target: Path,
    config: QuantConfig,
    progress: Progress = lambda what, done, total: None,
    chats: Sequence[Chat] | None = None,
) -> None:
    """Quantise a whole checkpoint into a new folder. chats: instead of those that config describes.

    Work is kept beside target, in ``.NAME.quantise``, until all is written. Raises CheckpointError (source
    damaged or quantised already, target there), ConfigError (groups that do not divide the layers, a run to
    be resumed with other settings).
    """
    description, model_config = describe_whole(source)
    check_groups(model_config, config.group_size)
    with writing(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise CheckpointError(f"{target} exists already; choose another folder (nothing is overwritten)")
        stored, files = stored_parameters(description)
        work = target.with_name(f".{target.name}.quantise")
        _open_work(work, source, files, config, chats)
        choices = _quantise_layers(source, model_config, stored, work, config, progress)
        layout = check_layout(config.layout or description.layout, model_config)
        _write(source, target, model_config, layout, stored, files, work, config, choices)
        shutil.rmtree(work)


def check_groups(config: R1VConfig, group_size: int) -> None:
    """ConfigError where groups do not divide every layer's inputs, or packs of 8 its outputs."""
    language = config.language
    for name, width in (
        ("hidden_size", language.hidden_size),
        ("the attention's width", language.num_heads * language.head_dim),
        ("intermediate_size", language.intermediate_size),
        ("the width of keys", language.num_kv_heads * language.head_dim),
    ):
        divisor = 8 if name == "the width of keys" else group_size
        if width % divisor:
            raise ConfigError(
                f"{name} is {width}, which is not a multiple of {divisor}; choose another --group"
            )


def _open_work(
    work: Path, source: Path, files: TensorFiles, config: QuantConfig, chats: Sequence[Chat] | None
) -> None:
    """Begin a folder of work, or check that the one there is of the same run."""
    digest = hashlib.sha256((source / "config.json").read_bytes())
    for name, info in sorted(files.infos.items()):
        digest.update(f"{name} {info}".encode())
    for name in files.files:
        with (source / name).open("rb") as file:  # both ends are enough to tell weights apart
            digest.update(file.read(1 << 20))
            file.seek(max(0, os.fstat(file.fileno()).st_size - (1 << 20)))
            digest.update(file.read())
    if config.calibration not in CHAT_SOURCES:
        digest.update(Path(config.calibration).read_bytes())
    for chat in chats or ():
        digest.update(repr(chat.token_ids).encode() + chat.tiles.tobytes())
    run = json.dumps({"source": digest.hexdigest(), "config": asdict(config)}, sort_keys=True)
    path = work / "run.json"
    if path.is_file():
        if path.read_text(encoding="utf-8") != run:
            raise ConfigError(
                f"{work} holds an unfinished run of another source or with other settings; "
                "repeat those, or remove the folder"
            )
        return
    work.mkdir(parents=True, exist_ok=True)
    if chats is not None:
        _write_atomically(work / CHATS, lambda partial: save_chats(chats, partial))
    _write_atomically(path, lambda partial: partial.write_text(run, encoding="utf-8"))


def _write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    write(partial)
    os.replace(partial, path)


# --------------------------------------------------------------------------------------------- layer by layer


def _quantise_layers(
    source: Path,
    model_config: R1VConfig,
    stored: StoredParameters,
    work: Path,
    config: QuantConfig,
    progress: Progress,
) -> list[list[ScaleChoice]]:
    """Write ``block-N.safetensors`` for every layer that is not done yet. Returns what AWQ chose in each
    layer."""
    model = build_empty(model_config)
    number = model_config.language.num_layers
    hidden: list[torch.Tensor] | None = None
    choices: list[list[ScaleChoice]] = []
    for index in range(number):
        block, report = work / f"block-{index:05d}.safetensors", work / f"block-{index:05d}.json"
        if not (block.is_file() and report.is_file()):
            progress("block", index, number)
            if config.method == "awq" and hidden is None:
                hidden = _hidden_states(source, model, stored, work, config, index, progress)
            hidden = _quantise_layer(model, stored, work, config, index, hidden)
        choices.append(_read_choices(report))
        progress("block", index + 1, number)
    return choices


def _read_choices(path: Path) -> list[ScaleChoice]:
    """What a run that goes on chose before. CheckpointError: somebody else wrote the file."""
    try:
        return [
            ScaleChoice(**each) for each in parse_json(path.read_bytes(), str(path), error=CheckpointError)
        ]
    except (OSError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); remove its folder and begin anew") from None


@torch.no_grad()
def _quantise_layer(
    model: R1V,
    stored: StoredParameters,
    work: Path,
    config: QuantConfig,
    index: int,
    hidden: list[torch.Tensor] | None,
) -> list[torch.Tensor] | None:
    """Search and write one layer. hidden: what enters it, a tensor for each chat; gives what leaves it.

    Activations are those of the original model, so that a block does not depend on how others were rounded.
    """
    choices: list[ScaleChoice] = []
    device = torch.device(config.device)
    layer = model.language.layers[index]
    assert isinstance(layer, LanguageLayer)
    with filled(layer, f"language.layers.{index}.", stored, device):
        if hidden is not None:
            hidden, seen = _advance(model, layer, hidden, config.search_tokens, device)
            choices = search_layer(layer, seen, config.group_size, config.num_ratios, config.clipping)
            path = work / f"hidden-{index + 1:05d}.safetensors"
            states = {f"{i:05d}": each for i, each in enumerate(hidden)}
            _write_atomically(path, lambda partial: save_file(states, partial))
        tensors: dict[str, torch.Tensor] = {}
        for name, module in layer.named_modules():
            if isinstance(module, nn.Linear):
                rounded = quantise(module.weight, config.group_size)
                tensors[f"{name}.codes"] = rounded.codes.cpu()
                tensors[f"{name}.scales"] = rounded.scales.cpu()
                tensors[f"{name}.zeros"] = rounded.zeros.cpu()
        for name, parameter in layer.named_parameters():
            if parameter.dim() == 1:
                tensors[name] = parameter.detach().cpu().clone()
    _write_atomically(work / f"block-{index:05d}.safetensors", lambda partial: save_file(tensors, partial))
    text = json.dumps([asdict(choice) for choice in choices])
    _write_atomically(
        work / f"block-{index:05d}.json", lambda partial: partial.write_text(text, encoding="utf-8")
    )
    (work / f"hidden-{index:05d}.safetensors").unlink(missing_ok=True)
    return hidden


@contextmanager
def filled(
    module: nn.Module, prefix: str, stored: StoredParameters, device: torch.device
) -> Iterator[nn.Module]:
    """Give a module on the meta device its parameters in float32 while the context lasts."""
    shapes = parameter_shapes(module)
    for name, shape in shapes.items():
        value = stored.read(prefix + name, 0, shape[0]).to(device, torch.float32)
        owner, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner), leaf, nn.Parameter(value, requires_grad=False))
    try:
        yield module
    finally:
        for name, shape in shapes.items():
            owner, _, leaf = name.rpartition(".")
            empty = torch.empty(shape, device="meta")
            setattr(module.get_submodule(owner), leaf, nn.Parameter(empty, requires_grad=False))


def _advance(
    model: R1V, layer: LanguageLayer, hidden: Sequence[torch.Tensor], search_tokens: int, device: torch.device
) -> tuple[list[torch.Tensor], LayerInputs]:
    """Run a layer over all chats: what leaves it, and an even selection of what its linear layers see."""
    linears = {
        "qkv": layer.attention.qkv, "out": layer.attention.out,
        "gate_up": layer.mlp.gate_up, "down": layer.mlp.down,
    }  # fmt: skip
    total = sum(len(each) for each in hidden)
    every = max(1, -(-total // search_tokens))
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in linears}
    offset = 0
    handles = [
        linear.register_forward_pre_hook(
            lambda module, inputs, name=name: seen[name].append(
                inputs[0][0][(-offset) % every :: every].clone()
            )
        )
        for name, linear in linears.items()
    ]
    out = []
    try:
        for states in hidden:
            positions = torch.arange(len(states), device=device)[None]
            cos, sin = model.language.rope(positions)
            out.append(layer(states[None].to(device), cos, sin, CausalAttention())[0].cpu())
            offset += len(states)
    finally:
        for handle in handles:
            handle.remove()
    return out, LayerInputs(**{name: torch.cat(each) for name, each in seen.items()})


# ------------------------------------------------------------------------------------------------ what enters


@torch.no_grad()
def _hidden_states(
    source: Path,
    model: R1V,
    stored: StoredParameters,
    work: Path,
    config: QuantConfig,
    index: int,
    progress: Progress,
) -> list[torch.Tensor]:
    """The inputs of layer ``index``: those that an interrupted run has stored, or the embedded chats (index
    0)."""
    path = work / f"hidden-{index:05d}.safetensors"
    if path.is_file():
        states = load_file(path)
        return [states[name] for name in sorted(states)]
    if index:
        raise CheckpointError(f"{work} lacks {path.name}; remove the folder and begin anew")
    chats_path = work / CHATS
    if not chats_path.is_file():
        chats = chats_of(
            source, config.calibration, config.num_chats, max_tokens=config.max_tokens, seed=config.seed,
            progress=lambda done, total: progress("chat", done, total),
        )  # fmt: skip
        _write_atomically(chats_path, lambda partial: save_chats(chats, partial))
    chats = load_chats(chats_path)
    features = _image_features(model, stored, chats, torch.device(config.device))
    language = model.config.language
    table = stored.read("language.embedding.weight", 0, language.vocab_size)
    hidden, first = [], 0
    for chat in chats:
        ids = torch.tensor(chat.token_ids)
        embedded = table[ids].float()
        if len(chat.tiles):
            assert features is not None
            embedded[ids == model.config.image_token_id] = features[first : first + len(chat.tiles)].flatten(
                0, 1
            )
            first += len(chat.tiles)
        hidden.append(embedded)
    return hidden


def _image_features(
    model: R1V, stored: StoredParameters, chats: Sequence[Chat], device: torch.device
) -> torch.Tensor | None:
    """Features of all tiles, the tower's layers filled one at a time."""
    tiles = [tile for chat in chats for tile in chat.tiles]
    tower, projector = model.vision, model.projector
    if not tiles or tower is None or projector is None:
        return None
    contexts: dict[nn.Module, Any] = {}

    def fill(module: nn.Module, prefix: str) -> None:
        contexts[module] = filled(module, prefix, stored, device)
        contexts[module].__enter__()

    def empty(module: nn.Module) -> None:
        contexts.pop(module).__exit__(None, None, None)

    handles = []
    for number, layer in enumerate(tower.layers):
        prefix = f"vision.layers.{number}."
        handles.append(layer.register_forward_pre_hook(lambda m, inputs, prefix=prefix: fill(m, prefix)))
        handles.append(layer.register_forward_hook(lambda m, inputs, out: empty(m)))
    for name in ("class_embedding", "position_embedding"):
        shape = tower.get_parameter(name).shape
        value = stored.read(f"vision.{name}", 0, shape[0]).to(device, torch.float32)
        setattr(tower, name, nn.Parameter(value, requires_grad=False))
    fill(tower.patch_embedding, "vision.patch_embedding.")
    fill(projector, "projector.")
    try:
        out = []
        for start in range(0, len(tiles), 32):
            batch = normalise(np.stack(tiles[start : start + 32])).to(device)
            out.append(model.encode_images(batch).cpu())
    finally:
        for handle in handles:
            handle.remove()
        for module in list(contexts):
            empty(module)
    return torch.cat(out)


# ---------------------------------------------------------------------------------------------------- writing


def _write(
    source: Path,
    target: Path,
    model_config: R1VConfig,
    layout: Layout,
    stored: StoredParameters,
    files: TensorFiles,
    work: Path,
    config: QuantConfig,
    choices: Sequence[Sequence[ScaleChoice]],
) -> None:
    """The finished folder."""
    table: list[Piece] = []
    sizes: dict[str, int] = {}
    for piece in pieces(parameter_shapes(build_empty(model_config)), layout, model_config.language):
        for part, num_bytes in _parts(piece, stored, config):
            table.append(part)
            sizes[part.name] = num_bytes
    dtype = commonest_dtype(files)
    values = config_for(model_config, layout, dtype) | {"quantization_config": _section(config)}

    def finish(folder: Path) -> None:
        record = {"config": asdict(config), "choices": [[asdict(c) for c in layer] for layer in choices]}
        (folder / "quantisation.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    write_folder(
        target, values, table, sizes, lambda piece: _fetch(piece, stored, work, config),
        tokenizer_from=source, max_shard_bytes=config.max_shard_bytes, overwrite=True, finish=finish,
    )  # fmt: skip


def _section(config: QuantConfig) -> dict[str, Any]:
    found: dict[str, Any] = {
        "quant_method": "awq", "bits": 4, "group_size": config.group_size, "version": "gemm",
        "zero_point": True, "modules_to_not_convert": list(NOT_CONVERTED),
    }  # fmt: skip
    return found if config.vision_bits == 16 else {**found, "vision_bits": config.vision_bits}


def _is_layer(piece: Piece) -> bool:
    return piece.parameter.startswith("language.layers.")


def _parts(piece: Piece, stored: StoredParameters, config: QuantConfig) -> Iterator[tuple[Piece, int]]:
    """The tensors that take the place of one tensor of the plain layout, with their sizes in bytes."""
    base = piece.name.removesuffix(".weight")
    matrix = piece.name.endswith(".weight") and len(piece.shape) == 2
    if _is_layer(piece) and matrix:
        rows, columns = piece.shape
        groups = columns // config.group_size
        shapes = ((columns, rows // 8), (groups, rows // 8), (groups, rows))
        for suffix, shape, width in zip(SUFFIXES, shapes, (4, 4, 2), strict=True):
            yield Piece(f"{base}.{suffix}", piece.parameter, piece.start, shape), shape[0] * shape[1] * width
    elif piece.parameter.startswith("vision.layers.") and matrix and config.vision_bits == 8:
        yield piece, piece.shape[0] * piece.shape[1]
        yield Piece(f"{base}.weight_scale", piece.parameter, piece.start, piece.shape[:1]), 4 * piece.shape[0]
    else:
        width = stored.dtype(piece.parameter, piece.start, piece.shape[0]).itemsize
        yield piece, torch.Size(piece.shape).numel() * width


def _fetch(piece: Piece, stored: StoredParameters, work: Path, config: QuantConfig) -> torch.Tensor:
    """One tensor of the finished folder."""
    suffix = piece.name.rpartition(".")[2]
    if _is_layer(piece):
        index, _, name = piece.parameter.removeprefix("language.layers.").partition(".")
        with safe_open(work / f"block-{int(index):05d}.safetensors", framework="pt") as block:
            if suffix not in SUFFIXES:
                rows = block.get_slice(name)[piece.start : piece.start + piece.shape[0]]
                return rows.to(stored.dtype(piece.parameter, piece.start, piece.shape[0]))
            kind = {"qweight": "codes", "qzeros": "zeros", "scales": "scales"}[suffix]
            outputs = piece.shape[1] * (1 if suffix == "scales" else 8)
            found = block.get_slice(name.removesuffix("weight") + kind)[piece.start : piece.start + outputs]
        return found.T.contiguous() if suffix == "scales" else pack_codes(found.T)
    matrix = suffix == "weight_scale" or (suffix == "weight" and len(piece.shape) == 2)
    if piece.parameter.startswith("vision.layers.") and config.vision_bits == 8 and matrix:
        codes, scales = quantise_rows(stored.read(piece.parameter, piece.start, piece.shape[0]))
        return scales if suffix == "weight_scale" else codes
    return stored.read(piece.parameter, piece.start, piece.shape[0])
