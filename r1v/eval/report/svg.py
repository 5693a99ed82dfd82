"""Charts as SVG text. Colours come from the page's style.

Enters: names and values. Leaves: an <svg> element. Always holds: every text is escaped; nothing is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

NUM_COLOURS = 14  # classes c0 … c13 in style.css


def _text(x: float, y: float, text: str, *, anchor: str = "middle", kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def bars(title: str, columns: Sequence[str], rows: Sequence[tuple[str, int, Sequence[Any]]]) -> str:
    """Grouped bars. rows: (model, colour, [(value, low, high) or None for each column]), percent."""
    width, top, height, axis = 960.0, 58.0, 250.0, 30.0
    group = (width - axis) / len(columns)
    parts = [_frame(axis, width, top, height)]
    for place, column in enumerate(columns):
        present = [
            (colour, name, values[place]) for name, colour, values in rows if values[place] is not None
        ]
        step = min(44.0, (group - 26) / max(1, len(present)))
        left = axis + place * group + (group - step * len(present)) / 2
        for order, (colour, name, (value, low, high)) in enumerate(present):
            x = left + order * step
            size = height * value / 100
            y = top + height - size
            parts.append(
                f'<rect x="{x + 2:.1f}" y="{y:.1f}" width="{step - 4:.1f}" height="{max(size, 0.8):.1f}" '
                f'rx="2" class="c{colour % NUM_COLOURS}">'
                f"<title>{escape(name)}, {escape(column)}: {value:.1f}</title></rect>"
            )
            tip = y
            if low is not None:
                centre = x + step / 2
                ends = [top + height * (1 - bound / 100) for bound in (low, high)]
                tip = min(tip, ends[1])
                parts.append(
                    f'<path class="whisker" d="M{centre:.1f} {ends[0]:.1f}V{ends[1]:.1f}'
                    f'M{centre - 4:.1f} {ends[0]:.1f}h8M{centre - 4:.1f} {ends[1]:.1f}h8"/>'
                )
            parts.append(_text(x + step / 2, tip - 5, f"{value:.1f}", kind="value"))
        parts.append(_text(axis + place * group + group / 2, top + height + 22, column, kind="name"))
    parts.append(_legend([(name, colour % NUM_COLOURS) for name, colour, _ in rows], width))
    return _svg(title, width, top + height + 34, parts)


def _frame(left: float, width: float, top: float, height: float) -> str:
    """Lines at 0, 25, … 100 with their numbers."""
    parts = []
    for level in (0, 25, 50, 75, 100):
        y = top + height * (1 - level / 100)
        parts.append(f'<path class="grid" d="M{left:.0f} {y:.1f}H{width:.0f}"/>')
        parts.append(_text(left - 6, y + 4, f"{level}", anchor="end", kind="value"))
    return "".join(parts)


def _legend(entries: Sequence[tuple[str, int]], width: float) -> str:
    parts, x, y = [], 2.0, 12.0
    for name, colour in entries:
        size = 26 + 6.9 * len(name)
        if x + size > width:
            x, y = 2.0, y + 18
        parts.append(f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="10" height="10" rx="2" class="c{colour}"/>')
        parts.append(_text(x + 15, y, name, anchor="start", kind="legend"))
        x += size
    return "".join(parts)


def stacked(title: str, rows: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> str:
    """Shares of verdicts, a bar per row. rows: (name, [(verdict, count)])."""
    width, step = 960.0, 30.0
    label = min(420.0, 24 + 6.9 * max((len(name) for name, _ in rows), default=0))
    parts = []
    for index, (name, counts) in enumerate(rows):
        y = 24 + index * step
        total = sum(count for _, count in counts) or 1
        x = label
        parts.append(_text(label - 10, y + 14, name, anchor="end", kind="name"))
        for verdict, count in counts:
            size = (width - label) * count / total
            if not count:
                continue
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(size - 1, 0.5):.1f}" height="20" '
                f'class="v-{escape(verdict)}">'
                f"<title>{escape(name)}: {count} of {total} {escape(verdict)}</title></rect>"
            )
            if size > 34:
                parts.append(_text(x + size / 2, y + 14, f"{100 * count / total:.0f}%", kind="inside"))
            x += size
    x = label
    for verdict in dict.fromkeys(verdict for _, counts in rows for verdict, count in counts if count):
        parts.append(f'<rect x="{x:.1f}" y="2" width="10" height="10" rx="2" class="v-{escape(verdict)}"/>')
        parts.append(_text(x + 15, 11, verdict, anchor="start", kind="legend"))
        x += 30 + 6.9 * len(verdict)
    return _svg(title, width, 24 + len(rows) * step, parts)


def lines(
    title: str, series: Sequence[tuple[str, int, Sequence[tuple[float, float, int]]]], x_name: str
) -> str:
    """Lines over a length. series: (name, colour, [(x, share in [0, 1], number of samples)])."""
    width, top, height, left = 460.0, 30.0, 170.0, 34.0
    highest = max(1.0, max((x for _, _, points in series for x, _, _ in points), default=1.0)) * 1.05
    parts = [_frame(left, width, top, height)]
    for name, index, points in series:
        places = [(left + (width - left - 10) * x / highest, top + height * (1 - y), n) for x, y, n in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places)
        colour = index % NUM_COLOURS
        parts.append(f'<path class="line l{colour}" d="M{path}"/>')
        for (x, y, n), (length, share, _) in zip(places, points, strict=True):
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="c{colour}">'
                f"<title>{escape(name)}: {100 * share:.1f}% right of {n} samples with about "
                f"{length:.0f} tokens</title></circle>"
            )
    step = _step(highest)
    for mark in range(int(highest / step) + 1):
        place = left + (width - left - 10) * mark * step / highest
        parts.append(_text(place, top + height + 18, f"{mark * step:,.0f}", kind="value"))
    parts.append(_text((left + width) / 2, top + height + 38, x_name, kind="name"))
    parts.append(_legend([(name, index % NUM_COLOURS) for name, index, _ in series], width))
    return _svg(title, width, top + height + 46, parts)


def _step(highest: float) -> float:
    """A round distance between marks: 1, 2 or 5 times a power of ten, with three to seven marks."""
    power = 10.0 ** math.floor(math.log10(highest / 4))
    return next(factor * power for factor in (1, 2, 5, 10) if highest / (factor * power) <= 6)


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
