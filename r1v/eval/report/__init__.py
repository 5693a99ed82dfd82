"""Reports: Markdown, and one HTML page that needs nothing beside it.

Enters: scored run folders. Leaves: report.md and report.html. Always holds: a published number is shown with
its source and its note; where numbers of different sources are in one table or chart, it says so; what a
model wrote is shown as text and never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from r1v.eval.report.collect import collect
from r1v.eval.report.markdown import markdown
from r1v.eval.report.page import page
from r1v.write_lock import writing


def write_report(runs: Sequence[Path], out: Path, *, max_samples: int = 200) -> list[Path]:
    """Write both reports into ``out``; returns their paths. Raises RunError for folders that are not scored
    runs."""
    paths = [out / "report.md", out / "report.html"]
    with writing(out):
        report = collect(runs, max_samples)
        out.mkdir(parents=True, exist_ok=True)
        paths[0].write_text(markdown(report), encoding="utf-8")
        paths[1].write_text(page(report), encoding="utf-8")
    return paths
