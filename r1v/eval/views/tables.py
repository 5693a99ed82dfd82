"""One table as plain text, Markdown, LaTeX or CSV.

Enters: a head and rows of texts. Leaves: text. Always holds: a cell's text means the same in every form;
characters with a meaning in that form are escaped.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextTable:
    """title: above it. head: names of the columns; the first is left aligned, the others right. notes:
    below."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def markdown_line(cells: Sequence[str]) -> str:
    """One row of a table in Markdown."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def as_markdown(table: TextTable) -> str:
    rule = "|" + "|".join(["---", *["---:"] * (len(table.head) - 1)]) + "|"
    lines = map(markdown_line, table.rows)
    parts = [f"**{table.title}**", "", markdown_line(table.head), rule, *lines]
    return "\n".join(parts + (["", *table.notes] if table.notes else [])) + "\n"


def as_latex(table: TextTable) -> str:
    def cell(text: str) -> str:
        return "".join(_LATEX.get(sign, sign) for sign in text.replace("\n", " "))

    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(cell, cells)) + r" \\"

    columns = "l" + "r" * (len(table.head) - 1)
    caption = cell(" ".join([table.title + ".", *table.notes]))
    body = "\n".join(map(line, table.rows))
    return (
        "\\begin{table}\n\\centering\n"
        f"\\caption{{{caption}}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n{line(table.head)}\n\\midrule\n"
        f"{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def as_csv(table: TextTable) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([table.head, *table.rows])
    return buffer.getvalue()


def as_text(table: TextTable) -> str:
    """For a terminal: columns are aligned."""
    rows = [table.head, *table.rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = cells
        padded = [f"{text:>{width}}" for text, width in zip(rest, widths[1:], strict=True)]
        return "  ".join([f"{first:<{widths[0]}}", *padded]).rstrip()

    return "\n".join([table.title, "", *map(line, rows), *(["", *table.notes] if table.notes else [])]) + "\n"


def as_html(table: TextTable) -> str:
    """A page of its own: no network, light and dark."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    title = html.escape(table.title)
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in table.notes)
    body = "\n".join(line(row, "td") for row in table.rows)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n<style>:root{color-scheme:light dark}'
        "body{font:16px/1.5 system-ui,sans-serif;margin:2rem}div{overflow-x:auto}"
        "table{border-collapse:collapse}th,td{padding:.3rem .8rem;text-align:right;white-space:nowrap;"
        "border-bottom:1px solid #8884}th:first-child,td:first-child{text-align:left}</style>\n"
        f"<h1>{title}</h1>\n<div><table>\n<thead>{line(table.head, 'th')}</thead>\n<tbody>\n{body}\n</tbody>"
        f"</table></div>\n{notes}\n</html>\n"
    )


FORMS: dict[str, Callable[[TextTable], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "html": as_html,
}


def share(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A share in percent, with its interval where there is one."""
    if value is None:
        return ""
    shown = f"{100 * value:.1f}"
    return shown if low is None or high is None else f"{shown} ({100 * low:.1f} to {100 * high:.1f})"
