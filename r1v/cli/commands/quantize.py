"""`r1v quantize MODEL OUT`: a checkpoint in 4 bits, block by block, resumable."""

from __future__ import annotations

import argparse
from pathlib import Path

from r1v.cli.parser import MODEL_HELP
from r1v.cli.screen.progress import bars


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("target", metavar="OUT", help="the folder to write; must not exist, or be empty")
    parser.add_argument(
        "--bits", type=int, default=4, metavar="N", help="bits of the language model's layers"
    )
    parser.add_argument(
        "--group", type=int, default=128, metavar="N", help="number of inputs that share a scale"
    )
    parser.add_argument(
        "--method", choices=("awq", "rtn"), default="awq", help="awq, or rtn, which only rounds"
    )
    parser.add_argument(
        "--vision-bits", type=int, default=16, choices=(8, 16), help="bits of the vision tower"
    )
    parser.add_argument(
        "--layout", choices=("release", "native"), help="layout of the files (default: that of MODEL)"
    )
    parser.add_argument("--calibration", default="own", metavar="own|solutions|FILE",
                        help="what to calibrate with: the model's own answers (to figures, or without a "
            "tower to prompts of many kinds), worked solutions, or a file of texts or "
            "conversations")  # fmt: skip
    parser.add_argument(
        "--chats", type=int, default=64, metavar="N",
        help="number of chats to calibrate with; 64 come with r1v, more need r1v[figures]",
    )  # fmt: skip
    parser.add_argument("--max-tokens", type=int, default=1024, metavar="N", help="most tokens of an answer")
    parser.add_argument("--search-tokens", type=int, default=2048, metavar="N",
                        help="number of tokens that the scales are searched with")  # fmt: skip
    parser.add_argument(
        "--ratios", type=int, default=20, metavar="N", help="number of ratios that are tried for the scales"
    )
    parser.add_argument(
        "--clip", action="store_true",
        help="also narrow the range of each group where that helps on the calibration texts; on other texts "
        "it can cost more than it gains",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the answers")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")


def run(args: argparse.Namespace) -> int:
    """Quantise with a progress bar, and say what was written."""
    from r1v.llm.config import resolve_device
    from r1v.models.hub import resolve_model
    from r1v.models.tensor_files import TensorFiles
    from r1v.quant import QuantConfig, quantise_checkpoint

    config = QuantConfig(
        bits=args.bits, group_size=args.group, method=args.method, vision_bits=args.vision_bits,
        calibration=args.calibration, num_chats=args.chats, max_tokens=args.max_tokens,
        search_tokens=args.search_tokens, num_ratios=args.ratios, clipping=args.clip, seed=args.seed,
        layout=args.layout, device=resolve_device(args.device),
    )  # fmt: skip
    source, target = resolve_model(args.source), Path(args.target)
    with bars() as report:
        quantise_checkpoint(source, target, config, report)
    before, after = TensorFiles(source).num_bytes, TensorFiles(target).num_bytes
    print(f"wrote {target}: {after / 1e6:.1f} MB instead of {before / 1e6:.1f} MB")
    return 0
