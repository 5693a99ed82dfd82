"""`r1v quantize SRC DST`: a checkpoint in 4 bits, block by block, resumable."""

from __future__ import annotations

import argparse
from pathlib import Path

from r1v.cli.progress import bars


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", metavar="SRC", help="a folder, r1v-nano, a short name or a hub repository")
    parser.add_argument("target", metavar="DST", help="the folder to write; must not exist, or be empty")
    parser.add_argument("--bits", type=int, default=4, help="of the language model's layers (4)")
    parser.add_argument("--group", type=int, default=128, metavar="N", help="inputs that share a scale (128)")
    parser.add_argument("--method", choices=("awq", "rtn"), default="awq", help="rtn: just round")
    parser.add_argument("--vision-bits", type=int, default=16, choices=(8, 16), help="the tower's (16)")
    parser.add_argument("--layout", choices=("release", "native"), help="default: as SRC")
    parser.add_argument("--calibration", choices=("own", "solutions"), default="own",
                        help="its own answers about figures (default), or worked solutions")  # fmt: skip
    parser.add_argument("--chats", type=int, default=64, metavar="N", help="to calibrate with (64)")
    parser.add_argument("--max-tokens", type=int, default=1024, metavar="N", help="of an answer (1024)")
    parser.add_argument("--search-tokens", type=int, default=2048, metavar="N",
                        help="that scales are searched with (2048)")  # fmt: skip
    parser.add_argument("--ratios", type=int, default=20, metavar="N", help="of the grid of scales (20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run(args: argparse.Namespace) -> int:
    """Quantise with a progress bar, and say what was written."""
    from r1v.llm.config import resolve_device
    from r1v.models.hub import resolve_model
    from r1v.models.tensor_files import TensorFiles
    from r1v.quant import QuantConfig, quantise_checkpoint

    config = QuantConfig(
        bits=args.bits, group_size=args.group, method=args.method, vision_bits=args.vision_bits,
        calibration=args.calibration, num_chats=args.chats, max_tokens=args.max_tokens,
        search_tokens=args.search_tokens, num_ratios=args.ratios, seed=args.seed, layout=args.layout,
        device=resolve_device(args.device),
    )  # fmt: skip
    source, target = resolve_model(args.source), Path(args.target)
    with bars() as report:
        quantise_checkpoint(source, target, config, report)
    before, after = TensorFiles(source).num_bytes, TensorFiles(target).num_bytes
    print(f"wrote {target}: {after / 1e6:.1f} MB instead of {before / 1e6:.1f} MB")
    return 0
