/* kernels/vector/unpack_tmpl.h - panels of W for gemm_tmpl.h, straight from the blocks.
 *
 * Included once by the gemm.c of an x86 level, after its vec.h. A panel is strips of STRIP columns;
 * the last one is as narrow as a whole number of vectors allows. A strip is [n_k][width]. Lanes
 * beyond the last column hold anything and are never stored. */

#include <string.h>

#include "kernels/vector/tile.h"
#include "kernels/vector/unpackers.h"

typedef float panel_number;

/* Columns of a strip that begins `cols` before the end of its panel: one, two or GEMM_VECS
 * vectors. */
VEC_INLINE size_t strip_width(size_t cols)
{
    return cols <= VEC_N ? VEC_N : cols <= 2 * VEC_N ? 2 * VEC_N : STRIP;
}

/* Where column c of reduction step k lies. */
VEC_INLINE float *panel_at(const graft_panel *panel, size_t c, size_t k)
{
    size_t strip = c / STRIP * STRIP;
    return (float *)panel->data + strip * panel->n_k + k * strip_width(panel->n_cols - strip) +
           c % STRIP;
}

/* 16 rows of 32 bytes, as lanes of 16 columns: column j of the low halves goes to out[j], of the
 * high halves to out[16 + j]. */
VEC_INLINE void transpose_bytes(const __m256i in[16], int8_t out[32][16])
{
    __m256i a[16], b[16];
    for (int i = 0; i < 8; i++) { /* pairs (i, i + 8), so that four rounds restore the order */
        a[2 * i] = _mm256_unpacklo_epi8(in[i], in[i + 8]);
        a[2 * i + 1] = _mm256_unpackhi_epi8(in[i], in[i + 8]);
    }
    for (int i = 0; i < 8; i++) {
        b[2 * i] = _mm256_unpacklo_epi8(a[i], a[i + 8]);
        b[2 * i + 1] = _mm256_unpackhi_epi8(a[i], a[i + 8]);
    }
    for (int i = 0; i < 8; i++) {
        a[2 * i] = _mm256_unpacklo_epi8(b[i], b[i + 8]);
        a[2 * i + 1] = _mm256_unpackhi_epi8(b[i], b[i + 8]);
    }
    for (int i = 0; i < 8; i++) {
        b[2 * i] = _mm256_unpacklo_epi8(a[i], a[i + 8]);
        b[2 * i + 1] = _mm256_unpackhi_epi8(a[i], a[i + 8]);
    }
    for (int i = 0; i < 16; i++) {
        _mm_storeu_si128((__m128i *)out[i], _mm256_castsi256_si128(b[i]));
        _mm_storeu_si128((__m128i *)out[16 + i], _mm256_extracti128_si256(b[i], 1));
    }
}

/* Sixteen columns (rows of W) of a forward strip. */
VEC_INLINE void unpack_group(graft_expand *expand, const uint8_t *const rows[16], size_t run,
                             size_t n_runs, float *out, size_t width, size_t keep)
{
    for (size_t r = 0; r < n_runs; r++, out += 32 * width) {
        __m256i q[16];
        float scale[2][16], offset[2][16];
        int8_t bytes[32][16];
        for (size_t i = 0; i < 16; i++) {
            graft_run32 x = expand(rows[i], run + r);
            q[i] = x.q;
            scale[0][i] = x.scale[0];
            scale[1][i] = x.scale[1];
            offset[0][i] = x.offset[0];
            offset[1][i] = x.offset[1];
        }
        transpose_bytes(q, bytes);
        for (size_t k = 0; k < 32; k++) {
            vec_emit_columns(out + k * width, bytes[k], scale[k / 16], offset[k / 16], keep);
        }
    }
}

VEC_INLINE void unpack_forward(graft_expand *expand, const graft_weight *w, size_t c0,
                               size_t k0, size_t n_k, const graft_panel *panel, size_t k_at)
{
    size_t n_cols = panel->n_cols;
    for (size_t c = 0; c < n_cols; c += STRIP) {
        size_t width = strip_width(n_cols - c), keep = width < 16 ? width : 16;
        for (size_t g = 0; g < width; g += 16) {
            const uint8_t *rows[16];
            for (size_t i = 0; i < 16; i++) {
                size_t column = c + g + i < n_cols ? c + g + i : n_cols - 1;
                rows[i] = (const uint8_t *)w->data + (c0 + column) * w->row_bytes;
            }
            unpack_group(expand, rows, k0 / 32, n_k / 32, panel_at(panel, c + g, k_at), width, keep);
        }
    }
}

/* How many rows ahead the blocks of a narrow range of columns are fetched. */
enum { AHEAD = 16 };

VEC_INLINE void unpack_backward(graft_expand *expand, const graft_weight *w, size_t c0,
                                size_t k0, size_t n_k, const graft_panel *panel, size_t k_at)
{
    size_t n_cols = panel->n_cols;
    size_t bytes = w->format->block_bytes, block = w->format->block_elems;
    size_t from = c0 / block * bytes, to = (c0 + n_cols + block - 1) / block * bytes;
    for (size_t k = 0; k < n_k; k++) {
        const uint8_t *row = (const uint8_t *)w->data + (k0 + k) * w->row_bytes;
        for (size_t at = from; k + AHEAD < n_k && at < to + 63; at += 64) {
            _mm_prefetch((const char *)(row + AHEAD * w->row_bytes + at), _MM_HINT_T0);
        }
        for (size_t c = 0; c < n_cols; c += 32) {
            graft_run32 x = expand(row, (c0 + c) / 32);
            __m128i low = _mm256_castsi256_si128(x.q), high = _mm256_extracti128_si256(x.q, 1);
            vec_emit_row(panel_at(panel, c, k_at + k), low, x.scale[0], x.offset[0]);
            vec_emit_row(panel_at(panel, c + 16, k_at + k), high, x.scale[1], x.offset[1]);
        }
    }
}

/* Eight numbers of a plain format. */
typedef __m256 load8(const uint8_t *p);
VEC_INLINE __m256 load8_f32(const uint8_t *p)
{
    return _mm256_loadu_ps((const float *)(const void *)p);
}
VEC_INLINE __m256 load8_f16(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
VEC_INLINE __m256 load8_bf16(const uint8_t *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

VEC_INLINE void transpose8(__m256 a[8])
{
    __m256 t[8], u[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        u[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        a[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        a[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}

/* Rows of a plain format: whole groups of eight through registers, the rest one by one. */
VEC_INLINE void plain_forward(load8 *load, size_t size, const graft_weight *w, size_t c0,
                              size_t k0, size_t n_k, const graft_panel *panel, size_t k_at)
{
    size_t n_cols = panel->n_cols;
    for (size_t c = 0; c < n_cols; c += 8) {
        size_t width = strip_width(n_cols - c / STRIP * STRIP);
        float *out = panel_at(panel, c, k_at);
        const uint8_t *rows[8];
        for (size_t i = 0; i < 8; i++) {
            size_t column = c + i < n_cols ? c + i : n_cols - 1;
            rows[i] = (const uint8_t *)w->data + (c0 + column) * w->row_bytes + k0 * size;
        }
        size_t k = 0;
        for (; k + 8 <= n_k; k += 8) {
            __m256 a[8];
            for (int i = 0; i < 8; i++) {
                a[i] = load(rows[i] + k * size);
            }
            transpose8(a);
            for (size_t i = 0; i < 8; i++) {
                _mm256_storeu_ps(out + (k + i) * width, a[i]);
            }
        }
        for (size_t i = 0; i < 8 && k < n_k; i++) {
            float rest[8];
            size_t column = c + i < n_cols ? c + i : n_cols - 1;
            graft_weight_part(w, c0 + column, k0 + k, n_k - k, rest);
            for (size_t j = 0; j < n_k - k; j++) {
                out[(k + j) * width + i] = rest[j];
            }
        }
    }
}

VEC_INLINE void plain_backward(load8 *load, size_t size, const graft_weight *w, size_t c0,
                               size_t k0, size_t n_k, const graft_panel *panel, size_t k_at)
{
    size_t n_cols = panel->n_cols;
    for (size_t c = 0; c < n_cols; c += 8) {
        size_t width = strip_width(n_cols - c / STRIP * STRIP);
        float *out = panel_at(panel, c, k_at);
        const uint8_t *row = (const uint8_t *)w->data + k0 * w->row_bytes + (c0 + c) * size;
        for (size_t k = 0; k < n_k; k++, row += w->row_bytes) {
            if (c + 8 <= n_cols) {
                _mm256_storeu_ps(out + k * width, load(row));
            } else {
                graft_weight_part(w, k0 + k, c0 + c, n_cols - c, out + k * width);
            }
        }
    }
}

/* Any format that has no faster way here: through its own decoder. */
static void unpack_decoded(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                           const graft_panel *panel, size_t k_at)
{
    float row[KC];
    size_t n_cols = panel->n_cols;
    for (size_t i = 0; i < (backward ? n_k : n_cols); i++) {
        size_t n = backward ? n_cols : n_k;
        graft_weight_part(w, (backward ? k0 : c0) + i, backward ? c0 : k0, n, row);
        for (size_t j = 0; j < n; j++) {
            *panel_at(panel, backward ? j : i, k_at + (backward ? i : j)) = row[j];
        }
    }
}

#define UNPACK_BLOCKS(name) \
    UNPACKER(unpack_##name, unpack_forward, unpack_backward, expand_##name)
#define UNPACK_PLAIN(name, size) \
    UNPACKER(unpack_##name, plain_forward, plain_backward, load8_##name, size)
GRAFT_EXPANDED(UNPACK_BLOCKS)
UNPACK_PLAIN(f32, 4)
UNPACK_PLAIN(f16, 2)
UNPACK_PLAIN(bf16, 2)

#define ROW(name) {&graft_format_##name, unpack_##name},
static const unpacker unpackers[] = {PLAIN_UNPACKERS(unpack) GRAFT_EXPANDED(ROW)};

static void unpack(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                   const graft_panel *panel, size_t k_at)
{
    unpack_function *of_format = FIND_UNPACKER(unpackers, w->format);
    (of_format != NULL ? of_format : unpack_decoded)(w, backward, c0, k0, n_k, panel, k_at);
}
