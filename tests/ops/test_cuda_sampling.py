"""The sampling kernels of a CUDA device against the reference; without a device in Triton's interpreter."""

import os
import random
from importlib.util import find_spec

import pytest
import torch

from r1v.ops.sampling import RowSettings, penalise_reference, sample_reference

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = pytest.mark.skipif(
    DEVICE == "cpu" and (find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1"),
    reason="needs a CUDA device, or Triton and TRITON_INTERPRET=1",
)
SMALL = {"chunk": 256, "block": 64, "cap": 32}  # many passes over few ids


def table_of(rows: list[RowSettings], **columns: list[float]) -> torch.Tensor:
    from r1v.ops.cuda import sampling as kernels

    table = torch.tensor([kernels.NEUTRAL] * len(rows), dtype=torch.float64)
    for line, row in zip(table, rows, strict=True):
        line[:5] = torch.tensor([row.temperature, row.top_k, row.top_p, row.min_p, row.uniform])
    for name, values in columns.items():
        table[:, getattr(kernels, name)] = torch.tensor(values, dtype=torch.float64)
    return table.to(DEVICE)


def state_of(vocab: int, rows: int, banned: tuple[int, ...] = (), seen: torch.Tensor | None = None):  # type: ignore[no-untyped-def]
    from r1v.ops.cuda.sampling import SampleState

    bits = torch.ones(-(-vocab // 32) * 32, dtype=torch.int64)
    bits[list(banned)] = 0
    words = (bits.view(-1, 32) << torch.arange(32)).sum(1)
    words = torch.where(words >= 1 << 31, words - (1 << 32), words).int()[None]
    if seen is None:
        seen = torch.zeros(1, vocab, dtype=torch.int16)
    none = torch.full((rows, 1), -1, dtype=torch.int32, device=DEVICE)
    return SampleState(words.to(DEVICE), seen.to(DEVICE), none, none.float(), none)


def draw(logits: torch.Tensor, table: torch.Tensor, state, **sizes: int) -> list[int]:  # type: ignore[no-untyped-def]
    from r1v.ops.cuda.sampling import sample_rows

    ids, _ = sample_rows(logits.to(DEVICE), table, state, **(sizes or SMALL))
    return ids.tolist()  # type: ignore[no-any-return]


def random_rows(random_: random.Random, number: int) -> list[RowSettings]:
    return [
        RowSettings(
            temperature=random_.choice([0.0, 0.3, 0.6, 1.0, 2.5]),
            top_k=random_.choice([0, 0, 1, 5, 40, 290, 5000]),
            top_p=random_.choice([1.0, 0.95, 0.5, 0.01]),
            min_p=random_.choice([0.0, 0.0, 0.05, 0.5]),
            uniform=random_.random(),
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("spread", [0.05, 1.0, 6.0, 40.0])
@pytest.mark.parametrize("ties", [False, True])
def test_equals_reference(spread: float, ties: bool) -> None:
    """Flat and peaked, with and without many equal logits."""
    random_ = random.Random(int(10 * spread))
    for seed in range(4):
        logits = torch.randn(6, 700, generator=torch.Generator().manual_seed(seed)) * spread
        if ties:
            logits = (logits * 4 / spread).round() * spread / 4
        rows = random_rows(random_, 6)
        expected = sample_reference(logits, rows).tolist()
        assert draw(logits, table_of(rows), state_of(700, 6)) == expected


def test_all_logits_equal() -> None:
    logits = torch.full((5, 500), 0.25)
    rows = [
        RowSettings(0.6, top_p=0.951, uniform=0.5),
        RowSettings(0.6, top_k=70, uniform=0.999),
        RowSettings(1.0, min_p=0.5, uniform=0.2),
        RowSettings(1.0, uniform=0.7701),
        RowSettings(0.0),
    ]
    assert draw(logits, table_of(rows), state_of(500, 5)) == sample_reference(logits, rows).tolist()


def test_the_ends_of_the_uniform_number() -> None:
    logits = torch.randn(8, 300, generator=torch.Generator().manual_seed(3))
    for uniform in (0.0, 1 - 2**-53):
        rows = [
            RowSettings(t, k, p, m, uniform)
            for t, k, p, m in [(1, 0, 1, 0), (1, 3, 1, 0), (1, 0, 0.9, 0), (1, 0, 1, 0.2)] * 2
        ]
        assert draw(logits, table_of(rows), state_of(300, 8)) == sample_reference(logits, rows).tolist()


def test_banned_ids_are_never_drawn() -> None:
    banned = tuple(range(3, 100))
    state = state_of(100, 4, banned)
    logits = torch.zeros(4, 100)
    for uniform in (0.0, 0.5, 1 - 2**-53):
        rows = [RowSettings(uniform=uniform), RowSettings(top_p=0.99999, uniform=uniform),
                RowSettings(top_k=50, uniform=uniform), RowSettings(0.0)]  # fmt: skip
        assert max(draw(logits, table_of(rows), state)) < 3


def test_a_grammar_biases_and_ends_that_may_not_come_yet() -> None:
    from r1v.ops.cuda.sampling import SampleState

    vocab, never = 70, float("-inf")
    logits = torch.arange(vocab, dtype=torch.float32).repeat(4, 1)
    base = state_of(vocab, 4)
    only = torch.zeros(1, base.allowed.shape[1], dtype=torch.int32, device=DEVICE)
    only[0, 1] = 1 << 5 | 1 << 9  # 37 and 41
    bias_ids = torch.tensor([[69, 68], [0, 0], [41, 0], [3, 0]], dtype=torch.int32, device=DEVICE)
    biases = torch.tensor([[never, never], [0, 0], [never, 0], [80.0, 0]], device=DEVICE)
    state = SampleState(torch.cat((base.allowed, only)), base.seen, bias_ids, biases, base.extra)
    table = table_of([RowSettings(0.0)] * 4, MASK_ROW=[0, 1, 1, 0], NUM_BIASES=[2, 0, 1, 1])
    assert draw(logits, table, state) == [67, 41, 37, 3]


def test_rows_in_which_nothing_can_be_drawn() -> None:
    logits = torch.randn(6, 300)
    logits[0, 7], logits[1, 8], logits[2, 9] = float("nan"), float("inf"), 1e32
    state = state_of(300, 6, banned=tuple(range(200, 300)))
    logits[3, :200] = float("-inf")  # what is left is banned
    rows = [RowSettings(0.6, top_p=0.9, uniform=0.5)] * 5 + [RowSettings(0.0)]
    got = draw(logits, table_of(rows), state)
    assert got[:4] == [-1, -1, -1, -2] and 0 <= got[4] < 200 and 0 <= got[5] < 200


@pytest.mark.parametrize("spread", [1.0, 5.0])
def test_penalties_equal_reference_and_are_counted(spread: float) -> None:
    torch.manual_seed(0)
    vocab = 300
    logits = torch.randn(4, vocab) * spread
    in_prompt, counts = torch.rand(4, vocab) < 0.3, torch.randint(0, 3, (4, vocab))
    seen = (2 * counts + in_prompt).to(torch.int16)
    factors = torch.rand(4, 3, dtype=torch.float64) + 0.5
    extra = torch.randint(0, vocab, (4, 2), dtype=torch.int32)
    after = counts.clone()
    for row, number in enumerate([0, 2, 1, 2]):
        for token in extra[row, :number].tolist():
            after[row, token] += 1
    rows = [RowSettings(0.8, top_p=0.9, uniform=0.3 + 0.1 * i) for i in range(4)]
    expected = sample_reference(
        penalise_reference(logits, in_prompt, after, *(c[:, None].float() for c in factors.unbind(1))), rows
    ).tolist()
    state = state_of(vocab, 4, seen=seen)
    state.extra = extra.to(DEVICE)
    table = table_of(
        rows, REPETITION=factors[:, 0].tolist(), PRESENCE=factors[:, 1].tolist(),
        FREQUENCY=factors[:, 2].tolist(), SEEN_ROW=[0, 1, 2, 3], COUNTS=[1, 1, 0, 1], NUM_EXTRA=[0, 2, 1, 2],
    )  # fmt: skip
    assert draw(logits, table, state) == expected
    for row, counted in enumerate([1, 1, 0, 1]):
        seen[row, expected[row]] += 2 * counted
    assert torch.equal(state.seen.cpu(), seen)


def test_log_probabilities_are_the_models_own() -> None:
    from r1v.ops.cuda.sampling import sample_rows

    logits = torch.randn(3, 600, generator=torch.Generator().manual_seed(1)) * 4
    rows = [RowSettings(0.0), RowSettings(2.0, uniform=0.4), RowSettings(0.6, top_p=0.9, uniform=0.4)]
    ids, chances = sample_rows(logits.to(DEVICE), table_of(rows), state_of(600, 3), **SMALL)
    expected = logits.log_softmax(-1).gather(1, ids.cpu()[:, None])[:, 0]
    assert torch.allclose(chances.cpu(), expected, atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"top_k": 4}, {"top_p": 0.8}, {"min_p": 0.3}])
def test_frequencies(settings: dict[str, float]) -> None:
    """Over evenly spread uniform numbers each id comes as often as its probability says (chi-square)."""
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5, 1.5, -3.0, 0.1])
    number = 400
    rows = [RowSettings(uniform=(i + 0.5) / number, **settings) for i in range(number)]  # type: ignore[arg-type]
    many = logits.repeat(number, 1)
    drawn = draw(many, table_of(rows), state_of(8, number), chunk=16, block=16, cap=8)
    assert drawn == sample_reference(many, rows).tolist()


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device")
@pytest.mark.parametrize("factor", [1.0, 8.0])
@pytest.mark.parametrize("half", [False, True])
def test_a_whole_vocabulary(factor: float, half: bool) -> None:
    """The release's sampling over 152,064 ids; nearly every draw is the reference's, the others are next to
    the target within rounding."""
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(64, 152064, generator=generator) * 1.43 * factor
    logits = logits.bfloat16().float() if half else logits
    random_ = random.Random(6)
    rows = [RowSettings(0.6, random_.choice([0, 0, 50, 5000]), 0.95, uniform=random_.random())
            for _ in range(64)]  # fmt: skip
    expected = sample_reference(logits.cuda(), rows).tolist()
    got = draw(logits, table_of(rows), state_of(152064, 64), chunk=8192, block=2048, cap=1024)
    different = [i for i in range(64) if got[i] != expected[i]]
    assert len(different) <= 4, different
    for i in different:
        assert abs(logits[i, got[i]] - logits[i, expected[i]]) < 0.01 * factor
