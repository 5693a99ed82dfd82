"""What ``r1v eval`` shows of stored runs: scores, and the actions that make tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1v.core import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = (
    ("benchmark", "left"), ("score", "right"), ("95% interval", "right"), ("samples", "right"),
    ("verdicts", "left"), ("thinking tokens", "right"),
)  # fmt: skip
FORMS = ("text", "markdown", "latex", "csv", "html")


def configure_views(actions: Any) -> None:
    """Add the subcommands."""
    readings = actions.add_parser("readings", help="the same answers, read in several ways, in one table")
    readings.add_argument("run_folder", metavar="RUN", type=Path, help="the folder of a run")
    readings.add_argument("--judge", metavar="MODEL", help="a model that says which answer a reply gives")
    readings.add_argument("--judge-url", metavar="URL", help="an OpenAI-compatible endpoint of the judge")
    _add_form(readings)
    scaling = actions.add_parser("scaling", help="pass@k, maj@k, best-of-k, and accuracy by thinking tokens")
    scaling.add_argument(
        "runs", metavar="RUN", type=Path, nargs="+",
        help="a run with several epochs; more of other thinking budgets for a curve over them",
    )  # fmt: skip
    scaling.add_argument("--reward", metavar="MODEL", help="folder of a reward model, for best-of-k")
    scaling.add_argument(
        "--device", default="auto", metavar="NAME", help="device of the reward model (default: auto)"
    )
    _add_form(scaling)
    board = actions.add_parser("leaderboard", help="many runs in one table, with significance")
    board.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="folders of scored runs")
    _add_form(board)
    gap = actions.add_parser(
        "gap", help="how much the pictures matter: a run against its blind and captioned ones"
    )
    gap.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="the run, then those without pictures")
    _add_form(gap)


def _add_form(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--form", choices=FORMS, default="text", help="form of the table (default: text)")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="write the table to this file instead of printing it"
    )


def _give(tables: list[Any], args: argparse.Namespace) -> None:
    from r1v.eval.views.tables import FORMS as WRITERS

    text = "\n".join(WRITERS[args.form](table) for table in tables)
    if args.out is None:
        print(text, end="")
        return
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{args.out} cannot be written ({error.strerror})") from error
    print(args.out)


def _readings(args: argparse.Namespace) -> int:
    import os

    from r1v.eval.grading.extraction import Extractor
    from r1v.eval.grading.judge import Judge
    from r1v.eval.model import AnswerSampling, ModelSettings, open_target
    from r1v.eval.prompts import prompt
    from r1v.eval.store import RunFolder
    from r1v.eval.views.readings import readings_table

    with RunFolder(args.run_folder) as folder:
        extractor = None
        if args.judge:
            settings = ModelSettings(args.judge, args.judge_url, os.environ.get("R1V_JUDGE_API_KEY"))
            model = open_target(settings, AnswerSampling(temperature=0.0)).model
            extractor = Extractor(Judge(model, args.judge, folder, prompt("extract")))
        _give([readings_table(folder, extractor)], args)
    return 0


def _scaling(args: argparse.Namespace) -> int:
    from r1v.eval.store import RunFolder
    from r1v.eval.views.scaling import scaling_tables

    rewarder = None
    if args.reward:
        from r1v.train.reward.files import conversation_scorer

        rewarder = conversation_scorer(args.reward, args.device)
    _give(scaling_tables([RunFolder(path) for path in args.runs], rewarder), args)
    return 0


def _leaderboard(args: argparse.Namespace) -> int:
    from r1v.eval.views.leaderboard import leaderboard

    _give([leaderboard(args.runs)], args)
    return 0


def _gap(args: argparse.Namespace) -> int:
    from r1v.eval.store import RunFolder
    from r1v.eval.views.leaderboard import gap_table

    if len(args.runs) < 2:
        raise ConfigError("a gap needs two runs: one with pictures, and one with --pictures none or captions")
    plans = [RunFolder(path).read_json("manifest.json")["identity"]["plan"] for path in args.runs]
    _give([gap_table(args.runs, [str(plan.get("pictures", "shown")) for plan in plans])], args)
    return 0


VIEWS: dict[str, Callable[[argparse.Namespace], int]] = {
    "readings": _readings, "scaling": _scaling, "leaderboard": _leaderboard, "gap": _gap,
}  # fmt: skip


def report_errors(scores: Any, failure: str = "") -> bool:
    """Say why a benchmark has no score, or a score with failed questions in it; whether any has. failure: of
    the first failed question."""
    found = False
    for name, one in scores["tasks"].items():
        failed = one["verdicts"].get("failed", 0)
        if "error" in one:
            reason = f" ({failure})" if failure and failed else ""
            print(f"error: {name}: {one['error']}{reason}", file=sys.stderr)
            found = True
        else:
            found |= report_failed(name, failed, one["samples"], failure)
    return found


def report_failed(name: str, failed: int, asked: int, failure: str) -> bool:
    """Say how many questions failed; whether any did."""
    if failed:
        reason = f"; the first one: {failure}" if failure else ""
        print(
            f"error: {name}: {failed} of {asked} questions failed and count as not right; run the same "
            f"`r1v eval run` to ask them again{reason}",
            file=sys.stderr,
        )
    return failed > 0


def show_scores(scores: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, align in COLUMNS:
        table.add_column(name, justify=align)  # type: ignore[arg-type]
    for name, one in scores["tasks"].items():
        interval = "" if one["low"] is None else f"{100 * one['low']:.1f} to {100 * one['high']:.1f}"
        verdicts = ", ".join(f"{count} {kind}" for kind, count in one["verdicts"].items())
        score = "" if one["score"] is None else f"{100 * one['score']:.1f}"
        tokens = one["tokens"].get("thinking_mean")
        table.add_row(
            f"{name} (part)" if one.get("partial") else name,
            score,
            interval,
            str(one["samples"]),
            verdicts,
            "" if tokens is None else f"{tokens:.0f}",
        )
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)
    how = scores["reading"]["how"]
    if how != "rules":
        reader = scores["reading"].get("judge")
        print(f"answers read by {how}" + (f", with {reader['model']}" if reader else ", without a model"))
    for name, one in scores["tasks"].items():
        if one.get("not_asked"):
            print(f"{name}: {one['not_asked']} samples are not asked yet; run the same command to go on")
        if "grader" in one:
            file = one["grader"].get("file", "a file")
            print(f"{name}: graded by {file}, which has changed since the run began")
        for part, value in one.get("parts", {}).items():
            print(f"{name}, {part}: {100 * value:.1f}")
