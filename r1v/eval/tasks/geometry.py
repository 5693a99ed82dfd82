r"""Geometry and mathematics in pictures: MathVerse (vision only), We-Math, Geometry3K, DynaMath.

Rows: MathVerse (sample_index, problem_index, problem_version, question, answer, question_type, metadata,
image, question_for_eval), We-Math (ID, key, question, option, answer, image_path, knowledge concept),
Geometry3K (a folder for each problem with data.json and img_diagram.png, or problem, answer, images),
DynaMath (id, question, answer or ground_truth, answer_type, subject, knowledge_level, image; ten variants of
each question).

We-Math's strict score: of the problems of two and three steps, those whose steps and whole are all right, and
half of those whose steps are right and the whole is not. DynaMath's score is the mean; ``worst_case`` counts
a question where all its variants are right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from r1v.core import ImageRef
from r1v.eval.asking import IN_PICTURE, asked
from r1v.eval.benchmark import Benchmark, Combine, GradingTools, Load, Scored, by_name
from r1v.eval.grading.graders import grade_choice, grade_free, grade_mixed
from r1v.eval.item import Grade, Item, Output
from r1v.eval.questions.data import Source, image_of
from r1v.eval.questions.marks import Marks
from r1v.eval.questions.rows import LETTERS, given, options_of, pictures_of, text_of
from r1v.eval.tasks.general import all_right
from r1v.scoring import extract_answer

_LISTED = re.compile(r"(?:^|[\s,;])\(?([A-H])[:.)]\s")
_OPTION = re.compile(r";\s*(?=[A-H]\.)|\n(?=[A-H]\.)")
_NAMED = re.compile(r"(?:\(|\b)([A-H])[:.)]")
_LABEL = re.compile(r"^\s*[A-H][.:)]\s*")
_FORMS = {
    "float": "The answer is a decimal number with three digits after the point.",
    "text": "Write decimal numbers in the answer with three digits after the point.",
}


def load_mathverse(request: Load) -> Sequence[Item]:
    version = str(request.options["version"])
    items = []
    for row in request.rows.rows:
        if str(row["problem_version"]) != version:
            continue
        answer = str(row["answer"]).strip()
        options: tuple[str, ...] = ()
        if str(row["question_type"]) == "multi-choice":
            listed = _LISTED.findall(text_of(row, "question_for_eval", "question_for_evaluation"))
            count = max([4, LETTERS.index(answer) + 1, *(LETTERS.index(letter) + 1 for letter in listed)])
            options = tuple(LETTERS[:count])
        question = text_of(row, "question") or IN_PICTURE
        details = row.get("metadata")
        subject = details.get("subject", "") if isinstance(details, Mapping) else text_of(row, "subject")
        pictures = pictures_of(row, request.rows.folder)
        items.append(
            Item(
                str(given(row, "sample_index", "index")),
                asked(request, question, options, pictures, "marked" if options else "open"),
                answer,
                options,
                str(subject),
            )
        )
    return items


def load_wemath(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        options = options_of({letter: row.get(letter) for letter in LETTERS}) or tuple(
            _LABEL.sub("", part).strip() for part in _OPTION.split(str(row["option"])) if part.strip()
        )
        key, problem = str(row["key"]), str(given(row, "ID", "id", "problem_id"))
        steps = key.split("_")[0]
        items.append(
            Item(
                f"{key}-{problem}",
                asked(request, str(row["question"]).strip(), options, pictures_of(row, request.rows.folder)),
                str(row["answer"]).strip(),
                options,
                steps,
                {"problem": f"{steps}-{problem}", "step": key.split("_")[-1]},
            )
        )
    return items


def _problems(samples: Sequence[Scored]) -> list[tuple[list[bool], bool]]:
    """(the steps' verdicts, the whole's verdict) of each problem of several steps."""
    steps: dict[str, list[bool]] = {}
    whole: dict[str, bool] = {}
    for item, score in samples:
        problem, step = item.grading["problem"], item.grading["step"]
        if step == "multi":
            whole[problem] = score >= 1
        else:
            steps.setdefault(problem, []).append(score >= 1)
    return [(steps[problem], right) for problem, right in whole.items() if problem in steps]


def wemath_parts(samples: Sequence[Scored]) -> dict[str, float]:
    """The shares of We-Math's four outcomes, and its strict and loose scores."""
    problems = _problems(samples)
    count = len(problems) or 1
    shares = {
        "insufficient_knowledge": sum(not all(steps) and not right for steps, right in problems) / count,
        "inadequate_generalisation": sum(all(steps) and not right for steps, right in problems) / count,
        "complete_mastery_strict": sum(all(steps) and right for steps, right in problems) / count,
        "rote_memorisation_strict": sum(not all(steps) and right for steps, right in problems) / count,
        "complete_mastery_loose": sum(any(steps) and right for steps, right in problems) / count,
        "rote_memorisation_loose": sum(not any(steps) and right for steps, right in problems) / count,
    }
    half = shares["inadequate_generalisation"] / 2
    shares["strict"] = shares["complete_mastery_strict"] + half
    shares["loose"] = shares["complete_mastery_loose"] + half
    return shares


def _strict(samples: Sequence[Scored]) -> float:
    return wemath_parts(samples)["strict"]


def load_geometry3k(request: Load) -> Sequence[Item]:
    items = []
    for index, row in enumerate(request.rows.rows):
        if "problem" in row:  # the copy that has free answers
            pictures = pictures_of(row, request.rows.folder)
            messages = asked(request, str(row["problem"]).strip(), (), pictures)
            items.append(Item(str(row.get("id", index)), messages, str(row["answer"]).strip()))
            continue
        options = tuple(str(choice) for choice in row["choices"])
        text = text_of(row, "annotat_text", "compact_text", "problem_text")
        picture = ImageRef(image_of("img_diagram.png", Path(str(row["_file"])).parent))
        group = str((row.get("problem_type_goal") or [""])[0])
        items.append(
            Item(
                str(row["id"]),
                asked(request, text, options, [picture]),
                str(row["answer"]).strip(),
                options,
                group,
            )
        )
    return items


def load_dynamath(request: Load) -> Sequence[Item]:
    items = []
    for index, row in enumerate(request.rows.rows):
        kind = str(row["answer_type"])
        answer = str(given(row, "ground_truth", "answer")).strip()
        options: tuple[str, ...] = ()
        question = str(row["question"]).strip()
        if kind == "multiple choice":
            listed = [LETTERS.index(letter) + 1 for letter in _NAMED.findall(question)]
            options = tuple(LETTERS[: max([*listed, LETTERS.index(answer) + 1, 2])])
        else:
            question = f"{question}\n{_FORMS.get(kind, '')}".strip()
        variant = text_of(row, "varid", "variant") or Path(str(row["_file"])).name.split("-")[0]
        problem = str(given(row, "qid", "id", "index"))
        items.append(
            Item(
                f"{problem}-{variant}" if variant else f"{problem}-{index}",
                asked(
                    request, question, options, pictures_of(row, request.rows.folder,
                    names=_DYNAMATH_PICTURES), "marked" if options else "open",
                ),
                answer,
                options,
                text_of(row, "subject"),
                {
                    "absolute": 0.001, "problem": problem, "type": kind,
                    "level": text_of(row, "knowledge_level"),
                },
            )
        )  # fmt: skip
    return items


_DYNAMATH_PICTURES = ("decoded_image", "image")


def grade_dynamath(item: Item, output: Output, tools: GradingTools) -> Grade:
    """A letter; a number to 0.001; other text where it occurs in the right one, as the official rule is."""
    if item.options or item.grading["type"] == "float":
        return grade_mixed(item, output, tools)
    grade = grade_free(item, output, tools)
    if grade.extracted is None or grade.right:
        return grade
    given_text = (extract_answer(output.answer).text or "").strip().lower()
    return Grade(float(bool(given_text) and given_text in item.answer.lower()), grade.extracted, "contained")


def _mean(samples: Sequence[Scored]) -> float:
    return sum(score for _, score in samples) / len(samples)


def _problem(item: Item) -> str:
    return str(item.grading["problem"])


def _dynamath_parts(samples: Sequence[Scored]) -> dict[str, float]:
    return {"worst_case": all_right(samples, {item.id: _problem(item) for item, _ in samples})}


BENCHMARKS = by_name(
    Benchmark(
        "mathverse", "MathVerse (vision only)", column="MathVerse", load=load_mathverse, grade=grade_mixed,
        prompts=("marked", "open"), about="788 questions of mathematics that stand in the picture alone",
        images=True, judged=True, options={"version": "Vision Only"},
        source=Source(
            "AI4Math/MathVerse",
            ("testmini.parquet", "*testmini.json", "*MathVerse*.tsv", "*.parquet", "*.jsonl", "*.tsv"),
            fields=("problem_version", "answer", "question_type"),
            marks=Marks(split="testmini", each={"metadata.split": "testmini"}, num_questions=788),
        ),
    ),
    Benchmark(
        "wemath", "We-Math (strict)", column="WeMath", load=load_wemath, grade=grade_choice,
        prompts=("choice",), about="problems of two and three steps, asked as a whole and step by step",
        images=True, combine=Combine(_problem, _strict, wemath_parts),
        source=Source(
            "We-Math/We-Math",
            (
                "*testmini*.parquet", "testmini.json", "*WeMath*.tsv", "*.parquet", "*.json", "*.jsonl",
                "*.tsv",
            ),
            fields=("question", "answer", "key"),
            marks=Marks(split="testmini", each={"split": "testmini"}, num_questions=1740),
        ),
    ),
    Benchmark(
        "geometry3k", "Geometry3K (test)", load=load_geometry3k, grade=grade_mixed,
        prompts=("choice", "open"), about="601 problems of school geometry with a diagram", images=True,
        judged=True,
        source=Source(
            "hiyouga/geometry3k",
            (
                "test/*/data.json", "*/data.json", "data/test-*.parquet", "*test*.parquet", "*.parquet",
                "*.jsonl",
            ),
            keep_path=True, fields=("answer",),
            marks=Marks(split="test", each={"data_type": "test"}, num_questions=601),
        ),
    ),
    Benchmark(
        "dynamath", "DynaMath", load=load_dynamath, grade=grade_dynamath, prompts=("marked", "open"),
        about="501 questions of mathematics in ten variants each", images=True, judged=True,
        combine=Combine(_problem, _mean, _dynamath_parts),
        source=Source(
            "DynaMath/DynaMath_Sample",
            (
                "data/sample_variant*.parquet", "*variant*.parquet", "*DynaMath*.tsv", "*.parquet", "*.jsonl",
                "*.tsv",
            ),
            keep_path=True, fields=("question", "answer_type"), marks=Marks(num_questions=5010),
        ),
    ),
)  # fmt: skip
