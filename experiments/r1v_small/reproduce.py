"""R1V-Small from R1V-Nano and Qwen2.5-Coder-0.5B-Instruct to its tables, stage by stage.

    R1V_REAL_WEIGHTS=FOLDER python experiments/r1v_small/reproduce.py --out runs/r1v-small
    python experiments/r1v_small/reproduce.py --out runs/try --tiny    # every stage once, on a CPU

Stages: assemble, targets, projector, adapter, pack, measure; `--only STAGE` runs one. What is done is not
done again. Every GPU of the machine is used. Without R1V_REAL_WEIGHTS the language model comes from the Hub.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = HERE.parents[1] / "benchmarks"
STAGES = ("assemble", "targets", "projector", "adapter", "pack", "measure")
SECONDS = {"targets": 100, "projector": 60, "adapter": 400}
WRITERS = 3  # processes a GPU that write targets
TINY = ["optim.batch_size=2", "run.steps=1", "run.deadline_s=0", "data.workers=0", "data.prefetch=1",
        "run.log_every=1", "run.bf16=false"]  # fmt: skip


def gpus() -> int:
    """GPUs of this machine."""
    import torch

    return torch.cuda.device_count()


def start(*words: str | Path, gpu: int | None = None) -> subprocess.Popen[bytes]:
    """A Python command of this project, on one of the GPUs or as it chooses."""
    print("$ python " + " ".join(map(str, words)), flush=True)
    own = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu)}
    return subprocess.Popen([sys.executable, *map(str, words)], env=os.environ | own)


def wait(*running: subprocess.Popen[bytes]) -> None:
    """End with the first that fails."""
    for status in [one.wait() for one in running]:
        if status:
            raise SystemExit(status)


def targets(args: argparse.Namespace, base: Path, out: Path) -> None:
    """What the language model writes, in shards; joined at the end."""
    shards = max(1, gpus()) * WRITERS if gpus() else 1
    own = ["--number", "24", "--batch", "12", "--max-tokens", "120"] if args.tiny else []
    workers = max(1, (os.cpu_count() or 2) // shards)
    wait(*(
        start(HERE / "targets.py", "--model", base, "--out", out, "--shard", str(k), str(shards), "--seconds",
              str(args.seconds.get("targets", SECONDS["targets"])), "--workers", str(workers), *own,
              gpu=k % gpus() if gpus() else None)
        for k in range(shards)
    ))  # fmt: skip
    for name in ("picture", "text"):
        parts = [(out / f"{name}-{k}.jsonl").read_text(encoding="utf-8") for k in range(shards)]
        (out / f"{name}.jsonl").write_text("".join(parts), encoding="utf-8")


def train(args: argparse.Namespace, stage: str, model: Path, out: Path) -> None:
    """A supervised run of a configuration beside this file."""
    texts = out / "targets" / "text.jsonl", out / "targets" / "picture.jsonl"
    sources = {"projector": ["figures::5", f"{texts[1]}::4"],
               "adapter": ["figures::26", "people::10", "abroad::18", "talk::9", "refuse::2",
                           f"{texts[1]}::20", f"{texts[0]}::15"]}[stage]  # fmt: skip
    changes = [f"model.path={model}", f"run.out={out / stage}", f"data.source={json.dumps(sources)}",
               f"run.deadline_s={args.seconds.get(stage, SECONDS[stage])}", *args.changes]  # fmt: skip
    if args.tiny:
        changes += TINY
    words = ["-m", "r1v.cli.main", "train", "sft", "--config", HERE / f"{stage}.toml", *changes]
    if gpus() > 1:
        words = ["-m", "torch.distributed.run", "--nproc-per-node", str(gpus()), *words]
    else:
        words.append("model.replicate=false")
    wait(start(*words))


def measure(args: argparse.Namespace, base: Path, model: Path, out: Path) -> None:
    """The tables: figures with and without pictures, other tools' pictures, descriptions, conversations, sums
    and instructions, the last two of the language model alone too; figures of the projector alone, and before
    rounding."""
    results = out / "results"
    results.mkdir(exist_ok=True)
    merged = out / "merged"
    if not (merged / "config.json").exists():
        wait(start("-m", "r1v.cli.main", "convert", model, merged, "--merge-adapter"))
    families = [word for name in _families(args) for word in ("--family", name)]
    few = args.tiny
    common = ["--batch", "4" if few else "192"]
    data = os.environ.get("R1V_TEST_DATA")
    instructions = ["--data", Path(data) / "ifeval" / "input_data.jsonl"] if data else []
    number = ["--number", "2" if few else str(args.number)]
    items = ["--items", args.items] if args.items else ["--each", "1" if few else "30", "--trained", "0"]
    each = ["--n", "1"] if few else ["--each", str(args.each)]
    several = ["--processes", str(args.processes)]
    figures = [BENCHMARKS / "nano_accuracy.py", *families, *common]
    less = ["--n", "1", "--no-blind"] if few else ["--each", str(max(1, args.each // 3)), "--no-blind"]
    work = [
        [*figures, "--model", merged, *each, *several,
         "--out", results / "figures.json", "--samples", results / "figures.jsonl"],
        [HERE / "measure.py", "--model", merged, *number, *common, *instructions, *several,
         "--out", results / "adapted.json"],
        [BENCHMARKS / "nano_abroad.py", "--model", merged, *items, *common, *several,
         *(families if few else []), "--out", results / "abroad.json", "--samples", results / "abroad.jsonl"],
        [HERE / "measure.py", "--model", merged, "--no-pictures", "--only", "describe", "--only", "talk",
         *number, *common, "--out", results / "blind.json"],
        [HERE / "measure.py", "--model", base, "--only", "sums", "--only", "ifeval", *number, *common,
         *instructions, "--out", results / "language.json"],
        [*figures, "--model", out / "projector" / "model", *less, "--out", results / "projector.json"],
        [*figures, "--model", out / "adapter" / "model", *less, "--out", results / "unrounded.json"],
    ]  # fmt: skip
    if gpus():
        wait(*(start(*words, gpu=k % gpus()) for k, words in enumerate(work)))
        return
    for words in work:
        wait(start(*words))


def _families(args: argparse.Namespace) -> list[str]:
    sys.path.insert(0, str(HERE.parent))
    from r1v_small.wordings import ABOUT

    return ["clock"] if args.tiny else list(ABOUT)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--only", action="append", choices=STAGES, help="this stage; may be given several times"
    )
    parser.add_argument("--seconds", action="append", default=[], metavar="STAGE=N", help="length of a stage")
    parser.add_argument("--each", type=int, default=8, help="held-out figures of each family and difficulty")
    parser.add_argument(
        "--number", type=int, default=250, help="held-out descriptions, conversations and sums"
    )
    parser.add_argument("--items", type=Path, help="pictures that nano_abroad.py --draw has left")
    parser.add_argument(
        "--tiny", action="store_true", help="every stage once, with a step and an item or two"
    )
    parser.add_argument("changes", nargs="*", metavar="key=value", help="of both supervised runs")
    parser.add_argument("--processes", type=int, default=1, help="of each of the large measures")
    args = parser.parse_intermixed_args()
    args.seconds = {name: float(value) for name, _, value in (one.partition("=") for one in args.seconds)}
    return args


def main() -> None:
    args = options()
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    base = out / "base"
    work = {
        "assemble": (base / "config.json", lambda: wait(start(HERE / "assemble.py", "--out", base))),
        "targets": (out / "targets" / "text.jsonl", lambda: targets(args, base, out / "targets")),
        "projector": (out / "projector/model/config.json", lambda: train(args, "projector", base, out)),
        "adapter": (
            out / "adapter/model/config.json",
            lambda: train(args, "adapter", out / "projector" / "model", out),
        ),
        "pack": (
            out / "model/adapter/adapter.json",
            lambda: wait(start(HERE / "pack.py", "--base", base, "--run", out / "adapter",
                               "--out", out / "model")),
        ),
        "measure": (out / "results/language.json", lambda: measure(args, base, out / "model", out)),
    }  # fmt: skip
    times: dict[str, float] = {}
    for stage in args.only or STAGES:
        done, run = work[stage]
        begun = time.monotonic()
        if not done.exists():
            run()
        times[stage] = round(time.monotonic() - begun, 1)
    print(json.dumps({"name": "r1v_small_stages", **{f"seconds/{stage}": s for stage, s in times.items()}}))


if __name__ == "__main__":
    main()
