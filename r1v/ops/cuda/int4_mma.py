"""W4A16 products of up to 64 rows on a CUDA device's matrix units, from codes laid out for them.

Enters: bfloat16 activations (M, K) and an `AwqLinear`. Leaves: (M, N). Always holds: sums are float32; the
weights are (code - zero) * scale, rounded to bfloat16 from 9 rows on. Compiled at first use by NVRTC, which
torch brings, for compute capability 9.0 and up; the source is csrc/int4_mma.cu. On 9.0 products of 9 rows
and more are `int4_wgmma`'s.

A decode step reads each code once, so the code that widens it must keep up with memory: about one instruction
a weight. So codes are stored in the order in which the lanes of a warp hold the left operand of
mma.m16n8k16: 16 bytes a lane are four such operands, read straight into registers. Two nibbles at a time
become bfloat16 by their bits (128 + code), as in Frantar et al. 2024 (Marlin), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from r1v.ops.cuda import int4_wgmma
from r1v.ops.cuda.decode import norm_rows
from r1v.ops.cuda.nvrtc import Kernel, num_multiprocessors
from r1v.ops.linear import AwqLinear, unpack_nibbles

GROUP = 128
PACK_ROWS = 1024  # at a time, since packing takes 16 times the room of the codes
MAX_ROWS = 64
SHARED_ROWS = 9  # from here on a block's warps share the inputs
MAX_PARTS, BLOCKS = 8, 528  # of the inputs; of a launch, four for each of an H200's multiprocessors
SOURCES = tuple(Path(__file__).parent / "csrc" / name for name in ("int4.cuh", "int4_mma.cu"))
PIECE_BYTES = 8 * 17 * 4  # of what one warp has of a tile: 8 rows of 16 outputs, apart by the banks
MAX_TILES = 32  # of a long-lived block
SHARED_BYTES = 47 << 10  # of a block, without asking for more


@dataclass(frozen=True, slots=True)
class Launch:
    """How the kernels of up to 8 rows are launched.

    num_warps: of a block. depth: groups of codes that each warp has on their way. streamed: by one block a
    multiprocessor, which lives for the whole launch (`int4_stream`); else a block has 16 outputs
    (`int4_product`).
    """

    num_warps: int
    depth: int
    streamed: bool = False


# measured on an H200: long-lived blocks are faster from STREAM_BYTES of codes on,
# at one row those of more warps from LARGE_BYTES on
BLOCKWISE, STREAMED, LARGE = Launch(8, 2), Launch(24, 1, True), Launch(32, 1, True)
STREAM_BYTES, LARGE_BYTES = 16 << 20, 32 << 20


@cache
def _kernel(name: str, tiles: int = 1, launch: Launch = BLOCKWISE, norm: bool = False) -> Kernel:
    """A compiled kernel. tiles: of 8 rows. norm: with an RMSNorm of its input."""
    values = {"TILES": tiles, "WARPS": launch.num_warps, "DEPTH": launch.depth, "NORM": int(norm)}
    given = "".join(f"#define {key} {value}\n" for key, value in values.items())
    return Kernel(given + "".join(path.read_text() for path in SOURCES), name)


@cache
def is_available() -> bool:
    """Whether the kernels compile here."""
    try:
        _kernel("int4_product")
    except (AttributeError, OSError, RuntimeError):
        return False
    return True


def pack_operands(codes: torch.Tensor) -> torch.Tensor:
    """Codes uint8 (N, K) in the order of the operands: int32 (N / 16, K / 64, 32 lanes, 4).

    Word s of lane 4 g + t holds rows g and g + 8 of its block at columns 16 t + 4 s + 0 to 3. Nibble i is of
    register i % 4, whose lower bit is the row's half and upper one the columns' half, and of column i / 4 of
    that half.
    """
    blocks = codes.unflatten(0, (-1, 2, 8)).unflatten(3, (-1, 4, 4, 2, 2))
    # (block, row half, g, chunk, t, s, column half, column) -> (block, chunk, g, t, s, nibble)
    ordered = blocks.permute(0, 3, 2, 4, 5, 7, 6, 1).flatten(5).to(torch.int32)
    words = torch.zeros_like(ordered[..., 0])
    for nibble in range(8):
        words |= ordered[..., nibble] << (4 * nibble)
    return words.flatten(2, 3).contiguous()


def pack_tables(scales: torch.Tensor, zeros: torch.Tensor) -> torch.Tensor:
    """Scales float16 and zeros uint8 (N, groups) -> int32 (N / 16, groups, 8, 2), rows g and g + 8 side by
    side: the scale below, the bits of 128 + zero in bfloat16 above."""
    low = scales.half().contiguous().view(torch.int16).to(torch.int32) & 0xFFFF
    both = low | (zeros.to(torch.int32) | 0x4300) << 16
    return both.unflatten(0, (-1, 2, 8)).permute(0, 3, 2, 1).contiguous()


def pack(codes: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor) -> torch.Tensor:
    """Codes uint8 (N, K) with their scales and zeros: int32 (N / 16, K / 128, 272), for each group of 128 its
    operands and then its table."""
    words, tables = pack_operands(codes), pack_tables(scales, zeros)
    return torch.cat([words.unflatten(1, (-1, 2)).flatten(2), tables.flatten(2)], 2)


class MmaInt4Linear(nn.Module):
    """An AwqLinear laid out for `int4_product`: bfloat16 in and out. gated: the outputs are gates, then as
    many values to gate; the two are interleaved so that one block has both."""

    def __init__(self, layer: AwqLinear, gated: bool = False) -> None:
        super().__init__()
        self.shape, self.gated = layer.shape, gated
        num_out, width = layer.shape
        # first, so that what packing takes lies behind it and leaves no gap among the layers
        self._records = layer.nibbles.new_empty(num_out // 16, width // GROUP, 272, dtype=torch.int32)
        for start in range(0, num_out, PACK_ROWS):
            rows = range(start, min(start + PACK_ROWS, num_out))
            nibbles, scales, zeros = (
                _rows(each, rows, gated) for each in (layer.nibbles, layer.scales, layer.zeros)
            )
            packed = pack(unpack_nibbles(nibbles), scales, zeros)
            self._records[rows.start // 16 : rows.stop // 16] = packed
        self.bias = None if layer.bias is None else layer.bias.detach().bfloat16()

    @staticmethod
    def takes(layer: AwqLinear, dtype: torch.dtype) -> bool:
        """Whether the kernels have this layer's shape, groups and dtypes."""
        num_out, width = layer.shape
        return (
            layer.group_size == GROUP and num_out % 16 == 0 and width % GROUP == 0 and dtype == torch.bfloat16
            and layer.scales.dtype == torch.float16
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., K) -> (..., N)."""
        rows = x.reshape(-1, x.shape[-1])
        if rows.shape[0] <= MAX_ROWS and not self.gated:
            out = self.product(rows)
        else:
            out = F.linear(rows, self.widened(), self.bias)
        return out.reshape(*x.shape[:-1], -1)

    def product(
        self,
        x: torch.Tensor,
        norm: tuple[torch.Tensor, float] | None = None,
        gated: bool = False,
        residual: torch.Tensor | None = None,
        launch: Launch | None = None,
    ) -> torch.Tensor:
        """x (B, K) of few rows, with the fusions of `decode_cuda.gemv`. launch: of up to 8 rows."""
        assert gated == self.gated
        num_rows = x.shape[0]
        if num_rows >= SHARED_ROWS:
            return self._many(x, norm, residual)
        launch = launch or self._launch(num_rows)
        fused = norm is not None and num_rows == 1 and self._normalises(launch)
        x = norm_rows(x, *norm) if norm is not None and not fused else x.contiguous()
        out, ends, flags = self._ends(x, residual)
        if launch.streamed:
            weight, eps = norm if norm is not None and fused else (x, 0.0)
            rest, marks = self._rest
            _kernel("int4_stream", launch=launch, norm=fused)(
                grid=(self._num_blocks(), 1), block=launch.num_warps * 32,
                args=[self._records, x, weight, *ends, rest, marks, eps, num_rows, *self.shape, flags],
                shared_mem=self._shared(launch, fused),
            )  # fmt: skip
        else:
            _kernel("int4_product", launch=launch)(
                grid=(self.shape[0] // 16, 1), block=launch.num_warps * 32,
                args=[self._records, x, *ends, num_rows, *self.shape, flags],
            )  # fmt: skip
        return out

    def _many(
        self, x: torch.Tensor, norm: tuple[torch.Tensor, float] | None, residual: torch.Tensor | None
    ) -> torch.Tensor:
        """9 to 64 rows."""
        if int4_wgmma.is_available(x.device):
            return int4_wgmma.product(self._records, x, norm, self.bias, residual, gated=self.gated)
        x = norm_rows(x, *norm) if norm is not None else x.contiguous()
        out, ends, flags = self._ends(x, residual)
        num_rows, (num_out, width) = x.shape[0], self.shape
        tiles = 1 << max(0, (num_rows - 1) // 8).bit_length()
        blocks, chunks = -(-num_out // 128), width // 64
        num_parts = max(1, min(MAX_PARTS, chunks // 8, BLOCKS // blocks))
        each = -(-chunks // num_parts)
        num_parts = -(-chunks // each)
        parts = x.new_empty(num_parts, num_rows, num_out, dtype=torch.float32)
        _kernel("int4_rows", tiles)(
            grid=(blocks, num_parts), block=256,
            args=[self._records, x, parts, num_rows, num_out, width, each],
        )  # fmt: skip
        _kernel("int4_finish")(
            grid=(-(-out.shape[1] // 256), num_rows), block=256,
            args=[parts, *ends, num_rows, num_out, num_parts, flags],
        )  # fmt: skip
        return out

    def _ends(
        self, x: torch.Tensor, residual: torch.Tensor | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], int]:
        """A kernel's output; what it takes for the end: bias, residual, output; and which of them count."""
        num_out = self.shape[0]
        out = x.new_empty(x.shape[0], num_out // 2 if self.gated else num_out)
        flags = (self.bias is not None) + 2 * (residual is not None) + 4 * self.gated
        return out, (x if self.bias is None else self.bias, x if residual is None else residual, out), flags

    def _launch(self, num_rows: int) -> Launch:
        """The faster way for a product of this size."""
        if self._records.nbytes < STREAM_BYTES:
            return BLOCKWISE
        return LARGE if num_rows == 1 and self._records.nbytes >= LARGE_BYTES else STREAMED

    @cached_property
    def _rest(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What long-lived blocks leave to the block before: sums float32 (blocks, 128), flags int32."""
        device = self._records.device
        most = self._num_blocks() + 1
        return torch.empty(most, 128, device=device), torch.zeros(most, dtype=torch.int32, device=device)

    def _num_blocks(self) -> int:
        """Long-lived blocks: what fits at once, or as many as tiles need."""
        tiles = self.shape[0] // 16
        return min(tiles, max(num_multiprocessors(self._records.device), -(-tiles // MAX_TILES)))

    def _shared(self, launch: Launch, norm: bool) -> int:
        """Bytes of shared memory of a long-lived block: normalised inputs, a piece of each warp and tile."""
        tiles = -(-(self.shape[0] // 16) // self._num_blocks()) + 1
        return (launch.num_warps + tiles) * PIECE_BYTES + norm * 2 * self.shape[1]

    def _normalises(self, launch: Launch) -> bool:
        """Whether blocks normalise their input themselves."""
        return launch.streamed and self._shared(launch, True) <= SHARED_BYTES

    def widened(self) -> torch.Tensor:
        """The weights, bfloat16 (N, K)."""
        num_out, width = self.shape
        out = torch.empty(num_out, width, dtype=torch.bfloat16, device=self._records.device)
        _kernel("int4_widen")(
            grid=(-(-width // 512), num_out // 16), block=256,
            args=[self._records, out, num_out, width, int(self.gated)],
        )  # fmt: skip
        return out


def _rows(values: torch.Tensor, rows: range, gated: bool) -> torch.Tensor:
    """Rows of values (N, ...); gated: in the order of eight of the first half and eight of the second in
    turn."""
    if not gated:
        return values[rows.start : rows.stop]
    half, inside = values.shape[0] // 2, slice(rows.start // 2, rows.stop // 2)
    eights = [part[inside].unflatten(0, (-1, 8)) for part in (values[:half], values[half:])]
    return torch.stack(eights, 1).flatten(0, 2)
