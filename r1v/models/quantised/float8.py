"""Checkpoints with weights in 8-bit floating point (e4m3), read without any loss.

Enters: a quantization_config, and the headers of a layer's tensors. Leaves: which scales a layer has, and
the layer. Always holds: a value is its code times one scale of the file; inputs are never rounded as a file
asks for: an engine that rounds them gives each row a scale of its own, which is closer.

A layer (N, K) is `weight`, e4m3, and one tensor of scales, of which each stands for a rectangle of weights:

- compressed-tensors' "float-quantized": weight_scale (N, 1), an output each; (1,), the layer; or a rectangle
  each, as below.
- quant_method "fp8": weight_scale_inv (N / 128, K / 128), a rectangle each, which is multiplied with in spite
  of its name; or weight_scale (), the layer.

Scales of inputs (input_scale) may be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from r1v.models.names import Piece
from r1v.models.tensor_files import TensorInfo
from r1v.ops.linear import Float8Linear

SCALES = ("weight_scale", "weight_scale_inv")


@dataclass(frozen=True, slots=True)
class Rectangle:
    """The outputs and inputs that share a scale; -1 is all of them."""

    outputs: int
    inputs: int

    def grid(self, rows: int, columns: int) -> tuple[int, int]:
        """How many scales a layer has along its outputs and inputs."""
        return self._parts(rows, self.outputs), self._parts(columns, self.inputs)

    @staticmethod
    def _parts(length: int, size: int) -> int:
        return 1 if size == -1 else -(-length // size)


LAYER, OUTPUT = Rectangle(-1, -1), Rectangle(1, -1)


def read_fp8(found: Mapping[str, Any]) -> Rectangle | None:
    """The scales by a quantization_config of method "fp8"; None: not a form that is read."""
    if found.get("fmt", "e4m3") not in ("e4m3", "float8_e4m3fn"):
        return None
    if found.get("activation_scheme", "dynamic") not in ("dynamic", "static", None):
        return None
    block = found.get("weight_block_size")
    return LAYER if block is None else _rectangle(block)


def read_float_quantized(groups: Mapping[str, Any]) -> Rectangle | None:
    """The scales by the config_groups of compressed-tensors; None: not a form that is read."""
    kinds: list[Rectangle | None] = []
    for group in groups.values():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if not isinstance(weights, Mapping) or group.get("format") not in (None, "float-quantized"):
            return None
        inputs = group.get("input_activations") or {}
        if group.get("output_activations") or not isinstance(inputs, Mapping) or weights.get("dynamic"):
            return None
        if any(
            each.get("num_bits") != 8 or each.get("type") != "float" or each.get("symmetric") is False
            for each in (weights, inputs)
            if each
        ):
            return None
        strategy = weights.get("strategy")
        known = {"tensor": LAYER, "channel": OUTPUT}
        if isinstance(strategy, str) and strategy in known:
            kinds.append(known[strategy])
        else:
            kinds.append(_rectangle(weights.get("block_structure")) if strategy == "block" else None)
    return kinds[0] if kinds and all(each == kinds[0] for each in kinds) else None


def _rectangle(block: Any) -> Rectangle | None:
    if not isinstance(block, list | tuple) or len(block) != 2:
        return None
    if not all(type(size) is int and size > 0 for size in block):
        return None
    return Rectangle(*block)


def float8_pieces(
    piece: Piece, base: str, rectangle: Rectangle, infos: Mapping[str, TensorInfo]
) -> list[Piece]:
    """The tensors that stand for a layer's weight. infos: what the files hold, by the names of pieces."""
    rows, columns = piece.shape
    grid = rectangle.grid(rows, columns)
    shapes: set[tuple[int, ...]] = {grid}
    if grid[1] == 1:
        shapes.add(grid[:1])
    if grid == (1, 1):
        shapes.add(())
    found = [piece]
    there = [name for name in SCALES if f"{base}.{name}" in infos] or [SCALES[0]]
    for name in there[:1]:  # a second one has no place, which is said where the files are matched
        info = infos.get(f"{base}.{name}")
        shape = info.shape if info is not None and info.shape in shapes else grid
        found.append(Piece(f"{base}.{name}", piece.parameter, piece.start, shape))
    inputs = infos.get(f"{base}.input_scale")
    if inputs is not None and inputs.shape in ((), (1,)):
        found.append(Piece(f"{base}.input_scale", piece.parameter, piece.start, inputs.shape))
    return found


def float8_layer(
    codes: Mapping[int, torch.Tensor], scales: Mapping[int, torch.Tensor], rectangle: Rectangle
) -> Float8Linear:
    """A layer of the codes and the scales of its parts, each by its first output."""
    wide = []
    for start in sorted(codes):
        rows, columns = codes[start].shape
        grid = scales[start].float().reshape(rectangle.grid(rows, columns))
        outputs = rows if rectangle.outputs == -1 else rectangle.outputs
        wide.append(grid.repeat_interleave(outputs, 0)[:rows])
    joined = torch.cat([codes[start] for start in sorted(codes)])
    size = joined.shape[1] if rectangle.inputs == -1 else rectangle.inputs
    return Float8Linear(joined, torch.cat(wide).contiguous(), size, None)
