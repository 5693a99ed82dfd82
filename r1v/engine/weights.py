"""The model as the engine runs it: the same modules, with linear layers laid out for this machine.

Enters: a model of the models room. Leaves: a view of it, whose modules share the code of the originals and
hold packed copies of their weights, or share them where our own kernels read them as they are. Always holds:
the original is untouched unless its weights are released; a view of weights that changed must be made anew.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from r1v.core import ConfigError
from r1v.models import R1V
from r1v.ops.cpu.native import NativeLinear
from r1v.ops.linear import (
    HALF_MAX,
    AwqLinear,
    HalfLinear,
    Int4Linear,
    OneDnnLinear,
    PlainLinear,
    has_native_bf16,
    quantise_int4,
)


@dataclass(frozen=True, slots=True)
class RunnableModel:
    """model: for embed, encode_images and language. head: hidden states -> logits. dtype: of activations."""

    model: R1V
    head: Callable[[torch.Tensor], torch.Tensor]
    dtype: torch.dtype


class WideEmbedding(nn.Module):
    """Rows of an embedding in another dtype than it is stored in."""

    def __init__(self, weight: torch.Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight, self.dtype = weight, dtype

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(...) -> (..., D)."""
        return F.embedding(input_ids, self.weight).to(self.dtype)


def resolve_format(
    weight_format: str, dtype: torch.dtype, device: torch.device, quantised: bool = False
) -> str:
    """What "auto" means: packed on a CPU and for quantised weights, plain for all else.

    quantised: the model holds codes; "plain" would widen them at every call. Raises ConfigError for a packed
    format on another device.
    """
    if quantised and weight_format in ("auto", "packed"):
        return "packed"
    if weight_format in ("packed", "int4") and device.type != "cpu":
        raise ConfigError(
            f"weight_format {weight_format!r} is for CPUs; use 'plain' or 'auto' on {device.type}"
        )
    if weight_format != "auto":
        return weight_format
    known = dtype in (torch.bfloat16, torch.float16, torch.float32)
    return "packed" if device.type == "cpu" and known else "plain"


@torch.no_grad()
def prepare(model: R1V, weight_format: str, keep_weights: bool = True) -> RunnableModel:
    """A model to run, in the format that `resolve_format` gave.

    keep_weights: False releases each original weight once its copy is made, so that memory holds one of them;
    the original model cannot be used afterwards.
    """
    if weight_format == "plain":
        return RunnableModel(model, model.logits, model.dtype)
    if model.device.type != "cpu":  # only codes have another layout there
        view = _view(model, _packed_for_cuda(model, keep_weights), model.dtype)
        assert isinstance(view, R1V)
        return RunnableModel(view, model.logits, model.dtype)
    output = model.language.embedding if model.language.head is None else model.language.head
    pack = _packer(weight_format, model.dtype)
    dtype = torch.bfloat16 if pack is OneDnnLinear else torch.float32
    # the tower and the projector see hundreds of rows at a time: 4 bits would only cost accuracy there
    elsewhere = _packer("packed", model.dtype)
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:  # packing is one core's work per layer
        head = threads.submit(pack, output.weight.detach(), None)
        packed: dict[nn.Module, Future[nn.Module]] = {
            layer: threads.submit(_pack, layer, pack if name == "language" else elsewhere, keep_weights)
            for name, part in model.named_children()
            for layer in part.modules()
            if isinstance(layer, nn.Linear | AwqLinear) and layer is not output
        }
    twins = {layer: future.result() for layer, future in packed.items()}
    view = _view(model, twins, dtype)
    assert isinstance(view, R1V)
    return RunnableModel(view, head.result(), dtype)


def _packed_for_cuda(model: R1V, keep_weights: bool) -> dict[nn.Module, nn.Module]:
    """Twins of the 4-bit layers: laid out for the matrix units where they can be, else used as they lie."""
    from r1v.ops.cuda.int4 import TritonInt4Linear  # Triton comes with CUDA
    from r1v.ops.cuda.int4_mma import MmaInt4Linear, is_available

    twins: dict[nn.Module, nn.Module] = {}
    for name, layer in model.named_modules():
        if not isinstance(layer, AwqLinear):
            continue
        if MmaInt4Linear.takes(layer, model.dtype) and is_available():
            twins[layer] = MmaInt4Linear(layer, gated=name.endswith(".gate_up"))
            if not keep_weights:
                for part in ("nibbles", "scales", "zeros"):
                    setattr(layer, part, getattr(layer, part).new_empty(0))
        elif TritonInt4Linear.takes(layer):
            twins[layer] = TritonInt4Linear(layer)
        else:
            twins[layer] = layer
    return twins


def _pack_awq(layer: AwqLinear) -> nn.Module:
    """The layer's codes as a CPU's kernel takes them, or the layer itself where none can."""
    if NativeLinear.takes_codes(layer.shape, layer.group_size):
        scales = layer.scales.float()
        return NativeLinear.from_codes(layer.codes(), scales, scales * layer.zeros.float(), layer.bias)
    return Int4Linear.from_awq(layer) if Int4Linear.takes(layer) else layer


def _pack(layer: nn.Linear | AwqLinear, pack: Packer, keep_weights: bool) -> nn.Module:
    """A packed copy of a layer, whose own weight is released if it is not kept."""
    if isinstance(layer, AwqLinear):
        return _pack_awq(layer)
    bias = None if layer.bias is None else layer.bias.detach()
    packed = pack(layer.weight.detach(), bias)
    shared = isinstance(packed, PlainLinear) or (isinstance(packed, NativeLinear) and packed.scales is None)
    if not keep_weights and not shared:
        layer.weight.data = layer.weight.new_empty(0)
    return packed


Packer = Callable[[torch.Tensor, torch.Tensor | None], nn.Module]


def _packer(weight_format: str, dtype: torch.dtype) -> Packer:
    """How a layer is packed."""
    if weight_format == "int4":
        return _pack_int4
    if dtype == torch.float32:
        return _pack_float
    return OneDnnLinear if dtype == torch.bfloat16 and has_native_bf16() else _pack_half


def _pack_int4(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """Weights rounded to 4 bits, for our own kernel where it takes them."""
    group = 128 if weight.shape[1] % 128 == 0 else 64
    if not NativeLinear.takes_codes((weight.shape[0], weight.shape[1]), group):
        return Int4Linear(weight, bias)
    codes, scales, lows = quantise_int4(weight, group)
    return NativeLinear.from_codes(codes, scales, -lows, bias)


def _pack_float(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """The weights as they are, for our own kernel where it takes them."""
    return NativeLinear(weight, bias) if NativeLinear.takes(weight) else PlainLinear(weight, bias)


def _pack_half(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """The weights as they are for our own kernel, else a HalfLinear, but for what float16 cannot hold."""
    if NativeLinear.takes(weight):
        return NativeLinear(weight, bias)
    if float(weight.abs().max()) > HALF_MAX:
        return PlainLinear(weight.float(), None if bias is None else bias.float())
    return HalfLinear(weight, bias)


def _view(module: nn.Module, twins: Mapping[nn.Module, nn.Module], dtype: torch.dtype) -> nn.Module:
    """A copy of a module tree: packed layers in place of their originals, small parameters in dtype,
    everything else shared."""
    if module in twins:
        return twins[module]
    if isinstance(module, nn.Embedding):
        return WideEmbedding(module.weight.detach(), dtype)
    twin = copy.copy(module)
    if not isinstance(module, nn.Linear):  # an output matrix has its packed copy elsewhere
        twin._parameters = {
            name: None if value is None else nn.Parameter(value.detach().to(dtype), requires_grad=False)
            for name, value in module._parameters.items()
        }
    twin._modules = {
        name: None if child is None else _view(child, twins, dtype) for name, child in module._modules.items()
    }
    return twin
