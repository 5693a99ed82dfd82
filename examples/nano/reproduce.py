"""R1V-Nano from nothing to its report: a new model, supervised training, the later stages, the measurements.

    python examples/nano/reproduce.py --out runs/reproduce              # one GPU, about two hours

What is done is not done again: run the same command after an interruption. The report, a table and three
charts, lies in the out folder; the best of the checkpoints is named at the end. A smaller twin goes through
the same stages on one core: ``make reproduce-small``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = HERE.parents[1] / "benchmarks"


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


def measure(models: dict[str, Path], out: Path, number: int, processes: int) -> str:
    """The accuracy of each checkpoint, the charts over them; returns the name of the best."""
    results = {}
    for name, folder in models.items():
        result = out / f"accuracy-{name}.json"
        if not result.exists():
            command = ["--model", folder, "--n", str(number), "--processes", str(processes), "--out", result]
            more = ["--scores", out / f"scores-{name}.json", "--robust", "100"]
            call(BENCHMARKS / "nano_accuracy.py", *command, *more)
        results[name] = json.loads(result.read_text())
    runs = [word for name in models for word in ("--run", f"{name}={out / f'accuracy-{name}.json'}")]
    call(BENCHMARKS / "nano_charts.py", *runs, "--out", out)
    return max(results, key=lambda name: results[name]["mean"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder of the runs and the report")
    parser.add_argument("--sft-s", type=float, default=3600, help="seconds of supervised training")
    parser.add_argument("--processes", type=int, default=2, help="of the measurement, which can share a GPU")
    parser.add_argument("--n", type=int, default=500, help="held-out items a family")
    args = parser.parse_args()
    out = args.out
    out.mkdir(parents=True, exist_ok=True)
    train("init", HERE / "init.toml", [f"out={out / 'init'}"], out / "init.done")
    first = [f"model={out / 'init'}", f"out={out / 'sft'}", "known=[]", "first_sample=0"]
    train("sft", HERE / "sft.toml", [*first, f"deadline_s={args.sft_s}"], out / "sft.done")
    trained = out / "sft" / "model"
    for name, config in (("sft2", "sft-more.toml"), ("sft3", "sft-longer.toml")):
        train("sft", HERE / config, [f"model={trained}", f"out={out / name}"], out / f"{name}.done")
        trained = out / name / "model"
    # a later stage that fails says so, and what there is, is measured
    call(HERE / "recipe.py", trained, "--out", out / "rl", must=False)
    found = {
        "SFT": trained,
        "MPO": out / "rl" / "mpo" / "best",
        "GRPO": out / "rl" / "grpo" / "best",
    }
    models = {name: folder for name, folder in found.items() if folder.is_dir()}
    best = measure(models, out, args.n, args.processes)
    shutil.copytree(models[best], out / "model", dirs_exist_ok=True)
    shutil.copy(out / f"scores-{best}.json", out / "model" / "scores.json")
    print(f"the best is {best}: {out / 'model'}; the report is {out}/accuracy-*.json and {out}/nano-*.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
