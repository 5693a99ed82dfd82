"""The actions of ``r1v eval`` that make tables from stored runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1v.core import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS = ("text", "markdown", "latex", "csv")


def configure_views(actions: Any) -> None:
    """Add the subcommands."""
    readings = actions.add_parser("readings", help="the same answers, read in several ways, in one table")
    readings.add_argument("run_folder", metavar="RUN", type=Path, help="the folder of a run")
    readings.add_argument("--judge", metavar="MODEL", help="a model that says which answer a reply gives")
    readings.add_argument("--judge-url", metavar="URL", help="an OpenAI-compatible endpoint of the judge")
    _add_form(readings)


def _add_form(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--form", choices=FORMS, default="text", help="of the table (default: text)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write it there instead of printing it")


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

    from r1v.eval.extraction import Extractor
    from r1v.eval.judge import Judge
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


VIEWS: dict[str, Callable[[argparse.Namespace], int]] = {"readings": _readings}
