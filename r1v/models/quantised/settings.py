"""The quantization_config of a checkpoint: which layout its weights have, or that it is not one that is read.

Enters: config.json and its folder. Leaves: a Quantisation. Always holds: what is not understood is refused by
name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from r1v.core import CheckpointError
from r1v.models.config_json.read import escaped, shown
from r1v.models.quantised import float8

TensorLayout: TypeAlias = Literal["awq", "gptq", "packed", "float8"]
# may say that codes mean something else
_CHANGES = ("transform_config", "sparsity_config", "dynamic", "kv_cache_scheme")


@dataclass(frozen=True, slots=True)
class Quantisation:
    """What config.json says. group_size: inputs that share a scale, -1 is all. skipped: parts of names of
    modules that are not quantised. vision_bits: of the tower's matrices. layout: of the tensors (see
    `layers`).
    less_one: zero points are stored less one. has_zeros: there are zero points. symmetric: stored zero points
    must all be 8. scattered: groups need not be of neighbouring inputs. rectangle: the weights in 8-bit
    floating point that share a scale."""

    bits: int
    group_size: int
    skipped: tuple[str, ...] = ()
    vision_bits: int = 16
    layout: TensorLayout = "awq"
    less_one: bool = False
    has_zeros: bool = True
    symmetric: bool = False
    scattered: bool = False
    rectangle: float8.Rectangle = float8.OUTPUT


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
    those that are read."""
    found = stored_quantisation(values)
    if found is None:
        return None
    readers = {"awq": _read_awq, "gptq": _read_gptq, "compressed-tensors": _read_packed, "fp8": _read_fp8}
    method = found.get("quant_method")
    read = readers.get(method) if isinstance(method, str) else None
    quantisation = None if read is None else read(found, folder)
    if quantisation is None:
        given = f" with {_settings(found)}" if read is not None and _settings(found) else ""
        raise CheckpointError(
            f"{folder} is quantised ({named_method(found)}){given}; what can be read is 4-bit "
            "weights of AWQ (version gemm, zero points), GPTQ and compressed-tensors (pack-quantized, one "
            "kind for all, only weights quantised), and 8-bit "
            "floating point, e4m3 (fp8, float-quantized): use such a checkpoint, or the one it was made from"
        )
    group_size = quantisation.group_size
    if type(group_size) is not int or (group_size != -1 and (group_size < 8 or group_size % 2)):
        raise CheckpointError(
            f"{folder}: quantization_config.group_size is {shown(group_size)}; use -1, 32, 64 or 128"
        )
    return quantisation


def _settings(found: Mapping[str, Any]) -> str:
    """What a quantization_config says of the layout, for a message."""
    keys = ("bits", "w_bit", "version", "zero_point", "format", "desc_act", "checkpoint_format", "fmt",
            "activation_scheme", "weight_block_size")  # fmt: skip
    pairs = [(key, found[key]) for key in keys if key in found]
    pairs += [(key, found[key]) for key in _CHANGES if found.get(key)]
    groups = found.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        group = group if isinstance(group, Mapping) else {}
        weights = group.get("weights")
        for section, names in (
            (weights, ("num_bits", "type", "strategy", "actorder", "dynamic", "block_structure")),
            (group, ("format", "input_activations", "output_activations")),
        ):
            if isinstance(section, Mapping):
                pairs += [(key, section[key]) for key in names if section.get(key)]
    return ", ".join(dict.fromkeys(f"{key} {shown(value)}" for key, value in pairs))


def _bits(found: Mapping[str, Any]) -> Any:
    bits = found.get("bits", found.get("w_bit"))
    return int(bits) if isinstance(bits, str) and bits.isdecimal() else bits


def _read_awq(found: Mapping[str, Any], folder: Path) -> Quantisation | None:
    """AutoAWQ's settings; None: not the layout that is read."""
    version = str(found.get("version", "gemm")).lower()
    if _bits(found) != 4 or version != "gemm" or found.get("zero_point", True) is not True:
        return None
    skipped = found.get("modules_to_not_convert") or ()
    skipped = (skipped,) if isinstance(skipped, str) else skipped
    vision_bits = found.get("vision_bits", 16)
    if not isinstance(skipped, Sequence) or not all(isinstance(each, str) for each in skipped):
        raise CheckpointError(f"{folder}: quantization_config.modules_to_not_convert must be a list of names")
    if vision_bits not in (8, 16):
        raise CheckpointError(
            f"{folder}: quantization_config.vision_bits is {shown(vision_bits)}; it must be 8 or 16"
        )
    return Quantisation(
        4, found.get("group_size", found.get("q_group_size", 128)), tuple(skipped), vision_bits
    )


def _read_gptq(found: Mapping[str, Any], folder: Path) -> Quantisation | None:
    """GPTQ's settings; None: not a layout that is read. Layers that `dynamic` leaves out are plain ones."""
    version = found.get("checkpoint_format") or found.get("format") or "gptq"
    dynamic = found.get("dynamic") or {}
    others = not isinstance(dynamic, Mapping) or not all(str(rule).startswith("-:") for rule in dynamic)
    if _bits(found) != 4 or version not in ("gptq", "gptq_v2") or others:
        return None
    return Quantisation(
        4, found.get("group_size", 128), layout="gptq", less_one=version == "gptq",
        symmetric=found.get("sym") is True,
        scattered=bool(found.get("desc_act")) and not found.get("static_groups"),
    )  # fmt: skip


def _read_packed(found: Mapping[str, Any], folder: Path) -> Quantisation | None:
    """The settings of compressed-tensors; None: not the layout that is read."""
    groups = found.get("config_groups")
    if not isinstance(groups, Mapping) or not groups or found.get("kv_cache_scheme"):
        return None
    sparsity = found.get("sparsity_config") or {}
    if found.get("transform_config") or not isinstance(sparsity, Mapping):
        return None
    if sparsity.get("format") not in (None, "dense"):
        return None
    if found.get("format") == "float-quantized":
        return _float8(float8.read_float_quantized(groups))
    if found.get("format") != "pack-quantized":
        return None
    kinds: list[tuple[Any, bool]] = []
    scattered = False
    for group in groups.values():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if not isinstance(weights, Mapping) or group.get("format") not in (None, "pack-quantized"):
            return None
        if group.get("input_activations") or group.get("output_activations"):
            return None
        whole = weights.get("strategy") == "channel"
        plain = weights.get("num_bits") == 4 and weights.get("type", "int") == "int"
        if not plain or weights.get("strategy") not in ("group", "channel") or weights.get("dynamic"):
            return None
        order = weights.get("actorder")
        if order not in (None, False, True, "weight", "static", "group", "dynamic"):
            return None
        scattered = scattered or order in (True, "group", "dynamic")
        kinds.append((-1 if whole else weights.get("group_size"), weights.get("symmetric", True) is False))
    if any(each != kinds[0] for each in kinds):
        return None
    group_size, has_zeros = kinds[0]
    return Quantisation(4, group_size, layout="packed", has_zeros=has_zeros, scattered=scattered)


def _read_fp8(found: Mapping[str, Any], folder: Path) -> Quantisation | None:
    """The settings of method "fp8"; None: not a layout that is read."""
    return _float8(float8.read_fp8(found))


def _float8(rectangle: float8.Rectangle | None) -> Quantisation | None:
    return None if rectangle is None else Quantisation(8, -1, layout="float8", rectangle=rectangle)
