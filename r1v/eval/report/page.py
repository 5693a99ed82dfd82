"""The report as one HTML page: style, script, charts, pictures and samples inside it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from importlib import resources

from r1v.eval.item import Json
from r1v.eval.published import CHARTS
from r1v.eval.report import svg
from r1v.eval.report.collect import CHARTS_SHOWN, COLUMNS, Report, RunView, chart_values
from r1v.eval.report.numbers import (
    cost,
    facts,
    has_cost,
    interval,
    percent,
    published_rows,
    release_columns,
    thinking_curve,
)

_HEADING = re.compile(r'<h2 id="([^"]*)">(.*?)</h2>')


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def page(report: Report) -> str:
    """The whole page."""
    sections = [
        _scores(report),
        _beside(report),
        _charts(report),
        _verdicts(report),
        _thinking(report),
        _groups(report),
        _browser(report),
    ]
    body = _runs(report) + _contents(sections) + "".join(sections)
    names = ", ".join(run.name for run in report.runs)
    return (
        _file("page.html")
        .replace("%TITLE%", escape(f"Evaluation: {names}"))
        .replace("%STYLE%", _file("style.css"))
        .replace("%SCRIPT%", _file("page.js"))
        .replace("%BODY%", body)
    )


def _contents(sections: Sequence[str]) -> str:
    """Links to the sections, by their headings."""
    found = [match for text in sections if (match := _HEADING.search(text))]
    links = "".join(f'<a href="#{match[1]}">{match[2]}</a>' for match in found)
    return f'<nav aria-label="sections">{links}</nav>'


def _dot(index: int) -> str:
    return f'<i class="dot c{index % svg.NUM_COLOURS}"></i>'


def _section(title: str, content: str, lead: str = "") -> str:
    note = f'<p class="lead">{lead}</p>' if lead else ""
    name = "s-" + title.lower().replace(" ", "-").replace("'", "")
    return f'<section><h2 id="{name}">{escape(title)}</h2>{note}{content}</section>'


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
    priced = has_cost(report)
    for index, run in enumerate(report.runs):
        for name, one in run.scores["tasks"].items():
            mean, tokens = one["mean"], one["tokens"]
            bar = ""
            if mean:
                low, size = 100 * one["low"], 100 * (one["high"] - one["low"])
                bar = (
                    f'<div class="range"><i class="c{index % svg.NUM_COLOURS}" '
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
                f'<td class="n">{cost(tokens)}</td>' if priced else "",
            ]
            rows.append(f"<tr>{''.join(cells)}</tr>")
    head = (
        "<tr><th>model</th><th>benchmark</th><th>pass@1</th><th>95% interval</th><th>0 to 100</th>"
        "<th>pass@k</th><th>samples</th><th>thinking tokens</th><th>tokens per right</th>"
        f"{'<th>cost</th>' if priced else ''}</tr>"
    )
    return _section(
        "Scores",
        f'<div class="wide"><table class="scores">{head}{"".join(rows)}</table></div>',
        "The interval is clustered by question. Thinking tokens: the mean, and where 90% of the samples lie. "
        "Tokens per right: all tokens generated, for each right answer.",
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
        chart = svg.bars(title, [COLUMNS[column] for column in columns], rows)
        drawn.append(f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>")
    return _section(
        "The release's charts",
        "".join(drawn),
        f"Ours as measured here, with 95% intervals; the others from the {escape(CHARTS)}. "
        "Skywork-R1V2-38B is as on the release page.",
    )


def _verdicts(report: Report) -> str:
    rows = [
        (f"{title}, {run.name}" if len(report.runs) > 1 else title, list(one["verdicts"].items()))
        for name, title in _titles(report).items()
        for run in report.runs
        if (one := run.scores["tasks"].get(name))
    ]
    return _section("What became of the samples", f"<figure>{svg.stacked('Verdicts', rows)}</figure>")


def _thinking(report: Report) -> str:
    """A chart for each benchmark, a line for each run."""
    charts = []
    for name, title in _titles(report).items():
        series = [
            (run.name, index, points)
            for index, run in enumerate(report.runs)
            if name in run.scores["tasks"] and (points := thinking_curve(run, name))
        ]
        if series:
            chart = svg.lines(f"{title}: right answers by length of thinking", series, "thinking tokens")
            charts.append(f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>")
    if not charts:
        return ""
    return _section(
        "Right answers by length of thinking",
        f'<div class="columns">{"".join(charts)}</div>',
        "Samples sorted by length, in six parts of equal size; percent right in each.",
    )


def _titles(report: Report) -> dict[str, str]:
    """The benchmarks of all runs: name, title."""
    return {name: str(one["title"]) for run in report.runs for name, one in run.scores["tasks"].items()}


def _groups(report: Report) -> str:
    """A table for each benchmark, a column for each run."""
    blocks = []
    for name, title in _titles(report).items():
        runs = [
            (index, run, run.scores["tasks"][name]["groups"])
            for index, run in enumerate(report.runs)
            if name in run.scores["tasks"] and run.scores["tasks"][name]["groups"]
        ]
        if runs:
            blocks.append(_group_table(title, runs))
    return _section("By subject", f'<div class="columns">{"".join(blocks)}</div>') if blocks else ""


def _group_table(title: str, runs: Sequence[tuple[int, RunView, Json]]) -> str:
    names = list(dict.fromkeys(name for _, _, groups in runs for name in groups))
    rows = []
    for name in names:
        cells = ""
        for index, _, groups in runs:
            cells += _group_cell(groups[name], index) if name in groups else '<td class="n none">·</td>'
        count = max(groups[name]["num_questions"] for _, _, groups in runs if name in groups)
        rows.append(f'<tr><td>{escape(name)}</td>{cells}<td class="n">{count}</td></tr>')
    heads = "".join(f"<th>{_dot(index)}{escape(run.name)}</th>" for index, run, _ in runs)
    head = f"<tr><th>subject</th>{heads}<th>questions</th></tr>"
    return (
        f'<article><h3>{escape(title)}</h3><div class="scroll"><table>{head}{"".join(rows)}</table></div>'
        "</article>"
    )


def _group_cell(mean: Json, index: int) -> str:
    share = 100 * mean["value"]
    return (
        f'<td class="n share"><i class="c{index % svg.NUM_COLOURS}" style="width:{share:.1f}%"></i>'
        f"<b>{share:.1f}</b> <small>{100 * mean['low']:.0f} to {100 * mean['high']:.0f}</small></td>"
    )


def _browser(report: Report) -> str:
    if not report.samples:
        return ""
    data = {
        "runs": [run.name for run in report.runs],
        "titles": _titles(report),
        "samples": [asdict(sample) for sample in report.samples],
        "pictures": report.pictures,
    }
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return _section(
        "Samples", _file("browser.html") + f'<script type="application/json" id="samples">{text}</script>'
    )
