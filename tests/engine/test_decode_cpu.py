"""The decode step of one call against the modules that it stands for, at every level of instructions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from r1v.engine.decode_cpu import CpuDecoder
from r1v.engine.weights import prepare
from r1v.models import R1V
from r1v.ops import isa
from r1v.ops.cpu.native import StepRows, available
from r1v.ops.paged import PagedAttentionReference, PagedCache, Span
from tests.engine.tiny import tiny_model

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


@pytest.mark.parametrize(("heads", "head_dim"), [((4, 2), 64), ((14, 2), 64), ((6, 3), 8), ((8, 1), 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_step(heads: tuple[int, int], head_dim: int, dtype: torch.dtype, threads: int) -> None:
    """Rows of two sequences, one with drafts, over broken runs; logits of three of the four rows."""
    torch.manual_seed(0)
    model = tiny_model(5, hidden_size=48)
    config = replace(
        model.config,
        language=replace(
            model.config.language, num_heads=heads[0], num_kv_heads=heads[1], head_dim=head_dim,
            family="qwen3" if head_dim == 40 else "qwen2",
        ),
    )  # fmt: skip
    model = R1V(config).requires_grad_(False).to(dtype).eval()
    for parameter in model.parameters():
        parameter.normal_(1.0 if parameter.ndim == 1 else 0.0, 0.1)
    run = prepare(model, "packed")
    language = run.model.language
    cache = PagedCache.empty(config.language.num_layers, 1000, heads[1], head_dim, torch.float32)
    cache.keys.normal_(), cache.values.normal_()
    twin = PagedCache(cache.keys.clone(), cache.values.clone())
    runs = [[(700, 300), (10, 41)], [(200, 80), (400, 1)], [(200, 80), (400, 2)], [(200, 80), (400, 3)]]
    ids, positions, slots = [5, 9, 11, 7], [340, 80, 81, 82], [50, 400, 401, 402]
    spans = [Span(0, 1, runs[0]), Span(1, 3, runs[3])]
    attention = PagedAttentionReference(twin, torch.tensor(slots), spans)
    hidden = language(language.embedding(torch.tensor([ids])), torch.tensor([positions]), attention)[0]
    expected = run.head(hidden[[0, 2, 3]])
    decoder = CpuDecoder.of(run, cache)
    assert decoder is not None
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        got = decoder._step(StepRows(ids, positions, slots, list(runs), [0, 2, 3]))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(got, expected, atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(cache.keys, twin.keys, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(cache.values, twin.values, atol=1e-4, rtol=1e-3)
