"""Our own kernels on a CUDA device: compiled at first use by NVRTC, which torch brings, and launched so that
one may start while the one before it ends.

Enters: sources in CUDA C++. Leaves: kernels to call with tensors and numbers. Always holds: launches take
effect in order on the current stream, captured graphs included; only what a kernel does before `await_inputs`
(csrc/int4.cuh) may overlap with the kernel before it. Compute capability 9.0 and up.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch

EARLY_START = 6  # CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION


class _Attribute(ctypes.Structure):
    """CUlaunchAttribute: its value is a union of 64 bytes."""

    _fields_ = [("id", ctypes.c_int), ("_pad", ctypes.c_int), ("value", ctypes.c_int * 16)]


class _Config(ctypes.Structure):
    """CUlaunchConfig."""

    _fields_ = [
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared_bytes", ctypes.c_uint),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(_Attribute)),
        ("num_attributes", ctypes.c_uint),
    ]


@cache
def num_multiprocessors(device: torch.device) -> int:
    """Of a CUDA device."""
    return int(torch.cuda.get_device_properties(device).multi_processor_count)


class Kernel:
    """One function of a source, which calls `await_inputs`. shared_bytes: of dynamic shared memory, where a
    launch needs more than 48 KiB."""

    early = True  # may begin before the kernel before it has ended

    def __init__(self, source: str, name: str, capability: str | None = None, shared_bytes: int = 0) -> None:
        self._kernel = torch.cuda._compile_kernel(source, name, compute_capability=capability)
        if shared_bytes >= 48 << 10:
            self._kernel.set_shared_memory_config(shared_bytes)
        self._attribute = _Attribute(id=EARLY_START)
        self._attribute.value[0] = 1

    def __call__(
        self, grid: Sequence[int], block: int, args: Sequence[torch.Tensor | int | float], shared_mem: int = 0
    ) -> None:
        """Launch on the current stream. args: tensors, int (int32) and float (double)."""
        values = [
            ctypes.c_void_p(arg.data_ptr()) if isinstance(arg, torch.Tensor)
            else ctypes.c_double(arg) if isinstance(arg, float) else ctypes.c_int(arg)
            for arg in args
        ]  # fmt: skip
        pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        config = _Config(
            (grid[0], grid[1], 1), (block, 1, 1), shared_mem, torch.cuda.current_stream().cuda_stream,
            ctypes.pointer(self._attribute), int(self.early),
        )  # fmt: skip
        code = _driver().cuLaunchKernelEx(ctypes.byref(config), self._kernel.func, pointers, None)
        if code:
            raise RuntimeError(f"a kernel was not launched: CUDA driver error {code}")


def _driver() -> Any:
    return torch.cuda._utils._get_gpu_runtime_library()  # libcuda
