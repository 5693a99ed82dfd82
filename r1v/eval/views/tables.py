"""One table as text for people, Markdown, LaTeX or CSV.

Enters: a head and rows of texts. Leaves: text. Always holds: a cell's text means the same in every form:
signs that a form gives a meaning are escaped.
"""

from __future__ import annotations

import csv
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


def as_markdown(table: TextTable) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rule = "|" + "|".join(["---", *["---:"] * (len(table.head) - 1)]) + "|"
    parts = [f"**{table.title}**", "", line(table.head), rule, *map(line, table.rows)]
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
    """For a terminal: columns of one width."""
    rows = [table.head, *table.rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = cells
        padded = [f"{text:>{width}}" for text, width in zip(rest, widths[1:], strict=True)]
        return "  ".join([f"{first:<{widths[0]}}", *padded]).rstrip()

    return "\n".join([table.title, "", *map(line, rows), *(["", *table.notes] if table.notes else [])]) + "\n"


FORMS: dict[str, Callable[[TextTable], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
}


def share(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A share in percent, with its interval where there is one."""
    if value is None:
        return ""
    shown = f"{100 * value:.1f}"
    return shown if low is None or high is None else f"{shown} ({100 * low:.1f} to {100 * high:.1f})"
