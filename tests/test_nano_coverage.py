"""benchmarks/nano_coverage.py: the curve of accuracy against coverage, by hand."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def coverage(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return importlib.import_module("nano_coverage")


def test_the_surest_come_first_and_refusals_are_not_answered(coverage: ModuleType) -> None:
    told = [(True, False, -0.1), (False, False, -3.0), (True, False, -1.0), (False, True, -0.01)]
    found = coverage.curve([coverage.Reply(*one) for one in told])
    assert found.coverage == (0.25, 0.5, 0.75) and found.accuracy == (1.0, 1.0, pytest.approx(2 / 3))
    assert found.at(0.5) == 1.0 and found.at(0.9) is None
    assert found.reach(0.95) == 0.5 and found.reach(0.6) == 0.75
    assert found.mean == pytest.approx((1 + 1 + 2 / 3) / 3)


def test_an_answer_to_what_cannot_be_told_is_wrong(coverage: ModuleType) -> None:
    rows = [
        {"measure": "unknown", "good": False, "refused": False, "sure": -1.0},
        {"measure": "unclear", "good": True, "refused": True, "sure": -1.0},
        {"measure": "sum", "good": True, "refused": False, "sure": -2.0},
        {"measure": "chat", "good": True, "refused": False, "sure": -2.0},
        {"condition": "no picture", "right": False, "refused": False, "sure": -2.0},
        {"condition": "picture", "right": True, "refused": False, "sure": -2.0},
        {"part": "train", "right": True, "refused": False, "sure": -2.0},
        {"part": "heldout", "right": False, "refused": False, "sure": -2.0},
    ]
    groups = coverage.replies_of(rows)
    assert [(one.right, one.refused) for one in groups["people and unknown"]] == [
        (False, False), (False, True), (True, False),
    ]  # fmt: skip
    assert {name: len(found) for name, found in groups.items()} == {
        "own": 1, "abroad": 1, "people": 1, "people and unknown": 3,
    }  # fmt: skip


def test_files_of_samples_become_a_table_and_a_picture(
    coverage: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"condition": "picture", "right": n < 9, "refused": False, "sure": -n / 10} for n in range(10)]
    (tmp_path / "one.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    image = tmp_path / "curve.svg"
    command = ["nano_coverage.py", "--after", str(tmp_path / "one.jsonl"), "--image", str(image)]
    monkeypatch.setattr(sys, "argv", command)
    coverage.main()
    said = capsys.readouterr().out
    row = "| its own figures (10) | these weights | 100.0 | 100.0 | 100.0 | 100.0 | 90.0 | 90.0 of 100.0 |"
    assert row in said
    last = json.loads(said.splitlines()[-1])
    assert last["name"] == "nano_coverage" and last["these weights/own/right"] == 0.9
    assert image.stat().st_size > 1000
