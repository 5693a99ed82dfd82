"""An adapter for prompts with pictures: what training changed, kept beside a base that stays as it was.

Enters: the folder ``adapter`` within a checkpoint's, or a model and what was trained of it. Leaves: a twin of
the model that shares what did not change. Always holds: the base's parameters are never touched; every tensor
of the adapter has a place in the model, and the base is the one that it was made for.

adapter.safetensors holds ``PARAMETER.down`` (R, K) and ``PARAMETER.up`` (N, R), whose product is added to a
matrix (N, K) (Hu et al. 2021), and whole parameters under their own names, such as those of tower and
projector; where adapter.json lists shapes as ``rounded``, these matrices are stored in four bits
(`adapter_codes`). adapter.json has a fingerprint of the base: some numbers of its matrices.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from r1v.core import CheckpointError, parse_json
from r1v.models.adapter_codes import rounded, widened
from r1v.models.r1v import R1V

FOLDER, TENSORS, ABOUT = "adapter", "adapter.safetensors", "adapter.json"
DOWN, UP = ".down", ".up"
NUM_PRINTED = 8  # rows of the embedding, and layers, that the fingerprint looks at
# a copy of the base that was rounded to 4 bits is still the base; another model is not
MAX_DISTANCE = 0.25


def has_adapter(folder: Path) -> bool:
    """Whether a checkpoint's folder has an adapter for pictures."""
    return (folder / FOLDER / TENSORS).is_file()


def refuse_adapter(folder: Path, what: str) -> None:
    """CheckpointError where a folder has an adapter, for what would leave it out in silence."""
    if has_adapter(folder):
        raise CheckpointError(
            f"{folder} has an adapter for pictures, which {what} cannot keep apart; merge it first: "
            "r1v convert MODEL OUT --merge-adapter"
        )


def fingerprint(num_layers: int, weight_of: Callable[[str], torch.Tensor]) -> dict[str, list[float]]:
    """Some rows of the embedding and of each of a few layers, at most 16 numbers of a row.

    weight_of: a parameter of the model by its name.
    """
    found = {"embedding": "language.embedding.weight"}
    for index in range(0, num_layers, max(1, num_layers // NUM_PRINTED)):
        found[f"layers.{index}.qkv"] = f"language.layers.{index}.attention.qkv.weight"
    printed = {}
    for name, parameter in found.items():
        weight = weight_of(parameter).detach()
        rows = weight[:: max(1, len(weight) // NUM_PRINTED), :16]
        printed[name] = [round(float(value), 6) for value in rows.flatten()]
    return printed


def _fingerprint_of(model: R1V) -> dict[str, list[float]]:
    return fingerprint(len(model.language.layers), model.get_parameter)


def save_adapter(
    folder: Path, base: R1V, tensors: Mapping[str, torch.Tensor], *, four_bit: bool = False
) -> None:
    """Write an adapter into a checkpoint's folder. tensors: of pairs and whole parameters, by name. four_bit:
    round its matrices."""
    _check(base, tensors, str(folder))
    write_adapter(folder, tensors, _fingerprint_of(base), four_bit=four_bit)


def write_adapter(
    folder: Path, tensors: Mapping[str, torch.Tensor], printed: Mapping[str, list[float]], *,
    four_bit: bool = False,
) -> None:  # fmt: skip
    """As `save_adapter`, for tensors that are known to fit. printed: the base's `fingerprint`."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    shapes: dict[str, list[int]] = {}
    if four_bit:
        tensors, shapes = rounded(tensors)
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, target / TENSORS)
    about = {"applies": "to rows whose prompt has pictures", "rounded": shapes, "base": dict(printed)}
    # a line for each entry: numbers of a row each on a line of their own would take ten times the room
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in about.items()]
    (target / ABOUT).write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


def read_adapter(folder: Path, base: R1V) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint's adapter. CheckpointError: damaged, or made for another base."""
    try:
        about = parse_json((folder / FOLDER / ABOUT).read_bytes(), ABOUT, error=CheckpointError)
        stored: dict[str, torch.Tensor] = load_file(folder / FOLDER / TENSORS)
        shapes = about.get("rounded") or {}
        tensors = widened(stored, shapes) if shapes else stored
        printed = {str(name): [float(v) for v in values] for name, values in about["base"].items()}
    except (OSError, SafetensorError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{folder / FOLDER} cannot be read: {str(error)[:120]}") from None
    _check(base, tensors, str(folder / FOLDER))
    for name, own in _fingerprint_of(base).items():
        stated = printed.get(name, [])
        if len(stated) != len(own) or not _near(own, stated):
            raise CheckpointError(
                f"{folder / FOLDER} was made for another base: {name} differs; give the model that it was "
                "trained on"
            )
    return tensors


def _near(own: list[float], stated: list[float]) -> bool:
    distance = math.dist(own, stated)
    return distance <= MAX_DISTANCE * max(math.hypot(*stated), 1e-9)


def _check(base: R1V, tensors: Mapping[str, torch.Tensor], where: str) -> None:
    """CheckpointError unless every tensor has a place, and those of a pair fit."""
    shapes = {name: tuple(parameter.shape) for name, parameter in base.named_parameters()}
    for name, value in tensors.items():
        target = name.removesuffix(DOWN).removesuffix(UP)
        expected: tuple[int, ...] | None = shapes.get(target)
        if expected is not None and name != target:
            rank = tensors[target + UP].shape[-1] if target + UP in tensors else -1
            expected = (rank, expected[1]) if name.endswith(DOWN) else (expected[0], rank)
            expected = None if target + DOWN not in tensors else expected
        if expected is None or tuple(value.shape) != expected or not value.is_floating_point():
            raise CheckpointError(
                f"{where}: {name} of the shape {tuple(value.shape)} fits no parameter of the model"
            )


def changed(base: R1V, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The parameters that differ, whole, in the base's dtype."""
    found: dict[str, torch.Tensor] = {}
    for name, value in tensors.items():
        target = name.removesuffix(DOWN).removesuffix(UP)
        own = base.get_parameter(target).detach()
        if name.endswith(UP):
            up, down = value.to(own.device).float(), tensors[target + DOWN].to(own.device).float()
            found[target] = (own.float() + up @ down).to(own.dtype)
        elif not name.endswith(DOWN):
            found[target] = value.to(own.device, own.dtype)
    return found


def adapted(base: R1V, tensors: Mapping[str, torch.Tensor]) -> R1V:
    """A twin with the adapter added in, for inference; what it does not change is the base's own."""
    new = changed(base, tensors)

    def twin_of(module: nn.Module, prefix: str) -> nn.Module:
        if not any(name.startswith(prefix) for name in new):
            return module
        twin = copy.copy(module)
        twin._parameters = {
            name: nn.Parameter(new[prefix + name], requires_grad=False) if prefix + name in new else value
            for name, value in module._parameters.items()
        }
        twin._modules = {
            name: None if child is None else twin_of(child, f"{prefix}{name}.")
            for name, child in module._modules.items()
        }
        return twin

    found = twin_of(base, "")
    assert isinstance(found, R1V)
    return found
