"""Tables from stored runs: scaling with samples and thinking, leaderboard, gap without pictures, forms."""

import csv
import io
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from r1v.core import ImageRef, Message
from r1v.eval.benchmark import benchmark, load_items
from r1v.eval.blind import blind, captioned, picture_hash
from r1v.eval.item import Item, Output
from r1v.eval.score import score_run
from r1v.eval.store import RunError, RunFolder
from r1v.eval.views import scaling, tables
from r1v.eval.views.leaderboard import gap_table, holm, leaderboard
from tests.eval.rows import write_rows
from tests.eval.test_runs import ANSWERS, box, made_run


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data"))


# ------------------------------------------------------------------------------------------------ scaling


def counted(rights: list[bool], k: int, wins) -> float:
    """The mean over all ways to draw k, one by one."""
    draws = list(itertools.combinations(range(len(rights)), k))
    return sum(map(wins, draws)) / len(draws)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_best_of_is_the_mean_over_all_draws(k: int) -> None:
    rights, rewards = [True, False, True, False, False], [0.5, 0.5, -1.0, 2.0, None]
    values = [-math.inf if value is None else value for value in rewards]

    def wins(draw: tuple[int, ...]) -> float:
        best = max(values[index] for index in draw)
        tied = [rights[index] for index in draw if values[index] == best]
        return sum(tied) / len(tied)

    assert scaling.best_of(rights, rewards, k) == pytest.approx(counted(rights, k, wins))


def test_majority_by_hand() -> None:
    rights, groups = [True, True, False, False, False], [0, 0, 1, 1, 2]
    assert scaling.majority(rights, groups, 1) == pytest.approx(2 / 5)
    assert scaling.majority(rights, groups, 5) == pytest.approx(1 / 2)  # two and two: a tie
    # of the ten triples: 0,0,x (3) right; 1,1,x (3) wrong; one of each (4) a third
    assert scaling.majority(rights, groups, 3) == pytest.approx((3 + 4 / 3) / 10)
    assert scaling.majority([False, False], [None, None], 2) == 0.0
    assert scaling.majority([True, False], [0, None], 2) == 1.0


def test_draws_are_all_or_always_the_same() -> None:
    assert scaling.subsets(4, 2) == list(itertools.combinations(range(4), 2))
    many = scaling.subsets(30, 15)
    assert len(many) == scaling.MAX_DRAWS and many == scaling.subsets(30, 15)
    assert all(len(set(draw)) == 15 for draw in many)


def test_the_same_answer_in_another_form_is_the_same_vote() -> None:
    samples = [scaling.VotingSample(True, text, 0) for text in ("1/2", r"\frac12", "0.5", "2")] + [
        scaling.VotingSample(False, None, 0)
    ]
    assert scaling.same_answers(samples, Item("1", ())) == [0, 0, 0, 1, None]
    letters = [scaling.VotingSample(True, text, 0) for text in "ABA"]
    assert scaling.same_answers(letters, Item("1", (), "A", ("x", "y"))) == [0, 1, 0]


def scored(path: Path, data: Path, answers: dict, epochs: int = 1) -> RunFolder:
    folder = made_run(path, data, answers, epochs=epochs)
    score_run(folder)
    return folder


FOUR = {
    "1": [box("6"), box("6"), box("7"), box("8")],
    "2": [box("D"), box("E"), box("E"), box("E")],
    "3": [box("C"), box("12 cm"), box("C"), Output(finish_reason="length", reasoning_tokens=99)],
}


def test_curves_of_a_run(tmp_path: Path, data: Path) -> None:
    folder = scored(tmp_path / "run", data, FOUR, 4)
    more, longer = scaling.scaling_tables([folder])
    assert more.head == ("k", "pass@k", "maj@k") and [row[0] for row in more.rows] == ["1", "2", "4"]
    assert more.rows[0][1].startswith("50.0 (") and more.rows[2][1].startswith("100.0 (")
    assert more.rows[0][2].startswith("50.0 (") and more.rows[2][2].startswith(
        "66.7 ("
    )  # 2 has a wrong majority
    assert longer.rows[0][0] == "10" and longer.rows[-1][0] == "99" and longer.rows[0][1] == "91.7"
    assert longer.rows[-1][2].startswith("50.0 (")

    def rewarder(talks: list[list[Message]]) -> list[float]:
        assert all(talk[-1].role == "assistant" and talk[0].images for talk in talks)
        return [float(r"\boxed{6}" in talk[-1].text or r"\boxed{D}" in talk[-1].text) for talk in talks]

    best = scaling.scaling_tables([folder], rewarder)[0]
    assert best.head[-1] == "best-of-k" and best.rows[-1][3].startswith("91.7 (")  # 1, 1 and three of four
    other = scored(tmp_path / "other", data, FOUR, 4)
    assert scaling.scaling_tables([folder, other])[-1].title == "mathvision: forced budgets"


def test_one_sample_has_no_curve(tmp_path: Path, data: Path) -> None:
    folder = scored(tmp_path / "run", data, ANSWERS)
    (longer,) = scaling.scaling_tables([folder])
    assert "longer thinking" in longer.title
    with pytest.raises(RunError, match="one sample of each question"):
        scaling.scaling_table("mathvision", scaling.drawn_samples(folder, "mathvision"), {}, False)


# -------------------------------------------------------------------------------------------- many runs


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == {"a": 0.03, "c": 0.06, "b": 0.06}
    assert holm({}) == {} and holm({"a": 0.7, "b": 0.9}) == {"a": 1.0, "b": 1.0}


def test_a_leaderboard_says_what_cannot_be_told_apart(tmp_path: Path) -> None:
    (tmp_path / "data" / "aime24").mkdir(parents=True)
    rows = [{"ID": str(n), "Problem": f"{n}?", "Answer": n} for n in range(12)]
    (tmp_path / "data" / "aime24" / "aime.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    paths = []
    for name, right in (("bad", 0), ("good", 12), ("near", 11)):
        answers = {str(n): [box(str(n if n < right else n + 100))] for n in range(12)}
        folder = made_run(tmp_path / name, tmp_path / "data", answers, ("aime24",))
        score_run(folder)
        paths.append(tmp_path / name)
    board = leaderboard(paths)
    assert [row[0] for row in board.rows] == ["made-up (good)", "made-up (near)", "made-up (bad)"]
    assert [row[1].endswith("≈") for row in board.rows] == [True, True, False]
    assert board.rows[0][2] == "100.0"
    page = tables.as_html(board)
    assert page.startswith("<!doctype html>") and "made-up (good)" in page and "http" not in page


def test_what_pictures_are_worth(tmp_path: Path, data: Path) -> None:
    scored(tmp_path / "seen", data, ANSWERS)
    scored(tmp_path / "blind", data, {**ANSWERS, "1": [box("8")]})
    table = gap_table([tmp_path / "seen", tmp_path / "blind"], ["shown", "none"])
    assert table.rows[0][:4] == ("mathvision", "none", "100.0", "66.7") and table.rows[0][4].startswith(
        "+33.3 ("
    )


def test_questions_without_pictures(data: Path) -> None:
    loaded = load_items(benchmark("mmmu"), data=data)
    first = loaded.items[0]
    assert first.messages[0].images and not blind(loaded).items[0].messages[0].images
    assert blind(loaded).items[0].text == first.text
    ref = next(part for part in first.messages[0].content if isinstance(part, ImageRef))
    shown = captioned(loaded, {picture_hash(ref): "a lens"}).items[0]
    assert not shown.messages[0].images and shown.text.count("[A picture: a lens]") == 2
    assert replace(shown, messages=()) == replace(first, messages=())


def test_runs_without_pictures(tmp_path: Path, data: Path, tiny_checkpoint: Path, run_r1v) -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra eval")
    (tmp_path / "choice.txt").write_text("{question} {options}")
    (tmp_path / "open.txt").write_text("{question}")
    common = (
        "eval", "run", "mathvision", "--model", tiny_checkpoint, "--data", data, "--max-tokens", 6, "--dtype",
        "float32", "--quiet", "--prompt", f"choice={tmp_path / 'choice.txt'}",
        "--prompt", f"open={tmp_path / 'open.txt'}",
    )  # fmt: skip
    for name, flag in (("seen", ()), ("blind", ("--blind",)), ("captions", ("--caption-only",))):
        status, _, errors = run_r1v(*common, "--out", tmp_path / name, *flag)
        assert status == 0, errors
    captions = (tmp_path / "captions" / "captions.jsonl").read_text().splitlines()
    assert len(captions) == 1  # all three questions show the same picture
    (caption,) = [json.loads(line)["caption"] for line in captions]
    assert f"[A picture: {caption}]" in RunFolder(tmp_path / "captions").items("mathvision")[0].text
    assert not RunFolder(tmp_path / "blind").items("mathvision")[0].messages[0].images
    assert run_r1v(*common, "--out", tmp_path / "captions", "--caption-only")[0] == 0
    assert (tmp_path / "captions" / "captions.jsonl").read_text().splitlines() == captions
    status, _, errors = run_r1v(*common, "--out", tmp_path / "seen", "--blind")
    assert status == 1 and "plan.pictures = 'shown', but now it is 'none'" in errors
    status, printed, _ = run_r1v("eval", "gap", *(tmp_path / name for name in ("seen", "blind", "captions")))
    assert status == 0 and "captions" in printed and "none" in printed
    assert run_r1v("eval", "gap", tmp_path / "seen")[0] == 1
    status, printed, _ = run_r1v(
        "eval", "leaderboard", tmp_path / "seen", tmp_path / "blind", "--form", "csv"
    )
    assert status == 0 and printed.startswith("run,mathvision,mean")
    assert run_r1v("eval", "scaling", tmp_path / "seen", "--form", "markdown")[0] == 0


# ---------------------------------------------------------------------------------------------------- forms

ODD = tables.TextTable("A & B", ("x_1", "100%"), (("a|b", "1\n2"), ("<b>", r"{\}")), ("note #1",))


def test_forms_escape_what_they_must() -> None:
    assert r"| a\|b | 1 2 |" in tables.as_markdown(ODD)
    latex = tables.as_latex(ODD)
    assert (
        r"x\_1 & 100\% \\" in latex
        and r"\caption{A \& B. note \#1}" in latex
        and r"\{\textbackslash{}\}" in latex
    )
    assert list(csv.reader(io.StringIO(tables.as_csv(ODD)))) == [
        ["x_1", "100%"],
        ["a|b", "1\n2"],
        ["<b>", r"{\}"],
    ]
    assert "&lt;b&gt;" in tables.as_html(ODD) and "<b>" not in tables.as_html(ODD)
    assert "x_1" in tables.as_text(ODD)


def test_a_limit_on_thinking_has_one_row() -> None:
    """Samples without thinking have one limit, not one for each share of the samples."""
    none = {"1": [scaling.VotingSample(True, "1", 0)], "2": [scaling.VotingSample(False, "1", 0)]}
    assert [row[0] for row in scaling.budget_table("mine", none).rows] == ["0"]
    some = {str(n): [scaling.VotingSample(True, "1", 10 * n)] for n in range(1, 101)}
    limits = [row[0] for row in scaling.budget_table("mine", some).rows]
    assert len(limits) == len(set(limits)) == len(scaling.BUDGETS)
