"""MMMU (validation) and MMMU-Pro (standard with ten options, and vision).

Rows as in the official releases: id, question with <image N> marks, options (a list as text), answer,
image_1 … 7, question_type, subfield; the vision set of MMMU-Pro has one image that shows the question,
and no text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from r1v.core import ImageRef, Message
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.graders import grade_choice, grade_free
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.prompts import options_text
from r1v.eval.questions.data import Source, image_of
from r1v.eval.questions.marks import Marks
from r1v.eval.questions.pictures import placed
from r1v.eval.questions.rows import listed
from r1v.scoring import extract_answer

_NUMBER = re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?")
IN_PICTURE = "The question and its options are in the picture."


def with_pictures(text: str, row: Json, request: Load) -> tuple[str | ImageRef, ...]:
    """Text and pictures in the order of the marks; pictures without a mark come first."""
    refs = {
        number: ImageRef(image_of(row[f"image_{number}"], request.rows.folder))
        for number in range(1, 10)
        if row.get(f"image_{number}")
    }
    return placed(text, refs)


def load(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        options = tuple(listed(row.get("options")))
        answers = listed(row["answer"])
        question = str(row["question"])
        if options:
            text = request.prompt("choice").fill(question=question, options=options_text(options))
        else:
            text = request.prompt("open").fill(question=question)
        name = str(row["id"])
        group = str(row.get("subject") or "_".join(name.split("_")[1:-1]) or row.get("subfield", ""))
        grading = {"also": answers[1:], "difficulty": str(row.get("topic_difficulty", ""))}
        message = Message("user", with_pictures(text, row, request))
        items.append(Item(name, (message,), answers[0], options, group, grading))
    return items


def load_vision(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        options = tuple(listed(row.get("options")))
        letters = tuple(chr(ord("A") + index) for index in range(len(options) or 10))
        marked = f"The options are {letters[0]} to {letters[-1]}."
        text = request.prompt("choice").fill(question=IN_PICTURE, options=marked)
        message = Message.user(text, [ImageRef(image_of(row["image"], request.rows.folder))])
        items.append(
            Item(
                str(row["id"]),
                (message,),
                str(row["answer"]),
                options or letters,
                str(row.get("subject", "")),
            )
        )
    return items


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Grade a letter or, for open questions, any right answer: equal, equal to two decimals, or contained as
    words or as the only number."""
    if item.options:
        return grade_choice(item, output, tools)
    rounded = Item(item.id, item.messages, item.answer, (), item.group, {**item.grading, "absolute": 0.005})
    grade_ = grade_free(rounded, output, tools)
    if grade_.extracted is None or grade_.right:
        return grade_
    given = extract_answer(output.answer).text or ""
    numbers = _NUMBER.findall(given.replace(",", ""))
    for answer in (item.answer, *item.grading.get("also", ())):
        if re.search("[a-z]{3}", answer.lower()) and re.search(
            rf"(?<!\w){re.escape(answer.lower())}(?!\w)", given.lower()
        ):
            return Grade(1.0, grade_.extracted, "contained")
        value = answer.replace(",", "")
        if (
            len(numbers) == 1
            and _NUMBER.fullmatch(value)
            and round(float(numbers[0]), 2) == round(float(value), 2)
        ):
            return Grade(1.0, grade_.extracted, "contained")
    return grade_


BENCHMARKS = by_name(
    Benchmark(
        "mmmu", "MMMU (val)", column="MMMU", load=load, grade=grade, prompts=("choice", "open"),
        about="900 college questions of 30 subjects with pictures", images=True, judged=True,
        source=Source(
            "MMMU/MMMU", ("*/validation-*.parquet", "*validation*.parquet", "*.parquet", "*.jsonl"),
            "171b0ef74cd1704464e6940860968009d8cdd59a", "Apache-2.0",
            fields=("id", "question", "answer", "question_type", "subfield"),
            marks=Marks(split="validation", each={"id": "validation_.*"}, num_questions=900),
        ),
    ),
    Benchmark(
        "mmmu_pro", "MMMU-Pro (standard, 10 options)", column="MMMU_Pro", load=load, grade=grade,
        prompts=("choice", "open"), about="MMMU with ten options and without what text alone answers",
        images=True,
        source=Source(
            "MMMU/MMMU_Pro",
            ("standard (10 options)/*.parquet", "*standard*10*.parquet", "*.parquet", "*.jsonl"), None,
            "Apache-2.0", fields=("id", "question", "options", "answer", "subject"),
            marks=Marks(
                split="test", lacks=("question_type", "subfield"), num_options=(5, 10), num_questions=1730,
            ),
        ),
    ),
    Benchmark(
        "mmmu_pro_vision", "MMMU-Pro (vision)", column="MMMU_Pro", load=load_vision, grade=grade_choice,
        prompts=("choice",), about="MMMU-Pro with the whole question in the picture", images=True,
        source=Source(
            "MMMU/MMMU_Pro",
            ("vision/*.parquet", "*/vision/*.parquet", "vision*.parquet", "*.parquet", "*.jsonl"), None,
            "Apache-2.0", fields=("id", "image", "options", "answer", "subject"),
            marks=Marks(split="test", lacks=("question",), num_questions=1730),
        ),
    ),
)  # fmt: skip
