"""The GPU benchmarks at their smallest size on a CPU, and what their runner does with parts that fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "gpu"


def run(script: Path, *arguments: str, timeout: float = 600) -> str:
    """Standard output of a script that has to end well."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "benchmarks"), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True, text=True, timeout=timeout, env={**os.environ, "PYTHONPATH": paths}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_results_are_shown_as_tables() -> None:
    files = sorted((ROOT / "benchmarks" / "results" / "gpu").glob("*.json"))
    shown = run(FOLDER / "table.py", *map(str, files))
    assert files and all(file.name in shown for file in files)
    assert "| 38b bf16 |  | 1 |  | 16.6 |" in shown and "| qkv | 1 | cuBLAS |" in shown


@pytest.mark.slow
def test_a_part_that_fails_or_hangs_costs_only_itself(tmp_path: Path) -> None:
    script = tmp_path / "three.py"
    script.write_text(
        "import sys, time\n"
        "from gpu.parts import Part, main\n"
        "def good(settings, findings): findings.add(number=1)\n"
        "def bad(settings, findings):\n"
        "    findings.attempt('first', lambda: 1 / 0)\n"
        "    findings.add(number=2)\n"
        "    sys.exit(7)\n"
        "def slow(settings, findings): findings.add(number=3); time.sleep(600)\n"
        "parts = {'bad': Part(bad, 100), 'slow': Part(slow, 20), 'good': Part(good, 100)}\n"
        "main('three', parts, __file__)\n"
    )
    run(script, "--device", "cpu", "--out", str(tmp_path), "--commit", "abc")
    result = json.loads((tmp_path / "three.json").read_text())
    assert result["commit"] == "abc" and result["torch"]
    bad, slow, good = (result["parts"][name] for name in ("bad", "slow", "good"))
    assert bad["exit"] == 7 and "ZeroDivisionError" in bad["rows"][0]["error"]
    assert bad["rows"][1] == {"number": 2}
    assert "stopped" in slow["exit"] and slow["rows"] == [{"number": 3}]
    assert good["exit"] == 0 and good["rows"] == [{"number": 1}]


@pytest.mark.slow
@pytest.mark.timeout(900)  # bfloat16 takes long on a CPU without its instructions
@pytest.mark.parametrize(
    ("name", "part"),
    [
        *(("correct", part) for part in ("nano", "nano_w4", "language", "training", "soak")),
        *(("speed", part) for part in ("limits", "w4", "bf16", "w4_long", "memory", "transformers")),
        ("vllm_side", "bf16"),
    ],
)
def test_dry_run(tmp_path: Path, name: str, part: str) -> None:
    run(
        FOLDER / f"{name}.py", "--device", "cpu", "--tiny", "--out", str(tmp_path), "--parts", part,
        timeout=800,
    )  # fmt: skip
    found = json.loads((tmp_path / f"{name}.json").read_text())["parts"][part]
    assert found["exit"] == 0 and found["rows"]
    assert not any("error" in row for row in found["rows"])
    assert all(row["right"] for row in found["rows"] if "right" in row)
    assert all(row["other"] == 0 for row in found["rows"] if "preemptions" in row)


@pytest.mark.slow
def test_dry_run_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R1V_STARTUP", str(tmp_path))
    run(FOLDER / "startup.py", "--device", "cpu", "--tiny", "--out", str(tmp_path))
    parts = json.loads((tmp_path / "startup.json").read_text())["parts"]
    assert [part["exit"] for part in parts.values()] == [0] * 4
    assert parts["cold"]["rows"][0]["bytes"] > 16e6 and not (tmp_path / "r1v-startup").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_dry_run_of_several_processes(tmp_path: Path) -> None:
    """MPO in two processes logs the numbers of one, and tensors arrive whole; with gloo here."""
    parts = ("block", "mpo")
    run(FOLDER / "processes.py", "--device", "cpu", "--out", str(tmp_path), "--parts", *parts, timeout=800)
    found = json.loads((tmp_path / "processes.json").read_text())["parts"]
    assert [found[part]["exit"] for part in parts] == [0, 0]
    (sent,) = found["block"]["rows"]
    assert sent["tensors"] == 6 and sent["worst_sum"] == 0 and sent["exit"] == 0
    one, several = found["mpo"]["rows"]
    assert not one["failed"] and not several["failed"] and several["numbers"] > 50
    assert several["worst_number"] < 1e-3 and several["other_numbers"] == 0
