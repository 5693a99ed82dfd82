// Many rows of bfloat16 where the processor has tiles (AMX): 16 rows of weights, as they lie, by 16 rows of x.

#if USE_AMX
// Rows of x that are multiplied at a time.
enum { MOST_TILED = 256 };
// Columns of x, in tiles of 32, whose products are summed before the next ones come: half a megabyte of M rows, which
// stays in the second cache beside the weights.
#define TILES_AT_ONCE(M) MAX(16, 8192 / (M))

// All eight tiles of 16 rows of 64 bytes.
static void configure_tiles(void) {
    struct { uint8_t palette, start, zeros[14]; uint16_t bytes[16]; uint8_t rows[16]; } shape = {.palette = 1};
    for (int i = 0; i < 8; i++) shape.bytes[i] = 64, shape.rows[i] = 16;
    __asm__ volatile("" ::"r"(&shape) : "memory");  // GCC takes the instruction for a reader of the first 8 bytes
    _tile_loadconfig(&shape);
}

// 16 rows of 16 numbers of 32 bits: rows become columns.
INLINE void transpose16(__m512i v[16]) {
    __m512i a[16], b[16];
    EACH(i, 8) {
        a[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    EACH(i, 4) {
        b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
    }
    EACH(i, 4) {
        a[i] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0xdd);
    }
    EACH(i, 8) {
        v[i] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0xdd);
    }
}

// x (M, K) rounded to bfloat16 in tiles of 16 rows by 32 columns, padded with zeros; in a tile the pair of
// columns comes first, then the row: (M / 16, K / 32, 16, 16, 2).
static const float *tiled_pairs(const float *x, int64_t M, int64_t K) {
    const int64_t across = (K + 31) / 32, down = (M + 15) / 16;
    uint32_t *to = scratch(3, down * across * 1024);
    for (int64_t t = 0; t < down; t++)
        for (int64_t c = 0; c < across; c++) {
            const int64_t rows = MIN(16, M - t * 16), columns = MIN(32, K - c * 32);
            const __mmask16 first = (__mmask16)((1u << MIN(16, columns)) - 1);
            const __mmask16 second = (__mmask16)((1u << (columns - MIN(16, columns))) - 1);
            __m512i pairs[16];
            EACH(m, 16) {
                const float *from = x + (t * 16 + m) * K + c * 32;
                const __mmask16 none = (__mmask16)(m < rows ? 0xffff : 0);
                const __m512 right = _mm512_maskz_loadu_ps(second & none, from + 16);
                pairs[m] = (__m512i)_mm512_cvtne2ps_pbh(right, _mm512_maskz_loadu_ps(first & none, from));
            }
            transpose16(pairs);
            EACH(i, 16) _mm512_store_si512(to + (t * across + c) * 256 + 16 * i, pairs[i]);
        }
    return (const float *)to;
}

// A tile of 16 rows of weights that may end early, copied to where zeros follow it.
static const uint16_t *whole_tile(const Weight *w, int64_t n, int64_t k, uint16_t to[512]) {
    const int64_t K = w->columns, rows = MIN(16, w->rows - n), columns = MIN(32, K - k);
    memset(to, 0, 512 * sizeof(uint16_t));
    for (int64_t r = 0; r < rows; r++)
        memcpy(to + 32 * r, (const uint16_t *)w->data + (n + r) * K + k, columns * sizeof(uint16_t));
    return to;
}

// sums[i][j] (16 rows of weights, 16 of x) for R tiles of weights from row n on and M tiles of x, over the tiles
// c0 to c1 of columns.
INLINE void tile_sums(int R, int M, const uint32_t *x, const Weight *w, int64_t n, int64_t c0, int64_t c1, int fetch,
                      float sums[2][2][256]) {
    const int64_t K = w->columns, across = (K + 31) / 32;
    const int inside = n + 16 * R <= w->rows;
    const uint16_t *weights = (const uint16_t *)w->data + n * K;
    uint16_t ends[2][512];
    _tile_zero(0);
    if (M == 2) _tile_zero(1);
    if (R == 2) _tile_zero(2);
    if (R == 2 && M == 2) _tile_zero(3);
    for (int64_t c = c0; c < c1; c++) {
        _tile_loadd(6, x + c * 256, 64);
        if (M == 2) _tile_loadd(7, x + (across + c) * 256, 64);
        if (inside && 32 * (c + 1) <= K) {
            const uint16_t *at = weights + 32 * c;
            if (fetch)  // what the next call takes
                EACH(r, 16 * R) __builtin_prefetch((const char *)(at + (16 * R + r) * K), 0, 2);
            _tile_loadd(4, at, 2 * K);
            if (R == 2) _tile_loadd(5, at + 16 * K, 2 * K);
        } else {
            _tile_loadd(4, whole_tile(w, n, 32 * c, ends[0]), 64);
            if (R == 2) _tile_loadd(5, whole_tile(w, n + 16, 32 * c, ends[1]), 64);
        }
        _tile_dpbf16ps(0, 4, 6);
        if (M == 2) _tile_dpbf16ps(1, 4, 7);
        if (R == 2) _tile_dpbf16ps(2, 5, 6);
        if (R == 2 && M == 2) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums[0][0], 64);
    if (M == 2) _tile_stored(1, sums[0][1], 64);
    if (R == 2) _tile_stored(2, sums[1][0], 64);
    if (R == 2 && M == 2) _tile_stored(3, sums[1][1], 64);
}

// The sums of a tile, 16 rows of weights by 16 of x, to (or added to) rows of out.
static void store_sums(const float *sums, int64_t rows, int64_t width, int add, float *out, int64_t ld) {
    const __mmask16 taken = (__mmask16)((1u << width) - 1);
    __m512i tile[16];
    EACH(i, 16) tile[i] = _mm512_load_si512(sums + 16 * i);
    transpose16(tile);
    EACH(i, 16) {
        __m512 row = (__m512)tile[i];
        if (i < rows) {
            if (add) row += _mm512_maskz_loadu_ps(taken, out + i * ld);
            _mm512_mask_storeu_ps(out + i * ld, taken, row);
        }
    }
}

static void tile_products(const float *pairs, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                          int64_t ld) {
    const int64_t across = (w->columns + 31) / 32;
    _Alignas(64) float sums[2][2][256];
    configure_tiles();
    for (int64_t c0 = 0, c1; c0 < across; c0 = c1) {
        c1 = MIN(c0 + TILES_AT_ONCE(M), across);
        for (int64_t n = n0; n < n1; n += 32)
            for (int64_t m = 0; m < M; m += 32) {
                const uint32_t *x = (const uint32_t *)pairs + m / 16 * across * 256;
                const int64_t rows = MIN(32, M - m), width = MIN(32, n1 - n);
                if (width > 16 && rows > 16) tile_sums(2, 2, x, w, n, c0, c1, m == 0, sums);
                else if (width > 16) tile_sums(2, 1, x, w, n, c0, c1, m == 0, sums);
                else if (rows > 16) tile_sums(1, 2, x, w, n, c0, c1, m == 0, sums);
                else tile_sums(1, 1, x, w, n, c0, c1, m == 0, sums);
                for (int64_t j = 0; j < width; j += 16)
                    for (int64_t i = 0; i < rows; i += 16)
                        store_sums(sums[j / 16][i / 16], MIN(16, rows - i), MIN(16, width - j), c0 > 0,
                                   out + (m + i) * ld + n - n0 + j, ld);
            }
    }
    _tile_release();
}

// Rows of x from which on 4-bit weights are widened for the tiles; fewer are rounded to 8 bits (int4.h).
enum { WIDENED_ROWS = 48 };

// A row of 4-bit weights in bfloat16.
static void widen_row(const Weight *w, int64_t n, uint16_t *to) {
    const int64_t K = w->columns, G = w->group;
    const uint8_t *codes = (const uint8_t *)w->data + n * K / 2;
    for (int64_t k = 0; k < K; k += 64) {
        const __m512 scale = _mm512_set1_ps(w->scales[n * (K / G) + k / G]);
        const __m512 zero = _mm512_set1_ps(w->zeros[n * (K / G) + k / G]);
        const __m256i both = _mm256_loadu_si256((const __m256i *)(codes + k / 2)), mask = _mm256_set1_epi8(15);
        const __m256i halves[2] = {_mm256_and_si256(both, mask), _mm256_and_si256(_mm256_srli_epi16(both, 4), mask)};
        EACH(i, 2) {
            __m512 left = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(halves[i])));
            __m512 right = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(halves[i], 1)));
            left = left * scale - zero, right = right * scale - zero;
            _mm512_storeu_si512(to + k + 32 * i, (__m512i)_mm512_cvtne2ps_pbh(right, left));
        }
    }
}

static void widened_products(const float *pairs, int64_t M, const Weight *w, int64_t n0, int64_t n1, float *out,
                             int64_t ld) {
    uint16_t *wide = scratch(1, 32 * w->columns * sizeof(uint16_t));
    for (int64_t n = n0; n < n1; n += 32) {
        const int64_t rows = MIN(32, n1 - n);
        const Weight part = {BFLOAT16, 0, rows, w->columns, wide, NULL, NULL, NULL};
        for (int64_t r = 0; r < rows; r++) widen_row(w, n + r, wide + r * w->columns);
        tile_products(pairs, M, &part, 0, rows, out + n - n0, ld);
    }
}
#endif
