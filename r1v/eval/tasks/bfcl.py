"""BFCL, the Berkeley Function Calling Leaderboard: single-turn and multi-turn questions in Python.

Rows: BFCL_v4_CATEGORY.json (id, question, function; of several turns also initial_config, involved_classes,
missed_function), possible_answer/ (id, ground_truth) and multi_turn_func_doc/ beside them, as in the package
bfcl-eval (Apache-2.0). A call is written in Python's syntax. One turn is compared as the official AST checker
does it, several turns as the official multi-turn checker does. The score is the overall one of the
leaderboard's version 3, which scores of early 2025 are of: the mean of three sections; of the categories
written by experts and of those of several turns the mean, of the live ones the mean over all questions.
Version 4's memory and web search need services of their own and are not part of this benchmark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from r1v.core import Message, parse_json
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.grading.call_turns import PROGRAMS, Turns, check_turns
from r1v.eval.grading.calls import CallError, check_calls, parse_calls
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.questions.data import DataError, Source

# category -> section; irrelevance and relevance only ask whether there is a call
CATEGORIES: dict[str, str] = {
    "simple_python": "expert",
    "multiple": "expert",
    "parallel": "expert",
    "parallel_multiple": "expert",
    "irrelevance": "expert",
    "live_simple": "live",
    "live_multiple": "live",
    "live_parallel": "live",
    "live_parallel_multiple": "live",
    "live_relevance": "live",
    "live_irrelevance": "live",
    "multi_turn_base": "multi-turn",
    "multi_turn_miss_func": "multi-turn",
    "multi_turn_miss_param": "multi-turn",
    "multi_turn_long_context": "multi-turn",
}


def load(request: Load) -> Sequence[Item]:
    answers = _answers(request.rows.folder)
    items = []
    for row in request.rows.rows:
        category = _category(str(row.get("id")))  # one file is an index, without ids
        if category is None:
            continue
        if not category.endswith("relevance") and row["id"] not in answers:
            raise DataError(
                f"BFCL question {row['id']} has no possible answer; the folder possible_answer is incomplete"
            )
        make = _several_turns if category.startswith("multi_turn") else _one_turn
        items.append(make(row, category, answers.get(row["id"], []), request))
    return _interleaved(items)


def _one_turn(row: Json, category: str, possible: list[Any], request: Load) -> Item:
    system = request.prompt("bfcl").fill(functions=_listed(row["function"]))
    grading = {"category": category, "functions": list(row["function"]), "possible": possible}
    messages = _with_system(system, row["question"][0])
    return Item(str(row["id"]), messages, json.dumps(possible), (), _group(category), grading)


def _several_turns(row: Json, category: str, truth: list[Any], request: Load) -> Item:
    folder = request.rows.folder / "multi_turn_func_doc"
    functions = [one for name in row["involved_classes"] for one in _documented(name, folder)]
    missed = {
        turn: [one for one in functions if one["name"] in names]
        for turn, names in row.get("missed_function", {}).items()
    }
    withheld = {one["name"] for some in missed.values() for one in some}
    known = [one for one in functions if one["name"] not in withheld]
    grading = {
        "category": category,
        "turns": row["question"],
        "missed": missed,
        "programs": list(row["involved_classes"]),
        "states": row["initial_config"],
        "truth": truth,
    }
    messages = _with_system(request.prompt("bfcl_turns").fill(functions=_listed(known)), row["question"][0])
    return Item(str(row["id"]), messages, json.dumps(truth), (), _group(category), grading)


def _documented(program: str, folder: Path) -> Iterable[Json]:
    """The descriptions of a program's functions, a line each."""
    path = folder / f"{PROGRAMS[program]}.json"
    if not path.is_file():
        raise DataError(f"{path} is not there; the folder multi_turn_func_doc is incomplete")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [parse_json(line, f"a line of {path.name}", error=DataError) for line in lines if line.strip()]


def _listed(functions: Sequence[Json]) -> str:
    return json.dumps(functions, indent=1, ensure_ascii=False)


def _with_system(system: str, turns: Sequence[Json]) -> tuple[Message, ...]:
    own = [turn["content"] for turn in turns if turn["role"] == "system"]
    return (
        Message("system", ("\n\n".join([system, *own]),)),
        *(Message(turn["role"], (str(turn["content"]),)) for turn in turns if turn["role"] != "system"),
    )


def _group(category: str) -> str:
    return f"{CATEGORIES[category]}/{category}"


def _category(name: str) -> str | None:
    """The category in an id such as live_parallel_multiple_3-2-0."""
    stem = name.rsplit("_", 1)[0]
    return stem if stem in CATEGORIES else None


def _answers(folder: Path) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for path in sorted((folder / "possible_answer").glob("BFCL_v4_*.json")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = parse_json(line.strip() or "{}", f"a line of {path.name}", error=DataError)
            if "ground_truth" in row:
                found[row["id"]] = row["ground_truth"]
    return found


def _interleaved(items: Sequence[Item]) -> list[Item]:
    """The categories taking turns, so that --limit has all of them."""
    order: dict[str, int] = {}
    keyed = []
    for item in items:
        order[item.group] = order.get(item.group, -1) + 1
        keyed.append((order[item.group], list(CATEGORIES).index(item.grading["category"]), item))
    return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]


def dialogue(item: Item) -> Turns | None:
    """The user and the programs of a question of several turns."""
    return Turns(item) if "turns" in item.grading else None


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Irrelevance: right without a call. Relevance: right with any. Otherwise the calls must fit."""
    if not output.answer.strip():
        return Grade(None, None, "empty")
    if "turns" in item.grading:
        reason = check_turns(item, output.replies or (output.answer,))
        details = {"reason": reason} if reason else {}
        return Grade(float(reason is None), output.answer[-500:], "turns", details)
    category = item.grading["category"]
    try:
        calls = parse_calls(output.answer)
    except CallError as error:
        if category.endswith("irrelevance"):
            return Grade(1.0, "", "no call")
        return Grade(0.0, output.answer.strip()[:200], "no call", {"reason": str(error)})
    written = json.dumps([{name: arguments} for name, arguments in calls], ensure_ascii=False, default=str)
    if category.endswith("irrelevance"):
        return Grade(float(not calls), written, "call")
    if category.endswith("relevance"):
        return Grade(float(bool(calls)), written, "call")
    reason = check_calls(calls, item.grading["functions"], item.grading["possible"], category)
    return Grade(float(reason is None), written, "ast", {"reason": reason} if reason else {})


BENCHMARKS = by_name(
    Benchmark(
        "bfcl", "BFCL (version 3's overall, Python)", column="BFCL", load=load, grade=grade,
        prompts=("bfcl", "bfcl_turns"),
        about="function calls in one turn and in several, as the official checkers compare them", version=2,
        aggregate="groups", pooled=("live",), dialogue=dialogue,
        source=Source(
            "ShishirPatil/gorilla", tuple(f"{prefix}BFCL_v4_*.json" for prefix in ("", "data/", "**/data/")),
            None, "Apache-2.0", package=("bfcl-eval", "bfcl_eval", "data"),
        ),
    ),
)  # fmt: skip
