"""The mean of several sets of weights of one shape, weighted: what of a new run is kept, and what of the old.

    python examples/nano/mean.py runs/nano/sft8/model 0.3 runs/nano/sft9/model 0.7 --out runs/nano/mean

Enters: checkpoint folders, each with its share. Leaves: a checkpoint in the first one's layout, with its
tokenizer. The sum is taken in float64. Source: Wortsman et al., Robust fine-tuning of zero-shot models, 2022.
"""

from __future__ import annotations

import argparse

import torch

from r1v import models
from r1v.core import ConfigError
from r1v.models import R1V


def mean(loaded: list[tuple[R1V, float]]) -> R1V:
    """The first model with the weighted mean of all. ConfigError: the shares do not add up to 1, or a model
    has other weights than the first."""
    if abs(sum(share for _, share in loaded) - 1) > 1e-9:
        raise ConfigError("the shares do not add up to 1")
    first, every = loaded[0][0], [(dict(model.named_parameters()), share) for model, share in loaded]
    own = dict(first.named_parameters())
    for found, _ in every:
        if {n: p.shape for n, p in found.items()} != {n: p.shape for n, p in own.items()}:
            raise ConfigError("the models have different weights")
    with torch.no_grad():
        for name, parameter in own.items():
            shares = [found[name].double() * share for found, share in every]
            parameter.copy_(torch.stack(shares).sum(0))
    return first


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "models", nargs="+", metavar="FOLDER SHARE", help="a checkpoint and its share, in turn"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER")
    args = parser.parse_args()
    folders, shares = args.models[::2], [float(one) for one in args.models[1::2]]
    if len(folders) != len(shares):
        parser.error("every folder needs a share behind it")
    loaded = [(models.load(one, None, "cpu"), share) for one, share in zip(folders, shares, strict=True)]
    models.save(mean(loaded), args.out, tokenizer_from=folders[0], max_shard_bytes=15 << 20)


if __name__ == "__main__":
    main()
