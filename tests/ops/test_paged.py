"""Attention over the paged cache: runs in place against the gathered reference."""

import mmap
import random
import sys

import pytest
import torch

from r1v.ops.paged import PagedAttentionReference, PagedCache, RunAttention, Span


def random_spans(random_: random.Random, num_slots: int) -> tuple[list[Span], list[int]]:
    """Sequences whose contexts lie in pieces all over the cache, and the slot of each new row."""
    free, spans, slots, row = 0, [], [], 0
    for _ in range(random_.randrange(1, 6)):
        runs = []
        for _ in range(random_.randrange(1, 4)):
            free += random_.randrange(3)
            length = random_.randrange(1, 12)
            runs.append((free, length))
            free += length
        total = sum(n for _, n in runs)
        new = random_.choice([1, 1, total, random_.randrange(1, total + 1)])
        spans.append(Span(row, new, runs))
        slots += [slot for first, n in runs for slot in range(first, first + n)][-new:]
        row += new
    assert free <= num_slots
    return spans, slots


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("heads", [(4, 4), (6, 2), (7, 1)])
def test_runs_equal_reference(seed: int, heads: tuple[int, int]) -> None:
    random_ = random.Random(seed)
    torch.manual_seed(seed)
    spans, slots = random_spans(random_, 256)
    caches = [PagedCache.empty(2, 256, heads[1], 16, torch.float32) for _ in range(2)]
    for cache in caches:
        torch.manual_seed(seed)
        cache.keys.normal_(), cache.values.normal_()
    q = torch.randn(1, len(slots), heads[0], 16)
    k, v = torch.randn(2, 1, len(slots), heads[1], 16)
    places = torch.tensor(slots)
    expected = PagedAttentionReference(caches[0], places, spans)(1, q, k, v)
    got = RunAttention(caches[1], places, spans)(1, q, k, v)
    assert torch.allclose(got, expected, atol=1e-5)
    assert torch.equal(caches[0].keys, caches[1].keys) and torch.equal(caches[0].values, caches[1].values)


def test_cache_of_another_dtype() -> None:
    cache = PagedCache.empty(1, 8, 1, 16, torch.bfloat16)
    q, k, v = torch.randn(3, 1, 3, 1, 16)
    attend = RunAttention(cache, torch.arange(3), [Span(0, 3, [(0, 3)])])
    assert attend(0, q, k, v).dtype == torch.float32


@pytest.mark.parametrize("prompt", [0, 3])
def test_many_single_queries_at_once(prompt: int) -> None:
    """Contexts of 8 to 16 places, a prompt among them or not, and one query too long to be copied along."""
    torch.manual_seed(0)
    spans, slots = [], []
    for index in range(6):
        first = 40 * index
        runs = [(first + 20, 5), (first, 3 + index)]
        spans.append(Span(len(slots), 1, runs))
        slots.append(first + 2 + index)
        if prompt and index == 3:
            spans.append(Span(len(slots), prompt, [(300, prompt)]))
            slots += range(300, 300 + prompt)
    for extra in ([], [Span(len(slots), 1, [(320, 150)])]):
        chosen, places = [*spans, *extra], torch.tensor([*slots, *[469] * len(extra)])
        caches = [PagedCache.empty(1, 512, 2, 16, torch.float32) for _ in range(2)]
        for cache in caches:
            torch.manual_seed(1)
            cache.keys.normal_(), cache.values.normal_()
        q = torch.randn(1, len(places), 6, 16)
        k, v = torch.randn(2, 1, len(places), 2, 16)
        attend = RunAttention(caches[1], places, chosen)
        assert (attend._together is None) == bool(extra)
        expected = PagedAttentionReference(caches[0], places, chosen)(0, q, k, v)
        assert torch.allclose(attend(0, q, k, v), expected, atol=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="pages are emptied on Linux")
def test_memory_of_vacant_places_is_given_back() -> None:
    """Whole pages of the runs are empty afterwards, and read as zeros; every other place is as it was."""
    cache = PagedCache.empty(2, 8192, 2, 16, torch.float32)
    cache.keys.fill_(1.0), cache.values.fill_(1.0)
    row_bytes = cache.keys[0, 0].nbytes
    cache.give_back([(100, 3000), (5000, 1)])
    margin = mmap.PAGESIZE // row_bytes + 1
    for layer in (*cache.keys, *cache.values):
        rows = layer.flatten(1)
        assert (rows[100 + margin : 3100 - margin] == 0).all()
        assert (rows[:100] == 1).all() and (rows[3100:] == 1).all()
    cache.keys.fill_(2.0)
    assert (cache.keys == 2).all()
