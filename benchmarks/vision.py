"""Images: seconds a tile, time to the first token, and the same for a second question about the image.

Encoding is in processor time on a CPU, as the machine's limit is.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import torch
from shared.models import (
    GEOMETRIES,
    exactly,
    make_engine,
    median_ms,
    product_rate,
    prompt,
    random_model,
    seconds,
    spent,
    tower_products,
)
from shared.report import emit, processor

from r1v.engine import Engine, EngineRequest


def first_token(engine: Engine, request: EngineRequest) -> None:
    """One token."""
    engine.add(request)
    while engine.has_work:
        engine.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="R1V-Nano's shape, one tile")
    parser.add_argument("--geometry", choices=GEOMETRIES, default="nano")
    parser.add_argument("--tiles", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=None)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    tiles, rounds = (1, 2) if args.quick else (args.tiles, 3)
    model = random_model(args.geometry, torch.bfloat16, args.device)
    engine = make_engine(model, cache_bytes=1 << 30)
    first_token(engine, replace(prompt(20, 10**6, 1, model.config), params=exactly(1)))  # warm
    runnable = engine._runner.runnable
    size = model.config.vision.image_size
    pixels = torch.randn(tiles, 3, size, size, device=args.device, dtype=runnable.dtype)
    encode, first, second = [], [], []
    for turn in range(rounds):
        with torch.inference_mode():
            encode.append(spent(lambda: runnable.model.encode_images(pixels), args.device) / tiles)
        asked = replace(prompt(60, turn, tiles, model.config), params=exactly(1))
        again = replace(asked, token_ids=(*asked.token_ids[:-30], *range(20, 50)))
        first.append(seconds(lambda r=asked: first_token(engine, r), args.device))
        second.append(seconds(lambda r=again: first_token(engine, r), args.device))
    unit = "processor ms" if args.device == "cpu" else "ms"
    print(f"encode {median_ms(encode):9.1f} {unit} a tile for each thread")
    print(f"first  {median_ms(first):9.1f} ms to the first token of a question with {tiles} tiles")
    shorter = median_ms(first) / median_ms(second)
    print(f"second {median_ms(second):9.1f} ms for another question about it: {shorter:.1f} times shorter")
    rate = 2.0 * tower_products(model) / (median_ms(encode) / 1e3)
    limit = product_rate(args.device)
    print(f"tower  {rate / 1e9:9.1f} GFLOP/s of {limit / 1e9:.1f} that a large product reaches here")
    config = {"geometry": args.geometry, "tiles": tiles, "threads": torch.get_num_threads()}
    medians = {
        name: round(median_ms(times), 1)
        for name, times in (("encode_ms", encode), ("first_ms", first), ("second_ms", second))
    }
    emit("vision", processor(), config, medians, {"first / second": round(shorter, 2)},
         gflop_s=round(rate / 1e9, 1), limit_gflop_s=round(limit / 1e9, 1))  # fmt: skip


if __name__ == "__main__":
    main()
