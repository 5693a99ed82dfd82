// The thin layer over vectors: everything in the kernels that depends on the processor is in this file.
//
// The file is compiled once for each level of instructions (hatch_build.py), which its flags choose: AVX-512,
// AVX2, NEON, or none, where the compiler's own vectors of 16 bytes are used. VF holds W float32 numbers; sums,
// products and shifts of vectors are written with the operators of C.

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(R1V_EMULATE)  // tests of AVX-512 on a processor with AVX2: 1 alone, 2 with VNNI, 3 with BF16 too
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
static inline simde__m512 emulated_cvtph(__m256i halves) {  // which the emulation lacks
    float wide[16];
    _mm256_storeu_ps(wide, _mm256_cvtph_ps(_mm256_castsi256_si128(halves)));
    _mm256_storeu_ps(wide + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1)));
    return simde_mm512_loadu_ps(wide);
}
#define _mm512_cvtph_ps emulated_cvtph
static inline simde__m512 emulated_cvtepi32(simde__m512i whole) {  // this one too
    int32_t given[16];
    float wide[16];
    simde_mm512_storeu_si512(given, whole);
    for (int i = 0; i < 16; i++) wide[i] = (float)given[i];
    return simde_mm512_loadu_ps(wide);
}
#define _mm512_cvtepi32_ps emulated_cvtepi32
#undef _mm512_madd_epi16  // which it gives too many arguments
#define _mm512_madd_epi16 simde_mm512_madd_epi16
#define USE_AVX512 1
#define USE_VNNI (R1V_EMULATE >= 2)
#define USE_BF16 (R1V_EMULATE >= 3)
#else
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif
#if defined(__AVX512F__)
#define USE_AVX512 1
#endif
#if defined(__AVX512VNNI__)
#define USE_VNNI 1
#endif
#if defined(__AVX512BF16__)
#define USE_BF16 1
#endif
#if defined(__AMX_BF16__)
#define USE_AMX 1
#endif
#endif

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define LEVELLED(name) JOIN(name, LEVEL)  // every level has functions of its own
#define INLINE static inline __attribute__((always_inline))
// Loops over registers: arrays stay in registers only if every loop over them is unrolled.
#if defined(__clang__)
#define EACH(i, n) _Pragma("clang loop unroll(full)") for (int i = 0; i < (n); i++)
#else
#define EACH(i, n) _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
#endif
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
// Rounded once wherever it stands, which the compiler may else decide anew in each copy of a loop.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define MULTIPLY_ADD(a, b, c) fmaf(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

enum { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2, INT4 = 3 };

// VECS vectors are the width of a panel of weights, HEIGHT the rows that are multiplied with it at a time.
#if USE_AVX512
enum { W = 16, VECS = 2, HEIGHT = 12, DEPTH = 128 };
typedef __m512 VF;
#define vset _mm512_set1_ps
#define vmax _mm512_max_ps
#define vmin _mm512_min_ps
#elif defined(__AVX2__)
enum { W = 8, VECS = 2, HEIGHT = 6, DEPTH = 256 };
typedef __m256 VF;
#define vset _mm256_set1_ps
#define vmax _mm256_max_ps
#define vmin _mm256_min_ps
#elif defined(__ARM_NEON)
enum { W = 4, VECS = 4, HEIGHT = 5, DEPTH = 256 };
typedef float32x4_t VF;
#define vset vdupq_n_f32
#define vmax vmaxq_f32
#define vmin vminq_f32
#define vsum vaddvq_f32
#else
enum { W = 4, VECS = 2, HEIGHT = 4, DEPTH = 256 };
typedef float VF __attribute__((vector_size(16)));
#endif
enum { WIDTH = W * VECS };
// Several rows of weights that lie together and fill at most so many bytes are fetched ahead in the order of their
// addresses, longer ones each by itself. Measured on Zen 3; nobody has with vectors of 64 bytes.
#if defined(__AVX2__) && !USE_AVX512
enum { FETCHED_TOGETHER = 16384 };
#else
enum { FETCHED_TOGETHER = 0 };
#endif
typedef int32_t VI __attribute__((vector_size(4 * W)));

#if !defined(__AVX2__) && !defined(__ARM_NEON)
INLINE VF vset(float x) { return (VF){x, x, x, x}; }
INLINE VF vmax(VF a, VF b) {
    VI first = (VI)(a > b);
    return (VF)((first & (VI)a) | (~first & (VI)b));
}
INLINE VF vmin(VF a, VF b) {
    VI first = (VI)(a < b);
    return (VF)((first & (VI)a) | (~first & (VI)b));
}
INLINE float vsum(VF v) { return (v[0] + v[1]) + (v[2] + v[3]); }
#endif

#if defined(__AVX2__)
INLINE float sum8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
#if USE_AVX512
INLINE float vsum(VF v) {
    __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
    return sum8(_mm256_add_ps(_mm512_castps512_ps256(v), upper));
}
#else
#define vsum sum8
#endif
#endif

INLINE VF vzero(void) { return vset(0.0f); }

// What to fetch while R rows of weights are read, `piece` bytes of each at a time: R places, `apart` from each other,
// which move by `step` from piece to piece. Rows are often shorter than the processor's own prefetching needs.
typedef struct {
    const char *at;
    int64_t apart, step;
} Ahead;

INLINE Ahead ahead(const void *rows, int R, int64_t row, int64_t piece) {
    const int64_t all = R * row;
    if (all > FETCHED_TOGETHER) return (Ahead){(const char *)rows + 4096, row, piece};
    return (Ahead){(const char *)rows + (2048 / all + 1) * all, piece, R * piece};
}

INLINE void fetch_ahead(Ahead *next, int R) {
    EACH(r, R) __builtin_prefetch(next->at + r * next->apart, 0, 3);
    next->at += next->step;
}

INLINE VF vload(const float *p) {
    VF v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void vstore(float *p, VF v) { memcpy(p, &v, sizeof v); }

// The first n <= W numbers, zeros after them.
INLINE VF vload_part(const float *p, int64_t n) {
    VF v = vzero();
    memcpy(&v, p, n * sizeof(float));
    return v;
}

INLINE float vlargest(VF v) {
    float values[W], largest;
    vstore(values, v);
    largest = values[0];
    EACH(i, W) largest = values[i] > largest ? values[i] : largest;
    return largest;
}

INLINE VF vabs(VF v) { return (VF)((VI)v & 0x7fffffff); }

// Adding and taking away 1.5 * 2**23 leaves no room for a fraction: right below 2**22.
#define TO_WHOLE 12582912.0f

// e**x by a polynomial of degree 6 on [-ln 2 / 2, ln 2 / 2]; relative error below 2e-7.
INLINE VF vexp(VF x) {
    x = vmin(vmax(x, vset(-87.0f)), vset(88.0f));
    VF n = x * vset(1.44269504f) + vset(TO_WHOLE);
    n = n - vset(TO_WHOLE);
    x = x - n * vset(0.693359375f);
    x = x - n * vset(-2.12194440e-4f);
    VF p = vset(1.0f / 720);
    p = p * x + vset(1.0f / 120);
    p = p * x + vset(1.0f / 24);
    p = p * x + vset(1.0f / 6);
    p = p * x + vset(0.5f);
    p = p * x + vset(1.0f);
    p = p * x + vset(1.0f);
    VI power = (VI)(n + vset(127.0f + TO_WHOLE)) << 23;  // the lowest bits hold n + 127
    return p * (VF)power;
}

// ------------------------------------------------------------------------------------------ 16-bit weights

static inline float widen_half(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13;
    uint32_t bits = rest + 0x38000000;  // 112 steps of the exponent apart
    float value;
    if (rest >= 0x0f800000) bits += 0x38000000;  // infinity and what is not a number
    if (rest < 0x00800000) {                     // too small for an exponent of its own
        bits = rest + 0x38800000;
        memcpy(&value, &bits, 4);
        value -= 6.103515625e-05f;
        memcpy(&bits, &value, 4);
    }
    bits |= sign;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE VF widen_halves(const uint16_t *p) {
#if USE_AVX512
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(__AVX2__)
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#elif defined(__ARM_NEON)
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
#else
    return (VF){widen_half(p[0]), widen_half(p[1]), widen_half(p[2]), widen_half(p[3])};
#endif
}

// 2 W weights as two vectors; those of bfloat16 come even columns first, which needs no shuffle: x is put in the
// same order beforehand.
INLINE void widen_two(int kind, const void *data, int64_t at, VF w[2]) {
    if (kind == BFLOAT16) {
        VI both;
        memcpy(&both, (const uint16_t *)data + at, sizeof both);
        w[0] = (VF)(both << 16);
        w[1] = (VF)(both & (int32_t)0xffff0000);
    } else if (kind == FLOAT16) {
        EACH(i, 2) w[i] = widen_halves((const uint16_t *)data + at + i * W);
    } else {
        EACH(i, 2) w[i] = vload((const float *)data + at + i * W);
    }
}

static inline float widen_one(int kind, const void *data, int64_t at) {
    if (kind == FLOAT32) return ((const float *)data)[at];
    const uint16_t half = ((const uint16_t *)data)[at];
    if (kind == FLOAT16) return widen_half(half);
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

// Products of pairs of bfloat16 numbers, added to a sum in float32, where the processor has them.
#if USE_BF16
#define HAS_PAIRS 1
INLINE VF dot_pairs(VF sum, VF a, VF b) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define HAS_PAIRS 1
INLINE VF dot_pairs(VF sum, VF a, VF b) {
    return vbfdotq_f32(sum, vreinterpretq_bf16_f32(a), vreinterpretq_bf16_f32(b));
}
#else
#define HAS_PAIRS 0
INLINE VF dot_pairs(VF sum, VF a, VF b) { return sum + a * b; }  // never called
#endif

// panel[k][j] = data[(first + j) * stride + k] for j < width and k < depth, zero for the other j < WIDTH. depth
// is a multiple of 8, and of W where pairs of bfloat16 are taken as one number (kind FLOAT32).
#if defined(__AVX2__)
INLINE __m256 widen8(int kind, const void *data, int64_t at) {
    if (kind == FLOAT32) return _mm256_loadu_ps((const float *)data + at);
    __m128i half = _mm_loadu_si128((const __m128i *)((const uint16_t *)data + at));
    if (kind == FLOAT16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

INLINE void transpose8(__m256 v[8]) {
    __m256 a[8], b[8];
    EACH(i, 4) {
        a[2 * i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    EACH(i, 2) {
        b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
    EACH(i, 4) {
        v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

INLINE void fill_panel(int kind, const void *data, int64_t first, int64_t stride, int width, int64_t k0,
                       int64_t depth, float *panel) {
    for (int part = 0; part < WIDTH; part += 8)
        for (int64_t k = 0; k < depth; k += 8) {
            __m256 v[8];
            EACH(j, 8)
                v[j] = part + j < width ? widen8(kind, data, (first + part + j) * stride + k0 + k)
                                        : _mm256_setzero_ps();
            if (k % 32 == 0)  // what the next panel takes
                EACH(j, 8)
                    __builtin_prefetch((const char *)data +
                                       ((first + WIDTH + part + j) * stride + k0 + k) * (kind == FLOAT32 ? 4 : 2));
            transpose8(v);
            EACH(j, 8) _mm256_storeu_ps(panel + (k + j) * WIDTH + part, v[j]);
        }
}
#else
INLINE void fill_panel(int kind, const void *data, int64_t first, int64_t stride, int width, int64_t k0,
                       int64_t depth, float *panel) {
    for (int j = 0; j < WIDTH; j++)
        for (int64_t k = 0; k < depth; k++) {
            if (kind == FLOAT32)  // bits, as these may be pairs
                memcpy(panel + k * WIDTH + j, j < width ? (const float *)data + (first + j) * stride + k0 + k
                                                        : &(const float){0.0f}, 4);
            else
                panel[k * WIDTH + j] = j < width ? widen_one(kind, data, (first + j) * stride + k0 + k) : 0.0f;
        }
}
#endif

// ------------------------------------------------------------------------------------------- 4-bit weights

// CODES bytes of codes at a time: the columns in their lower halves, then those in their upper halves. Sums are
// kept as whole numbers over a group of at most 256 columns. WIDE_CODES: a vector holds two blocks of 64 columns,
// so x is ordered like them (see `round_rows`), and a vector of sums may belong to two groups.
#if USE_AVX512
enum { CODES = 64, WIDE_CODES = 1 };
typedef __m512i IV;
typedef __m512 IF;
#define isum vsum
#define izero _mm512_setzero_si512
INLINE IF iset(float x) { return _mm512_set1_ps(x); }
INLINE IF iset_two(float lower, float upper) {
    return _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(lower), _mm512_set1_ps(upper));
}
INLINE IF ifloat(IV v) {
#if !USE_VNNI
    v = _mm512_madd_epi16(v, _mm512_set1_epi16(1));
#endif
    return _mm512_cvtepi32_ps(v);
}
INLINE void split_codes(const uint8_t *codes, int half, IV halves[2]) {
    IV both, mask = _mm512_set1_epi8(15);
    if (half) {  // a single block of 64 columns
        uint8_t padded[64] = {0};
        memcpy(padded, codes, 32);
        both = _mm512_loadu_si512(padded);
    } else {
        both = _mm512_loadu_si512(codes);
    }
    halves[0] = _mm512_and_si512(both, mask);
    halves[1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
}
// The sums of a group of 256 stay below 2**15 without VNNI: 256 / 32 * 15 * 127.
INLINE IV idot(IV sum, IV codes, const int8_t *x) {
    IV given = _mm512_loadu_si512(x);
#if USE_VNNI
    return _mm512_dpbusd_epi32(sum, codes, given);
#else
    return _mm512_add_epi16(sum, _mm512_maddubs_epi16(codes, given));
#endif
}
#elif defined(__AVX2__)
enum { CODES = 32, WIDE_CODES = 0 };
typedef __m256i IV;
typedef __m256 IF;
#define isum sum8
INLINE IF ifloat(IV v) { return _mm256_cvtepi32_ps(_mm256_madd_epi16(v, _mm256_set1_epi16(1))); }
INLINE void split_codes(const uint8_t *codes, int half, IV halves[2]) {
    (void)half;
    IV both = _mm256_loadu_si256((const IV *)codes), mask = _mm256_set1_epi8(15);
    halves[0] = _mm256_and_si256(both, mask);
    halves[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
}
// The sums of a group of 256 stay below 2**15: 256 / 16 * 15 * 127.
INLINE IV idot(IV sum, IV codes, const int8_t *x) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(codes, _mm256_loadu_si256((const IV *)x)));
}
#define izero _mm256_setzero_si256
INLINE IF iset(float x) { return _mm256_set1_ps(x); }
#elif defined(__ARM_NEON)
enum { CODES = 16, WIDE_CODES = 0 };
typedef int32x4_t IV;
typedef float32x4_t IF;
#define isum vaddvq_f32
#define ifloat vcvtq_f32_s32
#define iset vdupq_n_f32
INLINE IV izero(void) { return vdupq_n_s32(0); }
INLINE void split_codes(const uint8_t *codes, int half, IV halves[2]) {
    (void)half;
    uint8x16_t both = vld1q_u8(codes);
    halves[0] = vreinterpretq_s32_u8(vandq_u8(both, vdupq_n_u8(15)));
    halves[1] = vreinterpretq_s32_u8(vshrq_n_u8(both, 4));
}
INLINE IV idot(IV sum, IV codes, const int8_t *x) {
    int8x16_t given = vld1q_s8(x), weights = vreinterpretq_s8_s32(codes);
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, weights, given);
#else
    int16x8_t pairs = vmull_s8(vget_low_s8(weights), vget_low_s8(given));
    pairs = vmlal_s8(pairs, vget_high_s8(weights), vget_high_s8(given));
    return vpadalq_s16(sum, pairs);
#endif
}
#else
enum { CODES = 16, WIDE_CODES = 0 };
typedef VI IV;
typedef VF IF;
#define isum vsum
#define iset vset
INLINE IV izero(void) { return (IV){0}; }
INLINE IF ifloat(IV v) { return (IF){(float)v[0], (float)v[1], (float)v[2], (float)v[3]}; }
INLINE void split_codes(const uint8_t *codes, int half, IV halves[2]) {
    (void)half;
    IV both;
    memcpy(&both, codes, sizeof both);
    halves[0] = both & 0x0f0f0f0f;
    halves[1] = (both >> 4) & 0x0f0f0f0f;
}
INLINE IV idot(IV sum, IV codes, const int8_t *x) {
    int8_t weights[CODES];
    memcpy(weights, &codes, CODES);
    EACH(i, 4) {
        int32_t part = 0;
        EACH(j, 4) part += weights[4 * i + j] * x[4 * i + j];
        sum[i] += part;
    }
    return sum;
}
#endif

#if defined(__AVX2__)
// The sums of four vectors.
INLINE void isum4(IF a, IF b, IF c, IF d, float four[4]) {
#if USE_AVX512
    __m256 v[4], w[4] = {_mm512_castps512_ps256(a), _mm512_castps512_ps256(b), _mm512_castps512_ps256(c),
                         _mm512_castps512_ps256(d)};
    v[0] = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1));
    v[1] = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(b), 1));
    v[2] = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(c), 1));
    v[3] = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(d), 1));
    EACH(i, 4) v[i] = _mm256_add_ps(v[i], w[i]);
#else
    __m256 v[4] = {a, b, c, d};
#endif
    __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    _mm_storeu_ps(four, _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
}
#else
INLINE void isum4(IF a, IF b, IF c, IF d, float four[4]) {
    four[0] = isum(a), four[1] = isum(b), four[2] = isum(c), four[3] = isum(d);
}
#endif
#if !USE_AVX512
#define iset_two(lower, upper) iset(lower)
#endif
// Columns that are taken at a time.
enum { SPAN = WIDE_CODES ? 128 : 64 };
