// What the kernels of W4A16 products share; NVRTC gets it in front of each source.

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
__device__ __forceinline__ u32 codes(u32 word, u32 mask, u32 zeros) {
  u32 y;
  asm("lop3.b32 %0, %1, %2, 0x43004300, 0xEA;" : "=r"(y) : "r"(word), "r"(mask));
  asm("sub.rn.bf16x2 %0, %1, %2;" : "=r"(y) : "r"(y), "r"(zeros));
  return y;
}
// A launch (see nvrtc.py) may begin while the kernel before it runs, from where all of that one's blocks have
// come to `let_next_start`. Until `await_inputs` a kernel reads weights only and writes nothing; what other
// kernels write is not read as `const __restrict__`, whose loads the compiler may move up.
__device__ __forceinline__ void await_inputs() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}
__device__ __forceinline__ void let_next_start() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

// Of all products' ends. flags: 1 adds the bias, 2 the residual, 4 gates. A gated layer's codes have eight
// gates, then the eight values that they gate; an output is where its gate was among the gates.
__device__ __forceinline__ void write(
    u16* out, float value, float up, int row, int column, const u16* bias, const u16* residual, int num_out,
    int flags) {
  const long long at = (long long)row * (flags & 4 ? num_out / 2 : num_out) + column;
  if (flags & 1) value += widen(bias[column]);
  if (flags & 4) value = value / (1.f + __expf(-value)) * up;
  if (flags & 2) value += widen(residual[at]);
  out[at] = narrow(value);
}
// Where an output's sum (or its gate's) lies in the order of the codes.
__device__ __forceinline__ int place_of(int column, int flags) {
  return flags & 4 ? column / 8 * 16 + column % 8 : column;
}
// An output from the sums over the parts of its inputs: float32 (parts, num_rows, N), in the codes' order.
__device__ __forceinline__ void add_parts(
    const float* parts, int num_parts, u16* out, int row, int column, const u16* bias, const u16* residual,
    int num_rows, int num_out, int flags) {
  const int place = place_of(column, flags);
  float value = 0.f, up = 0.f;
  for (int part = 0; part < num_parts; part++) {
    const float* from = parts + ((long long)part * num_rows + row) * num_out + place;
    value += from[0];
    if (flags & 4) up += from[8];
  }
  write(out, value, up, row, column, bias, residual, num_out, flags);
}
