// Products of W4A16 layers with 9 to 64 rows on Hopper's asynchronous matrix units (sm_90a); int4_wgmma.py
// launches them. TILES (of 8 rows), WARPGROUPS, STAGES, RING, MULTIPLY (the instruction for so many rows) and
// NORM are given by it.
//
// The weights are the left operand, widened in registers, where a warp holds its 16 of 64 outputs exactly as
// for mma.m16n8k16, so the codes lie as int4_mma.py packs them. The inputs are the right operand and lie in
// shared memory as the instruction reads them; `int4_image` writes them to memory once in that very order.

typedef unsigned long long u64;

const int BLOCKS = WARPGROUPS * 4;     // of 16 outputs, that a block computes at a time: one a warp
const int INPUT_BYTES = TILES * 2048;  // of a group of 128 inputs
const int SLOT = BLOCKS * 1024;        // bytes of a group of codes

__device__ __forceinline__ void await(u32 barrier, u32 parity) {
  asm volatile(
      "{\n.reg .pred done;\nagain:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n}" :: "r"(barrier), "r"(parity) : "memory");
}
__device__ __forceinline__ void arrive(u32 barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" :: "r"(barrier) : "memory");
}
// A copy of a run of bytes from global to shared memory, which the barrier counts.
__device__ __forceinline__ void fetch(u32 to, const void* from, u32 bytes, u32 barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
               :: "r"(to), "l"(from), "r"(bytes), "r"(barrier) : "memory");
}

// The left operands of a chunk of 64 columns: 16 outputs' codes, less their zero points, times their scales.
__device__ __forceinline__ void widen_chunk(u32* a, uint4 word, u32 z0, u32 z1, u32 p0, u32 p1) {
  const u32 four[4] = {word.x, word.y, word.z, word.w};
#pragma unroll
  for (int s = 0; s < 4; s++)
#pragma unroll
    for (int q = 0; q < 4; q++) {
      const u32 pair = codes(four[s] >> (4 * q), 0x000f000fu, q & 1 ? z1 : z0);
      asm volatile("mul.rn.bf16x2 %0, %1, %2;" : "=r"(a[4 * s + q]) : "r"(pair), "r"(q & 1 ? p1 : p0));
    }
}

// A copy of BYTES from global to shared memory that does not wait, this thread's own.
template <int BYTES>
__device__ __forceinline__ void bring(u32 to, const void* from) {
  if (BYTES == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(to), "l"(from) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" :: "r"(to), "l"(from) : "memory");
}

// A block has an equal run of the units (a tile of BLOCKS * 16 outputs by a group of 128 inputs, tile by
// tile), so all multiprocessors have the same work. One warp fetches inputs, STAGES groups ahead; the others
// bring their own codes, RING groups ahead, widen them and multiply. What a block has of a tile goes to
// parts: float32 (part, row, N).
extern "C" __global__ void __launch_bounds__(WARPGROUPS * 128 + 32, 1) int4_wgmma(
    const uint4* __restrict__ records, const uint4* image, float* parts, int num_rows, int num_out,
    int width) {
  extern __shared__ __align__(1024) char shared[];
  __shared__ __align__(8) u64 barriers[2 * STAGES];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int groups = width / 128, tiles = (num_out / 16 + BLOCKS - 1) / BLOCKS, units = tiles * groups;
  const int begin = units * (int)blockIdx.x / (int)gridDim.x;
  const int end = units * ((int)blockIdx.x + 1) / (int)gridDim.x;
  const u32 inputs_at = ((u32)__cvta_generic_to_shared(shared) + 1023) & ~1023u;
  const u32 full = (u32)__cvta_generic_to_shared(barriers), empty = full + 8 * STAGES;
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" :: "r"(full + 8 * i));
      asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" :: "r"(empty + 8 * i), "r"(WARPGROUPS * 4));
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  __syncthreads();
  int tile = begin / groups, group = begin % groups, stage = 0;
  u32 parity = 0;
  let_next_start();
  if (warp == WARPGROUPS * 4) {
    await_inputs();
    for (int unit = begin; lane == 0 && unit < end; unit++) {
      if (unit - begin >= STAGES) await(empty + 8 * stage, parity ^ 1);
      asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;"
                   :: "r"(full + 8 * stage), "r"(INPUT_BYTES) : "memory");
      fetch(inputs_at + stage * INPUT_BYTES, image + (long long)group * (INPUT_BYTES / 16), INPUT_BYTES,
            full + 8 * stage);
      if (++stage == STAGES) stage = 0, parity ^= 1;
      if (++group == groups) group = 0;
    }
    return;
  }
  const int g = lane >> 2, t = lane & 3;
  // this lane's places in the ring, 16 bytes for each half of a group's codes and 8 for its table
  const u32 codes_at = inputs_at + STAGES * INPUT_BYTES + (warp * 32 + lane) * 16;
  const u32 tables_at = inputs_at + STAGES * INPUT_BYTES + RING * SLOT + (warp * 32 + lane) * 8;
  const uint4* next;  // the record that comes next into the ring
  int ahead = begin, ahead_tile = tile, ahead_left = groups - group;
  u32 in = 0, out = 0;  // bytes from the ring's start
  auto seek = [&](int first_group) {
    const int block = min(ahead_tile * BLOCKS + warp, num_out / 16 - 1);
    next = records + ((long long)block * groups + first_group) * 68;
  };
  seek(group);
  auto advance = [&]() {
    if (ahead < end) {
      bring<16>(codes_at + in, next + lane);
      bring<16>(codes_at + in + SLOT / 2, next + 32 + lane);
      bring<8>(tables_at + in / 4, (const uint2*)(next + 64) + g);
      next += 68;
      in = in + SLOT == RING * SLOT ? 0 : in + SLOT;
      ahead++;
      if (--ahead_left == 0) ahead_left = groups, ahead_tile++, seek(0);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
#pragma unroll
  for (int r = 0; r < RING - 1; r++) advance();
  await_inputs();  // parts may be read by the kernel before
  u32 before = 0;  // the barrier of the unit before this one
  for (int unit = begin; unit < end; tile++, group = 0) {
    const int last = min(end, unit + groups - group);  // of this tile
    float c[TILES * 4];
    u32 a[2][16];
#pragma unroll
    for (int i = 0; i < TILES * 4; i++) c[i] = 0.f;
    for (; unit < last; unit++) {
      asm volatile("cp.async.wait_group %0;" :: "n"(RING - 2) : "memory");
      uint4 word[2];
      uint2 table;
#pragma unroll
      for (int i = 0; i < 2; i++)
        asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(word[i].x), "=r"(word[i].y), "=r"(word[i].z), "=r"(word[i].w)
                     : "r"(codes_at + out + i * (SLOT / 2)) : "memory");
      asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(table.x), "=r"(table.y)
                   : "r"(tables_at + out / 4) : "memory");
      out = out + SLOT == RING * SLOT ? 0 : out + SLOT;
      advance();  // into the slot that was read in the turn before
      await(full + 8 * stage, parity);
      // K-major, swizzled by 128 bytes, 1,024 bytes from 8 rows to the next 8
      const u64 descriptor = ((u64)1 << 62) | ((u64)(1024 >> 4) << 32) | ((u64)1 << 16) |
                             ((inputs_at + stage * INPUT_BYTES) >> 4 & 0x3fff);
      const u32 z0 = __byte_perm(table.x, 0, 0x3232), z1 = __byte_perm(table.y, 0, 0x3232);
      const u16 f0 = narrow(half_to_float((u16)table.x)), f1 = narrow(half_to_float((u16)table.y));
      const u32 p0 = f0 | ((u32)f0 << 16), p1 = f1 | ((u32)f1 << 16);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        widen_chunk(a[i], word[i], z0, z1, p0, p1);
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
        for (int s = 0; s < 4; s++) MULTIPLY(c, (a[i] + 4 * s), descriptor + i * (TILES * 64) + 2 * s);
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
        asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");  // those of the other set are over
        if (i == 0 && before && lane == 0) arrive(before);
      }
      before = empty + 8 * stage;
      if (++stage == STAGES) stage = 0, parity ^= 1;
    }
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
    for (int i = 0; i < TILES * 4; i++) asm volatile("" : "+f"(c[i]) :: "memory");
    // the part: blocks since the one that has the tile's first unit
    const int part = blockIdx.x - (int)((tile * groups + 1) * gridDim.x - 1) / units;
    const int block = tile * BLOCKS + warp;
    if (block * 16 < num_out)
#pragma unroll
      for (int n = 0; n < TILES; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int row = n * 8 + 2 * t + (i & 1);
          if (row < num_rows)
            parts[((long long)part * num_rows + row) * num_out + block * 16 + g + (i >> 1) * 8] =
                c[4 * n + i];
        }
  }
}

// Rows (num_rows, K) as `int4_wgmma` reads them: for each chunk of 64 columns gridDim.x rows of 128 bytes.
// Lane t of a warp has columns 16 t + 4 s + 0 to 3 for step s, so 16 bytes are two columns for each t; they
// lie where the swizzle puts them. Rows that are not there are zeros. NORM: of the rows' RMSNorm.
extern "C" __global__ void __launch_bounds__(256) int4_image(
    const u32* x, const u32* __restrict__ norm, uint4* __restrict__ image, double eps,
    int num_rows, int width) {
  const int row = blockIdx.x, i = blockIdx.y * 256 + threadIdx.x;
  const u32* from = x + (long long)row * (width / 2);
  let_next_start();
  await_inputs();
#if NORM
  __shared__ float squares[8];
  float square = 0.f;
  if (row < num_rows)
    for (int k = threadIdx.x; k < width / 8; k += 256) {
      const uint4 value = ((const uint4*)from)[k];
      const u32 v[4] = {value.x, value.y, value.z, value.w};
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float low = widen((u16)v[j]), high = widen((u16)(v[j] >> 16));
        square += low * low + high * high;
      }
    }
#pragma unroll
  for (int far = 16; far > 0; far /= 2) square += __shfl_xor_sync(0xffffffffu, square, far);
  if ((threadIdx.x & 31) == 0) squares[threadIdx.x >> 5] = square;
  __syncthreads();
  square = 0.f;
#pragma unroll
  for (int w = 0; w < 8; w++) square += squares[w];
  const float factor = rsqrtf(square / width + (float)eps);
#endif
  if (i >= width / 8) return;
  const int chunk = i >> 3, piece = i & 7;
  u32 found[4] = {0, 0, 0, 0};
  if (row < num_rows)
#pragma unroll
    for (int t = 0; t < 4; t++) {
      const int at = chunk * 32 + 8 * t + piece;
      found[t] = from[at];
#if NORM
      const u32 n = norm[at];
      found[t] = (u32)narrow(widen((u16)found[t]) * factor * widen((u16)n)) |
                 ((u32)narrow(widen((u16)(found[t] >> 16)) * factor * widen((u16)(n >> 16))) << 16);
#endif
    }
  image[((long long)chunk * gridDim.x + row) * 8 + (piece ^ (row & 7))] =
      make_uint4(found[0], found[1], found[2], found[3]);
}

// Adds up the parts. blocks: of the int4_wgmma launch; each: outputs that one of them computed at a time.
extern "C" __global__ void __launch_bounds__(256) int4_gather(
    const float* parts, const u16* __restrict__ bias, const u16* residual,
    u16* __restrict__ out, int num_rows, int num_out, int width, int blocks, int each, int flags) {
  let_next_start();
  await_inputs();
  const int column = blockIdx.x * 256 + threadIdx.x;
  if (column >= (flags & 4 ? num_out / 2 : num_out)) return;
  const int groups = width / 128, units = (num_out + each - 1) / each * groups;
  const int tile = place_of(column, flags) / each;
  const int num_parts =
      ((tile + 1) * groups * blocks - 1) / units - ((tile * groups + 1) * blocks - 1) / units + 1;
  add_parts(parts, num_parts, out, blockIdx.y, column, bias, residual, num_rows, num_out, flags);
}
