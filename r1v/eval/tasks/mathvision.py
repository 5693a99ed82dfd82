"""MathVision: questions of mathematics competitions, each with a picture.

Rows as in the official release (MIT): id, question with <image1> marks, options, answer, image, level,
subject. Graded as there: a letter where there are options (also when the option's text is given), else
the value, equal to two decimals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from r1v.core import ImageRef, Message
from r1v.eval.benchmark import Benchmark, GradingTools, Load
from r1v.eval.grading.graders import grade_choice, grade_free
from r1v.eval.item import Grade, Item, Output
from r1v.eval.prompts import options_text
from r1v.eval.questions.data import Source, image_of
from r1v.eval.questions.marks import Marks
from r1v.scoring import extract_choice

_MARK = re.compile(r"\s*<image\d+>\s*")
TWO_DECIMALS = 0.005  # the official scorer rounds both values to two places


def load(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        options = tuple(str(option) for option in row.get("options") or ())
        question = _MARK.sub("\n", str(row["question"])).strip()
        if options and not _names_itself(options):
            text = request.prompt("choice").fill(question=question, options=options_text(options))
        elif options:
            letters = "The options are marked in the picture: " + ", ".join(options) + "."
            text = request.prompt("choice").fill(question=question, options=letters)
        else:
            text = request.prompt("open").fill(question=question)
        image = image_of(row.get("decoded_image") or row["image"], request.rows.folder)
        items.append(
            Item(
                str(row["id"]),
                (Message.user(text, [ImageRef(image)]),),
                str(row["answer"]),
                options,
                str(row.get("subject", "")),
                {"level": str(row.get("level", "")), "absolute": TWO_DECIMALS},
            )
        )
    return items


def _names_itself(options: Sequence[str]) -> bool:
    """Whether the options are only A, B, C…, because their texts are in the picture."""
    return all(option == chr(ord("A") + index) for index, option in enumerate(options))


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    if not item.options:
        return grade_free(item, output, tools)
    found = extract_choice(output.answer, item.options)
    if found.text is None:  # the value of an option, written differently from the option
        free = grade_free(_with_value(item), output, tools)
        return (
            free if free.right else Grade(None if free.extracted is None else 0.0, free.extracted, free.rule)
        )
    return grade_choice(item, output, tools)


def _with_value(item: Item) -> Item:
    index = ord(item.answer.strip().upper()[:1] or "A") - ord("A")
    value = item.options[index] if 0 <= index < len(item.options) else item.answer
    return Item(item.id, item.messages, value, (), item.group, item.grading)


def _benchmark(
    name: str, title: str, column: str, files: tuple[str, ...], about: str, marks: Marks
) -> Benchmark:
    return Benchmark(
        name=name,
        title=title,
        column=column,
        load=load,
        grade=grade,
        source=Source(
            "MathLLMs/MathVision",
            files,
            None,
            "MIT",
            fields=("id", "question", "answer", "level", "subject"),
            marks=marks,
        ),
        prompts=("choice", "open"),
        about=about,
        version=2,
        images=True,
        judged=True,
    )


BENCHMARKS: dict[str, Benchmark] = {
    "mathvision": _benchmark(
        "mathvision",
        "MathVision (testmini)",
        "MathVision",
        ("data/testmini*.parquet", "*testmini*.parquet", "testmini.jsonl", "**/testmini.jsonl"),
        "304 questions of mathematics competitions with pictures",
        Marks(
            split="testmini",
            num_questions=304,
            content="44ee83331c0d1f27e40deb074ee78a8b7306bdda970c3cc39c57f2eaf4c5821a",
        ),
    ),
    "mathvision_full": _benchmark(
        "mathvision_full",
        "MathVision (test)",
        "",
        ("data/test-*.parquet", "test-*.parquet", "test.jsonl", "**/test.jsonl"),
        "3,040 questions of mathematics competitions with pictures",
        Marks(split="test", num_questions=3040),
    ),
}
