// Attention of many queries in the processor's tiles (AMX): queries, keys, weights and values rounded to bfloat16,
// sums and the softmax in float32. Everything is computed transposed, keys by queries, so that a vector holds a key's
// scores of 16 queries and the softmax needs no sums across a vector.

#if USE_AMX
// Keys whose scores are kept at a time, queries of a block, and packed keys and values that are held at a time.
enum { KEYS = 256, QUERIES = 32, MOST_DIM = 256, MOST_PACKED = 32 << 20 };

// 32 numbers in 16 pairs; float32 is rounded to the nearest bfloat16.
INLINE __m512i pairs_at(int kind, const void *data, int64_t at) {
    if (kind == BFLOAT16) return _mm512_loadu_si512((const uint16_t *)data + at);
    const float *from = (const float *)data + at;
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + 16), _mm512_loadu_ps(from));
}

// Two rows of 16 numbers; pair i is what they have in column i.
INLINE __m512i pairs_of_rows(int kind, const void *data, int64_t first, int64_t second) {
    const __m512i places = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                            6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __m512i both;
    if (kind == BFLOAT16) {
        const uint16_t *from = data;
        both = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(from + first)));
        both = _mm512_inserti64x4(both, _mm256_loadu_si256((const __m256i *)(from + second)), 1);
    } else {
        const float *from = data;
        both = (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + second), _mm512_loadu_ps(from + first));
    }
    return _mm512_permutexvar_epi16(places, both);
}

// Packed, a key head has for each 32 rows its keys, in tiles of 16 keys by 32 columns, (2, hd / 32, 16, 32), and its
// values, in tiles of 16 columns by 32 keys, (hd / 16, 16, 32). Rows after the last are zeros.
static void pack_context(const Prompt *p, const int64_t *rows, int64_t number, int64_t head, uint16_t *keys,
                         uint16_t *values) {
    const int64_t hd = p->head_dim;
    __m512i tile[16];
    for (int64_t k = 0; k < 32; k++)
        for (int64_t d = 0; d < hd; d += 32) {
            const int64_t at = k < number ? rows[k] * p->key_row + head * p->key_head + d : 0;
            uint16_t *to = keys + (k / 16 * (hd / 32) + d / 32) * 512 + k % 16 * 32;
            _mm512_storeu_si512(to, k < number ? pairs_at(p->kind, p->keys, at) : _mm512_setzero_si512());
        }
    for (int64_t d = 0; d < hd; d += 16) {
        for (int64_t k = 0; k < 32; k += 2) {
            const int64_t at = head * p->value_head + d;
            tile[k / 2] = _mm512_setzero_si512();
            if (k < number)
                tile[k / 2] = pairs_of_rows(p->kind, p->values, rows[k] * p->value_row + at,
                                            rows[k + 1 < number ? k + 1 : k] * p->value_row + at);
            if (k + 1 == number) tile[k / 2] = _mm512_and_si512(tile[k / 2], _mm512_set1_epi32(0xffff));
        }
        transpose16(tile);
        EACH(i, 16) _mm512_storeu_si512(values + d * 32 + i * 32, tile[i]);
    }
}

// 2**x for x <= 0, zero below 2**-126; relative error below 3e-6.
INLINE __m512 power_of_two(__m512 x) {
    const __mmask16 counts = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-126.0f), _CMP_GE_OQ);
    const __m512 rest = _mm512_reduce_ps(x, 0);  // x less the nearest whole number
    __m512 p = _mm512_set1_ps(0.009570102f);
    p = p * rest + _mm512_set1_ps(0.05591786f);
    p = p * rest + _mm512_set1_ps(0.24024745f);
    p = p * rest + _mm512_set1_ps(0.6931218f);
    p = p * rest + _mm512_set1_ps(0.99999926f);
    return _mm512_maskz_scalef_ps(counts, p, x - rest);
}

// What a thread holds of a block of queries: scores (KEYS, 32); weights in pairs of keys (KEYS / 32, 2, 16, 16); the
// queries in pairs of columns (2, hd / 32, 16, 16); sums (hd / 16, 2, 16, 16) by columns, then queries.
typedef struct {
    _Alignas(64) float scores[KEYS * QUERIES];
    _Alignas(64) uint32_t weights[KEYS * QUERIES / 2], queries[MOST_DIM * QUERIES / 2];
    _Alignas(64) float sums[MOST_DIM * QUERIES];
    __m512 largest[2], total[2];
} Queries;

static void load_queries(const Prompt *p, int64_t first, int64_t head, Queries *q) {
    for (int64_t t = 0; t < 2; t++)
        for (int64_t d = 0; d < p->head_dim; d += 32) {
            __m512i tile[16];
            for (int64_t i = 0; i < 16; i++) {
                const int64_t row = first + 16 * t + i;
                tile[i] = _mm512_setzero_si512();
                if (row < p->queries)
                    tile[i] = pairs_at(p->kind, p->queries_at, row * p->query_row + head * p->query_head + d);
            }
            transpose16(tile);
            uint32_t *to = q->queries + (t * (p->head_dim / 32) + d / 32) * 256;
            EACH(i, 16) _mm512_store_si512(to + 16 * i, tile[i]);
        }
    EACH(t, 2) q->largest[t] = _mm512_set1_ps(-INFINITY), q->total[t] = _mm512_setzero_ps();
    memset(q->sums, 0, p->head_dim * QUERIES * sizeof(float));
}

// Scores of 32 * blocks keys.
static void block_scores(const Prompt *p, const uint16_t *keys, int64_t blocks, Queries *q) {
    const int64_t across = p->head_dim / 32;
    for (int64_t b = 0; b < blocks; b++) {
        const uint16_t *at = keys + b * p->head_dim * 32;
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (int64_t c = 0; c < across; c++) {
            _tile_loadd(4, at + c * 512, 64);
            _tile_loadd(6, q->queries + c * 256, 64);
            _tile_loadd(5, at + (across + c) * 512, 64);
            _tile_loadd(7, q->queries + (across + c) * 256, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        float *to = q->scores + b * 32 * QUERIES;
        _tile_stored(0, to, QUERIES * 4);
        _tile_stored(1, to + 16, QUERIES * 4);
        _tile_stored(2, to + 16 * QUERIES, QUERIES * 4);
        _tile_stored(3, to + 16 * QUERIES + 16, QUERIES * 4);
    }
}

// Scores of keys that a query may not see become -infinity. place: of the block's first query in the context, less
// that of the first key.
static void hide_later(Queries *q, int64_t number, int64_t place) {
    for (int64_t k = MAX(0, place + 1); k < number; k++)
        EACH(t, 2) {
            const int64_t hidden = MIN(16, MAX(0, k - place - 16 * t));  // so many of the queries come before the key
            float *at = q->scores + k * QUERIES + 16 * t;
            _mm512_mask_storeu_ps(at, (__mmask16)((1u << hidden) - 1), _mm512_set1_ps(-INFINITY));
        }
}

// Scores of `number` keys become weights, relative to the largest score so far (Milakov and Gimelshein 2018).
static void weigh(Queries *q, int64_t number, int64_t blocks, int64_t head_dim, float factor) {
    const __m512i places = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                            6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512 scale = _mm512_set1_ps(factor);
    EACH(t, 2) {
        const float *scores = q->scores + 16 * t;
        __m512 most[4] = {q->largest[t], q->largest[t], q->largest[t], q->largest[t]}, sum[2];
        int64_t k = 0;
        for (; k + 4 <= number; k += 4) EACH(i, 4) most[i] = _mm512_max_ps(most[i], _mm512_load_ps(scores + (k + i) * QUERIES));
        for (; k < number; k++) most[0] = _mm512_max_ps(most[0], _mm512_load_ps(scores + k * QUERIES));
        most[0] = _mm512_max_ps(_mm512_max_ps(most[0], most[1]), _mm512_max_ps(most[2], most[3]));
        const __m512 shrink = power_of_two((q->largest[t] - most[0]) * scale);
        if (_mm512_cmp_ps_mask(most[0], q->largest[t], _CMP_NEQ_UQ)) {
            q->total[t] *= shrink;
            for (int64_t d = 0; d < head_dim; d++) {
                float *at = q->sums + (d / 16 * 2 + t) * 256 + d % 16 * 16;
                _mm512_store_ps(at, _mm512_load_ps(at) * shrink);
            }
        }
        q->largest[t] = most[0];
        const __m512 less = -most[0] * scale;
        sum[0] = sum[1] = _mm512_setzero_ps();
        for (k = 0; k < 32 * blocks; k += 2) {
            __m512 weights[2];
            EACH(i, 2) {
                weights[i] = power_of_two(_mm512_load_ps(scores + (k + i) * QUERIES) * scale + less);
                if (k + i >= number) weights[i] = _mm512_setzero_ps();
                sum[i] += weights[i];
            }
            const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(weights[1], weights[0]);
            uint32_t *to = q->weights + (k / 32 * 2 + t) * 256 + k % 32 / 2 * 16;
            _mm512_store_si512(to, _mm512_permutexvar_epi16(places, both));
        }
        q->total[t] += sum[0] + sum[1];
    }
}

// Adds the values times their weights.
static void add_values(const Prompt *p, const uint16_t *values, int64_t blocks, Queries *q) {
    for (int64_t d = 0; d < p->head_dim; d += 32) {
        float *sums = q->sums + d * QUERIES;
        _tile_loadd(0, sums, 64);
        _tile_loadd(1, sums + 256, 64);
        _tile_loadd(2, sums + 512, 64);
        _tile_loadd(3, sums + 768, 64);
        for (int64_t b = 0; b < blocks; b++) {
            const uint16_t *at = values + (b * p->head_dim + d) * 32;
            _tile_loadd(4, at, 64);
            _tile_loadd(6, q->weights + b * 512, 64);
            _tile_loadd(5, at + 512, 64);
            _tile_loadd(7, q->weights + b * 512 + 256, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(0, sums, 64);
        _tile_stored(1, sums + 256, 64);
        _tile_stored(2, sums + 512, 64);
        _tile_stored(3, sums + 768, 64);
    }
}

static void store_mixed(const Prompt *p, int64_t first, int64_t head, const Queries *q) {
    for (int64_t t = 0; t < 2; t++) {
        const __m512 share = _mm512_set1_ps(1.0f) / q->total[t];
        for (int64_t d = 0; d < p->head_dim; d += 16) {
            __m512i tile[16];
            EACH(i, 16) tile[i] = (__m512i)(_mm512_load_ps(q->sums + (d / 16 * 2 + t) * 256 + 16 * i) * share);
            transpose16(tile);
            for (int64_t i = 0; i < MIN(16, p->queries - first - 16 * t); i++) {
                const int64_t at = ((first + 16 * t + i) * p->heads + head) * p->head_dim + d;
                if (p->kind == FLOAT32) _mm512_storeu_ps((float *)p->out + at, (__m512)tile[i]);
                else _mm256_storeu_si256((__m256i *)((uint16_t *)p->out + at), (__m256i)_mm512_cvtneps_pbh((__m512)tile[i]));
            }
        }
    }
}

static void attend_block(const Prompt *p, int64_t first, int64_t head, const uint16_t *keys, const uint16_t *values,
                         int64_t total) {
    Queries *q = scratch(2, sizeof *q);
    const int64_t place = p->causal ? total - p->queries + first : total;
    const int64_t seen = MIN(total, place + QUERIES);  // by the last of these queries
    load_queries(p, first, head, q);
    for (int64_t k = 0; k < seen; k += KEYS) {
        const int64_t number = MIN(KEYS, seen - k), blocks = (number + 31) / 32;
        block_scores(p, keys + k * p->head_dim, blocks, q);
        if (place - k < number) hide_later(q, number, place - k);
        weigh(q, number, blocks, p->head_dim, 1.44269504f / sqrtf((float)p->head_dim));
        add_values(p, values + k * p->head_dim, blocks, q);
    }
    store_mixed(p, first, head, q);
}

void LEVELLED(r1v_prompt)(const Prompt *p, int32_t threads) {
    const int64_t hd = p->head_dim, each = p->heads / p->key_heads, parts = (p->queries + QUERIES - 1) / QUERIES;
    int64_t total = 0, at = 0;
    for (int64_t r = 0; r < p->num_runs; r++) total += p->runs[2 * r + 1];
    const int64_t blocks = (total + 31) / 32, packed = blocks * 32 * hd;
    const int64_t together = MIN(p->key_heads, MAX(1, MOST_PACKED / (4 * packed)));
    int64_t *rows = malloc(total * sizeof(int64_t));
    uint16_t *keys = scratch(3, together * packed * 4), *values = keys + together * packed;
    for (int64_t r = 0; r < p->num_runs; r++)
        for (int64_t i = 0; i < p->runs[2 * r + 1]; i++) rows[at++] = p->runs[2 * r] + i;
    for (int64_t first = 0; first < p->key_heads; first += together) {
        const int64_t heads = MIN(together, p->key_heads - first);
#pragma omp parallel for num_threads(threads) if (threads > 1)
        for (int64_t unit = 0; unit < heads * blocks; unit++) {
            const int64_t b = unit % blocks, to = unit / blocks * packed + b * 32 * hd;
            pack_context(p, rows + 32 * b, MIN(32, total - 32 * b), first + unit / blocks, keys + to, values + to);
        }
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
        for (int64_t unit = 0; unit < heads * each * parts; unit++) {
            const int64_t head = unit / parts, from = head / each * packed;
            configure_tiles();
            attend_block(p, (parts - 1 - unit % parts) * QUERIES, first * each + head, keys + from, values + from, total);
            _tile_release();
        }
    }
    free(rows);
}
#endif
