"""Checkpoints in AutoAWQ's "gemm" layout, read without any loss.

Enters: a folder whose config.json has a quantization_config, at the top level or in the language model's
section. Leaves: a model whose quantised layers hold the checkpoint's own codes, or their values widened.
Always holds: a layer that modules_to_not_convert names is not taken as quantised; what is not understood is
refused by name.

The layout: for a layer (N, K) with groups of G inputs, qweight int32 (K, N / 8), qzeros int32 (K / G, N / 8),
scales float16 (K / G, N). An int32 holds eight neighbouring outputs; its nibble i is output ORDER[i] of them.
The value is (code - zero) * scale. An 8-bit tower is ours: weight int8 (N, K) and weight_scale float32 (N,).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from r1v.core import CheckpointError
from r1v.models.config_json.read import escaped, shown
from r1v.models.names import Piece, canonical
from r1v.models.tensor_files import TensorFiles
from r1v.ops.linear import AwqLinear, Int8Linear, pack_nibbles, unpack_nibbles

ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
INVERSE = tuple(ORDER.index(column) for column in range(8))
SUFFIXES = ("qweight", "qzeros", "scales")
INTEGER = {"qweight": torch.int32, "qzeros": torch.int32, "weight": torch.int8}


@dataclass(frozen=True, slots=True)
class Quantisation:
    """What config.json says. group_size: inputs that share a scale, -1 is all. skipped: parts of names of
    modules that are not quantised. vision_bits: of the tower's matrices."""

    bits: int
    group_size: int
    skipped: tuple[str, ...] = ()
    vision_bits: int = 16


def stored_quantisation(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The quantization_config of a config.json, at the top or nested, or what compressed-tensors called so
    before; None without one."""
    for section in (values, values.get("llm_config"), values.get("text_config")):
        for key in ("quantization_config", "compression_config"):
            found = section.get(key) if isinstance(section, Mapping) else None
            if isinstance(found, Mapping) and found:
                return found
    return None


def named_method(found: Mapping[str, Any]) -> str:
    """The method of a quantization_config, for a message."""
    method = found.get("quant_method", found.get("format", "unknown"))
    return escaped(method) if isinstance(method, str) else shown(method)


def read_quantisation(values: Mapping[str, Any], folder: Path) -> Quantisation | None:
    """The settings in a quantization_config. CheckpointError: any other method, number of bits or layout than
    AutoAWQ's 4-bit "gemm"."""
    found = stored_quantisation(values)
    if found is None:
        return None
    method = found.get("quant_method")
    bits = found.get("bits", found.get("w_bit"))
    bits = int(bits) if isinstance(bits, str) and bits.isdecimal() else bits
    group_size = found.get("group_size", found.get("q_group_size", 128))
    version = str(found.get("version", "gemm")).lower()
    skipped = found.get("modules_to_not_convert") or ()
    skipped = (skipped,) if isinstance(skipped, str) else skipped
    vision_bits = found.get("vision_bits", 16)
    if method != "awq" or bits != 4 or version != "gemm" or found.get("zero_point", True) is not True:
        keys = ("bits", "w_bit", "version", "zero_point") if method == "awq" else ()
        given = ", ".join(f"{key} {shown(found[key])}" for key in keys if key in found)
        given = f" with {given}" if given else ""
        raise CheckpointError(
            f"{folder} is quantised ({named_method(found)}){given}; only AWQ with 4 bits, version "
            "gemm and zero points can be read: use such a checkpoint, or the one it was made from"
        )
    if type(group_size) is not int or (group_size != -1 and (group_size < 8 or group_size % 2)):
        raise CheckpointError(
            f"{folder}: quantization_config.group_size is {shown(group_size)}; use -1, 32, 64 or 128"
        )
    if not isinstance(skipped, Sequence) or not all(isinstance(each, str) for each in skipped):
        raise CheckpointError(f"{folder}: quantization_config.modules_to_not_convert must be a list of names")
    if vision_bits not in (8, 16):
        raise CheckpointError(
            f"{folder}: quantization_config.vision_bits is {shown(vision_bits)}; it must be 8 or 16"
        )
    return Quantisation(4, group_size, tuple(skipped), vision_bits)


# ------------------------------------------------------------------------------------------------------ codes


def pack_codes(codes: torch.Tensor) -> torch.Tensor:
    """Codes 0 to 15 (rows, N) -> int32 (rows, N / 8)."""
    eights = codes.to(torch.int64).unflatten(1, (-1, 8))[..., list(ORDER)]
    packed = (eights << (4 * torch.arange(8))).sum(-1)
    return (packed - ((packed >> 31) << 32)).to(torch.int32)  # the highest bit is the sign


def unpack_codes(packed: torch.Tensor) -> torch.Tensor:
    """int32 (rows, N / 8) -> codes, uint8 (rows, N)."""
    nibbles = unpack_nibbles(packed.contiguous().view(torch.uint8))  # little-endian: the lowest nibble first
    return nibbles.unflatten(1, (-1, 8))[..., list(INVERSE)].flatten(1)


@dataclass(slots=True)
class _Parts:
    """A parameter's tensors by first row, each kind."""

    codes: dict[int, torch.Tensor] = field(default_factory=dict)
    zeros: dict[int, torch.Tensor] = field(default_factory=dict)
    scales: dict[int, torch.Tensor] = field(default_factory=dict)

    def joined(self, kind: str) -> torch.Tensor:
        """All rows of a kind, in order."""
        found: dict[int, torch.Tensor] = getattr(self, kind)
        return torch.cat([found[start] for start in sorted(found)])


# ----------------------------------------------------------------------------------------------------- places


@dataclass(frozen=True, slots=True)
class Table:
    """pieces: the tensors that a quantised folder has to hold. integer: dtype of those that hold codes."""

    pieces: list[Piece]
    integer: dict[str, torch.dtype]


def quantised_table(
    table: Sequence[Piece], files: TensorFiles, layout: Any, quantisation: Quantisation
) -> Table:
    """The table of the plain layout, with the tensors of quantised layers in place of their weights.

    Which layers are quantised is what the files hold. CheckpointError: a layer that config.json excepts, one
    whose fused neighbours are not, or groups that do not divide its inputs.
    """
    names = {canonical(name, layout) for name in files.infos}
    found: list[Piece] = []
    integer: dict[str, torch.dtype] = {}
    kinds: dict[str, set[str]] = {}
    for piece in table:
        base, _, leaf = piece.name.rpartition(".")
        kind = "plain"
        if leaf == "weight" and f"{base}.qweight" in names:
            kind = "awq"
            _check_not_skipped(base, quantisation, files.folder)
            found += _awq_pieces(piece, base, quantisation, files.folder)
            integer |= {f"{base}.qweight": torch.int32, f"{base}.qzeros": torch.int32}
        elif leaf == "weight" and f"{base}.weight_scale" in names and quantisation.vision_bits == 8:
            kind = "int8"
            found += [piece, Piece(f"{base}.weight_scale", piece.parameter, piece.start, piece.shape[:1])]
            integer[piece.name] = torch.int8
        else:
            found.append(piece)
        kinds.setdefault(piece.parameter, set()).add(kind)
    mixed = sorted(parameter for parameter, each in kinds.items() if len(each) > 1)
    if mixed:
        raise CheckpointError(
            f"{files.folder}: only a part of {mixed[0]} is quantised; quantise q, k and v together, and "
            "gate and up together"
        )
    return Table(found, integer)


def _check_not_skipped(base: str, quantisation: Quantisation, folder: Path) -> None:
    for part in quantisation.skipped:
        if part in base:
            raise CheckpointError(
                f"{folder}: {base} is stored in 4 bits, but modules_to_not_convert names {shown(part)}"
            )


def _awq_pieces(piece: Piece, base: str, quantisation: Quantisation, folder: Path) -> list[Piece]:
    rows, columns = piece.shape
    group = columns if quantisation.group_size == -1 else quantisation.group_size
    if columns % group or rows % 8:
        raise CheckpointError(
            f"{folder}: {base} is {rows} x {columns}; groups of {group} and packs of 8 do not divide that"
        )
    shapes = ((columns, rows // 8), (columns // group, rows // 8), (columns // group, rows))
    return [
        Piece(f"{base}.{suffix}", piece.parameter, piece.start, shape)
        for suffix, shape in zip(SUFFIXES, shapes, strict=True)
    ]


# ---------------------------------------------------------------------------------------------------- filling


def fill_quantised(
    module: nn.Module,
    files: TensorFiles,
    places: Mapping[str, Piece],
    dtype: torch.dtype,
    device: torch.device,
    *,
    widen: bool,
) -> None:
    """Put the quantised layers of a folder in place of a model's linear ones, biases kept.

    places: those of the quantised tensors. widen: plain layers with the codes' values in dtype instead.
    """
    for parameter, layer in quantised_layers(files, places, device):
        _replace(module, parameter, layer, dtype, widen)


def quantised_layers(
    files: TensorFiles, places: Mapping[str, Piece], device: torch.device
) -> Iterator[tuple[str, AwqLinear | Int8Linear]]:
    """The quantised layers of a folder, one after the other, without their biases; each by the name of the
    parameter that it stands for. places: those of the quantised tensors."""
    left = Counter(piece.parameter for piece in places.values())
    parts: dict[str, _Parts] = {}
    # layer by layer, so that at most one layer is in memory twice
    names = sorted(places, key=lambda name: places[name].parameter)
    for name, tensor in files.on_device(names, device):
        piece, suffix = places[name], name.rpartition(".")[2]
        each = parts.setdefault(piece.parameter, _Parts())
        if suffix == "qweight":
            each.codes[piece.start] = pack_nibbles(unpack_codes(tensor).T.contiguous())
        elif suffix == "qzeros":
            each.zeros[piece.start] = unpack_codes(tensor).T
        elif suffix == "scales":
            each.scales[piece.start] = tensor.T
        elif suffix == "weight":
            each.codes[piece.start] = tensor
        else:
            each.scales[piece.start] = tensor.float()
        left[piece.parameter] -= 1
        if not left[piece.parameter]:
            yield piece.parameter, _layer(parts.pop(piece.parameter))


def _layer(parts: _Parts) -> AwqLinear | Int8Linear:
    codes, scales = parts.joined("codes"), parts.joined("scales").contiguous()
    if parts.zeros:
        return AwqLinear(codes, scales, parts.joined("zeros").contiguous(), None)
    return Int8Linear(codes, scales, None)


def _replace(
    module: nn.Module, parameter: str, new: AwqLinear | Int8Linear, dtype: torch.dtype, widen: bool
) -> None:
    """A linear layer by one that holds its codes, or by their values in dtype."""
    layer_name = parameter.removesuffix(".weight")
    owner, _, leaf = layer_name.rpartition(".")
    old = module.get_submodule(layer_name)
    assert isinstance(old, nn.Linear)
    if widen:
        old.weight = nn.Parameter(new.widened().to(dtype))
    else:
        new.bias = None if old.bias is None else nn.Parameter(old.bias.detach(), requires_grad=False)
        setattr(module.get_submodule(owner), leaf, new)


def is_quantised(module: nn.Module) -> bool:
    """Whether any layer holds codes."""
    return any(isinstance(each, AwqLinear | Int8Linear) for each in module.modules())
