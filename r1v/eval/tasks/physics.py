"""Physics in pictures: PhyX (multiple choice, shortened text) and SeePhys.

Rows: PhyX (index, question, question_simply, options, answer, category, subfield, image), SeePhys (index,
question, answer, subject, level, language, sig_figs, images), each also as VLMEvalKit's table. PhyX's table
for multiple choice with minimal text has question and options in one text. SeePhys names the significant
figures that are asked for; a number with as many of them right is right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from r1v.eval.asking import IN_PICTURE, asked
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.graders import grade_choice, grade_free
from r1v.eval.item import Grade, Item, Output
from r1v.eval.questions.data import Source
from r1v.eval.questions.marks import Marks
from r1v.eval.questions.rows import given, listed, pictures_of, text_of
from r1v.eval.tasks.exams import tagged
from r1v.scoring import parse_number

_LABEL = re.compile(r"^\s*[A-H][.:)]\s*")
_LISTED = re.compile(r"(?:^|\n)\s*\(?([A-D])[.:)]\s")


def load_phyx(request: Load) -> Sequence[Item]:
    minimal = request.options["text"] == "minimal"
    items = []
    for row in request.rows.rows:
        question = text_of(
            row, *(("question_simply",) if minimal else ()), "question", "question_description"
        )
        if not minimal and (description := text_of(row, "description", "question_description")):
            question = f"{description}\n{question}"
        options = tuple(_LABEL.sub("", one).strip() for one in _options(row.get("options")))
        inside = not options and len(set(_LISTED.findall(question))) >= 2
        items.append(
            Item(
                str(given(row, "index", "id")),
                asked(
                    request,
                    question,
                    options,
                    pictures_of(row, request.rows.folder),
                    "marked" if inside else "choice",
                ),
                str(row["answer"]).strip().upper()[:1],
                options or tuple("ABCD"),
                text_of(row, "category", "subfield"),
            )
        )
    return items


def _options(value: object) -> list[str]:
    """A list, a list as text, or lines."""
    if isinstance(value, str) and not value.strip().startswith("["):
        return [line for line in value.splitlines() if line.strip()]
    return listed(value if not isinstance(value, list) else list(value))


def load_seephys(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        question = text_of(row, "question") or IN_PICTURE
        figures = text_of(row, "sig_figs")
        count = int(float(figures)) if figures else 0
        if count:
            question += f"\nGive the final answer with {count} significant figure{'' if count == 1 else 's'}."
        items.append(
            Item(
                str(row["index"]),
                asked(request, question, (), pictures_of(row, request.rows.folder)),
                str(row["answer"]).strip(),
                (),
                text_of(row, "level", "subject"),
                {"figures": count, "absolute": half_unit(str(row["answer"]), count)},
            )
        )
    return items


def half_unit(answer: str, count: int) -> float:
    """Half a unit of the last of ``count`` significant figures of a number, a little more for rounding; 0
    where the answer is no number or no figures are asked for."""
    value = parse_number(answer, dressed=True) if count else None
    if not value:
        return 0.0
    return 0.5001 * 10.0 ** (math.floor(math.log10(abs(float(value)))) - count + 1)


def grade_seephys(item: Item, output: Output, tools: GradingTools) -> Grade:
    return grade_free(item, tagged(output), tools)


BENCHMARKS = by_name(
    Benchmark(
        "phyx", "PhyX (multiple choice, text minimal)", column="PhyX", load=load_phyx, grade=grade_choice,
        prompts=("choice", "marked"),
        about="1,000 questions of university physics, realistic pictures, shortened text", images=True,
        options={"text": "minimal"},
        source=Source(
            "Cloudriver/PhyX",
            (
                "testmini/test_mini.parquet", "*test_mini.parquet", "*PhyX*MC*.tsv", "*.parquet", "*.jsonl",
                "*.tsv",
            ),
            fields=("answer",), marks=Marks(split="testmini", num_questions=1000),
        ),
    ),
    Benchmark(
        "seephys", "SeePhys", column="SeePhys", load=load_seephys, grade=grade_seephys, prompts=("open",),
        about="2,000 questions of physics from school to doctoral examinations", images=True, judged=True,
        source=Source(
            "SeePhys/SeePhys",
            ("data/*.parquet", "*SeePhys_total.tsv", "*.parquet", "*.json", "*.jsonl", "*.tsv"),
            fields=("index", "answer"), marks=Marks(num_questions=2000),
        ),
    ),
)  # fmt: skip
