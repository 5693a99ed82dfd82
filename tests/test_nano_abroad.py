"""The measures of R1V-Nano: where NLVR's pictures are found, and what a table says of what was not asked."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))


@pytest.mark.parametrize("inside", ["nlvr/test", "test", "."])
def test_nlvr_is_found_in_plain_folders(tmp_path: Path, inside: str) -> None:
    import nano_abroad

    (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    (tmp_path / inside / "test.json").write_text("")
    assert (nano_abroad.nlvr_folder(str(tmp_path), tmp_path / "taken") / "test.json").is_file()


def test_nlvr_is_taken_out_of_a_bare_repository(tmp_path: Path) -> None:
    import nano_abroad

    work, bare = tmp_path / "work", tmp_path / "bare"
    (work / "nlvr/test").mkdir(parents=True)
    (work / "nlvr/test/test.json").write_text("{}")
    git = ["git", "-C", str(work), "-c", "user.name=n", "-c", "user.email=n@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    assert (nano_abroad.nlvr_folder(str(bare), tmp_path / "taken") / "test.json").read_text() == "{}"


def test_a_folder_without_nlvr_gives_one_line(tmp_path: Path) -> None:
    import nano_abroad

    with pytest.raises(SystemExit, match="name a checkout of lil-lab/nlvr") as raised:
        nano_abroad.nlvr_folder(str(tmp_path), tmp_path / "taken")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("nlvr", "family", "said"), [(None, None, "as --nlvr or"), ("x", ["clock"], "--family counting")]
)
def test_nlvr_is_left_out_with_a_line(
    nlvr: str | None, family: list[str] | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import nano_abroad

    args = argparse.Namespace(nlvr=nlvr, family=family, nlvr_items=2)
    assert nano_abroad.nlvr_part(args) == []
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("skipped: NLVR") and said in lines[0]


def test_what_was_not_asked_is_empty_in_the_tables() -> None:
    import nano_accuracy

    asked = nano_accuracy.Answer(
        "clock", "picture", 7, "easy", True, True, 9, 1, 0, "?", "1", "", "", "", False, 0.0
    )
    rows = nano_accuracy.family_rows([asked], ["clock"])
    (line,) = [line for line in nano_accuracy.tables(rows) if line.startswith("| clock")]
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[3:6] == ["100.0 (20.7-100.0)", "", ""]
    result = {"items_per_family": 1, "options": ["--seed 8000", "--no-blind"], "device": "", "commit": "",
              **nano_accuracy.summary(rows, [asked])}  # fmt: skip
    scores = nano_accuracy.card(result, rows)
    families = scores["families"]
    assert isinstance(families, dict)
    assert families["clock"]["easy"] == 100.0 and families["clock"]["medium"] is None
    assert scores["measured_with"] == "python benchmarks/nano_accuracy.py --n 1 --seed 8000 --no-blind"
