/* kernels/amx/gemm.c - products of bfloat16 in blocks of 32 x 32, four tiles of sums.
 *
 * A block of rows goes along a panel: its X stays in the second cache with the panel, and what a
 * product waits for is one line per 32 multiplications of a tile. Panels are those of avx512bf16 in
 * strips of one block, filled up with zeros to whole tiles, which add nothing: a row's bits do not
 * depend on the block it is in. */
#define STRIP_COLS 32
#include "kernels/amx/amx.h"
#include "kernels/amx/tiles.h"
#include "kernels/avx512bf16/unpack.h"

/* The last numbers of a slice that do not fill a tile. */
typedef act row_end[BLOCK][2 * PAIRS];

static void copy_end(row_end out, const graft_slice *s, size_t r, size_t n_rows)
{
    size_t k = s->n_k / (2 * PAIRS) * (2 * PAIRS);
    const act *x = (const act *)s->x + r * s->row_step + k;
    for (size_t i = 0; i < n_rows; i++, x += s->row_step) {
        _mm512_store_si512(out[i], _mm512_maskz_loadu_epi16((1u << (s->n_k - k)) - 1, x));
    }
}

static void sum_block(const graft_multiply *m, size_t r, const row_end *ends, size_t c,
                      tile_shape shape, float sums[BLOCK][BLOCK])
{
    size_t width = strip_width(m->panel.n_cols - c);
    const act *w = (const act *)m->panel.data + c * m->panel.n_k;
    block_clear(shape);
    for (size_t i = 0; i < m->n_slices; i++) {
        const graft_slice *s = &m->slices[i];
        size_t n_steps = s->n_k / (2 * PAIRS);
        block_add(shape, (const act *)s->x + r * s->row_step, s->row_step, w, 2 * width, n_steps);
        w += n_steps * 2 * PAIRS * width;
        if (s->n_k % (2 * PAIRS) != 0) {
            block_add(shape, ends[i][0], 2 * PAIRS, w, 2 * width, 1);
            w += 2 * PAIRS * width;
        }
    }
    block_store(shape, sums[0], BLOCK);
}

/* One row of a block, whole or its first cols columns. */
VEC_INLINE void store_row(const graft_multiply *m, size_t r, size_t c, const float *sums, size_t cols)
{
    vec scale = vec_set(m->scale), low = vec_mul(scale, vec_load(sums));
    vec high = vec_mul(scale, vec_load(sums + VEC_N));
    size_t n_low = cols < VEC_N ? cols : VEC_N, n_high = cols - n_low;
    if (m->add != NULL) {
        const float *add = m->add + r * m->ldadd + c;
        low = vec_fma(scale, vec_load(sums), vec_load_part(add, n_low));
        high = vec_fma(scale, vec_load(sums + VEC_N), vec_load_part(add + n_low, n_high));
    }
    if (m->y_act) {
        act *y = (act *)m->y + r * m->ldy + c;
        if (cols == BLOCK) {
            _mm512_storeu_si512(y, vec_narrow_two(low, high));
            return;
        }
        act_store_part(y, low, n_low);
        act_store_part(y + n_low, high, n_high);
    } else {
        float *y = (float *)m->y + r * m->ldy + c;
        if (cols == BLOCK) {
            vec_store(y, low);
            vec_store(y + VEC_N, high);
            return;
        }
        vec_store_part(y, low, n_low);
        vec_store_part(y + n_low, high, n_high);
    }
}

/* A block whose sums are done and not yet stored. */
typedef struct done_block {
    size_t r, n_rows, c, cols;
    _Alignas(64) float sums[BLOCK][BLOCK];
} done_block;

static void store_block(const graft_multiply *m, const done_block *b)
{
    if (b->cols == BLOCK && m->add == NULL) { /* nearly all */
        for (size_t i = 0; i < b->n_rows; i++) {
            store_row(m, b->r + i, b->c, b->sums[i], BLOCK);
        }
        return;
    }
    for (size_t i = 0; i < b->n_rows; i++) {
        store_row(m, b->r + i, b->c, b->sums[i], b->cols);
    }
}

/* A block is stored while the next one is multiplied: its sums come from the tiles late. */
static void multiply(const graft_multiply *m, bool backward)
{
    done_block blocks[2];
    _Alignas(64) row_end ends[GRAFT_SLICES];
    size_t configured = 0, now = 0;
    (void)backward; /* panels of both directions look the same */
    blocks[1].n_rows = 0;
    for (size_t r = 0; r < m->n_rows; r += BLOCK) {
        size_t n_rows = m->n_rows - r < BLOCK ? m->n_rows - r : BLOCK;
        if (n_rows != configured) {
            tiles_configure(n_rows);
            configured = n_rows;
        }
        for (size_t i = 0; i < m->n_slices; i++) {
            if (m->slices[i].n_k % (2 * PAIRS) != 0) {
                copy_end(ends[i], &m->slices[i], r, n_rows);
            }
        }
        for (size_t c = 0; c < m->panel.n_cols; c += BLOCK, now = 1 - now) {
            size_t cols = m->panel.n_cols - c < BLOCK ? m->panel.n_cols - c : BLOCK;
            done_block *block = &blocks[now];
            block->r = r;
            block->n_rows = n_rows;
            block->c = c;
            block->cols = cols;
            sum_block(m, r, ends, c, (tile_shape){n_rows > TILE_ROWS, cols > 16}, block->sums);
            store_block(m, &blocks[1 - now]);
        }
    }
    store_block(m, &blocks[1 - now]);
    tiles_end();
}

/* Panels of whole tiles. */
static void unpack_tiles(const graft_weight *w, bool backward, size_t c0, size_t k0, size_t n_k,
                         const graft_panel *panel, size_t k_at)
{
    unpack(w, backward, c0, k0, n_k, panel, k_at);
    size_t end = (n_k + 1) / 2 * 2, full = (n_k + 2 * PAIRS - 1) / (2 * PAIRS) * (2 * PAIRS);
    for (size_t c = 0; c < panel->n_cols && end < full; c += STRIP) {
        size_t width = strip_width(panel->n_cols - c);
        memset(panel_at(panel, c, k_at + end), 0, (full - end) * width * sizeof(act));
    }
}

/* --- gradients of narrow factors: sums over tokens, which are what tiles call pairs --- */

/* out[32][n_tok] = x[n_tok][n <= 32], turned; zeros to fill up to whole tiles. */
static void turn_columns(act *out, size_t ldo, const act *x, size_t ldx, size_t n_tok, size_t n)
{
    for (size_t t = 0; t < n_tok; t += 2 * PAIRS) {
        __m512i low[PAIRS], high[PAIRS];
        for (size_t i = 0; i < PAIRS; i++) {
            __m512i a = _mm512_setzero_si512(), b = a;
            if (t + 2 * i < n_tok) {
                a = act_load32(x + (t + 2 * i) * ldx, n);
            }
            if (t + 2 * i + 1 < n_tok) {
                b = act_load32(x + (t + 2 * i + 1) * ldx, n);
            }
            low[i] = vec_zip_low(a, b);
            high[i] = vec_zip_high(a, b);
        }
        transpose16(low);
        transpose16(high);
        for (size_t i = 0; i < PAIRS; i++) {
            _mm512_store_si512(out + i * ldo + t, low[i]);
            _mm512_store_si512(out + (PAIRS + i) * ldo + t, high[i]);
        }
    }
}

/* out[strip][n_tok / 2][32][2] = x[n_tok][n], zeros to fill up. */
static void zip_tokens(act *out, size_t padded, const act *x, size_t ldx, size_t n_tok, size_t n)
{
    for (size_t c = 0; c < n; c += BLOCK) {
        for (size_t t = 0; t < padded; t += 2, out += 2 * BLOCK) {
            __m512i a = _mm512_setzero_si512(), b = a;
            if (t < n_tok) {
                a = act_load32(x + t * ldx + c, n - c);
            }
            if (t + 1 < n_tok) {
                b = act_load32(x + (t + 1) * ldx + c, n - c);
            }
            _mm512_store_si512(out, vec_zip_low(a, b));
            _mm512_store_si512(out + BLOCK, vec_zip_high(a, b));
        }
    }
}

static void outer(float *sums, const graft_act *a_act, size_t lda, const graft_act *b_act,
                  size_t ldb, size_t n_tok, size_t m, size_t n, void *scratch)
{
    size_t padded = (n_tok + 2 * PAIRS - 1) / (2 * PAIRS) * (2 * PAIRS), configured = 0;
    act *b = scratch, *a = b + padded * 2 * BLOCK;
    zip_tokens(b, padded, b_act, ldb, n_tok, n);
    for (size_t i = 0; i < m; i += BLOCK) {
        size_t rows = m - i < BLOCK ? m - i : BLOCK;
        if (rows != configured) {
            tiles_configure(rows);
            configured = rows;
        }
        turn_columns(a, padded, (const act *)a_act + i, lda, n_tok, rows);
        for (size_t j = 0; j < n; j += BLOCK) {
            tile_shape shape = {rows > TILE_ROWS, n - j > 16};
            float *to = sums + i * GRAFT_OUTER_N + j;
            block_load(shape, to, GRAFT_OUTER_N);
            block_add(shape, a, padded, b + j * padded, 2 * BLOCK, padded / (2 * PAIRS));
            block_store(shape, to, GRAFT_OUTER_N);
        }
    }
    tiles_end();
}

/* Four tiles of sums, one product of 16 x 16 x 32 each. */
enum { SPIN_FLOPS = 4 * 2 * 16 * 16 * 32 };

static float spin(size_t rounds, void *scratch)
{
    memset(scratch, 0, 4096);
    tiles_configure(BLOCK);
    tile_load(4, scratch, 64);
    tile_load(6, scratch, 64);
    for (size_t i = 0; i < rounds; i++) {
        tile_dot(0, 4, 6);
        tile_dot(1, 4, 6);
        tile_dot(2, 4, 6);
        tile_dot(3, 4, 6);
    }
    tile_store(0, scratch, 64);
    tiles_end();
    return *(const float *)scratch;
}

/* Tiles are so fast that a weight pays for its unpacking only with this many rows. */
enum { ROWS_WORTH_UNPACKING = 1024 };
/* X comes from the third cache once per panel, slower than tiles multiply: panels as wide as the
 * second cache allows. Asking for X ahead made it worse: the processor does that itself. */
enum { WIDEST_PANEL = 256 };

void graft_amx_gemm(graft_kernels *table)
{
    static const struct graft_gemm gemm = {
        .kc = KC, .nc = WIDEST_PANEL, .k_step = 2 * PAIRS, .element_bytes = sizeof(act),
        .rows = ROWS_WORTH_UNPACKING,
        .unpack = unpack_tiles, .multiply = multiply, .outer = outer, .spin = spin,
        .spin_flops = SPIN_FLOPS,
    };
    table->gemm = &gemm;
}
