"""LiveBench: six categories, graded by its own rules.

Rows as in the official data sets (livebench/math, reasoning, coding, language, data_analysis,
instruction_following): question_id, category, task, subtask, turns, ground_truth, livebench_release_date,
livebench_removal_date; coding has test cases, instruction following has instruction_id_list and kwargs.
The prompts are the data's own. The score is the mean of the categories, each the mean of its tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

from r1v.core import Message, parse_json
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.graders import grade_free
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.livebench.rules import rule_for
from r1v.eval.questions.data import DataError, Source
from r1v.eval.questions.marks import Marks
from r1v.eval.tasks import ifeval, livecodebench

CATEGORIES = ("math", "reasoning", "coding", "language", "data_analysis", "instruction_following")

REVISIONS = {
    "math": "bb66571c8ccf32d3df9e6f48b920d3770ff4aacb",
    "reasoning": "6fc6498a5dfba553f69f4413feabade1f1a2d384",
    "coding": "a958549fdd8aa57be0a3fafe7b205ffc160ed5f4",
    "language": "3ada32a2e53d5e04e57fa503384cb85ce9116c40",
    "data_analysis": "31b9661ff678df9958e2f7fa228427f4c858c1a1",
    "instruction_following": "0868379c4b5cf62aeacaf8be4f08fced815c81bb",
}


def load(request: Load) -> Sequence[Item]:
    """The questions that were current on the release date that is asked for ("" is the newest)."""
    release = str(request.options["release"])
    items = []
    for row in request.rows.rows:
        added, removed = (
            str(row.get(f"livebench_{what}_date") or "")[:10] for what in ("release", "removal")
        )
        if release and (added > release or (removed and removed <= release)):
            continue
        if not release and removed:
            continue
        category, task = str(row["category"]), str(row["task"])
        if category not in CATEGORIES:
            raise DataError(
                f"LiveBench category {category!r} is not known; expected one of {', '.join(CATEGORIES)}"
            )
        ruled = category in ("reasoning", "language", "data_analysis")
        if ruled and (rule_for(task, added) is None or not row.get("ground_truth")):
            raise DataError(
                f"LiveBench question {row['question_id']} ({task}) has no rule or no ground truth here; "
                "the rules are those of the releases up to 2025-04: --option livebench.release=2024-11-25"
            )
        turns = [str(turn) for turn in row["turns"]]
        text = request.prompt("question").fill(question=turns[0])
        grading = {
            "category": category,
            "task": str(row.get("subtask") or task) if category == "math" else task,
            "prompt": turns[0],
            "release": added,
            **_special(row, category),
        }
        truth = str(row.get("ground_truth") or "")
        items.append(
            Item(str(row["question_id"]), (Message.user(text),), truth, (), f"{category}/{task}", grading)
        )
    return items


def _special(row: Json, category: str) -> Json:
    if category == "coding":
        details = row.get("original_json") or {}
        metadata = details.get("metadata") or {}
        if isinstance(metadata, str):
            metadata = parse_json(metadata, "metadata", error=DataError)
        tests = [
            case
            for name in ("public_test_cases", "private_test_cases")
            for case in livecodebench.read_tests(row.get(name) or "[]")
        ]
        start = str(row.get("partial_solution") or "")
        return {"tests": tests, "function": metadata.get("func_name"), "start": start}
    if category == "instruction_following":
        kwargs = [{k: v for k, v in one.items() if v is not None} for one in row["kwargs"]]
        return {"instruction_id_list": list(row["instruction_id_list"]), "kwargs": kwargs}
    return {}


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    if not output.answer.strip():
        return Grade(None, None, "empty")
    category, task = item.grading["category"], item.grading["task"]
    if category == "coding":
        return livecodebench.grade_program(item, output, tools, item.grading.get("start", ""))
    if category == "instruction_following":
        checked = ifeval.grade(item, output, tools)
        share = checked.details["followed_strict"] / checked.details["num_instructions"]
        return Grade(((checked.score or 0.0) + share) / 2, output.answer, "checkers", checked.details)
    rule = rule_for(task, item.grading["release"])
    if rule is not None:
        return Grade(rule(item.answer, output.answer, item.grading["prompt"]), output.answer[-500:], task)
    return grade_free(item, output, tools)


BENCHMARKS = by_name(
    Benchmark(
        "livebench", "LiveBench", column="LiveBench", load=load, grade=grade, prompts=("question",),
        about="mathematics, reasoning, code, language, data analysis and instructions", aggregate="groups",
        options={"release": ""},
        source=Source(
            "livebench/math", ("*/test-*.parquet", "*.parquet", "*.jsonl"), REVISIONS["math"],
            also=tuple((f"livebench/{name}", REVISIONS[name]) for name in CATEGORIES[1:]),
            fields=("question_id", "category", "task", "turns"), marks=Marks(split="test"),
        ),
    ),
)  # fmt: skip
