/* kernels/vector/gemm_tmpl.h - packed products of one level: GEMM_ROWS x STRIP register tiles.
 *
 * Included once by the gemm.c of a level, after its vec.h and its activations. X is read where it lies, the panel of W as
 * unpack_tmpl.h writes it. Every element of the result
 * is one chain of fused multiply-adds along k, so its bits do not depend on the tile it is in. */

#include "kernels/vector/tile.h"

enum { KC = 2048 };

#include "kernels/vector/tile_out.h"
#include "kernels/vector/unpack_tmpl.h"

/* A row of W as it is: a backward panel of one row. */
static inline void decode_row(const graft_weight *w, size_t row, float *out)
{
    if (w->format != NULL && w->format->block_elems >= STRIP) {
        graft_panel panel = {out, w->n_in, 1};
        unpack(w, true, 0, row, 1, &panel, 0);
    } else {
        graft_weight_part(w, row, 0, w->n_in, out);
    }
}

/* One tile: rows from r on, the strip (or several) from column c on. */
typedef void tile_kernel(const graft_multiply *m, size_t r, size_t c, const tile_out *out);

VEC_INLINE void run_tile(int n_rows, int n_strips, int n_vec, const graft_multiply *m, size_t r,
                         size_t c, const tile_out *out)
{
    vec acc[TILE_MAX];
    size_t width = (size_t)n_vec * VEC_N;
    const float *b = (const float *)m->panel.data + c * m->panel.n_k;
    ask_for_tile(out, n_rows, n_strips * n_vec);
    tile_clear(acc, n_rows * n_strips * n_vec);
    for (size_t s = 0; s < m->n_slices; s++) {
        size_t n_k = m->slices[s].n_k, step = m->slices[s].row_step;
        tile_sum(acc, n_rows, n_strips, n_vec, n_k, (const float *)m->slices[s].x + r * step, step,
                 1, b, m->panel.n_k * width, width);
        b += n_k * width;
    }
    store_tile(out, acc, n_rows, n_strips * n_vec);
}

/* Two full tiles of rows on a strip of one vector, for enough accumulators. */
static void narrow_pair(const graft_multiply *m, size_t r, size_t c, const tile_out *out)
{
    vec acc[TILE_MAX];
    const float *b = (const float *)m->panel.data + c * m->panel.n_k;
    ask_for_tile(out, 2 * GEMM_ROWS, 1);
    tile_clear(acc, 2 * GEMM_ROWS);
    for (size_t s = 0; s < m->n_slices; s++) {
        size_t n_k = m->slices[s].n_k, step = m->slices[s].row_step;
        const float *a = (const float *)m->slices[s].x + r * step;
        tile_sum(acc, 2 * GEMM_ROWS, 1, 1, n_k, a, step, 1, b, 0, VEC_N);
        b += n_k * VEC_N;
    }
    store_tile(out, acc, 2 * GEMM_ROWS, 1);
}

#define TILE_KERNEL(name, n_rows, n_strips, n_vec)                                    \
    static void name(const graft_multiply *m, size_t r, size_t c, const tile_out *out) \
    {                                                                                 \
        run_tile(n_rows, n_strips, n_vec, m, r, c, out);                              \
    }
#define TILE_KERNELS(name, n_vec)         \
    TILE_KERNEL(name##_1, 1, 1, n_vec)    \
    TILE_KERNEL(name##_2, 2, 1, n_vec)    \
    TILE_KERNEL(name##_3, 3, 1, n_vec)    \
    TILE_KERNEL(name##_4, 4, 1, n_vec)    \
    TILE_KERNEL(name##_5, 5, 1, n_vec)    \
    TILE_KERNEL(name##_6, 6, 1, n_vec)
TILE_KERNELS(one, 1)
TILE_KERNELS(two, 2)
TILE_KERNELS(full, GEMM_VECS)

VEC_INLINE size_t strip_kind(size_t width)
{
    return width == VEC_N ? 0 : width == 2 * VEC_N ? 1 : 2;
}

/* [width in vectors: 1, 2, more][rows - 1] */
static tile_kernel *const tiles[3][GEMM_ROWS] = {
    {one_1, one_2, one_3, one_4, one_5, one_6},
    {two_1, two_2, two_3, two_4, two_5, two_6},
    {full_1, full_2, full_3, full_4, full_5, full_6},
};

/* One to three rows take several full strips at once, for the same reason. */
enum { SEVERAL_1 = 8 / GEMM_VECS, SEVERAL_2 = 4 / GEMM_VECS };
TILE_KERNEL(several_1, 1, SEVERAL_1, GEMM_VECS)
TILE_KERNEL(several_2, 2, SEVERAL_2, GEMM_VECS)
TILE_KERNEL(several_3, 3, SEVERAL_2, GEMM_VECS)

static void multiply(const graft_multiply *m, bool backward)
{
    static tile_kernel *const several[3] = {several_1, several_2, several_3};
    static const size_t n_several[3] = {SEVERAL_1, SEVERAL_2, SEVERAL_2};
    size_t n_rows = m->n_rows, n_cols = m->panel.n_cols;
    (void)backward; /* panels of both directions look the same */
    for (size_t c = 0, strips; c < n_cols; c += strips * STRIP) {
        size_t rows, kind = strip_kind(strip_width(n_cols - c));
        strips = 1;
        for (size_t r = 0; r < n_rows; r += rows) {
            tile_out out = tile_out_at(m, r, c);
            rows = n_rows - r < GEMM_ROWS ? n_rows - r : GEMM_ROWS;
            if (kind == 0 && n_rows - r >= 2 * GEMM_ROWS) {
                rows = 2 * GEMM_ROWS;
                narrow_pair(m, r, c, &out);
            } else if (n_rows <= 3 && n_cols - c >= n_several[n_rows - 1] * STRIP) {
                strips = n_several[n_rows - 1];
                several[n_rows - 1](m, r, c, &out);
            } else {
                tiles[kind][rows - 1](m, r, c, &out);
            }
        }
    }
}

/* Gradients of a narrow factor: rows of dy broadcast, rows of x as vectors. */
typedef void outer_kernel(const float *dy, size_t lddy, const float *x, size_t n_tok,
                          const tile_out *out);

VEC_INLINE void run_outer(int n_rows, int n_vec, const float *dy, size_t lddy, const float *x,
                          size_t n_tok, const tile_out *out)
{
    vec acc[TILE_MAX];
    tile_clear(acc, n_rows * n_vec);
    tile_sum(acc, n_rows, 1, n_vec, n_tok, dy, 1, lddy, x, 0, (size_t)n_vec * VEC_N);
    store_tile(out, acc, n_rows, n_vec);
}

#define OUTER_KERNEL(name, n_rows, n_vec)                                                 \
    static void name(const float *dy, size_t lddy, const float *x, size_t n_tok,          \
                     const tile_out *out)                                                 \
    {                                                                                     \
        run_outer(n_rows, n_vec, dy, lddy, x, n_tok, out);                                \
    }
#define OUTER_KERNELS(name, n_vec)     \
    OUTER_KERNEL(name##_1, 1, n_vec)   \
    OUTER_KERNEL(name##_2, 2, n_vec)   \
    OUTER_KERNEL(name##_3, 3, n_vec)   \
    OUTER_KERNEL(name##_4, 4, n_vec)   \
    OUTER_KERNEL(name##_5, 5, n_vec)   \
    OUTER_KERNEL(name##_6, 6, n_vec)
OUTER_KERNELS(outer_one, 1)
OUTER_KERNELS(outer_two, 2)
OUTER_KERNELS(outer_full, GEMM_VECS)

static outer_kernel *const outers[3][GEMM_ROWS] = {
    {outer_one_1, outer_one_2, outer_one_3, outer_one_4, outer_one_5, outer_one_6},
    {outer_two_1, outer_two_2, outer_two_3, outer_two_4, outer_two_5, outer_two_6},
    {outer_full_1, outer_full_2, outer_full_3, outer_full_4, outer_full_5, outer_full_6},
};

enum { OUTER_COLS = 8 * GEMM_ROWS }; /* of a, that become floats at once where they are not */

/* Rows of b, far apart, as strips one behind the other: [n_tok][width] each, padded with zeros. A row
 * is read at once, and asked for early: nothing else foresees where the next one lies. */
static void gather_strips(float *out, const act *b, size_t ldb, size_t n_tok, size_t n)
{
    enum { EARLY = 16, LINE = 64 / sizeof(act) };
    for (size_t t = 0; t < n_tok; t++, b += ldb) {
        for (size_t c = 0; t + EARLY < n_tok && c < n; c += LINE) {
            __builtin_prefetch(b + EARLY * ldb + c);
        }
        for (size_t c = 0; c < n; c += STRIP) {
            size_t width = strip_width(n - c), cols = n - c < width ? n - c : width;
            float *to = out + c * n_tok + t * width;
            for (size_t i = 0; i < width; i += VEC_N) {
                size_t left = cols > i ? cols - i : 0;
                vec_store(to + i, left >= VEC_N ? act_load(b + c + i)
                                  : left > 0    ? act_load_part(b + c + i, left)
                                                : vec_zero());
            }
        }
    }
}

/* Columns of a, as floats, times strips of b. */
static void outer_block(float *sums, const float *a, size_t lda, size_t m, const float *strips,
                        size_t n_tok, size_t n)
{
    for (size_t c = 0; c < n; c += STRIP) {
        size_t width = strip_width(n - c), cols = n - c < width ? n - c : width;
        for (size_t i = 0; i < m; i += GEMM_ROWS) {
            size_t rows = m - i < GEMM_ROWS ? m - i : GEMM_ROWS;
            float *to = sums + i * GRAFT_OUTER_N + c;
            tile_out out = {to, to, GRAFT_OUTER_N, GRAFT_OUTER_N, cols, 1.0f};
            outers[strip_kind(width)][rows - 1](a + i, lda, strips + c * n_tok, n_tok, &out);
        }
    }
}

static void outer(float *sums, const graft_act *a_act, size_t lda, const graft_act *b_act,
                  size_t ldb, size_t n_tok, size_t m, size_t n, void *scratch)
{
    const float *strips = scratch;
    float room[GRAFT_OUTER_TOKENS * OUTER_COLS];
    gather_strips(scratch, b_act, ldb, n_tok, n);
    for (size_t i = 0; i < m; i += OUTER_COLS) {
        size_t cols = m - i < OUTER_COLS ? m - i : OUTER_COLS, ld;
        const float *a = act_rows(room, (const act *)a_act + i, lda, n_tok, cols, &ld);
        outer_block(sums + i * GRAFT_OUTER_N, a, ld, cols, strips, n_tok, n);
    }
}

/* As many independent chains of multiply-adds as a tile has. */
enum { SPIN_FLOPS = 2 * TILE_MAX * VEC_N };

static float spin(size_t rounds, void *scratch)
{
    vec acc[TILE_MAX], factor = vec_set(0x1p-40f), sum = vec_zero();
    UNROLL_TILE
    for (int i = 0; i < TILE_MAX; i++) {
        acc[i] = vec_set((float)i);
    }
    for (size_t k = 0; k < rounds; k++) {
        UNROLL_TILE
        for (int i = 0; i < TILE_MAX; i++) {
            acc[i] = vec_fma(acc[i], factor, acc[i]);
        }
    }
    UNROLL_TILE
    for (int i = 0; i < TILE_MAX; i++) {
        sum = vec_add(sum, acc[i]);
    }
    vec_store(scratch, sum);
    return *(const float *)scratch;
}
