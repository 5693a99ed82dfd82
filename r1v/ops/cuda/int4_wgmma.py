"""W4A16 products of 9 to 64 rows on Hopper's asynchronous matrix units, from the codes of `int4_mma`.

Enters: bfloat16 activations (M, K), codes as `int4_mma.pack` lays them. Leaves: (M, N). Always holds: sums
are float32; the weights are (code - zero) * scale, rounded to bfloat16; the same inputs give the same bits.
Compiled at first use by NVRTC for sm_90a; the source is csrc/int4_wgmma.cu.

At 64 rows a product needs as long for its arithmetic as for reading its codes, so neither may wait for the
other: codes and inputs are several groups on their way to shared memory, and warps widen codes in registers
while the matrix units work on those that they widened before.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from r1v.ops.cuda.nvrtc import Kernel, num_multiprocessors

SOURCES = tuple(Path(__file__).parent / "csrc" / name for name in ("int4.cuh", "int4_wgmma.cu"))

# How a block works: warpgroups of 128 threads that multiply, groups of 128 inputs and of codes on their way.
# Of what was tried, the fastest at 64 rows and as fast as any at 16 and 32.
WARPGROUPS, STAGES, RING = 3, 4, 6
BLOCK_OUT = 64 * WARPGROUPS  # outputs that a block computes at a time


def _shared_bytes(tiles: int) -> int:
    """Of a block: inputs, codes and tables (a copy for each thread), from a multiple of 1,024 on."""
    return 1024 + STAGES * tiles * 2048 + RING * WARPGROUPS * (4096 + 1024)


def _multiply(tiles: int) -> str:
    """The macro MULTIPLY(sums, left, right): wgmma for 8 rows a tile. left: 4 registers, right:
    a descriptor of shared memory."""
    number = 4 * tiles
    sums = ", ".join(f"%{i}" for i in range(number))
    left = ", ".join(f"%{number + i}" for i in range(4))
    text = (
        f"wgmma.mma_async.sync.aligned.m64n{8 * tiles}k16.f32.bf16.bf16 "
        f"{{{sums}}}, {{{left}}}, %{number + 4}, 1, 1, 1, 0;"
    )
    outputs = ", ".join(f'"+f"((c)[{i}])' for i in range(number))
    inputs = ", ".join(f'"r"((a)[{i}])' for i in range(4))
    return f'#define MULTIPLY(c, a, d) asm volatile("{text}" : {outputs} : {inputs}, "l"(d))\n'


@cache
def _kernel(name: str, tiles: int = 1, norm: bool = False) -> Kernel:
    """A compiled kernel. tiles (of 8 rows): of int4_wgmma. norm: int4_image with an RMSNorm."""
    values = {"TILES": tiles, "WARPGROUPS": WARPGROUPS, "STAGES": STAGES, "RING": RING, "NORM": int(norm)}
    given = "".join(f"#define {key} {value}\n" for key, value in values.items()) + _multiply(tiles)
    source = given + "".join(path.read_text() for path in SOURCES)
    return Kernel(source, name, "90a", _shared_bytes(tiles) if name == "int4_wgmma" else 0)


@cache
def is_available(device: torch.device) -> bool:
    """Whether the kernels compile and run here."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) != (9, 0):
        return False
    try:
        _kernel("int4_wgmma", 8)
    except (AttributeError, OSError, RuntimeError):
        return False
    return True


def image(x: torch.Tensor, norm: tuple[torch.Tensor, float] | None = None) -> torch.Tensor:
    """x (M, K), or its RMSNorm, as the product reads it: bfloat16 (K / 64, M rounded up to tiles, 64)."""
    num_rows, width = x.shape
    tiles = -(-num_rows // 8)
    out = x.new_empty(width // 64, tiles * 8, 64)
    weight, eps = norm or (x, 0.0)
    _kernel("int4_image", norm=norm is not None)(
        grid=(tiles * 8, -(-width // 2048)), block=256,
        args=[x, weight, out, eps, num_rows, width],
    )  # fmt: skip
    return out


def product(
    records: torch.Tensor,
    x: torch.Tensor,
    norm: tuple[torch.Tensor, float] | None = None,
    bias: torch.Tensor | None = None,
    residual: torch.Tensor | None = None,
    gated: bool = False,
) -> torch.Tensor:
    """x (M, K) of up to 64 rows times codes of (N, K), with the fusions of `MmaInt4Linear.product`. records:
    of `int4_mma.pack`."""
    (num_rows, width), num_out = x.shape, records.shape[0] * 16
    tiles, groups = -(-num_rows // 8), width // 128
    units = -(-num_out // BLOCK_OUT) * groups
    blocks = min(units, num_multiprocessors(x.device))
    num_parts = -(-groups * blocks // units) + 1  # of a tile, at most
    parts = x.new_empty(num_parts, num_rows, num_out, dtype=torch.float32)
    _kernel("int4_wgmma", tiles)(
        grid=(blocks, 1), block=WARPGROUPS * 128 + 32,
        args=[records, image(x.contiguous(), norm), parts, num_rows, num_out, width],
        shared_mem=_shared_bytes(tiles),
    )  # fmt: skip
    out = x.new_empty(num_rows, num_out // 2 if gated else num_out)
    flags = (bias is not None) + 2 * (residual is not None) + 4 * gated
    _kernel("int4_gather")(
        grid=(-(-out.shape[1] // 256), num_rows), block=256,
        args=[parts, x if bias is None else bias, x if residual is None else residual, out, num_rows, num_out,
              width, blocks, BLOCK_OUT, flags],
    )  # fmt: skip
    return out
