"""GRPO with rollouts by our engine in the trainer's process, and by vLLM in a process of its own.

The same checkpoint, questions, batch and precision, one after the other in this process; the first step, in
which both still warm up, is not counted. Says how far each engine's log-probabilities are from the trainer's.
Ends with one line of JSON; ``--quick`` takes few steps. On a GPU ``--vllm-devices 1`` is the second one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.report import print_result

from r1v.train.core.config_read import make
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer

FAMILIES = ("counting", "clock", "arithmetic")
PARTS = ("rollout_s", "reward_s", "update_s")


def run(args: argparse.Namespace, engine: str, out: Path) -> dict[str, Any]:
    """Some steps with one engine."""
    trainer = GRPOTrainer(
        make(
            GRPOConfig,
            model=args.model, out=str(out), families=FAMILIES, steps=args.steps + 1, prompts=args.prompts,
            group=args.group, max_tokens=args.max_tokens, lr=1e-6, device=args.device, save_every_s=1e9,
            max_num_seqs=args.prompts * args.group, micro_batches=args.micro_batches, workers=args.workers,
            rollout=engine, vllm_python=args.vllm_python, vllm_devices=tuple(args.vllm_devices),
            importance_cap=args.importance_cap,
        )
    )  # fmt: skip
    trainer.train()
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "rollout_s" in row][1:]
    seconds = {part: sum(row[part] for row in rows) for part in PARTS}
    return {
        "samples_per_s": args.steps * args.prompts * args.group / sum(seconds.values()),
        "rollout_samples_per_s": args.steps * args.prompts * args.group / seconds["rollout_s"],
        "length": sum(row["length"] for row in rows) / len(rows),
        "reward": sum(row["reward"] for row in rows) / len(rows),
        "updates": rows[-1]["version"],
        "mismatch_kl": max(row["mismatch"] for row in rows),
        "mismatch_worst": max(row["mismatch_worst"] for row in rows),
        "probe_worst": max(row["probe"] for row in rows),
        "clipped": sum(row["clipped"] for row in rows) / len(rows),
        **{f"share_{part[:-2]}": value / sum(seconds.values()) for part, value in seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one counted step of 2 x 4 short responses")
    parser.add_argument("--model", default=str(Path(__file__).parents[2] / "r1v" / "models" / "r1v-nano"))
    parser.add_argument("--engines", nargs="+", default=["r1v", "vllm"], choices=["r1v", "vllm"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--vllm-python", default=sys.executable, help="an interpreter that has vLLM and r1v")
    parser.add_argument("--vllm-devices", nargs="*", default=[], help="CUDA_VISIBLE_DEVICES of each engine")
    parser.add_argument("--steps", type=int, help="counted steps")
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=192)
    parser.add_argument("--micro-batches", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--importance-cap", type=float, default=0.0)
    parser.add_argument("--out", type=Path, help="where the runs' folders are kept")
    args = parser.parse_args()
    args.steps = args.steps or (1 if args.quick else 4)
    if args.quick:
        args.prompts, args.group, args.max_tokens, args.micro_batches = 2, 4, 64, 1
    on_gpu = args.device.startswith("cuda")
    result: dict[str, Any] = {
        "name": "rollouts",
        "device": torch.cuda.get_device_name() if on_gpu else f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "torch": version("torch")},
        "config": {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()},
    }
    with tempfile.TemporaryDirectory() as scratch:
        for engine in args.engines:
            has = [args.vllm_python, "-c", "import vllm, r1v"]
            if engine == "vllm" and subprocess.run(has, capture_output=True, check=False).returncode:
                print("vllm is left out: --vllm-python names no interpreter that has it and r1v", flush=True)
                continue
            result[engine] = run(args, engine, (args.out or Path(scratch)) / engine)
            print(engine, json.dumps(result[engine]), flush=True)
    print_result("rollouts", result)


if __name__ == "__main__":
    main()
