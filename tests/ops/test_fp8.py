"""Layers in 8-bit floating point: rounding against its reference, products against float32."""

import os
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from r1v.core import ConfigError
from r1v.engine.weights import resolve_format

ON_CUDA = torch.cuda.is_available()
DEVICE = "cuda" if ON_CUDA else "cpu"
needs_triton = pytest.mark.skipif(
    not ON_CUDA and (find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1"),
    reason="needs a CUDA device, or Triton and TRITON_INTERPRET=1",
)
needs_fp8 = pytest.mark.skipif(
    not ON_CUDA or torch.cuda.get_device_capability() < (8, 9), reason="needs a GPU that multiplies FP8"
)


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a.float() - b.float()).norm() / b.float().norm())


@needs_triton
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("normed", [False, True])
def test_rows_are_rounded_as_the_reference_does(gated: bool, normed: bool) -> None:
    from r1v.ops.cuda.fp8 import quantise_rows, quantise_rows_reference

    if gated and normed:
        pytest.skip("no layer asks for both")
    torch.manual_seed(0)
    x = (torch.randn(5, 600) * torch.tensor([1e-4, 1.0, 300.0, 0.0, 1.0])[:, None]).half().to(DEVICE)
    weight = torch.rand(600).to(DEVICE) + 0.5
    wide = x.float()
    if gated:
        wide = nn.functional.silu(wide[:, :300]) * wide[:, 300:]
    if normed:
        wide = wide / (wide.square().mean(1, keepdim=True) + 1e-6).sqrt() * weight
    codes, scales = quantise_rows(x, (weight, 1e-6) if normed else None, gated)
    expected, expected_scales = quantise_rows_reference(wide)
    assert torch.allclose(scales, expected_scales, rtol=1e-5)
    # ties round either way; and the interpreter loses the carry where it rounds up to a power of two
    assert apart(codes.float() * scales, expected.float() * expected_scales) < (5e-3 if ON_CUDA else 0.08)


@needs_triton
def test_a_weight_is_its_codes_times_a_scale_of_its_output() -> None:
    from r1v.ops.cuda.fp8 import quantise_weight

    weight = torch.randn(64, 128) * torch.logspace(-3, 3, 64)[:, None]
    codes, scales = quantise_weight(weight)
    assert apart(codes.float() * scales[:, None], weight) < 0.03
    assert float((codes.float() * scales[:, None] - weight).abs().max() / weight.abs().max()) < 0.04


@needs_fp8
@pytest.mark.parametrize("rows", [1, 2, 7, 64, 300])
@pytest.mark.parametrize("bias", [False, True])
def test_products_equal_float32(rows: int, bias: bool) -> None:
    from r1v.ops.cuda.fp8 import Fp8Linear

    torch.manual_seed(1)
    layer = nn.Linear(512, 768, bias=bias).cuda().bfloat16()
    twin = Fp8Linear.of(layer)
    x, residual = torch.randn(rows, 512).cuda().bfloat16(), torch.randn(rows, 768).cuda().bfloat16()
    norm = (torch.rand(512).cuda().bfloat16() + 0.5, 1e-6)
    expected = layer.float()(x.float())
    assert apart(twin(x), expected) < 0.05
    assert apart(twin.added(x, residual), expected + residual.float()) < 0.05
    wide = x.float() / (x.float().square().mean(1, keepdim=True) + 1e-6).sqrt() * norm[0].float()
    assert apart(twin.normed(x, norm, False), layer(wide)) < 0.05


@needs_triton
def test_sums_are_scaled_by_row_and_output() -> None:
    from r1v.ops.cuda.fp8 import rescale

    torch.manual_seed(4)
    sums, rows, outs, bias = (torch.randn(*shape).to(DEVICE) for shape in ((5, 70), (5, 1), (70,), (70,)))
    assert torch.allclose(
        rescale(sums, rows, outs, bias, torch.float32), sums * rows * outs + bias, atol=1e-5
    )
    assert torch.allclose(rescale(sums, rows, outs, None, torch.float32), sums * rows * outs, atol=1e-5)


@needs_fp8
@pytest.mark.parametrize("rows", [2, 7, 16, 64, 300])
def test_few_outputs_of_many_inputs(rows: int) -> None:
    from r1v.ops.cuda.fp8 import Fp8Linear

    torch.manual_seed(5)
    layer = nn.Linear(2048, 512).cuda().bfloat16()
    twin, x = Fp8Linear.of(layer), torch.randn(rows, 2048).cuda().bfloat16()
    got = twin(x)
    assert apart(got, layer.float()(x.float())) < 0.05
    assert torch.equal(got[1], twin(x[:2])[1]) or apart(got[1], twin(x[:2])[1]) < 0.01


@needs_fp8
@pytest.mark.parametrize("rows", [1, 9])
def test_a_gated_pair_of_layers(rows: int) -> None:
    from r1v.ops.cuda.fp8 import Fp8Linear

    torch.manual_seed(2)
    up, down = nn.Linear(256, 1024, bias=False).cuda().bfloat16(), nn.Linear(512, 256).cuda().bfloat16()
    first, second = Fp8Linear.of(up), Fp8Linear.of(down)
    x, norm = torch.randn(rows, 256).cuda().bfloat16(), (torch.ones(256).cuda().bfloat16(), 1e-6)
    wide = x.float() / (x.float().square().mean(1, keepdim=True) + 1e-6).sqrt()
    gate, value = up.float()(wide).chunk(2, 1)
    expected = x.float() + down.float()(nn.functional.silu(gate) * value)
    assert apart(second.added(first.normed(x, norm, True), x), expected) < 0.05


def test_who_cannot_have_it_is_told() -> None:
    with pytest.raises(ConfigError, match="needs a GPU"):
        resolve_format("fp8", torch.bfloat16, torch.device("cpu"))
    with pytest.raises(ConfigError, match="have 4 bits"):
        resolve_format("fp8", torch.bfloat16, torch.device("cpu"), quantised=True)
