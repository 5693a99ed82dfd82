// Attention of many queries: those of a prompt over runs of the cache, and patches of an image to each other. Here in
// float32 with the panels of products.h; attention_tiles.h has it for processors with tiles.

typedef struct {
    int64_t queries, heads, key_heads, head_dim;  // head_dim is a multiple of 8, at most 256
    int64_t query_row, query_head;                // how many numbers rows lie apart, and heads
    int64_t key_row, key_head, value_row, value_head;
    int64_t num_runs;
    const int64_t *runs;                          // (num_runs, 2): first row of keys and values, number of rows
    int32_t kind;                                 // of all: FLOAT32, or BFLOAT16 in tiles
    int32_t causal;                               // the queries are the last of the context, and see none after them
    const void *queries_at, *keys, *values;
    void *out;                                    // (queries, heads, head_dim), side by side
} Prompt;

#if !USE_AMX
// Keys whose scores are kept at a time: fewer where queries see fewer than all.
enum { KEYS = 256, CAUSAL_KEYS = 128, MOST_DIM = 256 };

// A block of WIDTH queries. Everything is computed transposed, keys by queries, so that a vector holds a key's scores
// of W queries and the softmax needs no sums across a vector.
typedef struct {
    float queries[MOST_DIM * WIDTH], scores[KEYS * WIDTH], sums[MOST_DIM * WIDTH];
    VF largest[VECS], total[VECS];
} Block;

// R rows of `width` numbers -> (width, R).
INLINE void pack_rows(int R, const float *const *rows, int64_t width, float *to) {
    for (int64_t d = 0; d < width; d++) EACH(r, R) to[d * R + r] = rows[r][d];
}

// At most KEYS rows of a key head as `panel_rows` reads them: keys by the row, values by the column.
static void pack_context(const Prompt *p, const int64_t *rows, int64_t number, int64_t head, float *keys, float *values) {
    const int64_t hd = p->head_dim;
    for (int64_t k = 0, height; k < number; k += height, keys += height * hd) {
        const float *from[HEIGHT];
        height = next_rows(number - k);
        for (int64_t r = 0; r < height; r++)
            from[r] = (const float *)p->keys + rows[k + r] * p->key_row + head * p->key_head;
        if (height == HEIGHT) pack_rows(HEIGHT, from, hd, keys);
        else if (height == 4) pack_rows(4, from, hd, keys);
        else if (height == 2) pack_rows(2, from, hd, keys);
        else pack_rows(1, from, hd, keys);
    }
    for (int64_t d = 0, height; d < hd; d += height) {
        height = next_rows(hd - d);
        for (int64_t k = 0; k < number; k++, values += height)
            memcpy(values, (const float *)p->values + rows[k] * p->value_row + head * p->value_head + d, height * 4);
    }
}

// Scores -> weights, by the running softmax of attention.h. Of query i, keys after `place` + i are hidden.
static void weigh(Block *q, int64_t number, int64_t head_dim, int64_t place) {
    VF shrink[VECS];
    for (int64_t k = MAX(0, place + 1); k < number; k++)
        for (int64_t i = 0; i < MIN(WIDTH, k - place); i++) q->scores[k * WIDTH + i] = -INFINITY;
    EACH(v, VECS) {
        float *scores = q->scores + v * W;
        VF most = q->largest[v], sum = vzero();
        for (int64_t k = 0; k < number; k++) most = vmax(most, vload(scores + k * WIDTH));
        for (int64_t k = 0; k < number; k++) {
            const VF e = vexp(vload(scores + k * WIDTH) - most);
            vstore(scores + k * WIDTH, e);
            sum = sum + e;
        }
        shrink[v] = vexp(q->largest[v] - most);
        q->total[v] = q->total[v] * shrink[v] + sum;
        q->largest[v] = most;
    }
    for (int64_t d = 0; d < head_dim; d++)
        EACH(v, VECS) vstore(q->sums + d * WIDTH + v * W, vload(q->sums + d * WIDTH + v * W) * shrink[v]);
}

static void attend_block(const Prompt *p, int64_t first, int64_t head, const float *keys, const float *values,
                         int64_t total, int64_t piece) {
    const int64_t hd = p->head_dim, queries = MIN(WIDTH, p->queries - first);
    const int64_t place = p->causal ? total - p->queries + first : total;  // of the first query in the context
    const VF scale = vset(1.0f / sqrtf((float)hd));
    Block *q = scratch(2, sizeof *q);
    fill_panel(FLOAT32, (const float *)p->queries_at + head * p->query_head, first, p->query_row, (int)queries, 0, hd,
               q->queries);
    for (int64_t i = 0; i < hd * WIDTH; i += W) vstore(q->queries + i, vload(q->queries + i) * scale);
    memset(q->sums, 0, hd * WIDTH * sizeof(float));
    EACH(v, VECS) q->largest[v] = vset(-INFINITY), q->total[v] = vzero();
    for (int64_t k = 0; k < MIN(total, place + WIDTH); k += piece) {
        const int64_t number = MIN(piece, total - k);
        panel_rows(0, keys + k * hd, number, q->queries, hd, WIDTH, 0, q->scores, WIDTH);
        weigh(q, number, hd, place - k);
        panel_rows(0, values + k * hd, hd, q->scores, number, WIDTH, 1, q->sums, WIDTH);
    }
    float totals[WIDTH];
    EACH(v, VECS) vstore(totals + v * W, vset(1.0f) / q->total[v]);
    for (int64_t i = 0; i < queries; i++) {
        float *out = (float *)p->out + ((first + i) * p->heads + head) * hd;
        for (int64_t d = 0; d < hd; d++) out[d] = q->sums[d * WIDTH + i] * totals[i];
    }
}

void LEVELLED(r1v_prompt)(const Prompt *p, int32_t threads) {
    const int64_t hd = p->head_dim, each = p->heads / p->key_heads, parts = (p->queries + WIDTH - 1) / WIDTH;
    const int64_t piece = p->causal ? CAUSAL_KEYS : KEYS;
    int64_t total = 0, at = 0;
    for (int64_t r = 0; r < p->num_runs; r++) total += p->runs[2 * r + 1];
    int64_t *rows = malloc(total * sizeof(int64_t));
    float *keys = scratch(3, 2 * total * hd * sizeof(float)), *values = keys + total * hd;
    for (int64_t r = 0; r < p->num_runs; r++)
        for (int64_t i = 0; i < p->runs[2 * r + 1]; i++) rows[at++] = p->runs[2 * r] + i;
    for (int64_t head = 0; head < p->key_heads; head++) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
        for (int64_t k = 0; k < total; k += piece)
            pack_context(p, rows + k, MIN(piece, total - k), head, keys + k * hd, values + k * hd);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
        for (int64_t unit = 0; unit < each * parts; unit++)
            attend_block(p, (parts - 1 - unit % parts) * WIDTH, head * each + unit / parts, keys, values, total, piece);
    }
    free(rows);
}
#endif
