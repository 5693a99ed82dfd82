"""One's own questions: what rows may be, what is refused, and the guide's two examples from end to end."""

import base64
import csv
import json
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from r1v.core import ConfigError, ImageRef, R1VError
from r1v.eval.benchmark import GradingTools, load_items, remark
from r1v.eval.item import Output
from r1v.eval.questions import own
from r1v.eval.questions.own import find_benchmark, recorded_benchmark
from tests.eval.rows import png

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "evaluate.md"


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def scores(path: Path, *answers: str) -> list[float | None]:
    """The scores of boxed answers, one a question."""
    which = find_benchmark(str(path))
    items = load_items(which).items
    tools = GradingTools()
    return [
        which.grade(item, Output(answer=rf"\boxed{{{answer}}}"), tools).score
        for item, answer in zip(items, answers, strict=True)
    ]


def test_a_row_has_what_it_needs_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    path = write_lines(
        tmp_path / "mine.jsonl",
        {"question": "How many?", "answer": 6},
        {"id": "red", "question": "Which <image>?", "images": "a.png", "options": ["red", "blue"],
         "answer": "blue"},
        {"question": "How long?", "answer": "10 cm", "tolerance": 0.5, "subject": "lengths"},
        {"question": "How much?", "answer": "200", "tolerance": "5%"},
        {"question": "When?", "answer": "3:05", "type": "time"},
        {"question": "Half?", "answer": ["0.5", "one half"]},
    )  # fmt: skip
    loaded = load_items(find_benchmark(str(path)))
    assert [item.id for item in loaded.items] == ["1", "red", "3", "4", "5", "6"]
    content = loaded.items[1].messages[0].content
    assert [isinstance(part, ImageRef) for part in content] == [False, True, False]
    assert loaded.items[1].answer == "B" and loaded.items[2].group == "lengths"
    assert loaded.origin["sha256"] and loaded.origin["ignored"] == []
    assert scores(path, "6", "B", "103 mm", "209", "03:05", r"\frac12") == [1, 1, 1, 1, 1, 1]
    assert scores(path, "7", "A", "106 mm", "211", "3:06", "0.51") == [0, 0, 0, 0, 0, 0]
    assert scores(path, "6", "blue", "10", "190", "3:05", "one half") == [1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "Q"}, "has no 'answer'"),
        ({"answer": "1"}, "has no 'question'"),
        ({"question": "Q", "answer": "1", "tolerence": 1}, "did you mean 'tolerance'"),
        ({"question": "Q", "answer": "1", "tolerance": "wide"}, "tolerance 'wide'"),
        ({"question": "Q", "answer": "1", "tolerance": -1}, "tolerance '-1'"),
        ({"question": "Q", "answer": "1", "type": "essay"}, "type 'essay'; use one of"),
        ({"question": "Q", "answer": "C", "options": ["x", "y"]}, "none of its 2 options"),
        ({"question": "Q", "answer": "A", "options": ["B", "A"]}, "several of its 2 options"),
        ({"question": "Q", "answer": "1", "images": "gone.png"}, "no image in 'gone.png'"),
        ({"question": "Q", "answer": "1", "images": "../secret.png"}, "no image in"),
        ([1, 2], "is not an object"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(row: object, said: str, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png())
    (tmp_path / "data").mkdir()
    path = write_lines(tmp_path / "data" / "mine.jsonl", row)
    with pytest.raises(R1VError, match=re.escape(said)) as caught:
        load_items(find_benchmark(str(path)))
    assert "\n" not in str(caught.value)


def test_a_folder_and_other_forms(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", {"problem": "One?", "solution": "1"})
    (tmp_path / "b.csv").write_text("id,question,answer\nx,Two?,2\n")
    (tmp_path / "notes.txt").write_text("not looked at")
    loaded = load_items(find_benchmark(str(tmp_path)))
    assert [(item.id, item.answer) for item in loaded.items] == [("1", "1"), ("x", "2")]
    with pytest.raises(R1VError, match="holds no file of questions"):
        load_items(find_benchmark(str(tmp_path / "empty" if (tmp_path / "empty").mkdir() is None else "")))
    with pytest.raises(R1VError, match="is not there"):
        load_items(find_benchmark(str(tmp_path / "gone.jsonl")))


def test_a_table_of_vlmevalkit(tmp_path: Path) -> None:
    """Options in columns, pictures as base64 or as another row's index, a hint before the question."""
    picture = base64.b64encode(png(size=(900, 900))).decode()
    fields = ["index", "hint", "question", "A", "B", "C", "answer", "category", "image"]
    rows = [
        [3, "Look at the sky.", "Which colour?", "red", "blue", "", "B", "colours", picture],
        [1000003, "", "Which colour?", "blue", "red", "", "A", "colours", "3"],
        [4, "", "How many\nlines?", "", "", "", "2", "counting", json.dumps([picture, picture])],
    ]
    with open(tmp_path / "MMTest.tsv", "w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerows([fields, *rows])
    which = find_benchmark(str(tmp_path / "MMTest.tsv"))
    items = load_items(which).items
    assert which.name == "mmtest" and [item.id for item in items] == ["3", "1000003", "4"]
    assert [(item.answer, item.options) for item in items] == [
        ("B", ("red", "blue")), ("A", ("blue", "red")), ("2", ()),
    ]  # fmt: skip
    assert [len(item.messages[0].images) for item in items] == [1, 1, 2]
    assert items[0].messages[0].images[0].source == items[1].messages[0].images[0].source
    assert "Look at the sky.\nWhich colour?" in items[0].text and items[2].group == "counting"


def test_a_set_of_the_hub_is_read_by_its_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    write_lines(tmp_path / "data" / "train-0.jsonl", {"question": "Train?", "answer": "1"})
    write_lines(tmp_path / "data" / "test-0.jsonl", {"question": "Test?", "answer": "2", "level": 3})
    monkeypatch.setattr(
        "r1v.eval.questions.data._download", lambda repo, files, revision: (tmp_path, f"{repo}@1")
    )
    loaded = load_items(find_benchmark("hf:somebody/Some-Set"))
    assert loaded.benchmark.name == "some_set" and [item.answer for item in loaded.items] == ["2"]
    assert loaded.origin["revision"] == "somebody/Some-Set@1" and loaded.origin["ignored"] == ["level"]
    assert [item.answer for item in load_items(find_benchmark("hf:somebody/Some-Set:train")).items] == ["1"]


def test_a_name_that_a_benchmark_has_is_changed(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "mathvision.jsonl", {"question": "Q", "answer": "1"})
    which = find_benchmark(str(path))
    said = remark(load_items(which))
    assert which.name == "own_mathvision" and said and "run mathvision with --data" in said
    with pytest.raises(ConfigError, match="benchmark 'nothing' is not known"):
        find_benchmark("nothing")


def test_a_python_file_that_changed_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def questions():\n    return [{'question': 'Q', 'answer': '1'}]\n")
    kept = find_benchmark(str(path)).own
    assert recorded_benchmark("mine", kept).own == kept
    path.write_text(path.read_text() + "\ndef grade(answer, row):\n    return True\n")
    again = recorded_benchmark("mine", kept)
    assert again.own["sha256"] != kept["sha256"] and not again.judged
    path.rename(tmp_path / "other.py")
    with pytest.raises(ConfigError, match="is gone"):
        recorded_benchmark("mine", kept)
    path.write_text("1 / 0")
    with pytest.raises(ConfigError, match="cannot be run \\(ZeroDivisionError"):
        find_benchmark(str(path))
    path.write_text("x = 1")
    with pytest.raises(ConfigError, match=r"no function questions\(\)"):
        find_benchmark(str(path))


PACKAGED = own.find_benchmark  # stands for something that is no Benchmark


def test_a_package_offers_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_lines(tmp_path / "mine.jsonl", {"question": "Q", "answer": "1"})
    made = find_benchmark(str(path))
    monkeypatch.setattr("tests.eval.test_own.PACKAGED", made)
    points = [EntryPoint("theirs", "tests.eval.test_own:PACKAGED", own.ENTRY_POINTS)]
    monkeypatch.setattr(own, "entry_points", lambda group: points if group == own.ENTRY_POINTS else [])
    found = find_benchmark("theirs")
    assert found.own == {"kind": "package", "entry": "theirs"} and own.package_benchmarks() == ["theirs"]
    assert recorded_benchmark(found.name, found.own).title == made.title
    monkeypatch.setattr("tests.eval.test_own.PACKAGED", "text")
    with pytest.raises(ConfigError, match="is no Benchmark"):
        find_benchmark("theirs")
    points.clear()
    with pytest.raises(ConfigError, match="not installed"):
        recorded_benchmark(found.name, found.own)


# ------------------------------------------------------------------------------------------- the guide


def guide_files(folder: Path) -> list[Path]:
    """The files that the guide shows, each under the name that the sentence before it has."""
    text = GUIDE.read_text()
    section = text[text.index("## Your own questions") :].split("\n## ")[0]
    found = re.findall(
        r"`([\w.]+\.(?:jsonl|py))`[^`]*?:\n\n(?:<!--[^>]*-->\n)?```\w*\n(.*?)```", section, re.DOTALL
    )
    paths = []
    for name, body in found:
        (folder / name).write_text(body)
        paths.append(folder / name)
    return paths


def test_the_guides_examples_run(tmp_path: Path, tiny_checkpoint: Path, run_r1v) -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra eval")
    jsonl, python = guide_files(tmp_path)
    assert jsonl.name == "dice.jsonl" and python.name == "sums.py"
    assert len(python.read_text().splitlines()) <= 20
    (tmp_path / "two-dice.png").write_bytes(png(size=(40, 20)))
    out = tmp_path / "run"
    prompt = tmp_path / "short.txt"
    prompt.write_text("{question}")
    choice = tmp_path / "choice.txt"
    choice.write_text("{question} {options}")
    status, printed, errors = run_r1v(
        "eval", "run", jsonl, python, "--model", tiny_checkpoint, "--dtype", "float32", "--max-tokens", 8,
        "--out", out, "--quiet", "--prompt", f"open={prompt}", "--prompt", f"choice={choice}",
    )  # fmt: skip
    assert status == 0, errors
    assert "dice" in printed and "sums" in printed
    tasks = json.loads((out / "manifest.json").read_text())["identity"]["tasks"]
    assert tasks["dice"]["own"] == {"kind": "questions"} and tasks["sums"]["own"]["sha256"]
    before = (out / "scores.json").read_bytes()
    jsonl.unlink()  # a run is scored without its questions' file
    assert run_r1v("eval", "score", out)[0] == 0 and (out / "scores.json").read_bytes() == before
    assert run_r1v("eval", "diff", out, out)[0] == 0
    assert run_r1v("eval", "report", out, "--out", tmp_path / "report")[0] == 0


def test_the_guides_grader_grades(tmp_path: Path) -> None:
    which = find_benchmark(str(guide_files(tmp_path)[1]))
    item = load_items(which).items[0]
    right = item.grading["row"]["answer"]
    assert which.grade(item, Output(answer=f"It is {right}."), GradingTools()).score == 1.0
    assert which.grade(item, Output(answer=f"It is {right + 1}."), GradingTools()).score == 0.0
    assert which.grade(item, Output(answer="I do not know."), GradingTools()).score is None
