"""The trained adapter in four bits, as the package ships it, and what the rounding does to its products.

    cd runs/r1v-small && python ../../experiments/r1v_small/pack.py --base base --run adapter --out model

The adapter's pairs are turned so that up and down share their size and their components are orthogonal, which
rounding harms least. Writes the base with its adapter, ready to be asked, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import torch

from r1v.models import load
from r1v.models.adapter import DOWN, FOLDER, UP, read_adapter, save_adapter


def balanced(up: torch.Tensor, down: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same product from factors of equal size, its components orthogonal, the largest first."""
    left, upper = torch.linalg.qr(up.double())
    right, lower = torch.linalg.qr(down.double().T)
    u, s, v = torch.linalg.svd(upper @ lower.T)
    root = s.sqrt()
    return (left @ u * root).float(), ((right @ v.T) * root).T.float().contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="the checkpoint of assemble.py")
    parser.add_argument("--run", type=Path, required=True, help="the run that has trained an adapter")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--whole", action="store_true", help="keep the trained numbers, in float32")
    args = parser.parse_args()
    base = load(args.base)
    tensors = read_adapter(args.run, base)
    for name in [n.removesuffix(UP) for n in tensors if n.endswith(UP)]:
        tensors[name + UP], tensors[name + DOWN] = balanced(tensors[name + UP], tensors[name + DOWN])
    args.out.mkdir(parents=True, exist_ok=True)
    for file in args.base.iterdir():
        if file.is_file() and not (args.out / file.name).exists():
            try:
                os.link(file, args.out / file.name)
            except OSError:
                shutil.copy2(file, args.out / file.name)
    save_adapter(args.out, base, tensors, four_bit=not args.whole)
    kept = read_adapter(args.out, base)
    lost, total = 0.0, 0.0
    for name, _value in tensors.items():
        if name.endswith(DOWN):
            continue
        other = name.removesuffix(UP) + DOWN
        right, found = (
            part[name] @ part[other] if name.endswith(UP) else part[name] for part in (tensors, kept)
        )
        lost, total = lost + float((right - found).square().sum()), total + float(right.square().sum())
    size = sum(file.stat().st_size for file in (args.out / FOLDER).iterdir())
    told = {
        "name": "pack",
        "parameters": sum(value.numel() for value in tensors.values()),
        "bytes": size,
        "relative_error_of_the_changes": round((lost / max(total, 1e-12)) ** 0.5, 4),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
