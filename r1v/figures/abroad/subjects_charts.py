"""Charts and graphs: which tools draw them."""

from __future__ import annotations

from r1v.figures.abroad import chart_tools, charts, graphs, lines, pies, vega
from r1v.figures.abroad.scene import Subject, Tool

_MPL, _SNS, _PD, _VEGA = ("matplotlib",), ("matplotlib", "seaborn"), ("matplotlib", "pandas"), ("vl_convert",)

BARS = Subject(charts.plan_bars, charts.ask_bars, charts.BAR_PHRASES, (
    Tool("matplotlib", "train", chart_tools.matplotlib_bars, _MPL),
    Tool("seaborn", "train", chart_tools.seaborn_bars, _SNS),
    Tool("pandas", "train", chart_tools.pandas_bars, _PD),
    Tool("vega", "heldout", vega.bars, _VEGA),
))  # fmt: skip
LINES = Subject(lines.plan, lines.ask, lines.PHRASES, (
    Tool("matplotlib", "train", chart_tools.matplotlib_lines, _MPL),
    Tool("seaborn", "train", chart_tools.seaborn_lines, _SNS),
    Tool("pandas", "train", chart_tools.pandas_lines, _PD),
    Tool("vega", "heldout", vega.lines, _VEGA),
))  # fmt: skip
PIES = Subject(pies.plan, pies.ask, pies.PHRASES, (
    Tool("matplotlib", "train", chart_tools.matplotlib_pie, _MPL),
    Tool("pandas", "train", chart_tools.pandas_pie, _PD),
    Tool("vega", "heldout", vega.pie, _VEGA),
))  # fmt: skip
MOTIONS = Subject(graphs.plan_motion, graphs.ask_motion, graphs.MOTION_PHRASES, (
    Tool("matplotlib", "train", graphs.matplotlib_motion, _MPL),
    Tool("seaborn", "train", graphs.seaborn_motion, _SNS),
    Tool("vega", "heldout", vega.motion, _VEGA),
))  # fmt: skip
CURVES = Subject(graphs.plan_curve, graphs.ask_curve, graphs.PLOT_PHRASES, (
    Tool("matplotlib", "train", graphs.matplotlib_curve, _MPL),
    Tool("textbook", "train", graphs.textbook_curve, _MPL),
    Tool("vega", "heldout", vega.curve, _VEGA),
))  # fmt: skip
