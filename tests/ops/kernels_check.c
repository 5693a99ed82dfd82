// Compares the kernels of one level with plain loops, without Python: for processors that this machine is not.
//
// test_kernel_levels.py compiles it together with the kernels, for another architecture or with instructions
// emulated, and runs it. It prints one line for each difference that is too large and returns their number.

#include "kernels.c"

#include <stdio.h>

static uint32_t state = 12345;

static float uniform(void) {  // in [-1, 1)
    state = state * 1664525u + 1013904223u;
    return (float)(int32_t)state / 2147483648.0f;
}

static float *numbers(int64_t number, float scale) {
    float *data = malloc((number + 64) * sizeof(float));
    for (int64_t i = 0; i < number; i++) data[i] = scale * uniform();
    return data;
}

static uint16_t to_bfloat16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static uint16_t to_half(float x) {  // cuts digits off; normal numbers only
    uint32_t bits;
    memcpy(&bits, &x, 4);
    const uint32_t sign = bits >> 16 & 0x8000, exponent = (bits >> 23 & 255) - 112, digits = bits >> 13 & 1023;
    return (uint16_t)((bits & 0x7fffffff) < 0x38800000 ? sign : sign | exponent << 10 | digits);
}

static int failures = 0;

static void compare(const char *what, int kind, int64_t M, const float *got, const double *expected, int64_t n,
                    double limit) {
    double error = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        error += (got[i] - expected[i]) * (got[i] - expected[i]);
        size += expected[i] * expected[i];
    }
    if (!(sqrt(error) <= limit * sqrt(size))) {  // also where it is no number
        printf("%s, kind %d, %d rows: %g\n", what, kind, (int)M, sqrt(error / size));
        failures++;
    }
}

// A weight of random numbers, and the same numbers widened.
static Weight make_weight(int kind, int64_t N, int64_t K, int64_t group, float *wide) {
    Weight w = {kind, (int32_t)group, N, K, NULL, NULL, NULL, numbers(N, 1.0f)};
    uint8_t *data = malloc(N * K * 4);
    w.data = data;
    if (kind == INT4) {
        float *scales = numbers(N * K / group, 0.1f), *zeros = numbers(N * K / group, 1.0f);
        w.scales = scales, w.zeros = zeros;
        for (int64_t n = 0; n < N; n++)
            for (int64_t k = 0; k < K; k += 64)
                for (int64_t i = 0; i < 32; i++) {
                    const int low = state >> 8 & 15, high = state >> 16 & 15;
                    uniform();
                    const int64_t g = (n * K + k) / group;
                    data[(n * K + k) / 2 + i] = (uint8_t)(low | high << 4);
                    wide[n * K + k + i] = scales[g] * low - zeros[g];
                    wide[n * K + k + i + 32] = scales[g] * high - zeros[g];
                }
        return w;
    }
    for (int64_t i = 0; i < N * K; i++) {
        const float x = uniform();
        if (kind == FLOAT32) ((float *)data)[i] = x;
        else ((uint16_t *)data)[i] = kind == BFLOAT16 ? to_bfloat16(x) : to_half(x);
        wide[i] = widen_one(kind, data, i);
    }
    return w;
}

static void check_linear(int kind, int64_t N, int64_t K, int64_t M, int64_t group) {
    float *wide = malloc(N * K * 4), *x = numbers(M * K, 1.0f), *norm = numbers(K, 1.0f);
    float *residual = numbers(M * N, 1.0f), *out = malloc(M * N * 4 + 256);
    double *plain = malloc(M * N * 8), *expected = malloc(M * N * 8);
    Weight w = make_weight(kind, N, K, group, wide);
    // inputs are rounded to 8 bits, or to bfloat16 where that is multiplied
    const double limit = kind == INT4 ? 4e-2 : HAS_PAIRS && kind == BFLOAT16 && M > MOST_DOT_ROWS ? 5e-3 : 1e-5;
    for (int normed = 0; normed < 2; normed++) {
        for (int64_t m = 0; m < M; m++) {
            double squares = 0;
            for (int64_t k = 0; k < K; k++) squares += (double)x[m * K + k] * x[m * K + k];
            const double factor = 1 / sqrt(squares / (double)K + 1e-6);
            for (int64_t n = 0; n < N; n++) {
                double sum = w.bias[n];
                for (int64_t k = 0; k < K; k++)
                    sum += (double)wide[n * K + k] * x[m * K + k] * (normed ? factor * norm[k] : 1);
                plain[m * N + n] = sum;
            }
        }
        LEVELLED(r1v_linear)(&w, x, M, normed ? norm : NULL, 1e-6f, 0, NULL, out, 1);
        compare(normed ? "norm, linear" : "linear", kind, M, out, plain, M * N, limit);
        for (int64_t i = 0; i < M * N; i++) expected[i] = plain[i] + residual[i];
        LEVELLED(r1v_linear)(&w, x, M, normed ? norm : NULL, 1e-6f, 0, residual, out, 1);
        compare("linear, residual", kind, M, out, expected, M * N, limit);
        for (int64_t m = 0; m < M; m++)
            for (int64_t n = 0; n < N / 2; n++) {
                const double gates = plain[m * N + n], ups = plain[m * N + N / 2 + n];
                expected[m * (N / 2) + n] = gates / (1 + exp(-gates)) * ups;
            }
        LEVELLED(r1v_linear)(&w, x, M, normed ? norm : NULL, 1e-6f, 1, NULL, out, 1);
        compare("gated", kind, M, out, expected, M * (N / 2), 3 * limit);
    }
    free(wide), free(x), free(norm), free(residual), free(out), free(plain), free(expected);
    free((void *)w.data), free((void *)w.bias), free((void *)w.scales), free((void *)w.zeros);
}

static void check_attention(int64_t heads, int64_t key_heads, int64_t hd) {
    const int64_t slots = 200, stored = key_heads * hd, width = (heads + 2 * key_heads) * hd, half = hd / 2;
    const int64_t runs[] = {20, 70, 120, 9}, run_starts[] = {0, 2}, slot = 128;  // the last of the second run
    float *keys = numbers(slots * stored, 1.0f), *values = numbers(slots * stored, 1.0f);
    float *qkv = numbers(width, 1.0f), *own = malloc(width * 4), *out = malloc(heads * hd * 4);
    float *cosines = numbers(half, 1.0f), *sines = numbers(half, 1.0f);
    double *expected = calloc(heads * hd, 8), scores[79];
    memcpy(own, qkv, width * 4);
    Places at = {1, heads, key_heads, hd, cosines, sines, NULL, NULL, 1e-6f, &slot, run_starts, runs};
    attend(&at, qkv, keys, values, out, 1);
    for (int64_t h = 0; h < heads + key_heads; h++)
        for (int64_t i = 0; i < half; i++) {
            const float a = own[h * hd + i], b = own[h * hd + half + i];
            own[h * hd + i] = a * cosines[i] - b * sines[i];
            own[h * hd + half + i] = b * cosines[i] + a * sines[i];
        }
    for (int64_t h = 0; h < heads; h++) {
        const int64_t head = h / (heads / key_heads);
        double total = 0;
        for (int64_t i = 0; i < 79; i++) {
            const int64_t place = i < 70 ? 20 + i : 50 + i;
            scores[i] = 0;
            for (int64_t d = 0; d < hd; d++) {
                const float key = place == slot ? own[(heads + head) * hd + d] : keys[place * stored + head * hd + d];
                scores[i] += (double)own[h * hd + d] * key;
            }
            total += scores[i] = exp(scores[i] / sqrt((double)hd));
        }
        for (int64_t i = 0; i < 79; i++)
            for (int64_t d = 0; d < hd; d++) {
                const int64_t place = i < 70 ? 20 + i : 50 + i;
                const float value = place == slot ? own[(heads + key_heads + head) * hd + d]
                                                  : values[place * stored + head * hd + d];
                expected[h * hd + d] += scores[i] / total * value;
            }
    }
    compare("attention", 0, hd, out, expected, heads * hd, 1e-5);
}

// The id that settings and a uniform number choose, by the definition: ids from the likeliest down.
static int64_t drawn(const float *x, int64_t V, const Draw *want) {
    int64_t *order = malloc(V * sizeof *order), n = V, chosen = -1;
    double *p = malloc(V * sizeof *p), mass = 0, before = 0, kept = 0;
    for (int64_t i = 0; i < V; i++) {
        int64_t j = i;
        for (; j > 0 && x[order[j - 1]] < x[i]; j--) order[j] = order[j - 1];
        order[j] = i;
    }
    if (want->top_k > 0) n = want->top_k;
    for (int64_t i = 0; i < n; i++) mass += p[i] = exp(((double)x[order[i]] - x[order[0]]) / want->temperature);
    for (int64_t i = 0; i < n; i++) {
        const int keep = before < want->top_p * mass && p[i] >= want->min_p * p[0];
        before += p[i];
        if (!keep) p[i] = 0;
        kept += p[i];
    }
    if (want->top_k == 0 && want->top_p == 1 && want->min_p == 0) {  // nothing filtered: in the order of ids
        before = 0;
        for (int64_t i = 0; i < V && chosen < 0; i++) {
            before += exp(((double)x[i] - x[order[0]]) / want->temperature);
            if (before > mass * want->uniform) chosen = i;
        }
    }
    before = 0;
    for (int64_t i = 0; i < n && chosen < 0; i++)
        if ((before += p[i]) > kept * want->uniform) chosen = order[i];
    free(order), free(p);
    return chosen;
}

static void check_draw(int64_t V, float scale) {
    const int64_t top_k[] = {0, 5, 0, 0, 40, 0}, banned = 3;
    const double top_p[] = {1, 1, 0.8, 1, 0.5, 0.999}, min_p[] = {0, 0, 0, 0.1, 0.01, 0};
    for (int i = 0; i < 6; i++)
        for (double uniform = 0.03; uniform < 1; uniform += 0.11) {
            Draw want = {0};
            want.repetition = 1, want.temperature = 0.7, want.uniform = uniform;
            want.top_k = top_k[i], want.top_p = top_p[i], want.min_p = min_p[i];
            float *x = numbers(V, scale);
            int64_t id;
            LEVELLED(r1v_draw)(x, 1, V, &banned, 1, &want, &id, 1);
            if (x[3] != -INFINITY || id != drawn(x, V, &want)) {
                printf("draw %d of %d, uniform %g: %d\n", i, (int)V, uniform, (int)id);
                failures++;
            }
            free(x);
        }
}

int main(void) {
    const int64_t rows[] = {1, 2, 3, 4, 8, 12, 13, 20, 31};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int kind = FLOAT32; kind <= FLOAT16; kind++) {
            check_linear(kind, 70, 304, rows[i], 0);
            check_linear(kind, 34, 80, rows[i], 0);
            check_linear(kind, 18, 1040, rows[i], 0);
        }
        for (int64_t group = 64; group <= 256; group *= 2) check_linear(INT4, 70, 512, rows[i], group);
        check_linear(INT4, 39, 320, rows[i], 64);
    }
    check_draw(300, 1.0f), check_draw(1001, 5.0f), check_draw(2000, 30.0f);
    check_attention(4, 2, 64), check_attention(14, 2, 64), check_attention(6, 3, 8), check_attention(8, 1, 40);
    for (int i = 0; i < 65536; i++) {  // every half against its value
        const int exponent = i >> 10 & 31, digits = i & 1023;
        const double size = exponent ? ldexp(1024 + digits, exponent - 25) : ldexp(digits, -24);
        if (exponent < 31 && widen_half((uint16_t)i) != (float)(i < 32768 ? size : -size)) failures++;
    }
    if (!failures) puts("all agree");
    return failures > 0;
}
