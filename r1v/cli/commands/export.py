"""`r1v export gguf MODEL OUT`: files for llama.cpp."""

from __future__ import annotations

import argparse
from pathlib import Path

from r1v.cli.parser import MODEL_HELP


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("format", choices=("gguf",), help="format of the files; llama.cpp's is the only one")
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("folder", metavar="OUT", help="the folder where the two files are written")
    parser.add_argument("--type", choices=("f32", "f16", "q8_0", "q4_0"), default="f16",
                        help="type of the text model's matrices")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Export, and say what was written."""
    from r1v.models import read_config
    from r1v.models.hub import resolve_model
    from r1v.quant.gguf_export import export_gguf

    source = resolve_model(args.model)
    files = export_gguf(source, Path(args.folder), args.type)
    for path in files:
        print(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB")
    if len(files) == 1:
        print(f"run: llama-cli --jinja -m {files[0]} -p QUESTION")
        return 0
    text, tower = files
    print(f"run: llama-mtmd-cli --jinja -m {text} --mmproj {tower} --image PICTURE -p QUESTION")
    config = read_config(source)
    if not config.dynamic_tiling or config.max_tiles == 1:
        size = config.image_size
        print(
            f"llama.cpp cuts pictures of more than {size} pixels into tiles, which this model never saw: "
            f"scale them to {size} x {size} first"
        )
    return 0
