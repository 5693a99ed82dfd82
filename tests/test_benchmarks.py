"""Every benchmark and experiment has a short form, ``--quick``, and ends with one flat line of JSON."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
SCRIPTS = sorted(
    [
        *(path for room in (".", "cpu", "eval", "quant", "train") for path in (FOLDER / room).glob("*.py")),
        FOLDER / "first_minutes" / "ask.py",
    ]
)
EXPERIMENTS = [ROOT / "experiments" / f"{name}.py" for name in ("ablations", "chains", "crop", "transfer")]
ENDINGS = {"emit", "print_result"}  # of benchmarks/shared/report.py
TOLD = {"name", "device", "load_average", "commit"}


def calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("script", [*SCRIPTS, *EXPERIMENTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_has_a_short_form_and_ends_with_a_result(script: Path) -> None:
    found = calls(ast.parse(script.read_text(encoding="utf-8")))
    options = {
        call.args[0].value for call in found
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"
        and call.args and isinstance(call.args[0], ast.Constant)
    }  # fmt: skip
    assert "--quick" in options
    assert any(isinstance(call.func, ast.Name) and call.func.id in ENDINGS for call in found)


def test_results_have_flat_keys(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    from shared.report import print_result

    rows = [{"requests": 1, "seconds": 0.5}, {"requests": 8, "seconds": 2.0}]
    print_result(
        "some", {"rows": rows, "medians": {"r1v": {"tokens/s": 3.0}}, "interval": (1, 2), "no": None}
    )
    last = json.loads(capsys.readouterr().out)
    assert last.keys() >= TOLD and last["name"] == "some"
    assert last["rows/1/requests"] == 8 and last["medians/r1v/tokens/s"] == 3.0
    assert last["interval"] == [1, 2] and last["no"] is None
    assert not [key for key, value in last.items() if isinstance(value, dict)]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("script", [*SCRIPTS, *EXPERIMENTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_quick(script: Path, tmp_path: Path) -> None:
    """What a peer is missing for is left out by the script; it ends with its result in any case."""
    done = subprocess.run(
        [sys.executable, str(script), "--quick"], cwd=tmp_path, capture_output=True, text=True, timeout=880,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    last = json.loads(done.stdout.strip().splitlines()[-1])
    assert last.keys() >= TOLD and not [key for key, value in last.items() if isinstance(value, dict)]
