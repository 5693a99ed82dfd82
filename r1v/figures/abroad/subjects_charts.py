"""Charts and graphs: which tools draw them."""

from __future__ import annotations

from r1v.figures.abroad import chart_tools, charts, graphs, lines, painted_charts, painted_graphs, pies, vega
from r1v.figures.abroad.scene import DrawingTool, Subject

_MPL, _SNS, _PD, _VEGA = ("matplotlib",), ("matplotlib", "seaborn"), ("matplotlib", "pandas"), ("vl_convert",)

BARS = Subject(charts.plan_bars, charts.ask_bars, charts.BAR_PHRASES, (
    DrawingTool("matplotlib", "train", chart_tools.matplotlib_bars, _MPL),
    DrawingTool("seaborn", "train", chart_tools.seaborn_bars, _SNS),
    DrawingTool("pandas", "train", chart_tools.pandas_bars, _PD),
    DrawingTool("painted", "train", painted_charts.bars, cheap=True),
    DrawingTool("vega", "heldout", vega.bars, _VEGA),
))  # fmt: skip
LINES = Subject(lines.plan, lines.ask, lines.PHRASES, (
    DrawingTool("matplotlib", "train", chart_tools.matplotlib_lines, _MPL),
    DrawingTool("seaborn", "train", chart_tools.seaborn_lines, _SNS),
    DrawingTool("pandas", "train", chart_tools.pandas_lines, _PD),
    DrawingTool("painted", "train", painted_charts.lines, cheap=True),
    DrawingTool("vega", "heldout", vega.lines, _VEGA),
))  # fmt: skip
PIES = Subject(pies.plan, pies.ask, pies.PHRASES, (
    DrawingTool("matplotlib", "train", chart_tools.matplotlib_pie, _MPL),
    DrawingTool("pandas", "train", chart_tools.pandas_pie, _PD),
    DrawingTool("painted", "train", painted_charts.pie, cheap=True),
    DrawingTool("vega", "heldout", vega.pie, _VEGA),
))  # fmt: skip
MOTIONS = Subject(graphs.plan_motion, graphs.ask_motion, graphs.MOTION_PHRASES, (
    DrawingTool("matplotlib", "train", graphs.matplotlib_motion, _MPL),
    DrawingTool("seaborn", "train", graphs.seaborn_motion, _SNS),
    DrawingTool("painted", "train", painted_graphs.motion, _MPL, cheap=True),
    DrawingTool("vega", "heldout", vega.motion, _VEGA),
))  # fmt: skip
CURVES = Subject(graphs.plan_curve, graphs.ask_curve, graphs.PLOT_PHRASES, (
    DrawingTool("matplotlib", "train", graphs.matplotlib_curve, _MPL),
    DrawingTool("textbook", "train", graphs.textbook_curve, _MPL),
    DrawingTool("painted", "train", painted_graphs.curve, _MPL, cheap=True),
    DrawingTool("vega", "heldout", vega.curve, _VEGA),
))  # fmt: skip
