"""Layers in 8-bit floating point: the slow reference against numbers worked out by hand, the kernels against
the slow reference."""

import math
import os
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from r1v.core import ConfigError
from r1v.engine.weights import fp8_layers, resolve_format
from r1v.ops.linear import Float8Linear, Fp8Reference
from r1v.ops.rounding import FP8, quantise_fp8
from tests.engine.tiny import tiny_model

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
    return float((a.detach().float() - b.detach().float()).norm() / b.detach().float().norm())


@needs_triton
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("normed", [False, True])
def test_rows_are_rounded_as_the_reference_does(gated: bool, normed: bool) -> None:
    from r1v.ops.cuda.fp8 import quantise_rows

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
    expected, expected_scales = quantise_fp8(wide)
    assert torch.allclose(scales, expected_scales, rtol=1e-5)
    # ties round either way; and the interpreter loses the carry where it rounds up to a power of two
    assert apart(codes.float() * scales, expected.float() * expected_scales) < (5e-3 if ON_CUDA else 0.08)


def test_numbers_are_codes_times_a_scale_of_their_row() -> None:
    weight = torch.randn(64, 128) * torch.logspace(-3, 3, 64)[:, None]
    codes, scales = quantise_fp8(weight)
    assert apart(codes.float() * scales, weight) < 0.03
    assert float((codes.float() * scales - weight).abs().max() / weight.abs().max()) < 0.04


def nearest(value: float) -> float:
    """The e4m3 number that is nearest, the even one of two, from the format's definition: 3 bits behind the
    leading one, exponents from -6, 448 at most."""
    if value == 0:
        return 0.0
    step = 2.0 ** (max(math.floor(math.log2(abs(value))), -6) - 3)
    return max(-448.0, min(448.0, round(value / step) * step))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_reference_multiplies_rounded_rows_by_rounded_weights(dtype: torch.dtype) -> None:
    torch.manual_seed(6)
    layer = nn.Linear(32, 16).to(dtype)
    x = (torch.randn(2, 3, 32) * torch.tensor([1e-3, 1.0, 200.0])[:, None]).to(dtype)

    def rounded(rows: torch.Tensor) -> list[list[float]]:
        scales = [max(abs(v) for v in row) / 448 for row in rows.tolist()]
        return [[nearest(v / s) * s for v in row] for row, s in zip(rows.tolist(), scales, strict=True)]

    inputs, weights = rounded(x.flatten(0, 1)), rounded(layer.weight.detach())
    by_hand = [
        [
            sum(a * b for a, b in zip(row, out, strict=True)) + bias
            for out, bias in zip(weights, layer.bias.tolist(), strict=True)
        ]
        for row in inputs
    ]
    got = Fp8Reference(layer)(x)
    assert got.dtype == dtype and got.shape == (2, 3, 16)
    assert apart(got.flatten(0, 1), torch.tensor(by_hand)) < (1e-5 if dtype == torch.float32 else 4e-3)
    assert apart(got, layer(x)) < 0.06


def test_layers_of_tower_and_language_model_are_rounded_and_nothing_else() -> None:
    model = tiny_model()
    names = {
        *(f"vision.layers.0.{name}" for name in ("attention.qkv", "attention.out", "mlp.fc1", "mlp.fc2")),
        *(
            f"language.layers.{n}.{name}"
            for n in (0, 1)
            for name in ("attention.qkv", "attention.out", "mlp.gate_up", "mlp.down")
        ),
    }
    assert set(fp8_layers(model)) == names


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


@needs_triton
def test_codes_of_a_checkpoint_are_taken_as_they_are() -> None:
    """With a scale for each output; other layers are rounded again."""
    from r1v.ops.cuda.fp8 import Fp8Linear

    torch.manual_seed(0)
    codes = torch.randn(64, 96).mul(60).clamp(-448, 448).to(FP8).to(DEVICE)
    scales, bias = torch.rand(64, 1).mul(1e-3).to(DEVICE), torch.randn(64).to(DEVICE)
    layer = Float8Linear(codes, scales, 96, bias)
    own = Fp8Linear.of(layer)
    assert torch.equal(own.codes.float(), codes.float()) and torch.equal(own.scales, scales[:, 0])
    parts = Float8Linear(codes, torch.rand(64, 3).mul(1e-3).to(DEVICE), 32, bias)
    rounded = Fp8Linear.of(parts)
    assert apart(rounded.codes.float() * rounded.scales[:, None], parts.widened()) < 0.04
    if ON_CUDA and torch.cuda.get_device_capability() >= (8, 9):
        x = torch.randn(40, 96).bfloat16().to(DEVICE)
        assert apart(own(x), layer(x.float())) < 0.04


def test_who_cannot_have_it_is_told() -> None:
    with pytest.raises(ConfigError, match="needs a GPU"):
        resolve_format("fp8", torch.bfloat16, torch.device("cpu"))
    with pytest.raises(ConfigError, match="have 4 bits"):
        resolve_format("fp8", torch.bfloat16, torch.device("cpu"), "int4")
