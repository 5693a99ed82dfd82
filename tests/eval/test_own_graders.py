"""Graders of one's own that fail: the question is named, and a mended grader scores the answers."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from r1v.core import ConfigError, R1VError
from r1v.eval.benchmark import GraderError, GradingTools, load_items
from r1v.eval.item import Output, Sample
from r1v.eval.manifest import Plan, make_manifest
from r1v.eval.questions.own import find_benchmark
from r1v.eval.runner import begin
from r1v.eval.score import score_run
from r1v.eval.store import RunError, RunFolder
from tests.eval.test_runs import MODEL

ROWS = "def questions():\n    return [{'question': str(n), 'answer': n} for n in range(3)]\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def answered(folder: Path, path: Path) -> RunFolder:
    """A run in which all questions of a file of Python are answered."""
    loaded = load_items(find_benchmark(str(path)))
    run = RunFolder(folder)
    hashes = {"mine": run.write_items("mine", loaded.items)}
    run.write_json("manifest.json", make_manifest(MODEL, [loaded], hashes, Plan()))
    for item in loaded.items:
        run.append(Sample("mine", item.id, 1, 1, Output(answer=item.answer)))
    run.close()
    return run


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 2", "returned '2' at question 1"),
        ("return -0.5", "returned '-0.5' at question 1"),
        ("return float('nan')", "returned 'nan' at question 1"),
        ("return 'yes'", "returned 'yes' at question 1"),
        ("return [1]", "returned '[1]' at question 1"),
        ("return 1 / row['answer']", "grade at question 1 of mine.py failed (ZeroDivisionError"),
        ("return row['anwser']", "failed (KeyError"),
        ("raise SystemExit(3)", "failed (SystemExit: 3)"),
    ],
)
def test_a_grader_that_fails_loses_no_answer(body: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"{ROWS}\ndef grade(answer, row):\n    {body}\n")
    run = answered(tmp_path / "run", path)
    scores = score_run(run)["tasks"]["mine"]
    assert scores["score"] is None and said in scores["error"] and "r1v eval score" in scores["error"]
    assert scores["not_asked"] == 0 and not scores["partial"]
    path.write_text(f"{ROWS}\ndef grade(answer, row):\n    return row['answer'] == int(answer)\n")
    again = score_run(run)["tasks"]["mine"]
    assert again["score"] == 1.0 and again["samples"] == 3 and "error" not in again
    assert again["grader"]["changed"] and again["grader"]["sha256"] == find_benchmark(str(path)).own["sha256"]


@pytest.mark.parametrize(("value", "score"), [("True", 1), ("0", 0), ("0.25", 0.25), ("None", None)])
def test_what_a_grader_may_return(value: str, score: float | None, tmp_path: Path) -> None:
    which = find_benchmark(str(written(tmp_path, f"{ROWS}\ndef grade(answer, row):\n    return {value}\n")))
    item = load_items(which).items[0]
    assert which.grade(item, Output(answer="x"), GradingTools()).score == score


def test_an_asynchronous_grader_is_refused(tmp_path: Path) -> None:
    which = find_benchmark(
        str(written(tmp_path, f"{ROWS}\nasync def grade(answer, row):\n    return True\n"))
    )
    with pytest.raises(GraderError, match="coroutine"):
        which.grade(load_items(which).items[0], Output(answer="x"), GradingTools())


class Target:
    description = MODEL


def test_a_run_goes_on_with_a_mended_grader_and_not_with_other_questions(tmp_path: Path) -> None:
    path = written(tmp_path, f"{ROWS}\ndef grade(answer, row):\n    return 1 / 0\n")
    run = answered(tmp_path / "run", path)
    path.write_text(f"{ROWS}\ndef grade(answer, row):\n    return True\n")
    manifest = begin(run, Target(), [load_items(find_benchmark(str(path)))], Plan())
    assert any("own.sha256" in change[0] for change in manifest["continued"][0]["changes"])
    for old, new in (("str(n)", "str(n + 1)"), ("'answer': n", "'answer': n + 1")):
        path.write_text(f"{ROWS.replace(old, new)}\ndef grade(answer, row):\n    return True\n")
        with pytest.raises(RunError, match="question 1 of mine is not what was asked"):
            begin(run, Target(), [load_items(find_benchmark(str(path)))], Plan())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def questions():\n    return 5\n", "questions() of mine.py failed (TypeError"),
        ("def questions():\n    yield {'question': 'Q', 'answer': 1}\n    1 / 0\n", "ZeroDivisionError"),
        ("def questions():\n    return ['Q']\n", "gives 'Q' as question 1"),
        (ROWS + "\ndef prompt(row):\n    return row['x']\n", "question 1 (mine.py, row 1): prompt(row)"),
        (ROWS + "\ndef prompt(row):\n    return 5\n", "prompt(row) must return a text"),
    ],
)
def test_a_file_that_fails_is_told_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(R1VError, match=re.escape(said)):
        load_items(find_benchmark(str(written(tmp_path, text))))


def test_questions_without_end_are_asked_up_to_the_limit(tmp_path: Path) -> None:
    text = "import itertools\ndef questions():\n    for n in itertools.count():\n"
    path = written(tmp_path, f"{text}        yield {{'question': str(n), 'answer': n}}\n")
    loaded = load_items(find_benchmark(str(path)), limit=3)
    assert len(loaded.items) == 3 and loaded.partial


def test_rows_with_numbers_that_json_does_not_have(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS.replace("'answer': n", "'answer': n, 'x': float('nan')"))
    run = answered(tmp_path / "run", path)
    assert run.items("mine")[0].grading["row"]["x"] is None


def test_a_run_that_was_cut_off_is_a_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = answered(tmp_path / "run", written(tmp_path, ROWS))
    lines = (run.path / "samples.jsonl").read_text().splitlines(keepends=True)
    assert not score_run(run)["tasks"]["mine"]["partial"]
    (run.path / "samples.jsonl").write_text("".join(lines[:2]))
    scores = score_run(run)["tasks"]["mine"]
    assert scores["partial"] and scores["not_asked"] == 1


def test_a_run_in_which_all_failed_has_no_score(tmp_path: Path, run_r1v: Callable) -> None:
    run = answered(tmp_path / "run", written(tmp_path, ROWS))
    path = run.path / "samples.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["output"]["error"] = "AuthenticationError: 401"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, _, errors = run_r1v("eval", "score", run.path)
    assert status == 1 and "all 3 samples failed" in errors
    assert run.read_json("scores.json")["tasks"]["mine"]["score"] is None


@pytest.mark.parametrize(
    "flag",
    [
        ("--temperature", "-1"), ("--temperature", "nan"), ("--top-p", "7"), ("--top-p", "0"),
        ("--max-tokens", "0"), ("--top-k", "-2"), ("--thinking-budget", "-2"), ("--code-timeout", "-1"),
        ("--repetition-penalty", "inf"), ("--max-tiles", "0"), ("--revision", "figures=abc"),
    ],
)  # fmt: skip
def test_flags_out_of_range_are_refused(flag: tuple[str, str], tmp_path: Path, run_r1v: Callable) -> None:
    status, _, errors = run_r1v(
        "eval", "run", "figures", "--limit", 1, "--url", "http://127.0.0.1:1/v1", "--model", "m",
        "--out", tmp_path / "run", *flag,
    )  # fmt: skip
    assert status != 0 and flag[0].strip("-").replace("-", "_") in errors.replace("-", "_")
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS)
    run = answered(tmp_path / "run", path)
    path.unlink()
    with pytest.raises(ConfigError, match="is gone; put it back"):
        score_run(run)
