"""The tables of R1V-Nano's model card from results of ``nano_accuracy.py``, put into the card's files.

    python experiments/nano_card.py --run SFT=sft.json --run MPO=mpo.json --run GRPO=grpo.json \\
        --shipped SFT --write r1v/models/r1v-nano/README.md

A file's text between ``<!-- tables -->`` and ``<!-- /tables -->`` is replaced; without ``--write`` the tables
are printed. What the shipped run did not ask (the questions without their pictures, spoilt pictures) is taken
from the first run that did, and said to be.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parent))

from nano_accuracy import Score, tables
from nano_charts import LEVELS, leading, made_up, pooled

BEGIN, END = "<!-- tables -->", "<!-- /tables -->"


def stages(runs: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """A row for each run, over the families that all of them have; then those asked without pictures, too."""
    names = [name for name in leading(runs) if all(name in run["families"] for run in runs.values())]
    columns = ("all", "easy", "medium", "hard", "claimed", "contradictions", "thinking tokens")
    yield f"| {len(names)} families | {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, result in runs.items():
        rows = [result["families"][family] for family in names]
        levels = " | ".join(str(pooled([row["by_difficulty"][level] for row in rows])) for level in LEVELS)
        stated, wrong = (sum(row["hallucination"][key] for row in rows) for key in ("stated", "wrong"))
        share = f"{100 * wrong / max(stated, 1):.2f}% of {stated:,}"
        claims, tokens = sum(map(claimed, rows)), sum(row["thinking_tokens"] for row in rows) / len(rows)
        yield f"| {name} | {pooled(rows)} | {levels} | {claims} | {share} | {tokens:.0f} |"
    for name, result in runs.items():
        blind = [one for family in names if (one := result["families"][family]["without_image"])]
        if blind:
            yield f"| {name}, no picture: {len(blind)} families | {pooled(blind)} | | | | | | |"


def borrowed(shipped: dict[str, Any], runs: Mapping[str, dict[str, Any]], key: str) -> str | None:
    """Fill in a family's missing ``key`` from the first run that has it; returns that run's name."""
    if any(row[key] for row in shipped["families"].values()):
        return None
    for name, result in runs.items():
        if any(row[key] for row in result["families"].values()):
            for family, row in shipped["families"].items():
                row[key] = result["families"][family][key]
            return name
    return None


def claimed(row: Mapping[str, Any]) -> bool:
    """As ``nano_accuracy.py`` claims, once the figure without the picture is known."""
    blind = row["without_image"]
    without = Score(blind["right"], blind["total"]).share if blind else 0.0
    share = Score(row["right"], row["total"]).share
    return share >= 0.70 and share - without >= 0.20


def text(runs: Mapping[str, dict[str, Any]], shipped: str) -> str:
    """All tables, as Markdown."""
    lines = list(stages(runs))
    chosen = json.loads(json.dumps(runs[shipped]))
    blind, spoilt = (borrowed(chosen, runs, key) for key in ("without_image", "robustness"))
    for row in chosen["families"].values():
        row["claimed"] = claimed(row)
    notes = [f"of {shipped}"]
    notes += [f"*without it* is of {blind}"] * bool(blind)
    notes += [f"spoilt pictures are of {spoilt}"] * bool(spoilt)
    return "\n".join([*lines, f"\nBy family, {', '.join(notes)}:", *tables(chosen["families"])])


def put(path: Path, made: str) -> None:
    """Replace what stands between the marks. Exits where a file lacks them."""
    kept = path.read_text()
    if BEGIN not in kept or END not in kept:
        sys.exit(f"{path} has no {BEGIN} and {END}; put them where the tables belong")
    head, _, rest = kept.partition(BEGIN)
    path.write_text(f"{head}{BEGIN}\n\n{made}\n\n{END}{rest.partition(END)[2]}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="append", metavar="NAME=FILE", help="in the order of the rows")
    parser.add_argument("--shipped", metavar="NAME", help="whose families are shown (default: the last)")
    parser.add_argument("--write", action="append", type=Path, default=[], metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="made-up numbers into a temporary file")
    args = parser.parse_args()
    if args.quick or not args.run:
        runs = {"made up": made_up()}
        args.write = [Path(tempfile.mkdtemp()) / "card.md"]
        args.write[0].write_text(f"# A card\n\n{BEGIN}\n{END}\n")
    else:
        runs = {
            name: json.loads(Path(path).read_text()) for name, _, path in (p.partition("=") for p in args.run)
        }
    shipped = args.shipped or list(runs)[-1]
    if shipped not in runs:
        sys.exit(f"{shipped} is not among the runs {', '.join(runs)}")
    made = text(runs, shipped)
    if not args.write:
        print(made)
    for path in args.write:
        put(path, made)
    print(json.dumps({"name": "nano_card", "runs": list(runs), "shipped": shipped,
                      "files": [str(path) for path in args.write]}))  # fmt: skip


if __name__ == "__main__":
    main()
