"""What the recipe's ideas bring at small scale, by the experiments that the docs quote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def printed(script: str) -> dict[str, Any]:
    """The line of JSON that an experiment ends with."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "experiments" / script)], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr[-3000:]
    print(done.stdout)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_projector_moves_from_a_substitute_to_a_reasoner() -> None:
    """As in R1V's table: up in the phases, down by the move, up again; better than without the move."""
    table = printed("transfer.py")["accuracy"]
    assert min(table["substitute, words"], table["reasoner, words"]) >= 0.9
    assert table["substitute, new projector"] <= 0.3
    assert table["substitute, phase 3"] >= 0.8
    assert 0.1 <= table["reasoner, reassembled"] <= table["substitute, phase 3"]
    assert table["reasoner, aligned"] >= table["reasoner, reassembled"]
    assert table["reasoner, aligned"] >= table["reasoner, new projector, aligned as long"] + 0.1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_grpo_learns_to_answer_after_a_closer_look() -> None:
    """The reward rises with the real crop tool, which is used nearly every time."""
    found = printed("crop.py")
    (first,), (last,) = found["first_reward"], found["last_reward"]
    assert last >= first + 0.2 and found["turns"][0] > 1.5
    assert found["right_after"][0] >= found["right_before"][0] + 0.3


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_chains_are_shorter_where_a_question_is_easy_and_as_often_right() -> None:
    alphas = printed("chains.py")["alphas"]
    plain, adapted = alphas["0.0"], alphas["0.2"]
    assert adapted["right"] >= plain["right"] - 0.02
    assert max(plain["tokens"].values()) <= 1.2 * min(plain["tokens"].values())  # without, all are alike
    assert adapted["tokens"]["1"] <= 0.6 * plain["tokens"]["1"]
    assert adapted["tokens"]["4"] >= 1.5 * adapted["tokens"]["1"]
