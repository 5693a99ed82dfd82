"""Questions of school and university: EMMA-mini, MMK12, GAOKAO-MM.

Rows: EMMA (pid, context, question with <image_N> marks, options, answer, type, subject, task, image_1 … 5),
MMK12 (id, question, answer, subject, image), GAOKAO-MM (files with keywords and examples: question, picture,
answer, index, year). Graded as their own scripts do; in GAOKAO-MM's physics and literature a part of the
right letters and no wrong one is worth half.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from r1v.core import ImageRef
from r1v.eval.asking import asked
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.graders import grade_choice, grade_free, grade_letters, grade_mixed
from r1v.eval.item import Grade, Item, Output
from r1v.eval.questions.data import DataError, Source, image_of
from r1v.eval.questions.marks import Marks
from r1v.eval.questions.rows import LETTERS, options_of, pictures_of, text_of
from r1v.scoring import extract_answer

_LISTED = re.compile(r"^\s*\(?([A-H])[.:、)．]", re.MULTILINE)
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
HALF = ("2010-2023_Physics_MCQs", "2010-2023_Chinese_Pratical_Lit")  # spelled as the data has it


def tagged(output: Output) -> Output:
    """What stands between <answer> and </answer>, where a protocol asks for that."""
    found = _TAGGED.findall(output.answer)
    return Output(answer=found[-1].strip()) if found else output


def load_emma(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        choice = str(row.get("type", "")).lower() in ("multiple choice", "mcq", "multi-choice")
        options = options_of(row) if choice else ()
        question = "\n\n".join(
            part for part in (text_of(row, "context"), str(row["question"]).strip()) if part
        )
        pictures = [
            ImageRef(image_of(row[name], request.rows.folder))
            for name in (f"image_{number}" for number in range(1, 6))
            if row.get(name)
        ] or pictures_of(row, request.rows.folder)
        items.append(
            Item(
                str(row.get("pid", row.get("index"))),
                asked(request, question, options, pictures),
                str(row["answer"]).strip(),
                options,
                str(row["subject"]),
                {"task": text_of(row, "task"), "category": text_of(row, "category"), "absolute": 0.005},
            )
        )
    return items


def load_mmk12(request: Load) -> Sequence[Item]:
    items = []
    for index, row in enumerate(request.rows.rows):
        question, answer = str(row["question"]).strip(), str(row["answer"]).strip()
        listed = _LISTED.findall(question)
        count = max([LETTERS.index(letter) + 1 for letter in listed] or [4])
        options = tuple(LETTERS[:count]) if re.fullmatch("[A-H]", answer) else ()
        pictures = pictures_of(row, request.rows.folder)
        items.append(
            Item(
                str(row.get("id", index)),
                asked(request, question, options, pictures, "marked" if options else "open"),
                answer,
                options,
                text_of(row, "subject"),
            )
        )
    return items


def grade_mmk12(item: Item, output: Output, tools: GradingTools) -> Grade:
    return grade_mixed(item, tagged(output), tools)


def load_gaokao(request: Load) -> Sequence[Item]:
    items = []
    for file in request.rows.rows:
        name = str(file.get("keywords", file.get("keyword")))
        for row in file["example"]:
            answers = "".join(str(one) for one in row["answer"])
            letters = re.findall("[A-H]", answers)
            if not letters:
                raise DataError(f"{name} question {row['index']} has no letter as its answer")
            one = len(letters) == 1 and name not in HALF
            pictures = [
                ImageRef(image_of("/".join(PurePosixPath(path).parts[-2:]), request.rows.folder))
                for path in row["picture"]
            ]
            items.append(
                Item(
                    f"{name}-{row['index']}",
                    asked(request, str(row["question"]), (), pictures, "marked"),
                    ", ".join(letters),
                    tuple("ABCD") if one and letters[0] in "ABCD" else (),
                    name.removeprefix("2010-2023_").removesuffix("_MCQs"),
                    {"half": name in HALF},
                )
            )
    return items


def grade_gaokao(item: Item, output: Output, tools: GradingTools) -> Grade:
    if item.options:
        return grade_choice(item, output, tools)
    grade = grade_letters(item, output, tools)
    given, right = set(re.findall("[A-H]", grade.extracted or "")), set(re.findall("[A-H]", item.answer))
    if item.grading["half"] and grade.score == 0.0 and given < right:
        return Grade(0.5, grade.extracted, f"{grade.rule}, half")
    return grade


def grade_emma(item: Item, output: Output, tools: GradingTools) -> Grade:
    """A letter, or the value to two decimals, or the same words."""
    if item.options:
        return grade_choice(item, output, tools)
    grade = grade_free(item, output, tools)
    if grade.extracted is None or grade.right:
        return grade
    given = (extract_answer(output.answer).text or "").strip().lower()
    return Grade(float(given == item.answer.strip().lower()), grade.extracted, grade.rule)


BENCHMARKS = by_name(
    Benchmark(
        "emma_mini", "EMMA-mini", column="EMMA_mini", load=load_emma, grade=grade_emma,
        prompts=("choice", "open"),
        about="400 questions of mathematics, physics, chemistry and coding that need several looks",
        images=True, judged=True,
        source=Source(
            "luckychao/EMMA-mini", ("*/test-*.parquet", "*EMMA*.tsv", "*.parquet", "*.jsonl", "*.json"),
            fields=("question", "answer", "subject"), marks=Marks(split="test", num_questions=400),
        ),
    ),
    Benchmark(
        "mmk12", "MMK12 (test)", column="MMK12", load=load_mmk12, grade=grade_mmk12,
        prompts=("marked", "open"),
        about="2,000 school questions of mathematics, physics, chemistry and biology", images=True,
        judged=True,
        source=Source(
            "FanqingM/MMK12", ("data/test-*.parquet", "*test*.parquet", "*.parquet", "*.jsonl"),
            fields=("question", "answer"), marks=Marks(split="test", num_questions=2000),
        ),
    ),
    Benchmark(
        "gaokao_mm", "GAOKAO-MM", load=load_gaokao, grade=grade_gaokao, prompts=("marked",),
        about="646 questions of China's college entrance examination, in Chinese, with 897 pictures",
        images=True,
        source=Source(
            "OpenMOSS-Team/GAOKAO-MM", ("2010-2023_*.json", "*/2010-2023_*.json", "*.json"),
            fields=("example",), marks=Marks(num_questions=646),
        ),
    ),
)  # fmt: skip
