"""The same stored answers, read in several ways, in one table.

Enters: a run folder. Leaves: each benchmark's score in each way of reading (``extraction``). Always holds:
nothing is generated, so two columns differ by the reading alone.
"""

from __future__ import annotations

from r1v.eval.benchmark import GradingTools
from r1v.eval.grading.extraction import READINGS, Extractor
from r1v.eval.questions.own import recorded_benchmark
from r1v.eval.score import Judged, reread, score_task, summarise
from r1v.eval.store import RunError, RunFolder
from r1v.eval.views.tables import TextTable, share
from r1v.scoring import MathVerifier, Verdict
from r1v.scoring.verifier import available


def readings_table(folder: RunFolder, extractor: Extractor | None = None) -> TextTable:
    """One row for each benchmark, one column for each way; "judge" only if a model reads. Raises RunError."""
    manifest = folder.manifest()
    if manifest is None:
        raise RunError(f"{folder.path} has no manifest.json; give the folder of a run")
    ways = [way for way in READINGS if way != "judge" or extractor is not None]
    samples = folder.samples().values()
    verifier = MathVerifier() if available() else None
    rows = []
    try:
        for name, entry in manifest["identity"]["tasks"].items():
            which, items = recorded_benchmark(name, entry.get("own")), folder.items(name)
            own = [sample for sample in samples if sample.task == name]
            cells = []
            for way in ways:
                reader = extractor if way == "judge" else None
                graded = score_task(
                    reread(which, way, reader), items, own, GradingTools(verifier), extractor=reader
                )
                epochs = manifest["identity"]["plan"]["epochs"]
                cells.append(_cell(summarise(which, graded, epochs, items), graded))
            rows.append((name, str(len(own)), *cells))
    finally:
        if verifier is not None:
            verifier.close()
    notes = ["In brackets: the 95% interval; after it, answers in which nothing was found."]
    if extractor is None:
        notes.append("No model reads here: what VLMEvalKit's rules cannot read, it would ask one about.")
    return TextTable(
        "The same answers, read in several ways", ("benchmark", "samples", *ways), tuple(rows), tuple(notes)
    )


def _cell(summary: object, graded: list[Judged]) -> str:
    assert isinstance(summary, dict)
    missing = sum(one.verdict in (Verdict.UNPARSED, Verdict.TRUNCATED) for one in graded)
    shown = share(summary["score"], summary["low"], summary["high"])
    return f"{shown}, {missing} none" if missing else shown
