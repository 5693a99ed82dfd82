r"""OlympiadBench: open-ended olympiad questions of mathematics and physics, with and without pictures.

Rows as in the official release: id, question with <image_N> marks, final_answer, context, image_1 … 9,
is_multiple_answer, unit, answer_type, error, subfield, subject. Graded as there: numbers within ``error``
(1e-8 where it is not given), expressions, equations, intervals and tuples as values, several answers in
any order. Proofs have no answer to grade and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from r1v.core import ConfigError, ImageRef, Message
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.graders import grade_free
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.questions.data import Source, image_of
from r1v.eval.questions.marks import Marks
from r1v.scoring import Tolerance, compare, extract_answer
from r1v.scoring.reading import split_values

# subset -> what its rows say of themselves
SUBSETS: dict[str, tuple[tuple[str, str], ...]] = {
    "en_comp": (("language", "en"), ("difficulty", "comp")),
    "mm_en_comp": (("language", "en"), ("difficulty", "comp"), ("modality", "multi")),
    "mm": (("modality", "multi"),),
    "all": (),
}
DEFAULT_ERROR = 1e-8
_MARK = re.compile(r"<image_?(\d+)>")
_FORMS = {
    "Numerical": "a number",
    "Expression": "an expression",
    "Equation": "an equation",
    "Interval": "an interval",
    "Tuple": "a tuple",
}


def load(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        final = row.get("final_answer")
        if not _asked(row, str(request.options["subset"])):
            continue
        if not final or str(row.get("question_type", "Open-ended")).startswith("Theorem"):
            continue
        answer = str(final[0] if isinstance(final, list) else final).strip().strip("$")
        unit = str(row.get("unit") or "").strip()
        kind = str(row.get("answer_type") or "")
        context = str(row.get("context") or "").strip()
        several = bool(row.get("is_multiple_answer"))
        form = ""
        if kind in _FORMS:
            form = f" There are several answers, and each is {_FORMS[kind]}." if several else (
                f" The answer is {_FORMS[kind]}."
            )  # fmt: skip
        text = request.prompt("unit").fill(
            context=f"{context}\n\n" if context else "",
            question=str(row["question"]).strip(),
            form=form,
            unit=f", in {unit}, without the unit" if unit else " alone",
        )
        subject = str(row.get("subject") or "Math")
        grading = {
            "answer_type": kind,
            "unit": unit,
            "errors": _errors(row),
            "several": several,
            "subfield": str(row.get("subfield", "")),
        }
        message = Message("user", _with_pictures(text, row, request))
        items.append(Item(f"{subject}-{row['id']}", (message,), answer, (), subject, grading))
    return items


def _asked(row: Json, subset: str) -> bool:
    """Whether a row belongs to the subset. A property that a row does not state does not exclude it."""
    if subset not in SUBSETS:
        raise ConfigError(f"option olympiadbench.subset is {subset!r}; use one of {', '.join(SUBSETS)}")
    parts = set(Path(str(row.get("_file", ""))).name.split("."))  # the official files say it in their name
    named = {part for text in parts for part in text.split("_")}
    by_name = {
        "language": "en" if "en" in named else "zh" if "zh" in named else "",
        "difficulty": "comp" if "COMP" in named else "cee" if "CEE" in named else "",
        "modality": "multi" if "MM" in named else "text" if "TO" in named else "",
    }
    said = {name: str(row.get(name) or by_name[name]) for name in by_name}
    return all(not said[name] or said[name].lower().startswith(start) for name, start in SUBSETS[subset])


def _errors(row: Json) -> list[float]:
    """The tolerance of each answer; a single given one is for all of them."""
    texts = [part for part in re.split(r"[,，]", str(row.get("error") or "")) if part.strip()]
    found = []
    for text in texts:
        try:
            found.append(float(text))
        except ValueError:
            found.append(DEFAULT_ERROR)
    return found or [DEFAULT_ERROR]


def _with_pictures(text: str, row: Json, request: Load) -> tuple[str | ImageRef, ...]:
    parts: list[str | ImageRef] = []
    for number in range(1, 10):
        if row.get(f"image_{number}"):
            parts += [ImageRef(image_of(row[f"image_{number}"], request.rows.folder)), "\n"]
    parts.append(_MARK.sub(lambda match: f"(picture {match[1]})", text))
    return tuple(parts)


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    errors = item.grading["errors"]
    found = extract_answer(output.answer)
    if found.text is None or len(errors) < 2:
        grading = {**item.grading, "absolute": errors[0] * 1.01}
        return grade_free(
            Item(item.id, item.messages, _with_unit(item), (), item.group, grading), output, tools
        )
    left, answers = split_values(found.text), split_values(item.answer)
    if len(left) != len(answers) or len(errors) != len(answers):
        return Grade(0.0, found.text, f"{found.how}, parts")
    for answer, error in zip(answers, errors, strict=True):
        for text in left:
            if compare(text, answer, "math", Tolerance(error * 1.01), tools.verifier).equal:
                left.remove(text)
                break
        else:
            return Grade(0.0, found.text, f"{found.how}, parts")
    return Grade(1.0, found.text, f"{found.how}, parts")


def _with_unit(item: Item) -> str:
    """Give a single number the unit that the question asks for, so that an answer in another unit can be
    compared."""
    unit = item.grading["unit"]
    if unit and item.grading["answer_type"] == "Numerical" and not item.grading["several"]:
        return (
            f"{item.answer} \\text{{{unit}}}" if re.fullmatch(r"[A-Za-z/^0-9° ]{1,12}", unit) else item.answer
        )
    return item.answer


BENCHMARKS = by_name(
    Benchmark(
        "olympiadbench", "OlympiadBench (open-ended)", column="OlympiadBench", load=load, grade=grade,
        prompts=("unit",),
        about="olympiad mathematics and physics, text and pictures, with units and tolerances", version=2,
        images=True, judged=True, options={"subset": "en_comp"},
        source=Source(
            "Hothan/OlympiadBench", ("*OE_*.parquet", "*OE_*.json", "*.jsonl"), None, "Apache-2.0",
            fields=("id", "question"), keep_path=True, marks=Marks(num_questions=1516),
        ),
    ),
)  # fmt: skip
