"""What a benchmark is, and the one list of them.

Enters: a benchmark's name. Leaves: its ``Benchmark``. Always holds: a benchmark knows its data, its prompts
and its grader, and never which model answers.
"""

from __future__ import annotations

import importlib
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from r1v.core import ConfigError, Message, R1VError
from r1v.eval.item import Grade, Item, Json, Output
from r1v.eval.prompts import Wording, prompt
from r1v.eval.questions.data import DataError, OtherSetError, Rows, Source, read_rows
from r1v.scoring.compare import Verifier

# benchmark -> module that holds it in BENCHMARKS; loaded when first used
TASKS: dict[str, str] = {
    "aime24": "r1v.eval.tasks.math",
    "livecodebench": "r1v.eval.tasks.livecodebench",
    "livebench": "r1v.eval.tasks.livebench",
    "ifeval": "r1v.eval.tasks.ifeval",
    "bfcl": "r1v.eval.tasks.bfcl",
    "mmmu": "r1v.eval.tasks.mmmu",
    "mathvista": "r1v.eval.tasks.mathvista",
    "mathvision": "r1v.eval.tasks.mathvision",
    "mathvision_full": "r1v.eval.tasks.mathvision",
    "olympiadbench": "r1v.eval.tasks.olympiadbench",
    "mmmu_pro": "r1v.eval.tasks.mmmu",
    "mmmu_pro_vision": "r1v.eval.tasks.mmmu",
    "math500": "r1v.eval.tasks.math",
    "gpqa": "r1v.eval.tasks.gpqa",
    "ai2d": "r1v.eval.tasks.vision",
    "chartqa": "r1v.eval.tasks.vision",
    "textvqa": "r1v.eval.tasks.vision",
    "realworldqa": "r1v.eval.tasks.vision",
    "figures": "r1v.eval.tasks.figures",
    "mmstar": "r1v.eval.tasks.general",
    "mmbench": "r1v.eval.tasks.general",
    "hallusionbench": "r1v.eval.tasks.general",
    "emma_mini": "r1v.eval.tasks.exams",
    "mmk12": "r1v.eval.tasks.exams",
    "gaokao_mm": "r1v.eval.tasks.exams",
    "mathverse": "r1v.eval.tasks.geometry",
    "wemath": "r1v.eval.tasks.geometry",
    "geometry3k": "r1v.eval.tasks.geometry",
    "dynamath": "r1v.eval.tasks.geometry",
    "visulogic": "r1v.eval.tasks.logic",
    "logicvista": "r1v.eval.tasks.logic",
    "nlvr": "r1v.eval.tasks.logic",
    "mme_reasoning": "r1v.eval.tasks.mme_reasoning",
    "phyx": "r1v.eval.tasks.physics",
    "seephys": "r1v.eval.tasks.physics",
    "vl_rewardbench": "r1v.eval.tasks.pairs",
    "rewardbench": "r1v.eval.tasks.pairs",
}

# A folder of this name holds that benchmark's data. "figures" has none, and is also a usual name for
# pictures.
FOLDERS = frozenset(TASKS) - {"figures"}
COMMON_FIELDS = frozenset({"id", "index", "question", "answer", "options", "image", "images", "subject"})


class GraderError(R1VError):
    """A grader that somebody wrote for their own questions failed, or returned what is no grade."""


Aggregate: TypeAlias = Literal["mean", "groups"]


@dataclass(frozen=True, slots=True)
class GradingTools:
    """What graders may use besides the text: math-verify (or None), and the seconds a program may run."""

    verifier: Verifier | None = None
    code_timeout_s: float = 6.0
    num_processes: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """What a loader gets: the rows, prompts that replace the current ones, by name, the benchmark's options,
    and the system message if the protocol has one."""

    rows: Rows
    prompts: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    system: Wording | None = None

    def prompt(self, name: str) -> Wording:
        """The prompt of a name, or the one that replaces it in this run."""
        found = self.prompts.get(name)
        return found if isinstance(found, Wording) else prompt(name)


class Dialogue(Protocol):
    """The other side of a conversation: it gets a reply and says what comes next; no message ends the
    conversation."""

    def reply(self, text: str) -> tuple[Message, ...]: ...


Scored: TypeAlias = tuple[Item, float]  # a question and the score of its answer


@dataclass(frozen=True, slots=True)
class Combine:
    """How a benchmark's score is computed if it is neither the mean over samples nor one over groups.

    unit: the part of the data to which an item belongs and that is resampled as a whole for the interval.
    value: the score in [0, 1] of the samples of one epoch. parts: further numbers of these samples, by name.
    """

    unit: Callable[[Item], str]
    value: Callable[[Sequence[Scored]], float]
    parts: Callable[[Sequence[Scored]], Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark.

    title: for people. column: its name in published tables, "" for none. source: its data, None if they are
    generated. load: rows -> items. grade: an item and an output -> a grade. prompts: names of the wordings
    used. version: of loader and grader together; raised when a change affects scores. judged: whether an LLM
    judge may decide (free answers). aggregate: how the score is computed: the mean over samples, or the mean
    of the groups' means, level by level ("a/b/c"). pooled: outer groups whose samples weigh the same.
    options: what ``--option`` may set, with defaults. about: one line. combine: replaces aggregate if the
    score is another function of the samples. read: gives the rows of one's own questions, which have no
    source; it is told how many are needed (None: all). own: for those, what a manifest keeps so that a run
    can be scored again. dialogue: the other side
    of a question of several turns, None for a question of one.
    """

    name: str
    title: str
    load: Callable[[Load], Iterable[Item]]
    grade: Callable[[Item, Output, GradingTools], Grade]
    source: Source | None
    prompts: tuple[str, ...]
    about: str
    column: str = ""
    version: int = 1
    images: bool = False
    judged: bool = False
    aggregate: Aggregate = "mean"
    pooled: tuple[str, ...] = ()
    options: Json = field(default_factory=dict)
    combine: Combine | None = None
    read: Callable[[int | None], Rows] | None = None
    own: Json | None = None
    dialogue: Callable[[Item], Dialogue | None] | None = None


def by_name(*benchmarks: Benchmark) -> dict[str, Benchmark]:
    """The benchmarks of a file as its ``BENCHMARKS``."""
    return {one.name: one for one in benchmarks}


def benchmark(name: str) -> Benchmark:
    """A benchmark by its name. Raises ConfigError for an unknown one."""
    key = name.lower().replace("-", "_")
    if key not in TASKS:
        raise ConfigError(f"benchmark {name!r} is not known; use one of {', '.join(TASKS)}")
    found: Benchmark = importlib.import_module(TASKS[key]).BENCHMARKS[key]
    return found


def remark(loaded: Loaded) -> str | None:
    """One line if the data is not the whole official set, or not as it was published; None if it is, or if
    that is not known."""
    which, origin = loaded.benchmark, loaded.origin
    if which.own is not None and which.name.removeprefix("own_") in TASKS:
        known = which.name.removeprefix("own_")
        return (
            f"{which.name}: asked and scored as your own questions; for the benchmark of that name, with its "
            f"prompts and rules, run {known} with --data"
        )
    repo = which.source.repo if which.source is not None else ""
    if "of" in origin:
        return (
            f"{which.name}: found {len(loaded.items):,} of the {origin['of']:,} questions of {repo}; "
            "the score is of a part and is marked so, get the rest for the whole"
        )
    if origin.get("official") is False:
        return (
            f"{which.name}: the questions are not the same texts as those that were published of {repo}; "
            "the score is of other questions, fetch the files again for the official ones"
        )
    return None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A benchmark's questions as they will be asked, and where they come from. partial: a limit left some
    out. wordings: the prompts that were used, by name."""

    benchmark: Benchmark
    items: tuple[Item, ...]
    origin: Json
    partial: bool = False
    wordings: Mapping[str, Wording] = field(default_factory=dict)


def _check_items(which: Benchmark, items: Sequence[Item], options: Json) -> None:
    """Raise DataError if there is no question, or if a right answer is none of the options."""
    if not items:
        chosen = ", ".join(f"{name}={value}" for name, value in options.items())
        raise DataError(
            f"{which.name} has no question{f' with {chosen}' if chosen else ''}; check data and options"
        )
    for item in items:
        letters = [chr(ord("A") + index) for index in range(len(item.options))]
        if letters and item.answer.strip().upper() not in letters:
            raise DataError(
                f"{which.name} question {item.id}: the right answer {item.answer[:40]!r} is none of the "
                f"letters {letters[0]} to {letters[-1]}; check its data"
            )


def _rows_of(which: Benchmark, source: Source, data: Path | None, revision: str | None) -> Rows:
    """The rows of a benchmark. If they belong to another benchmark, the error names it."""
    from r1v.eval.questions.marks import wrong_row

    try:
        return read_rows(source, data, which.name, revision, FOLDERS)
    except OtherSetError as error:
        likely: tuple[int, str] = (0, "")
        for name in TASKS:
            other = benchmark(name).source
            if name == which.name or other is None or wrong_row(other.marks, error.row) is not None:
                continue
            own = [one for one in other.fields if one not in COMMON_FIELDS]
            if own and all(error.row.get(one) is not None for one in other.fields):
                likely = max(likely, (len(other.fields), name))
        hint = f" (its rows have the form of {likely[1]})" if likely[1] else ""
        raise DataError(f"{error}{hint}") from None


def _count(which: Benchmark, count: int, options: Json) -> Json:
    """Note in the manifest whether all questions of the set are there. Raises DataError if there are more
    than the set has."""
    official = which.source.marks.num_questions if which.source is not None else None
    if official is None or any(options[name] != value for name, value in which.options.items()):
        return {}
    if count > official:
        assert which.source is not None
        raise DataError(
            f"{which.name}: {count:,} questions were found, but {which.source.repo} has {official:,}; "
            "remove files of other sets from the folder, or name the right folder with --data"
        )
    return {} if count == official else {"of": official}


def load_items(
    which: Benchmark,
    *,
    data: Path | None = None,
    limit: int | None = None,
    shuffle_seed: int | None = None,
    revision: str | None = None,
    prompts: Json | None = None,
    options: Json | None = None,
) -> Loaded:
    """Read a benchmark's questions.

    limit: how many of the first questions to keep, after shuffling by shuffle_seed (None keeps the data's
    order). prompts: replacements by name. options: of the benchmark's own. Raises DataError,
    UnavailableError, ConfigError.
    """
    unknown = set(options or {}) - set(which.options)
    if unknown:
        known = ", ".join(which.options) or "none"
        raise ConfigError(f"benchmark {which.name} has no option {min(unknown)!r}; its options: {known}")
    if which.read is not None:
        rows = which.read(None if limit is None or shuffle_seed is not None else limit + 1)
    elif which.source is not None:
        rows = _rows_of(which, which.source, data, revision)
    else:
        rows = Rows((), Path(), {"generated": True})
    given = prompts or {}
    system = given.get("system")
    request = Load(rows, given, {**which.options, **(options or {})}, system)
    names = [*which.prompts, *(("system",) if system is not None else ())]
    wordings = {name: given.get(name) or prompt(name) for name in names}
    try:
        made = iter(which.load(request))
        items = list(made if shuffle_seed is not None else itertools.islice(made, limit and limit + 1))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        where = f"the form of {which.source.repo}" if which.source else "a form that is read here"
        raise DataError(
            f"a row of {which.name} is not in {where} ({type(error).__name__}: {error}); "
            f"{'fetch the data again, or convert it' if which.source else 'mend it'}"
        ) from error
    _check_items(which, items, options or {})
    twice = [name for name, count in Counter(item.id for item in items).items() if count > 1]
    if twice:
        raise ConfigError(
            f"{which.name} has {len(twice)} ids that several questions have, such as {twice[0]!r}; give each "
            "question its own"
        )
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(items)
    partial = limit is not None and len(items) > limit
    all_there = {} if partial else _count(which, len(items), request.options)
    origin = {**rows.origin, **all_there, **({"options": options} if options else {})}
    return Loaded(which, tuple(items[:limit]), origin, partial, wordings)
