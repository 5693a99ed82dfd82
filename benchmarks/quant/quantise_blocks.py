"""Time and memory of quantising a large model: a few blocks of its geometry, projected to all of them.

Writes a checkpoint with random bfloat16 weights of the geometry, tensor by tensor, with as few layers as
asked; quantises it; prints the seconds of each block, the largest memory of the process, and what all blocks
would take with the same settings. Ends with one line of JSON. Everything written is removed.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
import zlib
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.models import GEOMETRIES, report_header
from shared.report import print_result

from r1v.models import R1VConfig, read_config, write_release
from r1v.models.checkpoint import build_empty, parameter_shapes, write_folder
from r1v.models.hub import resolve_model
from r1v.models.names import Piece, pieces
from r1v.quant import QuantConfig, quantise_checkpoint

SHARD_BYTES = 1_000_000_000


def shortened(geometry: str, num_layers: int, num_vision_layers: int, vocab_size: int | None) -> R1VConfig:
    """The geometry with fewer layers, one tile an image, and ids of R1V-Nano's tokenizer."""
    nano = read_config(resolve_model("r1v-nano"))
    full = GEOMETRIES[geometry]
    vocab_size = max(vocab_size or full.language.vocab_size, nano.language.vocab_size)
    language = replace(
        full.language, num_layers=num_layers, vocab_size=vocab_size,
        eos_token_id=nano.language.eos_token_id, pad_token_id=nano.language.pad_token_id,
    )  # fmt: skip
    vision = replace(full.vision, num_layers=num_vision_layers)
    return replace(full, vision=vision, language=language, image_token_id=nano.image_token_id, max_tiles=1)


def write_random(config: R1VConfig, folder: Path) -> int:
    """A checkpoint in the release layout, one tensor in memory at a time; its bytes."""
    noise = torch.empty(1 << 23).normal_(0.0, 0.02, generator=torch.Generator().manual_seed(0)).bfloat16()
    table = list(pieces(parameter_shapes(build_empty(config)), "release", config.language))

    def make(piece: Piece) -> torch.Tensor:
        if len(piece.shape) == 1:
            return torch.ones(piece.shape, dtype=torch.bfloat16)
        # the same noise over and over, begun elsewhere in every tensor: drawing each number takes minutes
        number, start = math.prod(piece.shape), zlib.crc32(piece.name.encode()) % len(noise)
        return noise.roll(start).repeat(-(-number // len(noise)))[:number].view(piece.shape).clone()

    sizes = {piece.name: 2 * math.prod(piece.shape) for piece in table}
    write_folder(folder, write_release(config, "bfloat16"), table, sizes, make,
                 tokenizer_from=resolve_model("r1v-nano"), max_shard_bytes=SHARD_BYTES)  # fmt: skip
    return sum(sizes.values())


def peak_bytes() -> int:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--geometry", choices=GEOMETRIES, default="38b")
    parser.add_argument("--layers", type=int, default=2, help="at least 2")
    parser.add_argument("--vision-layers", type=int, default=2)
    parser.add_argument("--vocab-size", type=int, help="smaller than the geometry's, to write less")
    parser.add_argument("--chats", type=int, default=4, help="worked solutions with a picture each")
    parser.add_argument("--search-tokens", type=int, default=512)
    parser.add_argument("--ratios", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, help="where to write (38b: 10 GB); default: the temporary one")
    parser.add_argument("--quick", action="store_true", help="R1V-Nano's geometry")
    args = parser.parse_args()
    if args.quick:
        args.geometry, args.chats, args.search_tokens, args.ratios = "nano", 1, 64, 2
    report_header(geometry=args.geometry, device=args.device)
    config = shortened(args.geometry, args.layers, args.vision_layers, args.vocab_size)
    settings = QuantConfig(
        calibration="solutions", num_chats=args.chats, search_tokens=args.search_tokens,
        num_ratios=args.ratios, device=args.device, max_shard_bytes=SHARD_BYTES,
    )  # fmt: skip
    stamps: list[tuple[int, float, float]] = []

    def progress(what: str, done: int, total: int) -> None:
        if what == "block":
            stamps.append((done, time.perf_counter(), time.process_time()))
            print(f"{time.perf_counter() - started:7.1f} s: block {done} of {total}, "
                  f"{peak_bytes() / 1e9:.2f} GB at most", flush=True)  # fmt: skip

    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        started = time.perf_counter()
        num_bytes = write_random(config, Path(folder) / "source")
        print(f"{time.perf_counter() - started:7.1f} s: the source is written", flush=True)
        started = time.perf_counter()
        quantise_checkpoint(Path(folder) / "source", Path(folder) / "target", settings, progress)
        total_s = time.perf_counter() - started
    ends = {done: (wall, processor) for done, wall, processor in stamps}
    # a block begins when the one before has ended; the first takes the tower and the embedding along
    blocks = [(ends[i + 1][0] - ends[i][0], ends[i + 1][1] - ends[i][1]) for i in range(1, args.layers)]
    block_s, block_cpu_s = (sum(each) / max(len(blocks), 1) for each in zip(*blocks, strict=True))
    full = GEOMETRIES[args.geometry].language.num_layers
    print(
        f"{num_bytes / 1e9:.2f} GB of weights; a block after the first {block_s:.1f} s ({block_cpu_s:.1f} s "
        f"of processor time); all of this run {total_s:.1f} s, {peak_bytes() / 1e9:.2f} GB at most"
    )
    print(
        f"{full} blocks: {full * block_s / 3600:.2f} hours, {full * block_cpu_s / 3600:.2f} of processor time"
    )
    print_result("quantise_blocks", {
        "geometry": args.geometry, "on": args.device, "chats": args.chats,
        "search_tokens": args.search_tokens, "ratios": args.ratios, "block_s": block_s,
        "block_cpu_s": block_cpu_s, "total_s": total_s, "peak_bytes": peak_bytes(),
        "projected_s": full * block_s,
        "device_peak_bytes": torch.cuda.max_memory_allocated() if args.device == "cuda" else 0,
    })  # fmt: skip


if __name__ == "__main__":
    main()
