// The linear layer: a product chosen by the weights and the number of rows, with what comes before and after.

enum { MOST_DOT_ROWS = 12 };

// x (M, K) and what a kind of weight needs of it. few: as `dots` reads it. lined: as `panels` does. pairs: in bfloat16,
// as `panels` reads it or, where there are tiles, in their order.
typedef struct {
    const float *x, *few, *lined, *pairs;
    Rounded rounded;
    int64_t M;
} Input;

static void dot_products(const Input *in, const Weight *w, int64_t n0, int64_t n1, float *out, int64_t ld) {
    if (w->kind == BFLOAT16) dots(BFLOAT16, in->few, in->M, w, n0, n1, out, ld);
    else if (w->kind == FLOAT16) dots(FLOAT16, in->few, in->M, w, n0, n1, out, ld);
    else dots(FLOAT32, in->few, in->M, w, n0, n1, out, ld);
}

static void panel_products(const Input *in, const Weight *w, int64_t n0, int64_t n1, float *out, int64_t ld) {
#if USE_AMX
    if (in->pairs) {
        tile_products(in->pairs, in->M, w, n0, n1, out, ld);
        return;
    }
#endif
    if (in->pairs) panels(BFLOAT16, 1, in->pairs, in->M, w, n0, n1, out, ld);
    else if (w->kind == BFLOAT16) panels(BFLOAT16, 0, in->lined, in->M, w, n0, n1, out, ld);
    else if (w->kind == FLOAT16) panels(FLOAT16, 0, in->lined, in->M, w, n0, n1, out, ld);
    else panels(FLOAT32, 0, in->lined, in->M, w, n0, n1, out, ld);
}

// out[m][n - n0] for n in [n0, n1).
static void products(const Input *in, const Weight *w, int64_t n0, int64_t n1, float *out, int64_t ld) {
#if USE_AMX
    if (w->kind == INT4 && in->pairs) widened_products(in->pairs, in->M, w, n0, n1, out, ld);
    else
#endif
    if (w->kind == INT4) int4_products(&in->rounded, in->M, w, n0, n1, out, ld);
    else if (in->few) dot_products(in, w, n0, n1, out, ld);
    else panel_products(in, w, n0, n1, out, ld);
    if (w->bias)
        for (int64_t m = 0; m < in->M; m++)
            for (int64_t n = n0; n < n1; n++) out[m * ld + n - n0] += w->bias[n];
}

// out = [silu(gates) *] given [+ residual], `number` of them. gates and residual may be NULL.
INLINE void finish(const float *given, const float *gates, const float *residual, int64_t number, float *out) {
    int64_t i = 0;
    for (; i + W <= number; i += W) {
        VF x = vload(given + i);
        if (gates) {
            const VF g = vload(gates + i);
            x = g / (vexp(-g) + vset(1.0f)) * x;
        }
        if (residual) x = x + vload(residual + i);
        vstore(out + i, x);
    }
    if (i == number) return;
    VF x = vload_part(given + i, number - i);
    if (gates) {
        const VF g = vload_part(gates + i, number - i);
        x = g / (vexp(-g) + vset(1.0f)) * x;
    }
    if (residual) x = x + vload_part(residual + i, number - i);
    memcpy(out + i, &x, (number - i) * sizeof(float));
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
    const int64_t K = w->columns, N = gated ? w->rows / 2 : w->rows;
    int64_t chunk = 64;
    // larger pieces read x fewer times; each thread has several of them
    if (w->kind != INT4 && M >= 128 && N >= 4 * COLUMNS * threads) chunk = COLUMNS;
#if USE_AMX
    const int tiled = w->kind == BFLOAT16 ? M > MOST_DOT_ROWS : w->kind == INT4 && M >= WIDENED_ROWS;
    while (tiled && M >= 128 && chunk < 256 && N >= 4 * chunk * threads) chunk *= 2;
    if (tiled && M > MOST_TILED) {
        // in equal pieces, so that the last is not too small for tiles
        const int64_t pieces = (M + MOST_TILED - 1) / MOST_TILED, piece = (M + pieces - 1) / pieces;
        for (int64_t m = 0; m < M; m += piece)
            LEVELLED(r1v_linear)(w, x + m * K, MIN(piece, M - m), norm, eps, gated, residual ? residual + m * N : NULL,
                                 out + m * N, threads);
        return;
    }
#endif
    Input in = {x, NULL, NULL, NULL, {0}, M};
    if (norm) {
        float *normed = scratch(0, M * K * sizeof(float));
        for (int64_t m = 0; m < M; m++) norm_row(x + m * K, norm, eps, K, normed + m * K);
        in.x = normed;
    }
#if USE_AMX
    if (tiled) in.pairs = tiled_pairs(in.x, M, K);
    else
#endif
    if (w->kind == INT4) in.rounded = round_rows(in.x, M, w);
    else if (M <= MOST_DOT_ROWS) in.few = ordered(w->kind, in.x, M, K);
#if !USE_AMX
    else if (HAS_PAIRS && w->kind == BFLOAT16) in.pairs = lined_up(rounded_pairs(in.x, M * K), M, K / 2);
#endif
    else in.lined = lined_up(in.x, M, K);
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
        if (gated) products(&in, w, n, n + number, gates, chunk);
        for (int64_t m = 0; m < M; m++) {
            const float *added = residual ? residual + m * N + n : NULL;
            float *to = out + m * N + n;
            if (!gated) finish(part + m * chunk, NULL, added, number, to);
            else if (!residual) finish(part + m * chunk, gates + m * chunk, NULL, number, to);
            else finish(part + m * chunk, gates + m * chunk, added, number, to);
        }
    }
}
