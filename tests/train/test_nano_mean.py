"""examples/nano/mean.py: the weighted mean of weights, against torch's own interpolation."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from r1v import models
from r1v.core import ConfigError

ROOT = Path(__file__).parents[2]
NANO = ROOT / "r1v" / "models" / "r1v-nano"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "examples" / "nano" / "mean.py"))


def test_three_to_seven_lies_where_torch_puts_it(script: dict[str, Any]) -> None:
    old = models.load(NANO, torch.float32, "cpu")
    new = copy.deepcopy(old)
    with torch.no_grad():
        for parameter in new.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 0.02)
    expected = {
        name: torch.lerp(one.detach().double(), other.detach().double(), 0.7)
        for (name, one), other in zip(old.named_parameters(), new.parameters(), strict=True)
    }
    found = script["mean"]([(old, 0.3), (new, 0.7)])
    for name, parameter in found.named_parameters():
        torch.testing.assert_close(parameter.double(), expected[name], atol=1e-6, rtol=1e-6)


def test_tower_and_projector_take_their_own_shares(script: dict[str, Any]) -> None:
    old = models.load(NANO, torch.float32, "cpu")
    new, before = copy.deepcopy(old), copy.deepcopy(old)
    with torch.no_grad():
        for parameter in new.parameters():
            parameter.add_(1.0)
    found = script["mean"]([(old, 0.75), (new, 0.25)], [0.0, 1.0])
    moved = {name: (one - two).mean().item() for (name, one), two in
             zip(found.named_parameters(), before.parameters(), strict=True)}  # fmt: skip
    assert {name.split(".")[0] for name in moved} == {"vision", "projector", "language"}
    for name, by in moved.items():
        assert by == pytest.approx(0.25 if name.startswith("language.") else 1.0, abs=1e-4), name


def test_shares_that_are_not_a_whole_are_refused(script: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="add up to 1"):
        script["mean"]([(models.load(NANO, torch.float32, "cpu"), 0.3)])
