"""Drawing: the fast path against the reference, and against the distributions it claims."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from r1v.ops import isa
from r1v.ops.cpu.drawing import MAX_IDS, NOT_FINITE, NOTHING_LEFT, NativeDraw, RowDraw, _packed
from r1v.ops.cpu.native import available
from r1v.ops.sampling import RowSettings, penalise, penalise_reference, sample, sample_reference

HERE = isa.features()


def random_rows(random_: random.Random, number: int) -> list[RowSettings]:
    return [
        RowSettings(
            temperature=random_.choice([0.0, 0.3, 1.0, 2.5]),
            top_k=random_.choice([0, 0, 1, 5, 40]),
            top_p=random_.choice([1.0, 0.95, 0.5, 0.01]),
            min_p=random_.choice([0.0, 0.0, 0.05, 0.5]),
            uniform=random_.random(),
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("num_candidates", [4, 32, 500])
def test_fast_path_equals_reference(seed: int, num_candidates: int) -> None:
    random_ = random.Random(seed)
    logits = torch.randn(12, 300, generator=torch.Generator().manual_seed(seed)) * random_.choice([0.1, 1, 6])
    rows = random_rows(random_, 12)
    assert sample(logits, rows, num_candidates).tolist() == sample_reference(logits, rows).tolist()


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    random_ = random.Random(3)
    logits, rows = torch.randn(30, 200), random_rows(random_, 30)
    together = sample(logits, rows, 16).tolist()
    assert together == [int(sample(logits[i : i + 1], [rows[i]], 16)) for i in range(30)]


def test_banned_ids_are_never_drawn() -> None:
    logits = torch.zeros(2, 10)
    logits[:, 3:] = float("-inf")
    for uniform in (0.0, 0.5, 1 - 2**-53):
        for settings in (RowSettings(uniform=uniform), RowSettings(top_p=0.999999, uniform=uniform)):
            assert int(sample(logits, [settings] * 2).max()) < 3


@pytest.mark.parametrize("settings", [{}, {"top_k": 4}, {"top_p": 0.8}, {"min_p": 0.3}])
def test_frequencies(settings: dict[str, float]) -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, 0.5, 1.5, -3.0, 0.1]])
    number = 4000
    rows = [RowSettings(uniform=(i + 0.5) / number, **settings) for i in range(number)]  # type: ignore[arg-type]
    drawn = sample(logits.expand(number, -1), rows).bincount(minlength=8) / number
    expected = logits[0].softmax(0)
    order = expected.argsort(descending=True)
    kept = torch.ones(8, dtype=torch.bool)
    if "top_k" in settings:
        kept[order[4:]] = False
    if "top_p" in settings:
        cumulated = expected[order].cumsum(0) - expected[order]
        kept[order[cumulated >= 0.8]] = False
    if "min_p" in settings:
        kept = expected >= 0.3 * expected.max()
    expected = expected * kept / (expected * kept).sum()
    assert torch.allclose(drawn, expected, atol=1e-3)


def test_penalties_by_hand() -> None:
    logits = torch.tensor([[2.0, -2.0, 1.0, 4.0]])
    in_prompt = torch.tensor([[True, True, False, False]])
    counts = torch.tensor([[0, 0, 3, 0]])
    one = torch.ones(1, 1)
    halved = penalise_reference(logits, in_prompt, counts, 2 * one, 0 * one, 0 * one)
    assert halved.tolist() == [[1.0, -4.0, 0.5, 4.0]]
    lowered = penalise_reference(logits, in_prompt, counts, one, 0.5 * one, 0.25 * one)
    assert lowered.tolist() == [[2, -2, -0.25, 4]]


def test_sparse_penalties_equal_reference() -> None:
    torch.manual_seed(0)
    logits, in_prompt = torch.randn(5, 40), torch.rand(5, 40) < 0.3
    counts = torch.randint(0, 3, (5, 40)) * (torch.rand(5, 40) < 0.2)
    factors = torch.rand(5, 3) + 0.5
    expected = penalise_reference(
        logits, in_prompt, counts, *(column[:, None] for column in factors.unbind(1))
    )
    seen = []
    for row in range(5):
        ids = (in_prompt[row] | (counts[row] > 0)).nonzero().flatten()
        ids = ids[torch.randperm(len(ids))]
        seen.append((ids, counts[row, ids].float()))
    penalise(logits, seen, factors)
    assert torch.allclose(logits, expected, atol=1e-6)


@pytest.mark.skipif(not available(), reason="our kernels are not compiled here")
class TestNative:
    """The library's drawing against torch's, at every level of instructions that this machine has."""

    @pytest.fixture(autouse=True, params=sorted(HERE.kernels, key=isa.LEVEL_NAMES.index))
    def draw(self, request: pytest.FixtureRequest) -> NativeDraw:
        if request.param not in HERE.levels:
            pytest.skip(f"this processor has no {request.param}")
        return NativeDraw(request.param, [7, 299])

    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize("width", [300, 1537, 20000])
    def test_equals_the_reference(self, draw: NativeDraw, seed: int, width: int) -> None:
        random_ = random.Random(seed)
        generator = torch.Generator().manual_seed(seed)
        scale = random_.choice([0.1, 1, 6])
        # every number comes several times: equal ones are told apart by their ids
        logits = (torch.randn(12, width, generator=generator) * scale * 64).round() / 64
        rows = random_rows(random_, 12)
        banned = logits.clone()
        banned[:, [7, 299]] = float("-inf")
        got = draw(logits.clone(), [RowDraw(row) for row in rows])
        expected = sample_reference(banned, rows).tolist()
        # its chances are float32: where the number falls on the border of two ids, it may be the other one
        for line in range(12):
            near = [min(max(rows[line].uniform + step, 0.0), 1 - 2**-53) for step in (-3e-6, 3e-6)]
            beside = [replace(rows[line], uniform=each) for each in near]
            allowed = sample_reference(banned[[line, line]], beside).tolist()
            assert got[line] in (expected[line], *allowed)
        assert sum(one != other for one, other in zip(got, expected, strict=True)) <= 1

    def test_penalties_biases_and_grammars(self, draw: NativeDraw) -> None:
        torch.manual_seed(1)
        logits = torch.randn(6, 333)
        ids = np.array([3, 40, 200], dtype=np.int64)
        counts = np.array([0, 2, 5], dtype=np.float32)
        factors = (1.3, 0.4, 0.1)
        expected = logits.clone()
        seen = [(torch.from_numpy(ids), torch.from_numpy(counts))] * 6
        penalise(expected, seen, torch.tensor([factors] * 6))
        allowed = torch.rand(352) < 0.3
        bits = (allowed.view(-1, 32).long() << torch.arange(32)).sum(1)
        bits = torch.where(bits >= 1 << 31, bits - (1 << 32), bits).int()
        expected.masked_fill_(~allowed[:333], float("-inf"))
        expected[:, [7, 299]] = float("-inf")
        chosen = int(expected[0].argmax())
        expected[:, chosen] -= 3.0
        settings = [RowSettings(uniform=i / 6, top_k=i) for i in range(6)]
        rows = [RowDraw(each, (ids, counts), factors, {chosen: -3.0}, bits) for each in settings]
        got = logits.clone()
        assert draw(got, rows) == sample_reference(expected, settings).tolist()
        torch.testing.assert_close(got, expected)

    @pytest.mark.parametrize("settings", [RowSettings(0.0), RowSettings(), RowSettings(top_p=0.9, top_k=3)])
    def test_what_cannot_be_drawn(self, draw: NativeDraw, settings: RowSettings) -> None:
        logits = torch.zeros(6, 301)
        logits[0, 300] = float("nan")
        logits[1, 5] = float("inf")
        logits[2, 7] = float("nan")  # also where it is banned
        logits[3] = float("-inf")
        logits[4] = float("-inf")
        logits[4, 299] = 1.0
        logits[5, :300] = float("-inf")
        found = draw(logits, [RowDraw(settings)] * 6)
        assert found == [NOT_FINITE, NOT_FINITE, NOT_FINITE, NOT_FINITE, NOTHING_LEFT, 300]

    def test_no_banned_id_at_the_ends(self, draw: NativeDraw) -> None:
        logits = torch.full((1, 600), float("-inf"))
        logits[0, [3, 500]] = torch.tensor([0.0, -20.0])
        for uniform in (0.0, 0.5, 1 - 2**-53):
            for settings in (RowSettings(uniform=uniform), RowSettings(min_p=1e-30, uniform=uniform)):
                assert draw(logits.clone(), [RowDraw(settings)])[0] in (3, 500)


def test_a_top_k_beyond_any_vocabulary_is_none() -> None:
    """A request may name any whole number; the C call takes 64 bits."""
    plain = RowSettings(temperature=0.7, top_k=MAX_IDS, uniform=0.5)
    assert _packed(RowDraw(replace(plain, top_k=10**30)), []) == _packed(RowDraw(plain), [])
