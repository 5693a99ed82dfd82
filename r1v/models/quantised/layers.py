"""Checkpoints with weights in 4 or 8 bits, read without any loss.

Enters: a folder whose config.json has a quantization_config, at the top level or in the language model's
section. Leaves: a model whose quantised layers hold the checkpoint's own codes, or their values widened.
Always holds: a layer that modules_to_not_convert names is not taken as quantised; what contradicts the
settings is refused by name.

Three layouts of a layer (N, K) with groups of G inputs are read. An int32 holds eight codes, and the value is
(code - zero) * scale:

- AutoAWQ's "gemm": qweight (K, N / 8), qzeros (K / G, N / 8), scales float16 (K / G, N). An int32 holds
  neighbouring outputs; its nibble i is output ORDER[i] of them.
- GPTQ: qweight (K / 8, N), neighbouring inputs in their order; qzeros (K / G, N / 8), neighbouring outputs,
  less one each in the first version of the format; scales float16 (K / G, N); g_idx (K,), the group of each
  input. Some of its writers give a bias of zeros to every layer.
- compressed-tensors' "pack-quantized": weight_packed (N, K / 8), neighbouring inputs; weight_scale
  (N, K / G); where zero points are not all 8, weight_zero_point (N / 8, K / G), neighbouring outputs;
  weight_g_idx (K,) may say the group of each input.

Where groups are not of neighbouring inputs ("act-order"), no kernel takes the codes: the layer becomes a
plain one of their values.

8-bit floating point is in `float8`. An 8-bit tower is ours: weight int8 (N, K) and weight_scale float32 (N,).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import nn

from r1v.core import CheckpointError
from r1v.models.config_json.read import shown
from r1v.models.names import Piece, canonical
from r1v.models.quantised import float8
from r1v.models.quantised.settings import Quantisation
from r1v.models.tensor_files import TensorFiles
from r1v.ops.linear import AwqLinear, Float8Linear, Int8Linear, pack_nibbles, unpack_nibbles
from r1v.ops.rounding import FP8


class Scattered:
    """A layer whose groups are not of neighbouring inputs; only its values are kept."""

    def __init__(self, values: torch.Tensor) -> None:
        """values: float32 (N, K)."""
        self._values = values

    def widened(self) -> torch.Tensor:
        """The weights, float32 (N, K), exact."""
        return self._values


Coded: TypeAlias = AwqLinear | Int8Linear | Float8Linear | Scattered
Codes: TypeAlias = Literal["none", "int4", "int8", "float8"]
ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
INVERSE = tuple(ORDER.index(column) for column in range(8))
SUFFIXES = ("qweight", "qzeros", "scales")
INDICES = ("g_idx", "weight_g_idx")
INTEGER = {
    "qweight": torch.int32, "qzeros": torch.int32, "g_idx": torch.int32, "weight_packed": torch.int32,
    "weight_zero_point": torch.int32, "weight_shape": torch.int64, "weight_g_idx": torch.int32,
}  # fmt: skip
_ONES = 0x11111111  # one in each of eight codes


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
    groups: dict[int, torch.Tensor] = field(default_factory=dict)  # of each input, where not of its place

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
    infos = {canonical(name, layout): info for name, info in files.infos.items()}
    names = infos.keys()
    own = {piece.name for piece in table}
    found: list[Piece] = []
    integer: dict[str, torch.dtype] = {}
    kinds: dict[str, set[str]] = {}
    for piece in table:
        base, _, leaf = piece.name.rpartition(".")
        kind = "plain"
        if leaf == "weight" and names & {f"{base}.qweight", f"{base}.weight_packed"}:
            kind = "codes"
            _check_not_skipped(base, quantisation, files.folder)
            here = _coded_pieces(piece, base, quantisation, files.folder, names - own)
            found += here
            suffixes = ((each.name, each.name.rpartition(".")[2]) for each in here)
            integer |= {name: INTEGER[suffix] for name, suffix in suffixes if suffix in INTEGER}
        elif quantisation.layout == "float8" and piece.name in names and infos[piece.name].dtype == FP8:
            kind = "float8"
            _check_linear(piece, base, files.folder)
            found += float8.float8_pieces(piece, base, quantisation.rectangle, infos)
            integer[piece.name] = FP8
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


def _check_linear(piece: Piece, base: str, folder: Path) -> None:
    if len(piece.shape) != 2 or piece.parameter.endswith("embedding.weight"):
        raise CheckpointError(
            f"{folder}: {base} is stored in few bits, which is read of linear layers only; leave it out when "
            "quantising"
        )


def _coded_pieces(
    piece: Piece, base: str, quantisation: Quantisation, folder: Path, names: AbstractSet[str]
) -> list[Piece]:
    """The tensors that stand for a layer's weight. names: those that there are and a plain model lacks."""
    _check_linear(piece, base, folder)
    rows, columns = piece.shape
    group = columns if quantisation.group_size == -1 else quantisation.group_size
    if columns % group or rows % 8 or columns % 8:
        raise CheckpointError(
            f"{folder}: {base} is {rows} x {columns}; groups of {group} and packs of 8 do not divide that"
        )
    groups = columns // group
    if quantisation.layout == "packed":
        shapes = {"weight_packed": (rows, columns // 8), "weight_scale": (rows, groups)}
        if quantisation.has_zeros:
            shapes["weight_zero_point"] = (rows // 8, groups)
        optional: dict[str, tuple[int, ...]] = {"weight_shape": (2,), "weight_g_idx": (columns,)}
    else:
        gptq = quantisation.layout == "gptq"
        codes = (columns // 8, rows) if gptq else (columns, rows // 8)
        shapes = dict(zip(SUFFIXES, (codes, (groups, rows // 8), (groups, rows)), strict=True))
        optional = {"g_idx": (columns,), "bias": (rows,)} if gptq else {}
    there = {suffix: shape for suffix, shape in optional.items() if f"{base}.{suffix}" in names}
    return [
        Piece(f"{base}.{suffix}", piece.parameter, piece.start, shape)
        for suffix, shape in {**shapes, **there}.items()
    ]


# ---------------------------------------------------------------------------------------------------- filling


def fill_quantised(
    module: nn.Module,
    files: TensorFiles,
    places: Mapping[str, Piece],
    dtype: torch.dtype,
    device: torch.device,
    quantisation: Quantisation,
    *,
    widen: bool,
) -> None:
    """Put the quantised layers of a folder in place of a model's linear ones, biases kept.

    places: those of the quantised tensors. widen: plain layers with the codes' values in dtype instead.
    """
    for parameter, layer in quantised_layers(files, places, device, quantisation):
        _replace(module, parameter, layer, dtype, widen)


def quantised_layers(
    files: TensorFiles, places: Mapping[str, Piece], device: torch.device, quantisation: Quantisation
) -> Iterator[tuple[str, Coded]]:
    """The quantised layers of a folder, one after the other, without their biases; each by the name of the
    parameter that it stands for. places: those of the quantised tensors. CheckpointError: values that
    contradict the form (see `_check`)."""
    left = Counter(piece.parameter for piece in places.values())
    parts: dict[str, _Parts] = {}
    # layer by layer, so that at most one layer is in memory twice
    names = sorted(places, key=lambda name: places[name].parameter)
    for name, tensor in files.on_device(names, device):
        piece, suffix = places[name], name.rpartition(".")[2]
        each = parts.setdefault(piece.parameter, _Parts())
        _check(tensor, suffix, quantisation, f"{files.folder}: {name}")
        if suffix in INDICES:
            _put_groups(each, piece.start, tensor, quantisation, f"{files.folder}: {name}")
        _put(each, suffix, piece.start, tensor, quantisation)
        left[piece.parameter] -= 1
        if not left[piece.parameter]:
            yield piece.parameter, _layer(parts.pop(piece.parameter), quantisation)


def _put(parts: _Parts, suffix: str, start: int, tensor: torch.Tensor, quantisation: Quantisation) -> None:
    """A tensor of a layer to its parts, in the order of `AwqLinear`."""
    if suffix == "qweight" and quantisation.layout == "awq":
        parts.codes[start] = pack_nibbles(unpack_codes(tensor).T.contiguous())
    elif suffix == "qweight":  # eight inputs of an output are four bytes, the lowest nibble first
        parts.codes[start] = tensor.T.contiguous().view(torch.uint8)
    elif suffix == "weight_packed":
        parts.codes[start] = tensor.contiguous().view(torch.uint8)
    elif suffix == "qzeros" and quantisation.layout == "awq":
        parts.zeros[start] = unpack_codes(tensor).T
    elif suffix == "qzeros":  # wraps around as the subtraction did that wrote it
        stored = tensor + _ONES if quantisation.less_one else tensor
        parts.zeros[start] = unpack_nibbles(stored.contiguous().view(torch.uint8)).T
    elif suffix == "weight_zero_point":
        parts.zeros[start] = unpack_nibbles(tensor.T.contiguous().view(torch.uint8)).T
    elif suffix == "scales":
        parts.scales[start] = tensor.T
    elif suffix == "weight":
        parts.codes[start] = tensor
    elif suffix in float8.SCALES:
        parts.scales[start] = tensor if quantisation.layout == "packed" else tensor.float()


def _put_groups(
    parts: _Parts, start: int, groups: torch.Tensor, quantisation: Quantisation, name: str
) -> None:
    """The group of each input to a layer's parts, if it is not that of its place. compressed-tensors has -1
    everywhere where it is."""
    size = len(groups) if quantisation.group_size == -1 else quantisation.group_size
    places = torch.arange(len(groups), device=groups.device, dtype=groups.dtype) // size
    if torch.equal(groups, places) or (groups == -1).all():
        return
    if int(groups.min()) < 0 or int(groups.max()) > int(places[-1]):
        raise CheckpointError(f"{name} names groups that there are not; fetch it again, or quantise again")
    parts.groups[start] = groups.long()


def _check(tensor: torch.Tensor, suffix: str, quantisation: Quantisation, name: str) -> None:
    """Refuse values that the form does not allow."""
    if suffix in ("scales", *float8.SCALES) and not tensor.float().isfinite().all():
        raise CheckpointError(
            f"{name} has scales that are no finite numbers; fetch it again, or quantise again"
        )
    elif suffix == "weight" and tensor.dtype == FP8 and (tensor.view(torch.uint8) & 127 == 127).any():
        raise CheckpointError(f"{name} has weights that are no numbers; fetch it again, or quantise again")
    elif suffix == "qzeros" and quantisation.symmetric:
        word = 0x77777777 if quantisation.less_one else 0x88888888 - (1 << 32)
        if not (tensor == word).all():
            raise CheckpointError(
                f"{name} has zero points other than 8, but config.json says sym true; correct sym, or "
                "checkpoint_format (gptq stores them less one, gptq_v2 does not)"
            )
    elif suffix == "bias" and tensor.any():
        raise CheckpointError(
            f"{name} is not zero, but this architecture has no such bias; use a checkpoint of a supported "
            "model"
        )


def _layer(parts: _Parts, quantisation: Quantisation) -> Coded:
    if quantisation.layout == "float8":
        return float8.float8_layer(parts.codes, parts.scales, quantisation.rectangle)
    if parts.groups:
        return Scattered(torch.cat([_scattered(parts, start) for start in sorted(parts.codes)]))
    codes, scales = parts.joined("codes"), parts.joined("scales").contiguous()
    if codes.dtype == torch.int8:
        return Int8Linear(codes, scales, None)
    half = scales.half()
    scales = half if torch.equal(half.to(scales.dtype), scales) else scales.float()
    zeros = (
        parts.joined("zeros").contiguous() if parts.zeros else torch.full_like(scales, 8, dtype=torch.uint8)
    )
    return AwqLinear(codes, scales, zeros, None)


def _scattered(parts: _Parts, start: int) -> torch.Tensor:
    """The values of a part of a layer, float32 (rows, K)."""
    codes, scales = unpack_nibbles(parts.codes[start]).float(), parts.scales[start].float()
    zeros = parts.zeros[start].float() if start in parts.zeros else torch.full_like(scales, 8)
    groups = parts.groups.get(start)
    if groups is None:
        groups = torch.arange(codes.shape[1], device=codes.device) // (codes.shape[1] // scales.shape[1])
    return (codes - zeros[:, groups]) * scales[:, groups]


def _replace(module: nn.Module, parameter: str, new: Coded, dtype: torch.dtype, widen: bool) -> None:
    """A linear layer by one that holds its codes, or by their values in dtype (always so for the head)."""
    layer_name = parameter.removesuffix(".weight")
    owner, _, leaf = layer_name.rpartition(".")
    old = module.get_submodule(layer_name)
    assert isinstance(old, nn.Linear)
    if widen or leaf == "head" or isinstance(new, Scattered):
        old.weight = nn.Parameter(new.widened().to(dtype))
    else:
        new.bias = None if old.bias is None else nn.Parameter(old.bias.detach(), requires_grad=False)
        setattr(module.get_submodule(owner), leaf, new)


def refuse_unsaid(files: TensorFiles) -> None:
    """Raise CheckpointError where files hold codes and config.json has no quantization_config."""
    codes = [
        name for name, info in files.infos.items()
        if name.endswith((".qweight", ".weight_packed")) or info.dtype == FP8
    ]  # fmt: skip
    if codes:
        raise CheckpointError(
            f"{files.folder} holds codes ({min(codes)}), but its config.json has no quantization_config; "
            "fetch it again, or put there what quantize_config.json says, with its quant_method"
        )


def codes_of(module: nn.Module) -> Codes:
    """The codes that layers of a model hold; where some have 4 bits, those."""
    kinds = {type(each) for each in module.modules()}
    if AwqLinear in kinds:
        return "int4"
    return "int8" if Int8Linear in kinds else "float8" if Float8Linear in kinds else "none"


def is_quantised(module: nn.Module) -> bool:
    """Whether any layer holds codes."""
    return codes_of(module) != "none"
