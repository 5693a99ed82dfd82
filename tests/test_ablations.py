"""The ablations' twin and their schedule: what is asked is what is drawn, and needs come before arms."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "experiments" / "ablations.py"


@pytest.fixture(autouse=True)
def experiments_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("benchmarks", "experiments"):
        monkeypatch.syspath_prepend(str(ROOT / folder))


def test_chains_say_what_the_picture_shows() -> None:
    from PIL import ImageColor
    from small.twin import CELL, SIDE, row

    for number in range(30):
        values, image = row(Random(number), "sides", 2)
        facts = values["facts"]
        assert image is not None and image.size == (SIDE * CELL, SIDE * CELL)
        places = [
            image.crop((x, y, x + CELL, y + CELL)).getcolors()
            for x in range(0, SIDE * CELL, CELL)
            for y in range(0, SIDE * CELL, CELL)
        ]
        assert sum(len(colours) > 1 for colours in places) == int(facts["number"])
        assert ImageColor.getrgb(facts["colour"]) in {rgb for colours in places for _, rgb in colours}
        assert values["answer"] == 4 * int(facts["number"])
        lines = values["thinking"].splitlines()
        assert lines[:2] == lines[2:4] == [f"{name}: {value}" for name, value in facts.items()]
        assert lines[4].endswith(f"= {values['answer']}")


def test_data_is_the_same_each_time_and_has_its_pictures_inside(tmp_path: Path) -> None:
    from small.twin import make_data

    first, again = (make_data(tmp_path / name, "heldout", 3).read_text() for name in "ab")
    assert first == again
    rows = [json.loads(line) for line in first.splitlines()]
    assert [row["family"] for row in rows] == ["count", "sides", "text"] * 3
    assert all(bool(row["images"]) == (row["family"] != "text") for row in rows)


def test_an_arm_brings_what_it_needs() -> None:
    from ablations import wanted

    assert wanted(["recipe"]) == ["base", "judge", "mpo", "mpo-grpo"]
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
