"""LiveCodeBench: programming problems from contests, by date window, run against their tests.

Rows as in the official release (code_generation_lite): question_id, question_content, contest_date,
platform, starter_code, difficulty, public_test_cases, private_test_cases (JSON, or base64 of zlib of a
pickled string of JSON), metadata with func_name. Right is a program that passes every test; outputs are
compared line by line, as text or else as decimal numbers; results of functions as JSON values, tuples
being lists.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, InvalidOperation
from typing import Any

from r1v.core import ConfigError, Message, R1VError, parse_json
from r1v.eval.benchmark import Benchmark, GradingTools, Load, by_name
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.questions.data import MAX_DATA_BYTES, DataError, Source
from r1v.eval.questions.marks import Marks
from r1v.eval.sandbox.run import Ended, Limits, run_program
from r1v.scoring import extract_program

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

# The imports that the official harness puts before a program. builtins come after operator, which shares some
# names with them.
_NAMES_OF = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics",
    "itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing",
)  # fmt: skip
PRELUDE = (
    "".join(f"from {name} import *\n" for name in _NAMES_OF)
    + f"import {', '.join(name for name in _NAMES_OF if name not in ('builtins', 'typing'))}\n"
)

CALLER = """
import json as _json, sys as _sys
_arguments, _name = _json.loads(_sys.stdin.read())
_function = getattr(Solution(), _name) if "Solution" in globals() else globals()[_name]
print()
print("\\x00RESULT " + _json.dumps(_function(*_arguments), default=list))
"""


class _TextOnly(pickle.Unpickler):
    """Unpickles text only: a pickle that names any class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise DataError(f"LiveCodeBench's tests hold a pickled {module}.{name}; they must be plain text")


def load(request: Load) -> Sequence[Item]:
    first, last = str(request.options["from"]), str(request.options["to"])
    for date in (first, last):
        if date and not _DATE.fullmatch(date):
            raise ConfigError(f"date {date!r} is not of the form 2024-08-01")
    items = []
    for row in request.rows.rows:
        date = str(row.get("contest_date", ""))[:10]
        if (first and date < first) or (last and date > last):
            continue
        tests = read_tests(row["public_test_cases"]) + read_tests(row.get("private_test_cases") or "[]")
        starter = str(row.get("starter_code") or "")
        question = str(row["question_content"]).strip()
        if starter:
            text = request.prompt("livecodebench_functional").fill(
                question=question, starter=starter.rstrip()
            )
        else:
            text = request.prompt("livecodebench_stdin").fill(question=question)
        metadata = row.get("metadata") or "{}"
        details = parse_json(metadata, "metadata", error=DataError) if isinstance(metadata, str) else metadata
        grading = {"tests": tests, "function": details.get("func_name"), "date": date}
        group = str(row.get("difficulty", ""))
        items.append(Item(str(row["question_id"]), (Message.user(text),), "", (), group, grading))
    return items


def read_tests(stored: object) -> list[dict[str, str]]:
    """Test cases in any of the forms that the releases have."""
    value = stored
    if isinstance(value, str):
        try:
            value = parse_json(value, "test cases", error=DataError, max_bytes=MAX_DATA_BYTES)
        except DataError:
            try:
                text = _TextOnly(io.BytesIO(zlib.decompress(base64.b64decode(value)))).load()
                value = parse_json(text, "test cases", error=DataError, max_bytes=MAX_DATA_BYTES)
            except (ValueError, TypeError, zlib.error, pickle.UnpicklingError, EOFError) as error:
                raise DataError(f"test cases cannot be read ({error}); fetch the data again") from error
    if not isinstance(value, list):
        raise DataError("test cases are no list; expected the official form")
    return [{key: str(case[key]) for key in ("input", "output", "testtype")} for case in value]


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    return grade_program(item, output, tools)


def grade_program(item: Item, output: Output, tools: GradingTools, start: str = "") -> Grade:
    """Run the program on the tests, several at a time; the first failure in the order of the tests is
    reported. start: code that the answer continues, unless the answer repeats it."""
    program = extract_program(output.answer)
    if program is None:
        return Grade(None, None, "no code")
    if start and start.strip() not in program:
        program = f"{start}\n{program}"
    tests = item.grading["tests"]
    limits = Limits(wall_s=tools.code_timeout_s)

    def outcome(case: Json) -> str:
        return _outcome(program, case, item.grading["function"], limits)

    passed = 0
    with ThreadPoolExecutor(max(1, tools.num_processes)) as pool:
        step = max(1, tools.num_processes)
        for first in range(0, len(tests), step):
            for index, found in enumerate(pool.map(outcome, tests[first : first + step]), first):
                if found:
                    details = {"passed": passed, "tests": len(tests), "failed_test": index, "reason": found}
                    return Grade(0.0, program, "tests", details)
                passed += 1
    return Grade(1.0, program, "tests", {"passed": passed, "tests": len(tests)})


def _outcome(program: str, case: Json, function: str | None, limits: Limits) -> str:
    """ "" for a test that is passed, else why it is not."""
    if case["testtype"] == "functional":
        try:
            lines = [line for line in case["input"].split("\n") if line.strip()]
            *arguments, wanted = (parse_json(each, "a line") for each in (*lines, case["output"]))
        except R1VError as error:
            raise DataError(f"a test of LiveCodeBench is not JSON ({error}); fetch the data again") from error
        ended = run_program(PRELUDE + program + CALLER, json.dumps([arguments, function]), limits)
        if not ended.ok:
            return _why(ended)
        marked = ended.stdout.rsplit("\x00RESULT ", 1)
        if len(marked) != 2:
            return "no result"
        try:
            given = parse_json(marked[1], "the result")
        except R1VError:  # the program wrote this line, not the code that calls it
            return "no result"
        return "" if given == wanted else f"gave {str(given)[:80]}, not {str(wanted)[:80]}"
    ended = run_program(PRELUDE + program, case["input"], limits)
    if not ended.ok:
        return _why(ended)
    return "" if same_output(ended.stdout, case["output"]) else "wrong output"


def _why(ended: Ended) -> str:
    if ended.reason:
        return {"time": "time limit", "output": "too much output"}[ended.reason]
    lines = ended.stderr.strip().splitlines()
    return f"error: {lines[-1][:160]}" if lines else f"exit status {ended.status}"


def same_output(given: str, wanted: str) -> bool:
    """Whether two outputs agree line by line, as text or as decimal numbers."""
    left, right = ([line.strip() for line in text.strip().split("\n")] for text in (given, wanted))
    return len(left) == len(right) and all(
        a == b or _same_numbers(a, b) for a, b in zip(left, right, strict=True)
    )


def _same_numbers(left: str, right: str) -> bool:
    try:
        return [Decimal(word) for word in left.split()] == [Decimal(word) for word in right.split()]
    except InvalidOperation:
        return False


BENCHMARKS = by_name(
    Benchmark(
        "livecodebench", "LiveCodeBench (code generation)", column="LiveCodeBench", load=load, grade=grade,
        prompts=("livecodebench_stdin", "livecodebench_functional"),
        about="contest problems by date window, run against their tests in a sandbox", version=2,
        options={"from": "2024-08-01", "to": "2025-02-01"},
        source=Source(
            "livecodebench/code_generation_lite", ("test*.jsonl", "**/test*.jsonl", "*.jsonl"),
            fields=("question_id", "question_content", "public_test_cases"), marks=Marks(num_questions=279),
        ),
    ),
)  # fmt: skip
