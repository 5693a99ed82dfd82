"""Packed linear layers against the plain product."""

import pytest
import torch
from torch.nn import functional as F

from r1v.ops import isa, linear
from r1v.ops.cpu.native import NativeLinear, available
from r1v.ops.linear import (
    HalfLinear,
    Int4Linear,
    Int8Linear,
    OneDnnLinear,
    PlainLinear,
    quantise_int4,
)
from r1v.ops.select import has_native_bf16


@pytest.mark.skipif("avx2" not in isa.features().names, reason="FBGEMM needs AVX2")
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("biased", [False, True])
def test_half_keeps_bfloat16_weights(rows: int, biased: bool) -> None:
    weight = (torch.randn(96, 130) * 0.05).bfloat16()
    bias = torch.randn(96).bfloat16() if biased else None
    x = torch.randn(2, rows, 130)
    expected = F.linear(x, weight.float(), None if bias is None else bias.float())
    got = HalfLinear(weight, bias)(x)
    assert got.shape == expected.shape and torch.allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 5])
def test_onednn_is_the_same_product(rows: int) -> None:
    dtype = torch.bfloat16 if has_native_bf16(isa.features()) else torch.float32
    weight, bias, x = (
        torch.randn(64, 32).to(dtype),
        torch.randn(64).to(dtype),
        torch.randn(1, rows, 32).to(dtype),
    )
    layer = OneDnnLinear(weight, bias)
    assert torch.allclose(layer(x), PlainLinear(weight, bias)(x), atol=1e-4, rtol=1.6e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layers_take_inputs_of_any_dtype(dtype: torch.dtype) -> None:
    """Layers of different choices stand in one model, so none may depend on what the one before it gives."""
    weight = torch.randn(32, 64)
    layers: list[torch.nn.Module] = [Int4Linear(weight, None), PlainLinear(weight.bfloat16(), None)]
    layers.append(OneDnnLinear(weight, None))
    if "avx2" in isa.features().names:
        layers.append(HalfLinear(weight, None))
    if available():
        layers.append(NativeLinear(weight.bfloat16()))
    x = torch.randn(30, 64)
    for layer in layers:
        got = layer(x.to(dtype))
        assert got.dtype == dtype
        assert float((got.float() - x @ weight.T).norm() / (x @ weight.T).norm()) < 0.15, layer


@pytest.mark.parametrize("rows", [1, 8, 9, 30])
@pytest.mark.parametrize("width", [64, 128, 384])
def test_int4_is_the_product_with_its_rounded_weights(rows: int, width: int) -> None:
    layer = Int4Linear(torch.randn(96, width) * 0.1, torch.randn(96))
    x = torch.randn(rows, width)
    expected = F.linear(x, layer.widened(), layer.bias)
    assert torch.allclose(layer(x), expected, atol=0.02, rtol=0.02)
    assert layer(x[None]).shape == (1, rows, 96)


def test_rounding_to_4_bits_errs_by_half_a_step() -> None:
    weight = torch.randn(32, 256)
    codes, scales, lows = quantise_int4(weight, 64)
    back = codes.unflatten(1, (-1, 64)) * scales.unsqueeze(-1) + lows.unsqueeze(-1)
    error = (back - weight.unflatten(1, (-1, 64))).abs().amax(-1)
    assert int(codes.min()) >= 0 and int(codes.max()) <= 15
    assert bool((error <= scales / 2 + 1e-6).all())
    layer = Int4Linear(weight, None)
    assert float((layer.widened() - weight).abs().max()) < 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_eight_bits_are_widened_a_few_rows_at_a_time(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "WIDEN_ROWS", 32)
    weight = torch.randint(-127, 128, (70, 48), dtype=torch.int8)
    scales, bias, x = torch.rand(70), torch.randn(70), torch.randn(2, 5, 48, dtype=dtype)
    layer = Int8Linear(weight, scales, bias)
    expected = (weight.float() * scales[:, None]).to(dtype)
    assert torch.equal(layer.widened(dtype), expected)
    assert torch.equal(layer(x), F.linear(x, expected, bias.to(dtype)))
