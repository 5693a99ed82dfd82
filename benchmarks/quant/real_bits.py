"""A real language model in four and eight bits by several methods: perplexity and KL on real text.

    R1V_REAL_WEIGHTS=FOLDER python benchmarks/quant/real_bits.py [--work FOLDER] [--answers FILE] [--quick]

The reference is the GGUF file of R1V_REAL_WEIGHTS widened to float32. Measured on answers (--answers: what
benchmarks/real_text.py keeps), this project's prose and its code, none of which anything was calibrated with.
Rounding and AWQ are `r1v quantize`'s, llmcompressor's AWQ (R1V_LLMCOMPRESSOR_PYTHON names its interpreter)
has the same calibration chats, Q4_0 and Q8_0 come out of `r1v export`, FP8 is what weight_format "fp8"
computes: on a GPU with its kernels, on a CPU with their slow reference. Every checkpoint and every line of
the table is kept in --work. ± is half of a 95% interval over pieces. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from shared.report import print_result

from r1v.engine.weights import fp8_layers
from r1v.models import R1V
from r1v.models.gguf.convert import GgufConfig, convert_gguf
from r1v.models.tensor_files import TensorFiles
from r1v.ops.linear import Fp8Reference
from r1v.quant import QuantConfig, quantise_checkpoint
from r1v.quant.calibration import chats_of
from r1v.quant.chat import Chat, load_chats, save_chats
from r1v.quant.compare import on_chains
from r1v.quant.gguf_export import export_gguf
from r1v.quant.texts import Entry, text_chats

ROOT = Path(__file__).parents[2]
TEXTS = {"prose": "docs/how-it-works/engine.md", "code": "r1v/engine/sequence.py"}
PEER = ROOT / "benchmarks" / "peers" / "llmcompressor_awq.py"


def measured_on(
    folder: Path, answers: Path | None, number: int, num_tokens: int, texts: Path
) -> dict[str, list[Chat]]:
    """number of each kind: answers, prose, code."""
    found = {
        kind: text_chats(folder, [Entry((texts / name).read_text("utf-8"))], number, max_tokens=num_tokens)
        for kind, name in TEXTS.items()
    }
    blank = found["prose"][0].tiles
    lines = [json.loads(line) for line in answers.read_text().splitlines()] if answers else []
    if lines:
        found["answers"] = [
            Chat((*line["prompt"], *line["ids"][:num_tokens]), blank, len(line["prompt"]))
            for line in lines[:number]
        ]
    return found


def makers(folder: Path, work: Path, args: argparse.Namespace) -> dict[str, Callable[[Path], object]]:
    """How to make each checkpoint, by name."""
    path = work / "calibration.safetensors"
    if not path.is_file():
        chats = chats_of(folder, "own", args.chats, max_tokens=args.chat_tokens)
        save_chats(chats, path.with_suffix(".partial"))
        path.with_suffix(".partial").rename(path)
    config = QuantConfig(num_chats=args.chats, max_tokens=args.chat_tokens, search_tokens=args.search_tokens,
                      num_ratios=args.ratios, device=args.device)  # fmt: skip

    def exported(kind: str) -> Callable[[Path], object]:
        def make(target: Path) -> None:
            file, *_ = export_gguf(folder, work / "gguf", kind)
            convert_gguf(file, target, settings=GgufConfig(torch.float32, apart=True))

        return make

    found: dict[str, Callable[[Path], object]] = {
        "rounding": lambda target: quantise_checkpoint(
            folder, target, QuantConfig(method="rtn", device=args.device)
        ),
        "AWQ": lambda target: quantise_checkpoint(folder, target, config, chats=load_chats(path)),
        "AWQ with clipping": lambda target: quantise_checkpoint(
            folder, target, replace(config, clipping=True), chats=load_chats(path)
        ),
        "Q4_0": exported("q4_0"),
        "Q8_0": exported("q8_0"),
    }
    if python := os.environ.get("R1V_LLMCOMPRESSOR_PYTHON"):
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        found["llmcompressor's AWQ"] = lambda target: subprocess.run(
            [python, PEER, folder, path, target], check=True, env=environment, stdout=subprocess.DEVNULL
        )
    return found


def in_fp8(model: R1V) -> None:
    """Have the layers compute what weight_format "fp8" computes."""
    for name, layer in fp8_layers(model).items():
        if model.device.type == "cuda":
            from r1v.ops.cuda.fp8 import Fp8Linear  # Triton comes with CUDA

            model.set_submodule(name, Fp8Linear.of(layer))
        else:
            model.set_submodule(name, Fp8Reference(layer))


def line_of(folder: Path, target: Path, chats: dict[str, list[Chat]], device: str) -> dict[str, Any]:
    """What the table says of one checkpoint; of FP8 where it is the reference's own."""
    began = time.process_time()
    fp8 = target == folder
    line: dict[str, Any] = {} if fp8 else {"megabytes": round(TensorFiles(target).num_bytes / 1e6)}
    for kind, some in chats.items():
        found = on_chains(folder, target, some, device=device, dtype=torch.float32,
                          change=in_fp8 if fp8 else lambda model: None)  # fmt: skip
        line[kind] = {
            "tokens": found.num_tokens, "perplexity": round(found.perplexity_b, 3),
            "of float32": round(found.perplexity_a, 3), "KL": str(found.kl),
            "same likeliest": str(found.agreement),
        }  # fmt: skip
    return line | {"seconds": round(time.process_time() - began)}


def main() -> None:
    """Make and measure what is missing, print every line, and all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="rounding alone, on two pieces of 32 tokens")
    parser.add_argument("--work", type=Path, help="keep checkpoints and the table there (default: nowhere)")
    parser.add_argument("--answers", type=Path, help="of benchmarks/real_text.py: together-N.jsonl")
    parser.add_argument("--texts", type=Path, default=ROOT, help="a checkout whose prose and code are read")
    parser.add_argument("--pieces", type=int, default=8, help="of each kind of text to measure on")
    parser.add_argument("--piece-tokens", type=int, default=128)
    parser.add_argument("--chats", type=int, default=32, help="to calibrate AWQ with")
    parser.add_argument("--chat-tokens", type=int, default=128)
    parser.add_argument("--search-tokens", type=int, default=1024)
    parser.add_argument("--ratios", type=int, default=20)
    parser.add_argument("--device", default="cpu", help="of the arithmetic: cpu or cuda")
    parser.add_argument("--only", nargs="*", help="names of methods")
    args = parser.parse_args()
    if not os.environ.get("R1V_REAL_WEIGHTS"):
        print_result("real_bits", {"left_out": "R1V_REAL_WEIGHTS does not name a folder"})
        return
    if args.quick:
        args.pieces, args.piece_tokens, args.chats, args.chat_tokens, args.only = 2, 32, 1, 8, ["rounding"]
    (file,) = Path(os.environ["R1V_REAL_WEIGHTS"]).glob("*.gguf")
    with tempfile.TemporaryDirectory() as scratch:
        found = table_of(file, args.work or Path(scratch), args)
    config = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
    print_result("real_bits", {"config": config | {"model": file.name}, "methods": found})


def table_of(file: Path, work: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Every line that is asked for; those that are kept are not made again."""
    work.mkdir(parents=True, exist_ok=True)
    folder, table = work / "float32", work / f"table-{args.pieces}x{args.piece_tokens}.json"
    if not (folder / "config.json").is_file():
        convert_gguf(file, folder, settings=GgufConfig(torch.float32, apart=True))
    chats = measured_on(folder, args.answers, args.pieces, args.piece_tokens, args.texts)
    found: dict[str, Any] = json.loads(table.read_text()) if table.is_file() else {}
    for name, make in (makers(folder, work, args) | {"FP8": lambda target: None}).items():
        target = folder if name == "FP8" else work / name.replace("'s ", "-")
        if name in found or (args.only and name not in args.only):
            continue
        if not (target / "config.json").is_file():
            make(target)
        found[name] = line_of(folder, target, chats, args.device)
        table.write_text(json.dumps(found, indent=1))
        print(name, json.dumps(found[name]), flush=True)
    return found


if __name__ == "__main__":
    main()
