// Drawing ids from logits: penalties, biases, grammars and bans, then the likeliest id or one by its chance.

// What one row asks for. Every field has 8 bytes, so that the caller can pack them without gaps.
typedef struct {
    const int64_t *seen;    // different ids that penalties touch
    const float *counts;    // how often each of them is in the output
    int64_t num_seen;
    const int64_t *biased;  // ids
    const float *biases;    // what is added to each
    int64_t num_biased;
    const int32_t *allowed;  // a bit for each id, or NULL: every id is
    double repetition, presence, frequency;
    double temperature;  // 0: the likeliest id
    int64_t top_k;       // 0: off
    double top_p, min_p, uniform;
} Draw;

enum { NOT_FINITE = -1, NOTHING_LEFT = -2, BLOCK = 256 };
#define LARGEST_LOGIT 1e30f
#define FAINT (-80.0f)  // what is less likely than e**FAINT times the likeliest id is never drawn

// The largest of x and where it comes first; most[b]: the largest of block b. False where a number is not
// finite or too large, or where everything is ruled out.
static int find_largest(const float *x, int64_t V, float *most, float *largest, int64_t *at) {
    int64_t best = 0;
    VI odd = {0};
    for (int64_t first = 0, b = 0; first < V; first += BLOCK, b++) {
        const int64_t end = MIN(V, first + BLOCK);
        VF top = vset(-INFINITY);
        int64_t i = first;
        for (; i + W <= end; i += W) {
            VF v = vload(x + i);
            odd |= (VI)(v != v);
            top = vmax(top, v);
        }
        most[b] = vlargest(top);
        for (; i < end; i++) {
            odd[0] |= x[i] != x[i];
            most[b] = x[i] > most[b] ? x[i] : most[b];
        }
        if (most[b] > most[best]) best = b;
    }
    *largest = most[best];
    for (*at = best * BLOCK; *at < V - 1 && x[*at] != *largest; ++*at) {}
    int32_t any = 0;
    EACH(i, W) any |= odd[i];
    return !any && fabsf(*largest) < LARGEST_LOGIT;
}

// Relative chances e[i] = exp((x[i] - largest) * scale), 0 where they are too faint; returns their sum. x and e
// may be one.
static double chances(const float *x, int64_t n, float largest, float scale, float *e) {
    double total = 0.0;
    for (int64_t first = 0; first < n; first += BLOCK) {  // few enough for a sum in float32
        const int64_t end = MIN(n, first + BLOCK);
        VF sum = vzero();
        int64_t i = first;
        for (; i + W <= end; i += W) {
            VF given = (vload(x + i) - vset(largest)) * vset(scale);
            VF chance = (VF)((VI)vexp(given) & (VI)(given > vset(FAINT)));
            if (e) vstore(e + i, chance);
            sum = sum + chance;
        }
        total += (double)vsum(sum);
        for (; i < end; i++) {
            const float given = (x[i] - largest) * scale, chance = given > FAINT ? expf(given) : 0.0f;
            if (e) e[i] = chance;
            total += chance;
        }
    }
    return total;
}

// The id at which the running sum of chances passes `uniform` times their total, in the order of ids.
static int64_t draw_any(const float *x, int64_t V, float largest, float scale, double uniform) {
    double *sums = scratch(1, ((V + BLOCK - 1) / BLOCK) * sizeof(double)), total = 0.0, passed = 0.0;
    float e[BLOCK];
    int64_t last = 0;
    for (int64_t i = 0; i < V; i += BLOCK)
        total += sums[i / BLOCK] = chances(x + i, MIN(BLOCK, V - i), largest, scale, NULL);
    for (int64_t i = 0; i < V; i += BLOCK) {
        const int64_t n = MIN(BLOCK, V - i);
        if (passed + sums[i / BLOCK] <= total * uniform && i + BLOCK < V) {
            passed += sums[i / BLOCK];
            if (sums[i / BLOCK] > 0.0) last = i;
            continue;
        }
        chances(x + i, n, largest, scale, e);
        for (int64_t j = 0; j < n; j++) {
            passed += e[j];
            if (e[j] > 0.0f) last = i + j;
            if (e[j] > 0.0f && passed > total * uniform) return i + j;
        }
    }
    if (last % BLOCK == 0) {  // rounding went past the end: the last id that has a chance
        chances(x + last, MIN(BLOCK, V - last), largest, scale, e);
        for (int64_t j = 0, first = last; j < MIN(BLOCK, V - first); j++)
            if (e[j] > 0.0f) last = first + j;
    }
    return last;
}

// Sorts by the upper 32 bits, ids in the lower ones staying in their order; `other` is as large as `keys`.
static uint64_t *sorted(uint64_t *keys, uint64_t *other, int64_t n) {
    if (n <= 48) {
        for (int64_t i = 1; i < n; i++) {
            const uint64_t key = keys[i];
            int64_t j = i;
            for (; j > 0 && keys[j - 1] > key; j--) keys[j] = keys[j - 1];
            keys[j] = key;
        }
        return keys;
    }
    for (int shift = 32; shift < 64; shift += 8) {
        int64_t places[257] = {0};
        for (int64_t i = 0; i < n; i++) places[(keys[i] >> shift & 255) + 1]++;
        for (int d = 0; d < 256; d++) places[d + 1] += places[d];
        for (int64_t i = 0; i < n; i++) other[places[keys[i] >> shift & 255]++] = keys[i];
        uint64_t *swapped = keys;
        keys = other, other = swapped;
    }
    return keys;
}

// The ids of logits from `floor` on, the likeliest first and equal ones by their number, and their logits.
static int64_t likeliest(const float *x, int64_t V, const float *most, float floor, const uint64_t **ids,
                         float **values) {
    uint64_t *keys = scratch(1, 2 * V * sizeof(uint64_t));
    int64_t n = 0;
    for (int64_t first = 0; first < V; first += BLOCK) {
        if (!(most[first / BLOCK] >= floor)) continue;
        for (int64_t i = first; i < MIN(V, first + BLOCK); i++) {
            const float value = x[i] + 0.0f;  // -0 is 0
            uint32_t bits;
            memcpy(&bits, &value, 4);
            keys[n] = (uint64_t)(bits >> 31 ? bits : ~bits & 0x7fffffff) << 32 | (uint64_t)i;
            n += value >= floor && value > -INFINITY;
        }
    }
    *values = scratch(2, (n + 1) * sizeof(float));
    const uint64_t *found = *ids = sorted(keys, keys + V, n);
    for (int64_t i = 0; i < n; i++) (*values)[i] = x[found[i] & 0xffffffff];
    return n;
}

// As `draw_any`, from the likeliest id down, after top-k, top-p and min-p in this order.
static int64_t draw_filtered(const float *x, int64_t V, const float *most, float largest, float scale,
                             const Draw *want) {
    const int64_t top_k = want->top_k > 0 && want->top_k < V ? want->top_k : 0;
    const double everything = top_k ? 0.0 : chances(x, V, largest, scale, NULL);
    const uint64_t *ids = NULL;
    float *e = NULL;
    for (float depth = 6.0f;; depth *= 2.0f) {  // chances down to e**-depth of the largest
        const int whole = depth > -FAINT;
        const float floor = whole ? -INFINITY : largest - depth / scale;
        int64_t n = likeliest(x, V, most, floor, &ids, &e);
        const int enough = top_k && n >= top_k;
        if (enough) n = top_k;
        const double found = chances(e, n, largest, scale, e), mass = top_k ? found : everything;
        double kept = 0.0, passed = 0.0;
        int64_t k = 0;
        while (k < n && (k == 0 || (kept < want->top_p * mass && e[k] >= want->min_p * e[0]))) kept += e[k++];
        const int further = kept < want->top_p * mass && exp(-depth) >= want->min_p;
        if (!enough && !whole && (top_k || further)) continue;  // what is kept, or its mass, may reach down
        for (int64_t i = 0; i < k; i++)
            if ((passed += e[i]) > kept * want->uniform) return (int64_t)(ids[i] & 0xffffffff);
        while (k > 1 && e[k - 1] == 0.0f) k--;
        return (int64_t)(ids[k - 1] & 0xffffffff);
    }
}

static void adjust(float *x, int64_t V, const int64_t *banned, int64_t num_banned, const Draw *want) {
    for (int64_t i = 0; i < want->num_seen; i++) {
        float *at = x + want->seen[i];
        const float repetition = (float)want->repetition, count = want->counts[i];
        const float value = *at > 0.0f ? *at / repetition : *at * repetition;
        *at = value - (float)want->frequency * count - (count > 0.0f ? (float)want->presence : 0.0f);
    }
    for (int64_t i = 0; i < num_banned; i++) x[banned[i]] = -INFINITY;
    if (want->allowed)
        for (int64_t i = 0; i < V; i++)
            if (!(want->allowed[i / 32] >> (i % 32) & 1)) x[i] = -INFINITY;
    for (int64_t i = 0; i < want->num_biased; i++) x[want->biased[i]] += want->biases[i];
}

// ids[r]: drawn from logits (rows, V), which change; NOT_FINITE where a logit is no number or too large,
// NOTHING_LEFT where no id may be drawn.
void LEVELLED(r1v_draw)(float *logits, int64_t rows, int64_t V, const int64_t *banned, int64_t num_banned,
                        const Draw *wants, int64_t *ids, int32_t threads) {
    const int parallel = threads > 1 && rows > 1 && rows * V > 100000;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (parallel)
    for (int64_t r = 0; r < rows; r++) {
        const Draw *want = wants + r;
        float *x = logits + r * V, *most = scratch(0, ((V + BLOCK - 1) / BLOCK) * sizeof(float)), largest;
        ids[r] = NOT_FINITE;
        if (!find_largest(x, V, most, &largest, ids + r)) {
            ids[r] = NOT_FINITE;
            continue;
        }
        adjust(x, V, banned, num_banned, want);
        if (!find_largest(x, V, most, &largest, ids + r)) {
            ids[r] = NOTHING_LEFT;
            continue;
        }
        if (want->temperature == 0.0) continue;
        const float scale = (float)(1.0 / want->temperature);
        const int filtered = want->top_k > 0 || want->top_p < 1.0 || want->min_p > 0.0;
        ids[r] = filtered ? draw_filtered(x, V, most, largest, scale, want)
                          : draw_any(x, V, largest, scale, want->uniform);
    }
}
