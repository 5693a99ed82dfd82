"""The same charts drawn by matplotlib, for a small share of the items: another hand on the same content.

Canvas objects only, no pyplot and no global state; a figure is freed when its function returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, radians, sin
from typing import Any

from PIL import Image

from r1v.figures.drawing.style import Color, Style, font_folder

SHARE = 0.04  # of the items, at full variation


def _web(color: Color) -> tuple[float, float, float]:
    return (color[0] / 255, color[1] / 255, color[2] / 255)


def _picture(
    style: Style, paint: Callable[[Any, Any, Any], None], left: float = 0.12, bottom: float = 0.09
) -> Image.Image:
    """An image of one matplotlib axes. paint: gets the axes, the text font and a smaller one.

    left, bottom: margins as shares of the figure; fixed ones cost half the time of a computed layout.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    width, height = style.integer(448, 420, 480), style.integer(448, 420, 480)
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=_web(style.background))
    canvas = FigureCanvasAgg(figure)
    face = font_folder() / style.font_name
    text = FontProperties(fname=str(face), size=style.uniform(13, 12, 15))
    small = FontProperties(fname=str(face), size=12)
    axes = figure.add_subplot()
    axes.set_facecolor(_web(style.background))
    paint(axes, text, small)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(small)
    figure.subplots_adjust(left=left, right=0.97, bottom=bottom, top=0.9)
    canvas.draw()
    size = canvas.get_width_height()
    image = Image.frombytes("RGBA", size, bytes(canvas.buffer_rgba())).convert("RGB")
    figure.clear()
    return image


def bars(
    style: Style,
    names: Sequence[str],
    values: Sequence[float],
    horizontal: bool,
    ticks: Sequence[float],
    printed: bool,
    title: str,
    colors: Sequence[Color],
) -> Image.Image:
    """Bars with names, their values printed or to be read from grid lines at ``ticks``."""

    def paint(axes: Any, text: Any, small: Any) -> None:
        fills = [_web(c) for c in colors]
        if horizontal:
            drawn = axes.barh(names, values, color=fills)
            axes.invert_yaxis()
            axes.set_xticks(ticks)
            axes.set_xlim(0, ticks[-1] * 1.1)
        else:
            drawn = axes.bar(names, values, color=fills)
            axes.set_yticks(ticks)
            axes.set_ylim(0, ticks[-1] * 1.1)
        if printed:
            axes.bar_label(drawn, fontproperties=text, padding=2)
        else:
            axes.grid(axis="x" if horizontal else "y")
            axes.set_axisbelow(True)
        if title:
            axes.set_title(title, fontproperties=text)

    longest = max(len(name) for name in names)
    return _picture(style, paint, left=0.06 + 0.029 * longest if horizontal else 0.12)


def lines(
    style: Style,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[float], Color]],
    ticks: Sequence[float],
    printed: bool,
    title: str,
) -> Image.Image:
    """One or two lines over labels, with a legend where there are two."""

    def paint(axes: Any, text: Any, small: Any) -> None:
        for name, values, color in series:
            axes.plot(labels, values, marker="o", linewidth=2, color=_web(color), label=name)
            if printed:
                for x, y in enumerate(values):
                    axes.annotate(
                        str(y), (x, y), (0, 7), textcoords="offset points", ha="center", fontproperties=small
                    )
        axes.set_yticks(ticks)
        axes.set_ylim(ticks[0], ticks[-1] * 1.06)
        axes.grid(True)
        if len(series) > 1:
            axes.legend(prop=small, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
        elif title:
            axes.set_title(title, fontproperties=text)

    return _picture(style, paint)


def pie(
    style: Style,
    names: Sequence[str],
    shares: Sequence[float],
    texts: Sequence[str],
    colors: Sequence[Color],
    start: float,
    legend: bool,
) -> Image.Image:
    """Sectors clockwise from ``start`` degrees (0 is the top), texts inside; names beside or in a legend."""

    def paint(axes: Any, text: Any, small: Any) -> None:
        wedges, _ = axes.pie(
            shares,
            labels=None if legend else list(names),
            colors=[_web(c) for c in colors],
            startangle=90 - start,
            counterclock=False,
            textprops={"fontproperties": text},
            wedgeprops={"edgecolor": "white"},
            labeldistance=1.08,
        )
        for wedge, written in zip(wedges, texts, strict=True):
            middle = (wedge.theta1 + wedge.theta2) / 2
            x, y = 0.66 * cos(radians(middle)), 0.66 * sin(radians(middle))
            axes.text(x, y, written, ha="center", va="center", fontproperties=text)
        if not legend:
            axes.set_xlim(-1.6, 1.6)  # room for the longest name
        else:
            rows_first = [i for column in range(3) for i in range(column, len(names), 3)]
            axes.legend(
                [wedges[i] for i in rows_first],
                [names[i] for i in rows_first],
                prop=small,
                loc="upper center",
                bbox_to_anchor=(0.5, 0.02),
                ncols=3,
            )

    return _picture(style, paint, left=0.04, bottom=0.16 if legend else 0.06)


def curve(
    style: Style,
    pieces: Sequence[Sequence[tuple[float, float]]],
    bounds: tuple[int, int, int, int],
    color: Color,
    dots: Sequence[tuple[float, float, bool]] = (),
) -> Image.Image:
    """Curves on a unit grid with axes through the origin.

    bounds: x low, x high, y low, y high. dots: x, y, filled.
    """

    def paint(axes: Any, text: Any, small: Any) -> None:
        for piece in pieces:
            axes.plot([p[0] for p in piece], [p[1] for p in piece], color=_web(color), linewidth=2.2)
        for x, y, filled in dots:
            face = _web(color) if filled else _web(style.background)
            axes.plot([x], [y], "o", markersize=7, markerfacecolor=face, markeredgecolor=_web(color))
        axes.set_xlim(bounds[0] - 0.3, bounds[1] + 0.3)
        axes.set_ylim(bounds[2] - 0.3, bounds[3] + 0.3)
        columns, rows = range(bounds[0], bounds[1] + 1), range(bounds[2], bounds[3] + 1)
        axes.vlines(columns, bounds[2] - 0.3, bounds[3] + 0.3, color="0.8", linewidth=0.8, zorder=0)
        axes.hlines(rows, bounds[0] - 0.3, bounds[1] + 0.3, color="0.8", linewidth=0.8, zorder=0)
        axes.set_xticks([x for x in columns if x % 2 == 0])  # every tick costs a millisecond or more
        axes.set_yticks([y for y in rows if y % 2 == 0])
        axes.axhline(0, color="black", linewidth=1.4)
        axes.axvline(0, color="black", linewidth=1.4)

    return _picture(style, paint)
