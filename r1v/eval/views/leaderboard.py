"""Many runs in one table that marks which differences are significant.

Enters: scored run folders. Leaves: a table of runs by benchmarks. Always holds: two runs are compared on the
questions that both answered; a run is marked where it cannot be told from the best one (the sign test's p,
Holm-corrected over the runs of that column, is at least 0.05).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from r1v.eval.diff import compare_runs
from r1v.eval.same_questions import other_questions
from r1v.eval.store import RunError, RunFolder, is_partial
from r1v.eval.views.tables import TextTable, share

LEVEL = 0.05
MARK = "≈"  # cannot be told from the best


def holm(values: Mapping[Any, float]) -> dict[Any, float]:
    """p-values corrected for their number (Holm 1979), so that the probability of any false alarm among them
    keeps its level."""
    found: dict[Any, float] = {}
    worst = 0.0
    for place, (name, value) in enumerate(sorted(values.items(), key=lambda pair: pair[1])):
        worst = max(worst, min(1.0, (len(values) - place) * value))
        found[name] = worst
    return found


def leaderboard(paths: Sequence[Path]) -> TextTable:
    """One row for each run, best first by the mean of the columns that all have, and one column for each
    benchmark. Raises RunError for folders that are not scored runs."""
    scores = [RunFolder(path).read_json("scores.json") for path in paths]
    manifests = [RunFolder(path).read_json("manifest.json") for path in paths]
    names = list(dict.fromkeys(name for one in scores for name in one["tasks"]))
    if not names:
        raise RunError("none of the runs has a score; score them first: r1v eval score RUN")
    for name in names:
        _check_one_set([path for path, one in zip(paths, scores, strict=True) if name in one["tasks"]], name)
    compared = {name: _apart(paths, scores, name) for name in names}
    shared = [name for name in names if all(_score(one, name) is not None for one in scores)]
    rows = []
    for index, path in enumerate(paths):
        cells = []
        for name in names:
            one = scores[index]["tasks"].get(name)
            text = "" if one is None else share(one["score"], one["low"], one["high"])
            if one is not None and one.get("partial", is_partial(manifests[index], name)):
                text += " (part)"
            if text and compared[name].get(index, 0.0) >= LEVEL:
                text += f" {MARK}"
            cells.append(text)
        mean = sum(_score(scores[index], name) or 0.0 for name in shared) / len(shared) if shared else 0.0
        label = f"{Path(str(manifests[index]['identity']['model']['name'])).name} ({path.name})"
        rows.append((mean, (label, *cells, share(mean) if shared else "")))
    ordered = tuple(row for _, row in sorted(rows, key=lambda row: -row[0]))
    notes = (
        f"{MARK}: cannot be told from the best of the column (sign test by question, Holm-corrected, p at "
        f"least {LEVEL}). The mean is over what all runs have: {', '.join(shared) or 'nothing'}.",
    )
    return TextTable("Leaderboard", ("run", *names, "mean"), ordered, notes)


def _check_one_set(paths: Sequence[Path], name: str) -> None:
    """Raise RunError if a column would hold scores of different questions."""
    for path in paths[1:]:
        if other := other_questions((paths[0], path), name):
            raise RunError(
                f"{name} has other questions in {path} than in {paths[0]} under {len(other)} of their ids, "
                f"such as {min(other)!r}; compare runs of the same questions"
            )


def _score(scores: Mapping[str, Any], name: str) -> float | None:
    one = scores["tasks"].get(name)
    return None if one is None or one["score"] is None else float(one["score"])


def _apart(paths: Sequence[Path], scores: Sequence[Mapping[str, Any]], name: str) -> dict[int, float]:
    """The corrected p of each run against the best one (1 for the best itself)."""
    having = {index: value for index, one in enumerate(scores) if (value := _score(one, name)) is not None}
    if not having:
        return {}
    best = max(having, key=lambda index: having[index])
    values = {}
    for index in having:
        if index != best:
            tasks = compare_runs(paths[best], paths[index])["tasks"]
            values[index] = float(tasks[name]["p_value"]) if name in tasks else 1.0
    return {best: 1.0, **holm(values)}


def gap_table(paths: Sequence[Path], labels: Sequence[str]) -> TextTable:
    """The effect of pictures: the first run against runs without pictures or with captions in their place.
    labels: what each run has of the pictures: "shown", "none", "captions". Raises RunError for anything else,
    and for runs of different questions."""
    if labels[0] != "shown" or "shown" in labels[1:]:
        raise RunError(
            "a gap needs first a run that shows the pictures, then runs with --blind or --caption-only; "
            f"these have the pictures: {', '.join(labels)}"
        )
    rows = []
    for path, label in zip(paths[1:], labels[1:], strict=True):
        for name in RunFolder(path).read_json("scores.json")["tasks"]:
            if name in RunFolder(paths[0]).read_json("scores.json")["tasks"]:
                _check_one_set([paths[0], path], name)
        for name, one in compare_runs(paths[0], path)["tasks"].items():
            shown = " ".join(
                (_points(-one["change"]), f"({_points(-one['high'])} to {_points(-one['low'])})")
            )
            rows.append(
                (name, label, share(one["score_a"]), share(one["score_b"]), shown, f"{one['p_value']:.3f}")
            )
    head = ("benchmark", "instead of pictures", "with pictures", "without", "gap", "p")
    return TextTable(
        "What the pictures are worth", head, tuple(rows), ("gap: with pictures minus without, 95% interval.",)
    )


def _points(value: float) -> str:
    """A difference in percentage points with its sign; nothing is +0.0."""
    return f"{round(100 * value, 1) + 0.0:+.1f}"
