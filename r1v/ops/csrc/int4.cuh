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
