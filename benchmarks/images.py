"""A 4K photo to 13 normalised tiles: this project's tiling compared with the plain way with PIL, tile by
tile.

The plain path resizes, crops each tile, resizes the thumbnail, and turns tile after tile into a tensor,
scales and normalises it. Both are timed in turn on the same picture, after their results were compared bit by
bit; opening the file, which is the same for both, is timed apart. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image
from shared.report import print_result

from r1v.core import ImageRef
from r1v.prompt import TilingConfig, choose_grid, normalise, open_image, tile_image
from r1v.prompt.tiling import IMAGENET_MEAN, IMAGENET_STD

WIDTH, HEIGHT = 4096, 3072


def photo() -> bytes:
    """A JPEG of 12.6 megapixels with structure at every scale, the same each time."""
    rng = np.random.default_rng(0)
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for cells in (4, 16, 64, 256, 1024):
        grid = rng.integers(0, 256, (cells * HEIGHT // WIDTH, cells, 3), dtype=np.uint8)
        canvas += np.asarray(Image.fromarray(grid).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)) / 5.0
    stream = io.BytesIO()
    Image.fromarray(canvas.astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def plain(image: Image.Image, cfg: TilingConfig) -> torch.Tensor:
    """Tile by tile, as the release's scripts do it (with torchvision's steps written out)."""
    mean = torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(3, 1, 1)
    side = cfg.image_size
    cols, rows = choose_grid(*image.size, cfg)
    resized = image.resize((cols * side, rows * side), Image.Resampling.BICUBIC)
    tiles = []
    for index in range(cols * rows):
        x, y = index % cols * side, index // cols * side
        tiles.append(resized.crop((x, y, x + side, y + side)))
    tiles.append(image.resize((side, side), Image.Resampling.BICUBIC))
    tensors = [
        torch.from_numpy(np.array(tile)).permute(2, 0, 1).contiguous().float().div(255) for tile in tiles
    ]
    return torch.stack([(tensor - mean) / std for tensor in tensors])


def ours(image: Image.Image, cfg: TilingConfig) -> torch.Tensor:
    return normalise(tile_image(image, cfg))


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one call: by the clock, and of processor time over all threads."""
    start, start_cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - start_cpu


def commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few rounds: seconds")
    rounds = 7 if parser.parse_args().quick else 31
    torch.set_num_threads(1)  # more only slow the plain path's small steps down
    cfg = TilingConfig()
    data = photo()
    image = open_image(ImageRef(data))
    tiles = tile_image(image, cfg)
    assert torch.equal(ours(image, cfg), plain(image, cfg)), "the results differ"
    cases: dict[str, Callable[[], object]] = {
        "plain": lambda: plain(image, cfg),
        "ours": lambda: ours(image, cfg),
        "ours_tiling": lambda: tile_image(image, cfg),
        "ours_normalise": lambda: normalise(tiles),
        "open": lambda: open_image(ImageRef(data)),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            times[name].append(timed(case))
    wall = {name: statistics.median(t for t, _ in found) for name, found in times.items()}
    processor = {name: statistics.median(t for _, t in found) for name, found in times.items()}
    print(
        f"{WIDTH} x {HEIGHT} to {len(tiles)} tiles of {cfg.image_size}; medians of {rounds} rounds, in turn"
    )
    for name in cases:
        print(f"  {name:15} {wall[name] * 1e3:8.1f} ms   processor {processor[name] * 1e3:8.1f} ms")
    print(f"  ratio           {wall['plain'] / wall['ours']:8.2f}")
    result = {
        "name": "images",
        "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            "pillow": PIL.__version__,
            "numpy": np.__version__,
            "torch": str(torch.__version__),
        },
        "commit": commit(),
        "config": {
            "width": WIDTH,
            "height": HEIGHT,
            "num_tiles": len(tiles),
            "torch_threads": torch.get_num_threads(),
        },
        "medians_s": {name: round(seconds, 5) for name, seconds in wall.items()},
        "processor_s": {name: round(seconds, 5) for name, seconds in processor.items()},
        "ratios": {
            "plain/ours": round(wall["plain"] / wall["ours"], 3),
            "plain/ours processor time": round(processor["plain"] / processor["ours"], 3),
        },
    }
    print_result(result["name"], result)


if __name__ == "__main__":
    main()
