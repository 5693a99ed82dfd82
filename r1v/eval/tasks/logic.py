"""Logic in pictures: VisuLogic, LogicVista, NLVR.

Rows: VisuLogic (id, image_path, question, label, tag), LogicVista (imagename, question, answer: one letter or
several, skill), NLVR (sentence, label, identifier, and six pictures of each in the folders beside the file).
NLVR's ``consistency`` counts a sentence where it is judged right of all its pictures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from r1v.core import ImageRef
from r1v.eval.asking import asked
from r1v.eval.benchmark import Benchmark, Combine, GradingTools, Load, Scored, by_name
from r1v.eval.grading.graders import grade_choice, grade_letters, grade_yes_no
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.questions.data import DataError, Source
from r1v.eval.questions.marks import Marks
from r1v.eval.questions.rows import LETTERS, given, listed, pictures_of, text_of
from r1v.eval.tasks.general import all_right

_MARKS = re.compile(r"\s*<image>\s*")


def load_visulogic(request: Load) -> Sequence[Item]:
    items = []
    for index, row in enumerate(request.rows.rows):
        question = _MARKS.sub("\n", str(row["question"])).strip()
        items.append(
            Item(
                str(given(row, "id", "index") or index),
                asked(request, question, "ABCD", pictures_of(row, request.rows.folder), "marked"),
                str(given(row, "label", "answer")).strip(),
                tuple("ABCD"),
                text_of(row, "tag", "category"),
            )
        )
    return items


def load_logicvista(request: Load) -> Sequence[Item]:
    items = []
    for index, row in enumerate(request.rows.rows):
        letters = re.findall("[A-Z]", str(row["answer"]).upper())
        if not letters:
            raise DataError(
                f"LogicVista question {index} has answer {row['answer']!r}, which is not a letter"
            )
        options = tuple(LETTERS[: max(5, LETTERS.index(letters[0]) + 1)]) if len(letters) == 1 else ()
        name = text_of(row, "imagename")
        picture = {**row, "image": f"images/{name}" if name and not row.get("image") else row.get("image")}
        skill = row.get("skill")
        skills = listed(skill if not isinstance(skill, list) else list(skill))
        items.append(
            Item(
                name or str(given(row, "index") or index),
                asked(request, str(row["question"]).strip(), options, _pictures(picture, request), "marked"),
                ", ".join(letters),
                options,
                skills[0] if skills else "",
                {"skills": skills},
            )
        )
    return items


def _pictures(row: Json, request: Load) -> list[ImageRef]:
    """The picture, in the folder of pictures or beside the file."""
    name = row["image"]
    if isinstance(name, str) and len(name) < 200 and not (request.rows.folder / name).is_file():
        row = {**row, "image": Path(name).name}
    return pictures_of({"image": row["image"]}, request.rows.folder)


def grade_logicvista(item: Item, output: Output, tools: GradingTools) -> Grade:
    return grade_choice(item, output, tools) if item.options else grade_letters(item, output, tools)


def load_nlvr(request: Load) -> Sequence[Item]:
    pictures: dict[str, list[Path]] = {}
    for path in sorted(request.rows.folder.rglob("*.png")):
        pictures.setdefault(path.stem.rsplit("-", 1)[0].split("-", 1)[-1], []).append(path)
    items = []
    for row in request.rows.rows:
        name = str(row["identifier"])
        if name not in pictures:
            raise DataError(f"NLVR has no picture of {name} under {request.rows.folder}")
        label = str(row["label"]).lower()
        question = f"Is this sentence true of the picture? {str(row['sentence']).strip()}"
        refs = [ImageRef(pictures[name][0].read_bytes())]
        items.append(
            Item(
                name,
                asked(request, question, (), refs, "yes_no"),
                {"true": "yes", "false": "no"}[label],
                (),
                "",
                {"sentence": name.rsplit("-", 1)[0]},
            )
        )
    return items


def _sentence(item: Item) -> str:
    return str(item.grading["sentence"])


def _mean(samples: Sequence[Scored]) -> float:
    return sum(score for _, score in samples) / len(samples)


def _consistency(samples: Sequence[Scored]) -> dict[str, float]:
    return {"consistency": all_right(samples, {item.id: _sentence(item) for item, _ in samples})}


BENCHMARKS = by_name(
    Benchmark(
        "visulogic", "VisuLogic", column="VisuLogic", load=load_visulogic, grade=grade_choice,
        prompts=("marked",), about="1,000 puzzles of visual reasoning that words do not describe",
        images=True,
        source=Source(
            "VisuLogic/VisuLogic", ("data.jsonl", "*VisuLogic*.tsv", "*.parquet", "*.jsonl", "*.tsv"),
            fields=("question",), marks=Marks(num_questions=1000),
        ),
    ),
    Benchmark(
        "logicvista", "LogicVista", column="LogicVista", load=load_logicvista, grade=grade_logicvista,
        prompts=("marked",), about="448 questions of five skills of logical reasoning", images=True,
        judged=True,
        source=Source(
            "Yijia-Xiao/LogicVista",
            ("*dataset.json", "*LogicVista*.tsv", "*.parquet", "*.json", "*.jsonl", "*.tsv"),
            fields=("question", "answer"), marks=Marks(num_questions=448),
        ),
    ),
    Benchmark(
        "nlvr", "NLVR (dev)", load=load_nlvr, grade=grade_yes_no, prompts=("yes_no",),
        about="sentences about drawn boxes: true or false", images=True,
        combine=Combine(_sentence, _mean, _consistency),
        source=Source(
            "lil-lab/nlvr", ("dev/dev.json", "dev.json", "*dev*.json", "*.json", "*.jsonl"),
            fields=("sentence", "label", "identifier"),
            marks=Marks(  # of the repository at 1892484
                split="dev", num_questions=989,
                content="ed61b299533fb3513d6452e541ea29b19a3c1374b618cb885ddfb27265c2b63d",
            ),
        ),
    ),
)  # fmt: skip
