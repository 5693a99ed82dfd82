"""`r1v convert MODEL OUT --layout release|native`: rewrite a checkpoint, bit for bit."""

from __future__ import annotations

import argparse

from r1v.cli.parser import MODEL_HELP
from r1v.core import ConfigError


def add_shard_argument(parser: argparse.ArgumentParser) -> None:
    """--max-shard-mb."""
    parser.add_argument("--max-shard-mb", type=float, default=5000.0, metavar="MB", help="size of a shard")


def shard_bytes(args: argparse.Namespace) -> int:
    """--max-shard-mb in bytes. ConfigError: not positive."""
    if not 0 < args.max_shard_mb < 1e9:
        raise ConfigError(f"--max-shard-mb is {args.max_shard_mb}; it must be more than 0")
    return max(int(args.max_shard_mb * 1e6), 1)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("target", metavar="OUT", help="the folder to write; must not exist, or be empty")
    parser.add_argument("--layout", required=True, choices=("release", "native"),
                        help="of the files: the release's, or that of transformers")  # fmt: skip
    add_shard_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Convert, and say what was written."""
    from r1v.models.convert import convert
    from r1v.models.hub import resolve_model

    convert(resolve_model(args.source), args.target, args.layout, max_shard_bytes=shard_bytes(args))
    print(f"wrote {args.target} in the {args.layout} layout")
    return 0
