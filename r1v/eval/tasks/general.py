"""Seeing in general: MMStar, MMBench 1.1 in English, HallusionBench.

Rows: MMStar (index, question with its options, answer, category, image), MMBench (index, hint, question, A to
D, answer, category, image), HallusionBench (category, subcategory, set_id, figure_id, question_id, question,
gt_answer, image), each also as VLMEvalKit's table. MMBench counts a question only where all turns of its
options are right; HallusionBench's score is the mean of three: by answer, by figure, by question pair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from r1v.eval.asking import asked
from r1v.eval.benchmark import Benchmark, Combine, Load, Scored, by_name
from r1v.eval.grading.graders import grade_choice, grade_yes_no
from r1v.eval.item import Item, Json
from r1v.eval.questions.data import Source
from r1v.eval.questions.marks import Marks
from r1v.eval.questions.rows import LETTERS, options_of, pictures_of, shared_pictures, text_of

_OPTIONS = re.compile(r"\n?\s*Options:\s*(?=\(?A[):.])", re.IGNORECASE)
_OPTION = re.compile(r"(?:^|[\s,;])\(?([A-H])[):.]\s*")
TURN = 1_000_000  # MMBench: a row's index is this times the number of its turn, plus the question's


def split_options(question: str) -> tuple[str, tuple[str, ...]]:
    """A question with "Options: A: …, B: …" in it, as its text and its options."""
    found = _OPTIONS.split(question, maxsplit=1)
    if len(found) < 2:
        return question, ()
    marks = list(_OPTION.finditer(found[1]))
    in_order: list[re.Match[str]] = []
    for match in marks:  # letters in order: a letter within an option is no mark
        if match[1] == LETTERS[len(in_order)]:
            in_order.append(match)
    ends = [match.start() for match in in_order[1:]] + [len(found[1])]
    options = tuple(
        found[1][match.end() : end].strip().rstrip(",;").strip()
        for match, end in zip(in_order, ends, strict=True)
    )
    return found[0].strip(), options


def load_mmstar(request: Load) -> Sequence[Item]:
    shared = shared_pictures(request.rows.rows)
    items = []
    for row in request.rows.rows:
        question, options = str(row["question"]), options_of(row)
        if not options:
            question, options = split_options(question)
        pictures = pictures_of(row, request.rows.folder, shared)
        items.append(
            Item(
                str(row["index"]),
                asked(request, question, options, pictures),
                str(row["answer"]).strip(),
                options,
                str(row["category"]),
            )
        )
    return items


def load_mmbench(request: Load) -> Sequence[Item]:
    rows = request.rows.rows
    shared = shared_pictures(rows)
    turned = any(int(row["index"]) >= TURN for row in rows)
    items = []
    for row in rows:
        options, answer = options_of(row), str(row["answer"]).strip()
        question = "\n".join(part for part in (text_of(row, "hint"), str(row["question"]).strip()) if part)
        pictures = pictures_of(row, request.rows.folder, shared)
        turns = len(options) if request.options["circular"] == "yes" and not turned else 1
        for turn in range(turns):
            order = options[turn:] + options[:turn]
            right = LETTERS[(LETTERS.index(answer) - turn) % len(options)] if turns > 1 else answer
            items.append(
                Item(
                    str(int(row["index"]) + turn * TURN),
                    asked(request, question, order, pictures),
                    right,
                    order,
                    text_of(row, "l2-category", "L2-category", "category"),
                )
            )
    return items


def _mmbench_question(item: Item) -> str:
    return str(int(item.id) % TURN)


def all_right(samples: Sequence[Scored], unit_of: Mapping[str, str]) -> float:
    """The share of units whose samples are all right."""
    units: dict[str, float] = {}
    for item, score in samples:
        unit = unit_of[item.id]
        units[unit] = min(units.get(unit, 1.0), score)
    return sum(units.values()) / len(units)


def _circular(samples: Sequence[Scored]) -> float:
    return all_right(samples, {item.id: _mmbench_question(item) for item, _ in samples})


def load_hallusion(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        parts = _hallusion_place(row)
        answer = str(row.get("gt_answer", row.get("answer"))).strip().lower()
        right = {"1": "yes", "0": "no"}.get(answer, answer)
        if right not in ("yes", "no"):
            raise ValueError(f"answer {answer!r} is neither yes nor no")
        pictures = pictures_of(row, request.rows.folder)
        items.append(
            Item(
                "_".join(parts),
                asked(request, str(row["question"]), (), pictures, "yes_no"),
                right,
                (),
                parts[0],
                {"figure": "_".join(parts[:4]), "pair": "_".join([*parts[:3], parts[4]])},
            )
        )
    return items


def _hallusion_place(row: Json) -> list[str]:
    """Category, subcategory, set, figure and question of a row; a table has them in its index."""
    if "set_id" in row:
        return [str(row[name]) for name in ("category", "subcategory", "set_id", "figure_id", "question_id")]
    parts = str(row["index"]).split("_")
    subcategory = text_of(row, "l2-category") or "_".join(parts[1:-3])
    return [text_of(row, "category") or parts[0], subcategory, *parts[-3:]]


def _hallusion_parts(samples: Sequence[Scored]) -> dict[str, float]:
    return {
        "answers": sum(score for _, score in samples) / len(samples),
        "figures": all_right(samples, {item.id: item.grading["figure"] for item, _ in samples}),
        "pairs": all_right(samples, {item.id: item.grading["pair"] for item, _ in samples}),
    }


def _hallusion(samples: Sequence[Scored]) -> float:
    return sum(_hallusion_parts(samples).values()) / 3


BENCHMARKS = by_name(
    Benchmark(
        "mmstar", "MMStar", column="MMStar", load=load_mmstar, grade=grade_choice, prompts=("choice",),
        about="1,500 questions that need their picture, of 6 kinds", images=True,
        source=Source(
            "Lin-Chen/MMStar", ("mmstar.parquet", "*MMStar*.tsv", "*.parquet", "*.jsonl", "*.tsv"),
            fields=("index", "question", "answer", "category"), marks=Marks(num_questions=1500),
        ),
    ),
    Benchmark(
        "mmbench", "MMBench 1.1 (en, dev)", column="MMBench_en_v11", load=load_mmbench, grade=grade_choice,
        prompts=("choice",), about="a question counts where all turns of its options are answered right",
        images=True, options={"circular": "no"}, combine=Combine(_mmbench_question, _circular),
        source=Source(
            "opencompass/MMBench",
            ("*MMBench_DEV_EN_V11*.tsv", "*DEV_EN_V11*", "en/dev-*.parquet", "*.tsv", "*.parquet", "*.jsonl"),
            fields=("index", "question", "answer"), marks=Marks(split="dev", each={"split": "dev"}),
        ),
    ),
    Benchmark(
        "hallusionbench", "HallusionBench", column="HallusionBench", load=load_hallusion, grade=grade_yes_no,
        prompts=("yes_no",),
        about="yes or no about pictures, some of them changed; mean of answers, figures and pairs",
        images=True,
        combine=Combine(lambda item: item.grading["figure"].rsplit("_", 1)[0], _hallusion, _hallusion_parts),
        source=Source(
            "lmms-lab/HallusionBench",
            (
                "data/image-*.parquet", "HallusionBench.json", "*HallusionBench*.tsv", "*.parquet", "*.jsonl",
                "*.tsv",
            ),
            fields=("question",),
        ),
    ),
)  # fmt: skip
