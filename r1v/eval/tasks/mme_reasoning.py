"""MME-Reasoning: inductive, deductive and abductive reasoning in pictures.

Rows: index, question, answer, question_type (choice, open, rule), function_id, special_info, capability,
reasoning_type, image. Choices need all right letters; a puzzle is checked by its rules (``puzzles``). The
official protocol lets a language model bring a puzzle's answer into JSON; here the prompt asks for JSON, and
the last JSON of the answer is read.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from r1v.eval.asking import asked
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.graders import grade_free, grade_letters
from r1v.eval.grading.puzzles import CHECKS, makes, same_formula
from r1v.eval.item import Grade, Item, Output
from r1v.eval.questions.data import DataError, Source
from r1v.eval.questions.marks import Marks
from r1v.eval.questions.rows import given, pictures_of, text_of
from r1v.scoring import extract_answer

_GRIDS = "the filled grid as a list of rows"
# function -> the form of its answer, told after the question
_FORMS = {
    "match_answer_function": 'an object such as {"A": 1, "B": 2}',
    "multiple_match_function": 'an object with one entry, such as {"id": ["A", "C"]}',
    "match_coordinate_function": 'a list such as [{"row": "A", "column": 1}]',
    "compare_expression_function": 'an object such as {"equation": "2 + 3 = 5"}',
    "calculate_answer_function_hashi": 'a list such as [{"start": "a1", "end": "a4", "number": 2}]',
    "calculate_answer_function_skyscraper": _GRIDS,
    "calculate_answer_function_sudoku_4": _GRIDS,
    "calculate_answer_function_sudoku_6": _GRIDS,
    "calculate_answer_function_yinyang": _GRIDS,
    "judge_24points_function": 'an object such as {"equation": "(1 + 2 + 3) * 4"}',
}
_BY_LETTER = 'an object with a number for each letter, such as {"A": 1, "B": 2}'
_OPENING = re.compile(r"[\[{]")


def load(request: Load) -> Sequence[Item]:
    items = []
    for row in request.rows.rows:
        kind = str(row["question_type"]).lower()
        function = text_of(row, "function_id") or {"choice": "choice_function", "open": "open_function"}.get(
            kind, ""
        )
        known = function in _FORMS or function in CHECKS or function in ("choice_function", "open_function")
        if not known:
            raise DataError(
                f"MME-Reasoning question {row['index']} needs {function or kind!r}, which has no rule here"
            )
        question = str(row["question"]).strip()
        form = _FORMS.get(function, _BY_LETTER if function in CHECKS else "")
        if form:
            question += f"\nGive the answer as JSON: {form}."
        prompt = "marked" if function == "choice_function" else "open"
        grading = {
            "function": function,
            "info": _literal(given(row, "special_info")),
            "right": _literal(given(row, "answer")) if form else None,
            "reasoning": text_of(row, "reasoning_type"),
            "capability": text_of(row, "capability"),
        }
        answer = ", ".join(_letters(row)) if function == "choice_function" else text_of(row, "answer")
        messages = asked(request, question, (), pictures_of(row, request.rows.folder), prompt)
        items.append(Item(str(row["index"]), messages, answer, (), grading["reasoning"], grading))
    return items


def _letters(row: Mapping[str, Any]) -> list[str]:
    return re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", str(row["answer"])) or re.findall(
        "[A-Z]", str(row["answer"])
    )


def _literal(value: Any) -> Any:
    """A Python literal that a table holds as text; texts that are none stay."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(json.dumps(ast.literal_eval(value)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return value


def last_json(text: str) -> Any:
    """The last JSON object or list in a text, the outermost one; None where there is none."""
    decoder = json.JSONDecoder()
    found, position = None, 0
    while (match := _OPENING.search(text, position)) is not None:
        try:
            found, position = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            position = match.end()
    return found


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    function = str(item.grading["function"])
    if function == "choice_function":
        return grade_letters(item, output, tools)
    if function == "open_function":
        return grade_free(
            Item(item.id, item.messages, item.answer, (), item.group, {**item.grading, "absolute": 0.005}),
            output,
            tools,
        )
    given_answer = last_json(output.answer)
    if given_answer is None:
        boxed = extract_answer(output.answer)
        if boxed.how not in ("boxed", "announced") or function != "judge_24points_function":
            return Grade(None, None, "no JSON")
        given_answer = boxed.text
    shown = json.dumps(given_answer, ensure_ascii=False)[:200]
    return Grade(float(_right(function, given_answer, item.grading)), shown, function)


def _right(function: str, answer: Any, grading: Mapping[str, Any]) -> bool:
    right, info = grading["right"], grading["info"] or {}
    if function == "match_answer_function":
        return _matches(answer, right)
    if function == "multiple_match_function":
        value = next(iter(answer.values())) if isinstance(answer, dict) and len(answer) == 1 else answer
        return any(_plain(value) == _plain(one) for one in right)
    if function == "match_coordinate_function":
        return _places(answer) == _places(right) is not None
    equation = answer.get("equation") if isinstance(answer, dict) else answer
    if function == "compare_expression_function":
        return same_formula(equation, right)
    if function == "judge_24points_function":
        return makes(equation, 24, info.get("init_cards", ()))
    return CHECKS[function](answer, info)


def _matches(answer: Any, right: Any) -> bool:
    if not isinstance(answer, dict) or not isinstance(right, dict):
        return False
    return all(_plain(answer.get(key)) == _plain(value) for key, value in right.items())


def _plain(value: Any) -> Any:
    """Lists without their order, texts without case."""
    if isinstance(value, list):
        return frozenset(map(str, value))
    return value.strip().upper() if isinstance(value, str) else value


def _places(value: Any) -> list[str] | None:
    places = [value] if isinstance(value, dict) else value
    if not isinstance(places, list) or not all(isinstance(one, dict) for one in places):
        return None
    return [f"{one.get('row')}{one.get('column')}".upper() for one in places]


BENCHMARKS = by_name(
    Benchmark(
        "mme_reasoning", "MME-Reasoning", column="MME_Reasoning", load=load, grade=grade,
        prompts=("marked", "open"),
        about="1,188 questions of logical reasoning, with puzzles checked by their rules", images=True,
        judged=True,
        source=Source(
            "InternScience/MME-Reasoning",
            ("*MME_Reasoning*.tsv", "*MME-Reasoning*.tsv", "*.parquet", "*.tsv", "*.json", "*.jsonl"),
            fields=("index", "question", "question_type"), marks=Marks(num_questions=1188),
        ),
    ),
)  # fmt: skip
