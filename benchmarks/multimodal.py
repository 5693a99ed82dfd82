"""A question about an image after warm-up: `LLM` and llama.cpp's server on the same weights, exported to
GGUF.

R1V-Nano, or InternVL3-1B's shape with random weights. Each question has a picture of its own with the size of
a tile, so that neither side resizes it or has it in a cache. The two take turns; figures are medians by the
clock and of processor time: encoding the tile, time to the first token, whole answer of a fixed length.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from shared.models import product_rate, random_model, tower_products
from shared.peers import LlamaServer
from shared.report import emit, median, processor

from r1v import LLM, Message, SamplingParams
from r1v.engine import EngineConfig
from r1v.models import save
from r1v.models.hub import resolve_model

Times = tuple[float, float]  # seconds by the clock, and of processor time


def picture(seed: int, size: int = 448) -> tuple[Image.Image, bytes]:
    """A picture and its PNG."""
    left = -2 + random.Random(seed).random()
    image = Image.effect_mandelbrot((size, size), (left, -1.5, left + 3, 1.5), 20).convert("RGB")
    file = io.BytesIO()
    image.save(file, "PNG")
    return image, file.getvalue()


def checkpoint(geometry: str, folder: Path) -> Path:
    """The folder of the weights that both sides run."""
    if geometry == "nano":
        return resolve_model("r1v-nano")
    if not (folder / "config.json").exists():
        save(random_model(geometry, torch.bfloat16, "cpu"), folder, tokenizer_from=resolve_model("r1v-nano"))
    return folder


def exported(source: Path, folder: Path, kind: str) -> tuple[Path, Path]:
    """The text model and the tower as GGUF, written on first use."""
    from r1v.quant.gguf_export import export_gguf

    name = source.resolve().name
    text, tower = folder / f"{name}-{kind}.gguf", folder / f"mmproj-{name}-f16.gguf"
    return (text, tower) if text.exists() and tower.exists() else export_gguf(source, folder, kind)


def ask(llm: LLM, seed: int, question: str, number: int) -> dict[str, Times]:
    """As `LlamaServer.ask`, of our engine."""
    runnable = llm._backend._engine._runner.runnable  # type: ignore[attr-defined]
    size = runnable.model.config.vision.image_size
    pixels = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(seed)).to(runnable.dtype)
    start = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        runnable.model.encode_images(pixels)
    encode = time.perf_counter() - start[0], time.process_time() - start[1]
    image, _ = picture(seed)
    params = SamplingParams.greedy(max_tokens=number, min_tokens=number, detect_loops=False)
    start = time.perf_counter(), time.process_time()
    stream = llm.stream([Message.user(question, [image])], params)
    next(stream)
    first = time.perf_counter() - start[0], time.process_time() - start[1]
    assert len(stream.wait()[0].token_ids) == number
    return {
        "encode": encode, "first": first,
        "whole": (time.perf_counter() - start[0], time.process_time() - start[1]),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds of R1V-Nano")
    parser.add_argument("--geometry", choices=("nano", "1b"), default="nano")
    parser.add_argument("--number", type=int, default=64, help="tokens of an answer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--kind", choices=("f16", "q8_0", "q4_0"), default="f16", help="of llama.cpp's text model"
    )
    parser.add_argument("--weight-format", choices=("auto", "int4"), default="auto", help="of ours")
    parser.add_argument("--llama-cpp", type=Path, default=os.environ.get("R1V_LLAMA_CPP"),
                        help="folder of llama-server; ours alone without it")  # fmt: skip
    parser.add_argument("--gguf", type=Path, help="where to keep the weights")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        compare(args, (args.gguf or Path(folder)) / args.geometry)


def compare(args: argparse.Namespace, folder: Path) -> None:
    """Both in turn, and the table."""
    folder.mkdir(parents=True, exist_ok=True)
    source = checkpoint(args.geometry, folder / "checkpoint")
    engine = EngineConfig(num_draft_tokens=0, cache_bytes=1 << 28, weight_format=args.weight_format)
    llm = LLM(str(source), dtype="bfloat16", max_model_len=2048, engine=engine)
    with contextlib.ExitStack() as ends:  # whatever happens, no server stays behind
        ends.callback(llm.close)
        server = None
        if args.llama_cpp:
            server = LlamaServer(
                Path(args.llama_cpp), *exported(source, folder / "gguf", args.kind), args.threads
            )
            ends.callback(server.close)
        take_turns(args, llm, server)


def take_turns(args: argparse.Namespace, llm: LLM, server: LlamaServer | None) -> None:
    """Ask both, and report."""
    names = ["r1v"] + ["llama.cpp"] * (server is not None)
    found: dict[str, list[dict[str, Times]]] = {name: [] for name in names}
    question = "How many red circles are there to the left of the blue one?"
    for turn in range(1 + (2 if args.quick else args.rounds)):
        answers = {"r1v": ask(llm, turn, question, args.number)}
        if server is not None:
            answers["llama.cpp"] = server.ask(picture(turn)[1], question, args.number)
        if turn > 0:  # the first one warms up
            for name, times in answers.items():
                found[name].append(times)
    report(args, found, 2.0 * tower_products(llm._backend._engine.model))  # type: ignore[attr-defined]


def report(args: argparse.Namespace, found: dict[str, list[dict[str, Times]]], tile_flop: float) -> None:
    """Print the medians, the tower's FLOP/s and the ratios."""
    limit = product_rate("cpu")
    medians: dict[str, dict[str, float]] = {}
    heads = "encode ms", "first ms", "whole ms", "processor:", "encode", "first", "whole", "tower GFLOP/s"
    print(f"{'':>10} " + " ".join(f"{head:>10}" for head in heads) + " of limit")
    for name, rounds in found.items():
        row = {
            f"{part}{suffix}_ms": round(1e3 * median([times[part][i] for times in rounds]), 1)
            for i, suffix in enumerate(("", "_cpu"))
            for part in ("encode", "first", "whole")
        }
        rate = tile_flop * args.threads / row["encode_cpu_ms"] * 1e3
        medians[name] = {**row, "tower_gflop_s": round(rate / 1e9, 1)}
        values = list(row.values())
        clock, spent = (" ".join(f"{value:10.1f}" for value in part) for part in (values[:3], values[3:]))
        print(f"{name:>10} {clock} {'':>10} {spent} {rate / 1e9:13.1f} {rate / limit:8.0%}")
    ratios = {
        f"llama.cpp / r1v {key}": round(value / medians["r1v"][key], 2)
        for key, value in medians.get("llama.cpp", {}).items() if key.endswith("_ms")
    }  # fmt: skip
    config = {"geometry": args.geometry, "rounds": len(found["r1v"]), "number": args.number,
              "threads": args.threads, "kind": args.kind, "weight_format": args.weight_format}  # fmt: skip
    emit("multimodal", processor(), config, medians, ratios, limit_gflop_s=round(limit / 1e9, 1))


if __name__ == "__main__":
    main()
