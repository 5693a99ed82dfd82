"""What R1V-Nano is, said where it answers, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from r1v.cli.nano import ABOUT, introduce
from r1v.models import read_config
from r1v.models.hub import BUILT_IN
from r1v.plan.inference import PlanSizes


@pytest.fixture(autouse=True)
def a_new_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("R1V_QUIET")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_it_is_said_once_in_one_line_on_standard_error(run_r1v) -> None:
    words = ("ask", "--no-thinking", "--max-tokens", "4", "Calculate 3 + 4.")
    status, out, err = run_r1v(*words)
    assert (
        status == 0
        and err.startswith("R1V-Nano is a small model")
        and err.index("\n[") == err.index("\n") + 1
    )
    assert "R1V-Nano" not in out and "R1V_QUIET" in err
    assert "R1V-Nano" not in run_r1v(*words)[2]


def test_r1v_quiet_silences_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("R1V_QUIET", "1")
    introduce("r1v-nano")
    assert capsys.readouterr().err == ""
    monkeypatch.delenv("R1V_QUIET")
    introduce("another/model")
    assert capsys.readouterr().err == ""
    introduce("r1v-nano")
    assert "photographs" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_is_no_error(
    a_new_user: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (a_new_user / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(a_new_user / "file"))
    introduce("r1v-nano")
    assert "R1V-Nano" in capsys.readouterr().err


def test_its_numbers_are_right() -> None:
    folder = BUILT_IN["r1v-nano"]
    assert f"{PlanSizes.of(read_config(folder)).num_parameters / 1e6:.1f} million" in ABOUT
    scores = json.loads((folder / "scores.json").read_text())
    assert len(scores["claimed"]) == 28 and "twenty-eight kinds" in ABOUT
