"""Which number formats a device computes natively."""

from __future__ import annotations

import torch

from r1v.ops import isa, select


def computes_bf16(device: torch.device) -> bool:
    """Whether a device computes bf16 natively. Where it is emulated, training in it takes many times
    longer."""
    if device.type == "cpu":
        return select.has_native_bf16(isa.features())
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
