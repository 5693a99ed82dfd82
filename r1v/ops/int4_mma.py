"""W4A16 products of up to 64 rows on a CUDA device's matrix units, from codes laid out for them.

Enters: bfloat16 activations (M, K) and an `AwqLinear`. Leaves: (M, N). Always holds: the weights are (code -
zero) * scale, exact before the scale; sums are float32. Compiled at first use by NVRTC, which torch brings.

A decode step reads each code once, so the code that widens it must keep up with memory: about one instruction
a weight. So codes are stored in the order in which the lanes of a warp hold the left operand of
mma.m16n8k16: 16 bytes a lane are four such operands, read straight into registers. Two nibbles at a time
become bfloat16 by their bits (128 + code), as in Frantar et al. 2024 (Marlin), section 3.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from r1v.ops.decode_cuda import norm_rows
from r1v.ops.linear import AwqLinear

GROUP = 128
MAX_ROWS = 64
SHARED_ROWS = 9  # from here on a block's warps share the inputs
MAX_PARTS, BLOCKS = 8, 528  # of the inputs; of a launch, four for each of an H200's multiprocessors
NUM_WARPS, DEPTH = 8, 4  # of a block; groups of codes that each warp has on their way

SOURCE = r"""
typedef unsigned int u32;
typedef unsigned short u16;

__device__ __forceinline__ float widen(u16 x) { return __uint_as_float((u32)x << 16); }
__device__ __forceinline__ u16 narrow(float x) {
  u16 y; asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x)); return y;
}
__device__ __forceinline__ float half_to_float(u16 x) {
  float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x)); return y;
}
// two codes of a word, less their zero point: (128 + code) - (128 + zero)
__device__ __forceinline__ u32 codes(u32 word, u32 zeros) {
  u32 y = (word & 0x000f000fu) | 0x43004300u;
  asm("sub.rn.bf16x2 %0, %1, %2;" : "=r"(y) : "r"(y), "r"(zeros));
  return y;
}
__device__ __forceinline__ void multiply(float* c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void step(float (*c)[4], u32 word, u32 z0, u32 z1, const u32* b, int stride) {
  u32 a0 = codes(word, z0), a1 = codes(word >> 4, z1), a2 = codes(word >> 8, z0), a3 = codes(word >> 12, z1);
#pragma unroll
  for (int n = 0; n < TILES; n++) multiply(c[n], a0, a1, a2, a3, b[n * stride], b[n * stride + 1]);
}

// A copy from global to shared memory that does not wait.
__device__ __forceinline__ void fetch16(void* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
               :: "r"((u32)__cvta_generic_to_shared(to)), "l"(from));
}
__device__ __forceinline__ void fetch4(void* to, const void* from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;"
               :: "r"((u32)__cvta_generic_to_shared(to)), "l"(from));
}

// What a warp has on its way: the codes and the table of one group of 128 inputs.
struct Stage { uint4 words[64]; u32 table[16]; };
union Shared {
  Stage stages[WARPS][DEPTH];
  float sums[WARPS][TILES * 8][17];
};

// A block computes 16 outputs of all rows; its warps take every WARPS-th group of 128 inputs. Each warp keeps
// DEPTH groups on their way from memory, and reads only what it fetched itself.
extern "C" __global__ void __launch_bounds__(WARPS * 32) int4_product(
    const uint4* __restrict__ words, const u32* __restrict__ scales, const u16* __restrict__ x,
    const u16* __restrict__ bias, const u16* __restrict__ residual, u16* __restrict__ out,
    int num_rows, int num_out, int width, int flags) {
  __shared__ Shared shared;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, block = blockIdx.x;
  const int g = lane >> 2, t = lane & 3;
  const int groups = width / 128;
  const uint4* mine = words + (long long)block * groups * 64 + lane;
  const u32* tables = scales + (long long)block * groups * 16 + lane;
  auto fetch = [&](int group, int slot) {
    if (group < groups) {
      Stage& stage = shared.stages[warp][slot];
      fetch16(&stage.words[lane], mine + group * 64);
      fetch16(&stage.words[lane + 32], mine + group * 64 + 32);
      if (lane < 16) fetch4(&stage.table[lane], tables + group * 16);
    }
    asm volatile("cp.async.commit_group;");
  };
#pragma unroll
  for (int slot = 0; slot < DEPTH - 1; slot++) fetch(warp + slot * WARPS, slot);
  float total[TILES][4];
#pragma unroll
  for (int n = 0; n < TILES; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) total[n][i] = 0.f;
  const u16* rows = x + (long long)g * width + t * 16;
  int slot = 0;
  for (int group = warp; group < groups; group += WARPS) {
    fetch(group + (DEPTH - 1) * WARPS, (slot + DEPTH - 1) % DEPTH);
    u32 b[2][TILES][8];  // of the two halves of the group
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
      for (int n = 0; n < TILES; n++) {
        uint4 low = make_uint4(0, 0, 0, 0), high = low;
        if (n * 8 + g < num_rows) {
          const uint4* at = (const uint4*)(rows + (long long)n * 8 * width + group * 128 + half * 64);
          low = at[0]; high = at[1];
        }
        b[half][n][0] = low.x; b[half][n][1] = low.y; b[half][n][2] = low.z; b[half][n][3] = low.w;
        b[half][n][4] = high.x; b[half][n][5] = high.y; b[half][n][6] = high.z; b[half][n][7] = high.w;
      }
    asm volatile("cp.async.wait_group %0;" :: "n"(DEPTH - 1));
    __syncwarp();
    const Stage& stage = shared.stages[warp][slot];
    // the upper half of a table entry is 128 + zero in bfloat16, the lower half the scale in float16
    const u32 s0 = stage.table[g], s1 = stage.table[g + 8];
    const u32 z0 = __byte_perm(s0, 0, 0x3232), z1 = __byte_perm(s1, 0, 0x3232);
    float c[TILES][4];
#pragma unroll
    for (int n = 0; n < TILES; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) c[n][i] = 0.f;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const uint4 now = stage.words[half * 32 + lane];
      step(c, now.x, z0, z1, &b[half][0][0], 8);
      step(c, now.y, z0, z1, &b[half][0][2], 8);
      step(c, now.z, z0, z1, &b[half][0][4], 8);
      step(c, now.w, z0, z1, &b[half][0][6], 8);
    }
    const float f0 = half_to_float((u16)s0), f1 = half_to_float((u16)s1);
#pragma unroll
    for (int n = 0; n < TILES; n++) {
      total[n][0] += f0 * c[n][0]; total[n][1] += f0 * c[n][1];
      total[n][2] += f1 * c[n][2]; total[n][3] += f1 * c[n][3];
    }
    __syncwarp();  // the slot is filled anew in the next turn
    slot = slot + 1 == DEPTH ? 0 : slot + 1;
  }
  asm volatile("cp.async.wait_group 0;");
  __syncthreads();  // sums take the place of the stages
  auto& sums = shared.sums;
#pragma unroll
  for (int n = 0; n < TILES; n++) {
    sums[warp][n * 8 + 2 * t][g] = total[n][0]; sums[warp][n * 8 + 2 * t + 1][g] = total[n][1];
    sums[warp][n * 8 + 2 * t][g + 8] = total[n][2]; sums[warp][n * 8 + 2 * t + 1][g + 8] = total[n][3];
  }
  __syncthreads();
  const bool gated = flags & 4;
  const int each = gated ? 8 : 16, outputs = gated ? num_out / 2 : num_out;
  for (int i = threadIdx.x; i < num_rows * each; i += WARPS * 32) {
    const int row = i / each, column = i % each;
    float value = 0.f, up = 0.f;
    for (int w = 0; w < WARPS; w++) {
      value += sums[w][row][column];
      if (gated) up += sums[w][row][column + 8];
    }
    const long long at = (long long)row * outputs + block * each + column;
    if (flags & 1) value += widen(bias[block * each + column]);
    if (gated) value = value / (1.f + __expf(-value)) * up;
    if (flags & 2) value += widen(residual[at]);
    out[at] = narrow(value);
  }
}

// More rows: a block computes 128 outputs, 16 a warp, of one part of the inputs (blockIdx.y); its warps share
// the inputs through shared memory, 64 columns at a time, three such pieces on their way. Scales go into the
// weights, as they do where weights are widened. parts: float32 (parts, num_rows, N), in the codes' order.
const int PITCH = 72;  // of a row of inputs: 64 and what keeps its banks apart from the next row's

extern "C" __global__ void __launch_bounds__(256) int4_rows(
    const uint4* __restrict__ words, const u32* __restrict__ scales, const u16* __restrict__ x,
    float* __restrict__ parts, int num_rows, int num_out, int width, int chunks_each) {
  __shared__ __align__(16) u16 inputs[3][TILES * 8 * PITCH];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int g = lane >> 2, t = lane & 3;
  const int block = blockIdx.x * 8 + warp, chunks = width / 64;
  const bool idle = block * 16 >= num_out;  // still loads inputs for the others
  const int first = blockIdx.y * chunks_each, last = min(first + chunks_each, chunks);
  const uint4* mine = words + (long long)(idle ? 0 : block) * chunks * 32 + lane;
  const u32* tables = scales + (long long)(idle ? 0 : block) * (chunks / 2) * 16 + g;
  auto fetch = [&](int chunk) {
    if (chunk < last)
      for (int i = threadIdx.x; i < TILES * 64; i += 256) {
        const int row = i / 8, piece = i % 8;
        if (row < num_rows)
          fetch16(&inputs[chunk % 3][row * PITCH + piece * 8],
                  x + (long long)row * width + chunk * 64 + piece * 8);
      }
    asm volatile("cp.async.commit_group;");
  };
  for (int i = threadIdx.x; i < 3 * TILES * 8 * PITCH / 2; i += 256) ((u32*)inputs)[i] = 0;
  __syncthreads();
  fetch(first);
  fetch(first + 1);
  uint4 next[2];
  u32 table[2][2];
#pragma unroll
  for (int i = 0; i < 2; i++)
    if (first + i < last) {
      next[i] = __ldcs(mine + (first + i) * 32);
      table[i][0] = tables[(first + i) / 2 * 16]; table[i][1] = tables[(first + i) / 2 * 16 + 8];
    }
  float total[TILES][4];
#pragma unroll
  for (int n = 0; n < TILES; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) total[n][i] = 0.f;
  for (int pair = first; pair < last; pair += 2) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int chunk = pair + i;
      if (chunk >= last) break;
      const uint4 now = next[i];
      const u32 s0 = table[i][0], s1 = table[i][1];
      if (chunk + 2 < last) {
        next[i] = __ldcs(mine + (chunk + 2) * 32);
        table[i][0] = tables[(chunk + 2) / 2 * 16]; table[i][1] = tables[(chunk + 2) / 2 * 16 + 8];
      }
      asm volatile("cp.async.wait_group 1;");
      __syncthreads();  // this chunk is there for all, and nobody reads the one before it any more
      fetch(chunk + 2);
      const u32 z0 = __byte_perm(s0, 0, 0x3232), z1 = __byte_perm(s1, 0, 0x3232);
      const u16 f0 = narrow(half_to_float((u16)s0)), f1 = narrow(half_to_float((u16)s1));
      const u32 p0 = f0 | ((u32)f0 << 16), p1 = f1 | ((u32)f1 << 16);
      const u32 four[4] = {now.x, now.y, now.z, now.w};
      u32 a[4][4];
#pragma unroll
      for (int s = 0; s < 4; s++)
#pragma unroll
        for (int q = 0; q < 4; q++) {
          const u32 pair_ = codes(four[s] >> (4 * q), q & 1 ? z1 : z0);
          asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(a[s][q]) : "r"(pair_), "r"(q & 1 ? p1 : p0));
        }
      const u16* from = &inputs[chunk % 3][g * PITCH + t * 16];
#pragma unroll
      for (int n = 0; n < TILES; n++) {
        const uint4 low = *(const uint4*)(from + n * 8 * PITCH);
        const uint4 high = *(const uint4*)(from + n * 8 * PITCH + 8);
        multiply(total[n], a[0][0], a[0][1], a[0][2], a[0][3], low.x, low.y);
        multiply(total[n], a[1][0], a[1][1], a[1][2], a[1][3], low.z, low.w);
        multiply(total[n], a[2][0], a[2][1], a[2][2], a[2][3], high.x, high.y);
        multiply(total[n], a[3][0], a[3][1], a[3][2], a[3][3], high.z, high.w);
      }
    }
  }
  if (idle) return;
#pragma unroll
  for (int n = 0; n < TILES; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int row = n * 8 + 2 * t + (i & 1);
      if (row < num_rows)
        parts[((long long)blockIdx.y * num_rows + row) * num_out + block * 16 + g + (i >> 1) * 8] =
            total[n][i];
    }
}

// Adds up the parts, with the bias, gates and residual of int4_product.
extern "C" __global__ void int4_finish(
    const float* __restrict__ parts, const u16* __restrict__ bias, const u16* __restrict__ residual,
    u16* __restrict__ out, int num_rows, int num_out, int num_parts, int flags) {
  const bool gated = flags & 4;
  const int outputs = gated ? num_out / 2 : num_out, row = blockIdx.y;
  const int column = blockIdx.x * 256 + threadIdx.x;
  if (column >= outputs) return;
  const int place = gated ? column / 8 * 16 + column % 8 : column;
  float value = 0.f, up = 0.f;
  for (int part = 0; part < num_parts; part++) {
    const float* from = parts + ((long long)part * num_rows + row) * num_out + place;
    value += from[0];
    if (gated) up += from[8];
  }
  const long long at = (long long)row * outputs + column;
  if (flags & 1) value += widen(bias[column]);
  if (gated) value = value / (1.f + __expf(-value)) * up;
  if (flags & 2) value += widen(residual[at]);
  out[at] = narrow(value);
}

// The weights in bfloat16, (N, K); gated layers in their own order again.
extern "C" __global__ void int4_widen(
    const uint4* __restrict__ words, const u32* __restrict__ scales, u32* __restrict__ out, int num_out,
    int width, int gated) {
  const int lane = threadIdx.x & 31, chunk = blockIdx.x * 8 + (threadIdx.x >> 5), block = blockIdx.y;
  if (chunk * 64 >= width) return;
  const int g = lane >> 2, t = lane & 3;
  const uint4 four = words[((long long)block * (width / 64) + chunk) * 32 + lane];
  const u32 all[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
  for (int side = 0; side < 2; side++) {
    const u32 table = scales[((long long)block * (width / 128) + chunk / 2) * 16 + g + 8 * side];
    const float scale = half_to_float((u16)table);
    const u32 zero = (table & 0xffff0000u) | (table >> 16);
    const int row = gated ? block * 8 + g + side * (num_out / 2) : block * 16 + g + 8 * side;
    u32 found[8];
#pragma unroll
    for (int s = 0; s < 4; s++)
#pragma unroll
      for (int k = 0; k < 2; k++) {
        const u32 pair = codes(all[s] >> (4 * side + 8 * k), zero);
        found[2 * s + k] = (u32)narrow(scale * widen((u16)pair)) |
                           ((u32)narrow(scale * widen((u16)(pair >> 16))) << 16);
      }
    uint4* to = (uint4*)(out + ((long long)row * width + chunk * 64 + t * 16) / 2);
    to[0] = make_uint4(found[0], found[1], found[2], found[3]);
    to[1] = make_uint4(found[4], found[5], found[6], found[7]);
  }
}
"""


@cache
def _kernel(name: str, tiles: int = 1, num_warps: int = NUM_WARPS, depth: int = DEPTH) -> Any:
    """A compiled kernel. tiles: of 8 rows."""
    source = f"#define TILES {tiles}\n#define WARPS {num_warps}\n#define DEPTH {depth}\n{SOURCE}"
    return torch.cuda._compile_kernel(source, name)


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
    """Scales float16 and zeros uint8 (N, groups) -> int32 (N / 16, groups, 16): scale below, the bits of
    128 + zero in bfloat16 above."""
    low = scales.half().contiguous().view(torch.int16).to(torch.int32) & 0xFFFF
    both = low | (zeros.to(torch.int32) | 0x4300) << 16
    return both.unflatten(0, (-1, 16)).transpose(1, 2).contiguous()


class MmaInt4Linear(nn.Module):
    """An AwqLinear laid out for `int4_product`: bfloat16 in and out. gated: the outputs are gates, then as
    many values to gate; the two are interleaved so that one block has both."""

    def __init__(self, layer: AwqLinear, gated: bool = False) -> None:
        super().__init__()
        self.shape, self.gated = layer.shape, gated
        codes, scales, zeros = layer.codes(), layer.scales, layer.zeros
        if gated:
            codes, scales, zeros = (_interleave(each) for each in (codes, scales, zeros))
        self._words, self._tables = pack_operands(codes), pack_tables(scales, zeros)
        self.bias = None if layer.bias is None else layer.bias.detach().bfloat16()

    @staticmethod
    def takes(layer: AwqLinear, dtype: torch.dtype) -> bool:
        """Whether the kernels have this layer's shape, groups and dtype."""
        num_out, width = layer.shape
        return (
            layer.group_size == GROUP and num_out % 16 == 0 and width % GROUP == 0 and dtype == torch.bfloat16
        )

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
        num_warps: int = NUM_WARPS,
        depth: int = DEPTH,
    ) -> torch.Tensor:
        """x (B, K) of few rows, with the fusions of `decode_cuda.gemv`. num_warps: of a block. depth: groups
        of codes that each warp has on their way."""
        assert gated == self.gated
        x = x.contiguous() if norm is None else norm_rows(x, *norm)
        num_rows, (num_out, width) = x.shape[0], self.shape
        out = x.new_empty(num_rows, num_out // 2 if gated else num_out)
        flags = (self.bias is not None) + 2 * (residual is not None) + 4 * gated
        tiles = 1 << max(0, (num_rows - 1) // 8).bit_length()
        ends = (x if self.bias is None else self.bias, x if residual is None else residual, out)
        if num_rows < SHARED_ROWS:
            _kernel("int4_product", tiles, num_warps, depth)(
                grid=(num_out // 16, 1, 1), block=(num_warps * 32, 1, 1),
                args=[self._words, self._tables, x, *ends, num_rows, num_out, width, flags],
            )  # fmt: skip
            return out
        blocks, chunks = -(-num_out // 128), width // 64
        num_parts = max(1, min(MAX_PARTS, chunks // 8, BLOCKS // blocks))
        each = -(-chunks // num_parts)
        num_parts = -(-chunks // each)
        parts = x.new_empty(num_parts, num_rows, num_out, dtype=torch.float32)
        _kernel("int4_rows", tiles)(
            grid=(blocks, num_parts, 1), block=(256, 1, 1),
            args=[self._words, self._tables, x, parts, num_rows, num_out, width, each],
        )  # fmt: skip
        _kernel("int4_finish")(
            grid=(-(-out.shape[1] // 256), num_rows, 1), block=(256, 1, 1),
            args=[parts, *ends, num_rows, num_out, num_parts, flags],
        )  # fmt: skip
        return out

    def widened(self) -> torch.Tensor:
        """The weights, bfloat16 (N, K)."""
        num_out, width = self.shape
        out = torch.empty(num_out, width, dtype=torch.bfloat16, device=self._words.device)
        _kernel("int4_widen")(
            grid=(-(-width // 512), num_out // 16, 1), block=(256, 1, 1),
            args=[self._words, self._tables, out, num_out, width, int(self.gated)],
        )  # fmt: skip
        return out


def _interleave(rows: torch.Tensor) -> torch.Tensor:
    """Rows (N, ...), eight of the first half and eight of the second in turn."""
    return torch.stack(rows.unflatten(0, (2, -1, 8)).unbind(0), 1).flatten(0, 2)
