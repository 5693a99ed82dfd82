"""`r1v inspect PATH`: what a checkpoint holds, without loading it; `--kernels`: what runs it here."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

from r1v.cli.parser import MODEL_HELP

if TYPE_CHECKING:
    from rich.tree import Tree

    from r1v.models.config import LanguageConfig, VisionConfig
    from r1v.models.summary import Summary

LAYOUT_NAMES = {
    "release": "release layout",
    "native": "transformers-native layout",
    "vision-release": "bare vision tower, release names",
    "vision-native": "bare vision tower, transformers names",
    "language": "bare language model",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("path", nargs="?", metavar="MODEL", help=MODEL_HELP)
    kernels = "show the processor's instruction sets and which kernels are chosen, and why"
    parser.add_argument("--kernels", action="store_true", help=kernels)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the summary; status 1 where the checkpoint cannot be loaded."""
    if args.kernels:
        from r1v.cli.screen.kernels import show_kernels

        return show_kernels(args.path, args.json)
    if args.path is None:
        from r1v.core import ConfigError

        raise ConfigError(
            "name a checkpoint: r1v inspect PATH; or ask for the kernels: r1v inspect --kernels"
        )
    from r1v.models.hub import resolve_model
    from r1v.models.summary import summarise

    summary = summarise(resolve_model(args.path))
    if args.json:
        values = dataclasses.asdict(summary) | {"path": str(summary.path)}
        print(json.dumps(values, indent=2))
    else:
        from rich.console import Console

        Console(highlight=False).print(_tree(summary))
    return 1 if summary.problem else 0


def _tree(summary: Summary) -> Tree:
    from rich.markup import escape
    from rich.tree import Tree

    from r1v.models.config import LanguageConfig, R1VConfig

    config = summary.config
    tree = Tree(f"[bold]{escape(str(summary.path))}[/bold]  ({LAYOUT_NAMES[summary.kind]})")
    total = f"{_count(summary.num_parameters)} parameters"
    if isinstance(config, R1VConfig):
        parts = tree.add(total)
        assert config.vision is not None  # a language model alone is described as such
        _vision(parts, config.vision, summary.parameters["vision"])
        projector = parts.add(f"projector: {_count(summary.parameters['projector'])} parameters")
        projector.add(
            f"pixel shuffle {config.shuffle_version}, {config.downsample} x {config.downsample} patches to a "
            f"token, then {config.vision.hidden_size * config.downsample**2} -> {config.language.hidden_size}"
        )
        _language(parts, config.language, summary.parameters["language"])
        tiles = "one tile an image"
        if config.dynamic_tiling and config.max_tiles > 1:
            thumbnail = " and a thumbnail" if config.use_thumbnail else ""
            tiles = f"{config.min_tiles} to {config.max_tiles} tiles an image{thumbnail}"
        token = config.image_token_id if config.image_token_id is not None else "unknown"
        tree.add(f"images: {tiles}, {config.tokens_per_tile} tokens a tile, image token {token}")
        tree.add(f"context: {config.language.context_length:,} tokens")
    elif isinstance(config, LanguageConfig):
        _language(tree, config, summary.num_parameters)
        tree.add(f"context: {config.context_length:,} tokens")
    else:
        _vision(tree, config, summary.num_parameters)
    shares = ", ".join(
        name if share > 0.9999 else f"{name} {share:.1%}"
        for name, share in sorted(summary.dtypes.items(), key=lambda item: -item[1])
    )
    files = f"{summary.num_files} file{'s' if summary.num_files != 1 else ''}"
    tree.add(f"weights: {_bytes(summary.stored_bytes)} in {files}, {shares or 'no tensors'}")
    if summary.quantisation:
        tree.add(f"quantised: {escape(summary.quantisation)}")
    if summary.unused:
        from r1v.models.config_json.read import escaped

        names = ", ".join(map(escaped, summary.unused))
        tree.add(f"keys of config.json that are not used: {escape(names)}")
    if summary.problem:
        tree.add(f"[red]cannot be loaded: {escape(summary.problem)}[/red]")
    return tree


def _vision(tree: Tree, config: VisionConfig, parameters: int) -> None:
    branch = tree.add(f"vision: {_count(parameters)} parameters")
    branch.add(
        f"InternViT: {config.num_layers} layers, width {config.hidden_size}, {config.num_heads} heads, "
        f"MLP {config.intermediate_size}"
    )
    branch.add(f"tiles of {config.image_size} x {config.image_size} pixels, patches of {config.patch_size}")
    options = ["RMSNorm" if config.norm_type == "rms_norm" else "LayerNorm"]
    options += ["q/k norm"] if config.qk_norm else []
    options += ["qkv bias"] if config.qkv_bias else []
    branch.add(", ".join(options))


def _language(tree: Tree, config: LanguageConfig, parameters: int) -> None:
    branch = tree.add(f"language: {_count(parameters)} parameters")
    branch.add(
        f"{config.family.capitalize()}: {config.num_layers} layers, width {config.hidden_size}, "
        f"{config.num_heads} heads of {config.head_dim}, {config.num_kv_heads} key-value heads, "
        f"MLP {config.intermediate_size}"
    )
    tied = "tied" if config.tied else "untied"
    scaling = "" if config.rope.kind == "default" else f", {config.rope.kind} x {config.rope.factor:g}"
    branch.add(f"vocabulary {config.vocab_size:,} ({tied}), RoPE base {config.rope.theta:g}{scaling}")


def _count(number: int) -> str:
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if number >= size:
            return f"{number / size:.2f}{unit}"
    return str(number)


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return f"{number} bytes"
