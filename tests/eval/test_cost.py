"""What a run and its judge cost, as it grows, and how far the judge is."""

import json
from pathlib import Path

import pytest
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from r1v.eval.grading.extraction import Extractor
from r1v.eval.grading.judge import Judge
from r1v.eval.model import set_price
from r1v.eval.score import score_run
from r1v.eval.store import RunFolder
from tests.eval.rows import write_rows
from tests.eval.test_runs import box, made_run

TOKENS = ModelUsage(input_tokens=1000, output_tokens=50, total_tokens=1050)
EACH = (1000 * 2.5 + 50 * 10) / 1_000_000  # dollars for one reply at 2.5 and 10 a million


def priced(*replies: str, name: str):
    """A model that says these things and whose replies have a price."""
    outputs = [ModelOutput.from_content(name, reply) for reply in replies]
    for output in outputs:
        output.usage = TOKENS.model_copy()
    model = get_model(f"mockllm/{name}", custom_outputs=outputs, memoize=False)
    set_price(model, (2.5, 10.0))
    return model


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data"))


def test_a_judge_tells_how_far_it_is_and_what_it_has_cost(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path, data, {"1": [box("six")], "2": [box("E")], "3": [box("C")]})
    told = []
    with RunFolder(tmp_path) as folder:
        judge = Judge(
            priced("VERDICT: SAME", "VERDICT: SAME", "VERDICT: DIFFERENT", name="judge"), "j", folder
        )
        score_run(folder, judge=judge, judge_choices=True, progress=lambda *said: told.append(said))
        assert [one[:3] for one in told if "judge" in one[0]] == [
            ("mathvision, judge", done, 3) for done in (1, 2, 3)
        ]
        assert told[-1][3] == judge.cost == pytest.approx(3 * EACH)
        again = Judge(priced(name="judge"), "j", folder)  # what it said is stored: nothing is asked or paid
        score_run(folder, judge=again, judge_choices=True, progress=lambda *said: told.append(said))
        assert again.cost is None


def test_a_reading_model_does_so_too(tmp_path: Path, data: Path) -> None:
    made_run(tmp_path, data, {"1": [box("six")], "2": [box("E")], "3": [box("C")]})
    told = []
    with RunFolder(tmp_path) as folder:
        judge = Judge(priced("ANSWER: 6", "ANSWER: E", "ANSWER: C", name="reader"), "j", folder)
        score_run(
            folder, reading="judge", extractor=Extractor(judge), progress=lambda *said: told.append(said)
        )
    reading = [one for one in told if one[0] == "mathvision, reading"]
    assert [one[1:3] for one in reading] == [(1, 3), (2, 3), (3, 3)]
    assert reading[-1][3] == pytest.approx(3 * EACH)


def test_the_cost_of_a_run_is_told_as_it_grows(
    tmp_path: Path, data: Path, tiny_checkpoint: Path, run_r1v
) -> None:
    status, _, errors = run_r1v(
        "eval", "run", "mathvision", "--model", tiny_checkpoint, "--data", data, "--out", tmp_path / "run",
        "--dtype", "float32", "--max-tokens", 8, "--price", "1000000,1000000",
    )  # fmt: skip
    assert status == 0, errors
    samples = [json.loads(line)["output"] for line in (tmp_path / "run" / "samples.jsonl").open()]
    whole = sum(one["prompt_tokens"] + one["completion_tokens"] for one in samples)  # a dollar a token
    assert sum(one["cost"] for one in samples) == pytest.approx(whole)
    assert f"${whole:.2f} of about ${whole:.2f}" in errors


@pytest.mark.parametrize("price", ["2.5", "a,b", "-1,2", "1,2,3", "nan,1"])
def test_a_price_that_is_none(price: str, tmp_path: Path, tiny_checkpoint: Path, run_r1v) -> None:
    status, _, errors = run_r1v(
        "eval", "run", "figures", "--model", tiny_checkpoint, "--out", tmp_path / "run", f"--price={price}"
    )
    assert status == 1 and "give two prices, in dollars for a million tokens" in errors


def test_a_small_cost_is_not_nothing() -> None:
    from r1v.cli.commands.eval import _paid

    assert _paid(0.000035, 1, 1) == ", $0.000035 of about $0.000070"
    assert _paid(1.5, 1, 1) == ", $1.50 of about $3.00"
    assert _paid(0.0, 1, 1) == ", $0.00 of about $0.00"
    assert _paid(None, 1, 1) == ""
