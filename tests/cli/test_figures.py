"""``r1v figures``: what a user sees, right and wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from r1v.cli.main import main


def test_make_writes_a_set_and_tells_the_speed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    line = (
        "figures make --family geometry --family arithmetic --split heldout --n 3 --seed 40 --difficulty easy"
    )
    words = [*line.split(), "--out", str(out), "--workers", "1"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "geometry" in printed and "items/s" in printed and "6 items" in printed
    rows = [json.loads(line) for line in (out / "data.jsonl").read_text().splitlines()]
    assert [row["seed"] for row in rows] == [47, 55, 63] * 2
    assert {row["difficulty"] for row in rows} == {"easy"} and {row["split"] for row in rows} == {"heldout"}
    assert main(words) == 0
    assert "complete already" in capsys.readouterr().out


def test_show_makes_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    assert (
        main(
            [
                "figures",
                "show",
                "--family",
                "clock",
                "--family",
                "word_problem",
                "--n",
                "5",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    assert "5 figures" in capsys.readouterr().out
    assert Image.open(out).width > 1000


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["make", "--family", "poem", "--out", "OUT"], "'poem' is not known; use one of"),
        (["make", "--n", "0", "--out", "OUT"], "is 0; it must be at least 1"),
        (["make", "--split", "test", "--out", "OUT"], "'test' is not known"),
        (["make", "--workers", "0", "--out", "OUT"], "workers is 0"),
        (["make", "--out", "."], "not empty"),
        (["show", "--n", "-1", "--out", "OUT.png"], "is -1; it must be at least 1"),
        (["show", "--out", "OUT.txt"], "must end in .png"),
        (["show", "--out", "nowhere/OUT.png"], "does not exist"),
        (["show", "--columns", "0", "--out", "OUT.png"], "--columns is 0"),
    ],
)
def test_wrong_use_gives_one_line(
    words: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.txt").write_text("mine")
    assert main(["figures", *words]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("r1v: ") and captured.err.count("\n") == 1
    assert named in captured.err
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_an_action_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["figures"])
    assert stop.value.code == 2
    assert "ACTION" in capsys.readouterr().err


def test_help_loads_no_torch() -> None:
    code = (
        "import sys\nfrom r1v.cli.main import main\n"
        "try: main(['figures', 'make', '--help'])\nexcept SystemExit: pass\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code + "assert not {'torch', 'rdkit', 'matplotlib'} & set(sys.modules)"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "--out DIR" in run.stdout


def test_quiz_asks_and_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "gallery.md"
    words = ["figures", "quiz", "--n", "2", "--seed", "3", "--difficulty", "easy", "--page", str(page)]
    words += ["--family", "arithmetic", "--family", "circuit", "--pictures", str(tmp_path / "pictures")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "of 2 right (seed 3" in printed and "\\boxed{" in printed
    text = page.read_text()
    assert "arithmetic, easy" in text and "circuit, easy" in text
    (picture,) = [line for line in text.splitlines() if line.startswith("<img")]
    assert (tmp_path / picture.split('"')[1]).is_file()
    assert len(list((tmp_path / "pictures").iterdir())) == 1
    assert main(["figures", "quiz", "--n", "2", "--wrong", "3"]) == 1
