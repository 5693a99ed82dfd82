"""Charts by Vega-Lite in its own style, by way of vl-convert. Held out: nothing here is ever trained on."""

from __future__ import annotations

import io
from decimal import Decimal
from random import Random
from typing import Any

from PIL import Image

from r1v.figures.abroad.charts import Chart
from r1v.figures.abroad.graphs import Curve, Move, motion_look
from r1v.figures.abroad.mpl import nearest_name
from r1v.figures.abroad.scene import ToolPicture
from r1v.figures.families.function_plot import curve_pieces, dots_of

TABLEAU = ("#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#eeca3b", "#b279a2", "#ff9da6")
THEMES = (None, None, None, "fivethirtyeight", "ggplot2", "latimes", "urbaninstitute", "vox", "googlecharts")


def _color(i: int) -> str:
    code = TABLEAU[i]
    return nearest_name(tuple(int(code[k : k + 2], 16) for k in (1, 3, 5)))


def render(spec: dict[str, Any], theme: str | None = None, scale: float = 1.5) -> Image.Image:
    """The picture of a Vega-Lite specification."""
    import vl_convert

    data = vl_convert.vegalite_to_png(spec, theme=theme, scale=scale)
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    paper = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(paper, image).convert("RGB")


def ticks(low: float, high: float, count: int = 6) -> tuple[Decimal, list[float]]:
    """Round grid lines from ``low``, which is one, to above ``high``, and their distance."""
    rough = (high - low) / count
    power = Decimal(10) ** Decimal(rough).adjusted()
    step = next(power * k for k in (1, 2, 5, 10) if float(power * k) >= rough)
    found, at = [low], low
    while at < high:
        at += float(step)
        found.append(round(at, 6))
    return step.normalize(), found


def _base(chart: Chart, rng: Random) -> dict[str, Any]:
    size = rng.choice(((320, 240), (500, 250), (280, 280), (600, 200)))
    spec: dict[str, Any] = {"width": size[0], "height": size[1]}
    if chart.title:
        spec["title"] = chart.title
    return spec


def bars(chart: Chart, rng: Random) -> ToolPicture:
    """A bar mark; values as text marks where they are printed."""
    step, lines = ticks(0, float(max(chart.values)))
    rows = [
        {"n": n, "v": float(v), "t": chart.text(v)} for n, v in zip(chart.names, chart.values, strict=True)
    ]
    turned = rng.random() < 0.3
    name = {"field": "n", "type": "nominal", "sort": None, "title": None}
    value = {"field": "v", "type": "quantitative", "title": chart.axis or None,
             "scale": {"domain": [0, lines[-1]]}, "axis": {"values": lines}}  # fmt: skip
    x, y = ("y", "x") if turned else ("x", "y")
    layers: list[dict[str, Any]] = [{"mark": "bar", "encoding": {x: name, y: value}}]
    if chart.printed:
        mark = {"type": "text", "dx": 4, "align": "left"} if turned else {"type": "text", "dy": -6}
        layers.append({"mark": mark, "encoding": {x: name, y: value, "text": {"field": "t"}}})
    spec = {**_base(chart, rng), "data": {"values": rows}, "layer": layers}
    return ToolPicture(render(spec, rng.choice(THEMES)), {"step": step, "low": Decimal(0)})


def lines(chart: Chart, rng: Random) -> ToolPicture:
    """A line mark with or without points, coloured by series."""
    values = [float(v) for row in chart.rows for v in row]
    step, marks = ticks(0, max(values))
    rows = [
        {"n": n, "v": float(v), "s": name or "line", "i": i}
        for name, row in zip(chart.series, chart.rows, strict=True)
        for i, (n, v) in enumerate(zip(chart.names, row, strict=True))
    ]
    encoding: dict[str, Any] = {
        "x": {"field": "n", "type": "ordinal", "sort": None, "title": None},
        "y": {"field": "v", "type": "quantitative", "title": chart.axis or None,
              "scale": {"domain": [0, marks[-1]]}, "axis": {"values": marks}},
    }  # fmt: skip
    if len(chart.series) > 1:
        encoding["color"] = {"field": "s", "type": "nominal", "sort": None, "title": None,
                             "scale": {"range": list(TABLEAU[: len(chart.series)])}}  # fmt: skip
    mark = {"type": "line", "point": rng.random() < 0.6}
    spec = {**_base(chart, rng), "data": {"values": rows}, "mark": mark, "encoding": encoding}
    colors = [_color(i) for i in range(len(chart.series))]
    return ToolPicture(render(spec), {"step": step, "low": Decimal(0), "colors": colors})


def pie(chart: Chart, rng: Random) -> ToolPicture:
    """Arcs with their numbers and a legend."""
    rows = [
        {"n": n, "v": float(v), "t": chart.text(v), "i": i}
        for i, (n, v) in enumerate(zip(chart.names, chart.values, strict=True))
    ]
    hole = rng.choice((0, 0, 40))
    color = {"field": "n", "type": "nominal", "sort": None, "title": None,
             "scale": {"range": list(TABLEAU[: len(rows)])}}  # fmt: skip
    encoding = {"theta": {"field": "v", "type": "quantitative", "stack": True}, "order": {"field": "i"}}
    spec = {
        **_base(chart, rng), "data": {"values": rows}, "encoding": encoding,
        "layer": [
            {"mark": {"type": "arc", "outerRadius": 100, "innerRadius": hole}, "encoding": {"color": color}},
            {"mark": {"type": "text", "radius": 118, "fontSize": 13}, "encoding": {"text": {"field": "t"}}},
        ],
    }  # fmt: skip
    spec["width"] = spec["height"] = 280
    return ToolPicture(render(spec), {"colors": [_color(i) for i in range(len(rows))]})


def _axes(x: str, y: str, at: tuple[list[int], list[int]]) -> dict[str, Any]:
    """Two axes with their names and their grid lines; the range is that of the lines."""
    found = {}
    for key, name, lines in (("x", x, at[0]), ("y", y, at[1])):
        found[key] = {"field": key, "type": "quantitative", "title": name, "axis": {"values": lines},
                      "scale": {"domain": [lines[0], lines[-1]], "nice": False}}  # fmt: skip
    return found


def motion(move: Move, rng: Random) -> ToolPicture:
    """A motion as a line mark over seconds."""
    found, look = move.motion, motion_look(move.motion, rng)
    lines = (list(range(found.end + 1)), list(range(found.low, found.high + 1, found.step)))
    size = rng.choice(((400, 300), (500, 250), (320, 320)))
    spec: dict[str, Any] = {
        "width": size[0], "height": size[1], "mark": {"type": "line", "point": rng.random() < 0.4},
        "data": {"values": [{"x": t, "y": v} for t, v in zip(found.times, found.values, strict=True)]},
        "encoding": _axes(look["x"], look["y"], lines),
    }  # fmt: skip
    return ToolPicture(render(spec | ({"title": look["title"]} if look["title"] else {})))


def curve(matter: Curve, rng: Random) -> ToolPicture:
    """A function's graph as a line mark, its steps with filled and open points."""
    plot = matter.plot
    low, high, bottom, top = plot.bounds
    lines = (list(range(low - 1, high + 2)), list(range(bottom - 1, top + 2)))
    axes = _axes("x", rng.choice(("y", "f(x)")), lines)
    layers: list[dict[str, Any]] = [
        {"data": {"values": [{"x": x, "y": y} for x, y in piece]}, "mark": "line",
         "encoding": {**axes, "order": {"field": "x"}}}
        for piece in curve_pieces(plot)
    ]  # fmt: skip
    if plot.jumps:
        for filled in (True, False):
            values = [{"x": x, "y": y} for x, y, full in dots_of(plot) if full is filled]
            mark = {
                "type": "point",
                "size": 60,
                "filled": True,
                "opacity": 1,
                "color": TABLEAU[0] if filled else "white",
                "stroke": TABLEAU[0],
            }
            layers.append({"data": {"values": values}, "mark": mark, "encoding": axes})
    size = rng.choice(((360, 360), (450, 300), (400, 400)))
    return ToolPicture(render({"width": size[0], "height": size[1], "layer": layers}))
