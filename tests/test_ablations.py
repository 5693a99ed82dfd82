"""The ablations' twin and their schedule: what is asked is what is drawn, and needs come before arms."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "ablations.py"


@pytest.fixture(autouse=True)
def benchmarks_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_chains_count_the_squares_of_the_picture() -> None:
    from shared.twin import CELL, row

    for number in range(30):
        values, image = row(Random(number), "sum", 2)
        assert image is not None and image.size == (3 * CELL, 3 * CELL)
        assert {colour for _, colour in image.getcolors()} - {(255, 255, 255)} == {
            rgb for name, rgb in (("red", (255, 0, 0)), ("green", (0, 128, 0)), ("blue", (0, 0, 255)))
            if values["facts"][name] != "0"
        }  # fmt: skip
        asked = [name for name in values["facts"] if name in values["question"]]
        assert values["answer"] == sum(int(values["facts"][name]) for name in asked)
        lines = values["thinking"].splitlines()
        assert lines[:3] == lines[3:6] == [f"{name}: {n}" for name, n in values["facts"].items()]
        assert lines[6].endswith(f"= {values['answer']}")


def test_data_is_the_same_each_time_and_has_its_pictures_inside(tmp_path: Path) -> None:
    from shared.twin import make_data

    first, again = (make_data(tmp_path / name, "heldout", 3).read_text() for name in "ab")
    assert first == again
    rows = [json.loads(line) for line in first.splitlines()]
    assert [row["family"] for row in rows] == ["count", "sum", "text"] * 3
    assert all(bool(row["images"]) == (row["family"] != "text") for row in rows)


def test_an_arm_brings_what_it_needs() -> None:
    from ablations import wanted

    assert wanted(["ssb"]) == ["base", "ssb-off", "ssb-on"]
    assert wanted(["components"]) == ["base", "adapter", "llm-adapter", "adapter-vit"]
    assert wanted(["iterative"]) == ["base", "judge", "al-cotd", "iterative", "iterative-all"]


def test_interval_is_students() -> None:
    from ablations import interval

    assert interval([]) == "-"
    assert interval([0.5]) == "0.500"
    assert interval([1.0, 2.0, 3.0]) == "2.000 ± 2.484"  # 4.303 / sqrt(3)


@pytest.mark.slow
def test_every_arm_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--device", "cpu", "--out", str(tmp_path)]
    command += ["--plots", str(tmp_path / "plots")]
    for _ in range(2):  # the second time all is done already
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        last = json.loads(ended.stdout.splitlines()[-1])
        assert last["failed"] == [] and len(last["results"]) == 18
    assert (tmp_path / "plots" / "ssb.png").exists()
    assert "seed 0" not in ended.stdout
