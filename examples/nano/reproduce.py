"""R1V-Nano from nothing to its report: a new model, supervised training, the later stages, the measurements.

    python examples/nano/reproduce.py --out runs/reproduce              # one GPU, about two hours
    python examples/nano/reproduce.py --out runs/reproduce --hours 8    # every stage longer in proportion
    python examples/nano/reproduce.py --out runs/try --hours 0.02 --tiny \\
        batch_size=8 micro_batches=1 workers=1 compile=false heldout=1  # every stage once, on a CPU

What is done is not done again: run the same command after an interruption. The report, tables (report.md) and
three charts, lies in the out folder; the best of the checkpoints is named at the end. A smaller twin goes
through the same stages on one core: ``make reproduce-small``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from r1v.figures import FAMILIES

HERE = Path(__file__).parent
BENCHMARKS, EXPERIMENTS = (HERE.parents[1] / name for name in ("benchmarks", "experiments"))
# of each stage in a run of the default length; another length changes all in proportion
SUPERVISED = {"sft": 3600, "sft2": 300, "sft3": 690, "sft4": 450, "sft5": 400, "sft6": 470, "sft7": 425,
              "sft8": 1240, "sft9": 165, "sft10": 324, "sft11": 600}  # fmt: skip
CONFIGS = {
    "sft": "sft.toml", "sft2": "sft-more.toml", "sft3": "sft-longer.toml", "sft4": "sft-decide.toml",
    "sft5": "sft-abroad.toml", "sft6": "sft-abroad-more.toml", "sft7": "sft-abroad-last.toml",
    "sft8": "sft-wide.toml", "sft9": "sft-follow.toml",
    "sft10": "sft-people.toml", "sft11": "sft-people-more.toml",
}  # fmt: skip
LATER = {"pool": 25, "pairs": 60, "reward": 40, "mpo": 100, "grpo": 160}
SECONDS = {**SUPERVISED, **LATER}


def call(*words: str | Path, must: bool = True) -> None:
    """Run a Python command of this project. must: its failure ends all."""
    print("$ python " + " ".join(map(str, words)), flush=True)
    status = subprocess.run([sys.executable, *map(str, words)], check=False).returncode
    if status and must:
        raise SystemExit(status)


def train(stage: str, config: Path, changes: Sequence[str], done: Path) -> None:
    """A stage of ``r1v train``, unless its mark is there."""
    if not done.exists():
        call("-m", "r1v.cli.main", "train", stage, "--config", config, *changes)
        done.touch()


def supervise(out: Path, seconds: dict[str, float], changes: Sequence[str]) -> Path:
    """A new model and its supervised runs, all families from the first; returns the last one's weights.

    The run before the last two had little time: it moves the weights before it, and does not replace them.
    """
    train("init", HERE / "init.toml", [f"out={out / 'init'}"], out / "init.done")
    model, first = out / "init", [
        f"data.families={json.dumps(list(FAMILIES))}", "curriculum.known=[]", "data.first_sample=0"
    ]  # fmt: skip
    for name, config in CONFIGS.items():
        own = [f"model={model}", f"run.out={out / name}", f"run.deadline_s={seconds[name]}", *first]
        train("sft", HERE / config, [*own, *changes], out / f"{name}.done")
        model, first = out / name / "model", []
        if name == "sft9":
            model = out / "mean"
            if not (model / "config.json").exists():
                parts = [out / "sft8" / "model", "0.3", out / "sft9" / "model", "0.7"]
                call(HERE / "mean.py", *parts, "--out", model)
    return model


def measure(models: dict[str, Path], out: Path, options: Sequence[str]) -> str:
    """The accuracy of each checkpoint, the report over all; returns the name of the best."""
    results = {}
    for name, folder in models.items():
        result = out / f"accuracy-{name}.json"
        if not result.exists():
            command = ["--model", folder, *options, "--out", result, "--scores", out / f"scores-{name}.json"]
            call(BENCHMARKS / "nano_accuracy.py", *command)
        results[name] = json.loads(result.read_text())
    best = max(results, key=lambda name: results[name]["mean"])
    runs = [word for name in models for word in ("--run", f"{name}={out / f'accuracy-{name}.json'}")]
    report = out / "report.md"
    report.write_text("# R1V-Nano, reproduced\n\n<!-- tables -->\n<!-- /tables -->\n")
    call(EXPERIMENTS / "nano_card.py", *runs, "--shipped", best, "--write", report)
    call(EXPERIMENTS / "nano_charts.py", *runs, "--out", out)
    return best


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    whole = sum(SECONDS.values()) / 3600
    parser.add_argument("--out", type=Path, required=True, help="the folder of the runs and the report")
    parser.add_argument(
        "--hours", type=float, default=whole, help=f"of training, all stages together (default {whole:.1f})"
    )
    parser.add_argument("--processes", type=int, default=2, help="of the measurement, which can share a GPU")
    parser.add_argument("--n", type=int, default=500, help="held-out items a family")
    parser.add_argument(
        "--tiny", action="store_true", help="the later stages in tiny settings, two families measured"
    )
    parser.add_argument("changes", nargs="*", metavar="key=value", help="for the supervised runs")
    args = parser.parse_intermixed_args()
    if not args.hours > 0:
        parser.error(f"--hours is {args.hours}; it must be more than 0")
    out, seconds = args.out, {name: s * args.hours / whole for name, s in SECONDS.items()}
    out.mkdir(parents=True, exist_ok=True)
    trained = supervise(out, seconds, args.changes)
    limits = [word for name in LATER for word in (f"--{name}-s", str(seconds[name]))]
    # a later stage that fails says so, and what there is, is measured
    call(HERE / "recipe.py", trained, "--out", out / "rl", *limits, *["--tiny"] * args.tiny, must=False)
    found = {
        "SFT": trained,
        "MPO": out / "rl" / "mpo" / "best",
        "GRPO": out / "rl" / "grpo" / "best",
    }
    models = {name: folder for name, folder in found.items() if folder.is_dir()}
    options = ["--n", str(args.n), "--robust", "100", "--processes", str(args.processes)]
    if args.tiny:
        options = ["--n", "8", "--robust", "2", "--family", "clock", "--family", "spatial"]
    best = measure(models, out, options)
    shutil.copytree(models[best], out / "model", dirs_exist_ok=True)
    shutil.copy(out / f"scores-{best}.json", out / "model" / "scores.json")
    print(f"the best is {best}: {out / 'model'}; the report is {out}/report.md, its charts {out}/nano-*.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
