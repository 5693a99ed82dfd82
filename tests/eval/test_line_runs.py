"""Every benchmark of R1V3's line, and four more, runs on R1V-Nano from a file in its official schema."""

import json
from pathlib import Path

import pytest

from r1v.cli.main import main
from tests.eval.rows import write_rows
from tests.eval.test_line import FOUR_MORE, R1V3_LINE

pytest.importorskip("inspect_ai", reason="needs the extra eval")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One question of each benchmark, a few tokens of an answer."""
    folder = tmp_path_factory.mktemp("line")
    data = write_rows(folder / "data", *R1V3_LINE, *FOUR_MORE)
    status = main(
        ["eval", "run", *R1V3_LINE, *FOUR_MORE, "--model", "r1v-nano", "--data", str(data), "--limit", "1",
         "--max-tokens", "24", "--out", str(folder / "run"), "--quiet"]
    )  # fmt: skip
    assert status == 0
    return folder / "run"


@pytest.mark.parametrize("name", [*R1V3_LINE, *FOUR_MORE])
def test_runs_on_nano(name: str, run_folder: Path) -> None:
    samples = [json.loads(line) for line in (run_folder / "samples.jsonl").read_text().splitlines()]
    (output,) = [one["output"] for one in samples if one["task"] == name]
    assert output["error"] is None and output["completion_tokens"] > 0
    scores = json.loads((run_folder / "scores.json").read_text())["tasks"][name]
    assert (
        scores["samples"] == 1
        and scores["score"] is not None
        and scores["low"] <= scores["score"] <= scores["high"]
    )


def test_its_answers_are_read_in_every_way(run_folder: Path, run_r1v) -> None:
    status, printed, errors = run_r1v("eval", "readings", run_folder)
    assert status == 0, errors
    assert printed.count("\n") > len(R1V3_LINE) and "toolkit+box" in printed
    status, printed, _ = run_r1v("eval", "readings", run_folder, "--form", "latex")
    assert status == 0 and r"mmbench" in printed and r"\begin{tabular}{lrrrrr}" in printed
    assert run_r1v("eval", "score", run_folder, "--reading", "toolkit+box")[0] == 0
    scores = json.loads((run_folder / "scores.json").read_text())
    assert scores["reading"] == {"how": "toolkit+box"}
    status, _, errors = run_r1v("eval", "score", run_folder, "--reading", "guess")
    assert status == 1 and "use one of rules, box" in errors
    status, _, errors = run_r1v("eval", "score", run_folder, "--reading", "judge")
    assert status == 1 and "give --judge MODEL" in errors
