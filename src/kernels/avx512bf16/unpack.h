/* kernels/avx512bf16/unpack.h - panels of W in bfloat16, straight from the blocks.
 *
 * A panel is strips of STRIP columns (64, or what the file says before); the last one is 16, 32 or
 * STRIP wide. A strip is
 * [n_k / 2][width][2]: pairs along the reduction axis, as VDPBF16PS and the tiles of AMX read them.
 * An odd last number has a zero beside it. Columns beyond the last hold anything and are never
 * stored. */
#ifndef GRAFT_KERNELS_AVX512BF16_UNPACK_H
#define GRAFT_KERNELS_AVX512BF16_UNPACK_H

#include "kernels/avx512bf16/vec.h"
#include "kernels/vector/unpackers.h"

#ifndef STRIP_COLS
#define STRIP_COLS 64
#endif
enum { STRIP = STRIP_COLS, KC = 2048 };

typedef act panel_number;

VEC_INLINE size_t strip_width(size_t cols)
{
    return cols <= 16 ? 16 : cols <= 32 ? 32 : STRIP;
}

/* Where the pair of column c that begins with reduction step k lies. */
VEC_INLINE act *panel_at(const graft_panel *panel, size_t c, size_t k)
{
    size_t strip = c / STRIP * STRIP;
    return (act *)panel->data + strip * panel->n_k + k * strip_width(panel->n_cols - strip) +
           2 * (c % STRIP);
}

/* 32 numbers of a row from element k on: n of them, then zeros. */
typedef __m512i load32(const uint8_t *row, size_t k, size_t n);

VEC_INLINE __m512i widen_run(graft_run32 x)
{
    __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(x.q)));
    __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(x.q, 1)));
    low = _mm512_fmadd_ps(low, _mm512_set1_ps(x.scale[0]), _mm512_set1_ps(x.offset[0]));
    high = _mm512_fmadd_ps(high, _mm512_set1_ps(x.scale[1]), _mm512_set1_ps(x.offset[1]));
    return vec_narrow_two(low, high);
}

#define LOAD_BLOCKS(name)                                                         \
    VEC_INLINE __m512i load_##name(const uint8_t *row, size_t k, size_t n)        \
    {                                                                             \
        (void)n; /* rows are whole blocks, and panels whole runs */               \
        return widen_run(expand_##name(row, k / 32));                             \
    }
GRAFT_EXPANDED(LOAD_BLOCKS)

VEC_INLINE size_t beyond_16(size_t n)
{
    return n > 16 ? n - 16 : 0;
}

VEC_INLINE __m512i load_f32(const uint8_t *row, size_t k, size_t n)
{
    const float *p = (const float *)(const void *)row + k;
    if (n >= 32) {
        return vec_narrow_two(_mm512_loadu_ps(p), _mm512_loadu_ps(p + 16));
    }
    return vec_narrow_two(vec_load_part(p, n < 16 ? n : 16), vec_load_part(p + 16, beyond_16(n)));
}

VEC_INLINE __m512 widen_f16(const uint16_t *p, size_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(vec__mask(n), p));
}

VEC_INLINE __m512i load_f16(const uint8_t *row, size_t k, size_t n)
{
    const uint16_t *p = (const uint16_t *)(const void *)row + k;
    return vec_narrow_two(widen_f16(p, n < 16 ? n : 16),
                          widen_f16(p + 16, n >= 32 ? 16 : beyond_16(n)));
}

VEC_INLINE __m512i load_bf16(const uint8_t *row, size_t k, size_t n)
{
    return act_load32((const act *)(const void *)row + k, n);
}

VEC_INLINE void unpack_forward(load32 *load, const graft_weight *w, size_t c0, size_t k0,
                               size_t n_k, const graft_panel *panel, size_t k_at)
{
    for (size_t c = 0; c < panel->n_cols; c += 16) {
        size_t width = strip_width(panel->n_cols - c / STRIP * STRIP);
        act *out = panel_at(panel, c, k_at);
        const uint8_t *rows[16];
        for (size_t i = 0; i < 16; i++) {
            size_t column = c + i < panel->n_cols ? c + i : panel->n_cols - 1;
            rows[i] = (const uint8_t *)w->data + (c0 + column) * w->row_bytes;
        }
        for (size_t k = 0; k < n_k; k += 32) {
            __m512i a[16];
            size_t n = n_k - k < 32 ? n_k - k : 32;
            for (int i = 0; i < 16; i++) {
                a[i] = load(rows[i], k0 + k, n);
            }
            transpose16(a);
            for (size_t i = 0; i < (n + 1) / 2; i++, out += 2 * width) {
                _mm512_storeu_si512(out, a[i]);
            }
        }
    }
}

/* How many rows ahead the blocks of a narrow range of columns are fetched. */
enum { AHEAD = 16 };

VEC_INLINE void fetch_ahead(const graft_weight *w, const uint8_t *row, size_t c0, size_t n_cols)
{
    size_t block = w->format == NULL ? 1 : w->format->block_elems;
    size_t bytes = w->format == NULL ? sizeof(float) : w->format->block_bytes;
    const uint8_t *ahead = row + AHEAD * w->row_bytes;
    size_t to = (c0 + n_cols + block - 1) / block * bytes;
    for (size_t at = c0 / block * bytes; at < to + 63; at += 64) {
        _mm_prefetch((const char *)(ahead + at), _MM_HINT_T0);
    }
}

VEC_INLINE void unpack_backward(load32 *load, const graft_weight *w, size_t c0, size_t k0,
                                size_t n_k, const graft_panel *panel, size_t k_at)
{
    for (size_t k = 0; k < n_k; k += 2) {
        const uint8_t *row = (const uint8_t *)w->data + (k0 + k) * w->row_bytes;
        if (k + AHEAD + 1 < n_k) {
            fetch_ahead(w, row, c0, panel->n_cols);
            fetch_ahead(w, row + w->row_bytes, c0, panel->n_cols);
        }
        for (size_t c = 0; c < panel->n_cols; c += 32) {
            size_t n = panel->n_cols - c < 32 ? panel->n_cols - c : 32;
            __m512i a = load(row, c0 + c, n), b = _mm512_setzero_si512();
            if (k + 1 < n_k) {
                b = load(row + w->row_bytes, c0 + c, n);
            }
            _mm512_storeu_si512(panel_at(panel, c, k_at + k), vec_zip_low(a, b));
            if (n > 16) {
                _mm512_storeu_si512(panel_at(panel, c + 16, k_at + k), vec_zip_high(a, b));
            }
        }
    }
}

/* Any format that has no faster way here: through its own decoder. */
static inline void unpack_decoded(const graft_weight *w, bool backward, size_t c0, size_t k0,
                                  size_t n_k, const graft_panel *panel, size_t k_at)
{
    float row[KC];
    for (size_t i = 0; i < (backward ? n_k : panel->n_cols); i++) {
        size_t n = backward ? panel->n_cols : n_k;
        graft_weight_part(w, (backward ? k0 : c0) + i, backward ? c0 : k0, n, row);
        for (size_t j = 0; j < n; j++) {
            size_t c = backward ? j : i, k = backward ? i : j;
            act *pair = panel_at(panel, c, k_at + (k & ~(size_t)1));
            act_store_part(pair + k % 2, vec_set(row[j]), 1);
            if (k % 2 == 0 && k + 1 == n_k) {
                pair[1] = 0;
            }
        }
    }
}

#define UNPACK(name) UNPACKER(unpack_##name, unpack_forward, unpack_backward, load_##name)
GRAFT_EXPANDED(UNPACK)
UNPACK(f32)
UNPACK(f16)
UNPACK(bf16)

#define ROW(name) {&graft_format_##name, unpack_##name},
static const unpacker unpackers[] = {PLAIN_UNPACKERS(unpack) GRAFT_EXPANDED(ROW)};

static void unpack(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                   const graft_panel *panel, size_t k_at)
{
    unpack_function *of_format = FIND_UNPACKER(unpackers, w->format);
    (of_format != NULL ? of_format : unpack_decoded)(w, backward, c0, k0, n_k, panel, k_at);
}

#endif
