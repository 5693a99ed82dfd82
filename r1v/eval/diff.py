"""Two runs compared: how their settings differ, and which samples changed between right and wrong.

Enters: two scored run folders. Leaves: a JSON object, or text. Always holds: only samples that have a score
in both runs are compared, by question and epoch, and no two questions that share only their id; scores are
computed with the benchmark's own groups.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from r1v.core import parse_json
from r1v.eval.benchmark import Benchmark
from r1v.eval.item import Json
from r1v.eval.manifest import differences
from r1v.eval.questions.own import recorded_benchmark
from r1v.eval.same_questions import other_questions
from r1v.eval.score import group_weights
from r1v.eval.statistics import Z, clustered_mean, sign_test
from r1v.eval.store import RunError, RunFolder


def read_verdicts(folder: Path) -> list[Json]:
    """The lines of verdicts.jsonl. Raises RunError for a run that was not scored."""
    path = folder / "verdicts.jsonl"
    if not path.is_file():
        raise RunError(f"{folder} has no verdicts.jsonl; score it first: r1v eval score {folder}")
    return [
        parse_json(line, f"a line of {path}", error=RunError)
        for line in path.read_text(encoding="utf-8").split("\n")
        if line.strip()
    ]


def compare_runs(left: Path, right: Path) -> dict[str, Any]:
    """What differs. Raises RunError for folders that are not scored runs."""
    manifests = [RunFolder(path).read_json("manifest.json") for path in (left, right)]
    verdicts = [{(v["task"], v["id"], v["epoch"]): v for v in read_verdicts(path)} for path in (left, right)]
    changed = [
        {"what": path, "a": a, "b": b}
        for path, a, b in differences(manifests[0]["identity"], manifests[1]["identity"])
    ]
    judges = [RunFolder(path).read_json("scores.json").get("judge") for path in (left, right)]
    if judges[0] != judges[1]:
        changed.append({"what": "judge", "a": judges[0], "b": judges[1]})
    both = [key for key in verdicts[0] if key in verdicts[1]]
    tasks = {}
    for task in dict.fromkeys(key[0] for key in both):
        keys = [key for key in both if key[0] == task]
        left_out = sum(key[0] == task for one in verdicts for key in one) - 2 * len(keys)
        other = other_questions((left, right), task)
        pairs = [(verdicts[0][key], verdicts[1][key]) for key in keys if key[1] not in other]
        if not pairs:
            raise RunError(
                f"{task} has other questions in {left} than in {right}, under the same ids; "
                "compare runs of the same questions"
            )
        which = recorded_benchmark(task, manifests[0]["identity"]["tasks"][task].get("own"))
        tasks[task] = {
            **_compare_task(which, pairs), "left_out": left_out, "other_questions": len(other),
        }  # fmt: skip
    only = [sorted({key[0] for key in verdicts[i]} - {key[0] for key in verdicts[1 - i]}) for i in (0, 1)]
    return {
        "a": str(left),
        "b": str(right),
        "changed": changed,
        "only_a": only[0],
        "only_b": only[1],
        "tasks": tasks,
    }


def _compare_task(which: Benchmark, pairs: list[tuple[Json, Json]]) -> dict[str, Any]:
    scored = [(a, b) for a, b in pairs if a["score"] is not None and b["score"] is not None]
    grouped: dict[str, list[tuple[Json, Json]]] = {}
    for a, b in scored:
        grouped.setdefault(a["group"] if which.aggregate == "groups" else "", []).append((a, b))
    weights = group_weights(which, {name: len(rows) for name, rows in grouped.items()})
    means = {name: _mean_change(rows) for name, rows in grouped.items()}
    score_a = sum(
        weights[name] * sum(a["score"] for a, _ in rows) / len(rows) for name, rows in grouped.items()
    )
    change = sum(weights[name] * value for name, (value, _) in means.items())
    half = Z * sum((weights[name] * stderr) ** 2 for name, (_, stderr) in means.items()) ** 0.5
    by_question: dict[str, float] = {}
    for a, b in scored:
        by_question[a["id"]] = by_question.get(a["id"], 0.0) + b["score"] - a["score"]
    better, worse = (sum(sign * value > 0 for value in by_question.values()) for sign in (1, -1))
    flips = [
        {
            "id": a["id"], "epoch": a["epoch"], "a": a["verdict"], "b": b["verdict"],
            "extracted_a": a["extracted"], "extracted_b": b["extracted"], "answer": a["answer"],
        }
        for a, b in pairs
        if a["verdict"] != b["verdict"]
    ]  # fmt: skip
    return {
        "samples": len(scored),
        "not_scored": len(pairs) - len(scored),
        "score_a": score_a,
        "score_b": score_a + change,
        "change": change,
        "low": change - half,
        "high": change + half,
        "questions_better": better,
        "questions_worse": worse,
        "p_value": sign_test(better, worse),
        "same_output": sum(a["extracted"] == b["extracted"] for a, b in pairs),
        "flips": flips,
    }


def _mean_change(pairs: list[tuple[Json, Json]]) -> tuple[float, float]:
    """The mean change of score and its standard error, clustered by question."""
    change: dict[str, list[float]] = {}
    for a, b in pairs:
        change.setdefault(a["id"], []).append((b["score"] - a["score"] + 1) / 2)
    shifted = clustered_mean(change)
    assert shifted is not None
    return 2 * shifted.value - 1, 2 * shifted.stderr


def diff_text(found: Json) -> str:
    """The comparison for people."""
    lines = [f"A: {found['a']}", f"B: {found['b']}", ""]
    if found["changed"]:
        lines.append("made differently:")
        lines += [f"  {one['what']}: {_short(one['a'])} -> {_short(one['b'])}" for one in found["changed"]]
    else:
        lines.append("made in the same way")
    for side in ("a", "b"):
        if found[f"only_{side}"]:
            lines.append(f"only in {side.upper()}: {', '.join(found[f'only_{side}'])}")
    for task, one in found["tasks"].items():
        lines += [
            "",
            _task_text(task, one),
        ]
        for flip in one["flips"][:50]:
            epoch = f" (epoch {flip['epoch']})" if flip["epoch"] > 1 else ""
            answers = f"{_short(flip['extracted_a'])} -> {_short(flip['extracted_b'])}"
            right = _short(flip["answer"])
            lines.append(f"  {flip['id']}{epoch}: {flip['a']} -> {flip['b']}, {answers}, right is {right}")
        if len(one["flips"]) > 50:
            lines.append(f"  and {len(one['flips']) - 50} more; --json has all")
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "…"


def _task_text(task: str, one: Json) -> str:
    shown = {key: 100 * one[key] for key in ("score_a", "score_b", "change", "low", "high")}
    better, worse = one["questions_better"], one["questions_worse"]
    text = (
        f"{task}: {shown['score_a']:.1f} -> {shown['score_b']:.1f} (change {shown['change']:+.1f}, "
        f"95% interval {shown['low']:+.1f} to {shown['high']:+.1f}; "
        f"{better} questions better, {worse} worse, p = {one['p_value']:.3f}), "
        f"{one['samples']} samples, {one['same_output']} with the same answer, {len(one['flips'])} flipped"
    )
    if one["left_out"]:
        text += f"; {one['left_out']} samples of one run only are left out"
    if one["other_questions"]:
        text += f"; {one['other_questions']} ids that stand for different questions are left out"
    return text + (f"; {one['not_scored']} without a score" if one["not_scored"] else "")
