"""R1V-Nano end to end, one request and many at a time, each with an image: our engine, transformers, vLLM.

Each backend of `LLM` is a process of its own, and they are asked in turn. Answers have mixed lengths, which
are fixed beforehand, so all do the same work. One request is 150 tokens long. Prints tokens per second by the
clock and per second of processor time, all processes of a backend together; the second is steadier on a
machine that does other things too.
"""

from __future__ import annotations

import argparse
import os
import sys

from shared.peers import close_all, start_children
from shared.plots import plot_lines
from shared.report import emit, median, processor


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 and 8 requests, one round")
    parser.add_argument("--requests", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backends", nargs="+", default=["r1v", "transformers"])
    parser.add_argument("--vllm", default=os.environ.get("R1V_VLLM_PYTHON"), help="an interpreter with vLLM")
    parser.add_argument("--plot", help="write seconds against requests as a picture")
    args = parser.parse_args()
    numbers, rounds = ([1, 8], 1) if args.quick else (args.requests, args.rounds)
    pythons = dict.fromkeys(args.backends, sys.executable)
    if args.vllm:
        pythons["vllm"] = args.vllm
    children = start_children(pythons, "answers.py", args.threads, str(args.threads))
    rates: dict[str, dict[str, dict[str, float]]] = {}
    ratios: dict[str, dict[str, float]] = {}
    memory: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in children}
    print(f"{'requests':>8} {'backend':>13} {'tokens/s':>9} {'per processor second':>21}")
    for child in children.values():
        child.ask(number=1, seed=0, lengths=[20, 20])  # warm
    for number in numbers:
        lengths = [150, 150] if number == 1 else [20, 150]
        found: dict[str, list[dict[str, float]]] = {name: [] for name in children}
        for turn in range(rounds):
            for name, child in children.items():
                found[name].append(child.ask(number=number, seed=1000 * number + turn, lengths=lengths))
        for name, answers in found.items():
            row = {key: median([a["tokens"] / a[key] for a in answers]) for key in ("wall", "cpu")}
            rates.setdefault(str(number), {})[name] = row
            memory[name] = int(answers[-1]["peak_mib"])
            seconds[name].append(median([a["cpu"] for a in answers]))
            print(f"{number:8} {name:>13} {row['wall']:9.1f} {row['cpu']:21.1f}", flush=True)
        ours = rates[str(number)].get("r1v")
        if ours:
            ratios[str(number)] = {
                f"{name} {key}": round(ours[key] / value[key], 2)
                for name, value in rates[str(number)].items() if name != "r1v" for key in value
            }  # fmt: skip
    close_all(list(children.values()))
    if args.plot:
        plot_lines(args.plot, "requests at a time", "processor seconds", numbers, seconds)
    config = {"model": "r1v-nano", "rounds": rounds, "threads": args.threads}
    emit("batch", processor(), config, rates, ratios, peak_mib_of=memory)


if __name__ == "__main__":
    main()
