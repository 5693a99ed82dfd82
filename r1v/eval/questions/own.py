"""People's own questions: a file, a folder, a set of the Hugging Face Hub, or a file of Python.

Enters: the name that was given on the command line. Leaves: a ``Benchmark``. Always holds: a row has the
fields in ``FIELDS`` and none that looks like a misspelling of one; everything that a grader needs is kept
with the questions, so a run can be scored again without the file. Only a file of Python is needed again, for
its grader.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from r1v.core import ConfigError, ImageError, Message
from r1v.eval.benchmark import TASKS, Benchmark, GraderError, GradingTools, Load, benchmark
from r1v.eval.grading.graders import grade_choice, grade_free
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.prompts import options_text
from r1v.eval.questions.answers import Options, check_type, read_answers, read_options
from r1v.eval.questions.data import DataError, Rows, Source, read_files, read_rows
from r1v.eval.questions.pictures import MARK, PictureCheck, placed
from r1v.eval.questions.rows import PICTURES, given, options_of, pictures_of, shared_pictures
from r1v.scoring import AnswerKind

# field -> other names that data sets have for it
FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("index", "qid", "pid", "question_id", "unique_id"),
    "question": ("problem", "query", "prompt"),
    "images": PICTURES[1:],
    "options": ("choices",),
    "answer": ("final_answer", "ground_truth", "label", "solution"),
    "type": ("answer_type",),
    "tolerance": (),
    "subject": ("category", "group"),
}
TYPES: tuple[AnswerKind, ...] = ("math", "number", "string", "choice", "time", "formula")
SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
ENTRY_POINTS = "r1v.benchmarks"  # the group under which a package names its benchmarks
HUB = "hf:"


def find_benchmark(name: str) -> Benchmark:
    """What the command line names: a benchmark of ours, of an installed package, or one's own questions.
    Raises ConfigError and DataError."""
    if name.lower().replace("-", "_") in TASKS:
        return benchmark(name)
    if name.startswith(HUB):
        return _of_rows(_clean(name.rsplit("/", 1)[-1]), partial(_hub_rows, name), name)
    path = Path(name)
    if path.suffix == ".py":
        return _of_python(path)
    if path.is_dir() or path.suffix in SUFFIXES:
        return _of_rows(_clean(path.stem), partial(_file_rows, path), path.name)
    if (found := _of_package(name)) is not None:
        return found
    if path.is_file() or "/" in name or path.suffix:
        raise ConfigError(
            f"{name} is no file of questions that is read here; its name must end in "
            f"{', '.join(SUFFIXES)} or .py, or it must be a folder of such files"
        )
    return benchmark(name)  # this raises an error that names the known benchmarks


def find_benchmarks(names: Sequence[str]) -> list[Benchmark]:
    """What the command line names, in order. Raises ConfigError if two of them would have one name in the
    run."""
    found: dict[str, tuple[str, Benchmark]] = {}
    for name in dict.fromkeys(names):
        which = find_benchmark(name)
        if which.name in found:
            raise ConfigError(
                f"{found[which.name][0]} and {name} are both called {which.name!r} in a run; rename one of "
                "them, or ask it in another run with --out"
            )
        found[which.name] = name, which
    return [which for _, which in found.values()]


def recorded_benchmark(name: str, own: Json | None) -> Benchmark:
    """The benchmark of a run. own: what its manifest keeps of people's own questions, None for other
    benchmarks. A file of Python may have changed since: its grader is the present one, and the hash in the
    benchmark's ``own`` says so. Raises ConfigError if the file is gone."""
    if own is None:
        return benchmark(name)
    if own["kind"] == "package":
        found = _of_package(own["entry"])
        if found is None:
            raise ConfigError(
                f"benchmark {own['entry']!r} comes with a package that is not installed; install it"
            )
        return found
    if own["kind"] == "python":
        path = Path(own["file"])
        if not path.is_file():
            raise ConfigError(f"{path}, which grades {name}, is gone; put it back")
        return _of_python(path)
    return _of_rows(name, lambda most: Rows((), Path(), {}), name)


# --------------------------------------------------------------------------------------------- rows of a file


def _of_rows(name: str, read: Callable[[int | None], Rows], title: str) -> Benchmark:
    return Benchmark(
        name=name,
        title=f"own questions ({title})",
        load=load,
        grade=grade,
        source=None,
        prompts=("choice", "open"),
        about="questions of one's own",
        judged=True,
        read=read,
        own={"kind": "questions"},
    )


def _clean(name: str) -> str:
    """A name for folders and tables that differs from those of our benchmarks."""
    clean = re.sub(r"\W+", "_", name.split(":")[0].lower()).strip("_") or "questions"
    return f"own_{clean}" if clean in TASKS else clean


def _file_rows(path: Path, most: int | None = None) -> Rows:
    if not path.exists():
        raise DataError(f"{path} is not there; give a file of questions, a folder, or a benchmark's name")
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        if not files:
            raise DataError(
                f"{path} holds no file of questions; it needs one that ends in {', '.join(SUFFIXES)}"
            )
    rows = read_files(files)
    return _with_ignored(rows, path, file=path.name)


def _with_ignored(rows: Rows, where: object, **origin: Any) -> Rows:
    """The rows, and in their origin the names of the fields that are ignored."""
    ignored = check_fields(rows.rows, where)
    return replace(rows, origin={**rows.origin, **origin, "ignored": ignored})


def _hub_rows(name: str, most: int | None = None) -> Rows:
    """``hf:OWNER/NAME`` or ``hf:OWNER/NAME:SPLIT``: the files whose name has the split (as a default test,
    then validation, then train)."""
    repo, _, split = name.removeprefix(HUB).partition(":")
    splits = (split,) if split else ("test", "val", "train")
    patterns = [f"*{one}*.{ending}" for one in splits for ending in ("parquet", "jsonl", "json", "csv")]
    return _with_ignored(read_rows(Source(repo, tuple(patterns)), None, repo), repo)


def check_fields(rows: Sequence[Json], where: object) -> list[str]:
    """The names of fields that are ignored. Raises DataError for a field whose name is nearly one of ours."""
    known = set(FIELDS) | {other for names in FIELDS.values() for other in names}
    unknown = sorted({str(name) for row in rows for name in row} - known)
    for name in unknown:
        if re.fullmatch("[A-Z]", name):
            continue  # an option of VLMEvalKit's table
        near = difflib.get_close_matches(name.lower(), FIELDS, 1, 0.8)
        if near and not any(near[0] in row for row in rows):
            raise DataError(f"{where} has a field {name!r}; did you mean {near[0]!r}? Rename or remove it")
    unused = {other for row in rows for name in FIELDS for other in _unused(row, name)}
    return sorted({*unknown, *unused})


def _unused(row: Json, name: str) -> list[str]:
    """Names under which a row has a field a second time; the first one counts."""
    return [other for other in (name, *FIELDS[name]) if given(row, other) is not None][1:]


def field_of(row: Json, name: str) -> Any:
    """A field by its name or one of its alternative names; None if it is absent or empty."""
    return given(row, name, *FIELDS[name])


def load(request: Load, *, answered: bool = True) -> list[Item]:
    """The questions of rows that have FIELDS, or the columns of VLMEvalKit's tables (options in A, B, …)."""

    def ask(row: Json, question: str, options: tuple[str, ...]) -> str:
        if options:
            return request.prompt("choice").fill(question=question, options=options_text(options))
        return request.prompt("open").fill(question=question)

    return items_of(request, ask, answered=answered)


def items_of(
    request: Load, ask: Callable[[Json, str, tuple[str, ...]], str], *, answered: bool = True
) -> list[Item]:
    """The rows as items. ask: (row, question, options) -> what the model is asked. answered: whether each row
    must have an answer. Raises DataError."""
    shared, whole = shared_pictures(request.rows.rows), PictureCheck()
    items = []
    for number, row in enumerate(request.rows.rows, 1):
        found = field_of(row, "id")
        name = str(number if found is None else found)
        try:
            items.append(_item(name, row, request.rows.folder, shared, ask, answered))
            whole.check(ref for message in items[-1].messages for ref in message.images)
        except (DataError, ImageError) as error:
            place = request.rows.places[number - 1] if request.rows.places else ""
            raise DataError(f"question {name}{f' ({place})' if place else ''}: {error}") from None
    return items


def _item(
    name: str,
    row: Json,
    folder: Path,
    shared: Json,
    ask: Callable[[Json, str, tuple[str, ...]], str],
    answered: bool,
) -> Item:
    question = field_of(row, "question")
    if question is None:
        raise DataError(f"it has no 'question'; found {', '.join(map(str, list(row)[:12]))}")
    if not isinstance(question, str | int | float):
        raise DataError(f"its question is {str(question)[:60]!r}; write a text")
    hint = row.get("hint")
    text = f"{hint}\n{question}" if isinstance(hint, str) and hint.strip() else str(question)
    listed = given(row, "options", *FIELDS["options"])
    options = read_options(options_of(row) if listed is None else listed)
    if len(options.texts) == 1:
        raise DataError(f"it has one option, {options.texts[0][:40]!r}; a multiple choice has two or more")
    answers = _answers(row, options) if answered or field_of(row, "answer") is not None else []
    tolerance, kind = _tolerance(row), _type(row)
    check_type(kind, answers, options, bool(tolerance))
    if given(row, "images") is not None and (twice := _unused(row, "images")):
        raise DataError(f"it has pictures in 'images' and in {twice[0]!r}; write all of them in one field")
    pictures = pictures_of(row, folder, shared)
    asked = ask(row, text, options.texts)
    _check_text(asked, len(pictures))
    _check_text("".join((*answers, *options.texts, name)), 0, marks=False)
    return Item(
        name,
        (Message("user", placed(asked, pictures)),),
        answers[0] if answers else "",
        options.texts if answers else (),
        str(field_of(row, "subject") or ""),
        {"kind": kind, **tolerance, "also": answers[1:]},
    )


def _check_text(text: str, pictures: int, marks: bool = True) -> None:
    """Raise DataError for a text that cannot be written as UTF-8, or with a mark that has no picture."""
    if not isinstance(text, str):
        raise DataError(f"its prompt is {str(text)[:60]!r}; prompt(row) must return a text")
    if re.search("[\ud800-\udfff]", text):
        raise DataError("a text has half of a surrogate pair, which is no character; remove it")
    following = 0
    for match in MARK.finditer(text) if marks else ():
        following = int(match[1]) if match[1] else following + 1
        if not 1 <= following <= pictures:
            raise DataError(
                f"its text has {match[0]} for picture {following}, but it has {pictures} pictures"
            )


def _answers(row: Json, options: Options) -> list[str]:
    found = field_of(row, "answer")
    if found is None:
        raise DataError("it has no 'answer'; every question needs one")
    names = ("answer", *FIELDS["answer"])
    field = next(name for name in names if given(row, name) is not None)
    return read_answers(found, options, solution=field == "solution")


def _type(row: Json) -> AnswerKind:
    kind = str(field_of(row, "type") or "math")
    for known in TYPES:
        if kind == known:
            return known
    raise DataError(f"it has type {kind!r}; use one of {', '.join(TYPES)}")


def _tolerance(row: Json) -> dict[str, float]:
    found = field_of(row, "tolerance")
    if found is None:
        return {}
    text = str(found).strip()
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < (100 if text.endswith("%") else float("inf")):
        raise DataError(f"it has tolerance {text[:40]!r}; write a number such as 0.01, or 5% (below 100%)")
    return {"relative": value / 100} if text.endswith("%") else {"absolute": value}


def grade(item: Item, output: Output, tools: GradingTools) -> Grade:
    """Grade a letter if there are options, otherwise a free answer of the question's type."""
    return grade_choice(item, output, tools) if item.options else grade_free(item, output, tools)


# ------------------------------------------------------------------------------------------- a file of Python


def _of_python(path: Path) -> Benchmark:
    """The benchmark of a file with ``questions()`` and, optionally, ``prompt(row)`` and ``grade(answer,
    row)``; or of one with a ``BENCHMARK``."""
    module = _module(path)
    own = {"kind": "python", "file": str(path.resolve()), "sha256": _sha256(path)}
    ready = getattr(module, "BENCHMARK", None)
    if isinstance(ready, Benchmark):
        return _with_own(ready, own)
    questions = getattr(module, "questions", None)
    if not callable(questions):
        raise ConfigError(
            f"{path} has no function questions(); write one that returns the rows, dicts with 'question'"
        )
    prompt, judge = getattr(module, "prompt", None), getattr(module, "grade", None)
    return Benchmark(
        name=_clean(path.stem),
        title=f"own questions ({path.name})",
        load=partial(_python_items, prompt, judge is not None, path.name),
        grade=partial(_python_grade, judge, path.name) if judge else grade,
        source=None,
        prompts=() if prompt else ("choice", "open"),
        about=(module.__doc__ or "questions of one's own").strip().splitlines()[0],
        judged=judge is None,
        read=partial(_python_rows, questions, path),
        own=own,
    )


def _with_own(found: Benchmark, own: Json) -> Benchmark:
    return replace(found, name=_clean(found.name), own=own)


def _module(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"{path} is not there; give a file of Python with a function questions()")
    spec = importlib.util.spec_from_file_location(f"r1v_own_{_clean(path.stem)}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{path} cannot be run ({type(error).__name__}: {error})") from error
    return module


def _python_rows(questions: Callable[[], Iterable[Json]], path: Path, most: int | None = None) -> Rows:
    """The rows that questions() gives, the first ``most`` of them. Raises ConfigError if it fails."""
    try:
        rows = list(itertools.islice(questions(), most))
    except (Exception, SystemExit) as error:
        raise ConfigError(_failed("questions()", path.name, error)) from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise ConfigError(
                f"questions() of {path.name} gives {str(row)[:60]!r} as question {number}; give dicts"
            )
    places = tuple(f"{path.name}, row {number}" for number in range(1, len(rows) + 1))
    return Rows(tuple(map(dict, rows)), path.parent, {"file": path.name}, places)


def _failed(what: str, file: str, error: BaseException) -> str:
    return f"{what} of {file} failed ({type(error).__name__}: {str(error)[:200]})"


def _python_items(
    prompt: Callable[[Json], str] | None, own_grader: bool, file: str, request: Load
) -> list[Item]:
    """The rows as items. Each item keeps its row without pictures, which a grader does not get."""

    def ask(row: Json, question: str, options: tuple[str, ...]) -> str:
        assert prompt is not None
        try:
            return prompt(row)
        except (Exception, SystemExit) as error:
            raise DataError(_failed("prompt(row)", file, error)) from error

    if prompt is None:
        items = load(request, answered=not own_grader)
    else:
        items = items_of(request, ask, answered=not own_grader)
    unseen = {"images", *FIELDS["images"]}
    return [
        replace(item, grading={**item.grading, "row": _as_json(row, unseen)})
        for item, row in zip(items, request.rows.rows, strict=True)
    ]


def _as_json(row: Json, unseen: set[str]) -> Any:
    """The row as it is stored; a number that JSON does not have (NaN, infinity) becomes null."""
    seen = {k: v for k, v in row.items() if k not in unseen}
    return json.loads(json.dumps(seen, default=str), parse_constant=lambda name: None)


def _python_grade(
    judge: Callable[[str, Json], Any], file: str, item: Item, output: Output, tools: GradingTools
) -> Grade:
    """The grader around grade(answer, row), which returns True, False, a number from 0 to 1, or None if there
    is nothing to grade. Raises GraderError if it fails or returns anything else."""
    try:
        said = judge(output.answer, item.grading["row"])
    except (Exception, SystemExit) as error:
        raise GraderError(_failed(f"grade at question {item.id}", file, error)) from error
    if said is None:
        return Grade(None, None, "own")
    value = said.item() if hasattr(said, "item") else said  # a number of numpy or torch
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        raise GraderError(
            f"grade of {file} returned {str(said)[:60]!r} at question {item.id}; it must return true, false, "
            "a number from 0 to 1, or None"
        )
    return Grade(float(value), output.answer.strip()[-200:], "own")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --------------------------------------------------------------------------------------------------- packages


def _of_package(name: str) -> Benchmark | None:
    """A benchmark that an installed package offers: a ``Benchmark``, or a function that gives one."""
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            found = point.load()
            found = found() if callable(found) and not isinstance(found, Benchmark) else found
            if not isinstance(found, Benchmark):
                raise ConfigError(f"{point.value} is offered as benchmark {name!r}, but is no Benchmark")
            return _with_own(found, {"kind": "package", "entry": name})
    return None


def package_benchmarks() -> list[str]:
    """The names that installed packages offer."""
    return sorted(point.name for point in entry_points(group=ENTRY_POINTS))
