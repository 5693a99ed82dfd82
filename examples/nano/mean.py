"""The mean of several sets of weights of one shape, weighted: what of a new run is kept, and what of the old.

    python examples/nano/mean.py runs/nano/sft8/model 0.3 runs/nano/sft9/model 0.7 --out runs/nano/mean
    python examples/nano/mean.py r1v/models/r1v-nano 0.8 runs/sft10/model 0.2 --reading 0 1 --out runs/mean

Enters: checkpoint folders, each with its share; ``--reading``: other shares for tower and projector, in the
folders' order. Leaves: a checkpoint in the first one's layout, with its tokenizer. The sum is taken in
float64. Source: Wortsman et al., Robust fine-tuning of zero-shot models, 2022.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from r1v import models
from r1v.core import ConfigError
from r1v.models import R1V

READING = ("vision.", "projector.")  # how the weights that read pictures begin


def mean(loaded: list[tuple[R1V, float]], reading: Sequence[float] = ()) -> R1V:
    """The first model with the weighted mean of all. reading: shares of tower and projector, where they are
    others. ConfigError: the shares do not add up to 1, or a model has other weights than the first."""
    reading = reading or [share for _, share in loaded]
    if any(abs(sum(shares) - 1) > 1e-9 for shares in ([share for _, share in loaded], reading)):
        raise ConfigError("the shares do not add up to 1")
    first = loaded[0][0]
    every = [
        (dict(model.named_parameters()), share, read)
        for (model, share), read in zip(loaded, reading, strict=True)
    ]
    own = dict(first.named_parameters())
    for found, _, _ in every:
        if {n: p.shape for n, p in found.items()} != {n: p.shape for n, p in own.items()}:
            raise ConfigError("the models have different weights")
    with torch.no_grad():
        for name, parameter in own.items():
            shares = [
                found[name].double() * (read if name.startswith(READING) else share)
                for found, share, read in every
            ]
            parameter.copy_(torch.stack(shares).sum(0))
    return first


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "models", nargs="+", metavar="FOLDER SHARE", help="a checkpoint and its share, in turn"
    )
    parser.add_argument(
        "--reading", nargs="+", type=float, default=[], metavar="SHARE", help="shares of tower and projector"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER")
    args = parser.parse_args()
    folders, shares = args.models[::2], [float(one) for one in args.models[1::2]]
    if len(folders) != len(shares):
        parser.error("every folder needs a share behind it")
    if args.reading and len(args.reading) != len(folders):
        parser.error("--reading needs a share for every folder")
    loaded = [(models.load(one, None, "cpu"), share) for one, share in zip(folders, shares, strict=True)]
    models.save(mean(loaded, args.reading), args.out, tokenizer_from=folders[0], max_shard_bytes=15 << 20)


if __name__ == "__main__":
    main()
