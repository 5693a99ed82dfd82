"""GRPO with rollouts by our engine in the trainer's process, and by vLLM in a process of its own; or, with
``--alone``, what our engine gives without a trainer: 2,560 answers of up to 80 tokens, 256 at a time.

The same checkpoint, questions, batch and precision, one after the other in this process; the first step, in
which both still warm up, is not counted. Says how far each engine's log-probabilities are from the trainer's.
Ends with one line of JSON; ``--quick`` takes few steps. On a GPU ``--vllm-devices 1`` is the second one.

``--alone`` takes R1V-Nano's geometry with random weights, prompts of 100 tokens, 8 answers of each,
temperature 1; one token in fifty ends an answer. On a GPU "joined" reads prompts beside the decode steps,
"one pass" together with them. Another commit is measured by the same script:
``git archive COMMIT r1v | tar -x -C FOLDER``, then
``PYTHONPATH=FOLDER python benchmarks/train/rollouts.py --alone``.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import pstats
import random
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.models import IDS, random_model
from shared.report import print_result

from r1v.core import SamplingParams
from r1v.engine import Engine, EngineConfig, EngineRequest
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


class Watch:
    """Within it: how many captured steps are launched, and how long the host waits for the device."""

    def __init__(self) -> None:
        self.launched, self.waited_s = 0, 0.0
        self._replay, self._wait = torch.cuda.CUDAGraph.replay, torch.cuda.Event.synchronize

    def __enter__(self) -> Watch:
        def replay(graph: torch.cuda.CUDAGraph) -> None:
            self.launched += 1
            self._replay(graph)

        def wait(event: torch.cuda.Event) -> None:
            begun = time.perf_counter()
            self._wait(event)
            self.waited_s += time.perf_counter() - begun

        setattr(torch.cuda.CUDAGraph, "replay", replay)  # noqa: B010 - mypy lets no method be assigned
        setattr(torch.cuda.Event, "synchronize", wait)  # noqa: B010
        return self

    def __exit__(self, *error: object) -> None:
        setattr(torch.cuda.CUDAGraph, "replay", self._replay)  # noqa: B010
        setattr(torch.cuda.Event, "synchronize", self._wait)  # noqa: B010


def answer(engine: Engine, number: int, group: int, longest: int, seed: int) -> dict[str, float]:
    """Let an engine give so many answers; what that took."""
    random_ = random.Random(seed)
    ends = tuple(random_.sample(range(10, 1500), 30))
    for prompt in range(number // group):
        ids = tuple(random_.randrange(10, 1500) for _ in range(100))
        params = SamplingParams(
            temperature=1.0, top_p=1.0, repetition_penalty=1.0, seed=seed + prompt, n=group, logprobs=0,
            max_tokens=longest, stop_token_ids=ends, detect_loops=False,
        )  # fmt: skip
        engine.add(EngineRequest(ids, params))
    before, tokens = engine.stats.num_steps, 0
    on_gpu = engine.model.device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize()
    begun, used = time.perf_counter(), time.process_time()
    with Watch() as watch:
        while engine.has_work:
            tokens += sum(len(output.token_ids) for output in engine.step())
    took, used = time.perf_counter() - begun, time.process_time() - used
    steps = engine.stats.num_steps - before
    return {
        "tokens_per_s": tokens / took, "seconds": took, "tokens": tokens, "steps": steps,
        "share_in_graphs": watch.launched / steps, "step_us": took / steps * 1e6,
        "host_us_per_step": (took - watch.waited_s) / steps * 1e6,
        "host_us_per_token": (took - watch.waited_s) / tokens * 1e6, "processor_s": used,
    }  # fmt: skip


def alone(args: argparse.Namespace) -> dict[str, Any]:
    """Our engine without a trainer, with the settings of GRPO's rollouts."""
    on_gpu = args.device.startswith("cuda")
    name, dtype = ("nano", torch.bfloat16) if on_gpu or not args.quick else ("thin", torch.float32)
    torch.manual_seed(0)
    model = random_model(name, dtype, args.device)
    at_once = 16 if args.quick and not on_gpu else 256
    number = 10 * at_once if not args.quick or not on_gpu else 2 * at_once
    longest = 80 if on_gpu or not args.quick else 12
    config = EngineConfig(
        max_num_seqs=at_once, max_step_tokens=16384, max_step_tiles=64, max_model_len=256,
        memory_fraction=0.3, num_draft_tokens=0,
    )  # fmt: skip
    engine = Engine(model, config, IDS)
    answer(engine, 4 * at_once, 8, longest, 10**6)  # captures and compiles
    rows: dict[str, Any] = {"geometry": name, "answers": number, "at_once": at_once, "longest": longest}
    flights = engine._flights
    modes = (
        {"joined": True, "one pass": False} if on_gpu and hasattr(flights, "joins") else {"as it is": True}
    )
    for turn in range(args.steps):
        for mode, joins in modes.items():
            if len(modes) > 1:
                flights.joins = joins
            rows[f"{mode}, turn {turn + 1}"] = found = answer(engine, number, 8, longest, 10**4 * turn)
            print(mode, json.dumps({key: round(value, 3) for key, value in found.items()}), flush=True)
    if len(modes) > 1:
        flights.joins = True
    profile = cProfile.Profile()
    profile.runcall(answer, engine, number // 2, 8, longest, 10**5)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one counted step of 2 x 4 short responses")
    parser.add_argument("--model", default=str(Path(__file__).parents[2] / "r1v" / "models" / "r1v-nano"))
    parser.add_argument("--engines", nargs="+", default=["r1v", "vllm"], choices=["r1v", "vllm"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--vllm-python", default=sys.executable, help="an interpreter that has vLLM and r1v")
    parser.add_argument("--vllm-devices", nargs="*", default=[], help="CUDA_VISIBLE_DEVICES of each engine")
    parser.add_argument("--steps", type=int, help="counted steps; with --alone, runs")
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=192)
    parser.add_argument("--micro-batches", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--importance-cap", type=float, default=0.0)
    parser.add_argument("--out", type=Path, help="where the runs' folders are kept")
    parser.add_argument("--alone", action="store_true", help="our engine without a trainer")
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
    if args.alone:
        print_result("rollouts", {**result, "alone": alone(args)})
        return
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
