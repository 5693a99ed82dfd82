"""Our verdicts compared with those of the official scorers, on recorded answers and on variations of the
right ones.

Two kinds of official scorers. Packages, installed beside r1v without dependencies:

    pip install --no-deps bfcl-eval lm-eval lmms-eval && pip install mpmath

(IFEval also needs its prompts: R1V_TEST_DATA names a folder with ifeval/input_data.jsonl), and repositories,
cloned into the folder that --repositories names (which ones: benchmarks/shared/parity_repositories.py):

    pip install pandas lxml levenshtein antlr4-python3-runtime==4.11.*

Scorers that are not installed are skipped, which is printed. Prints a table, every difference, and a last
line of JSON; --page writes the differences as docs/measurements/evaluation-parity.md has them.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.parity import Parity
from shared.parity_packages import PACKAGES
from shared.parity_repositories import REPOSITORIES
from shared.parity_toolkit import TOOLKIT
from shared.report import commit, print_result

from r1v.core import UnavailableError

NAMES = (*PACKAGES, *REPOSITORIES, *TOOLKIT)
HEAD = """# Where our verdicts and the official ones differ

Printed by `python benchmarks/eval/parity.py --repositories DIR --page PAGE`; counts and kinds of differences
stand in [evaluation](evaluation.md). 1 is right, 0 is wrong. Where MMMU's
official parser finds no letter it draws one, and is right by chance alone. Run at {commit} on {day}.

"""


def table(results: list[Parity]) -> str:
    """The counts, as Markdown."""
    lines = ["| benchmark | official scorer | answers | right by it | differences |", "|---|---|---|---|---|"]
    for one in results:
        lines.append(
            f"| {one.name} | {one.official} | {one.compared:,} | {one.right:,} | {len(one.differences)} |"
        )
    return "\n".join(lines)


def page(results: list[Parity]) -> str:
    """Every difference, as Markdown."""
    parts = []
    for one in results:
        if one.differences:
            rows = "\n".join(
                f"| `{_cell(what)}` | {float(ours):g} | {float(official):g} |"
                for what, ours, official in one.differences
            )
            parts.append(
                f"## {one.name}: {len(one.differences)} of {one.compared:,}\n\n"
                f"| answer | ours | official |\n|---|---|---|\n{rows}\n"
            )
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=541, help="questions of each benchmark")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=NAMES, action="append")
    parser.add_argument("--repositories", type=Path, help="folder of clones")
    parser.add_argument("--page", type=Path, help="write the differences to this file too")
    args = parser.parse_args()
    comparisons: dict[str, Callable[[int], Parity]] = dict(PACKAGES)
    if args.repositories:
        comparisons |= {
            name: partial(one, args.repositories) for name, one in {**REPOSITORIES, **TOOLKIT}.items()
        }
    results = []
    for name in args.only or comparisons:
        try:
            results.append(comparisons[name](100 if args.quick else args.count))
        except (UnavailableError, ImportError, KeyError) as error:
            print(f"{name} is skipped: {error!r}", file=sys.stderr)
    print(table(results))
    print()
    print(page(results))
    if args.page:
        head = HEAD.format(commit=commit(), day=f"{datetime.date.today():%-d %B %Y}")
        args.page.write_text(head + page(results), encoding="utf-8")
    counts = {one.name: {"compared": one.compared, "differences": len(one.differences)} for one in results}
    print_result("parity", {"results": counts})


if __name__ == "__main__":
    main()
