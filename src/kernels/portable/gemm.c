/* kernels/portable/gemm.c - a panel is strips of STRIP columns, each [n_k][STRIP] reals, so that
 * the compiler can keep a tile of the result in registers. In bfloat16 the numbers are rounded to
 * it, their products are exact and their sums in single precision. */
#include <string.h>

#include "kernels/portable/act.h"
#include "kernels/portable/portable.h"

enum { STRIP = 8, ROWS = 4, KC = 1024 };

void graft_portable_decode_row(const graft_weight *w, size_t row, graft_real *out)
{
    graft_weight_part(w, row, 0, w->n_in, out);
}

ACT_INLINE void unpack(bool half, const graft_weight *w, bool backward, size_t c0, size_t k0,
                       size_t n_k, const graft_panel *panel, size_t k_at)
{
    graft_real row[KC], *data = panel->data;
    size_t n_cols = panel->n_cols, total = panel->n_k;
    for (size_t c = n_cols; c % STRIP != 0; c++) { /* columns that are not there */
        for (size_t k = k_at; k < k_at + n_k; k++) {
            data[(c / STRIP * total + k) * STRIP + c % STRIP] = 0;
        }
    }
    for (size_t i = 0; i < (backward ? n_k : n_cols); i++) {
        size_t n = backward ? n_cols : n_k;
        graft_weight_part(w, (backward ? k0 : c0) + i, backward ? c0 : k0, n, row);
        for (size_t j = 0; j < n; j++) {
            size_t c = backward ? j : i, k = k_at + (backward ? i : j);
            data[(c / STRIP * total + k) * STRIP + c % STRIP] =
                half ? (graft_real)graft_bf16_to_f32(graft_f32_to_bf16((float)row[j])) : row[j];
        }
    }
}

static void unpack_real(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                        const graft_panel *panel, size_t k_at)
{
    unpack(false, w, backward, c0, k0, n_k, panel, k_at);
}

static void unpack_half(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                        const graft_panel *panel, size_t k_at)
{
    unpack(true, w, backward, c0, k0, n_k, panel, k_at);
}

/* W as bytes: what they stand for. */
ACT_INLINE void unpack_bytes(bool half, const graft_weight *w, bool backward, size_t c0, size_t k0,
                             size_t n_k, const graft_panel *panel, size_t k_at)
{
    int most = (half ? GRAFT_BYTE_LIMITS_HALF : GRAFT_BYTE_LIMITS).w;
    unpack(half, w, backward, c0, k0, n_k, panel, k_at);
    for (size_t c = 0; c < panel->n_cols; c++) {
        graft_real *column = (graft_real *)panel->data +
                             (c / STRIP * panel->n_k + k_at) * STRIP + c % STRIP;
        for (size_t k = 0; k < n_k; k += GRAFT_GROUP) {
            size_t n = n_k - k < GRAFT_GROUP ? n_k - k : GRAFT_GROUP;
            graft_portable_round_group(column + k * STRIP, n, STRIP, most, backward);
        }
    }
}

static void unpack_bytes_real(const graft_weight *w, bool backward, size_t c0, size_t k0,
                              size_t n_k, const graft_panel *panel, size_t k_at)
{
    unpack_bytes(false, w, backward, c0, k0, n_k, panel, k_at);
}

static void unpack_bytes_half(const graft_weight *w, bool backward, size_t c0, size_t k0,
                              size_t n_k, const graft_panel *panel, size_t k_at)
{
    unpack_bytes(true, w, backward, c0, k0, n_k, panel, k_at);
}

/* Element k of row r of a slice. */
ACT_INLINE graft_real slice_get(const graft_slice *s, size_t r, size_t k, bool half)
{
    if (s->groups == NULL) {
        return act_get(s->x, r * s->row_step + k, half);
    }
    return (graft_real)((const int8_t *)s->x)[r * s->row_step + k] *
           (graft_real)s->groups[r * s->group_step + k / GRAFT_GROUP].scale;
}

/* One tile: rows [r, r + rows) times the strip at column c. */
ACT_INLINE void tile(bool half, const graft_multiply *m, size_t r, size_t rows, size_t c,
                     graft_real acc[ROWS][STRIP])
{
    const graft_real *w = (const graft_real *)m->panel.data + c * m->panel.n_k;
    for (size_t s = 0; s < m->n_slices; s++) {
        const graft_slice *slice = &m->slices[s];
        size_t n_k = slice->n_k;
        if (slice->groups != NULL) {
            n_k = (n_k + GRAFT_GROUP - 1) / GRAFT_GROUP * GRAFT_GROUP;
        }
        for (size_t k = 0; k < n_k; k++, w += STRIP) {
            for (size_t i = 0; i < rows; i++) {
                graft_real x = slice_get(slice, r + i, k, half);
                for (size_t j = 0; j < STRIP; j++) {
                    acc[i][j] += x * w[j];
                }
            }
        }
    }
}

ACT_INLINE void multiply(bool half, const graft_multiply *m)
{
    for (size_t r = 0; r < m->n_rows; r += ROWS) {
        size_t rows = m->n_rows - r < ROWS ? m->n_rows - r : ROWS;
        for (size_t c = 0; c < m->panel.n_cols; c += STRIP) {
            size_t cols = m->panel.n_cols - c < STRIP ? m->panel.n_cols - c : STRIP;
            graft_real acc[ROWS][STRIP] = {{0}};
            if (rows == ROWS) {
                tile(half, m, r, ROWS, c, acc);
            } else {
                tile(half, m, r, rows, c, acc);
            }
            for (size_t i = 0; i < rows; i++) {
                for (size_t j = 0; j < cols; j++) {
                    graft_real sum = m->scale * acc[i][j];
                    sum += m->add == NULL ? 0 : m->add[(r + i) * m->ldadd + c + j];
                    act_put(m->y, (r + i) * m->ldy + c + j, sum, m->y_act && half);
                }
            }
        }
    }
}

static void multiply_real(const graft_multiply *m, bool backward)
{
    (void)backward; /* panels of both directions look the same */
    multiply(false, m);
}

static void multiply_half(const graft_multiply *m, bool backward)
{
    (void)backward;
    multiply(true, m);
}

ACT_INLINE void outer(bool half, graft_real *sums, const graft_act *a, size_t lda,
                      const graft_act *b, size_t ldb, size_t n_tok, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++, sums += GRAFT_OUTER_N) {
        graft_real sum[GRAFT_OUTER_N] = {0};
        for (size_t t = 0; t < n_tok; t++) {
            graft_real g = act_get(a, t * lda + i, half);
            for (size_t j = 0; j < n; j++) {
                sum[j] += g * act_get(b, t * ldb + j, half);
            }
        }
        for (size_t j = 0; j < n; j++) {
            sums[j] += sum[j];
        }
    }
}

static void outer_real(graft_real *sums, const graft_act *a, size_t lda, const graft_act *b,
                       size_t ldb, size_t n_tok, size_t m, size_t n, void *scratch)
{
    (void)scratch;
    outer(false, sums, a, lda, b, ldb, n_tok, m, n);
}

static void outer_half(graft_real *sums, const graft_act *a, size_t lda, const graft_act *b,
                       size_t ldb, size_t n_tok, size_t m, size_t n, void *scratch)
{
    (void)scratch;
    outer(true, sums, a, lda, b, ldb, n_tok, m, n);
}

static graft_real spin(size_t rounds, void *scratch)
{
    /* from constants the compiler would compute it all, and the peak be that of an empty loop */
    graft_real acc[ROWS * STRIP], *start = scratch;
    for (size_t i = 0; i < ROWS * STRIP; i++) {
        acc[i] = start[i] = (graft_real)(rounds + i);
    }
    for (size_t k = 0; k < rounds; k++) {
        for (size_t i = 0; i < ROWS * STRIP; i++) {
            acc[i] += acc[i] * GRAFT_REAL(0x1p-40);
        }
    }
    for (size_t i = 1; i < ROWS * STRIP; i++) {
        acc[0] += acc[i];
    }
    return acc[0];
}

#define PORTABLE_GEMM(kind, bytes)                                                        \
    {                                                                                     \
        .kc = KC, .nc = GRAFT_NC, .k_step = 1, .element_bytes = sizeof(graft_real),         \
        .rows = GRAFT_ROWS, .row_block = GRAFT_ROW_BLOCK, .unpack = unpack_##kind,          \
        .unpack_bytes = bytes, .multiply = multiply_##kind, .outer = outer_##kind,          \
        .spin = spin, .spin_flops = 2 * ROWS * STRIP,                                     \
    }
const struct graft_gemm graft_portable_gemm = PORTABLE_GEMM(real, NULL);
const struct graft_gemm graft_portable_gemm_half = PORTABLE_GEMM(half, NULL);
const struct graft_gemm graft_portable_gemm_bytes = PORTABLE_GEMM(real, unpack_bytes_real);
const struct graft_gemm graft_portable_gemm_half_bytes = PORTABLE_GEMM(half, unpack_bytes_half);
