"""``r1v figures``: what a user sees, right and wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from r1v.cli.commands import quiz
from r1v.cli.main import main
from r1v.core import ConfigError, UnavailableError
from r1v.figures import FAMILIES, abroad
from r1v.figures.abroad import pages
from r1v.figures.abroad.scene import DrawingTool


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
        (["make", "--tool", "crayon", "--out", "OUT"], "--tool crayon is not known; use one of boxes,"),
        (["make", "--tool", "vega", "--family", "clock", "--out", "OUT"], "clock is not drawn by 'vega'"),
        (["make", "--tool", "vega", "--family", "icon", "--out", "OUT"], "no other tool draws"),
        (["make", "--tool", "vega", "--split", "train", "--out", "OUT"], "vega is held out"),
        (["make", "--tool", "typed", "--difficulty", "easy", "--out", "OUT"], "draws all difficulties"),
        (["quiz", "--tool", "crayon"], "--tool crayon is not known"),
        (["quiz", "--tool", "vega", "--family", "clock"], "can draw none of the families"),
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
    assert "can be wrong where the answer is right" in text
    (picture,) = [line for line in text.splitlines() if line.startswith("<img")]
    assert (tmp_path / picture.split('"')[1]).is_file()
    assert len(list((tmp_path / "pictures").iterdir())) == 1
    assert main(["figures", "quiz", "--n", "2", "--wrong", "3"]) == 1


def lacking(self: DrawingTool) -> list[str]:
    """What a machine lacks that has the tools of training only."""
    return ["a_package"] if self.split == "heldout" else []


def test_list_names_families_and_tools_and_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(DrawingTool, "missing", lacking)
    assert main(["figures", "list"]) == 0
    printed = capsys.readouterr().out
    lines = [line.split()[0] for line in printed.splitlines() if not line.startswith(" ")]
    assert lines == list(FAMILIES)
    assert "other tools: matplotlib, seaborn, pandas, painted\n" in printed
    assert "never for training: vega (needs a_package)\n" in printed


def test_make_and_show_draw_with_a_named_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--family", "clock", "--tool", "painted", "--n", "2", "--seed", "5", "--out"]
    assert main(["figures", "make", *words, str(tmp_path / "set"), "--workers", "1"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "set" / "data.jsonl").read_text().splitlines()]
    for row, seed in zip(rows, (5, 6), strict=True):
        figure = abroad.make("clock", "painted", seed, "train")
        assert (row["tool"], row["split"], row["question"]) == ("painted", "train", figure.question)
        with Image.open(tmp_path / "set" / row["images"][0]) as drawn:
            assert drawn.tobytes() == figure.images[0].tobytes()
    assert main(["figures", "make", *words, str(tmp_path / "set"), "--workers", "1"]) == 0
    assert "complete already" in capsys.readouterr().out
    assert main(["figures", "show", *words, str(tmp_path / "sheet.png")]) == 0
    assert "2 figures" in capsys.readouterr().out


def test_every_third_picture_of_the_quiz_is_drawn_by_another_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(DrawingTool, "missing", lacking)
    page = tmp_path / "page.md"
    words = [
        "figures",
        "quiz",
        "--n",
        "3",
        "--seed",
        "3",
        "--family",
        "clock",
        "--abroad",
        "--page",
        str(page),
    ]
    assert main(words) == 0
    printed = capsys.readouterr()
    third = next(line for line in printed.out.splitlines() if line.startswith("3. clock"))
    assert ", drawn by painted: " in third or ", drawn by matplotlib: " in third
    assert printed.out.count("drawn by") == 1 and "of the 1 that other tools drew" in printed.out
    assert "svg (needs a_package)" in printed.err
    assert "## 3. clock" in page.read_text() and "drawn by" in page.read_text()
    assert len(list((tmp_path / "page").glob("03-clock-*-1.png"))) == 1


def test_tools_that_never_drew_for_training_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DrawingTool, "missing", lambda self: [])
    assert quiz.foreign_tools(["icon", "bar_chart", "clock"], None) == {
        "bar_chart": ["vega"],
        "clock": ["svg"],
    }
    assert quiz.foreign_tools(["icon", "bar_chart"], ["seaborn"]) == {"bar_chart": ["seaborn"]}
    monkeypatch.setattr(DrawingTool, "missing", lacking)
    assert quiz.foreign_tools(["clock"], None) == {"clock": ["painted", "matplotlib"]}
    with pytest.raises(UnavailableError, match="--tool svg needs a_package"):
        quiz.foreign_tools(["clock"], ["svg"])


def test_a_tool_named_alone_draws_all_at_the_asked_difficulty() -> None:
    drawn = quiz.draw(["clock", "icon"], 1, "hard", quiz.foreign_tools(["clock", "icon"], ["painted"]))
    for _ in range(4):
        one = next(drawn)
        assert (one.figure.family, one.tool, one.figure.difficulty) == ("clock", "painted", "hard")
        assert one.figure.split == "heldout"
    with pytest.raises(ConfigError, match="'odd' is not known"):
        next(quiz.draw(["clock"], 1, "odd", {"clock": ["painted"]}))


def test_a_tool_that_does_not_work_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise UnavailableError("it paints nothing")

    monkeypatch.setattr(abroad, "make", broken)
    drawn = quiz.draw(["clock"], 1, None, {"clock": ["svg"]}, every=2)
    assert [next(drawn).tool for _ in range(5)] == [""] * 5
    assert capsys.readouterr().err == "clock by svg is left out: it paints nothing\n"


def test_a_browser_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: "/bin/false")
    with pytest.raises(UnavailableError, match="/bin/false paints no page here"):
        pages.render("<p>1</p>")
