"""Attention of many queries by our kernels, in tiles or in float32, against the float32 reference."""

import pytest
import torch

from r1v.ops import attention_reference, isa
from r1v.ops.cpu.attention import attend_many
from r1v.ops.paged import PagedAttentionReference, PagedCache, RunAttention, Span

LEVEL = isa.features().kernel_level
pytestmark = pytest.mark.skipif(LEVEL is None, reason="needs the compiled kernels")
# of a bfloat16 number; without tiles all is float32, and sums of hundreds of numbers differ by more than that
ROUNDING = 2.0**-8 if LEVEL == "amx" else 2.0**-18


def error(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got.float() - expected.float()).norm() / expected.float().norm())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("queries", "context"), [(1, 1), (16, 16), (17, 33), (40, 300), (65, 577), (3, 520)])
@pytest.mark.parametrize(("heads", "head_dim"), [((4, 4), 64), ((6, 2), 32), ((7, 1), 128), ((2, 1), 256)])
def test_against_the_reference(
    dtype: torch.dtype, causal: bool, queries: int, context: int, heads: tuple[int, int], head_dim: int
) -> None:
    if dtype != torch.float32 and LEVEL != "amx":
        pytest.skip("without tiles it takes float32")
    torch.manual_seed(queries)
    q = torch.randn(queries, heads[0], head_dim).to(dtype)
    k, v = torch.randn(2, context, heads[1], head_dim).to(dtype)
    mask = torch.ones(queries, context, dtype=torch.bool).tril(context - queries) if causal else None
    got = attend_many(q, k, v, causal=causal)
    assert got.dtype == dtype and torch.isfinite(got.float()).all()
    assert error(got, attention_reference(q[None], k[None], v[None], mask)[0]) < 1.5 * ROUNDING
    # numbers that bfloat16 holds are rounded only as weights and as results
    q, k, v = (part.bfloat16().float() for part in (q, k, v))
    close = attention_reference(q[None], k[None], v[None], mask)[0]
    assert error(attend_many(q, k, v, causal=causal), close) < 0.75 * ROUNDING


def test_layouts_and_runs() -> None:
    """Views into one tensor, and a context in pieces that lie in another order."""
    torch.manual_seed(0)
    qkv = torch.randn(50, 4 + 2 + 2, 64)
    q, k, v = qkv.split((4, 2, 2), dim=1)
    whole = attend_many(q.contiguous(), k.contiguous(), v.contiguous(), causal=True)
    assert torch.equal(attend_many(q, k, v, causal=True), whole)
    moved = [torch.cat((part[20:], torch.full_like(part[:9], torch.nan), part[:20])) for part in (k, v)]
    assert torch.equal(attend_many(q, *moved, [(39, 20), (0, 30)], causal=True), whole)


def test_large_scores_and_a_shifting_maximum() -> None:
    """Scores of hundreds, the largest of them in the last of several pieces of the context."""
    torch.manual_seed(1)
    q, k, v = torch.randn(40, 2, 64), torch.randn(700, 2, 64), torch.randn(700, 2, 64)
    k *= torch.linspace(0.1, 40, 700)[:, None, None]
    q, k, v = (part.bfloat16().float() for part in (q, k, v))
    expected = attention_reference(q[None], k[None], v[None])[0]
    assert error(attend_many(q, k, v), expected) < ROUNDING


def test_threads_change_nothing() -> None:
    before = torch.get_num_threads()
    q, k, v = torch.randn(100, 6, 64), torch.randn(200, 3, 64), torch.randn(200, 3, 64)
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(attend_many(q, k, v, causal=True))
    torch.set_num_threads(before)
    assert torch.equal(*found)


def test_pieces_of_prompts_over_the_cache() -> None:
    """A long piece after a context, a short one and a single query in one step."""
    torch.manual_seed(2)
    spans = [Span(0, 40, [(100, 30), (10, 40)]), Span(40, 5, [(200, 9)]), Span(45, 1, [(300, 77)])]
    slots = torch.tensor([*range(10, 50), *range(204, 209), 376])
    caches = [PagedCache.empty(2, 512, 2, 64, torch.float32) for _ in range(2)]
    for cache in caches:
        torch.manual_seed(3)
        cache.keys.normal_(), cache.values.normal_()
    q, (k, v) = torch.randn(1, 46, 6, 64), torch.randn(2, 1, 46, 2, 64)
    expected = PagedAttentionReference(caches[0], slots, spans)(1, q, k, v)
    got = RunAttention(caches[1], slots, spans, native=True)(1, q, k, v)
    assert error(got[:, :40], expected[:, :40]) < ROUNDING
    assert torch.allclose(got[:, 40:], expected[:, 40:], atol=1e-5)
    assert torch.equal(caches[0].keys, caches[1].keys) and torch.equal(caches[0].values, caches[1].values)
