"""The memory bandwidth of this machine, for a plan about it.

Enters: a device. Leaves: bytes per second. Always holds: a processor's rate is measured with the threads on
which torch computes; a GPU's rate follows from its memory clock and bus width.
"""

from __future__ import annotations

import time

import torch

ASSUMED = 1e12  # bytes/s of an unknown device
MEASURED_BYTES = 256 << 20  # larger than the caches of a processor
ROUNDS = 3


def read_rate(device: torch.device) -> tuple[float, str]:
    """The bytes per second that the device reads from its memory, and where the number comes from: measured,
    from its clock, or assumed."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        clock = getattr(properties, "memory_clock_rate", 0)  # kHz; two transfers a cycle
        width = getattr(properties, "memory_bus_width", 0)  # bits
        return (2e3 * clock * width / 8, "by its clock") if clock and width else (ASSUMED, "assumed")
    return _measured(MEASURED_BYTES, ROUNDS), "measured here"


def _measured(num_bytes: int, rounds: int) -> float:
    """Of several sums over one tensor, the fastest."""
    values = torch.ones(num_bytes // 4)
    seconds = []
    for _ in range(rounds):
        begun = time.perf_counter()
        values.sum()
        seconds.append(time.perf_counter() - begun)
    return num_bytes / min(seconds)
