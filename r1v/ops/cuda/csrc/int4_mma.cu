// Products of W4A16 layers on the matrix units of a CUDA device; see int4_mma.py for the layout.
// TILES (of 8 rows), WARPS, DEPTH and NORM are given by it at compilation, which is NVRTC's.

__device__ __forceinline__ void multiply(float* c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void step(float* c, u32 word, u32 mask, u32 z0, u32 z1, u32 b0, u32 b1) {
  multiply(c, codes(word, mask, z0), codes(word >> 4, mask, z1), codes(word >> 8, mask, z0),
           codes(word >> 12, mask, z1), b0, b1);
}

// A copy from global to shared memory that does not wait.
__device__ __forceinline__ void fetch16(void* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
               :: "r"((u32)__cvta_generic_to_shared(to)), "l"(from));
}

// A group of 128 inputs of up to 8 rows, from x_at, for 16 outputs: their sums so far grow by it.
__device__ __forceinline__ void add_group(
    float* sum, uint4 w0, uint4 w1, uint2 table, const uint4* x_at, u32 mask) {
  const uint4 x0 = x_at[0], x1 = x_at[1], x2 = x_at[8], x3 = x_at[9];
  // the upper half of a table entry is 128 + zero in bfloat16, the lower half the scale in float16
  const u32 z0 = __byte_perm(table.x, 0, 0x3232), z1 = __byte_perm(table.y, 0, 0x3232);
  float c[4] = {0.f, 0.f, 0.f, 0.f}, e[4] = {0.f, 0.f, 0.f, 0.f};  // two chains, so that neither waits
  step(c, w0.x, mask, z0, z1, x0.x, x0.y);
  step(e, w0.y, mask, z0, z1, x0.z, x0.w);
  step(c, w0.z, mask, z0, z1, x1.x, x1.y);
  step(e, w0.w, mask, z0, z1, x1.z, x1.w);
  step(c, w1.x, mask, z0, z1, x2.x, x2.y);
  step(e, w1.y, mask, z0, z1, x2.z, x2.w);
  step(c, w1.z, mask, z0, z1, x3.x, x3.y);
  step(e, w1.w, mask, z0, z1, x3.z, x3.w);
  const float f0 = half_to_float((u16)table.x), f1 = half_to_float((u16)table.y);
  sum[0] += f0 * (c[0] + e[0]); sum[1] += f0 * (c[1] + e[1]);
  sum[2] += f1 * (c[2] + e[2]); sum[3] += f1 * (c[3] + e[3]);
}

// Up to 8 rows: a block computes 16 outputs; its warps take every WARPS-th group of 128 inputs, and each has
// DEPTH groups on their way from memory. Rows that are not there are computed from the last one and not kept.
extern "C" __global__ void __launch_bounds__(WARPS * 32) int4_product(
    const uint4* __restrict__ records, const u16* x,
    const u16* __restrict__ bias, const u16* residual, u16* __restrict__ out,
    int num_rows, int num_out, int width, int flags) {
  __shared__ float sums[WARPS][8][17];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, block = blockIdx.x;
  const int g = lane >> 2, t = lane & 3;
  const int groups = width / 128;
  const uint4* codes_at = records + ((long long)block * groups + warp) * 68 + lane;
  const uint2* table_at = (const uint2*)(codes_at - lane + 64) + g;
  const uint4* x_at = (const uint4*)(x + (long long)min(g, num_rows - 1) * width + warp * 128 + t * 16);
  u32 mask;
  asm volatile("mov.u32 %0, 0x000f000f;" : "=r"(mask));  // kept in a register
  uint4 word[DEPTH][2];
  uint2 table[DEPTH];
  int left = groups - warp;  // of the groups, from this warp's next one
#pragma unroll
  for (int d = 0; d < DEPTH; d++)
    if (d * WARPS < left) {
      word[d][0] = __ldcs(codes_at + d * WARPS * 68); word[d][1] = __ldcs(codes_at + d * WARPS * 68 + 32);
      table[d] = __ldcs(table_at + d * WARPS * 136);
    }
  let_next_start();
  await_inputs();
  float total[4] = {0.f, 0.f, 0.f, 0.f};
  while (left > 0) {
#pragma unroll
    for (int d = 0; d < DEPTH; d++) {
      if (d * WARPS >= left) break;
      const uint4 w0 = word[d][0], w1 = word[d][1];
      const uint2 now = table[d];
      if ((d + DEPTH) * WARPS < left) {
        word[d][0] = __ldcs(codes_at + (d + DEPTH) * WARPS * 68);
        word[d][1] = __ldcs(codes_at + (d + DEPTH) * WARPS * 68 + 32);
        table[d] = __ldcs(table_at + (d + DEPTH) * WARPS * 136);
      }
      add_group(total, w0, w1, now, x_at + d * WARPS * 16, mask);
    }
    codes_at += DEPTH * WARPS * 68; table_at += DEPTH * WARPS * 136; x_at += DEPTH * WARPS * 16;
    left -= DEPTH * WARPS;
  }
  sums[warp][2 * t][g] = total[0]; sums[warp][2 * t + 1][g] = total[1];
  sums[warp][2 * t][g + 8] = total[2]; sums[warp][2 * t + 1][g + 8] = total[3];
  __syncthreads();
  const bool gated = flags & 4;
  for (int i = threadIdx.x; i < num_rows * 16; i += WARPS * 32) {
    const int row = i >> 4, column = i & 15;
    if (gated && column >= 8) continue;
    float value = 0.f, up = 0.f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) value += sums[w][row][column];
    if (gated) {
#pragma unroll
      for (int w = 0; w < WARPS; w++) up += sums[w][row][column + 8];
    }
    write(out, value, up, row, block * (gated ? 8 : 16) + column, bias, residual, num_out, flags);
  }
}

// A row times the weights of its norm, into shared memory; returns the factor that makes it the RMSNorm.
__device__ __forceinline__ float normalise(
    uint4* to, const uint4* x, const uint4* norm, int width, double eps) {
  __shared__ float squares[WARPS];
  float square = 0.f;
  for (int i = threadIdx.x; i < width / 8; i += WARPS * 32) {
    const uint4 value = x[i], weight = norm[i];
    const u32 v[4] = {value.x, value.y, value.z, value.w}, n[4] = {weight.x, weight.y, weight.z, weight.w};
    u32 y[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const float low = widen((u16)v[k]), high = widen((u16)(v[k] >> 16));
      square += low * low + high * high;
      y[k] = narrow(low * widen((u16)n[k])) | ((u32)narrow(high * widen((u16)(n[k] >> 16))) << 16);
    }
    to[i] = make_uint4(y[0], y[1], y[2], y[3]);
  }
#pragma unroll
  for (int far = 16; far > 0; far /= 2) square += __shfl_xor_sync(0xffffffffu, square, far);
  if ((threadIdx.x & 31) == 0) squares[threadIdx.x >> 5] = square;
  __syncthreads();
  square = 0.f;
#pragma unroll
  for (int w = 0; w < WARPS; w++) square += squares[w];
  return rsqrtf(square / width + (float)eps);
}

// The same for up to 8 rows, from blocks that live for the whole launch: the groups of all tiles of 16
// outputs lie one after the other, and each block has an equal run of them, each of its warps an equal part
// of that, DEPTH groups ahead. So memory is never idle while a block starts or ends, and all
// multiprocessors have the same work. Runs begin and end within tiles: what a warp has of one tile is a
// piece, and pieces are added up at the end, always in the same order. What a block has of a tile that
// began in the block before, it leaves to that one: in rest, then its flag (0 before and after a launch).
// NORM (one row): x is RMS-normalised here; the norm's factor is one number and is multiplied in at the
// end.
extern "C" __global__ void __launch_bounds__(WARPS * 32, 1) int4_stream(
    const uint4* __restrict__ records, const u16* x, const u16* __restrict__ norm,
    const u16* __restrict__ bias, const u16* residual, u16* __restrict__ out, float* rest, int* flags_at,
    double eps, int num_rows, int num_out, int width, int flags) {
  extern __shared__ __align__(16) float shared[];  // NORM: width inputs, then pieces of (8 rows, 17)
  float* sums = shared + (NORM ? width / 2 : 0);
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int g = lane >> 2, t = lane & 3;
  const int groups = width / 128, all = num_out / 16 * groups;
  const int start = all * (int)blockIdx.x / (int)gridDim.x;
  const int total = all * ((int)blockIdx.x + 1) / (int)gridDim.x - start;  // groups of the block
  const int first = start / groups, lead = start - first * groups;  // groups of the first tile elsewhere
  const int begin = total * warp / WARPS;
  int left = total * (warp + 1) / WARPS - begin, tile = (lead + begin) / groups;
  int until = (tile + 1) * groups - lead - begin;  // the tile's end
  const uint4* codes_at = records + (long long)(start + begin) * 68 + lane;
  const uint2* table_at = (const uint2*)(codes_at - lane + 64) + g;
  uint4 word[DEPTH][2];
  uint2 table[DEPTH];
#pragma unroll
  for (int d = 0; d < DEPTH; d++)
    if (d < left) {
      word[d][0] = __ldcs(codes_at + d * 68); word[d][1] = __ldcs(codes_at + d * 68 + 32);
      table[d] = __ldcs(table_at + d * 136);
    }
  let_next_start();
  await_inputs();
  float factor = 1.f;
#if NORM
  factor = normalise((uint4*)shared, (const uint4*)x, (const uint4*)norm, width, eps);
  const uint4* x_row = (const uint4*)shared + t * 2;
#else
  const uint4* x_row = (const uint4*)(x + (long long)min(g, num_rows - 1) * width + t * 16);
#endif
  const uint4* x_at = x_row + (groups - until) * 16;
  u32 mask;
  asm volatile("mov.u32 %0, 0x000f000f;" : "=r"(mask));  // kept in a register
  float sum[4] = {0.f, 0.f, 0.f, 0.f};
  auto keep = [&]() {
    float* to = sums + (warp + tile) * 136 + 2 * t * 17 + g;
    to[0] = sum[0]; to[17] = sum[1]; to[8] = sum[2]; to[25] = sum[3];
  };
  while (left > 0) {
#pragma unroll
    for (int d = 0; d < DEPTH; d++) {
      if (d >= left) break;
      const uint4 w0 = word[d][0], w1 = word[d][1];
      const uint2 now = table[d];
      if (d + DEPTH < left) {
        word[d][0] = __ldcs(codes_at + (d + DEPTH) * 68);
        word[d][1] = __ldcs(codes_at + (d + DEPTH) * 68 + 32);
        table[d] = __ldcs(table_at + (d + DEPTH) * 136);
      }
      add_group(sum, w0, w1, now, x_at, mask);
      x_at += 16;
      if (--until == 0) {
        keep();
        sum[0] = sum[1] = sum[2] = sum[3] = 0.f;
        tile++; until = groups; x_at = x_row;
      }
    }
    codes_at += DEPTH * 68; table_at += DEPTH * 136;
    left -= DEPTH;
  }
  if (until != groups) keep();
  __syncthreads();
  // the sum of a tile's pieces, for an output and a row
  auto piece = [&](int local, int place) {
    const int low = max(local * groups - lead, 0), high = min((local + 1) * groups - lead, total);
    // the last warps whose runs begin no later than the tile's first and last group here
    const int from = ((low + 1) * WARPS - 1) / total, to = (high * WARPS - 1) / total;
    float value = 0.f;
    for (int w = from; w <= to; w++) value += sums[(w + local) * 136 + place];
    return value;
  };
  const int each = num_rows * 16;
  if (lead && warp == 0) {
    for (int i = lane; i < each; i += 32) rest[blockIdx.x * 128 + i] = piece(0, (i >> 4) * 17 + (i & 15));
    __threadfence();
    __syncwarp();
    if (lane == 0) atomicExch(flags_at + blockIdx.x, 1);
  }
  const bool gated = flags & 4, open = (lead + total) % groups;  // open: its last tile ends in the next block
  const int locals = (lead + total + groups - 1) / groups;
  for (int i = threadIdx.x + (lead ? each : 0); i < locals * each; i += WARPS * 32) {
    const int local = i / each, row = i % each >> 4, column = i & 15;
    if (gated && column >= 8) continue;
    float value = piece(local, row * 17 + column), up = gated ? piece(local, row * 17 + column + 8) : 0.f;
    if (open && local == locals - 1) {
      const int* flag = flags_at + blockIdx.x + 1;
      int there;
      do asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(there) : "l"(flag) : "memory");
      while (!there);
      const volatile float* other = rest + (blockIdx.x + 1) * 128 + row * 16 + column;
      value += other[0];
      if (gated) up += other[8];
    }
    write(out, value * factor, up * factor, row, (first + local) * (gated ? 8 : 16) + column, bias, residual,
          num_out, flags);
  }
  if (open) {
    __syncthreads();
    if (threadIdx.x == 0) flags_at[blockIdx.x + 1] = 0;
  }
}

// More rows: a block computes 128 outputs, 16 a warp, of one part of the inputs (blockIdx.y); its warps share
// the inputs through shared memory, 64 columns at a time, three such pieces on their way. Scales go into the
// weights, as they do where weights are widened. parts: float32 (parts, num_rows, N), in the codes' order.
const int PITCH = 72;  // of a row of inputs: 64 and what keeps its banks apart from the next row's

extern "C" __global__ void __launch_bounds__(256) int4_rows(
    const uint4* __restrict__ records, const u16* x,
    float* parts, int num_rows, int num_out, int width, int chunks_each) {
  __shared__ __align__(16) u16 inputs[3][TILES * 8 * PITCH];
  await_inputs();
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int g = lane >> 2, t = lane & 3;
  const int block = blockIdx.x * 8 + warp, chunks = width / 64;
  const bool idle = block * 16 >= num_out;  // still loads inputs for the others
  const int first = blockIdx.y * chunks_each, last = min(first + chunks_each, chunks);
  const uint4* mine = records + (long long)(idle ? 0 : block) * (chunks / 2) * 68 + lane;
  const uint2* tables = (const uint2*)(mine - lane + 64) + g;
  const u32 mask = 0x000f000fu;
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
  uint2 table[2];
#pragma unroll
  for (int i = 0; i < 2; i++)
    if (first + i < last) {
      next[i] = __ldcs(mine + (first + i) / 2 * 68 + (first + i) % 2 * 32);
      table[i] = tables[(first + i) / 2 * 136];
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
      const u32 s0 = table[i].x, s1 = table[i].y;
      if (chunk + 2 < last) {
        next[i] = __ldcs(mine + (chunk + 2) / 2 * 68 + chunk % 2 * 32);
        table[i] = tables[(chunk + 2) / 2 * 136];
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
          const u32 pair_ = codes(four[s] >> (4 * q), mask, q & 1 ? z1 : z0);
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

// Adds up the parts.
extern "C" __global__ void int4_finish(
    const float* parts, const u16* __restrict__ bias, const u16* residual,
    u16* __restrict__ out, int num_rows, int num_out, int num_parts, int flags) {
  await_inputs();
  const int column = blockIdx.x * 256 + threadIdx.x;
  if (column < (flags & 4 ? num_out / 2 : num_out))
    add_parts(parts, num_parts, out, blockIdx.y, column, bias, residual, num_rows, num_out, flags);
}

// The weights in bfloat16, (N, K); gated layers in their own order again.
extern "C" __global__ void int4_widen(
    const uint4* __restrict__ records, u32* __restrict__ out, int num_out, int width, int gated) {
  await_inputs();
  const int lane = threadIdx.x & 31, chunk = blockIdx.x * 8 + (threadIdx.x >> 5), block = blockIdx.y;
  if (chunk * 64 >= width) return;
  const int g = lane >> 2, t = lane & 3;
  const uint4* record = records + ((long long)block * (width / 128) + chunk / 2) * 68;
  const uint4 four = record[chunk % 2 * 32 + lane];
  const u32 all[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
  for (int side = 0; side < 2; side++) {
    const u32 table = ((const u32*)(record + 64))[2 * g + side];
    const float scale = half_to_float((u16)table);
    const u32 zero = (table & 0xffff0000u) | (table >> 16);
    const int row = gated ? block * 8 + g + side * (num_out / 2) : block * 16 + g + 8 * side;
    u32 found[8];
#pragma unroll
    for (int s = 0; s < 4; s++)
#pragma unroll
      for (int k = 0; k < 2; k++) {
        const u32 pair = codes(all[s] >> (4 * side + 8 * k), 0x000f000fu, zero);
        found[2 * s + k] = (u32)narrow(scale * widen((u16)pair)) |
                           ((u32)narrow(scale * widen((u16)(pair >> 16))) << 16);
      }
    uint4* to = (uint4*)(out + ((long long)row * width + chunk * 64 + t * 16) / 2);
    to[0] = make_uint4(found[0], found[1], found[2], found[3]);
    to[1] = make_uint4(found[4], found[5], found[6], found[7]);
  }
}
