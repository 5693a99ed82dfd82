"""R1V-Small before training: R1V-Nano's tower, a projector that begins as R1V-Nano's, and the language model.

    R1V_REAL_WEIGHTS=FOLDER python experiments/r1v_small/assemble.py --out runs/r1v-small/base

The projector's norm and first layer are R1V-Nano's, filled up with zeros to the language model's width; its
second layer is zero. Thinking is opened for conversations with pictures alone, so that prompts without one
are the language model's own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from r1v.core import ConfigError
from r1v.models import load, resolve_model
from r1v.models.assemble import AssembleConfig, assemble
from r1v.models.convert import describe_whole

LANGUAGE_MODEL = "Qwen/Qwen2.5-Coder-0.5B-Instruct"


def starting_projector(nano: Path, width: int) -> dict[str, torch.Tensor]:
    """R1V-Nano's norm and first layer, with zeros up to the width, and a second layer of zeros.
    ConfigError: the width is below R1V-Nano's."""
    own = load(nano).projector
    assert own is not None
    rest = width - own.fc1.out_features
    if rest < 0:
        raise ConfigError(f"the language model's width {width} is below R1V-Nano's {own.fc1.out_features}")
    found = {
        "norm.weight": own.norm.weight,
        "norm.bias": own.norm.bias,
        "fc1.weight": torch.nn.functional.pad(own.fc1.weight, (0, 0, 0, rest)),
        "fc1.bias": torch.nn.functional.pad(own.fc1.bias, (0, rest)),
        "fc2.weight": torch.zeros(width, width),
        "fc2.bias": torch.zeros(width),
    }
    return {f"projector.{name}": value.detach().float().contiguous() for name, value in found.items()}


def language_model(given: str) -> Path:
    """A folder, a GGUF file, a folder that holds one, or a name on the Hub."""
    files = sorted(Path(given).glob("*.gguf"))
    return resolve_model(given if (Path(given) / "config.json").is_file() or not files else files[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--llm", default=os.environ.get("R1V_REAL_WEIGHTS") or LANGUAGE_MODEL,
                        help="folder or GGUF file (default: $R1V_REAL_WEIGHTS, else the Hub's)")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    nano, language = resolve_model("r1v-nano"), language_model(args.llm)
    width = describe_whole(language)[1].language.hidden_size
    with tempfile.TemporaryDirectory() as scratch:
        projector = Path(scratch) / "projector.safetensors"
        save_file(starting_projector(nano, width), projector)
        assemble(nano, language, args.out, projector, AssembleConfig(thinking="pictures"))
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
