"""The model as the engine runs it: the same modules, with linear layers laid out for this machine.

Enters: a model of `r1v.models`. Leaves: a view of it, whose modules share the code of the originals and
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
from r1v.engine.prompt_cpu import with_native_layers
from r1v.engine.tower_cpu import with_native_attention
from r1v.models import R1V
from r1v.models.quantised import Codes
from r1v.ops import isa, select
from r1v.ops.cpu.native import NativeLinear
from r1v.ops.isa import Features
from r1v.ops.linear import (
    AwqLinear,
    Float8Linear,
    HalfLinear,
    Int4Linear,
    OneDnnLinear,
    PlainLinear,
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


class _WideHead:
    """A plain model's output matrix in float32: logits rounded to 16 bits often tie, and then the order of a
    sum decides which id is the likeliest. Widened a piece at a time: a copy would take twice its room."""

    PIECE = 8192  # rows of the matrix

    def __init__(self, model: R1V) -> None:
        self._language = model.language

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """Final hidden states (..., D) -> float32 logits (..., V)."""
        output = self._language.embedding if self._language.head is None else self._language.head
        wide = hidden.float()
        return torch.cat([F.linear(wide, part.float()) for part in output.weight.split(self.PIECE)], -1)


def resolve_format(
    weight_format: str, dtype: torch.dtype, device: torch.device, codes: Codes = "none"
) -> str:
    """Resolve "auto": packed on a CPU and for quantised weights, plain otherwise. codes: what the model
    holds, which "plain" would widen at every call. Raises ConfigError for a packed format on another device.
    """
    if codes != "none" and weight_format in ("auto", "packed"):
        return "packed"
    if weight_format in ("packed", "int4") and device.type != "cpu":
        raise ConfigError(
            f"weight_format {weight_format!r} is for CPUs; use 'plain' or 'auto' on {device.type}"
        )
    if weight_format == "fp8":
        _check_fp8(device, codes)
    if weight_format != "auto":
        return weight_format
    known = dtype in (torch.bfloat16, torch.float16, torch.float32)
    return "packed" if device.type == "cpu" and known else "plain"


@torch.no_grad()
def prepare(
    model: R1V, weight_format: str, keep_weights: bool = True, features: Features | None = None
) -> RunnableModel:
    """A model to run, in the format that `resolve_format` gave.

    keep_weights: False releases each original weight once its copy is made, so that memory holds one of them;
    the original model cannot be used afterwards. features: of the processor; None is what may be used here.
    """
    if weight_format == "plain":
        narrow = model.device.type == "cpu" and model.dtype in (torch.bfloat16, torch.float16)
        return RunnableModel(model, _WideHead(model) if narrow else model.logits, model.dtype)
    if model.device.type != "cpu":  # on a GPU only 4-bit codes have another layout
        pack_all = _in_fp8 if weight_format == "fp8" else _packed_for_cuda
        view = _view(model, pack_all(model, keep_weights), model.dtype)
        assert isinstance(view, R1V)
        return RunnableModel(view, model.logits, model.dtype)
    have = isa.features() if features is None else features
    output = model.language.embedding if model.language.head is None else model.language.head
    dtypes: dict[str, torch.dtype] = {
        part: select.activations(part, model.dtype, have) for part in ("language", "vision")
    }

    def pack(layer: nn.Module, part: select.Part) -> nn.Module:
        # the tower and the projector see hundreds of rows at a time: 4 bits would only cost accuracy there
        wide = _plain(layer, model.dtype) if isinstance(layer, Float8Linear) else layer
        twin = _pack(wide, part, weight_format == "int4" and part != "vision", have)
        if not keep_weights and layer is not output:  # released at once, so that memory never holds both
            _release(layer, twin)
        return twin

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:  # packing is one core's work per layer
        head = threads.submit(pack, output, "head")
        packed: dict[nn.Module, Future[nn.Module]] = {
            layer: threads.submit(pack, layer, "language" if name == "language" else "vision")
            for name, part in model.named_children()
            for layer in part.modules()
            if isinstance(layer, nn.Linear | AwqLinear | Float8Linear) and layer is not output
        }
    twins = {layer: future.result() for layer, future in packed.items()}
    view = _view(model, twins, dtypes["language"])
    assert isinstance(view, R1V)
    with_native_layers(view.language)
    for name in ("vision", "projector"):
        part = getattr(model, name)
        if part is not None:
            setattr(view, name, _view(part, twins, dtypes["vision"]))
    if view.vision is not None:
        with_native_attention(view.vision, have)
    return RunnableModel(view, head.result(), dtypes["language"])


def _check_fp8(device: torch.device, codes: Codes) -> None:
    """Raises ConfigError where a model cannot be held in 8-bit floating point."""
    if codes in ("int4", "int8"):
        raise ConfigError(
            f"weight_format 'fp8' is for weights of 16 bits, but this model's have {codes[3:]} bits: use "
            "'auto'"
        )
    if not _multiplies_fp8(device):
        raise ConfigError(
            f"weight_format 'fp8' needs a GPU that multiplies 8-bit floats (Ada, Hopper or later), not "
            f"{device.type}; use 'auto'"
        )


def fp8_layers(model: R1V) -> dict[str, nn.Linear | Float8Linear]:
    """The layers that weight_format "fp8" rounds, by name: those of tower and language model whose shape the
    products take; the projector, embedding and output matrix stay as they are."""
    parts = {"language.layers.": model.language.layers}
    if model.vision is not None:
        parts["vision.layers."] = model.vision.layers
    return {
        prefix + name: layer
        for prefix, part in parts.items()
        for name, layer in part.named_modules()
        if isinstance(layer, nn.Linear | Float8Linear) and _fits_fp8(layer)
    }


def _fits_fp8(layer: nn.Linear | Float8Linear) -> bool:
    return layer.weight.shape[0] % 16 == 0 and layer.weight.shape[1] % 16 == 0


def _multiplies_fp8(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 9)


def _in_fp8(model: R1V, keep_weights: bool) -> dict[nn.Module, nn.Module]:
    """Twins of layers in 8-bit floating point."""
    from r1v.ops.cuda.fp8 import Fp8Linear

    twins: dict[nn.Module, nn.Module] = {}
    for layer in fp8_layers(model).values():
        twins[layer] = Fp8Linear.of(layer)
        if not keep_weights:
            _release(layer, twins[layer])
    return twins


def _packed_for_cuda(model: R1V, keep_weights: bool) -> dict[nn.Module, nn.Module]:
    """Copies of the 4-bit layers in the layout of the matrix units; where a shape does not allow it, the
    codes are used as they are stored. Layers in 8-bit floating point with a scale for each output are used as
    they are where the device multiplies them; others become plain ones."""
    from r1v.ops.cuda.fp8 import Fp8Linear
    from r1v.ops.cuda.int4 import TritonInt4Linear  # Triton comes with CUDA
    from r1v.ops.cuda.int4_mma import MmaInt4Linear, is_available

    twins: dict[nn.Module, nn.Module] = {}
    for name, layer in model.named_modules():
        if isinstance(layer, Float8Linear):
            whole = layer.scales.shape[1] == 1 and _fits_fp8(layer) and _multiplies_fp8(model.device)
            twins[layer] = Fp8Linear.of(layer) if whole else _plain(layer, model.dtype)
            if not keep_weights:
                _release(layer, twins[layer])
        if not isinstance(layer, AwqLinear):
            continue
        choice = select.cuda_int4(layer.shape, layer.group_size, model.dtype, is_available()).name
        if choice == "mma":
            twins[layer] = MmaInt4Linear(layer, gated=name.endswith(".gate_up"))
            if not keep_weights:
                for part in ("nibbles", "scales", "zeros"):
                    setattr(layer, part, getattr(layer, part).new_empty(0))
        elif choice == "triton":
            twins[layer] = TritonInt4Linear(layer)
        else:
            twins[layer] = layer
    return twins


def _plain(layer: Float8Linear, dtype: torch.dtype) -> nn.Linear:
    """A layer with the values of the codes, in a dtype."""
    rows, columns = layer.weight.shape
    plain = nn.Linear(columns, rows, bias=layer.bias is not None, device="meta")
    plain.weight = nn.Parameter(layer.widened(dtype), requires_grad=False)
    plain.register_parameter("bias", layer.bias)
    return plain


def _pack(layer: nn.Module, part: select.Part, to_int4: bool, features: Features) -> nn.Module:
    """The layer as `select.product` says; the original stays as it is. Embeddings become output matrices."""
    if isinstance(layer, AwqLinear):
        return _pack_awq(layer, features)
    weight, bias = layer.weight, getattr(layer, "bias", None)
    assert isinstance(weight, torch.Tensor)
    weight, bias = weight.detach(), None if bias is None else bias.detach()
    rows, columns = weight.shape
    if to_int4:
        group = select.int4_group(columns)
        choice = select.product(select.Weights((rows, columns), weight.dtype, group), features).name
        if choice == "native":
            codes, scales, lows = quantise_int4(weight, group)
            return NativeLinear.from_codes(codes, scales, -lows, bias)
        if choice == "torch_int4":
            return Int4Linear(weight, bias)
        # no kernel has this shape in 4 bits: widening at each call would cost more than 16 bits do
    largest = float(weight.abs().max()) if features.kernel_level is None else 0.0
    known = select.Weights((rows, columns), weight.dtype, 0, largest, part)
    return _LAYOUTS[select.product(known, features).name](weight, bias, known, features)


def _pack_awq(layer: AwqLinear, features: Features) -> nn.Module:
    """The layer's codes in the form of the CPU kernel, or the layer itself where no kernel takes its
    shape."""
    known = select.Weights(layer.shape, torch.float32, layer.group_size)
    choice = select.product(known, features).name
    if choice == "native":
        scales = layer.scales.float()
        return NativeLinear.from_codes(layer.codes(), scales, scales * layer.zeros.float(), layer.bias)
    return Int4Linear.from_awq(layer) if choice == "torch_int4" else layer


Bias = torch.Tensor | None


def _native(weight: torch.Tensor, bias: Bias, known: select.Weights, features: Features) -> nn.Module:
    return NativeLinear(weight.contiguous(), bias, many=select.many_rows(known, features))


def _widened(weight: torch.Tensor, bias: Bias, known: select.Weights, features: Features) -> nn.Module:
    return PlainLinear(weight.float(), None if bias is None else bias.float())


# product of `select` -> how the layer is made
_LAYOUTS: dict[str, Callable[[torch.Tensor, Bias, select.Weights, Features], nn.Module]] = {
    "native": _native,
    "onednn": lambda weight, bias, known, features: OneDnnLinear(weight, bias),
    "fbgemm": lambda weight, bias, known, features: HalfLinear(weight, bias),
    "plain": lambda weight, bias, known, features: PlainLinear(weight, bias),
    "widened": _widened,
}


def _release(layer: nn.Module, twin: nn.Module) -> None:
    """Drop the weights of a layer that its twin holds in another form."""
    if not isinstance(layer, nn.Linear | Float8Linear):
        return
    held = getattr(twin, "weight", None)
    if not isinstance(held, torch.Tensor) or held.data_ptr() != layer.weight.data_ptr():
        layer.weight.data = layer.weight.new_empty(0)


def _view(module: nn.Module, twins: Mapping[nn.Module, nn.Module], dtype: torch.dtype) -> nn.Module:
    """A copy of a module tree with packed layers in place of their originals and small parameters in dtype;
    everything else is shared with the original."""
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
