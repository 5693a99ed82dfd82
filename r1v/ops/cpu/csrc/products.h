// Linear layers: few rows of inputs as dot products with rows of weights, many rows through panels of weights
// that are laid out in the cache, 4-bit weights with inputs rounded to 8 bits.

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

// -------------------------------------------------------------- 4-bit weights with rows of x rounded to 8 bits

// Rows of x, rounded to int8 in the groups of the weight, `stride` apart; sums: of a group's rounded values.
typedef struct {
    int8_t *codes;
    int64_t stride;
    float *scales, *sums;
} Rounded;

// One group of x; pieces of 32 columns go to where `split_codes` takes their weights.
INLINE void round_group(const float *in, int64_t column, int64_t G, int8_t *row, float *scale, float *total) {
    static const int8_t places[] = {0, 2, 1, 3};
    VF most = vzero();
    for (int64_t k = 0; k < G; k += W) most = vmax(most, vabs(vload(in + k)));
    const float largest = vlargest(most), factor = largest > 0.0f ? 127.0f / largest : 0.0f;
    int32_t sum = 0;
    for (int64_t k = 0; k < G; k += 32) {
        const int64_t at = column + k;
        int8_t *to = row + (WIDE_CODES ? at / SPAN * SPAN + 32 * places[at / 32 % 4] : at);
        int8_t rounded[32];
        for (int i = 0; i < 32; i++) {
            const float whole = in[k + i] * factor + TO_WHOLE;  // its lowest bits hold the nearest whole number
            int32_t bits;
            memcpy(&bits, &whole, 4);
            rounded[i] = (int8_t)bits;
        }
        for (int i = 0; i < 32; i++) sum += rounded[i];
        memcpy(to, rounded, 32);
    }
    *scale = largest / 127.0f;
    *total = *scale * (float)sum;
}

static Rounded round_rows(const float *x, int64_t M, const Weight *w) {
    const int64_t K = w->columns, G = w->group, groups = K / G, stride = (K + SPAN - 1) / SPAN * SPAN;
    Rounded to = {scratch(1, M * (stride + 2 * groups * sizeof(float))), stride, NULL, NULL};
    to.scales = (float *)(to.codes + M * stride);
    to.sums = to.scales + M * groups;
    for (int64_t m = 0; m < M; m++) {
        if (stride > K) memset(to.codes + m * stride + K - 64, 0, 128);
        for (int64_t g = 0; g < groups; g++)
            round_group(x + m * K + g * G, g * G, G, to.codes + m * stride, to.scales + m * groups + g,
                        to.sums + m * groups + g);
    }
    return to;
}

// parts[r][m] += codes of weights times those of x over SPAN columns; half: only 64 of them are there.
INLINE void int4_span(int R, int M, int half, const uint8_t *codes, int64_t row, const int8_t *x, int64_t stride,
                      IV parts[4][4]) {
    EACH(r, R) {
        PREFETCH(codes + r * row);
        EACH(c, SPAN / 2 / CODES) {
            IV halves[2];
            split_codes(codes + r * row + c * CODES, half, halves);
            EACH(m, M) {
                const int8_t *given = x + m * stride + c * CODES;
                parts[r][m] = idot(parts[r][m], halves[0], given);
                parts[r][m] = idot(parts[r][m], halves[1], given + SPAN / 2);
            }
        }
    }
}

// Where a tile's scales and zeros of the weights, and scales and sums of x, lie; `groups` of each a row.
typedef struct {
    const float *scales, *zeros, *x_scales, *x_sums;
    int64_t groups;
} Factors;

// sums[r][m] += parts[r][m] times the scales of group g, and offsets likewise of the zeros. upper: in a vector's
// upper half are those of group g + 1 (1), nothing (0), or those of group g (-1).
INLINE void int4_scale(int R, int M, int upper, const Factors *by, int64_t g, IV parts[4][4], IF sums[4][4],
                       float offsets[4][4]) {
    EACH(r, R)
        EACH(m, M) {
            const int64_t i = r * by->groups + g, j = m * by->groups + g;
            const float factor = by->scales[i] * by->x_scales[j];
            IF factors = iset(factor);
            offsets[r][m] += by->zeros[i] * by->x_sums[j];
            if (upper > 0) {
                factors = iset_two(factor, by->scales[i + 1] * by->x_scales[j + 1]);
                offsets[r][m] += by->zeros[i + 1] * by->x_sums[j + 1];
            }
            sums[r][m] = factors * ifloat(parts[r][m]) + sums[r][m];
        }
}

// R <= 4 rows of weights and M <= 4 rows of x, from row m0 on; R * M <= 8.
INLINE void int4_tile(int R, int M, const Rounded *x, int64_t m0, const Weight *w, int64_t n, float *out,
                      int64_t ld) {
    const int64_t K = w->columns, G = w->group, groups = K / G, row = K / 2, stride = x->stride;
    const Factors by = {w->scales + n * groups, w->zeros + n * groups, x->scales + m0 * groups,
                        x->sums + m0 * groups, groups};
    const uint8_t *codes = (const uint8_t *)w->data + n * row;
    const int8_t *given = x->codes + m0 * stride;
    const int two = WIDE_CODES && G < SPAN;  // groups in a span
    IF sums[4][4];
    float offsets[4][4] = {{0}};
    EACH(r, R)
        EACH(m, M) sums[r][m] = iset(0.0f);
    for (int64_t g = 0; g < groups; g += 1 + two) {
        IV parts[4][4];
        EACH(r, R)
            EACH(m, M) parts[r][m] = izero();
        if (two && g + 1 == groups) {
            int4_span(R, M, 1, codes, row, given, stride, parts);
            int4_scale(R, M, 0, &by, g, parts, sums, offsets);
            break;
        }
        int64_t k = 0;
        do {
            int4_span(R, M, 0, codes, row, given, stride, parts);
            codes += SPAN / 2, given += SPAN, k += SPAN;
        } while (k < G);
        if (two) int4_scale(R, M, 1, &by, g, parts, sums, offsets);
        else int4_scale(R, M, -1, &by, g, parts, sums, offsets);
    }
    EACH(m, M) {
        if (R == 4) {
            float four[4];
            isum4(sums[0][m], sums[1][m], sums[2][m], sums[3][m], four);
            EACH(r, 4) out[m * ld + r] = four[r] - offsets[r][m];
        } else {
            EACH(r, R) out[m * ld + r] = isum(sums[r][m]) - offsets[r][m];
        }
    }
}

INLINE void int4_rows(int R, const Rounded *x, int64_t m, int64_t M, const Weight *w, int64_t n, float *out,
                      int64_t ld) {
    if (R <= 2)
        for (; m + 4 <= M; m += 4) int4_tile(R, 4, x, m, w, n, out + m * ld, ld);
    for (; m + 2 <= M; m += 2) int4_tile(R, 2, x, m, w, n, out + m * ld, ld);
    if (m < M) int4_tile(R, 1, x, m, w, n, out + m * ld, ld);
}

static void int4_products(const Rounded *x, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                          int64_t ld) {
    const int64_t most = 32;  // rows of x that stay in the cache meanwhile
    for (int64_t m = 0; m < M; m += most) {
        int64_t n = n0;
        if (M < 4)
            for (; n + 4 <= n1; n += 4) int4_rows(4, x, m, M, w, n, out + n - n0, ld);
        for (; n + 2 <= n1; n += 2) int4_rows(2, x, m, MIN(M, m + most), w, n, out + n - n0, ld);
        if (n < n1) int4_rows(1, x, m, MIN(M, m + most), w, n, out + n - n0, ld);
    }
}

// ------------------------------------------------------------------------------------------ the linear layer

enum { MOST_DOT_ROWS = 12 };

// x (M, K) and what a kind of weight needs of it. few: as `dots` reads it. pairs: in bfloat16.
typedef struct {
    const float *x, *few, *pairs;
    Rounded rounded;
    int64_t M;
} Input;

static void dot_products(const Input *in, const Weight *w, int64_t n0, int64_t n1, float *out, int64_t ld) {
    if (w->kind == BFLOAT16) dots(BFLOAT16, in->few, in->M, w, n0, n1, out, ld);
    else if (w->kind == FLOAT16) dots(FLOAT16, in->few, in->M, w, n0, n1, out, ld);
    else dots(FLOAT32, in->few, in->M, w, n0, n1, out, ld);
}

static void panel_products(const Input *in, const Weight *w, int64_t n0, int64_t n1, float *out, int64_t ld) {
    if (in->pairs) panels(BFLOAT16, 1, in->pairs, in->M, w, n0, n1, out, ld);
    else if (w->kind == BFLOAT16) panels(BFLOAT16, 0, in->x, in->M, w, n0, n1, out, ld);
    else if (w->kind == FLOAT16) panels(FLOAT16, 0, in->x, in->M, w, n0, n1, out, ld);
    else panels(FLOAT32, 0, in->x, in->M, w, n0, n1, out, ld);
}

// out[m][n - n0] for n in [n0, n1).
static void products(const Input *in, const Weight *w, int64_t n0, int64_t n1, float *out, int64_t ld) {
    if (w->kind == INT4) int4_products(&in->rounded, in->M, w, n0, n1, out, ld);
    else if (in->few) dot_products(in, w, n0, n1, out, ld);
    else panel_products(in, w, n0, n1, out, ld);
    if (w->bias)
        for (int64_t m = 0; m < in->M; m++)
            for (int64_t n = n0; n < n1; n++) out[m * ld + n - n0] += w->bias[n];
}

INLINE void gate(float *up, const float *gates, int64_t number) {
    for (int64_t i = 0; i < number; i += W) {
        VF g = vload(gates + i);
        vstore(up + i, g / (vexp(-g) + vset(1.0f)) * vload(up + i));
    }
}

// K is a multiple of 8.
static void norm_row(const float *x, const float *weight, float eps, int64_t K, float *out) {
    const int64_t whole = K / W * W;
    VF squares = vzero();
    for (int64_t k = 0; k < whole; k += W) squares = vload(x + k) * vload(x + k) + squares;
    if (whole < K) {
        VF rest = vload_part(x + whole, K - whole);
        squares = rest * rest + squares;
    }
    const float factor = 1.0f / sqrtf(vsum(squares) / (float)K + eps);
    for (int64_t k = 0; k < whole; k += W) vstore(out + k, vload(x + k) * vset(factor) * vload(weight + k));
    for (int64_t k = whole; k < K; k++) out[k] = x[k] * factor * weight[k];
}

// out (M, N) = [RMSNorm of] x (M, K) times the weight, plus bias and residual. norm: (K,) or NULL. gated: the
// rows of the weight are gates, then ups, and out (M, N / 2) = silu(gate) * up. residual: (M, N) or NULL, may
// be out. K is a multiple of 16; for INT4 of the group.
void LEVELLED(r1v_linear)(const Weight *w, const float *x, int64_t M, const float *norm, float eps, int32_t gated,
                          const float *residual, float *out, int32_t threads) {
    const int64_t K = w->columns, N = gated ? w->rows / 2 : w->rows, chunk = 64;
    Input in = {x, NULL, NULL, {0}, M};
    if (norm) {
        float *normed = scratch(0, M * K * sizeof(float));
        for (int64_t m = 0; m < M; m++) norm_row(x + m * K, norm, eps, K, normed + m * K);
        in.x = normed;
    }
    if (w->kind == INT4) in.rounded = round_rows(in.x, M, w);
    else if (M <= MOST_DOT_ROWS) in.few = ordered(w->kind, in.x, M, K);
    else if (HAS_PAIRS && w->kind == BFLOAT16) in.pairs = rounded_pairs(in.x, M * K);
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
            for (int64_t m = 0; m < M; m++) gate(part + m * chunk, gates + m * chunk, (number + W - 1) / W * W);
        }
        for (int64_t m = 0; m < M; m++)
            for (int64_t i = 0; i < number; i++)
                out[m * N + n + i] = part[m * chunk + i] + (residual ? residual[m * N + n + i] : 0.0f);
    }
}
