"""What is written rather than drawn: which tools show it."""

from __future__ import annotations

from r1v.figures.abroad import pages, sum_tools, sums, table_tools, tables
from r1v.figures.abroad.scene import DrawingTool, Subject

_MPL, _WEB = ("matplotlib",), ("!chromium",)

TABLES = Subject(tables.plan, tables.ask, tables.PHRASES, (
    DrawingTool("spreadsheet", "train", table_tools.spreadsheet, _MPL, cheap=True),
    DrawingTool("web", "train", table_tools.web, _MPL, cheap=True),
    DrawingTool("matplotlib", "train", table_tools.matplotlib_table, _MPL),
    DrawingTool("chromium", "heldout", pages.table, _WEB),
))  # fmt: skip
EXPRESSIONS = Subject(sums.plan, sums.ask, sums.PHRASES, (
    DrawingTool("typed", "train", sum_tools.typed, _MPL, cheap=True),
    DrawingTool("mathtext", "train", sum_tools.mathtext, _MPL),
    DrawingTool("chromium", "heldout", sum_tools.chromium, _WEB),
))  # fmt: skip
FORMULAS = Subject(sums.plan_formula, sums.ask, sums.FORMULA_PHRASES, (
    DrawingTool("typed", "train", sum_tools.typed, _MPL, cheap=True),
    DrawingTool("mathtext", "train", sum_tools.mathtext, _MPL),
    DrawingTool("chromium", "heldout", sum_tools.chromium, _WEB),
))  # fmt: skip
