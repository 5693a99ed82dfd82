// A whole decode step of a dense Qwen2 or Qwen3: ids in, logits out, in one call.

typedef struct {
    const float *attention_norm, *mlp_norm;  // (D,)
    const float *query_norm, *key_norm;      // (head_dim,) or NULL
    float *keys, *values;                    // this layer's part of the cache, (slots, Hkv, head_dim)
    Weight qkv, out, gate_up, down;
} Layer;

typedef struct {
    int64_t num_layers, heads, key_heads, head_dim;
    int32_t embedding_kind;
    float eps;                 // of every norm
    float rope_scale;          // on cosines and sines
    const void *embedding;     // (V, D)
    const float *frequencies;  // (head_dim / 2,), radians per position
    const float *norm;         // (D,), before the head
    const Layer *layers;
    Weight head;               // (V, D)
} Model;

typedef struct {
    int64_t rows, num_sampled;
    const int64_t *ids, *positions, *slots;  // (rows,)
    const int64_t *run_starts, *runs;        // as in Places
    const int64_t *sampled;                  // (num_sampled,), the rows whose logits are wanted, rising
} Rows;

// logits (num_sampled, V).
void LEVELLED(r1v_step)(const Model *model, const Rows *rows, float *logits, int32_t threads) {
    const int64_t D = model->head.columns, M = rows->rows, hd = model->head_dim, half = hd / 2;
    const int64_t mixed_width = model->heads * hd, width = mixed_width + 2 * model->key_heads * hd;
    const int64_t inner = model->layers[0].down.columns;
    float *x = scratch(4, M * (D + width + mixed_width + inner + hd) * sizeof(float));
    float *qkv = x + M * D, *mixed = qkv + M * width, *gated = mixed + M * mixed_width;
    float *cosines = gated + M * inner, *sines = cosines + M * half;
    for (int64_t m = 0; m < M; m++) {
        for (int64_t d = 0; d < D; d++)
            x[m * D + d] = widen_one(model->embedding_kind, model->embedding, rows->ids[m] * D + d);
        for (int64_t i = 0; i < half; i++) {
            const float angle = (float)rows->positions[m] * model->frequencies[i];
            cosines[m * half + i] = cosf(angle) * model->rope_scale;
            sines[m * half + i] = sinf(angle) * model->rope_scale;
        }
    }
    Places at = {M, model->heads, model->key_heads, hd, cosines, sines, NULL, NULL, model->eps,
                 rows->slots, rows->run_starts, rows->runs};
    for (int64_t l = 0; l < model->num_layers; l++) {
        const Layer *layer = model->layers + l;
        at.query_norm = layer->query_norm, at.key_norm = layer->key_norm;
        LEVELLED(r1v_linear)(&layer->qkv, x, M, layer->attention_norm, model->eps, 0, NULL, qkv, threads);
        attend(&at, qkv, layer->keys, layer->values, mixed, threads);
        LEVELLED(r1v_linear)(&layer->out, mixed, M, NULL, 0.0f, 0, x, x, threads);
        LEVELLED(r1v_linear)(&layer->gate_up, x, M, layer->mlp_norm, model->eps, 1, NULL, gated, threads);
        LEVELLED(r1v_linear)(&layer->down, gated, M, NULL, 0.0f, 0, x, x, threads);
    }
    for (int64_t i = 0; i < rows->num_sampled; i++)  // a row moves to its place or further ahead
        if (rows->sampled[i] != i) memmove(x + i * D, x + rows->sampled[i] * D, D * sizeof(float));
    if (rows->num_sampled)
        LEVELLED(r1v_linear)(&model->head, x, rows->num_sampled, model->norm, model->eps, 0, NULL, logits, threads);
}
