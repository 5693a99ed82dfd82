// A decode step's attention: rotates, stores keys and values in the paged cache, and mixes.

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
    VF sums[4];
    EACH(r, R) sums[r] = vzero();
    int64_t d = 0;
    for (; d + W <= head_dim; d += W) {
        VF given = vload(q + d);
        EACH(r, R) sums[r] = given * vload(keys + r * stride + d) + sums[r];
    }
    if (d < head_dim) {
        VF given = vload_part(q + d, head_dim - d);
        EACH(r, R) sums[r] = given * vload_part(keys + r * stride + d, head_dim - d) + sums[r];
    }
    EACH(r, R) scores[r] = vsum(sums[r]);
}

// mixed = shrink * mixed + sum of n values times their weights, for W * R of the head's dimensions.
INLINE void mix(int R, const float *weights, const float *values, int64_t n, int64_t stride, float shrink,
                float *mixed) {
    VF sums[4];
    EACH(r, R) sums[r] = vload(mixed + W * r) * vset(shrink);
    for (int64_t i = 0; i < n; i++) {
        VF weight = vset(weights[i]);
        EACH(r, R) sums[r] = weight * vload(values + i * stride + W * r) + sums[r];
    }
    EACH(r, R) vstore(mixed + W * r, sums[r]);
}

// One query head over n <= TILE keys, by the running softmax of Milakov and Gimelshein (2018): its state is the
// largest score, the sum of the weights, and the weighted sum of the values.
INLINE void attend_tile(const float *q, const float *keys, const float *values, int64_t n, int64_t stride,
                        int64_t head_dim, float *largest, float *total, float *mixed) {
    _Alignas(64) float scores[TILE];
    float most = *largest;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) score(4, q, keys + i * stride, stride, head_dim, scores + i);
    for (; i < n; i++) score(1, q, keys + i * stride, stride, head_dim, scores + i);
    for (; i % W; i++) scores[i] = -INFINITY;
    for (i = 0; i < n; i++) most = scores[i] > most ? scores[i] : most;
    const float shrink = expf(*largest - most);
    VF sum = vzero();
    for (i = 0; i < n; i += W) {
        VF e = vexp(vload(scores + i) - vset(most));
        vstore(scores + i, e);
        sum = sum + e;
    }
    *total = *total * shrink + vsum(sum);
    *largest = most;
    int64_t d = 0;
    for (; d + 4 * W <= head_dim; d += 4 * W) mix(4, scores, values + d, n, stride, shrink, mixed + d);
    for (; d + W <= head_dim; d += W) mix(1, scores, values + d, n, stride, shrink, mixed + d);
    for (; d < head_dim; d++) {
        mixed[d] *= shrink;
        for (i = 0; i < n; i++) mixed[d] += scores[i] * values[i * stride + d];
    }
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
static void attend(const Places *at, float *qkv, float *keys, float *values, float *out, int32_t threads) {
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
