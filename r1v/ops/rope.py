"""Rotary position embedding: the frequencies of each scaling, and the rotation itself.

Enters: a RopeConfig, positions, queries and keys. Leaves: cosines and sines in float32, rotated tensors in
the dtype they came in. Always holds: halves are rotated (Qwen's convention), never interleaved pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from r1v.core import ConfigError

RopeKind: TypeAlias = Literal["default", "yarn", "dynamic"]


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """Base and scaling of the frequencies.

    theta: the base. kind: ``default``; ``yarn`` (Peng et al. 2023, section 3); ``dynamic``: within the
    trained context the same as default, and this project never goes beyond it, because keys in the cache
    could not follow a changing base. factor, original_max_positions: the extension and the context that is
    extended. attention_factor: None is YaRN's 0.1 ln(factor) + 1, or the ratio of mscale and mscale_all_dim.
    """

    theta: float = 10000.0
    kind: RopeKind = "default"
    factor: float = 1.0
    original_max_positions: int | None = None
    attention_factor: float | None = None
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ("default", "yarn", "dynamic"):
            raise ConfigError(f"RoPE scaling {self.kind!r} is not supported; use default, yarn or dynamic")
        if not self.theta > 0 or not math.isfinite(self.theta):
            raise ConfigError(f"rope theta is {self.theta}; it must be a positive number")
        if not self.factor >= 1 or not math.isfinite(self.factor):
            raise ConfigError(f"RoPE scaling factor is {self.factor}; it must be at least 1")
        if self.kind == "yarn" and not (self.original_max_positions or 0) > 0:
            raise ConfigError("RoPE scaling yarn needs original_max_position_embeddings, more than 0")


def rope_frequencies(config: RopeConfig, head_dim: int) -> tuple[torch.Tensor, float]:
    """Angular frequencies of the head_dim/2 planes, and the factor on cosines and sines.

    Returns (float32 CPU tensor (head_dim / 2,) in radians per position, scale). Source: Su et al. 2021,
    section 3.2.2; YaRN: Peng et al. 2023, equations 17 to 23.
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device="cpu") / head_dim
    plain = 1.0 / (config.theta**exponents)
    if config.kind != "yarn":
        return plain, 1.0
    assert config.original_max_positions is not None
    low = _plane_of(config.beta_fast, config, head_dim)
    high = _plane_of(config.beta_slow, config, head_dim)
    if config.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001  # a ramp of no width would divide by zero
    planes = torch.arange(head_dim // 2, dtype=torch.float32, device="cpu")
    stretched = ((planes - low) / (high - low)).clamp(0, 1)
    frequencies = plain / config.factor * stretched + plain * (1 - stretched)
    return frequencies, _yarn_attention_factor(config)


def _plane_of(rotations: float, config: RopeConfig, head_dim: int) -> float:
    """The (fractional) plane that turns this many times over the original context."""
    assert config.original_max_positions is not None
    wavelength = config.original_max_positions / (rotations * 2 * math.pi)
    return head_dim * math.log(wavelength) / (2 * math.log(config.theta))


def _yarn_attention_factor(config: RopeConfig) -> float:
    def scale(weight: float) -> float:
        return 1.0 if config.factor <= 1 else 0.1 * weight * math.log(config.factor) + 1.0

    if config.attention_factor is not None:
        return config.attention_factor
    if config.mscale and config.mscale_all_dim:
        return scale(config.mscale) / scale(config.mscale_all_dim)
    return scale(1.0)


def rope_table(
    positions: torch.Tensor, frequencies: torch.Tensor, scale: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, each float32 (..., head_dim / 2), of integer positions (...)."""
    # float32 even under autocast: bfloat16 angles would be wrong by whole turns
    angles = positions.to(torch.float32).unsqueeze(-1) * frequencies
    return angles.cos() * scale, angles.sin() * scale


def rotate_reference(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotate x (..., T, H, head_dim) by tables (..., T, head_dim / 2), plane by plane; the slow reference."""
    half = x.shape[-1] // 2
    out = torch.empty_like(x, dtype=torch.float32)
    for plane in range(half):
        c, s = cos[..., plane].unsqueeze(-1), sin[..., plane].unsqueeze(-1)
        out[..., plane] = x[..., plane] * c - x[..., plane + half] * s
        out[..., plane + half] = x[..., plane + half] * c + x[..., plane] * s
    return out.to(x.dtype)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotate x (..., T, H, head_dim) by tables (..., T, head_dim / 2); computed in float32, returned in
    x's dtype."""
    cos, sin = cos.unsqueeze(-2), sin.unsqueeze(-2)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)
