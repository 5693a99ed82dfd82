"""Which number types a device computes natively."""

from __future__ import annotations

import torch


def computes_bf16(device: torch.device) -> bool:
    """Whether bf16 is a native type there; where it is emulated, training in it takes many times longer."""
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
