"""The one table of fast paths: which product, attention, norm and decode step is used, and why.

Enters: a shape, a dtype, a device and the `Features` of a processor. Leaves: a `Choice`. Always holds: every
function is pure, so the choices of another machine can be tested on this one; every layer that can be chosen
takes inputs of any dtype and returns that dtype, so layers of different kinds work together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from r1v.ops.isa import Features

Product: TypeAlias = Literal["native", "onednn", "fbgemm", "torch_int4", "plain", "widened"]
Part: TypeAlias = Literal["language", "vision", "head"]  # head: the output matrix
HALF_MAX = 65504.0  # the largest float16
NATIVE_GROUPS = (64, 128, 256)  # columns that share a scale in our 4-bit kernel
TORCH_GROUPS = (32, 64, 128, 256)  # in torch's
FEW_ROWS = 12  # the most rows of inputs that are multiplied without rearranging the weights
NATIVE_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True, slots=True)
class Choice:
    """name: the path. reason: one clause that says why it was chosen."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Weights:
    """The facts about a linear layer before its layout is chosen.

    shape: (N, K). dtype: of the values. group_size: columns that share a scale; 0 where the weights are not
    in 4 bits. largest: the largest absolute value. part: of the model.
    """

    shape: tuple[int, int]
    dtype: torch.dtype
    group_size: int = 0
    largest: float = 0.0
    part: Part = "language"


@dataclass(frozen=True, slots=True)
class ManyRows:
    """The number of rows of inputs from which on a native layer lets torch compute the product, and in which
    dtype."""

    from_rows: int
    dtype: torch.dtype


NEVER = ManyRows(1 << 62, torch.float32)


def has_native_bf16(features: Features) -> bool:
    """Whether the processor multiplies bfloat16 faster than float32."""
    return bool(features.names & {"avx512_bf16", "amx_bf16"})


def product(weights: Weights, features: Features) -> Choice:
    """How a linear layer is computed on a CPU."""
    columns = weights.shape[1]
    level = features.kernel_level
    if weights.group_size:
        return _int4_product(weights, level)
    if weights.dtype not in NATIVE_DTYPES:
        return Choice("plain", f"no kernel takes {_name(weights.dtype)}")
    if weights.dtype == torch.bfloat16 and weights.part == "vision" and has_native_bf16(features):
        return Choice("onednn", "hundreds of rows at a time, and the processor multiplies bfloat16")
    if level is not None and columns % 16 == 0:
        return Choice("native", f"our kernel, compiled for {level}, reads the weights as they lie")
    why = "our kernels are not compiled here" if level is None else f"{columns} columns are no multiple of 16"
    if weights.dtype == torch.float32:
        return Choice("plain", f"torch's product, as {why}")
    # logits rounded to bfloat16 are often equal, and then the order of a sum would decide which id is the
    # most likely
    if weights.dtype == torch.bfloat16 and has_native_bf16(features) and weights.part != "head":
        return Choice("onednn", f"oneDNN multiplies bfloat16 here, and {why}")
    if "avx2" not in features.names:
        return Choice("widened", f"float32 copies, as {why} and FBGEMM needs AVX2")
    if weights.largest > HALF_MAX:
        return Choice("widened", f"float32 copies, as float16 cannot hold {weights.largest:g}")
    return Choice("fbgemm", f"FBGEMM's float16 product, as {why}")


def _int4_product(weights: Weights, level: str | None) -> Choice:
    rows, columns = weights.shape
    group = weights.group_size
    if level is not None and group in NATIVE_GROUPS and columns % group == 0:
        return Choice("native", f"our kernel, compiled for {level}, on inputs rounded to 8 bits")
    why = (
        f"our kernel has no groups of {group} in {columns} columns"
        if level
        else "our kernels are not compiled here"
    )
    if group in TORCH_GROUPS and rows % 32 == 0 and columns % 32 == 0 and columns % group == 0:
        return Choice("torch_int4", f"torch's 4-bit product, as {why}")
    return Choice("widened", f"widened at each call, as {why} and torch's takes multiples of 32")


def int4_group(columns: int) -> int:
    """The size of groups that weights are rounded to 4 bits in."""
    return next((group for group in (128, 64) if columns % group == 0), 32)


def many_rows(weights: Weights, features: Features) -> ManyRows:
    """When a native layer lets torch compute: if torch arranges the inputs better, or multiplies bfloat16."""
    if weights.group_size:
        return NEVER
    if weights.dtype == torch.bfloat16 and has_native_bf16(features) and weights.part != "head":
        # our kernel multiplies in tiles too, and needs no copies of its inputs and results in bfloat16
        if features.kernel_level == "amx":
            return NEVER
        return ManyRows(FEW_ROWS + 1 if "amx_bf16" in features.names else 128, torch.bfloat16)
    if features.kernel_level == "avx2":  # panels of ours beat widened copies and torch's product of float32
        return NEVER
    if weights.dtype == torch.float32:
        return ManyRows(FEW_ROWS + 1, torch.float32)
    if features.kernel_level == "generic":
        return ManyRows(64, torch.float32)
    # measured before inputs were lined up for the panels, and not again where vectors have 64 bytes
    return ManyRows(256, torch.float32) if weights.shape[1] >= 1024 else NEVER


def activations(part: Part, dtype: torch.dtype, features: Features) -> torch.dtype:
    """The dtype between the layers of a part of a packed model whose weights are of a dtype."""
    if dtype not in NATIVE_DTYPES:
        return dtype
    multiplies = dtype == torch.bfloat16 and has_native_bf16(features)
    return (
        torch.bfloat16
        if multiplies and (part == "vision" or features.kernel_level is None)
        else torch.float32
    )


def cuda_int4(shape: tuple[int, int], group_size: int, dtype: torch.dtype, has_mma: bool) -> Choice:
    """How a 4-bit layer is computed on CUDA. has_mma: our CUDA C++ kernels compile for this GPU."""
    rows, columns = shape
    if group_size == 128 and rows % 16 == 0 and columns % 128 == 0 and dtype == torch.bfloat16:
        if has_mma:
            return Choice("mma", "laid out for the matrix units")
        why = "our CUDA C++ kernels do not compile for this GPU"
    else:
        why = f"the matrix units' kernel has no {rows} x {columns}, groups of {group_size}, {_name(dtype)}"
    if group_size in (32, 64, 128) and columns % 8 == 0:
        return Choice("triton", f"Triton's kernel on the codes as they are stored, as {why}")
    return Choice("widened", f"widened at each call, as {why} and Triton's has no groups of {group_size}")


def decoder(features: Features, native: bool, head_dim: int, cache_dtype: torch.dtype) -> Choice:
    """How a decode step runs on a CPU. native: all of the language model's products are native."""
    if features.kernel_level is None:
        return Choice("modules", "our kernels are not compiled here")
    if not native:
        return Choice("modules", "some linear layers are not native")
    if head_dim % 8 or cache_dtype != torch.float32:
        return Choice("modules", f"no kernel has heads of {head_dim} and a cache in {_name(cache_dtype)}")
    return Choice("native", f"one call of our library a step, compiled for {features.kernel_level}")


def many_queries(features: Features, head_dim: int, weights: torch.dtype) -> Choice:
    """How hundreds of queries attend on a CPU: those of a prompt over the paged cache, and patches of a tile
    to each other. weights: the dtype of the model's, which says how exact its products are. "panels" takes
    float32 alone."""
    if features.kernel_level == "avx2":
        if head_dim % 8 or head_dim > 256:
            return Choice("torch", f"torch's flash kernel: our panels take no heads of {head_dim}")
        return Choice("panels", "our kernel, in float32")
    if features.kernel_level != "amx":
        return Choice("torch", "torch's flash kernel: ours was measured with AVX2 and with tiles alone")
    if weights != torch.bfloat16:
        return Choice("torch", f"torch's flash kernel: tiles are less exact than weights in {_name(weights)}")
    if head_dim % 32 or head_dim > 256:
        return Choice("torch", f"torch's flash kernel: tiles take no heads of {head_dim}")
    return Choice("tiles", "our kernel, in the processor's tiles for bfloat16")


def sampler(features: Features, device_type: str) -> Choice:
    """How ids are drawn from logits, where no GPU draws them inside its steps."""
    if device_type != "cpu":
        return Choice("torch", f"logits are on {device_type}")
    if features.kernel_level is None:
        return Choice("torch", "our kernels are not compiled here")
    return Choice("native", f"one call of our library, compiled for {features.kernel_level}")


def paged_attention(device_type: str, dtype: torch.dtype) -> Choice:
    """How prompts and batches attend over the paged cache. On a CPU, `many_queries` adds to it."""
    if device_type == "cpu":
        return Choice("runs", "torch's flash kernel on each run of the cache, in place")
    if device_type == "cuda" and dtype in (torch.bfloat16, torch.float16):
        return Choice("varlen", "torch's variable-length flash kernel")
    return Choice("reference", f"no fast kernel for {_name(dtype)} on {device_type}")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def packed_attention(device: str, dtype: torch.dtype, head_dim: int) -> Choice:
    """How the segments of a packed line are attended to. device: its type."""
    if device != "cuda":
        return Choice("runs", "the kernel for runs of unequal length is CUDA's")
    if dtype not in (torch.float16, torch.bfloat16):
        return Choice("runs", "the kernel computes in 16 bits")
    if head_dim > 256 or head_dim % 8:
        return Choice("runs", "the kernel takes heads of up to 256, in steps of 8")
    return Choice("varlen", "one launch for all runs")
