"""Our own kernels against torch, at every level of instructions that this machine has."""

from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional as F

from r1v.ops import isa
from r1v.ops.cpu.native import NativeLinear, available
from r1v.ops.select import FEW_ROWS

pytestmark = pytest.mark.skipif(not available(), reason="our kernels are not compiled here")
HERE = isa.features()


@pytest.fixture(autouse=True, params=sorted(HERE.kernels, key=isa.LEVEL_NAMES.index))
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each compiled level in turn."""
    if request.param not in HERE.levels:
        pytest.skip(f"this processor has no {request.param}")
    isa.limit(request.param)
    yield request.param
    isa.limit(HERE.level)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("rows", [1, 2, 5, 8, 9, 13, 260])
@pytest.mark.parametrize(("width", "depth"), [(64, 64), (130, 304), (17, 1040)])
def test_linear(level: str, dtype: torch.dtype, rows: int, width: int, depth: int) -> None:
    torch.manual_seed(rows)
    weight, bias, x = torch.randn(width, depth).to(dtype), torch.randn(width), torch.randn(rows, depth)
    layer = NativeLinear(weight, bias)
    # many rows of bfloat16 weights are multiplied in bfloat16 where the processor does that
    rounded = level in ("avx512_bf16", "amx") and dtype == torch.bfloat16 and rows > FEW_ROWS
    x = x.bfloat16().float() if rounded else x
    expected = F.linear(x, weight.float(), bias)
    assert torch.allclose(layer(x), expected, atol=5e-4)
    assert layer(x.bfloat16()[None]).dtype == torch.bfloat16
    if rounded:
        return
    norm, residual = torch.rand(depth), torch.randn(rows, width)
    expected = F.linear(F.rms_norm(x, (depth,), norm, 1e-6), weight.float(), bias)
    got = layer.fused(x, (norm, 1e-6), residual=residual)
    assert torch.allclose(got, expected + residual, atol=5e-4)
    if width % 2 == 0:
        gates, ups = expected.chunk(2, -1)
        got = layer.fused(x, (norm, 1e-6), gated=True)
        assert torch.allclose(got, F.silu(gates) * ups, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(("group", "columns"), [(64, 512), (64, 320), (128, 512), (128, 384), (256, 512)])
@pytest.mark.parametrize("rows", [1, 2, 3, 7, 40, 61, 300])
def test_int4(level: str, group: int, columns: int, rows: int) -> None:
    """Exact for inputs rounded to 8 bits, or for many rows in tiles for inputs and weights in bfloat16; the
    rounding costs less than a hundredth."""
    torch.manual_seed(rows)
    codes, scales = torch.randint(0, 16, (71, columns)), torch.rand(71, columns // group)
    zeros, x = 16 * scales * torch.rand_like(scales), torch.randn(rows, columns)
    layer = NativeLinear.from_codes(codes, scales, zeros, torch.randn(71))
    widened = codes.unflatten(1, (-1, group)) * scales.unsqueeze(-1) - zeros.unsqueeze(-1)
    grouped = x.unflatten(1, (-1, group))
    steps = grouped.abs().amax(-1, keepdim=True) / 127
    rounded = ((grouped / steps).round() * steps).flatten(1)
    got = layer(x)
    if level == "amx" and rows >= 48:
        close = F.linear(x.bfloat16().float(), widened.flatten(1).bfloat16().float(), layer.bias)
    else:
        close = F.linear(rounded, widened.flatten(1), layer.bias)
    if rows < 48:
        assert torch.allclose(got, close, atol=2e-3)
    assert float((got - close).norm() / close.norm()) < 5e-4  # of so many numbers a few round the other way
    exact = F.linear(x, widened.flatten(1), layer.bias)
    assert float((got - exact).norm() / exact.norm()) < 0.01
