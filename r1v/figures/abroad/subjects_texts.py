"""What is written rather than drawn: which tools show it."""

from __future__ import annotations

from r1v.figures.abroad import pages, sum_tools, sums, table_tools, tables
from r1v.figures.abroad.scene import Subject, Tool

_MPL, _WEB = ("matplotlib",), ("!chromium",)

TABLES = Subject(tables.plan, tables.ask, tables.PHRASES, (
    Tool("spreadsheet", "train", table_tools.spreadsheet, _MPL, cheap=True),
    Tool("web", "train", table_tools.web, _MPL, cheap=True),
    Tool("matplotlib", "train", table_tools.matplotlib_table, _MPL),
    Tool("chromium", "heldout", pages.table, _WEB),
))  # fmt: skip
EXPRESSIONS = Subject(sums.plan, sums.ask, sums.PHRASES, (
    Tool("typed", "train", sum_tools.typed, _MPL, cheap=True),
    Tool("mathtext", "train", sum_tools.mathtext, _MPL),
    Tool("chromium", "heldout", sum_tools.chromium, _WEB),
))  # fmt: skip
FORMULAS = Subject(sums.plan_formula, sums.ask, sums.FORMULA_PHRASES, (
    Tool("typed", "train", sum_tools.typed, _MPL, cheap=True),
    Tool("mathtext", "train", sum_tools.mathtext, _MPL),
    Tool("chromium", "heldout", sum_tools.chromium, _WEB),
))  # fmt: skip
