"""R1V-Small before training: R1V-Nano's tower, a projector that begins as R1V-Nano's, and the language model.

    R1V_REAL_WEIGHTS=FOLDER python experiments/r1v_small/assemble.py --out runs/r1v-small/base

The projector's norm and first layer are R1V-Nano's, filled up with zeros to the language model's width; its
second layer is zero. With `--aligned N` it gives R1V-Nano's own features instead, brought to the mean and
three times the spread of the token embeddings, as N figures have them. `--projector` takes one that was
trained instead. Thinking is opened for conversations with pictures alone, so that prompts without one are the
language model's own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[1]))

from r1v import ImageRef, Message, figures
from r1v.core import ConfigError
from r1v.models import load, resolve_model
from r1v.models.assemble import AssembleConfig, assemble
from r1v.models.convert import describe_whole
from r1v.prompt import Processor
from r1v_small.wordings import ABOUT

SPREAD = 3.0  # of features, in that of token embeddings
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


@torch.no_grad()
def align(projector: dict[str, torch.Tensor], nano: Path, embedding: torch.Tensor, number: int) -> None:
    """Have the second layer give R1V-Nano's features with the first two moments of token embeddings (V, D).

    The k-th principal component of the one lies along the k-th of the other. number: figures to measure."""
    model, processor = load(nano).float(), Processor.from_folder(nano)
    own, names = model.projector, [name for name in ABOUT if figures.family(name).num_images == 1]
    assert own is not None
    found = []
    for index in range(number):
        figure = figures.make(names[index % len(names)], index // 7 * 8 + index % 7)
        prompt = processor.encode([Message.user("?", [ImageRef(image) for image in figure.images])])
        assert prompt.pixel_values is not None
        found.append(model.encode_images(prompt.pixel_values).flatten(0, 1))
    features, tokens = torch.cat(found).double(), embedding[::4].double()
    mean, target = features.mean(0), tokens.mean(0)
    spread, along = torch.linalg.eigh((features - mean).T @ (features - mean) / len(features))
    wanted, across = torch.linalg.eigh((tokens - target).T @ (tokens - target) / len(tokens))
    number = len(spread)
    spread = spread.clamp_min(1e-4 * spread.max())  # what hardly varies is noise
    turn = SPREAD * (across[:, -number:] * wanted[-number:].sqrt()) @ (along / spread.sqrt()).T
    projector["projector.fc2.weight"][:, :number] = (turn @ own.fc2.weight.double()).float()
    projector["projector.fc2.bias"] = (turn @ (own.fc2.bias.double() - mean) + target).float()


def language_model(given: str) -> Path:
    """A folder, a GGUF file, a folder that holds one, or a name on the Hub."""
    files = sorted(Path(given).glob("*.gguf"))
    return resolve_model(given if (Path(given) / "config.json").is_file() or not files else files[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--llm", default=os.environ.get("R1V_REAL_WEIGHTS") or LANGUAGE_MODEL,
                        help="folder or GGUF file (default: $R1V_REAL_WEIGHTS, else the Hub's)")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--projector", type=Path, help="a checkpoint whose projector is taken as it is")
    parser.add_argument("--aligned", type=int, default=0, metavar="N", help="begin at R1V-Nano's features")
    args = parser.parse_args()
    nano, language = resolve_model("r1v-nano"), language_model(args.llm)
    if args.projector:
        assemble(nano, language, args.out, args.projector, AssembleConfig(thinking="pictures"))
        print(f"wrote {args.out}")
        return
    width = describe_whole(language)[1].language.hidden_size
    with tempfile.TemporaryDirectory() as scratch:
        projector = Path(scratch) / "projector.safetensors"
        made = starting_projector(nano, width)
        if args.aligned:
            align(made, nano, load(language).language.embedding.weight, args.aligned)
        save_file(made, projector)
        assemble(nano, language, args.out, projector, AssembleConfig(thinking="pictures"))
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
