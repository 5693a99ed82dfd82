"""Our own kernels against torch."""

import pytest
import torch
from torch.nn import functional as F

from r1v.ops.cpu.native import DecodeAttention, DecodeRows, NativeLinear, available
from r1v.ops.paged import PagedAttentionReference, PagedCache, Span
from r1v.ops.rope import RopeConfig, apply_rope, rope_frequencies, rope_table

pytestmark = pytest.mark.skipif(not available(), reason="our kernels for x86 are not compiled here")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("rows", [1, 2, 5, 8, 9, 13, 260])
@pytest.mark.parametrize(("width", "depth"), [(64, 64), (130, 304), (17, 1040)])
def test_linear(dtype: torch.dtype, rows: int, width: int, depth: int) -> None:
    torch.manual_seed(rows)
    weight, bias, x = torch.randn(width, depth).to(dtype), torch.randn(width), torch.randn(rows, depth)
    layer = NativeLinear(weight, bias)
    expected = F.linear(x, weight.float(), bias)
    assert torch.allclose(layer(x), expected, atol=5e-4)
    assert layer(x.bfloat16()[None]).dtype == torch.bfloat16
    norm, residual = torch.rand(depth), torch.randn(rows, width)
    expected = F.linear(F.rms_norm(x, (depth,), norm, 1e-6), weight.float(), bias)
    got = layer.fused(x, (norm, 1e-6), residual=residual)
    assert torch.allclose(got, expected + residual, atol=5e-4)
    if width % 2 == 0:
        gates, ups = expected.chunk(2, -1)
        got = layer.fused(x, (norm, 1e-6), gated=True)
        assert torch.allclose(got, F.silu(gates) * ups, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("group", [64, 128, 256])
@pytest.mark.parametrize("rows", [1, 2, 3, 7, 40])
def test_int4(group: int, rows: int) -> None:
    """Exact for inputs rounded to 8 bits, and the rounding costs less than a hundredth."""
    torch.manual_seed(rows)
    codes, scales = torch.randint(0, 16, (71, 512)), torch.rand(71, 512 // group)
    zeros, x = 16 * scales * torch.rand_like(scales), torch.randn(rows, 512)
    layer = NativeLinear.from_codes(codes, scales, zeros, torch.randn(71))
    widened = codes.unflatten(1, (-1, group)) * scales.unsqueeze(-1) - zeros.unsqueeze(-1)
    grouped = x.unflatten(1, (-1, group))
    steps = grouped.abs().amax(-1, keepdim=True) / 127
    rounded = ((grouped / steps).round() * steps).flatten(1)
    got = layer(x)
    assert torch.allclose(got, F.linear(rounded, widened.flatten(1), layer.bias), atol=2e-3)
    exact = F.linear(x, widened.flatten(1), layer.bias)
    assert float((got - exact).norm() / exact.norm()) < 0.01


@pytest.mark.parametrize(("heads", "head_dim"), [((4, 2), 64), ((14, 2), 64), ((3, 3), 8), ((8, 1), 40)])
@pytest.mark.parametrize("threads", [1, 2])
def test_attention(heads: tuple[int, int], head_dim: int, threads: int) -> None:
    """Rows of two sequences, one with drafts, over broken runs, against the reference."""
    torch.manual_seed(0)
    runs = [[(700, 300), (10, 41)], [(200, 80), (400, 3)]]
    lengths, rows = [1, 3], 4
    cache = PagedCache.empty(1, 1000, heads[1], head_dim, torch.float32)
    cache.keys.normal_(), cache.values.normal_()
    table = rope_table(torch.tensor([340, 80, 81, 82]), *rope_frequencies(RopeConfig(), head_dim))
    qkv = torch.randn(rows, (heads[0] + 2 * heads[1]) * head_dim)
    q, k, v = qkv.unflatten(1, (-1, head_dim)).split((heads[0], heads[1], heads[1]), dim=1)
    q, k = apply_rope(q, k, *table)
    slots = [50, 400, 401, 402]
    twin = PagedCache(cache.keys.clone(), cache.values.clone())
    spans = [Span(0, 1, runs[0]), Span(1, 3, runs[1])]
    reference = PagedAttentionReference(twin, torch.tensor(slots), spans)
    expected = reference(0, q[None], k[None], v[None])[0].flatten(1)
    each = [runs[0], [(200, 80), (400, 1)], [(200, 80), (400, 2)], runs[1]]
    assert sum(lengths) == rows
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        attend = DecodeAttention(DecodeRows.of(table, slots, each), heads, head_dim)
        got = attend(qkv.clone(), cache.keys[0], cache.values[0])
    finally:
        torch.set_num_threads(before)
    assert torch.allclose(got, expected, atol=1e-5)
    assert torch.allclose(cache.keys, twin.keys, atol=1e-5) and torch.equal(cache.values, twin.values)
