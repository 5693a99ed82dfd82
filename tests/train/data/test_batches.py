"""How the samples of a step are cut into parts."""

from __future__ import annotations

from random import Random

import pytest

from r1v.train.data.batches import Split, rounded


def test_a_number_of_parts() -> None:
    assert Split(3).cuts([5] * 7) == [(0, 2), (2, 4), (4, 7)]
    assert Split(3).cuts([5, 6]) == [(0, 1), (1, 2)]
    assert Split(3).cuts([]) == [] and Split(tokens=9).cuts([]) == []


def test_a_budget_by_hand() -> None:
    """Rows of 32 tokens after padding: three fit into 100; 96 + 64 * 3 is beyond 200."""
    assert Split(tokens=100).cuts([1, 30, 32, 32]) == [(0, 3), (3, 4)]
    assert Split(tokens=200).cuts([20, 30, 60, 60, 300]) == [(0, 3), (3, 4), (4, 5)]
    assert Split(tokens=128).cuts([20, 30, 60], rows=2) == [(0, 2), (2, 3)]
    assert Split(tokens=64).cuts([20, 30, 14, 1], packed=True) == [(0, 3), (3, 4)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("rows", [1, 2])
def test_every_part_keeps_the_budget_and_no_two_fit_together(packed: bool, rows: int) -> None:
    rng = Random(0)

    def taken(part: list[int]) -> int:
        return rounded(rows * sum(part)) if packed else rows * len(part) * rounded(max(part))

    for _ in range(300):
        lengths = sorted(rng.randint(1, 400) for _ in range(rng.randint(1, 30)))
        budget = rng.randint(1, 2000)
        cuts = Split(tokens=budget).cuts(lengths, rows=rows, packed=packed)
        assert [i for start, end in cuts for i in range(start, end)] == list(range(len(lengths)))
        for start, end in cuts:
            assert end - start == 1 or taken(lengths[start:end]) <= budget
            if end < len(lengths):  # the next one did not fit
                assert taken(lengths[start : end + 1]) > budget
