"""Decode speed of one sequence: our weight formats, transformers' generate, llama.cpp and vLLM, in turn.

Rounds are interleaved and figures are medians: milliseconds per token of wall time and of processor time,
which is steadier on a busy machine, and the bytes of weights read per second as a share of the machine's
bandwidth. llama.cpp and vLLM take part if ``--llama-cpp`` and ``--vllm`` say where they are.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from shared.models import (
    GEOMETRIES,
    exactly,
    make_engine,
    product_rate,
    prompt,
    random_model,
    read_bandwidth,
    transformers_model,
)
from shared.peers import Child, LlamaCpp, close_all, start_children
from shared.plots import plot_lines
from shared.report import emit, median, peak_mib, processor

from r1v.cli.instructions import limit_instructions
from r1v.engine import Engine

Times = tuple[float, float]  # seconds a token by the clock, and of processor time
BYTES = {"int4": 0.5625}  # of a weight; 2 in the other formats


def engine_time(engine: Engine, context: int, number: int, seed: int) -> Times:
    """The median of the decode steps after a prompt of ``context`` ids."""
    engine.add(replace(prompt(context, seed), params=exactly(number)))
    while not engine.step():
        pass
    wall, spent = [], []
    while engine.has_work:
        start = time.perf_counter(), time.process_time()
        engine.step()
        wall.append(time.perf_counter() - start[0])
        spent.append(time.process_time() - start[1])
    return median(wall), median(spent)


def transformers_time(model: Any, context: int, number: int) -> Times:
    """The time of generate, without the prompt's pass."""
    ids = torch.tensor([prompt(context, 0).token_ids], device=model.device)

    def run(tokens: int) -> Times:
        start = time.perf_counter(), time.process_time()
        model.generate(ids, pad_token_id=0, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)
        return time.perf_counter() - start[0], time.process_time() - start[1]

    long, short = run(number + 1), run(1)
    return (long[0] - short[0]) / number, (long[1] - short[1]) / number


def start_vllm(python: str | None, peer: Any, threads: int, folder: Path) -> dict[str, Child]:
    """vLLM with the same shape and weights of its own."""
    if python is None or peer is None:
        return {}
    values = {**peer.config.to_dict(), "architectures": ["Qwen2ForCausalLM"], "eos_token_id": 1}
    (folder / "config.json").write_text(json.dumps(values))
    return start_children({"vllm": python}, "vllm_decode.py", threads, str(folder))


def growth(geometry: str, path: str, number: int, longest: int) -> dict[str, float]:
    """Processor milliseconds a token after 1 to ``longest`` ids, and of the longest prompt; its cache serves
    the shorter ones."""
    model = random_model(geometry, torch.bfloat16, "cpu", context=2 * longest)
    engine = make_engine(model, cache_bytes=1 << 30, max_model_len=longest + number + 1)
    start = time.process_time()
    engine_time(engine, longest, 2, 7)
    found = {"prompt": 1e3 * (time.process_time() - start) / longest}
    contexts = [1 << k for k in range(0, longest.bit_length(), 2)]
    for context in contexts:
        whole = prompt(longest, 7)
        engine.add(replace(whole, token_ids=whole.token_ids[:context], params=exactly(number)))
        spent = []
        while engine.has_work:
            start = time.process_time()
            engine.step()
            spent.append(time.process_time() - start)
        found[str(context)] = 1e3 * median(spent[2:])
        print(f"{context:8} ids of context: {found[str(context)]:8.2f} processor ms a token", flush=True)
    print(f"reading {longest} ids: {found['prompt']:.2f} processor ms an id; peak memory {peak_mib()} MiB")
    lines = {geometry: [found[str(context)] for context in contexts]}
    plot_lines(path, "ids of context", "processor ms a token", contexts, lines)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="R1V-Nano's shape, few tokens")
    parser.add_argument("--geometry", choices=GEOMETRIES, default="nano")
    parser.add_argument("--context", type=int, nargs="+", default=[64, 1024])
    parser.add_argument("--number", type=int, default=24, help="tokens a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--formats", nargs="+", default=["packed", "int4"])
    parser.add_argument("--llama-cpp", type=Path, default=os.environ.get("R1V_LLAMA_CPP"),
                        help="folder of llama-bench and llama-quantize")  # fmt: skip
    parser.add_argument("--llama-kinds", nargs="+", default=["BF16", "Q4_0"], help="its formats")
    parser.add_argument("--gguf", type=Path, help="where to keep the exported weights")
    parser.add_argument("--vllm", default=os.environ.get("R1V_VLLM_PYTHON"), help="an interpreter with vLLM")
    parser.add_argument("--plot", help="only measure growth with the context, and write a picture of it")
    parser.add_argument("--longest", type=int, default=16384, help="ids of context that growth goes up to")
    args = parser.parse_args()
    limit_instructions(os.environ)
    torch.set_num_threads(args.threads)
    if args.plot:
        found = growth(args.geometry, args.plot, args.number, args.longest)
        emit("decode growth", processor(), {"geometry": args.geometry, "threads": args.threads}, found, {})
        return
    contexts, rounds = ([64], 2) if args.quick else (args.context, args.rounds)
    with tempfile.TemporaryDirectory() as folder:
        compare(args, contexts, rounds, Path(folder))


def compare(args: argparse.Namespace, contexts: list[int], rounds: int, folder: Path) -> None:
    """All paths in turn, and the table."""
    model = random_model(args.geometry, torch.bfloat16, "cpu")
    engines = {name: make_engine(model, name, cache_bytes=1 << 29) for name in args.formats}
    peer = transformers_model(args.geometry, torch.bfloat16, "cpu")
    llama = LlamaCpp(args.llama_cpp, args.gguf or folder) if args.llama_cpp else None
    files = (
        {f"llama.cpp {kind}": llama.file(args.geometry, kind) for kind in args.llama_kinds} if llama else {}
    )
    vllm = start_vllm(args.vllm, peer, args.threads, folder)
    limit = read_bandwidth("cpu")
    num_weights = sum(p.numel() for p in model.language.parameters())
    sizes = BYTES | {name: path.stat().st_size / num_weights for name, path in files.items()}
    medians: dict[str, dict[str, dict[str, float]]] = {}
    ratios: dict[str, dict[str, float]] = {}
    print(f"{'context':>8} {'path':>15} {'ms/token':>9} {'processor ms':>13} {'GB/s':>6} {'of limit':>9}")
    for context in contexts:
        times: dict[str, list[Times]] = {}
        for turn in range(rounds):
            for name, engine in engines.items():
                times.setdefault(name, []).append(engine_time(engine, context, args.number, turn + context))
            if peer is not None:
                times.setdefault("transformers", []).append(
                    transformers_time(peer, context, args.number // 3)
                )
            for name, file in files.items():
                assert llama is not None
                times.setdefault(name, []).append(llama.decode(file, context, args.number, args.threads))
            for name, child in vllm.items():
                found = child.ask(ids=list(prompt(context, turn).token_ids), number=args.number)
                times.setdefault(name, []).append((found["wall"], found["cpu"]))
        rows = medians[str(context)] = {}
        for name, each in times.items():
            wall, spent = (1e3 * median([pair[i] for pair in each]) for i in range(2))
            rate = num_weights * sizes.get(name, 2.0) / spent * 1e3 * args.threads
            rows[name] = {"ms": round(wall, 3), "cpu_ms": round(spent, 3), "of_limit": round(rate / limit, 2)}
            print(f"{context:8} {name:>15} {wall:9.2f} {spent:13.2f} {rate / 1e9:6.1f} {rate / limit:9.0%}")
        ratios[str(context)] = {
            f"{name} / {own} {key}": round(row[key] / rows[own][key], 2)
            for own in engines for name, row in rows.items() if name != own for key in ("ms", "cpu_ms")
        }  # fmt: skip
    close_all(list(vllm.values()))
    config = {"geometry": args.geometry, "rounds": rounds, "number": args.number, "threads": args.threads}
    product = round(product_rate("cpu") / 1e9, 1)
    emit("decode", processor(), config, medians, ratios, read_gb_s=round(limit / 1e9, 1), gflop_s=product)


if __name__ == "__main__":
    main()
