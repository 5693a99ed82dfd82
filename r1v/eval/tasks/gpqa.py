"""GPQA diamond: graduate questions with four options.

Rows: the official gpqa_diamond.csv (Question, Correct Answer, Incorrect Answer 1 to 3, Record ID,
High-level domain). The order of the options is drawn from each question's own id, so that it is the same
in every run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from r1v.core import Message
from r1v.eval.benchmark import Benchmark, Load, by_name
from r1v.eval.grading.graders import grade_choice
from r1v.eval.item import Item
from r1v.eval.prompts import options_text
from r1v.eval.questions.data import Source
from r1v.eval.questions.marks import Marks


def load(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        right = str(row["Correct Answer"]).strip()
        options = [right, *(str(row[f"Incorrect Answer {number}"]).strip() for number in (1, 2, 3))]
        order = list(range(4))
        random.Random(f"gpqa {row['Record ID']}").shuffle(order)
        shuffled = tuple(options[index] for index in order)
        text = request.prompt("choice").fill(
            question=str(row["Question"]).strip(), options=options_text(shuffled)
        )
        answer = chr(ord("A") + order.index(0))
        group = str(row.get("High-level domain", ""))
        items.append(Item(str(row["Record ID"]), (Message.user(text),), answer, shuffled, group))
    return items


BENCHMARKS = by_name(
    Benchmark(
        "gpqa", "GPQA diamond", column="GPQA", load=load, grade=grade_choice, prompts=("choice",),
        about="198 graduate questions of biology, chemistry and physics",
        source=Source(
            "Idavidrein/gpqa", ("gpqa_diamond.csv", "**/gpqa_diamond.csv"), None, "CC-BY-4.0",
            fields=(
                "Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2",
                "Incorrect Answer 3", "Record ID",
            ),
            marks=Marks(num_questions=198),
        ),
    ),
)  # fmt: skip
