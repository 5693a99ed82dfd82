"""Numbers to codes: 4 bits in groups along the inputs, 8 bits, whole or floating point, for each row.

Always holds: the scales are rounded to the dtype in which they are stored before the codes are chosen, so
what is measured here is what a reader computes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

LEVELS = 15
FP8 = torch.float8_e4m3fn
FP8_LARGEST = 448.0


@dataclass(frozen=True, slots=True)
class Rounded:
    """codes uint8 (N, K), 0 to 15. scales float16 and zeros uint8, (N, K / group): (code - zero) * scale."""

    codes: torch.Tensor
    scales: torch.Tensor
    zeros: torch.Tensor

    def widened(self) -> torch.Tensor:
        """The weights, float32 (N, K)."""
        groups = self.codes.unflatten(1, (self.scales.shape[1], -1)).float()
        return ((groups - self.zeros.float().unsqueeze(-1)) * self.scales.float().unsqueeze(-1)).flatten(1)


def group_grid(
    groups: torch.Tensor, low: torch.Tensor | None = None, high: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales and zero points (..., 1) of groups (..., G). low, high: (..., 1), instead of the groups' own.

    The grid always holds 0, so the zero point is a code.
    """
    low = groups.amin(-1, keepdim=True) if low is None else low
    high = groups.amax(-1, keepdim=True) if high is None else high
    low, high = low.clamp(max=0), high.clamp(min=0)
    scales = ((high - low) / LEVELS).clamp(min=2e-7).half().float()  # half's smallest numbers are near 6e-8
    return scales, (-low / scales).round().clamp(0, LEVELS)


def round_trip(weight: torch.Tensor, group_size: int) -> torch.Tensor:
    """float32 (N, K) -> the nearest weights of the grid, float32."""
    groups = weight.unflatten(1, (-1, group_size))
    scales, zeros = group_grid(groups)
    return groups.div(scales).round_().add_(zeros).clamp_(0, LEVELS).sub_(zeros).mul_(scales).flatten(1)


def quantise(weight: torch.Tensor, group_size: int) -> Rounded:
    """Codes of a weight (N, K), to the nearest."""
    groups = weight.float().unflatten(1, (-1, group_size))
    scales, zeros = group_grid(groups)
    codes = ((groups / scales).round() + zeros).clamp(0, LEVELS)
    return Rounded(
        codes.flatten(1).to(torch.uint8), scales.squeeze(-1).half(), zeros.squeeze(-1).to(torch.uint8)
    )


def quantise_rows(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 codes (N, K) and float32 scales (N,), symmetrical: code * scale."""
    weight = weight.float()
    scales = (weight.abs().amax(1) / 127).clamp(min=1e-12)
    return (weight / scales.unsqueeze(1)).round().clamp(-127, 127).to(torch.int8), scales


def quantise_fp8(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """x (M, K) -> codes (M, K) e4m3 and scales float32 (M, 1), a scale for each row: code * scale."""
    scales = (x.abs().amax(1, keepdim=True).float() / FP8_LARGEST).clamp(min=1e-12)
    return (x.float() / scales).clamp(-FP8_LARGEST, FP8_LARGEST).to(FP8), scales
