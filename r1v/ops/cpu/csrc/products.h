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
    static _Thread_local struct { void *data; size_t bytes; } kept[6];
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
    Ahead next = ahead((const char *)data + first * K * bytes, R, K * bytes, PAIR * bytes);
    int64_t k = 0;
    for (; k + PAIR <= K; k += PAIR) {
        if (fetch) fetch_ahead(&next, R);
        EACH(r, R) {
            widen_two(kind, data, (first + r) * K + k, w);
            EACH(m, M) {
                sums[r][m] = w[0] * vload(x + m * KP + k) + sums[r][m];
                sums[r][m] = w[1] * vload(x + m * KP + k + W) + sums[r][m];
            }
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

// At most COLUMNS of weights are laid out at a time, DEPTH of their numbers in each. LINED rows of x, which stay in the second
// cache beside them, are then multiplied with each panel.
enum { COLUMNS = 128, LINED = 16 * HEIGHT };

INLINE int64_t next_rows(int64_t left) { return left >= HEIGHT ? HEIGHT : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

INLINE void line_up(int R, const float *x, int64_t K, int64_t depth, float *to) {
    for (int64_t k = 0; k < depth; k++) EACH(r, R) memcpy(to + k * R + r, x + r * K + k, 4);  // may be a pair
}

// x (M, K) in the order in which `panels` reads it: of each DEPTH columns, blocks of rows, in which the column comes
// first. Otherwise rows of 1,024 columns would lie in the same places of the cache and drive each other out.
static const float *lined_up(const float *x, int64_t M, int64_t K) {
    float *lined = scratch(5, M * K * sizeof(float)), *to = lined;
    for (int64_t k = 0; k < K; k += DEPTH) {
        const int64_t depth = MIN(DEPTH, K - k);
        for (int64_t m = 0, rows; m < M; m += rows, to += rows * depth) {
            rows = next_rows(M - m);
            const float *from = x + m * K + k;
            if (rows == HEIGHT) line_up(HEIGHT, from, K, depth, to);
            else if (rows == 4) line_up(4, from, K, depth, to);
            else if (rows == 2) line_up(2, from, K, depth, to);
            else line_up(1, from, K, depth, to);
        }
    }
    return lined;
}

// R rows of x, as `lined_up` leaves them, by one panel.
INLINE void panel_tile(int pairs, int R, const float *x, const float *panel, int64_t depth, int width, int add,
                       float *out, int64_t ld) {
    VF sums[HEIGHT][VECS], w[VECS];
    EACH(r, R)
        EACH(v, VECS) sums[r][v] = vzero();
    for (int64_t k = 0; k < depth; k++) {
        EACH(v, VECS) w[v] = vload(panel + k * WIDTH + v * W);
        EACH(r, R) {
            VF value = vset(x[k * R + r]);
            EACH(v, VECS) {
                if (pairs) sums[r][v] = dot_pairs(sums[r][v], value, w[v]);
                else sums[r][v] = value * w[v] + sums[r][v];
            }
        }
    }
    EACH(r, R) {
        float *to = out + r * ld;
        if (width == WIDTH) {
            EACH(v, VECS) {
                if (add) sums[r][v] = vload(to + v * W) + sums[r][v];
                vstore(to + v * W, sums[r][v]);
            }
            continue;
        }
        float row[WIDTH];
        EACH(v, VECS) vstore(row + v * W, sums[r][v]);
        for (int j = 0; j < width; j++) to[j] = add ? to[j] + row[j] : row[j];
    }
}

INLINE void panel_rows(int pairs, const float *x, int64_t M, const float *panel, int64_t depth, int width, int add,
                       float *out, int64_t ld) {
    for (int64_t m = 0, rows; m < M; m += rows, x += rows * depth, out += rows * ld) {
        rows = next_rows(M - m);
        if (rows == HEIGHT) panel_tile(pairs, HEIGHT, x, panel, depth, width, add, out, ld);
        else if (rows == 4) panel_tile(pairs, 4, x, panel, depth, width, add, out, ld);
        else if (rows == 2) panel_tile(pairs, 2, x, panel, depth, width, add, out, ld);
        else panel_tile(pairs, 1, x, panel, depth, width, add, out, ld);
    }
}

// At most COLUMNS of out. pairs: x and the weights are pairs of bfloat16 numbers, taken as one number of 32 bits each.
INLINE void panels(int kind, int pairs, const float *x, int64_t M, const Weight *w, int64_t n0, int64_t n1,
                   float *out, int64_t ld) {
    _Alignas(64) float panel[DEPTH * COLUMNS];
    const int64_t K = pairs ? w->columns / 2 : w->columns;
    for (int64_t k = 0; k < K; k += DEPTH, x += M * DEPTH) {
        const int64_t depth = MIN(DEPTH, K - k);
        for (int64_t n = n0; n < n1; n += WIDTH)
            fill_panel(pairs ? FLOAT32 : kind, w->data, n, K, (int)MIN(WIDTH, n1 - n), k, depth,
                       panel + (n - n0) * DEPTH);
        for (int64_t m = 0; m < M; m += LINED)
            for (int64_t n = n0; n < n1; n += WIDTH)
                panel_rows(pairs, x + m * depth, MIN(LINED, M - m), panel + (n - n0) * DEPTH, depth,
                           (int)MIN(WIDTH, n1 - n), k > 0, out + m * ld + n - n0, ld);
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
