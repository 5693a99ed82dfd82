"""Our CPU kernels by themselves, every level of instructions in turn in one process: products and drawing.

The time of the fastest of many calls is taken, which other work on the machine hardly affects: GB/s of
weights for one row, GFLOP/s for several (beside torch's product of the same bfloat16 weights, conversions
included), and microseconds to draw an id. The machine's own limits are measured in the same run.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.models import product_rate, read_bandwidth
from shared.report import emit, processor
from torch.nn import functional as F

from r1v.cli.instructions import limit_instructions
from r1v.ops import isa
from r1v.ops.cpu.drawing import NativeDraw, RowDraw
from r1v.ops.cpu.native import NativeLinear
from r1v.ops.sampling import RowSettings

SHAPES = {"nano gate and up": (1536, 384), "1b gate and up": (9728, 896), "1b down": (896, 4864)}
BYTES = {"bfloat16": 2.0, "int4": 0.5625}
SETTINGS = {
    "greedy": RowSettings(0.0),
    "temperature 0.6, top-p 0.95": RowSettings(0.6, 0, 0.95, 0.0, 0.4),
    "temperature 0.6, top-k 20, top-p 0.95": RowSettings(0.6, 20, 0.95, 0.0, 0.4),
    "temperature 1": RowSettings(uniform=0.4),
}


def fastest(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor seconds of the fastest call of each, called in turn."""
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.process_time()
            function()
            best[name] = min(best[name], time.process_time() - start)
    return best


def layer_at(level: str, shape: tuple[int, int], kind: str) -> NativeLinear:
    """Random weights for the kernels of a level."""
    isa.limit(level)
    torch.manual_seed(0)
    rows, columns = shape
    if kind == "bfloat16":
        return NativeLinear(torch.randn(rows, columns).bfloat16())
    groups = columns // 128
    return NativeLinear.from_codes(
        torch.randint(0, 16, (rows, columns)), torch.rand(rows, groups), torch.rand(rows, groups), None
    )


def products(levels: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """By product: GB/s of one row and GFLOP/s of several, at each level and by torch."""
    found: dict[str, dict[str, float]] = {}
    for name, shape in SHAPES.items():
        weights = shape[0] * shape[1]
        copies = max(2, (5 << 20) // weights)  # so that no weights stay in the second cache
        for kind, size in BYTES.items():
            layers = {level: [layer_at(level, shape, kind) for _ in range(copies)] for level in levels}
            for rows in (1, 16, 64, 512) if kind == "bfloat16" else (1, 16, 64):
                x = torch.randn(rows, shape[1])
                calls: dict[str, Callable[[], object]] = {
                    level: partial(run_all, those, x) for level, those in layers.items()
                }
                if kind == "bfloat16" and rows > 1:
                    calls["torch"] = partial(run_torch, [each.weight for each in layers[levels[0]]], x)
                times = fastest(calls, max(3, rounds // rows))
                work = 1e-9 * copies * weights * (size if rows == 1 else 2 * rows)
                unit = "GB/s" if rows == 1 else "GFLOP/s"
                found[f"{name}, {kind}, {rows} rows, {unit}"] = {
                    each: round(work / seconds, 1) for each, seconds in times.items()
                }
    isa.limit(None)
    return found


def run_all(layers: list[NativeLinear], x: torch.Tensor) -> None:
    """Each layer once."""
    for layer in layers:
        layer.fused(x)


def run_torch(weights: list[torch.Tensor], x: torch.Tensor) -> None:
    """The same by torch, in bfloat16 with float32 around it."""
    for weight in weights:
        F.linear(x.bfloat16(), weight).float()


def drawing(levels: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds to draw one id, by settings and size of the vocabulary; torch's argmax beside greedy."""
    found = {}
    draws = {level: NativeDraw(level, [5]) for level in levels}
    for size in (1536, 151936):
        logits = 3 * torch.randn(1, size, generator=torch.Generator().manual_seed(0))
        for name, settings in SETTINGS.items():
            calls: dict[str, Callable[[], object]] = {
                level: partial(draw, logits, [RowDraw(settings)]) for level, draw in draws.items()
            }
            if name == "greedy":
                calls["torch"] = partial(run_argmax, logits)
            times = fastest(calls, rounds)
            found[f"{name}, {size} ids, us"] = {each: round(1e6 * t, 1) for each, t in times.items()}
    return found


def run_argmax(logits: torch.Tensor) -> int:
    """torch's."""
    return int(logits.argmax(-1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls")
    args = parser.parse_args()
    limit_instructions(os.environ)
    torch.set_num_threads(1)
    features, device = isa.features(), processor()
    levels = [level for level in features.levels if level in features.kernels]
    rounds = 60 if args.quick else 300
    with torch.inference_mode():
        limit, rate = read_bandwidth("cpu"), product_rate("cpu")
        found = drawing(levels, rounds) | products(levels, rounds)
    print(f"{'':50} " + " ".join(f"{level:>12}" for level in (*levels, "torch")))
    for name, row in found.items():
        print(f"{name:50} " + " ".join(f"{row.get(level, float('nan')):12}" for level in (*levels, "torch")))
    config = {"rounds": rounds, "threads": 1}
    emit("kernels", device, config, found, {}, read_gb_s=round(limit / 1e9, 1), gflop_s=round(rate / 1e9, 1))


if __name__ == "__main__":
    main()
