// Products with float32 and 16-bit weights: few rows of inputs as dot products with rows of weights, many rows
// through panels of weights that are laid out in the cache.

typedef struct {
    int32_t kind;
    int32_t group;                // INT4: columns that share a scale, 64, 128 or 256
    int64_t rows, columns;        // N, K
    const void *data;             // (N, K); INT4: 64 columns in 32 bytes, the first 32 in the lower halves
    const float *scales, *zeros;  // INT4: (N, K / group) each: weight = scale * code - zero
    const float *bias;            // (N,) or NULL
} Weight;

// A buffer that lives as long as its thread; each use of it has its own slot.
static void *scratch(int slot, size_t bytes) {
    static _Thread_local struct { void *data; size_t bytes; } kept[5];
    if (kept[slot].bytes < bytes) {
        free(kept[slot].data);
        kept[slot].bytes = (bytes + 4095) / 4096 * 4096;
        kept[slot].data = aligned_alloc(64, kept[slot].bytes);
        if (!kept[slot].data) abort();
    }
    return kept[slot].data;
}

// ------------------------------------------------------------------ few rows: dot products with rows of weights

enum { PAIR = 2 * W };  // columns that are read at a time
#define PADDED(K) (((K) + PAIR - 1) / PAIR * PAIR)

// x (M, K) in the order in which `widen_two` gives weights, rows padded with zeros to whole pairs of vectors.
static const float *ordered(int kind, const float *x, int64_t M, int64_t K) {
    if (kind != BFLOAT16 && K % PAIR == 0) return x;
    float *to = scratch(3, M * PADDED(K) * sizeof(float));
    for (int64_t m = 0; m < M; m++)
        for (int64_t k = 0; k < PADDED(K); k += PAIR) {
            float *out = to + m * PADDED(K) + k;
            const float *in = x + m * K + k;
            const int64_t number = MIN(PAIR, K - k);
            if (number < PAIR) memset(out, 0, PAIR * sizeof(float));
            if (kind != BFLOAT16) memcpy(out, in, number * sizeof(float));
            else
                for (int64_t i = 0; i < number / 2; i++) {
                    out[i] = in[2 * i];
                    out[W + i] = in[2 * i + 1];
                }
        }
    return to;
}

// out[m][r] = x[m] . weight[first + r] for R <= 4 rows of weights and M <= 3 rows of x, which are KP apart.
// fetch: the weights come from memory.
INLINE void dot_tile(int kind, int R, int M, int fetch, const float *x, int64_t KP, const void *data,
                     int64_t first, int64_t K, float *out, int64_t ld) {
    const int bytes = kind == FLOAT32 ? 4 : 2;
    VF sums[4][3], w[2];
    EACH(r, R)
        EACH(m, M) sums[r][m] = vzero();
    int64_t k = 0;
    for (; k + PAIR <= K; k += PAIR)
        EACH(r, R) {
            widen_two(kind, data, (first + r) * K + k, w);
            if (fetch) PREFETCH((const char *)data + ((first + r) * K + k) * bytes);
            EACH(m, M) {
                sums[r][m] = w[0] * vload(x + m * KP + k) + sums[r][m];
                sums[r][m] = w[1] * vload(x + m * KP + k + W) + sums[r][m];
            }
        }
    if (k < K)
        EACH(r, R) {
            char last[PAIR * 4] = {0};
            memcpy(last, (const char *)data + ((first + r) * K + k) * bytes, (K - k) * bytes);
            widen_two(kind, last, 0, w);
            EACH(m, M) {
                sums[r][m] = w[0] * vload(x + m * KP + k) + sums[r][m];
                sums[r][m] = w[1] * vload(x + m * KP + k + W) + sums[r][m];
            }
        }
    EACH(r, R)
        EACH(m, M) out[m * ld + r] = vsum(sums[r][m]);
}

INLINE void dots(int kind, const float *x, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                 int64_t ld) {
    const int64_t K = w->columns, KP = kind == BFLOAT16 ? PADDED(K) : K % PAIR ? PADDED(K) : K;
    int64_t n = n0;
    for (; n + 4 <= n1; n += 4) {
        for (int64_t m = 0, number; m < M; m += number) {
            const float *part = x + m * KP;
            float *to = out + m * ld + n - n0;
            number = M - m == 4 ? 2 : MIN(3, M - m);
            if (number == 3) dot_tile(kind, 4, 3, m == 0, part, KP, w->data, n, K, to, ld);
            else if (number == 2) dot_tile(kind, 4, 2, m == 0, part, KP, w->data, n, K, to, ld);
            else dot_tile(kind, 4, 1, m == 0, part, KP, w->data, n, K, to, ld);
        }
    }
    for (; n < n1; n++)
        for (int64_t m = 0; m < M; m++)
            dot_tile(kind, 1, 1, 0, x + m * KP, KP, w->data, n, K, out + m * ld + n - n0, ld);
}

// ------------------------------------------- many rows: panels of weights, widened and transposed in the cache

INLINE void panel_tile(int pairs, int M, const float *x, int64_t stride, const float *panel, int64_t depth,
                       int width, int add, float *out, int64_t ld) {
    VF sums[HEIGHT][VECS], w[VECS];
    EACH(m, M)
        EACH(v, VECS) sums[m][v] = vzero();
    for (int64_t k = 0; k < depth; k++) {
        EACH(v, VECS) w[v] = vload(panel + k * WIDTH + v * W);
        EACH(m, M) {
            VF value = vset(x[m * stride + k]);
            EACH(v, VECS) {
                if (pairs) sums[m][v] = dot_pairs(sums[m][v], value, w[v]);
                else sums[m][v] = value * w[v] + sums[m][v];
            }
        }
    }
    EACH(m, M) {
        float row[WIDTH];
        EACH(v, VECS) vstore(row + v * W, sums[m][v]);
        for (int j = 0; j < width; j++) out[m * ld + j] = add ? out[m * ld + j] + row[j] : row[j];
    }
}

INLINE void panel_rows(int pairs, const float *x, int64_t M, int64_t stride, const float *panel, int64_t depth,
                       int width, int add, float *out, int64_t ld) {
    int64_t m = 0;
    for (; m + HEIGHT <= M; m += HEIGHT)
        panel_tile(pairs, HEIGHT, x + m * stride, stride, panel, depth, width, add, out + m * ld, ld);
    for (; m + 4 <= M; m += 4)
        panel_tile(pairs, 4, x + m * stride, stride, panel, depth, width, add, out + m * ld, ld);
    for (; m + 2 <= M; m += 2)
        panel_tile(pairs, 2, x + m * stride, stride, panel, depth, width, add, out + m * ld, ld);
    if (m < M) panel_tile(pairs, 1, x + m * stride, stride, panel, depth, width, add, out + m * ld, ld);
}

// pairs: x and the weights are pairs of bfloat16 numbers, taken as one number of 32 bits each.
INLINE void panels(int kind, int pairs, const float *x, int64_t M, const Weight *w, int64_t n0, int64_t n1,
                   float *out, int64_t ld) {
    _Alignas(64) float panel[DEPTH * WIDTH];
    const int64_t K = pairs ? w->columns / 2 : w->columns;
    for (int64_t n = n0; n < n1; n += WIDTH) {
        const int width = (int)MIN(WIDTH, n1 - n);
        for (int64_t k = 0; k < K; k += DEPTH) {
            const int64_t depth = MIN(DEPTH, K - k);
            fill_panel(pairs ? FLOAT32 : kind, w->data, n, K, width, k, depth, panel);
            panel_rows(pairs, x + k, M, K, panel, depth, width, k > 0, out + n - n0, ld);
        }
    }
}

#if !USE_AMX
// x (M, K) rounded to bfloat16, to the nearest, ties to even.
static const float *rounded_pairs(const float *x, int64_t number) {
    uint16_t *to = scratch(3, number * sizeof(uint16_t));
    for (int64_t i = 0; i < number; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        to[i] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
    return (const float *)to;
}
#endif
