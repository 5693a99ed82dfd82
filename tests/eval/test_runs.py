"""Runs from end to end on a tiny checkpoint: resumed, scored again, compared, reported, judged."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from r1v.core import ConfigError
from r1v.eval.benchmark import benchmark, load_items
from r1v.eval.diff import compare_runs, diff_text
from r1v.eval.grading.judge import Judge, parse_verdict
from r1v.eval.item import Output, Sample
from r1v.eval.manifest import Plan, check_same, differences, make_manifest
from r1v.eval.report import write_report
from r1v.eval.report.collect import collect
from r1v.eval.score import score_run
from r1v.eval.statistics import sign_test
from r1v.eval.store import RunError, RunFolder
from r1v.scoring import Verdict
from tests.eval.rows import write_rows

MODEL = {"name": "made-up", "kind": "r1v", "sampling": {"temperature": 0.0}}


def made_run(
    path: Path,
    data: Path,
    answers: dict[str, list[Output]],
    tasks: tuple[str, ...] = ("mathvision",),
    epochs: int = 1,
) -> RunFolder:
    """A run folder with outputs made up; answers: id -> output per epoch."""
    loaded = [load_items(benchmark(name), data=data) for name in tasks]
    folder = RunFolder(path)
    hashes = {one.benchmark.name: folder.write_items(one.benchmark.name, one.items) for one in loaded}
    folder.write_json("manifest.json", make_manifest(MODEL, loaded, hashes, Plan(epochs)))
    for one in loaded:
        for item in one.items:
            for epoch, output in enumerate(answers.get(item.id, ())[:epochs], 1):
                folder.append(Sample(one.benchmark.name, item.id, epoch, 1, output))
    folder.close()
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data"))


def box(text: str, **more) -> Output:
    return Output(thinking="Look.", answer=rf"Answer: \boxed{{{text}}}", reasoning_tokens=10, **more)


ANSWERS = {
    "1": [box("6"), box("7")],
    "2": [box("D"), Output(finish_reason="length")],
    "3": [box("C"), box("C")],
}


# ------------------------------------------------------------------------------------------------ the folder


def test_a_line_cut_by_a_crash_is_dropped(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for number in range(3):
        folder.append(Sample("t", str(number), 1, 0, Output(answer="ü\u2028\x85")))
    folder.close()
    path = tmp_path / "samples.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert set(RunFolder(tmp_path).samples()) == {("t", "0", 1), ("t", "1", 1)}
    again = RunFolder(tmp_path)
    again.append(Sample("t", "2", 1, 0, Output(answer="ü\u2028\x85")))
    again.close()
    assert path.read_bytes() == whole


def test_half_a_character_from_a_server_is_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append(Sample("t", "1", 1, 0, Output(answer="half \ud83d, whole \U0001f600")))
    folder.close()
    assert folder.samples()["t", "1", 1].output.answer == "half \ud83d, whole \U0001f600"
    folder.write_json("scores.json", {"answer": "\ud83d"})
    assert folder.read_json("scores.json") == {"answer": "\ud83d"}


def test_no_file_with_a_number_that_json_does_not_have(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("manifest.json", {"a": 1})
    with pytest.raises(RunError, match="not finite"):
        folder.write_json("manifest.json", {"a": float("nan")})
    assert folder.manifest() == {"a": 1}


def test_a_failure_is_replaced_and_an_answer_is_not(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for answer, error in (("", "no network"), ("first", None), ("second", None)):
        folder.append(Sample("t", "1", 1, 0, Output(answer=answer, error=error)))
    assert folder.samples()["t", "1", 1].output.answer == "first"
    folder.close()


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as first, RunFolder(tmp_path) as second:
        first.append(Sample("t", "1", 1, 0, Output()))
        with pytest.raises(ConfigError, match="being written by this process"):
            second.append(Sample("t", "2", 1, 0, Output()))
        with pytest.raises(ConfigError, match="being written by this process"):
            second.claim()
    with RunFolder(tmp_path) as third:
        third.claim()


def test_items_come_back(tmp_path: Path, data: Path) -> None:
    items = load_items(benchmark("mathvision"), data=data).items
    folder = RunFolder(tmp_path)
    digest = folder.write_items("mathvision", items)
    again = folder.items("mathvision")
    assert [item.id for item in again] == [item.id for item in items]
    assert again[2].options == items[2].options and again[0].text == items[0].text
    assert folder.write_items("mathvision", again) == digest
    assert len(list((tmp_path / "images").iterdir())) == 1  # all three show the same picture


def test_damaged_folders_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no manifest\.json"):
        score_run(RunFolder(tmp_path))
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match="not valid JSON"):
        RunFolder(tmp_path).manifest()
    (tmp_path / "samples.jsonl").write_text('{"task": 1}\n')
    with pytest.raises(RunError, match="not a sample"):
        RunFolder(tmp_path).samples()


def test_the_manifest_says_what_may_change_a_score(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path, data, ANSWERS)
    manifest = RunFolder(tmp_path).manifest()
    task = manifest["identity"]["tasks"]["mathvision"]
    assert task["data"]["sha256"] and task["items"] == 3 and set(task["prompts"]) == {"choice", "open"}
    assert {"r1v", "torch", "pillow"} <= set(manifest["identity"]["versions"])
    other = json.loads(json.dumps(manifest))
    other["identity"]["versions"]["torch"] = "0"
    check_same(manifest, other)
    other["identity"]["model"]["engine"] = {"new_setting": 1}
    check_same(
        json.loads(
            json.dumps({**manifest, "identity": {**manifest["identity"], "model": {**MODEL, "engine": {}}}})
        ),
        other,
    )
    del other["identity"]["model"]["engine"]
    other["identity"]["plan"]["seed"] = 5
    with pytest.raises(RunError, match=r"plan\.seed = 0, but now it is 5"):
        check_same(manifest, other)
    assert [path for path, _, _ in differences(manifest["identity"], other["identity"])] == [
        "plan.seed", "versions.torch",
    ]  # fmt: skip


# --------------------------------------------------------------------------------------------------- scoring


def test_scores_of_epochs(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path, data, ANSWERS, epochs=2)
    scores = score_run(RunFolder(tmp_path))["tasks"]["mathvision"]
    assert scores["score"] == pytest.approx(4 / 6)
    assert scores["verdicts"] == {"right": 4, "wrong": 1, "truncated": 1}
    assert scores["pass_at_k"] == {"1": pytest.approx(4 / 6), "2": 1.0}
    assert scores["mean"]["num_questions"] == 3 and 0 < scores["low"] < 2 / 3 < scores["high"] < 1
    assert scores["groups"]["counting"]["value"] == 0.5
    assert scores["tokens"]["thinking_mean"] == pytest.approx(50 / 6)


def test_scoring_again_does_not_depend_on_the_order_of_arrival(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path / "a", data, ANSWERS, epochs=2)
    made_run(tmp_path / "b", data, ANSWERS, epochs=2)
    lines = (tmp_path / "b" / "samples.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "b" / "samples.jsonl").write_text("".join(reversed(lines)))
    for run in ("a", "b"):
        score_run(RunFolder(tmp_path / run))
    for name in ("scores.json", "verdicts.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_failures_are_counted_as_not_right(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path, data, {"1": [box("6")], "2": [Output(finish_reason="error", error="refused")]})
    scores = score_run(RunFolder(tmp_path))["tasks"]["mathvision"]
    assert (
        scores["verdicts"] == {"right": 1, "failed": 1} and scores["score"] == 0.5 and scores["samples"] == 2
    )


class Says:
    """A judge's model: answers from a list."""

    def __init__(self, *replies: str | Exception) -> None:
        self.replies, self.asked = list(replies), []

    async def generate(self, text: str):
        self.asked.append(text)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return SimpleNamespace(completion=reply)


def test_a_judge_decides_is_asked_once_and_its_failure_is_no_verdict(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path, data, {"1": [box("six")], "2": [box("E")], "3": [box("C")]})
    with RunFolder(tmp_path) as folder:
        model = Says("VERDICT: SAME", "I cannot say.", ConnectionError("away"))
        judge = Judge(model, "judge/one", folder)
        scores = score_run(folder, judge=judge, judge_choices=True)["tasks"]["mathvision"]
        assert scores["verdicts"] == {"right": 1, "judge-failed": 2}
        assert scores["score"] is None and "gave no verdict on 66.7%" in scores["error"]
        assert "(the first of them: I cannot say.)" in scores["error"]
        assert folder.read_json("scores.json")["judge"]["model"] == "judge/one"
        assert "Look." not in "".join(model.asked) and "C. 12 cm" in model.asked[2]
        second = Says("VERDICT: DIFFERENT", "VERDICT: SAME")
        judge = Judge(second, "judge/one", folder)
        scores = score_run(folder, judge=judge, judge_choices=True)["tasks"]["mathvision"]
        assert scores["verdicts"] == {"right": 2, "wrong": 1} and not second.replies and scores["score"]
        assert scores["judge_against_rules"] == {"compared": 3, "differ": 0}


def test_a_judge_is_not_asked_about_choices_or_about_what_was_cut(tmp_path: Path, data: Path) -> None:
    cut = replace(box("six"), answer="It is clear that", finish_reason="length")
    made_run(tmp_path, data, {"1": [cut], "2": [box("E")], "3": [box("C")]})
    with RunFolder(tmp_path) as folder:
        model = Says()
        scores = score_run(folder, judge=Judge(model, "judge/one", folder))["tasks"]["mathvision"]
        assert not model.asked and scores["verdicts"]["truncated"] == 1


def test_the_sign_test_is_mcnemars_exact_one() -> None:
    assert sign_test(0, 0) == sign_test(3, 3) == 1.0
    assert sign_test(0, 5) == pytest.approx(2 / 32)
    assert sign_test(8, 1) == pytest.approx(2 * 10 / 512)


@pytest.mark.parametrize(
    ("reply", "same"),
    [
        ("VERDICT: SAME", True),
        ("Both are 5.\n**VERDICT:** DIFFERENT", False),
        ("VERDICT: SAME … no, VERDICT: DIFFERENT", None),
        ("VERDICT: SAME or VERDICT: DIFFERENT", None),
        ("VERDICT: SAME\nVERDICT: DIFFERENT", None),
        ("The reply VERDICT: SAME would be wrong here.", None),
        ("VERDICT: SAME units, but value different", None),
        ("VERDICT: SAME\nOr is it? I withdraw that.", None),
        ("VERDICT: SAME would be wrong.\n\n**VERDICT: DIFFERENT.**\n", False),
        ("same", None),
        ("", None),
    ],
)
def test_verdicts_of_judges(reply: str, same: bool | None) -> None:
    assert parse_verdict(reply.replace(":**", ":")) is same


# ---------------------------------------------------------------------------------------- diff and report


def test_diff_tells_what_differs_and_what_flipped(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path / "a", data, ANSWERS)
    made_run(tmp_path / "b", data, {**ANSWERS, "1": [box("8")]})
    for run in ("a", "b"):
        score_run(RunFolder(tmp_path / run))
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    manifest["identity"]["model"]["sampling"]["temperature"] = 0.6
    (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifest))
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found["changed"] == [{"what": "model.sampling.temperature", "a": 0.0, "b": 0.6}]
    assert [(flip["id"], flip["a"], flip["b"]) for flip in found["tasks"]["mathvision"]["flips"]] == [
        ("1", "right", "wrong")
    ]
    compared = found["tasks"]["mathvision"]
    assert compared["change"] == pytest.approx(-1 / 3) and compared["left_out"] == 0
    assert (compared["questions_better"], compared["questions_worse"], compared["p_value"]) == (0, 1, 1.0)
    assert "1: right -> wrong, 6 -> 8, right is 6" in diff_text(found)


def test_report_is_one_page_that_shows_model_text_as_text(tmp_path: Path, data: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    made_run(tmp_path / "run", data, {**ANSWERS, "1": [box(evil)]})
    score_run(RunFolder(tmp_path / "run"))
    markdown, page = (
        path.read_text() for path in write_report([tmp_path / "run"], tmp_path / "out", max_samples=2)
    )
    assert "| made-up | MathVision (testmini) (part) | 66.7 |" in markdown
    assert "as printed; by R1V report Figure 3 this is the score on MATH-500" in markdown
    assert page.count("</script>") == 2 and "<img" not in page
    assert not re.search(r"""(?:src|href)=["']?(?!data:)\w+:""", page)
    assert page.count("<svg") >= 4 and "72.18" in page and "data:image" in page
    embedded = json.loads(re.search(r'id="samples">(.*?)</script>', page, re.DOTALL)[1])
    assert len(embedded["samples"]) == 2 and evil in embedded["samples"][0]["answer"]


def test_runs_of_one_model_are_one_row(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path / "a", data, ANSWERS)
    made_run(tmp_path / "b", data, {"2024-I-1": [box("204")]}, ("aime24",))
    made_run(tmp_path / "c", data, ANSWERS)
    for run in "abc":
        score_run(RunFolder(tmp_path / run))
    report = collect([tmp_path / run for run in "abc"], 10)
    assert [(run.name, list(run.scores["tasks"])) for run in report.runs] == [
        ("made-up (a)", ["mathvision", "aime24"]), ("made-up (c)", ["mathvision"]),
    ]  # fmt: skip
    assert [sample.run for sample in report.samples] == [0, 0, 0, 0, 1, 1, 1]


# ------------------------------------------------------------------------------------------ with an engine


inspect_ai = pytest.importorskip("inspect_ai", reason="needs the extra eval")


def test_run_from_the_command_line(tmp_path: Path, data: Path, tiny_checkpoint: Path, run_r1v) -> None:
    out = tmp_path / "run"
    command = (
        "eval", "run", "mathvision", "figures", "--model", tiny_checkpoint, "--data", data, "--limit", 3,
        "--max-tokens", 12, "--epochs", 2, "--dtype", "float32", "--out", out, "--quiet",
        "--prompt", f"choice={tmp_path / 'choice.txt'}", "--prompt", f"open={tmp_path / 'open.txt'}",
    )  # fmt: skip
    (tmp_path / "choice.txt").write_text("{question} {options}")  # the tiny context holds no long question
    (tmp_path / "open.txt").write_text("{question}")
    status, printed, errors = run_r1v(*command)
    assert status == 0, errors
    assert "mathvision" in printed and "figures" in printed
    samples = (out / "samples.jsonl").read_bytes()
    assert samples.count(b"\n") == 12
    one = json.loads(samples.splitlines()[0])["output"]
    assert (
        one["thinking"] and one["reasoning_tokens"] and one["finish_reason"] == "length" and not one["error"]
    )
    manifest = json.loads((out / "manifest.json").read_text())
    model = manifest["identity"]["model"]
    assert (
        model["weights_sha256"]
        and model["engine"]["dtype"] == "float32"
        and model["sampling"]["max_tokens"] == 12
    )
    assert manifest["identity"]["tasks"]["mathvision"]["prompts"]["choice"]["version"] == 0
    scores = (out / "scores.json").read_bytes()
    status, _, errors = run_r1v(*command)  # nothing is left to do
    assert status == 0 and errors.count("\n") == 1 and "found 3 of the 304 questions" in errors
    assert (out / "samples.jsonl").read_bytes() == samples and (out / "scores.json").read_bytes() == scores
    status, _, errors = run_r1v(*command, "--temperature", "0.9")
    assert status == 1 and "start another run with --out" in errors
    assert run_r1v("eval", "score", out)[0] == 0
    assert (out / "scores.json").read_bytes() == scores
    more = [4 if word == 3 else word for word in command]
    assert run_r1v(*more[:2], *more[3:])[0] == 0  # one benchmark of the two, with one question more
    assert (out / "samples.jsonl").read_bytes().startswith(samples)
    assert (out / "samples.jsonl").read_bytes().count(b"\n") == 14
    assert json.loads((out / "scores.json").read_text())["tasks"]["mathvision"]["samples"] == 6
    shown = run_r1v("eval", "score", out)[1]  # three of the figures, and a file with three of 304 questions
    assert "figures (part)" in shown and "mathvision (part)" in shown
    tasks = json.loads((out / "manifest.json").read_text())["identity"]["tasks"]
    assert (tasks["figures"]["partial"], tasks["figures"]["items"], tasks["mathvision"]["partial"]) == (
        True,
        4,
        False,
    )
    assert run_r1v("eval", "report", out, "--out", tmp_path / "report")[0] == 0
    assert "made in the same way" in run_r1v("eval", "diff", out, out)[1]


def test_a_question_that_does_not_fit_is_recorded_as_failed(
    tmp_path: Path, data: Path, tiny_checkpoint: Path, run_r1v
) -> None:
    out = tmp_path / "run"
    status, printed, errors = run_r1v(
        "eval", "run", "mathvision", "--model", tiny_checkpoint, "--data", data, "--limit", 1, "--out", out,
        "--dtype", "float32", "--max-model-len", "32",
    )  # fmt: skip
    assert status == 1 and "1 failed" in printed and "run the same command again" in errors
    assert "all 1 samples failed" in errors  # and so there is no score
    assert "the context holds" in errors and "the context holds" in (out / "samples.jsonl").read_text()


@pytest.mark.parametrize("scored", [(), ("--no-score",)])
def test_a_run_in_which_some_questions_failed_ends_with_an_error(
    scored: tuple[str, ...], tmp_path: Path, tiny_checkpoint: Path, run_r1v
) -> None:
    long = "How much is one and one, " + "and one, " * 2000 + "in all?"
    rows = [{"question": text, "answer": "2"} for text in ("One and one?", long)]
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, printed, errors = run_r1v(
        "eval", "run", tmp_path / "two.jsonl", "--model", tiny_checkpoint, "--out", tmp_path / "run",
        "--dtype", "float32", "--max-model-len", "512", "--max-tokens", "8", "--quiet", *scored,
    )  # fmt: skip
    last = errors.strip().splitlines()[-1]
    assert status == 1 and "1 of 2 questions failed" in last and "the context holds" in last, errors
    assert scored or "1 failed" in printed
    status, _, errors = run_r1v("eval", "score", tmp_path / "run")
    assert status == 1 and "1 of 2 questions failed" in errors


URL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "benchmark 'nothing' is not known"),
        (("figures", "--epochs", 0), "--epochs is 0"),
        (("figures", "--option", "figures.colour=red"), "benchmark figures has no option 'colour'"),
        (("figures", "--option", "figure.per_family=2"), "'figure' is not a benchmark of this run"),
        (("figures", "--revision", "mmmu=abc"), "'mmmu' is not a benchmark of this run"),
        (("aime24", "--data", "/nowhere"), "data folder /nowhere is not there"),
        (("figures", "--prompt", "haiku=x"), "prompt 'haiku' is not known"),
        (("figures", "--judge-choices"), "--judge-choices is a setting of the judge"),
        (("figures", "--judge-url", URL), "--judge-url is a setting of the judge"),
        (("figures", "--judge-price", "1,2"), "--judge-price is a setting of the judge"),
        (("figures", "--no-score", "--judge", "x"), "--no-score grades nothing"),
        *(
            (("figures", "--limit", "1", "--url", URL, *words), f"{words[0]}: the server at {URL} decides")
            for words in (
                ("--device", "cpu"),
                ("--dtype", "float32"),
                ("--max-model-len", "64"),
                ("--max-tiles", "1"),
            )
        ),
        (
            ("figures", "--limit", "1", "--model", "openai/x", "--dtype", "float32"),
            "--dtype: Inspect's openai/x decides",
        ),
        (
            ("figures", "--limit", "1", "--model", "openai/x", "--repetition-penalty", "1.1"),
            "--repetition-penalty (",
        ),
    ],
)
def test_wrong_usage_is_told_in_one_line(words, said, tmp_path, tiny_checkpoint, run_r1v) -> None:
    model = () if "--model" in words else ("--model", tiny_checkpoint)
    status, _, errors = run_r1v("eval", "run", *words, *model, "--out", tmp_path / "run")
    assert status == 1 and said in errors and errors.count("\n") == 1


def test_list(run_r1v) -> None:
    printed = run_r1v("eval", "list")[1]
    for name in ("aime24", "livecodebench", "mmmu_pro", "textvqa", "figures"):
        assert f"\n{name} " in "\n" + printed


@pytest.mark.slow
def test_killed_three_times_gives_the_same_scores(tmp_path: Path, tiny_checkpoint: Path) -> None:
    def command(out: Path) -> list[str]:
        return [sys.executable, "-m", "r1v.cli.main", "eval", "run", "figures",
                "--model", str(tiny_checkpoint), "--limit", "40", "--epochs", "2", "--max-tokens", "60",
                "--dtype", "float32", "--quiet", "--max-connections", "4", "--out", str(out)]  # fmt: skip

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run(command(whole), check=True, stdout=subprocess.DEVNULL)
    seen: set[str] = set()
    for kill in range(1, 4):
        process = subprocess.Popen(command(cut), stdout=subprocess.DEVNULL)
        samples = cut / "samples.jsonl"
        while process.poll() is None and (
            not samples.exists() or samples.read_bytes().count(b"\n") < 15 * kill
        ):
            time.sleep(0.02)
        assert process.poll() is None, "it ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        lines = {line for line in samples.read_text().split("\n") if line.endswith("}")}
        assert seen <= lines  # nothing that was written is lost or generated twice
        seen = lines
    subprocess.run(command(cut), check=True, stdout=subprocess.DEVNULL)
    keys = [json.loads(line) for line in (cut / "samples.jsonl").read_text().splitlines()]
    assert len(keys) == len({(one["task"], one["id"], one["epoch"]) for one in keys}) == 80
    for name in ("scores.json", "verdicts.jsonl"):
        assert (whole / name).read_bytes() == (cut / name).read_bytes()


def test_verdict_names_are_those_of_the_page() -> None:
    style = (Path(__file__).parents[2] / "r1v" / "eval" / "report" / "style.css").read_text()
    assert all(f".v-{verdict}" in style for verdict in Verdict)


def test_a_page_has_no_name_twice(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path / "run", data, ANSWERS)
    score_run(RunFolder(tmp_path / "run"))
    page = write_report([tmp_path / "run"], tmp_path / "out")[1].read_text()
    names = re.findall(
        r' id="([^"]+)"', re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    )
    assert len(names) == len(set(names)) and "samples" not in names
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(names)
