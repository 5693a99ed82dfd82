"""`r1v assemble`: a vision tower, a projector and a language model become one checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from r1v.cli.commands.convert import add_shard_argument, shard_bytes
from r1v.core import CheckpointError, ImageRef, Message

DTYPES = ("float32", "bfloat16", "float16")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--vision", required=True, metavar="DIR", help="an InternViT, or a whole checkpoint")
    parser.add_argument("--llm", required=True, metavar="DIR", help="a Qwen2 or Qwen3, or a whole checkpoint")
    parser.add_argument("--projector", metavar="FILE",
                        help="safetensors file, or a whole checkpoint (default: random)")  # fmt: skip
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--layout", choices=("release", "native"), default="native",
                        help="layout of the files: the release's, or transformers'")  # fmt: skip
    parser.add_argument(
        "--dtype", choices=DTYPES, help="dtype of all weights (default: the language model's)"
    )
    parser.add_argument("--chat-template", metavar="FILE", help="Jinja template that replaces the model's")
    parser.add_argument("--thinking", choices=("require", "install", "pictures", "keep"), default="require",
                        help="what to do where template and tokenizer have no <think>: refuse them, add the "
                             "opening of thinking, add it only for conversations with pictures, or keep "
                             "them")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of a random projector")
    add_shard_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Assemble, check the result's prompts, and say what came from where."""
    import torch

    from r1v.models.assemble import AssembleConfig, assemble
    from r1v.models.hub import resolve_model

    template = None
    if args.chat_template is not None:
        try:
            template = Path(args.chat_template).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"--chat-template {args.chat_template} cannot be read: {error}") from None
    config = AssembleConfig(
        layout=args.layout,
        dtype=None if args.dtype is None else getattr(torch, args.dtype),
        seed=args.seed,
        chat_template=template,
        thinking=args.thinking,
        max_shard_bytes=shard_bytes(args),
    )
    projector = args.projector
    if projector is not None and not Path(projector).is_file():
        projector = resolve_model(projector)
    record = assemble(resolve_model(args.vision), resolve_model(args.llm), args.out, projector, config)
    _check_prompt(args.out)
    for part in ("vision", "projector", "language"):
        print(f"{part}: {record[part].get('path', record[part].get('initialised'))}")
    tokens = record["image_tokens"]
    ids = ", ".join(f"{token} {value}" for token, value in tokens["ids"].items())
    print(f"image tokens: {ids}" + (f" (added: {', '.join(tokens['added'])})" if tokens["added"] else ""))
    print(f"wrote {args.out} ({args.layout} layout, {record['dtype']}); assembly.json has the hashes")
    return 0


def _check_prompt(folder: str) -> None:
    """A prompt with an image has to come out of the new tokenizer and template, with all its tokens."""
    from PIL import Image

    from r1v.prompt.processor import Processor

    processor = Processor.from_folder(folder)
    picture = ImageRef(Image.new("RGB", (64, 64), "white"))
    prompt = processor.encode([Message.user("What is this?", [picture])])
    image_context = processor.special.image_context
    if prompt.token_ids.count(image_context) != prompt.image_token_count or not prompt.image_token_count:
        raise CheckpointError(
            f"{folder}: its chat template drops the image tokens; give another one with --chat-template"
        )
