"""The report as one HTML page: style, script, charts, pictures and samples inside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from importlib import resources

from r1v.eval.item import Json
from r1v.eval.published import CHARTS
from r1v.eval.report import svg
from r1v.eval.report.collect import CHARTS_SHOWN, COLUMNS, Report, RunView, chart_values
from r1v.eval.report.numbers import (
    facts,
    interval,
    percent,
    published_rows,
    release_columns,
    thinking_curve,
)


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def page(report: Report) -> str:
    """The whole page."""
    body = "".join(
        [
            _runs(report),
            _scores(report),
            _beside(report),
            _charts(report),
            _verdicts(report),
            _thinking(report),
            _groups(report),
            _browser(report),
        ]
    )
    names = ", ".join(run.name for run in report.runs)
    return (
        _file("page.html")
        .replace("%TITLE%", escape(f"Evaluation: {names}"))
        .replace("%STYLE%", _file("style.css"))
        .replace("%SCRIPT%", _file("page.js"))
        .replace("%BODY%", body)
    )


def _dot(index: int) -> str:
    return f'<i class="dot c{index % svg.NUM_COLOURS}"></i>'


def _section(title: str, content: str, lead: str = "") -> str:
    note = f'<p class="lead">{lead}</p>' if lead else ""
    return f"<section><h2>{escape(title)}</h2>{note}{content}</section>"


def _runs(report: Report) -> str:
    cards = []
    for index, run in enumerate(report.runs):
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts(run))
        cards.append(
            f'<article class="run"><h3>{_dot(index)}{escape(run.name)}</h3><dl>{rows}</dl></article>'
        )
    return f'<section class="runs">{"".join(cards)}</section>'


def _scores(report: Report) -> str:
    rows = []
    for index, run in enumerate(report.runs):
        for name, one in run.scores["tasks"].items():
            mean, tokens = one["mean"], one["tokens"]
            bar = ""
            if mean:
                low, size = 100 * one["low"], 100 * (one["high"] - one["low"])
                bar = (
                    f'<div class="range"><i class="c{index}" '
                    f'style="left:{low:.2f}%;width:{max(size, 0.5):.2f}%"></i>'
                    f'<b style="left:{100 * one["score"]:.2f}%"></b></div>'
                )
            per_right = tokens.get("completion_per_right")
            passed = one["pass_at_k"]
            best = max(passed, key=int) if len(passed) > 1 else ""
            cells = [
                f"<td>{_dot(index)}{escape(run.name)}</td>",
                f"<td>{escape(one['title'])}{' <small>part</small>' if run.partial(name) else ''}</td>",
                f'<td class="n strong">{percent(one)}</td><td class="n">{interval(one)}</td><td>{bar}</td>',
                f'<td class="n">{f"{100 * passed[best]:.1f} <small>k={best}</small>" if best else ""}</td>',
                f'<td class="n">{one["samples"]}</td>',
                _thinking_cell(tokens),
                f'<td class="n">{per_right:,.0f}</td>' if per_right else "<td></td>",
            ]
            rows.append(f"<tr>{''.join(cells)}</tr>")
    head = (
        "<tr><th>model</th><th>benchmark</th><th>pass@1</th><th>95% interval</th><th>0 to 100</th>"
        "<th>pass@k</th><th>samples</th><th>thinking tokens</th><th>tokens per right answer</th></tr>"
    )
    return _section(
        "Scores",
        f'<div class="wide"><table class="scores">{head}{"".join(rows)}</table></div>',
        "The interval is clustered by question. Thinking tokens: the mean, and where 90% of the samples lie.",
    )


def _thinking_cell(tokens: Json) -> str:
    if not tokens:
        return "<td></td>"
    low, high = (tokens["thinking_quantiles"][share] for share in ("0.05", "0.95"))
    return f'<td class="n">{tokens["thinking_mean"]:.0f} <small>{low:.0f} to {high:.0f}</small></td>'


def _beside(report: Report) -> str:
    columns = release_columns(report)
    notes: list[str] = []
    width = len(columns) + 1
    head = "<tr><th>model</th>" + "".join(f"<th>{escape(title)}</th>" for title in columns.values()) + "</tr>"
    rows = [f'<tr class="source"><td colspan="{width}">measured here</td></tr>']
    for index, run in enumerate(report.runs):
        cells = "".join(_own_cell(run, key) for key in columns)
        rows.append(f'<tr class="own"><td>{_dot(index)}{escape(run.name)}</td>{cells}</tr>')
    for source, models in published_rows(report, list(columns)):
        rows.append(f'<tr class="source"><td colspan="{width}">published: {escape(source)}</td></tr>')
        for model, numbers in models:
            line = f"<td>{escape(model)}</td>"
            for key in columns:
                one = numbers.get(key)
                mark = ""
                if one is not None and one.note:
                    notes.append(f"{model}, {columns[key]} {one.printed}: {one.note}")
                    mark = f'<sup title="{escape(one.note)}">{len(notes)}</sup>'
                line += (
                    '<td class="n none">·</td>'
                    if one is None
                    else f'<td class="n">{escape(one.printed)}{mark}</td>'
                )
            rows.append(f"<tr>{line}</tr>")
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return _section(
        "Beside published numbers",
        f'<div class="wide"><table class="published">{head}{"".join(rows)}</table></div>'
        f'<ol class="notes">{listed}</ol>',
        "Each published number is shown as its source prints it. Numbers of different sources were measured "
        "in different ways.",
    )


def _own_cell(run: RunView, column: str) -> str:
    one = run.by_column(column)
    if one is None:
        return '<td class="n none">·</td>'
    part = "<sup>part</sup>" if one["partial"] else ""
    if one["parts"]:
        part += f'<sup title="{escape(one["parts"])}">standard or vision only</sup>'
    return f'<td class="n strong" title="95% interval {interval(one)}">{percent(one)}{part}</td>'


def _charts(report: Report) -> str:
    drawn = []
    for title, columns, models in CHARTS_SHOWN:
        rows = chart_values(report, columns, models)
        ours = len(rows) - len(models)
        chart = svg.bars(title, [COLUMNS[column] for column in columns], rows, ours)
        drawn.append(f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>")
    return _section(
        "The release's charts",
        "".join(drawn),
        f"Ours as measured here, with 95% intervals; the others from the {escape(CHARTS)}. "
        "Skywork-R1V2-38B is as on the release page.",
    )


def _verdicts(report: Report) -> str:
    rows = [
        (
            f"{one['title']}, {run.name}" if len(report.runs) > 1 else one["title"],
            list(one["verdicts"].items()),
        )
        for run in report.runs
        for one in run.scores["tasks"].values()
    ]
    return _section("What became of the samples", f"<figure>{svg.stacked('Verdicts', rows)}</figure>")


def _thinking(report: Report) -> str:
    series = []
    for run in report.runs:
        for name, one in run.scores["tasks"].items():
            if points := thinking_curve(run, name):
                label = f"{one['title']}, {run.name}" if len(report.runs) > 1 else one["title"]
                series.append((label, points))
    if not series:
        return ""
    chart = svg.lines("Right answers by length of thinking", series, "thinking tokens")
    return _section(
        "Right answers by length of thinking",
        f"<figure>{chart}</figure>",
        "Samples sorted by length, in six parts of equal size; percent right in each.",
    )


def _groups(report: Report) -> str:
    blocks = []
    for run in report.runs:
        for one in run.scores["tasks"].values():
            if one["groups"]:
                blocks.append(_group_table(run, one["title"], list(one["groups"].items())))
    return _section("By subject", f'<div class="columns">{"".join(blocks)}</div>') if blocks else ""


def _group_table(run: RunView, title: str, groups: Sequence[tuple[str, dict[str, float]]]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="n strong">{100 * mean["value"]:.1f}</td>'
        f'<td class="n">{100 * mean["low"]:.0f} to {100 * mean["high"]:.0f}</td>'
        f'<td class="n">{mean["num_questions"]}</td></tr>'
        for name, mean in groups
    )
    head = "<tr><th>subject</th><th>score</th><th>95% interval</th><th>questions</th></tr>"
    name = f"{escape(title)} <small>{escape(run.name)}</small>"
    return f"<article><h3>{name}</h3><table>{head}{rows}</table></article>"


def _browser(report: Report) -> str:
    if not report.samples:
        return ""
    data = {
        "runs": [run.name for run in report.runs],
        "titles": {name: one["title"] for run in report.runs for name, one in run.scores["tasks"].items()},
        "samples": [asdict(sample) for sample in report.samples],
        "pictures": report.pictures,
    }
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return _section(
        "Samples", _file("browser.html") + f'<script type="application/json" id="samples">{text}</script>'
    )
