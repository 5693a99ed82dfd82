// Products with 16-bit and 4-bit weights, and attention over the paged cache, for x86 processors with AVX2.
//
// Everything is float32 outside of the weights. Matrices are row-major; a weight (N, K) is held as the
// checkpoint holds it, so nothing is laid out anew. Threads are OpenMP's, of the runtime that torch has loaded.

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
// Loops over registers: arrays stay in registers only if every loop over them is unrolled.
#define EACH(i, n) _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
// Rows are short: the processor's own prefetching would have to find its way anew in each.
#define PREFETCH(p) _mm_prefetch((const char *)(p) + 4096, _MM_HINT_T0)
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define LEVELLED(name) JOIN(name, LEVEL)  // every level of instructions has its own copy
#define MIN(a, b) ((a) < (b) ? (a) : (b))

enum { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2, INT4 = 3 };

typedef struct {
    int32_t kind;
    int32_t group;                // INT4: columns that share a scale, 64, 128 or 256
    int64_t rows, columns;        // N, K
    const void *data;             // (N, K); INT4: 64 columns in 32 bytes, the first 32 in the lower halves
    const float *scales, *zeros;  // INT4: (N, K / group) each: weight = scale * code - zero
    const float *bias;            // (N,) or NULL
} Weight;

// ------------------------------------------------------------------------------------------------- vectors

INLINE __m256 widen(int kind, const void *data, int64_t at) {
    if (kind == FLOAT32) return _mm256_loadu_ps((const float *)data + at);
    __m128i half = _mm_loadu_si128((const __m128i *)((const uint16_t *)data + at));
    if (kind == FLOAT16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

INLINE float sum8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// e**x by a polynomial of degree 6 on [-ln 2 / 2, ln 2 / 2]; relative error below 2e-7.
INLINE __m256 exp8(__m256 x) {
    x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-87.0f)), _mm256_set1_ps(88.0f));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), 8);
    x = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
    x = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), x);
    __m256 p = _mm256_set1_ps(1.0f / 720);
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.0f / 120));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.0f / 24));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.0f / 6));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(0.5f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(power));
}

// A buffer that lives as long as its thread; each use of it has its own slot.
static void *scratch(int slot, size_t bytes) {
    static _Thread_local struct { void *data; size_t bytes; } kept[4];
    if (kept[slot].bytes < bytes) {
        free(kept[slot].data);
        kept[slot].bytes = (bytes + 4095) / 4096 * 4096;
        kept[slot].data = aligned_alloc(64, kept[slot].bytes);
        if (!kept[slot].data) abort();
    }
    return kept[slot].data;
}

// ------------------------------------------------------------------ few rows: dot products with rows of weights

// Sixteen weights as two vectors. Those of bfloat16 come even columns first, which needs no shift: x is put in
// the same order beforehand.
INLINE void widen16(int kind, const void *data, int64_t at, __m256 w[2]) {
    if (kind != BFLOAT16) {
        w[0] = widen(kind, data, at);
        w[1] = widen(kind, data, at + 8);
        return;
    }
    const __m256i even = _mm256_set_epi8(13, 12, -1, -1, 9, 8, -1, -1, 5, 4, -1, -1, 1, 0, -1, -1, 13, 12, -1, -1, 9,
                                         8, -1, -1, 5, 4, -1, -1, 1, 0, -1, -1);
    __m256i both = _mm256_loadu_si256((const __m256i *)((const uint16_t *)data + at));
    w[0] = _mm256_castsi256_ps(_mm256_shuffle_epi8(both, even));
    w[1] = _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32((int)0xffff0000)));
}

static const float *even_first(const float *x, int64_t number) {
    float *ordered = scratch(3, number * sizeof(float));
    for (int64_t i = 0; i < number; i += 16)
        for (int64_t j = 0; j < 8; j++) {
            ordered[i + j] = x[i + 2 * j];
            ordered[i + 8 + j] = x[i + 2 * j + 1];
        }
    return ordered;
}

// out[m][r] = x[m] . weight[first + r] for R <= 4 rows of weights and M <= 3 rows of x. fetch: the weights come
// from memory.
INLINE void dot_tile(int kind, int R, int M, int fetch, const float *x, const void *data, int64_t first,
                     int64_t K, float *out, int64_t ld) {
    __m256 sums[4][3];
    EACH(r, R)
        EACH(m, M) sums[r][m] = _mm256_setzero_ps();
    for (int64_t k = 0; k < K; k += 16) {
        EACH(r, R) {
            __m256 w[2];
            widen16(kind, data, (first + r) * K + k, w);
            if (fetch) PREFETCH((const char *)data + ((first + r) * K + k) * (kind == FLOAT32 ? 4 : 2));
            EACH(m, M) {
                sums[r][m] = _mm256_fmadd_ps(w[0], _mm256_loadu_ps(x + m * K + k), sums[r][m]);
                sums[r][m] = _mm256_fmadd_ps(w[1], _mm256_loadu_ps(x + m * K + k + 8), sums[r][m]);
            }
        }
    }
    EACH(r, R)
        EACH(m, M) out[m * ld + r] = sum8(sums[r][m]);
}

INLINE void dots(int kind, const float *x, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                 int64_t ld) {
    const int64_t K = w->columns;
    int64_t n = n0;
    for (; n + 4 <= n1; n += 4) {
        for (int64_t m = 0, number; m < M; m += number) {
            const float *part = x + m * K;
            float *to = out + m * ld + n - n0;
            number = M - m == 4 ? 2 : MIN(3, M - m);
            if (number == 3) dot_tile(kind, 4, 3, m == 0, part, w->data, n, K, to, ld);
            else if (number == 2) dot_tile(kind, 4, 2, m == 0, part, w->data, n, K, to, ld);
            else dot_tile(kind, 4, 1, m == 0, part, w->data, n, K, to, ld);
        }
    }
    for (; n < n1; n++)
        for (int64_t m = 0; m < M; m++) dot_tile(kind, 1, 1, 0, x + m * K, w->data, n, K, out + m * ld + n - n0, ld);
}

// ------------------------------------------- many rows: blocks of weights, widened and transposed in the cache

enum { DEPTH = 256, WIDTH = 16, HEIGHT = 6 };

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

// panel[k][j] = weight[n + j][k0 + k]; columns from `width` on are zero.
INLINE void fill_panel(int kind, const Weight *w, int64_t n, int width, int64_t k0, int64_t depth, float *panel) {
    for (int half = 0; half < WIDTH; half += 8)
        for (int64_t k = 0; k < depth; k += 8) {
            __m256 v[8];
            EACH(j, 8)
                v[j] = half + j < width ? widen(kind, w->data, (n + half + j) * w->columns + k0 + k)
                                        : _mm256_setzero_ps();
            transpose8(v);
            EACH(j, 8) _mm256_store_ps(panel + (k + j) * WIDTH + half, v[j]);
        }
}

INLINE void panel_tile(int M, const float *x, int64_t K, const float *panel, int64_t depth, int width, int add,
                       float *out, int64_t ld) {
    __m256 sums[HEIGHT][2];
    EACH(m, M) sums[m][0] = sums[m][1] = _mm256_setzero_ps();
    for (int64_t k = 0; k < depth; k++) {
        __m256 left = _mm256_load_ps(panel + k * WIDTH), right = _mm256_load_ps(panel + k * WIDTH + 8);
        EACH(m, M) {
            __m256 value = _mm256_broadcast_ss(x + m * K + k);
            sums[m][0] = _mm256_fmadd_ps(value, left, sums[m][0]);
            sums[m][1] = _mm256_fmadd_ps(value, right, sums[m][1]);
        }
    }
    EACH(m, M) {
        float row[WIDTH];
        _mm256_storeu_ps(row, sums[m][0]);
        _mm256_storeu_ps(row + 8, sums[m][1]);
        for (int j = 0; j < width; j++) out[m * ld + j] = add ? out[m * ld + j] + row[j] : row[j];
    }
}

INLINE void panels(int kind, const float *x, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                   int64_t ld) {
    _Alignas(64) float panel[DEPTH * WIDTH];
    const int64_t K = w->columns;
    for (int64_t n = n0; n < n1; n += WIDTH) {
        const int width = (int)MIN(WIDTH, n1 - n);
        for (int64_t k = 0; k < K; k += DEPTH) {
            const int64_t depth = MIN(DEPTH, K - k);
            fill_panel(kind, w, n, width, k, depth, panel);
            int64_t m = 0;
            float *column = out + n - n0;
            for (; m + HEIGHT <= M; m += HEIGHT)
                panel_tile(HEIGHT, x + m * K + k, K, panel, depth, width, k > 0, column + m * ld, ld);
            for (; m + 2 <= M; m += 2)
                panel_tile(2, x + m * K + k, K, panel, depth, width, k > 0, column + m * ld, ld);
            if (m < M) panel_tile(1, x + m * K + k, K, panel, depth, width, k > 0, column + m * ld, ld);
        }
    }
}

// -------------------------------------------------------------- 4-bit weights with rows of x rounded to 8 bits

// Rows of x, rounded to int8 in the groups of the weight; sums: of a group's rounded values.
typedef struct {
    int8_t *codes;
    float *scales, *sums;
} Rounded;

static Rounded round_rows(const float *x, int64_t M, const Weight *w) {
    const int64_t K = w->columns, G = w->group, groups = M * K / G;
    Rounded to;
    to.codes = scratch(1, M * K + 2 * groups * sizeof(float) + 64);
    to.scales = (float *)(to.codes + (M * K + 63) / 64 * 64);
    to.sums = to.scales + groups;
    const __m256 sign = _mm256_set1_ps(-0.0f);
    for (int64_t g = 0; g < groups; g++) {
        __m256 most = _mm256_setzero_ps();
        for (int64_t k = 0; k < G; k += 8)
            most = _mm256_max_ps(most, _mm256_andnot_ps(sign, _mm256_loadu_ps(x + g * G + k)));
        float largest = 0.0f, values[8];
        _mm256_storeu_ps(values, most);
        for (int i = 0; i < 8; i++) largest = values[i] > largest ? values[i] : largest;
        const __m256 factor = _mm256_set1_ps(largest > 0.0f ? 127.0f / largest : 0.0f);
        __m256i sum = _mm256_setzero_si256();
        for (int64_t k = 0; k < G; k += 16) {
            __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + g * G + k), factor));
            __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + g * G + k + 8), factor));
            sum = _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
            __m256i pair = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
            __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(pair), _mm256_extracti128_si256(pair, 1));
            _mm_storeu_si128((__m128i *)(to.codes + g * G + k), bytes);
        }
        to.scales[g] = largest / 127.0f;
        to.sums[g] = to.scales[g] * sum8(_mm256_cvtepi32_ps(sum));
    }
    return to;
}

// R <= 2 rows of weights and M <= 4 rows of x, from row m0 on. The products of a group are added up in int16,
// which holds them: 256 / 16 * 15 * 127 < 2**15.
INLINE void int4_tile(int R, int M, const Rounded *x, int64_t m0, const Weight *w, int64_t n, float *out,
                      int64_t ld) {
    const int64_t K = w->columns, G = w->group, groups = K / G;
    const __m256i nibble = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    __m256 sums[2][4];
    EACH(r, R)
        EACH(m, M) sums[r][m] = _mm256_setzero_ps();
    for (int64_t g = 0; g < groups; g++) {
        __m256i pairs[2][4];
        EACH(r, R)
            EACH(m, M) pairs[r][m] = _mm256_setzero_si256();
        for (int64_t k = g * G; k < (g + 1) * G; k += 64)
            EACH(r, R) {
                const uint8_t *codes = (const uint8_t *)w->data + ((n + r) * K + k) / 2;
                __m256i both = _mm256_loadu_si256((const __m256i *)codes);
                PREFETCH(codes);
                __m256i low = _mm256_and_si256(both, nibble);
                __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
                EACH(m, M) {
                    const __m256i *row = (const __m256i *)(x->codes + (m0 + m) * K + k);
                    __m256i left = _mm256_maddubs_epi16(low, _mm256_loadu_si256(row));
                    __m256i right = _mm256_maddubs_epi16(high, _mm256_loadu_si256(row + 1));
                    pairs[r][m] = _mm256_add_epi16(pairs[r][m], _mm256_add_epi16(left, right));
                }
            }
        EACH(r, R)
            EACH(m, M) {
                __m256 part = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs[r][m], ones));
                const float factor = w->scales[(n + r) * groups + g] * x->scales[(m0 + m) * groups + g];
                sums[r][m] = _mm256_fmadd_ps(_mm256_set1_ps(factor), part, sums[r][m]);
            }
    }
    EACH(r, R)
        EACH(m, M) {
            float zeros = 0.0f;
            for (int64_t g = 0; g < groups; g++)
                zeros += w->zeros[(n + r) * groups + g] * x->sums[(m0 + m) * groups + g];
            out[m * ld + r] = sum8(sums[r][m]) - zeros;
        }
}

INLINE void int4_rows(int R, const Rounded *x, int64_t m, int64_t M, const Weight *w, int64_t n, float *out,
                      int64_t ld) {
    for (; m + 4 <= M; m += 4) int4_tile(R, 4, x, m, w, n, out + m * ld, ld);
    for (; m + 2 <= M; m += 2) int4_tile(R, 2, x, m, w, n, out + m * ld, ld);
    if (m < M) int4_tile(R, 1, x, m, w, n, out + m * ld, ld);
}

static void int4_products(const Rounded *x, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                          int64_t ld) {
    const int64_t most = 32;  // rows of x that stay in the cache meanwhile
    for (int64_t m = 0; m < M; m += most) {
        int64_t n = n0;
        for (; n + 2 <= n1; n += 2) int4_rows(2, x, m, MIN(M, m + most), w, n, out + n - n0, ld);
        if (n < n1) int4_rows(1, x, m, MIN(M, m + most), w, n, out + n - n0, ld);
    }
}

// ------------------------------------------------------------------------------------------ the linear layer

enum { MOST_DOT_ROWS = 12 };

// x (M, K) and what a kind of weight needs of it. ordered: as `dots` reads it, where rows are few.
typedef struct {
    const float *x, *ordered;
    Rounded rounded;
    int64_t M;
} Input;

// out[m][n - n0] for n in [n0, n1).
static void products(const Input *in, const Weight *w, int64_t n0, int64_t n1, float *out, int64_t ld) {
#define BY_ROWS(kind)                                                        \
    if (in->ordered) dots(kind, in->ordered, in->M, w, n0, n1, out, ld); \
    else panels(kind, in->x, in->M, w, n0, n1, out, ld)
    if (w->kind == INT4) int4_products(&in->rounded, in->M, w, n0, n1, out, ld);
    else if (w->kind == BFLOAT16) { BY_ROWS(BFLOAT16); }
    else if (w->kind == FLOAT16) { BY_ROWS(FLOAT16); }
    else { BY_ROWS(FLOAT32); }
    if (w->bias)
        for (int64_t m = 0; m < in->M; m++)
            for (int64_t n = n0; n < n1; n++) out[m * ld + n - n0] += w->bias[n];
}

INLINE void gate(float *up, const float *gates, int64_t number) {
    for (int64_t i = 0; i < number; i += 8) {
        __m256 g = _mm256_loadu_ps(gates + i);
        __m256 e = exp8(_mm256_sub_ps(_mm256_setzero_ps(), g));
        g = _mm256_div_ps(g, _mm256_add_ps(e, _mm256_set1_ps(1.0f)));
        _mm256_storeu_ps(up + i, _mm256_mul_ps(g, _mm256_loadu_ps(up + i)));
    }
}

static void norm_row(const float *x, const float *weight, float eps, int64_t K, float *out) {
    __m256 squares = _mm256_setzero_ps();
    for (int64_t k = 0; k < K; k += 8) {
        __m256 v = _mm256_loadu_ps(x + k);
        squares = _mm256_fmadd_ps(v, v, squares);
    }
    const __m256 factor = _mm256_set1_ps(1.0f / sqrtf(sum8(squares) / (float)K + eps));
    for (int64_t k = 0; k < K; k += 8) {
        __m256 v = _mm256_mul_ps(_mm256_loadu_ps(x + k), factor);
        _mm256_storeu_ps(out + k, _mm256_mul_ps(v, _mm256_loadu_ps(weight + k)));
    }
}

// out (M, N) = [RMSNorm of] x (M, K) times the weight, plus bias and residual. norm: (K,) or NULL. gated: the
// rows of the weight are gates, then ups, and out (M, N / 2) = silu(gate) * up. residual: (M, N) or NULL, may
// be out. K is a multiple of 16; for INT4 of the group.
void LEVELLED(r1v_linear)(const Weight *w, const float *x, int64_t M, const float *norm, float eps, int32_t gated,
                const float *residual, float *out, int32_t threads) {
    const int64_t K = w->columns, N = gated ? w->rows / 2 : w->rows, chunk = 64;
    Input in = {x, NULL, {0}, M};
    if (norm) {
        float *normed = scratch(0, M * K * sizeof(float));
        for (int64_t m = 0; m < M; m++) norm_row(x + m * K, norm, eps, K, normed + m * K);
        in.x = normed;
    }
    if (w->kind == INT4) in.rounded = round_rows(in.x, M, w);
    else if (M <= MOST_DOT_ROWS) in.ordered = w->kind == BFLOAT16 ? even_first(in.x, M * K) : in.x;
    const int parallel = threads > 1 && w->rows * K * M > 100000;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (parallel)
    for (int64_t n = 0; n < N; n += chunk) {
        const int64_t number = MIN(chunk, N - n);
        if (!gated && !residual) {
            products(&in, w, n, n + number, out + n, N);
            continue;
        }
        float *part = scratch(2, 2 * M * chunk * sizeof(float)), *gates = part + M * chunk;
        products(&in, w, gated ? N + n : n, (gated ? N + n : n) + number, part, chunk);
        if (gated) {
            products(&in, w, n, n + number, gates, chunk);
            for (int64_t m = 0; m < M; m++) gate(part + m * chunk, gates + m * chunk, (number + 7) / 8 * 8);
        }
        for (int64_t m = 0; m < M; m++)
            for (int64_t i = 0; i < number; i++)
                out[m * N + n + i] = part[m * chunk + i] + (residual ? residual[m * N + n + i] : 0.0f);
    }
}

// --------------------------------------------------------------------------------------------- attention

typedef struct {
    int64_t rows, heads, key_heads, head_dim;
    const float *cosines, *sines;         // (rows, head_dim / 2)
    const float *query_norm, *key_norm;   // (head_dim,) or NULL
    float eps;
    const int64_t *slots;                 // (rows,): where a row's key and value are stored
    const int64_t *run_starts;            // (rows + 1,): the runs of a row
    const int64_t *runs;                  // (., 2): first slot, number of slots; a row's own slot is its last
} Places;

static void rotate(float *x, const float *cosines, const float *sines, int64_t head_dim, float factor) {
    const int64_t half = head_dim / 2;
    for (int64_t i = 0; i < half; i++) {
        const float a = x[i], b = x[half + i];
        x[i] = (a * cosines[i] - b * sines[i]) * factor;
        x[half + i] = (b * cosines[i] + a * sines[i]) * factor;
    }
}

enum { TILE = 64 };

// Scores of R keys that lie `stride` floats apart; several at a time, as one sum alone would wait for itself.
INLINE void score(int R, const float *q, const float *keys, int64_t stride, int64_t head_dim, float *scores) {
    __m256 sums[4];
    EACH(r, R) sums[r] = _mm256_setzero_ps();
    for (int64_t d = 0; d < head_dim; d += 8) {
        __m256 given = _mm256_loadu_ps(q + d);
        EACH(r, R) sums[r] = _mm256_fmadd_ps(given, _mm256_loadu_ps(keys + r * stride + d), sums[r]);
    }
    EACH(r, R) scores[r] = sum8(sums[r]);
}

// mixed = shrink * mixed + sum of n values times their weights, for 8 * R of the head's dimensions.
INLINE void mix(int R, const float *weights, const float *values, int64_t n, int64_t stride, float shrink,
                float *mixed) {
    __m256 sums[4];
    EACH(r, R) sums[r] = _mm256_mul_ps(_mm256_loadu_ps(mixed + 8 * r), _mm256_set1_ps(shrink));
    for (int64_t i = 0; i < n; i++) {
        __m256 weight = _mm256_broadcast_ss(weights + i);
        EACH(r, R) sums[r] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(values + i * stride + 8 * r), sums[r]);
    }
    EACH(r, R) _mm256_storeu_ps(mixed + 8 * r, sums[r]);
}

// One query head over n <= TILE keys, by the running softmax of Milakov and Gimelshein (2018): its state is the
// largest score, the sum of the weights, and the weighted sum of the values.
INLINE void attend_tile(const float *q, const float *keys, const float *values, int64_t n, int64_t stride,
                        int64_t head_dim, float *largest, float *total, float *mixed) {
    _Alignas(32) float scores[TILE];
    float most = *largest;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) score(4, q, keys + i * stride, stride, head_dim, scores + i);
    for (; i < n; i++) score(1, q, keys + i * stride, stride, head_dim, scores + i);
    for (; i % 8; i++) scores[i] = -INFINITY;
    for (i = 0; i < n; i++) most = scores[i] > most ? scores[i] : most;
    const float shrink = expf(*largest - most);
    __m256 sum = _mm256_setzero_ps();
    for (i = 0; i < n; i += 8) {
        __m256 e = exp8(_mm256_sub_ps(_mm256_load_ps(scores + i), _mm256_set1_ps(most)));
        _mm256_store_ps(scores + i, e);
        sum = _mm256_add_ps(sum, e);
    }
    *total = *total * shrink + sum8(sum);
    *largest = most;
    int64_t d = 0;
    for (; d + 32 <= head_dim; d += 32) mix(4, scores, values + d, n, stride, shrink, mixed + d);
    for (; d < head_dim; d += 8) mix(1, scores, values + d, n, stride, shrink, mixed + d);
}

static void attend_row(const Places *at, int64_t row, int64_t key_head, const float *queries, const float *keys,
                       const float *values, float *out) {
    const int64_t hd = at->head_dim, each = at->heads / at->key_heads, stride = at->key_heads * hd;
    float *state = scratch(2, 2 * each * sizeof(float)), *largest = state, *total = state + each;
    memset(out, 0, each * hd * sizeof(float));
    for (int64_t h = 0; h < each; h++) largest[h] = -INFINITY, total[h] = 0.0f;
    for (int64_t r = at->run_starts[row]; r < at->run_starts[row + 1]; r++)
        for (int64_t i = 0; i < at->runs[2 * r + 1]; i += TILE) {
            const int64_t n = MIN(TILE, at->runs[2 * r + 1] - i);
            const int64_t first = (at->runs[2 * r] + i) * stride + key_head * hd;
            for (int64_t h = 0; h < each; h++)
                attend_tile(queries + h * hd, keys + first, values + first, n, stride, hd, largest + h, total + h,
                            out + h * hd);
        }
    for (int64_t h = 0; h < each; h++)
        for (int64_t d = 0; d < hd; d++) out[h * hd + d] /= total[h];
}

// Rotates queries and keys in place, stores keys and values, and mixes: qkv (rows, (H + 2 Hkv) * head_dim) ->
// out (rows, H * head_dim). keys, values: of one layer, (slots, Hkv, head_dim). head_dim is a multiple of 8.
void LEVELLED(r1v_attend)(const Places *at, float *qkv, float *keys, float *values, float *out, int32_t threads) {
    const int64_t hd = at->head_dim, width = (at->heads + 2 * at->key_heads) * hd, stored = at->key_heads * hd;
    int64_t work = 0;
    for (int64_t row = 0; row < at->rows; row++) {
        float *own = qkv + row * width;
        const float *cosines = at->cosines + row * hd / 2, *sines = at->sines + row * hd / 2;
        for (int64_t h = 0; h < at->heads + at->key_heads; h++) {
            const int query = h < at->heads;
            const float *norm = query ? at->query_norm : at->key_norm;
            if (norm) norm_row(own + h * hd, norm, at->eps, hd, own + h * hd);
            rotate(own + h * hd, cosines, sines, hd, query ? 1.0f / sqrtf((float)hd) : 1.0f);
        }
        memcpy(keys + at->slots[row] * stored, own + at->heads * hd, stored * sizeof(float));
        memcpy(values + at->slots[row] * stored, own + at->heads * hd + stored, stored * sizeof(float));
        for (int64_t r = at->run_starts[row]; r < at->run_starts[row + 1]; r++) work += at->runs[2 * r + 1];
    }
    const int64_t each = at->heads / at->key_heads;
    const int parallel = threads > 1 && work * at->heads * hd > 100000;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (parallel)
    for (int64_t unit = 0; unit < at->rows * at->key_heads; unit++) {
        const int64_t row = unit / at->key_heads, head = unit % at->key_heads;
        attend_row(at, row, head, qkv + row * width + head * each * hd, keys, values,
                   out + row * at->heads * hd + head * each * hd);
    }
}
