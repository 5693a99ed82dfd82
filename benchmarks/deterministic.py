"""The cost and the effect of `deterministic`: prompts and decoding with it and without it, in one process.

    python benchmarks/deterministic.py [--model r1v-nano] [--threads 2] [--repeats 5] [--quick]

Times are medians of interleaved repeats: a prompt of some length (one at a time), decoding alone, decoding of
eight answers together. Then the same prompts are answered greedily alone and together, in float32 and in
bfloat16: the number of prompts with other ids together than alone is counted. The last line is JSON.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import torch
from shared.report import print_result

from r1v.core import SamplingParams
from r1v.engine import Engine, EngineConfig, EngineIds, EngineRequest
from r1v.models import R1V, load, resolve_model

BATCH = 8


def make(model: R1V, deterministic: bool) -> Engine:
    """An engine without speculation or a cache of prompts that would hide what is measured."""
    config = EngineConfig(
        deterministic=deterministic, num_draft_tokens=0, max_model_len=1024, cache_bytes=256 << 20,
        max_num_seqs=32, max_step_tokens=512,
    )  # fmt: skip
    return Engine(model, config, EngineIds(image_context=-1, eos=()))


def prompt(seed: int, length: int, number: int) -> EngineRequest:
    """Random ids, and so many of output."""
    draw = random.Random(seed)
    ids = tuple(draw.randrange(10, 1000) for _ in range(length))
    return EngineRequest(ids, SamplingParams.greedy(max_tokens=number, detect_loops=False))


def run(engine: Engine, requests: list[EngineRequest]) -> tuple[float, list[list[int]]]:
    """Seconds, and the ids of each request."""
    start = time.perf_counter()
    places = {engine.add(request): place for place, request in enumerate(requests)}
    found: list[list[int]] = [[] for _ in requests]
    while engine.has_work:
        for output in engine.step():
            found[places[output.request_id]] += output.token_ids
    return time.perf_counter() - start, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512, help="ids of the prompt that is timed")
    parser.add_argument("--tokens", type=int, default=64, help="ids of each answer")
    parser.add_argument("--questions", type=int, default=24, help="prompts of the comparison")
    parser.add_argument("--quick", action="store_true", help="a few ids, once")
    args = parser.parse_args()
    if args.quick:
        args.repeats, args.prompt, args.tokens, args.questions = 1, 64, 8, 4
    torch.set_num_threads(args.threads)
    folder = resolve_model(args.model)
    result: dict[str, object] = {"model": args.model, "torch": torch.__version__,
                                 "threads": args.threads, "repeats": args.repeats}  # fmt: skip
    for dtype in (torch.float32, torch.bfloat16):
        model = load(folder, dtype, torch.device("cpu"))
        engines = {name: make(model, name == "deterministic") for name in ("usual", "deterministic")}
        times: dict[str, list[float]] = {}
        for turn in range(args.repeats + 1):  # the first one warms up
            for name, engine in engines.items():
                seed = 1000 * turn + (name == "usual")
                kinds = {
                    "prompt": [prompt(seed, args.prompt, 1)],
                    "decode alone": [prompt(seed + 10, 8, args.tokens)],
                    "decode eight": [prompt(seed + 20 + i, 8, args.tokens) for i in range(BATCH)],
                }
                for kind, requests in kinds.items():
                    seconds, _ = run(engine, requests)
                    if turn or args.quick:
                        times.setdefault(f"{kind}, {name}", []).append(seconds)
        short = str(dtype).removeprefix("torch.")
        medians = {name: statistics.median(each) for name, each in times.items()}
        parted = {}
        for name, engine in engines.items():
            questions = [prompt(5000 + i, 20 + 3 * i, args.tokens) for i in range(args.questions)]
            alone = [run(engine, [question])[1][0] for question in questions]
            together = run(make(model, name == "deterministic"), questions)[1]
            parted[name] = sum(a != b for a, b in zip(alone, together, strict=True))
        for kind in ("prompt", "decode alone", "decode eight"):
            usual, fixed = medians[f"{kind}, usual"], medians[f"{kind}, deterministic"]
            print(f"{short:9} {kind:13} usual {1e3 * usual:8.1f} ms  deterministic {1e3 * fixed:8.1f} ms  "
                  f"{fixed / usual:5.2f}x")  # fmt: skip
        print(f"{short:9} other ids together than alone, of {args.questions}: {parted}")
        result[short] = {"seconds": medians, "parted": parted}
    print_result("deterministic", result)


if __name__ == "__main__":
    main()
