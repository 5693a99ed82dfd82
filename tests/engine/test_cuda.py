"""The CUDA paths against their references; they run where there is a device."""

import os
import random
from importlib.util import find_spec

import pytest
import torch

from r1v.core import SamplingParams
from r1v.ops.paged import PagedAttentionReference, PagedCache, Span
from tests.engine.tiny import drain, engine, is_greedy, request, tiny_model, token_ids

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
# Triton's interpreter runs the kernel on a CPU: TRITON_INTERPRET=1 (it cannot multiply bfloat16)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
needs_triton = pytest.mark.skipif(
    DEVICE == "cpu" and (find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1"),
    reason="needs a CUDA device, or Triton and TRITON_INTERPRET=1",
)


@needs_triton
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("heads", [(4, 4), (6, 2), (40, 8), (14, 2)])
@pytest.mark.parametrize("num_splits", [1, 3, 16])
def test_decode_kernel_equals_reference(dtype: torch.dtype, heads: tuple[int, int], num_splits: int) -> None:
    from r1v.ops.cuda.paged import decode_attention

    torch.manual_seed(0)
    lengths = [1, 7, 64, 65, 300]
    page, width = 16, 20
    cache = PagedCache.empty(1, len(lengths) * width * page, heads[1], 64, dtype, DEVICE)
    cache.keys.normal_(), cache.values.normal_()
    order = torch.randperm(len(lengths) * width)
    tables = order.view(len(lengths), width).int().to(DEVICE)
    q = torch.randn(len(lengths), heads[0], 64, dtype=dtype, device=DEVICE)
    got = decode_attention(
        q, cache.keys[0], cache.values[0], tables, torch.tensor(lengths, dtype=torch.int32, device=DEVICE),
        page, num_splits,
    )  # fmt: skip
    for row, length in enumerate(lengths):
        blocks = tables[row].tolist()[: -(-length // page)]
        runs = [(b * page, min(page, length - i * page)) for i, b in enumerate(blocks)]
        slot = torch.tensor([runs[-1][0] + runs[-1][1] - 1], device=DEVICE)
        k, v = cache.keys[0][slot].clone()[None], cache.values[0][slot].clone()[None]
        expected = PagedAttentionReference(cache, slot, [Span(0, 1, runs)])(0, q[row][None, None], k, v)
        tolerance = 2e-2 if dtype == torch.float16 else 2e-5
        assert torch.allclose(got[row], expected[0, 0].float(), atol=tolerance)


@needs_cuda
def test_varlen_equals_reference() -> None:
    from r1v.ops.cuda.paged import VarlenAttention

    torch.manual_seed(1)
    spans = [Span(0, 5, [(3, 4), (20, 30)]), Span(5, 1, [(100, 70)]), Span(6, 33, [(200, 33)])]
    slots = torch.cat([torch.arange(45, 50), torch.arange(169, 170), torch.arange(200, 233)]).cuda()
    caches = [PagedCache.empty(1, 256, 2, 64, torch.bfloat16, "cuda") for _ in range(2)]
    caches[0].keys.normal_(), caches[0].values.normal_()
    caches[1].keys.copy_(caches[0].keys), caches[1].values.copy_(caches[0].values)
    q = torch.randn(1, 39, 6, 64, dtype=torch.bfloat16, device="cuda")
    k, v = torch.randn(2, 1, 39, 2, 64, dtype=torch.bfloat16, device="cuda")
    expected = PagedAttentionReference(caches[0], slots, spans)(0, q, k, v)
    assert torch.allclose(VarlenAttention(caches[1], slots, spans)(0, q, k, v), expected, atol=3e-2)


@needs_cuda
@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("drafts", [0, 4])
@pytest.mark.parametrize("ahead", [False, True])
def test_engine_is_greedy(graphs: bool, drafts: int, ahead: bool) -> None:
    model = tiny_model().cuda()
    random_ = random.Random(0)
    asked = [request(random_, 5 + 7 * i, i % 3, SamplingParams.greedy(max_tokens=20 + i)) for i in range(11)]
    fast = engine(model, cuda_graphs=graphs, num_draft_tokens=drafts, max_num_seqs=9, capture_ahead=ahead)
    ids = [fast.add(r) for r in asked]
    outputs = drain(fast)
    model.cpu()
    for request_id, r in zip(ids, asked, strict=True):
        assert is_greedy(model, r, token_ids(outputs[request_id, 0]))


@needs_cuda
def test_graphs_see_changed_weights() -> None:
    model = tiny_model().cuda()
    live = engine(model)
    asked = request(random.Random(1), 20, 1)
    live.add(asked)
    drain(live)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.8)
    live.weights_changed()
    request_id = live.add(asked)
    generated = token_ids(drain(live)[request_id, 0])
    assert is_greedy(model.cpu(), asked, generated)
