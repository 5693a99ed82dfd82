"""The whole recipe in order: each stage reaches its threshold, and none does where it does nothing."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ("sft", "transfer", "distill", "reward", "iterate", "cold_start", "mpo", "grpo")


def given_back(config: Any, *_: Any) -> Path:
    """A stage that does nothing: the model it was given is its result."""
    return Path(getattr(config, "model", getattr(config, "reasoner", "")))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_stages_reach_their_thresholds_unless_they_do_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    sys.modules.pop("recipe", None)
    import recipe

    whole = recipe.Recipe(tmp_path / "recipe")
    whole.all_stages()
    said = capsys.readouterr().out
    assert not whole.failed, said
    assert [line.split()[1] for line in said.splitlines() if line.startswith("ok")] == [*STAGES, "ask"]

    for trainer in (recipe.Trainer, recipe.RewardTrainer, recipe.MPOTrainer, recipe.GRPOTrainer):
        monkeypatch.setattr(trainer, "train", lambda self: given_back(self.config))
    for function in ("transfer", "distill", "iterate"):
        monkeypatch.setattr(recipe, function, given_back)
    for name in STAGES:
        idle = copy.copy(whole)
        idle.out, idle.failed = tmp_path / "idle" / name, []
        idle.stage(name, getattr(idle, name))
        assert idle.failed == [name], capsys.readouterr().out
