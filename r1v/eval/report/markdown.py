"""The report as Markdown: tables only, for repositories and pull requests."""

from __future__ import annotations

from collections.abc import Sequence

from r1v.eval.item import Json
from r1v.eval.report.collect import Report, RunView
from r1v.eval.report.numbers import (
    cost,
    facts,
    has_cost,
    interval,
    percent,
    published_rows,
    release_columns,
)
from r1v.eval.views.tables import markdown_line


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([markdown_line(head), "|" + "---|" * len(head), *map(markdown_line, rows)])


def markdown(report: Report) -> str:
    """The whole report."""
    parts = ["# Evaluation report\n", "## Runs\n"]
    for run in report.runs:
        parts.append(f"**{run.name}**: " + "; ".join(f"{name} {value}" for name, value in facts(run)) + ".\n")
    parts += ["## Scores\n", _scores(report), "\n## Beside published numbers\n", _beside(report)]
    groups = _groups(report)
    if groups:
        parts += ["\n## By subject\n", groups]
    return "\n".join(parts) + "\n"


def _scores(report: Report) -> str:
    rows = []
    priced = has_cost(report)
    for run in report.runs:
        for name, one in run.scores["tasks"].items():
            tokens = one["tokens"]
            per_right = tokens.get("completion_per_right")
            passed = one["pass_at_k"]
            best = (
                f"{100 * passed[max(passed, key=int)]:.1f} (k = {max(passed, key=int)})"
                if len(passed) > 1
                else ""
            )
            rows.append(
                [
                    run.name,
                    one["title"] + (" (part)" if run.partial(name) else ""),
                    percent(one),
                    interval(one),
                    best,
                    str(one["samples"]),
                    ", ".join(f"{count} {verdict}" for verdict, count in one["verdicts"].items()),
                    _thinking(tokens),
                    f"{per_right:.0f}" if per_right else "",
                    *([cost(tokens)] if priced else []),
                ]
            )
    head = ["model", "benchmark", "pass@1", "95% interval", "pass@k", "samples", "verdicts", 
            "thinking tokens (5% to 95%)",
            "tokens per right answer", *(["cost"] if priced else [])]  # fmt: skip
    return _table(head, rows)


def _own(run: RunView, column: str) -> str:
    one = run.by_column(column)
    if one is None:
        return ""
    return (
        percent(one) + (" (part)" if one["partial"] else "") + (f" ({one['parts']})" if one["parts"] else "")
    )


def _thinking(tokens: Json) -> str:
    if not tokens:
        return ""
    low, high = (tokens["thinking_quantiles"][share] for share in ("0.05", "0.95"))
    return f"{tokens['thinking_mean']:.0f} ({low:.0f} to {high:.0f})"


def _beside(report: Report) -> str:
    columns = release_columns(report)
    notes: list[str] = []
    rows = [
        [
            f"**{run.name}** (measured here)",
            *(_own(run, key) for key in columns),
        ]
        for run in report.runs
    ]
    for source, models in published_rows(report, list(columns)):
        for model, numbers in models:
            cells = []
            for key in columns:
                one = numbers.get(key)
                mark = ""
                if one is not None and one.note:
                    notes.append(f"{model}, {columns[key]} {one.printed}: {one.note}")
                    mark = f" [{len(notes)}]"
                cells.append("" if one is None else f"{one.printed}{mark}")
            rows.append([f"{model} ({source})", *cells])
    text = _table(["model (source)", *columns.values()], rows)
    return text + "".join(f"\n\n[{index}] {note}" for index, note in enumerate(notes, 1))


def _groups(report: Report) -> str:
    parts = []
    for run in report.runs:
        for one in run.scores["tasks"].values():
            if one["groups"]:
                rows = [
                    [
                        name,
                        percent({"score": mean["value"]}),
                        interval(mean),
                        str(mean["num_questions"]),
                    ]
                    for name, mean in one["groups"].items()
                ]
                table = _table(["subject", "score", "95% interval", "questions"], rows)
                parts.append(f"### {one['title']}, {run.name}\n\n{table}\n")
    return "\n".join(parts)
