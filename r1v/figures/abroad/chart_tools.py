"""Charts by matplotlib, seaborn and pandas for training, and by Vega, which is held out."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from r1v.figures.abroad.charts import Chart
from r1v.figures.abroad.mpl import color_name, grid_of, picture
from r1v.figures.abroad.scene import ToolPicture


def exact(value: float) -> Decimal:
    """A tick's number without the noise of floats."""
    return Decimal(f"{value:.6g}").normalize()


def _finish(chart: Chart, axes: Any, rng: Random, turned: bool, values: bool = True) -> dict[str, Any]:
    """Titles and names of axes as people set them, values where they are printed; the value axis' grid.

    values: print them, where the chart has them printed.
    """
    if chart.title:
        axes.set_title(chart.title)
    if chart.axis:
        (axes.set_xlabel if turned else axes.set_ylabel)(chart.axis)
    if not turned and (sum(map(len, chart.names)) > 34 or rng.random() < 0.1):
        axes.tick_params(axis="x", labelrotation=rng.choice((45, 90, 30, 45)))
    if chart.printed and values:
        shown = [chart.text(v) for v in (reversed(chart.values) if turned else chart.values)]
        for bars in axes.containers[:1]:
            axes.bar_label(bars, labels=shown, padding=rng.choice((0, 1, 3)))
    elif not chart.printed and rng.random() < 0.25:
        axes.grid(axis=rng.choice(("y", "both")) if not turned else "x", alpha=rng.choice((1, 0.5, 0.3)))
    axis = axes.xaxis if turned else axes.yaxis
    low, step = grid_of(axis.get_majorticklocs(), *sorted(axis.get_view_interval()))
    return {"step": exact(step), "low": exact(low)}


def _numbers(chart: Chart, turned: bool) -> tuple[list[str], list[float]]:
    """Names and values as a plotting call takes them; bars that lie are drawn from below."""
    names, values = list(chart.names), [float(v) for v in chart.values]
    return (names[::-1], values[::-1]) if turned else (names, values)


def matplotlib_bars(chart: Chart, rng: Random) -> ToolPicture:
    """plt.bar or plt.barh."""
    turned, marks = rng.random() < 0.25, {}

    def paint(figure: Any, axes: Any) -> None:
        names, values = _numbers(chart, turned)
        look: dict[str, Any] = {}
        if rng.random() < 0.35:
            palette = [
                "tab:blue",
                "tab:orange",
                "tab:green",
                "tab:red",
                "tab:purple",
                "tab:brown",
                "tab:pink",
            ]
            look["color"] = rng.choice(
                (palette + palette[:1], "skyblue", "steelblue", "orange", "green", "salmon", "gray")
            )
        if rng.random() < 0.15:
            look["edgecolor"] = "black"
        if rng.random() < 0.25:
            look["height" if turned else "width"] = rng.choice((0.5, 0.6, 0.9))
        if isinstance(look.get("color"), list):
            look["color"] = look["color"][: len(names)]
        (axes.barh if turned else axes.bar)(names, values, **look)
        marks.update(_finish(chart, axes, rng, turned))

    return ToolPicture(picture(rng, paint), marks)


def seaborn_bars(chart: Chart, rng: Random) -> ToolPicture:
    """seaborn.barplot in one of its own themes."""
    import seaborn

    turned, marks = rng.random() < 0.25, {}
    theme = rng.choice(("darkgrid", "whitegrid", "ticks", "white", "dark"))

    def paint(figure: Any, axes: Any) -> None:
        names, values = list(chart.names), [float(v) for v in chart.values]
        look: dict[str, Any] = {}
        if rng.random() < 0.6:
            look = {
                "hue": names,
                "legend": False,
                "palette": rng.choice(("deep", "muted", "pastel", "Set2", "viridis", "Blues_d")),
            }
        x, y = (values, names) if turned else (names, values)
        seaborn.barplot(x=x, y=y, ax=axes, errorbar=None, **look)
        if chart.printed:
            for i, value in enumerate(chart.values):
                at = (float(value), i) if turned else (i, float(value))
                axes.annotate(
                    chart.text(value), at, (4, 0) if turned else (0, 3), textcoords="offset points",
                    ha="left" if turned else "center", va="center" if turned else "bottom",
                )  # fmt: skip
        marks.update(_finish(chart, axes, rng, turned, values=False))

    return ToolPicture(picture(rng, paint, sheets=0.0, rc=dict(seaborn.axes_style(theme))), marks)


def pandas_bars(chart: Chart, rng: Random) -> ToolPicture:
    """Series.plot.bar, with the turned names that it sets."""
    import pandas

    turned, marks = rng.random() < 0.25, {}

    def paint(figure: Any, axes: Any) -> None:
        names, values = _numbers(chart, turned)
        frame = pandas.DataFrame({chart.axis or "value": values}, index=names)
        color = rng.choice((None, None, "tab:orange", "green", "purple", "#86bf91"))
        kind, legend = "barh" if turned else "bar", rng.random() < 0.4
        more = {} if color is None else {"color": color}
        frame.plot(kind=kind, ax=axes, legend=legend, rot=rng.choice((None, None, 0, 45)), **more)
        marks.update(_finish(chart, axes, rng, turned))

    return ToolPicture(picture(rng, paint, tight=0.9), marks)


def line_marks(chart: Chart, axes: Any, rng: Random) -> dict[str, Any]:
    """What surrounds the lines: titles, legend, at times a grid; the grid and the colours of the lines."""
    if chart.title:
        axes.set_title(chart.title)
    if chart.axis:
        axes.set_ylabel(chart.axis)
    if len(chart.series) > 1:
        axes.legend(loc=rng.choice(("best", "best", "upper right", "lower right")))
    if rng.random() < 0.4:
        axes.grid(True)
    if rng.random() < 0.3:
        axes.set_ylim(bottom=0)
    if sum(map(len, chart.names)) > 40:
        axes.tick_params(axis="x", labelrotation=45)
    low, step = grid_of(axes.get_yticks(), *sorted(axes.get_ylim()))
    colors = [color_name(line.get_color()) for line in axes.get_lines()[: len(chart.series)]]
    return {"step": exact(step), "low": exact(low), "colors": colors}


def matplotlib_lines(chart: Chart, rng: Random) -> ToolPicture:
    """plt.plot, with or without markers, over labels."""
    marks: dict[str, Any] = {}

    def paint(figure: Any, axes: Any) -> None:
        marker = rng.choice(("o", "o", "s", "", "", "x", "^", "."))
        style = rng.choice(("-", "-", "-", "--"))
        for name, row in zip(chart.series, chart.rows, strict=True):
            axes.plot(list(chart.names), [float(v) for v in row], marker=marker, linestyle=style, label=name)
        marks.update(line_marks(chart, axes, rng))

    return ToolPicture(picture(rng, paint), marks)


def seaborn_lines(chart: Chart, rng: Random) -> ToolPicture:
    """seaborn.lineplot in one of its own themes."""
    import seaborn

    marks: dict[str, Any] = {}

    def paint(figure: Any, axes: Any) -> None:
        marker = rng.choice(("o", None, "s"))
        for name, row in zip(chart.series, chart.rows, strict=True):
            values = [float(v) for v in row]
            seaborn.lineplot(x=list(chart.names), y=values, ax=axes, label=name or None, marker=marker)
        marks.update(line_marks(chart, axes, rng))

    theme = rng.choice(("darkgrid", "whitegrid", "ticks", "white"))
    return ToolPicture(picture(rng, paint, sheets=0.0, rc=dict(seaborn.axes_style(theme))), marks)


def pandas_lines(chart: Chart, rng: Random) -> ToolPicture:
    """DataFrame.plot."""
    import pandas

    marks: dict[str, Any] = {}

    def paint(figure: Any, axes: Any) -> None:
        columns = {
            name or "value": [float(v) for v in row]
            for name, row in zip(chart.series, chart.rows, strict=True)
        }
        frame = pandas.DataFrame(columns, index=list(chart.names))
        frame.plot(ax=axes, legend=len(columns) > 1, marker=rng.choice((None, "o", ".")))
        axes.set_xticks(range(len(chart.names)), list(chart.names))
        marks.update(line_marks(chart, axes, rng))

    return ToolPicture(picture(rng, paint), marks)


def matplotlib_pie(chart: Chart, rng: Random) -> ToolPicture:
    """plt.pie with autopct or amounts, names beside the sectors or in a legend."""
    marks: dict[str, Any] = {}

    def paint(figure: Any, axes: Any) -> None:
        legend = rng.random() < 0.35
        start = rng.choice((0, 0, 0, 90, 90, 140, 45))
        clock = rng.random() < 0.25
        look: dict[str, Any] = {}
        if rng.random() < 0.15:
            look["explode"] = [0.1 if i == 0 else 0.0 for i in range(len(chart.names))]
        if rng.random() < 0.15:
            look["shadow"] = True
        if rng.random() < 0.2:
            look["wedgeprops"] = rng.choice(({"edgecolor": "white"}, {"edgecolor": "black"}, {"width": 0.6}))
        shown = iter([chart.text(v) for v in chart.values])
        ring = look.get("wedgeprops", {}).get("width")
        wedges = axes.pie(
            [float(v) for v in chart.values], labels=None if legend else list(chart.names),
            autopct=lambda _: next(shown), startangle=start, counterclock=not clock,
            pctdistance=0.72 if ring else 0.6, **look,
        )[0]  # fmt: skip
        if legend:
            beside = rng.choice(
                (("center left", (1, 0.5)), ("center left", (1, 0, 0.5, 1)), ("upper left", (1, 1)))
            )
            axes.legend(wedges, list(chart.names), loc=beside[0], bbox_to_anchor=beside[1])
        if chart.title:
            axes.set_title(chart.title)
        marks["order"] = list(range(len(wedges))) if legend else clockwise(wedges)
        marks["colors"] = [color_name(wedges[i].get_facecolor()) for i in marks["order"]]

    return ToolPicture(picture(rng, paint), marks)


def clockwise(wedges: Any) -> list[int]:
    """The order of sectors from the one at the top on, clockwise."""

    def key(i: int) -> float:
        wedge = wedges[i]
        if (90 - wedge.theta1) % 360 < (wedge.theta2 - wedge.theta1) and (90 - wedge.theta1) % 360 > 1e-3:
            return -1.0  # it holds the top
        return float((90 - wedge.theta2 + 1e-3) % 360)

    return sorted(range(len(wedges)), key=key)


def pandas_pie(chart: Chart, rng: Random) -> ToolPicture:
    """Series.plot.pie."""
    import pandas

    marks: dict[str, Any] = {}

    def paint(figure: Any, axes: Any) -> None:
        shown = iter([chart.text(v) for v in chart.values])
        series = pandas.Series([float(v) for v in chart.values], index=list(chart.names), name=chart.axis)
        series.plot.pie(
            ax=axes, autopct=lambda _: next(shown), cmap=rng.choice((None, "Set3", "Pastel1", "tab10"))
        )
        if chart.title:
            axes.set_title(chart.title)
        marks["order"] = clockwise(axes.patches)
        marks["colors"] = [color_name(axes.patches[i].get_facecolor()) for i in marks["order"]]

    return ToolPicture(picture(rng, paint, sheets=0.3), marks)
