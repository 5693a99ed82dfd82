// Products of 4-bit weights with rows of x that are rounded to 8 bits.

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
        if (M > 1) __builtin_prefetch(codes + r * row + 4096, 0, 3);  // one row of x: see int4_tile
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
            offsets[r][m] = MULTIPLY_ADD(by->zeros[i], by->x_sums[j], offsets[r][m]);
            if (upper > 0) {
                factors = iset_two(factor, by->scales[i + 1] * by->x_scales[j + 1]);
                offsets[r][m] = MULTIPLY_ADD(by->zeros[i + 1], by->x_sums[j + 1], offsets[r][m]);
            }
            sums[r][m] = factors * ifloat(parts[r][m]) + sums[r][m];
        }
}

// R <= 4 rows of weights in groups of G and M <= 4 rows of x, from row m0 on; R * M <= 8.
INLINE void int4_tile(int R, int M, int64_t G, const Rounded *x, int64_t m0, const Weight *w, int64_t n, float *out,
                      int64_t ld) {
    const int64_t K = w->columns, groups = K / G, row = K / 2, stride = x->stride;
    const Factors by = {w->scales + n * groups, w->zeros + n * groups, x->scales + m0 * groups,
                        x->sums + m0 * groups, groups};
    const uint8_t *codes = (const uint8_t *)w->data + n * row;
    const int8_t *given = x->codes + m0 * stride;
    const int two = WIDE_CODES && G < SPAN;  // groups in a span
    const int64_t bytes = MAX(SPAN, G) / 2, piece = MIN(64, bytes);  // of a row's codes: read and fetched at a time
    Ahead next = ahead(codes, R, row, piece);
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
        if (M == 1)
            for (int64_t i = 0; i < bytes; i += piece) fetch_ahead(&next, R);
        int64_t k = 0;
        do {
            int4_span(R, M, 0, codes, row, given, stride, parts);
            codes += SPAN / 2, given += SPAN, k += SPAN;
        } while (k < G);
        if (two) int4_scale(R, M, 1, &by, g, parts, sums, offsets);
        else int4_scale(R, M, -1, &by, g, parts, sums, offsets);
    }
    // four sums at a time, also where there are fewer: each in the same order, whatever R and M are
    EACH(i, (R * M + 3) / 4) {
        float four[4];
        IF v[4];
        EACH(j, 4) v[j] = sums[(4 * i + j) % (R * M) / M][(4 * i + j) % (R * M) % M];
        isum4(v[0], v[1], v[2], v[3], four);
        EACH(j, MIN(4, R * M)) {
            const int r = (4 * i + j) / M, m = (4 * i + j) % M;
            out[m * ld + r] = four[j] - offsets[r][m];
        }
    }
}

INLINE void int4_rows(int R, int64_t G, const Rounded *x, int64_t m, int64_t M, const Weight *w, int64_t n, float *out,
                      int64_t ld) {
    if (R <= 2)
        for (; m + 4 <= M; m += 4) int4_tile(R, 4, G, x, m, w, n, out + m * ld, ld);
    for (; m + 2 <= M; m += 2) int4_tile(R, 2, G, x, m, w, n, out + m * ld, ld);
    if (m < M) int4_tile(R, 1, G, x, m, w, n, out + m * ld, ld);
}

INLINE void int4_grouped(int64_t G, const Rounded *x, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                         int64_t ld) {
    const int64_t most = 32;  // rows of x that stay in the cache meanwhile
    for (int64_t m = 0; m < M; m += most) {
        int64_t n = n0;
        if (M < 4)
            for (; n + 4 <= n1; n += 4) int4_rows(4, G, x, m, M, w, n, out + n - n0, ld);
        for (; n + 2 <= n1; n += 2) int4_rows(2, G, x, m, MIN(M, m + most), w, n, out + n - n0, ld);
        if (n < n1) int4_rows(1, G, x, m, MIN(M, m + most), w, n, out + n - n0, ld);
    }
}

// One row is compiled for each size of groups: its loops are short.
static void int4_products(const Rounded *x, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                          int64_t ld) {
    if (M > 1) int4_grouped(w->group, x, M, w, n0, n1, out, ld);
    else if (w->group == 64) int4_grouped(64, x, 1, w, n0, n1, out, ld);
    else if (w->group == 128) int4_grouped(128, x, 1, w, n0, n1, out, ld);
    else int4_grouped(256, x, 1, w, n0, n1, out, ld);
}
