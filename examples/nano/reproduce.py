"""R1V-Nano from nothing to its report: a new model, supervised training, the later stages, the measurements.

    python examples/nano/reproduce.py --out runs/reproduce              # one GPU, about two hours
    python examples/nano/reproduce.py --out runs/small --small          # a CPU, under an hour: a smaller twin

The twin has the same parts and goes through the same stages, on families that need no reading, with
pictures of 224 pixels. What is done is not done again: run the same command after an interruption. The
report, a table and three charts, lies in the out folder; the best of the checkpoints is named at the end.
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
FAMILIES = ("counting", "odd_one", "arithmetic")
NAMED = f"families={json.dumps(FAMILIES)}"

# the twin: 2.6 million parameters
SMALL_INIT = [
    NAMED, "vocab_size=640", "tokenizer_samples=600", "image_size=224", "vision_hidden=128",
    "vision_layers=4",
    "vision_heads=2", "vision_mlp=512", "llm_hidden=192", "llm_layers=4", "llm_heads=3", "llm_kv_heads=1",
    "llm_mlp=512", "context=1024",
]  # fmt: skip
SMALL_SFT = [
    NAMED, "batch_size=32", "micro_batches=1", "workers=1", "prefetch=4", "compile=false", "heldout=32",
    "eval_every=300", "warmup_steps=50", "widen=0.005", "floor_start=0.4", "floor_end=0.7",
]  # fmt: skip
# seconds of each stage, and what makes it fit a CPU
SMALL_SECONDS = {"pairs": 180, "reward": 150, "mpo": 300, "pool": 90, "grpo": 420}
SMALL_CHANGES = [NAMED, "workers=1", "max_num_seqs=64", "memory_fraction=0.1", "max_tokens=160"]


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


def measure(models: dict[str, Path], out: Path, number: int, families: Sequence[str], processes: int) -> str:
    """The accuracy of each checkpoint, the charts over them; returns the name of the best."""
    results = {}
    named = [word for family in families for word in ("--family", family)]
    for name, folder in models.items():
        result = out / f"accuracy-{name}.json"
        if not result.exists():
            spoilt = () if families else ("--robust", "100")
            command = ["--model", folder, "--n", str(number), "--processes", str(processes), "--out", result]
            scores = ["--scores", out / f"scores-{name}.json"]
            call(BENCHMARKS / "nano_accuracy.py", *command, *scores, *spoilt, *named)
        results[name] = json.loads(result.read_text())
    runs = [word for name in models for word in ("--run", f"{name}={out / f'accuracy-{name}.json'}")]
    call(BENCHMARKS / "nano_charts.py", *runs, "--out", out)
    return max(results, key=lambda name: results[name]["mean"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder of the runs and the report")
    parser.add_argument("--small", action="store_true", help="a smaller twin, on a CPU in under an hour")
    parser.add_argument(
        "--sft-s", type=float, help="seconds of supervised training (default: 3600, small 1200)"
    )
    parser.add_argument("--processes", type=int, default=2, help="of the measurement, which can share a GPU")
    parser.add_argument("--n", type=int, help="held-out items a family (default: 500, small 150)")
    args = parser.parse_args()
    out, small = args.out, args.small
    out.mkdir(parents=True, exist_ok=True)
    shape = SMALL_INIT if small else []
    train("init", HERE / "init.toml", [f"out={out / 'init'}", *shape], out / "init.done")
    seconds = args.sft_s or (1200 if small else 3600)
    changes = [
        f"model={out / 'init'}",
        f"out={out / 'sft'}",
        "known=[]",
        "first_sample=0",
        f"deadline_s={seconds}",
    ]
    train("sft", HERE / "sft.toml", [*changes, *(SMALL_SFT if small else [])], out / "sft.done")
    trained = out / "sft" / "model"
    if not small:
        more = [f"model={trained}", f"out={out / 'sft2'}"]
        train("sft", HERE / "sft-more.toml", more, out / "sft2.done")
        trained = out / "sft2" / "model"
    stages = [word for name, s in SMALL_SECONDS.items() for word in (f"--{name}-s", str(s))] if small else []
    small_stages = ["--small", *stages, *SMALL_CHANGES] if small else []
    # a later stage that fails says so, and what there is, is measured
    call(HERE / "recipe.py", trained, "--out", out / "rl", *small_stages, must=False)
    found = {
        "SFT": trained,
        "MPO": out / "rl" / "mpo" / "best",
        "GRPO": out / "rl" / "grpo" / "best",
    }
    models = {name: folder for name, folder in found.items() if folder.is_dir()}
    number = args.n or (150 if small else 500)
    best = measure(models, out, number, FAMILIES if small else (), args.processes)
    shutil.copytree(models[best], out / "model", dirs_exist_ok=True)
    shutil.copy(out / f"scores-{best}.json", out / "model" / "scores.json")
    print(f"the best is {best}: {out / 'model'}; the report is {out}/accuracy-*.json and {out}/nano-*.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
