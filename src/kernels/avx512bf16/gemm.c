/* kernels/avx512bf16/gemm.c - products of bfloat16 in tiles of 6 x 64, summed in single precision.
 *
 * X is read where it lies: a pair of neighbours in a row is broadcast. Every element of the result
 * is one chain of VDPBF16PS along k, so its bits do not depend on the tile it is in. */
#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/avx512bf16/tile_out.h"
#include "kernels/avx512bf16/unpack.h"

enum { ROWS = 6, TILE_MAX = 24 };

/* Rows [r, r + n_rows) times the strip at column c. */
VEC_INLINE void run_tile(int n_rows, int n_vec, const graft_multiply *m, size_t r, size_t c,
                         const tile_out *out)
{
    vec acc[TILE_MAX];
    size_t b_pair = (size_t)n_vec * 2 * VEC_N;
    const act *b = (const act *)m->panel.data + c * m->panel.n_k;
    ask_for_tile(out, n_rows, n_vec);
    UNROLL_TILE
    for (int i = 0; i < n_rows * n_vec; i++) {
        acc[i] = vec_zero();
    }
    for (size_t s = 0; s < m->n_slices; s++) {
        const graft_slice *slice = &m->slices[s];
        size_t n_pairs = (slice->n_k + 1) / 2;
        const act *a = (const act *)slice->x + r * slice->row_step;
        pair_sum(acc, n_rows, n_vec, n_pairs, a, slice->row_step, 2, b, b_pair);
        b += n_pairs * b_pair;
    }
    store_tile(out, acc, n_rows, n_vec);
}

typedef void tile_kernel(const graft_multiply *m, size_t r, size_t c, const tile_out *out);

#define TILE_KERNEL(name, n_rows, n_vec)                                                 \
    static void name(const graft_multiply *m, size_t r, size_t c, const tile_out *out)   \
    {                                                                                    \
        run_tile(n_rows, n_vec, m, r, c, out);                                           \
    }
#define TILE_KERNELS(name, n_vec)    \
    TILE_KERNEL(name##_1, 1, n_vec)  \
    TILE_KERNEL(name##_2, 2, n_vec)  \
    TILE_KERNEL(name##_3, 3, n_vec)  \
    TILE_KERNEL(name##_4, 4, n_vec)  \
    TILE_KERNEL(name##_5, 5, n_vec)  \
    TILE_KERNEL(name##_6, 6, n_vec)
TILE_KERNELS(one, 1)
TILE_KERNELS(two, 2)
TILE_KERNELS(full, 4)
TILE_KERNEL(one_12, 12, 1) /* enough sums in flight for a narrow strip */
TILE_KERNEL(two_12, 12, 2)

static tile_kernel *const tiles[3][ROWS] = {
    {one_1, one_2, one_3, one_4, one_5, one_6},
    {two_1, two_2, two_3, two_4, two_5, two_6},
    {full_1, full_2, full_3, full_4, full_5, full_6},
};

static void multiply(const graft_multiply *m, bool backward)
{
    (void)backward; /* panels of both directions look the same */
    for (size_t c = 0; c < m->panel.n_cols; c += STRIP) {
        size_t width = strip_width(m->panel.n_cols - c), rows;
        size_t kind = width == 16 ? 0 : width == 32 ? 1 : 2;
        for (size_t r = 0; r < m->n_rows; r += rows) {
            size_t left = m->n_rows - r;
            tile_out out = tile_out_at(m, r, c);
            if (kind < 2 && left >= 2 * ROWS) {
                rows = 2 * ROWS;
                (kind == 0 ? one_12 : two_12)(m, r, c, &out);
            } else {
                rows = left < ROWS ? left : ROWS;
                tiles[kind][rows - 1](m, r, c, &out);
            }
        }
    }
}

/* --- gradients of narrow factors: pairs of tokens --- */

/* out[n_tok / 2][width][2] = x[n_tok][n], zeros to fill up. A few columns of many rows, which no
 * processor guesses: the rows to come are asked for. */
static void zip_rows(act *out, size_t width, const act *x, size_t ld, size_t n_tok, size_t n)
{
    enum { ROWS_AHEAD = 24 };
    for (size_t t = 0; t < n_tok; t += 2, x += 2 * ld, out += 2 * width) {
        for (size_t c = 0; c < width; c += 32) {
            size_t cols = n > c ? n - c : 0;
            __m512i a = act_load32(x + c, cols), b = _mm512_setzero_si512();
            _mm_prefetch((const char *)(x + ROWS_AHEAD * ld + c), _MM_HINT_T0);
            _mm_prefetch((const char *)(x + (ROWS_AHEAD + 1) * ld + c), _MM_HINT_T0);
            if (t + 1 < n_tok) {
                b = act_load32(x + ld + c, cols);
            }
            _mm512_storeu_si512(out + 2 * c, vec_zip_low(a, b));
            if (c + 16 < width) {
                _mm512_storeu_si512(out + 2 * c + 32, vec_zip_high(a, b));
            }
        }
    }
}

typedef void outer_kernel(const act *a, size_t a_pair, const act *b, size_t n_pairs, float *sums);

VEC_INLINE void run_outer(int n_rows, int n_vec, const act *a, size_t a_pair, const act *b,
                          size_t n_pairs, float *sums)
{
    vec acc[TILE_MAX];
    UNROLL_TILE
    for (int i = 0; i < n_rows * n_vec; i++) {
        acc[i] = vec_load(sums + i / n_vec * GRAFT_OUTER_N + i % n_vec * VEC_N);
    }
    pair_sum(acc, n_rows, n_vec, n_pairs, a, 2, a_pair, b, (size_t)n_vec * 2 * VEC_N);
    UNROLL_TILE
    for (int i = 0; i < n_rows * n_vec; i++) {
        vec_store(sums + i / n_vec * GRAFT_OUTER_N + i % n_vec * VEC_N, acc[i]);
    }
}

#define OUTER_KERNEL(name, n_rows, n_vec)                                                    \
    static void name(const act *a, size_t a_pair, const act *b, size_t n_pairs, float *sums) \
    {                                                                                        \
        run_outer(n_rows, n_vec, a, a_pair, b, n_pairs, sums);                               \
    }
#define OUTER_KERNELS(name, n_vec)    \
    OUTER_KERNEL(name##_1, 1, n_vec)  \
    OUTER_KERNEL(name##_2, 2, n_vec)  \
    OUTER_KERNEL(name##_3, 3, n_vec)  \
    OUTER_KERNEL(name##_4, 4, n_vec)  \
    OUTER_KERNEL(name##_5, 5, n_vec)  \
    OUTER_KERNEL(name##_6, 6, n_vec)
OUTER_KERNELS(outer_one, 1)
OUTER_KERNELS(outer_two, 2)
OUTER_KERNELS(outer_full, 4)

static outer_kernel *const outers[3][ROWS] = {
    {outer_one_1, outer_one_2, outer_one_3, outer_one_4, outer_one_5, outer_one_6},
    {outer_two_1, outer_two_2, outer_two_3, outer_two_4, outer_two_5, outer_two_6},
    {outer_full_1, outer_full_2, outer_full_3, outer_full_4, outer_full_5, outer_full_6},
};

enum { OUTER_M = 96 }; /* rows of the narrow side zipped at once */

static void outer(float *sums, const graft_act *a_act, size_t lda, const graft_act *b_act,
                  size_t ldb, size_t n_tok, size_t m, size_t n, void *scratch)
{
    size_t width = strip_width(n), n_pairs = (n_tok + 1) / 2, rows;
    act *b = scratch, *a = b + GRAFT_OUTER_TOKENS * STRIP;
    zip_rows(b, width, b_act, ldb, n_tok, n);
    for (size_t i0 = 0; i0 < m; i0 += OUTER_M) {
        size_t chunk = m - i0 < OUTER_M ? m - i0 : OUTER_M, a_width = (chunk + 15) / 16 * 16;
        zip_rows(a, a_width, (const act *)a_act + i0, lda, n_tok, chunk);
        for (size_t i = 0; i < chunk; i += rows) {
            rows = chunk - i < ROWS ? chunk - i : ROWS;
            outers[width == 16 ? 0 : width == 32 ? 1 : 2][rows - 1](
                a + 2 * i, 2 * a_width, b, n_pairs, sums + (i0 + i) * GRAFT_OUTER_N);
        }
    }
}

/* As many independent chains of pair products as a tile has. */
enum { SPIN_FLOPS = 4 * TILE_MAX * VEC_N };

static float spin(size_t rounds, void *scratch)
{
    vec acc[TILE_MAX], sum = vec_zero();
    __m512i factor = _mm512_set1_epi32(0x20002000);
    UNROLL_TILE
    for (int i = 0; i < TILE_MAX; i++) {
        acc[i] = vec_set((float)i);
    }
    for (size_t k = 0; k < rounds; k++) {
        UNROLL_TILE
        for (int i = 0; i < TILE_MAX; i++) {
            acc[i] = vec_dot(acc[i], factor, factor);
        }
    }
    UNROLL_TILE
    for (int i = 0; i < TILE_MAX; i++) {
        sum = vec_add(sum, acc[i]);
    }
    vec_store(scratch, sum);
    return *(const float *)scratch;
}

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC, .k_step = 2, .element_bytes = sizeof(act), .rows = GRAFT_ROWS,
    .row_block = GRAFT_ROW_BLOCK, .unpack = unpack, .multiply = multiply, .outer = outer,
    .spin = spin, .spin_flops = SPIN_FLOPS,
};

void graft_avx512bf16_gemm(graft_kernels *table)
{
    table->gemm = &gemm;
}
