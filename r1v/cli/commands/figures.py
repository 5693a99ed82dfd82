"""``r1v figures``: list families and tools, make questions on disk, show some, ask a model about new ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from r1v.cli.commands import quiz
from r1v.core import ConfigError, usable_cores

if TYPE_CHECKING:
    from r1v.figures.dataset import DatasetConfig, DatasetReport


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of all actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser(
        "list",
        help="list the families and the tools that draw them",
        description="List the families, what they ask about, and other people's tools that draw them too.",
    )
    make = actions.add_parser(
        "make",
        help="write pictures and questions to a folder",
        description="Write N items of each family: pictures and data.jsonl. "
        "Run the same command again to go on after an interruption.",
    )
    make.add_argument("--n", type=int, default=100, metavar="N", help="items of each family")
    make.add_argument("--out", required=True, metavar="DIR", help="new or empty folder, or one to go on with")
    make.add_argument("--workers", type=int, metavar="W", help="processes (default: one for each CPU core)")
    show = actions.add_parser(
        "show",
        help="make a contact sheet with questions and answers",
        description="Draw N items, of the families in turn, on one picture with questions and answers.",
    )
    show.add_argument("--n", type=int, default=16, metavar="N", help="items in all")
    show.add_argument("--out", required=True, metavar="FILE", help="picture to write, such as sheet.png")
    show.add_argument("--columns", type=int, default=4, metavar="C", help="number of pictures side by side")
    quiz.configure(
        actions.add_parser(
            "quiz",
            help="ask a model about new figures",
            description="Draw N figures that were in no data set, ask a model, show what it says.",
        )
    )
    for action in (make, show):
        action.add_argument(
            "--family", action="append", metavar="F",
            help="draw this family; may be given several times (default: all)",
        )  # fmt: skip
        action.add_argument(
            "--split", metavar="S", help="draw from this split: train or heldout (default: both)"
        )
        action.add_argument("--seed", type=int, default=0, metavar="N", help="first seed")
        action.add_argument("--difficulty", metavar="D", help="easy, medium or hard (default: all)")
        action.add_argument("--variation", type=float, default=1.0, metavar="V",
                            help="how much the look varies: 0 is plain, 1 any")  # fmt: skip
        action.add_argument(
            "--tool", metavar="T",
            help="draw with this tool of other people instead (`r1v figures list` names them)",
        )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Carry out the action."""
    if args.action == "quiz":
        return quiz.run(args)
    if args.action == "list":
        return _list()
    return _make(args) if args.action == "make" else _show(args)


def _list() -> int:
    from r1v.figures import FAMILIES, abroad, family

    width = max(map(len, FAMILIES))
    for name in FAMILIES:
        print(f"{name:<{width}}  {family(name).summary}")
        if name not in abroad.SUBJECTS:
            continue
        named: dict[str, list[str]] = {"train": [], "heldout": []}
        for tool, found in abroad.tools(name).items():
            lacks = found.missing()
            named[found.split].append(f"{tool} (needs {', '.join(lacks)})" if lacks else tool)
        print(f"{'':<{width}}  other tools: {', '.join(named['train'])}")
        print(f"{'':<{width}}  never for training: {', '.join(named['heldout'])}")
    return 0


def _config(args: argparse.Namespace) -> DatasetConfig:
    """What make and show are to draw; without families, all, or all that a named tool draws."""
    from r1v.figures import FAMILIES, abroad
    from r1v.figures.dataset import DatasetConfig

    families = tuple(args.family or FAMILIES)
    if args.tool is not None and not args.family:
        families = tuple(name for name in abroad.SUBJECTS if args.tool in abroad.tools(name))
        if not families:
            known = sorted({tool for name in abroad.SUBJECTS for tool in abroad.tools(name)})
            raise ConfigError(f"--tool {args.tool} is not known; use one of {', '.join(known)}")
    return DatasetConfig(
        families=families,
        num_items=args.n,
        seed=args.seed,
        split=args.split,
        difficulty=args.difficulty,
        variation=args.variation,
        tool=args.tool,
    )


def _make(args: argparse.Namespace) -> int:
    from r1v.figures.dataset import make_dataset

    config = _config(args)
    workers = args.workers if args.workers is not None else usable_cores()
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        with Progress(BarColumn(), MofNCompleteColumn(), "items, left", TimeRemainingColumn(),
                      console=Console(stderr=True), transient=True) as bar:  # fmt: skip
            task = bar.add_task("", total=None)
            report = make_dataset(
                config,
                args.out,
                workers=workers,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    else:
        report = make_dataset(config, args.out, workers=workers)
    _print_report(report, args.out)
    return 0


def _print_report(report: DatasetReport, out: str) -> None:
    """Items, and the speed of each family."""
    if report.num_found == report.num_items:
        print(f"{out} is complete already: {report.num_items} items")
        return
    made = report.num_items - report.num_found
    width = max(map(len, report.times))
    print(f"{'family':<{width}}  items  items/s of one core (with writing)")
    for name, spent in report.times.items():
        if spent.num_items:
            fast = spent.num_items / max(spent.make_s, 1e-9)
            slow = spent.num_items / max(spent.make_s + spent.write_s, 1e-9)
            print(f"{name:<{width}}  {spent.num_items:5d}  {fast:7.0f} ({slow:.0f})")
    found = f" ({report.num_found} were there already)" if report.num_found else ""
    print(f"{report.num_items} items in {out}{found}; {made / report.wall_s:.0f} items/s in all, "
          f"{report.wall_s:.1f} s")  # fmt: skip


def _show(args: argparse.Namespace) -> int:
    from r1v.figures.drawing.sheet import contact_sheet

    config = _config(args)
    families = config.families
    if args.columns < 1:
        raise ConfigError(f"--columns is {args.columns}; it must be at least 1")
    target = Path(args.out)
    if target.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise ConfigError(f"--out is {args.out}; it must end in .png, .jpg or .webp")
    if not target.absolute().parent.is_dir():
        raise ConfigError(f"the folder of {args.out} does not exist; make it, or name another")
    # The families take turns, and a family's next item has its next seed.
    chosen = [seed for seed in config.item_seeds() for _ in families][: args.n]
    figures = [config.figure(families[i % len(families)], seed) for i, seed in enumerate(chosen)]
    try:
        contact_sheet(figures, columns=args.columns).save(target)
    except OSError as error:
        raise ConfigError(f"cannot write {args.out}: {error.strerror or error}; name another file") from error
    print(f"{len(figures)} figures on {args.out}")
    return 0
