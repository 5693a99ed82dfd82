"""MathVista (testmini): mathematics in pictures, charts and photographs.

Rows as in the official release: pid, question, choices, unit, precision, answer, question_type,
answer_type, decoded_image, metadata. Graded as there: a choice by its text, an integer as an integer, a
float rounded to the precision that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from r1v.core import ImageRef, Message
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.graders import grade_choice, grade_free
from r1v.eval.item import Grade, Item, Output
from r1v.eval.prompts import options_text
from r1v.eval.questions.data import Source, image_of
from r1v.eval.questions.marks import Marks
from r1v.scoring import extract_answer, parse_number

_FORMS = {
    "integer": "The answer is a whole number.",
    "float": "The answer is a decimal number with {places} after the point.",
    "list": "The answer is a list of numbers in square brackets.",
}


def load(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        options = tuple(str(choice) for choice in row.get("choices") or ())
        kind = str(row.get("answer_type", "text"))
        question = str(row["question"]).strip()
        if row.get("unit"):
            question += f" (Unit: {row['unit']})"
        places = int(float(row["precision"])) if row.get("precision") not in (None, "") else 0
        if options:
            text = request.prompt("choice").fill(question=question, options=options_text(options))
            answer = chr(ord("A") + options.index(str(row["answer"])))
        else:
            form = _FORMS.get(kind, "").format(places=f"{places} digit{'' if places == 1 else 's'}")
            text = request.prompt("open").fill(question=f"{question}\n{form}".strip())
            answer = str(row["answer"])
        details = row.get("metadata") or {}
        image = image_of(row.get("decoded_image") or row["image"], request.rows.folder)
        items.append(
            Item(
                str(row["pid"]),
                (Message.user(text, [ImageRef(image)]),),
                answer,
                options,
                str(details.get("task", "")),
                {"answer_type": kind, "precision": places, "category": str(details.get("category", ""))},
            )
        )
    return items


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    if item.options:
        return grade_choice(item, output, tools)
    kind = item.grading["answer_type"]
    if kind in ("integer", "float"):
        found = extract_answer(output.answer)
        given = parse_number(found.text, dressed=True) if found.text is not None else None
        answer = parse_number(item.answer, dressed=True)
        if given is not None and answer is not None:
            places = 0 if kind == "integer" else int(item.grading["precision"])
            values = [float(number) for number in (given, answer)]
            same = int(values[0]) == int(values[1]) if kind == "integer" else (
                round(values[0], places) == round(values[1], places)
            )  # fmt: skip
            return Grade(float(same), found.text, f"{found.how}, {kind}")
    return grade_free(item, output, tools)


BENCHMARKS = by_name(
    Benchmark(
        "mathvista", "MathVista (testmini)", column="MathVista", load=load, grade=grade,
        prompts=("choice", "open"), about="1,000 questions of mathematics in figures, charts and photographs",
        version=2, images=True, judged=True,
        source=Source(
            "AI4Math/MathVista",
            ("data/testmini-*.parquet", "*testmini*.parquet", "testmini.json", "*.parquet", "*.jsonl"),
            "2b6ad69445fbb5695c9b165475e8decdbeb97747", "CC-BY-SA-4.0",
            fields=("pid", "question", "answer", "question_type", "answer_type"),
            marks=Marks(split="testmini", each={"metadata.split": "testmini"}, num_questions=1000),
        ),
    ),
)  # fmt: skip
