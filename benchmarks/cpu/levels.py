"""Each level of instructions of this processor: a token of one sequence, and reading prompts of two lengths.

There is a process for each level, and one for vLLM if ``--vllm`` names its interpreter; they are asked in
turn. The figures are medians of processor time, which other work on the machine affects less than wall time,
with the memory and product rates of the machine in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.models import GEOMETRIES, product_rate, prompt, read_bandwidth, transformers_model
from shared.peers import close_all, start_children
from shared.report import emit, median, processor

from r1v.ops import isa

PROMPTS = (64, 512)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--geometry", choices=GEOMETRIES, default="nano")
    parser.add_argument("--levels", nargs="+", default=isa.machine().levels, choices=isa.machine().levels)
    parser.add_argument("--formats", nargs="+", default=["packed", "int4"])
    parser.add_argument("--number", type=int, default=24, help="tokens a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vllm", default=os.environ.get("R1V_VLLM_PYTHON"), help="an interpreter with vLLM")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        compare(args, Path(folder))


def compare(args: argparse.Namespace, folder: Path) -> None:
    """All in turn, and the table."""
    children = start_children(
        dict.fromkeys(args.levels, sys.executable), "level_side.py", args.threads,
        args.geometry, str(args.threads), *args.formats,
    )  # fmt: skip
    vllm = {}
    if args.vllm and (peer := transformers_model(args.geometry, torch.bfloat16, "meta")) is not None:
        values = {**peer.config.to_dict(), "architectures": ["Qwen2ForCausalLM"], "eos_token_id": 1}
        (folder / "config.json").write_text(json.dumps(values))
        vllm = start_children({"vllm": args.vllm}, "vllm_decode.py", args.threads, str(folder))
    limits = [read_bandwidth("cpu") / 1e9, product_rate("cpu") / 1e9]
    times: dict[str, dict[str, list[float]]] = {}
    for turn in range(2 if args.quick else args.rounds):
        for level, child in children.items():
            for name, row in child.ask(seed=1000 * turn, number=args.number, prompts=PROMPTS).items():
                for key, value in row.items():
                    times.setdefault(f"{level} {name}", {}).setdefault(key, []).append(value)
        for child in vllm.values():
            for length in PROMPTS:
                found = child.ask(ids=list(prompt(length, 1000 * turn).token_ids), number=args.number)
                row = {f"prompt {length}": found["prompt_cpu"] / length}
                row |= {"token": found["cpu"]} if length == 64 else {}
                for key, value in row.items():
                    times.setdefault("vllm", {}).setdefault(key, []).append(value)
    close_all([*children.values(), *vllm.values()])
    keys = ["token", *(f"prompt {length}" for length in PROMPTS)]
    print(f"{'':>22} " + " ".join(f"{key:>11}" for key in keys) + "   processor ms a token, and ms an id")
    medians = {name: {key: round(1e3 * median(row[key]), 3) for key in keys} for name, row in times.items()}
    for name, row in medians.items():
        print(f"{name:>22} " + " ".join(f"{row[key]:11.3f}" for key in keys))
    print(f"read {limits[0]:.1f} GB/s and multiplied {limits[1]:.0f} GFLOP/s in this run")
    config = {"geometry": args.geometry, "rounds": len(next(iter(times.values()))["token"]),
              "number": args.number, "threads": args.threads}  # fmt: skip
    emit("levels", processor(), config, medians, {}, read_gb_s=round(limits[0], 1),
         gflop_s=round(limits[1], 1))  # fmt: skip


if __name__ == "__main__":
    main()
