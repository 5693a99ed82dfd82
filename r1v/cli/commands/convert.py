"""`r1v convert MODEL OUT`: a checkpoint in another layout, bit for bit, or of a GGUF file."""

from __future__ import annotations

import argparse
from functools import partial

from r1v.cli.parser import MODEL_HELP
from r1v.core import ConfigError


def add_shard_argument(parser: argparse.ArgumentParser) -> None:
    """--max-shard-mb."""
    parser.add_argument(
        "--max-shard-mb", type=float, default=5000.0, metavar="MB", help="largest size of a weight file"
    )


def shard_bytes(args: argparse.Namespace) -> int:
    """--max-shard-mb in bytes. ConfigError: not positive."""
    if not 0 < args.max_shard_mb < 1e9:
        raise ConfigError(f"--max-shard-mb is {args.max_shard_mb}; it must be more than 0")
    return max(int(args.max_shard_mb * 1e6), 1)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("target", metavar="OUT", help="the folder to write; must not exist, or be empty")
    parser.add_argument("--layout", choices=("release", "native"),
                        help="layout of a whole model's files: the release's, or transformers'")  # fmt: skip
    add_shard_argument(parser)
    parser.add_argument("--merge-adapter", action="store_true",
                        help="merge the adapter for pictures into the weights beside it")  # fmt: skip
    parser.add_argument("--thinking", choices=("keep", "install"), default="keep",
                        help="what to do where template and tokenizer have no <think>: keep them, or add the "
            "opening of thinking, which training wants")  # fmt: skip
    group = parser.add_argument_group("of a GGUF file")
    group.add_argument("--mmproj", metavar="FILE", help="the GGUF file of an InternVL's tower and projector")
    group.add_argument("--dtype", choices=("auto", "float32", "float16", "bfloat16"), default="auto",
                       help="dtype of the result (default: the file's; bfloat16 where values are packed; "
            "float32 keeps every bit)")  # fmt: skip
    group.add_argument("--apart", action="store_true",
                       help="keep embedding and output matrix apart where the file has rounded one matrix "
            "in two ways; without it the finer one is used for both")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Convert, and say what was written."""
    if args.source.endswith(".gguf"):
        return _run_gguf(args)
    from r1v.models.convert import convert, describe_whole
    from r1v.models.hub import resolve_model

    if args.mmproj or args.apart or args.dtype != "auto":
        raise ConfigError("--mmproj, --dtype and --apart are for GGUF files; leave them out")
    source = resolve_model(args.source)
    description, config = describe_whole(source)
    layout = args.layout or (description.layout if args.merge_adapter else None)
    if layout is None and config.vision is not None:
        raise ConfigError("name the layout of the result: --layout release, or --layout native")
    convert(
        source, args.target, layout, max_shard_bytes=shard_bytes(args), merge_adapter=args.merge_adapter,
        thinking=args.thinking,
    )  # fmt: skip
    print(f"wrote {args.target}" + (f" in the {layout} layout" if layout else ""))
    return 0


def _run_gguf(args: argparse.Namespace) -> int:
    from r1v.cli.screen.progress import bars
    from r1v.llm.config import DTYPES
    from r1v.models.gguf.convert import GgufConfig, convert_gguf

    settings = GgufConfig(DTYPES.get(args.dtype), args.apart, args.layout, args.thinking, shard_bytes(args))
    with bars() as report:
        found = convert_gguf(args.source, args.target, args.mmproj, settings, partial(report, "tensor"))
    kinds = ", ".join(f"{number} {kind}" for kind, number in found.kinds.items())
    print(f"read {args.source}: {kinds}")
    if found.finer is not None:
        print(f"embedding and output matrix are one, rounded in two ways: took the finer, {found.finer}")
    print(f"wrote {args.target} in {str(found.dtype).removeprefix('torch.')}")
    return 0
