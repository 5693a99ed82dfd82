"""Runs are compared on the same questions, whatever their ids; and a gap is one of pictures."""

import json
from pathlib import Path

import pytest

from r1v.eval.benchmark import load_items
from r1v.eval.blind import blind
from r1v.eval.diff import compare_runs, diff_text
from r1v.eval.item import Output, Sample
from r1v.eval.manifest import Plan, make_manifest
from r1v.eval.questions.own import find_benchmark
from r1v.eval.same_questions import other_questions
from r1v.eval.score import score_run
from r1v.eval.store import RunError, RunFolder
from r1v.eval.views.leaderboard import gap_table, leaderboard
from tests.eval.rows import png
from tests.eval.test_own import write_lines
from tests.eval.test_runs import MODEL


def scored(folder: Path, rows: list[dict], pictures: str = "shown", answer: str = "7") -> Path:
    """A scored run of the questions of a file, each answered with the same answer."""
    folder.mkdir()
    (folder / "a.png").write_bytes(png())
    (folder / "b.png").write_bytes(png(size=(50, 20)))
    loaded = load_items(find_benchmark(str(write_lines(folder / "mine.jsonl", *rows))))
    loaded = blind(loaded) if pictures == "none" else loaded
    run = RunFolder(folder / "run")
    hashes = {"mine": run.write_items("mine", loaded.items)}
    run.write_json("manifest.json", make_manifest(MODEL, [loaded], hashes, Plan(pictures=pictures)))
    for item in loaded.items:
        run.append(Sample("mine", item.id, 1, 1, Output(answer=rf"\\boxed{{{answer}}}")))
    run.close()
    score_run(run)
    return folder / "run"


ROWS = [{"question": f"Question {n}", "answer": n, "images": "a.png"} for n in range(5, 9)]


@pytest.mark.parametrize(
    "changed",
    [{"question": "Another"}, {"answer": 9}, {"images": "b.png"}, {"answer": [5, 9]}],
)
def test_an_id_alone_is_no_question(changed: dict, tmp_path: Path) -> None:
    left = scored(tmp_path / "a", ROWS)
    right = scored(tmp_path / "b", [{**ROWS[0], **changed}, *ROWS[1:]])
    assert other_questions((left, right), "mine") == {"1"}
    found = compare_runs(left, right)
    assert found["tasks"]["mine"]["samples"] == 3 and found["tasks"]["mine"]["other_questions"] == 1
    assert found["tasks"]["mine"][
        "left_out"
    ] == 0 and "1 ids that stand for different questions" in diff_text(found)
    with pytest.raises(RunError, match="mine has other questions"):
        leaderboard([left, right])


def test_runs_without_a_common_question_are_not_compared(tmp_path: Path) -> None:
    left = scored(tmp_path / "a", ROWS)
    right = scored(tmp_path / "b", [{**row, "question": f"Other {row['answer']}"} for row in ROWS])
    for compare in (lambda: compare_runs(left, right), lambda: leaderboard([left, right])):
        with pytest.raises(RunError, match="other questions"):
            compare()


def test_the_same_questions_are_the_same(tmp_path: Path) -> None:
    left = scored(tmp_path / "a", ROWS)
    right = scored(tmp_path / "b", [*ROWS, {"question": "More", "answer": 1}], answer="5")
    assert other_questions((left, right), "mine") == set()
    assert compare_runs(left, right)["tasks"]["mine"]["samples"] == 4
    assert len(leaderboard([left, right]).rows) == 2


def test_a_gap_is_one_of_pictures(tmp_path: Path) -> None:
    left, right = scored(tmp_path / "a", ROWS), scored(tmp_path / "b", ROWS, "none")
    assert other_questions((left, right), "mine") == set()
    assert "+0.0 (" in gap_table([left, right], ["shown", "none"]).rows[0][4]
    assert "-0.0" not in json.dumps(gap_table([left, right], ["shown", "none"]).rows)
    for labels in (["shown", "shown"], ["none", "shown"]):
        with pytest.raises(RunError, match="a gap needs first"):
            gap_table([left, right], labels)
    other = scored(tmp_path / "c", [{**ROWS[0], "question": "Another"}, *ROWS[1:]], "none")
    with pytest.raises(RunError, match="other questions"):
        gap_table([left, other], ["shown", "none"])
