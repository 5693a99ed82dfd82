"""An adapter's matrices in four bits, so that one of two million numbers takes little more than a megabyte.

Enters: tensors by name. Leaves: codes and scales for a safetensors file, and the way back. Always holds: a
group of GROUP numbers along a matrix's longer side shares one scale; a code from -7 to 7 times its scale is
the number; columns of zeros at a matrix's end take no room; what is no matrix is kept in float16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

GROUP = 64
CODES, SCALES = ".codes", ".scales"
MOST = 7
# shares of a group's largest number that is the code 7; the best is taken
_SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65)


def rounded(
    tensors: Mapping[str, torch.Tensor],
) -> tuple[dict[str, torch.Tensor], dict[str, list[int]]]:
    """What is stored, and of each matrix that has codes: rows, columns, and columns that are not all zero up
    to the end.

    codes: uint8, two to a byte, the first in the lower half. scales: float16, one a group.
    """
    stored: dict[str, torch.Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, value in tensors.items():
        if value.dim() != 2:
            stored[name] = value.detach().cpu().half()
            continue
        used = value.detach().cpu().float()
        kept = int(used.any(0).nonzero().max()) + 1 if used.any() else 1
        groups = _groups(used[:, :kept])
        scales = _best_scales(groups).half()
        codes = _codes(groups, scales.float()).add(8).to(torch.uint8).flatten()
        stored[name + CODES] = codes[::2] | codes[1::2] << 4
        stored[name + SCALES] = scales[:, 0].contiguous()
        shapes[name] = [*value.shape, kept]
    return stored, shapes


def widened(
    stored: Mapping[str, torch.Tensor], shapes: Mapping[str, Sequence[int]]
) -> dict[str, torch.Tensor]:
    """The tensors again, float32. ValueError: codes or scales are missing, or not of these shapes."""
    found = {n: t.float() for n, t in stored.items() if not n.endswith((CODES, SCALES))}
    for name, shape in shapes.items():
        if name + CODES not in stored or name + SCALES not in stored or len(shape) != 3:
            raise ValueError(f"{name} has no codes and scales of a matrix")
        rows, whole, columns = shape
        packed, scales = stored[name + CODES], stored[name + SCALES]
        number = -(-rows * columns // GROUP)
        if packed.dtype != torch.uint8 or packed.numel() * 2 != number * GROUP or scales.numel() != number:
            raise ValueError(f"the codes of {name} are not those of a matrix of {rows} x {columns}")
        codes = torch.stack((packed & 15, packed >> 4), -1).view(number, GROUP).float() - 8
        flat = (codes * scales.float()[:, None]).flatten()[: rows * columns]
        matrix = flat.view(rows, columns) if columns >= rows else flat.view(columns, rows).T
        found[name] = torch.nn.functional.pad(matrix, (0, whole - columns)).contiguous()
    return found


def _groups(matrix: torch.Tensor) -> torch.Tensor:
    """The numbers of a matrix (N, K), laid along its longer side, in rows of GROUP; zeros at the end."""
    flat = (matrix if matrix.shape[1] >= matrix.shape[0] else matrix.T).flatten()
    return torch.nn.functional.pad(flat, (0, -len(flat) % GROUP)).view(-1, GROUP)


def _codes(groups: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    return (groups / scales.clamp_min(1e-12)).round().clamp(-MOST, MOST)


def _best_scales(groups: torch.Tensor) -> torch.Tensor:
    """Of each group (n, 1), the scale with the smallest sum of squares."""
    largest = groups.abs().amax(1, keepdim=True)
    best, least = largest / MOST, torch.full_like(largest, torch.inf)
    for share in _SHARES:
        scales = (largest * share / MOST).half().float()
        error = (groups - _codes(groups, scales) * scales).square().sum(1, keepdim=True)
        best, least = torch.where(error < least, scales, best), torch.minimum(error, least)
    return best
