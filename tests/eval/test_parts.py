"""Statistics, function calls, pairs, LiveBench's rules, the provider's conversions."""

import contextlib
import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1v.core import Completion, ConfigError, FinishDetail, FinishReason, SamplingParams, Usage
from r1v.eval.grading.calls import CallError, parse_calls
from r1v.eval.livebench.rules import edit_distance, rule_for, table_reformat
from r1v.eval.pairs import Pair, pair_accuracy, rewardbench_pair
from r1v.eval.published import published
from r1v.eval.statistics import clustered_mean, pass_at_k, quantile, wilson

# ------------------------------------------------------------------------------------------------ statistics


def test_the_standard_error_of_single_epochs_is_the_usual_one() -> None:
    values = [1.0, 0.0, 0.0, 1.0, 1.0]
    mean = clustered_mean({str(i): [value] for i, value in enumerate(values)})
    assert mean is not None and mean.value == 0.6
    variance = sum((value - 0.6) ** 2 for value in values) / 4 / 5
    assert mean.stderr == pytest.approx(math.sqrt(variance))


def test_epochs_that_agree_say_no_more_than_one() -> None:
    once = clustered_mean({str(i): [float(i % 3 == 0)] for i in range(30)})
    often = clustered_mean({str(i): [float(i % 3 == 0)] * 5 for i in range(30)})
    assert once and often and often.stderr == pytest.approx(once.stderr)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_intervals_have_a_width_at_the_ends() -> None:
    none = clustered_mean({str(i): [0.0] for i in range(20)})
    assert none and none.low == 0 and 0.1 < none.high < 0.25
    assert clustered_mean({}) is None and clustered_mean({"a": []}) is None


def test_intervals_cover() -> None:
    rng, covered = random.Random(0), 0
    for _ in range(300):
        rates = [rng.betavariate(1, 2) for _ in range(60)]  # mean 1/3, questions of very different difficulty
        mean = clustered_mean(
            {str(i): [float(rng.random() < p) for _ in range(5)] for i, p in enumerate(rates)}
        )
        assert mean is not None
        covered += mean.low <= 1 / 3 <= mean.high
    assert 0.90 <= covered / 300 <= 0.99


def test_intervals_and_pass_at_k_are_those_of_inspect() -> None:
    """The clustered standard error (Miller 2024, appendix A) and the unbiased estimate (Chen 2021) of another
    implementation, on questions with unequal numbers of epochs and with partial scores."""
    pytest.importorskip("inspect_ai", reason="needs the extra eval")
    from inspect_ai.scorer import SampleScore, Score, pass_at, stderr

    rng = random.Random(1)
    scores = {str(i): [rng.choice([0.0, 0.5, 1.0]) for _ in range(rng.randint(1, 5))] for i in range(40)}
    flat = [
        SampleScore(score=Score(value=value), sample_id=name, sample_metadata={"question": name})
        for name, values in scores.items()
        for value in values
    ]
    mean = clustered_mean(scores)
    assert mean is not None and mean.stderr == pytest.approx(stderr(cluster="question")(flat), rel=1e-9)
    for right in range(6):
        values = [Score(value=float(i < right)) for i in range(5)]
        for k in range(1, 6):
            assert pass_at(k)(values).as_float() == pytest.approx(pass_at_k(5, right, k))


def test_pass_at_k() -> None:
    assert pass_at_k(5, 0, 1) == 0 and pass_at_k(5, 5, 3) == 1
    assert pass_at_k(5, 2, 1) == pytest.approx(0.4)
    assert pass_at_k(5, 2, 2) == pytest.approx(1 - (3 / 5) * (2 / 4))
    with pytest.raises(ValueError, match="between 1"):
        pass_at_k(3, 1, 4)


def test_wilson_and_quantile() -> None:
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert quantile([4.0, 1.0, 2.0, 3.0], 0.5) == 2.5


# ----------------------------------------------------------------------------------------------------- calls


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[f(a=1, b='x')]", [("f", {"a": 1, "b": "x"})]),
        ("```[m.f(a=-1.5), g()]```", [("m.f", {"a": -1.5}), ("g", {})]),
        ("f(a=[1, (2, 3)], b={'k': None})", [("f", {"a": [1, (2, 3)], "b": {"k": None}})]),
        ("[f(a=2*3+1, b=name, c=g(1))]", [("f", {"a": 7, "b": "name", "c": "g(1)"})]),
    ],
)
def test_calls_are_read(text: str, calls: list) -> None:
    assert parse_calls(text) == calls


@pytest.mark.parametrize(
    "text", ["", "no call", "[1, 2]", "[f(a=", "f(a=9**9**9)", "f(a=1/0)", "(" * 500, "[f(x) for x in y]"]
)
def test_what_is_no_call_is_refused(text: str) -> None:
    if text == "":
        assert parse_calls(text) == []
        return
    with pytest.raises(CallError):
        parse_calls(text)


@given(st.text(alphabet="[]f(a=1,'x'){}:.*+-0 \n", max_size=30))
def test_any_text_is_harmless(text: str) -> None:
    with contextlib.suppress(CallError):
        parse_calls(text)


# ----------------------------------------------------------------------------------------- LiveBench, pairs


@pytest.mark.parametrize(
    ("task", "truth", "answer", "score"),
    [
        ("amc", "B", "so BBBBB", 1.0),
        ("smc_2024", "B", r"\boxed{\textbf{B}}", 1.0),
        ("amc", "B", "so it is (C)", 0.0),
        ("aime", "073", "the answer is **073**", 1.0),
        ("imo_2023", "1,2,3,4", "Answer: 1,3,2,4", 0.5),
        ("usamo", "1,2", r"\boxed{1, 2}", 1.0),
        ("web_of_lies_v2", "yes, no, unknown", "**yes, no, unknown**", 1.0),
        ("web_of_lies_v2", "yes, no, yes", "**yes, no, no**", 0.0),
        ("spatial", "4", "It is **four**", 1.0),
        ("house_traversal", "anna bob", "**Anna Bob**", 1.0),
        ("house_traversal", "anna bob", "**Bob Anna**", 0.0),
        ("connections", "a,b,c,d,e,f,g,h", "<solution>a,c,b,d,e,f,g,x</solution>", 0.5),
        ("cta", "Country Name", "The class is: country name.", 1.0),
        (
            "plot_unscrambling",
            "One is. Two be. Six go.",
            "<PLOT_SUMMARY>Two be. One is. Six go.</PLOT_SUMMARY>",
            1 / 3,
        ),
    ],
)
def test_livebench_rules(task: str, truth: str, answer: str, score: float) -> None:
    rule = rule_for(task, "2024-11-25")
    assert rule is not None and rule(truth, answer, "") == pytest.approx(score)


def test_tables_in_other_formats() -> None:
    prompt = "Please convert the Input Table from CSV format to JSONL format."
    truth = '{"a": 1, "b": "x"}\n{"a": 2.5, "b": null}'
    assert table_reformat(truth, '```json\n{"b": "x", "a": 1.0}\n{"b": null, "a": 2.5}\n```', prompt) == 1
    assert table_reformat(truth, '{"a": 1, "b": "x"}', prompt) == 0
    markdown = "Please convert the Input Table from CSV format to Markdown format."
    assert table_reformat("| a | b |\n|--|--|\n| 1 | x |", "|a|b|\n|:-|:-|\n|1|x|", markdown) == 1


@given(st.text(max_size=8), st.text(max_size=8))
def test_edit_distance(left: str, right: str) -> None:
    distance = edit_distance(left, right)
    assert distance == edit_distance(right, left)
    assert abs(len(left) - len(right)) <= distance <= max(len(left), len(right))
    assert (distance == 0) == (left == right)


def test_pair_accuracy_weighs_sections_as_the_leaderboard_does() -> None:
    rows = [
        {"id": n, "prompt": "?", "chosen": "good", "rejected": "bad" if right else "better", "subset": subset}
        for n, (subset, right) in enumerate(
            [("math-prm", True), ("hep-go", False), ("hep-rust", False), ("alpacaeval-hard", True)]
        )
    ]
    rewards = {"good": 1.0, "bad": 0.0, "better": 2.0}
    score = pair_accuracy(
        [rewardbench_pair(row) for row in rows], lambda talks: [rewards[t[-1].text] for t in talks]
    )
    assert (
        score.groups == {"Chat": 1.0, "Reasoning": 0.5} and score.macro == 0.75 and score.overall.value == 0.5
    )


def test_bfcl_pools_its_live_part() -> None:
    from r1v.eval.benchmark import benchmark
    from r1v.eval.score import Judged, summarise
    from r1v.scoring import Verdict

    def judged(group: str, rights: list[int]) -> list[Judged]:
        return [
            Judged(
                "bfcl",
                f"{group}{i}",
                1,
                Verdict.RIGHT if r else Verdict.WRONG,
                float(r),
                "",
                "",
                "",
                group,
                0,
                0,
            )
            for i, r in enumerate(rights)
        ]

    samples = [
        *judged("expert/a", [1, 1, 1, 1]), *judged("expert/b", [0]),
        *judged("live/a", [1, 1, 1]), *judged("live/b", [0]),
    ]  # fmt: skip
    assert summarise(benchmark("bfcl"), samples, 1)["score"] == pytest.approx((0.5 + 0.75) / 2)


def test_a_tie_is_not_a_right_order() -> None:
    score = pair_accuracy([Pair("1", "?", "a", "b", "g")], lambda talks: [0.0] * len(talks))
    assert score.overall.value == 0.0


def test_published_numbers_keep_their_source_and_note() -> None:
    rows = published()
    assert len(rows) > 80 and all(one.source for one in rows)
    odd = [one for one in rows if one.model == "OpenAI-4o" and one.benchmark == "AIME24"]
    assert odd[0].printed == "74.6" and "MATH-500" in odd[0].note


# -------------------------------------------------------------------------------------------------- provider


def test_settings_of_inspect_become_ours() -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra eval")
    from inspect_ai.model import GenerateConfig

    from r1v.eval.provider import to_params

    config = GenerateConfig(
        temperature=0.5, max_tokens=9, stop_seqs=["x"], reasoning_tokens=4, seed=3, max_connections=8,
        extra_body={"repetition_penalty": 1.2},
    )  # fmt: skip
    params = to_params(config, SamplingParams.greedy())
    assert params == SamplingParams.greedy(
        temperature=0.5, max_tokens=9, stop=("x",), thinking_budget=4, seed=3, repetition_penalty=1.2
    )
    with pytest.raises(ConfigError, match="best_of"):
        to_params(GenerateConfig(best_of=2), SamplingParams())
    with pytest.raises(ConfigError, match="beam"):
        to_params(GenerateConfig(extra_body={"beam": 2}), SamplingParams())


def test_thinking_is_reasoning_content() -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra eval")
    from r1v.eval.inspect_tasks import from_output
    from r1v.eval.provider import to_output

    completion = Completion(
        "First.", "Then.", (1, 2), FinishReason.LENGTH, FinishDetail.LOOP, Usage(5, 2, 0, 7, 4)
    )
    output = to_output(completion, "r1v/m")
    assert output.completion == "Then." and output.stop_reason == "max_tokens"
    back = from_output(output, 1.0)
    assert (back.thinking, back.answer, back.finish_detail) == ("First.", "Then.", "loop")
    assert (back.prompt_tokens, back.completion_tokens, back.reasoning_tokens) == (5, 7, 4)


def test_tools_are_called_through_inspect() -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra eval")
    from inspect_ai.model import GenerateConfig
    from inspect_ai.tool import ToolFunction, ToolInfo, ToolParams

    from r1v.eval.provider import to_grammar, to_output

    tool = ToolInfo(name="add", description="Adds.", parameters=ToolParams())
    text = 'Let me add.\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    completion = Completion("Hm.", text, (1,), FinishReason.STOP, None, Usage(5, 2, 0, 7, 4))
    output = to_output(completion, "r1v/m", with_tools=True)
    calls = output.message.tool_calls
    assert calls is not None and (calls[0].function, calls[0].arguments) == ("add", {"a": 1})
    assert output.stop_reason == "tool_calls" and output.completion.strip() == "Let me add."
    assert to_output(completion, "r1v/m").message.tool_calls is None
    assert to_grammar([tool], "auto", GenerateConfig()) is None
    assert to_grammar([tool], "any", GenerateConfig()) is not None
    assert to_grammar([tool], ToolFunction(name="add"), GenerateConfig()) is not None
    with pytest.raises(ConfigError, match="'other' must be called"):
        to_grammar([tool], ToolFunction(name="other"), GenerateConfig())


@pytest.mark.parametrize("name", ["rewardbench", "realworldqa"])
def test_inspect_runs_our_tasks_and_our_models(name, tmp_path, tiny_checkpoint) -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra eval")
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import get_model

    from r1v.eval.registry import INSPECT_TASKS
    from tests.eval.rows import write_rows

    data = write_rows(tmp_path / "data", name)
    task = INSPECT_TASKS[name](data=str(data))
    model = get_model("r1v/" + str(tiny_checkpoint), memoize=False, dtype="float32")
    logs = inspect_eval(task, model=model, display="none", log_dir=str(tmp_path / "logs"), max_tokens=4)
    assert logs[0].status == "success" and logs[0].samples is not None
    assert {sample.scores["graded"].metadata["verdict"] for sample in logs[0].samples} <= {
        "truncated",
        "unparsed",
    }


def test_inspects_logs_have_scores_and_are_scored_again(tmp_path, tiny_checkpoint, run_r1v) -> None:
    """The log of a run shows each sample with its score; Inspect's own command grades it again."""
    pytest.importorskip("inspect_ai", reason="needs the extra eval")
    from inspect_ai.log import list_eval_logs, read_eval_log

    from tests.eval.rows import write_rows

    data = write_rows(tmp_path / "data", "hallusionbench")
    wording = tmp_path / "yes_no.txt"
    wording.write_text("{question}")
    status, _, errors = run_r1v(
        "eval", "run", "hallusionbench", "--model", tiny_checkpoint, "--data", data, "--dtype", "float32",
        "--max-tokens", 4, "--out", tmp_path / "run", "--inspect-logs", tmp_path / "logs", "--quiet",
        "--prompt", f"yes_no={wording}",
    )  # fmt: skip
    assert status == 0, errors
    (place,) = list_eval_logs(str(tmp_path / "logs"))
    log = read_eval_log(place)
    assert log.samples is not None and len(log.samples) == 3 and log.results is not None
    assert all("graded" in sample.scores and sample.scores["graded"].explanation for sample in log.samples)
    assert (
        sum("data:image/png;base64," in sample.model_dump_json() for sample in log.samples) >= 2
    )  # the pictures
    verdicts = [json.loads(line) for line in (tmp_path / "run" / "verdicts.jsonl").read_text().splitlines()]
    shown = {str(sample.id): sample.scores["graded"].metadata["verdict"] for sample in log.samples}
    assert shown == {one["id"]: one["verdict"] for one in verdicts}
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())["tasks"]["hallusionbench"]
    metrics = {name: one.value for name, one in log.results.scores[0].metrics.items()}
    assert {name: metrics[name] for name in ("score", "low", "high")} == {
        name: pytest.approx(scores[name]) for name in ("score", "low", "high")
    }
    command = [
        "score",
        place.name.removeprefix("file://"),
        "--overwrite",
        "--action",
        "overwrite",
        "--scorer",
        "r1v/graded",
        "-S",
    ]
    done = subprocess.run(
        [Path(sys.executable).parent / "inspect", *command, "task=hallusionbench"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    again = read_eval_log(place)
    assert {str(one.id): one.scores["graded"].metadata["verdict"] for one in again.samples} == shown


@pytest.mark.slow
def test_inspects_own_command_runs_our_tasks(tmp_path: Path) -> None:
    """``inspect eval r1v/NAME -T …`` on R1V-Nano: found by entry points, options read, scored."""
    command = Path(sys.executable).with_name("inspect")
    if not command.exists():
        pytest.skip("the command inspect is not installed")
    from tests.eval.rows import write_rows

    data = write_rows(tmp_path / "data", "mathvision")
    done = subprocess.run(
        [
            command, "eval", "r1v/mathvision", "--model", "r1v/r1v-nano", "--limit", "1",
            "--max-tokens", "24", "-T", f"data={data}",
            "-T", "protocol=r1v2", "-M", "device=cpu", "--display", "plain",
            "--log-dir", tmp_path / "logs", "--log-format", "json",
        ],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tmp_path / "logs").glob("*.json")
    log = json.loads(path.read_text())
    assert log["status"] == "success" and log["eval"]["task_args"]["protocol"] == "r1v2"
    (sample,) = log["samples"]
    assert sample["output"]["usage"]["output_tokens"] > 0 and sample["scores"]
    assert "most plausible" in json.dumps(sample["input"])  # the protocol's wording
    assert log["results"]["scores"]
