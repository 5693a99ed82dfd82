"""The fused decode step of CUDA against the modules it stands for; Triton's interpreter runs it on a CPU."""

import os
from importlib.util import find_spec
from itertools import product

import pytest
import torch
from torch import nn

from r1v.engine.weights import prepare
from r1v.models.norms import RMSNorm
from r1v.ops.linear import AwqLinear
from r1v.ops.paged import PagedAttentionReference, PagedCache, Span
from tests.engine.tiny import tiny_model

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = pytest.mark.skipif(
    DEVICE == "cpu" and (find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1"),
    reason="needs a CUDA device, or Triton and TRITON_INTERPRET=1",
)


def close(got: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> bool:
    return float((got.double() - expected.double()).norm() / expected.double().norm()) < tolerance


@pytest.mark.parametrize("width", [96, 1024, 2048])
@pytest.mark.parametrize("normed", [False, True])
def test_gemv_equals_its_parts(width: int, normed: bool) -> None:
    from r1v.ops.cuda.decode import gemv

    torch.manual_seed(width)
    x, norm = torch.randn(1, width, device=DEVICE), torch.rand(width, device=DEVICE)
    weight, bias = torch.randn(30, width, device=DEVICE), torch.randn(30, device=DEVICE)
    inner = nn.functional.rms_norm(x, (width,), norm, 1e-6) if normed else x
    settings = (norm, 1e-6) if normed else None
    assert close(gemv(x, weight, bias, norm=settings), inner @ weight.T + bias)
    residual = torch.randn(1, 30, device=DEVICE)
    assert close(gemv(x, weight, norm=settings, residual=residual), inner @ weight.T + residual)
    gate, up = (inner @ weight.T).chunk(2, -1)
    assert close(gemv(x, weight, norm=settings, gated=True), nn.functional.silu(gate) * up)


def test_rows_equal_their_parts() -> None:
    from r1v.ops.cuda.decode import gate_rows, norm_rows

    x, weight = torch.randn(5, 300, device=DEVICE), torch.rand(300, device=DEVICE)
    assert close(norm_rows(x, weight, 1e-5), nn.functional.rms_norm(x, (300,), weight, 1e-5))
    assert close(gate_rows(x), nn.functional.silu(x[:, :150]) * x[:, 150:])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("qwen3", [False, True])
def test_decoder_equals_model(batch: int, qwen3: bool) -> None:
    """Logits and cache of a step, for contexts of different lengths."""
    from r1v.engine.cuda.fused import FusedDecoder
    from r1v.ops.cuda.paged import DecodeTables

    torch.manual_seed(batch)
    model = tiny_model(layers=3).to(DEVICE)
    config = model.config.language
    for layer in model.language.layers:
        layer.attention_norm.weight.data.uniform_(0.5, 1.5)
        layer.attention.qkv.bias.data.normal_()
        if qwen3:
            for name in ("q_norm", "k_norm"):
                norm = RMSNorm(config.head_dim, 1e-6).to(DEVICE)
                norm.weight.data.uniform_(0.5, 1.5)
                setattr(layer.attention, name, norm)
    page, width = 4, 40
    lengths = [1, 137, 64][:batch]
    caches = [
        PagedCache.empty(config.num_layers, batch * width * page, config.num_kv_heads, config.head_dim,
                         torch.float32, DEVICE)
        for _ in range(2)
    ]  # fmt: skip
    caches[0].keys.normal_(), caches[0].values.normal_()
    caches[1].keys.copy_(caches[0].keys), caches[1].values.copy_(caches[0].values)
    tables = torch.randperm(batch * width).view(batch, width).int().to(DEVICE)
    positions = torch.tensor(lengths, device=DEVICE) - 1
    ids = torch.randint(60, (batch,), device=DEVICE)
    slots = tables[torch.arange(batch), positions // page].long() * page + positions % page
    spans = []
    for row, length in enumerate(lengths):
        blocks = tables[row].tolist()[: -(-length // page)]
        spans.append(Span(row, 1, [(b * page, min(page, length - i * page)) for i, b in enumerate(blocks)]))
    with torch.no_grad():
        attention = PagedAttentionReference(caches[0], slots, spans)
        hidden = model.language(model.language.embedding(ids)[None], positions[None], attention)[0]
        expected = model.logits(hidden)
        fused = FusedDecoder(prepare(model, "plain"), caches[1], page)
        got = fused(ids, positions, DecodeTables(tables, (positions + 1).int(), slots))
    assert close(got, expected)
    assert close(caches[1].keys, caches[0].keys) and close(caches[1].values, caches[0].values)


def awq_layer(rows: int, columns: int, group: int, bias: bool = False) -> AwqLinear:
    """Random codes."""
    groups = columns // group
    return AwqLinear(
        torch.randint(256, (rows, columns // 2), dtype=torch.uint8),
        torch.rand(rows, groups).add(0.5).half(),
        torch.randint(16, (rows, groups), dtype=torch.uint8),
        torch.randn(rows) if bias else None,
    ).to(DEVICE)


@pytest.mark.parametrize("group", [32, 128])
@pytest.mark.parametrize("rows", [1, 3, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_int4_product_equals_reference(group: int, rows: int, dtype: torch.dtype) -> None:
    from r1v.ops.cuda.int4 import TritonInt4Linear

    if dtype == torch.bfloat16 and rows > 1 and DEVICE == "cpu":
        pytest.skip("the interpreter cannot multiply bfloat16")
    torch.manual_seed(rows)
    layer = awq_layer(72, 384, group, bias=True)
    x = torch.randn(rows, 384, device=DEVICE).to(dtype)
    got = TritonInt4Linear(layer)(x)
    assert got.dtype == dtype
    assert close(got, layer(x.float()), {torch.float32: 1e-5, torch.float16: 1e-3}.get(dtype, 4e-3))


def test_int4_fusions_equal_their_parts() -> None:
    from r1v.ops.cuda.int4 import TritonInt4Linear

    torch.manual_seed(0)
    layer = awq_layer(64, 2048, 128)
    x, norm = torch.randn(1, 2048, device=DEVICE).bfloat16(), torch.rand(2048, device=DEVICE).bfloat16()
    inner = nn.functional.rms_norm(x.float(), (2048,), norm.float(), 1e-6)
    packed = TritonInt4Linear(layer)
    residual = torch.randn(1, 64, device=DEVICE).bfloat16()
    expected = layer(inner) + residual.float()
    assert close(packed.product(x, (norm, 1e-6), residual=residual), expected, 4e-3)
    gate, up = layer(inner).chunk(2, -1)
    assert close(packed.product(x, (norm, 1e-6), gated=True), nn.functional.silu(gate) * up, 4e-3)


def test_int4_weights_widen_exactly() -> None:
    from r1v.ops.cuda.int4 import TritonInt4Linear

    layer = awq_layer(40, 192, 64)
    assert torch.equal(TritonInt4Linear(layer).widened(torch.float32), layer.widened())


def test_operands_lie_where_the_lanes_read_them() -> None:
    """The layout of `pack_operands`, from the definition of mma.m16n8k16's left operand."""
    from r1v.ops.cuda.int4_mma import pack_operands, pack_tables

    codes = torch.randint(16, (32, 256), dtype=torch.uint8)
    words = pack_operands(codes)
    for lane, s, nibble in product(range(32), range(4), range(8)):
        row = lane // 4 + 8 * (nibble % 2)
        column = 16 * (lane % 4) + 4 * s + 2 * (nibble % 4 // 2) + nibble // 4
        expected = codes.view(2, 16, 4, 64)[:, row, :, column]
        assert torch.equal((words[:, :, lane, s] >> (4 * nibble)) & 15, expected.int())
    scales, zeros = torch.rand(32, 2).half(), torch.randint(16, (32, 2), dtype=torch.uint8)
    tables = pack_tables(scales, zeros).permute(0, 3, 2, 1).reshape(32, 2)
    assert torch.equal((tables & 0xFFFF).to(torch.int16).view(torch.float16), scales)
    assert torch.equal((tables >> 16).to(torch.int16).view(torch.bfloat16), zeros.bfloat16() + 128)


def test_packing_in_pieces_and_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    from r1v.ops.cuda import int4_mma

    layer = awq_layer(64, 256, 128)
    whole = int4_mma.MmaInt4Linear(layer)._records
    assert whole.shape == (4, 2, 272)
    assert torch.equal(whole[:, :, :256].reshape(4, 4, 32, 4), int4_mma.pack_operands(layer.codes()))
    tables = int4_mma.pack_tables(layer.scales, layer.zeros)
    assert torch.equal(whole[:, :, 256:].reshape(4, 2, 8, 2), tables)
    monkeypatch.setattr(int4_mma, "PACK_ROWS", 16)
    assert torch.equal(int4_mma.MmaInt4Linear(layer)._records, whole)
    order = [*range(8), *range(32, 40), *range(8, 16), *range(40, 48)]  # gates 0 to 15 and what they gate
    gated = int4_mma.MmaInt4Linear(layer, gated=True)._records
    expected = int4_mma.pack(layer.codes()[order], layer.scales[order], layer.zeros[order])
    assert torch.equal(gated[:2], expected)


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device")
@pytest.mark.parametrize("rows", [1, 5, 16, 33, 64, 100])
@pytest.mark.parametrize("gated", [False, True])
def test_mma_product_equals_reference(rows: int, gated: bool) -> None:
    from r1v.ops.cuda.int4_mma import MmaInt4Linear

    torch.manual_seed(rows)
    layer = awq_layer(96, 1280, 128, bias=not gated)
    packed = MmaInt4Linear(layer, gated)
    assert torch.equal(packed.widened(), layer.widened().bfloat16())
    x = torch.randn(rows, 1280, device=DEVICE).bfloat16()
    expected = layer(x.float())
    assert close(packed(x), expected, 4e-3)
    if rows > 64:
        return
    if gated:
        gate, up = expected.chunk(2, -1)
        assert close(packed.product(x, gated=True), nn.functional.silu(gate) * up, 4e-3)
        return
    norm, residual = (
        torch.rand(1280, device=DEVICE).bfloat16(),
        torch.randn(rows, 96, device=DEVICE).bfloat16(),
    )
    inner = nn.functional.rms_norm(x.float(), (1280,), norm.float(), 1e-6)
    got = packed.product(x, (norm, 1e-6), residual=residual)
    assert close(got, layer(inner) + residual.float(), 8e-3)


def test_long_lived_blocks_are_for_large_products(monkeypatch: pytest.MonkeyPatch) -> None:
    from r1v.ops.cuda import int4_mma

    packed = int4_mma.MmaInt4Linear(awq_layer(64, 256, 128))
    assert [packed._launch(rows) for rows in (1, 2)] == [int4_mma.BLOCKWISE] * 2
    monkeypatch.setattr(int4_mma, "STREAM_BYTES", 64 * 256 // 2)
    assert [packed._launch(rows) for rows in (1, 2)] == [int4_mma.STREAMED] * 2
    monkeypatch.setattr(int4_mma, "LARGE_BYTES", 64 * 256 // 2)
    assert [packed._launch(rows) for rows in (1, 2)] == [int4_mma.LARGE, int4_mma.STREAMED]


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device")
@pytest.mark.parametrize("launch", [(8, 2, False), (32, 1, True), (24, 1, True), (12, 3, True)])
@pytest.mark.parametrize("rows", [1, 5, 8])
def test_launches_of_few_rows(rows: int, launch: tuple[int, int, bool]) -> None:
    from r1v.ops.cuda.int4_mma import Launch, MmaInt4Linear

    torch.manual_seed(rows)
    x, norm = torch.randn(rows, 1280, device=DEVICE).bfloat16(), torch.rand(1280, device=DEVICE).bfloat16()
    layer = awq_layer(9600, 1280, 128)  # 600 tiles, some two and more to a block
    residual = torch.randn(rows, 9600, device=DEVICE).bfloat16()
    got = MmaInt4Linear(layer).product(x, residual=residual, launch=Launch(*launch))
    assert close(got, layer(x.float()) + residual.float(), 4e-3)
    inner = layer(nn.functional.rms_norm(x.float(), (1280,), norm.float(), 1e-6))
    gate, up = inner.chunk(2, -1)
    got = MmaInt4Linear(layer, gated=True).product(x, (norm, 1e-6), gated=True, launch=Launch(*launch))
    assert close(got, nn.functional.silu(gate) * up, 8e-3)


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device")
@pytest.mark.parametrize("rows", [9, 16, 40, 64])
@pytest.mark.parametrize("wgmma", [False, True])
def test_both_kernels_of_more_rows(rows: int, wgmma: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On tiles that end within a block's run, with outputs that fill no whole tile."""
    from r1v.ops.cuda import int4_wgmma
    from r1v.ops.cuda.int4_mma import MmaInt4Linear

    if wgmma and not int4_wgmma.is_available(torch.device(DEVICE)):
        pytest.skip("needs compute capability 9.0")
    monkeypatch.setattr(int4_wgmma, "is_available", lambda device: wgmma)
    torch.manual_seed(rows)
    for num_out, width in ((96, 1280), (9616, 640), (160, 13824)):
        x, norm = torch.randn(rows, width, device=DEVICE).bfloat16(), torch.rand(width, device=DEVICE)
        layer = awq_layer(num_out, width, 128)
        residual = torch.randn(rows, num_out, device=DEVICE).bfloat16()
        packed = MmaInt4Linear(layer)
        got = packed.product(x, residual=residual)
        assert close(got, layer(x.float()) + residual.float(), 6e-3)
        assert torch.equal(got, packed.product(x, residual=residual))
        inner = nn.functional.rms_norm(x.float(), (width,), norm.bfloat16().float(), 1e-6)
        gate, up = layer(inner).chunk(2, -1)
        got = MmaInt4Linear(layer, gated=True).product(x, (norm.bfloat16(), 1e-6), gated=True)
        assert close(got, nn.functional.silu(gate) * up, 1e-2)


class FromCache:
    """Attention over keys and values that are in the cache already, by the reference."""

    def __init__(self, cache: PagedCache, slots: torch.Tensor, spans: list[Span]) -> None:
        self.cache, self.slots = cache, slots
        self._reference = PagedAttentionReference(cache, slots, spans)

    def attend(self, layer: int, q: torch.Tensor) -> torch.Tensor:
        k, v = (part[layer][self.slots][None] for part in (self.cache.keys, self.cache.values))
        return self._reference(layer, q[None], k, v)[0]


@pytest.mark.parametrize("qwen3", [False, True])
def test_prompts_equal_model(qwen3: bool) -> None:
    """Hidden states and cache of two prompts and a single id, one prompt with ids before it."""
    from r1v.engine.cuda.fused import FusedPrompts

    torch.manual_seed(3)
    model = tiny_model(layers=2, family="qwen3" if qwen3 else "qwen2").to(DEVICE)
    language = model.config.language
    caches = [
        PagedCache.empty(2, 64, language.num_kv_heads, language.head_dim, torch.float32, DEVICE)
        for _ in range(2)
    ]
    caches[0].keys.normal_(), caches[0].values.normal_()
    caches[1].keys.copy_(caches[0].keys), caches[1].values.copy_(caches[0].values)
    spans = [Span(0, 5, [(0, 5)]), Span(5, 1, [(10, 7)]), Span(6, 4, [(30, 3), (40, 5)])]
    slots = torch.tensor([*range(5), 16, *range(41, 45)], device=DEVICE)
    positions = torch.tensor([*range(5), 6, *range(4, 8)], device=DEVICE)
    x = torch.randn(10, language.hidden_size, device=DEVICE)
    with torch.inference_mode():
        expected = model.language(x[None], positions[None], PagedAttentionReference(caches[0], slots, spans))[
            0
        ]
        fused = FusedPrompts(prepare(model, "plain"), caches[1])
        got = model.language.norm(fused(x, positions, FromCache(caches[1], slots, spans)))  # type: ignore[arg-type]
    assert close(got, expected)
    assert close(caches[1].keys, caches[0].keys) and close(caches[1].values, caches[0].values)
