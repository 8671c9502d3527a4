/* kernels/avx512bf16/attention.c - the products of attention in tiles of 6 x 64. */
#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/vector/attention_pairs.h"

enum { ROWS = 6, TILE_MAX = 24 };

/* Loops over the sums of a tile are unrolled to the end: they are registers then. */
#define UNROLL _Pragma("GCC unroll 24")

VEC_INLINE void run_product(int n_rows, int n_vec, const pair_product *p, size_t row, size_t col)
{
    vec acc[TILE_MAX];
    size_t ldc = p->ldc;
    float *c = p->c + row * ldc + col;
    const float *keep = p->keep == NULL ? NULL : p->keep + row;
    if (!p->add) {
        UNROLL
        for (int i = 0; i < n_rows * n_vec; i++) {
            acc[i] = vec_zero();
        }
    } else {
        UNROLL
        for (int i = 0; i < n_rows * n_vec; i++) {
            acc[i] = vec_load(c + (size_t)(i / n_vec) * ldc + (size_t)(i % n_vec) * VEC_N);
        }
    }
    if (keep != NULL) {
        UNROLL
        for (int i = 0; i < n_rows * n_vec; i++) {
            acc[i] = vec_mul(vec_set(keep[i / n_vec]), acc[i]);
        }
    }
    pair_sum(acc, n_rows, n_vec, p->n_pairs, p->a + row * p->a_row, p->a_row, p->a_pair,
             p->b + 2 * col, p->b_pair);
    UNROLL
    for (int i = 0; i < n_rows * n_vec; i++) {
        vec_store(c + (size_t)(i / n_vec) * ldc + (size_t)(i % n_vec) * VEC_N, acc[i]);
    }
}

#define PRODUCT_KERNEL(name, n_rows, n_vec)                              \
    static void name(const pair_product *p, size_t row, size_t col)      \
    {                                                                    \
        run_product(n_rows, n_vec, p, row, col);                         \
    }
#define PRODUCT_KERNELS(name, n_vec)    \
    PRODUCT_KERNEL(name##_1, 1, n_vec)  \
    PRODUCT_KERNEL(name##_2, 2, n_vec)  \
    PRODUCT_KERNEL(name##_3, 3, n_vec)  \
    PRODUCT_KERNEL(name##_4, 4, n_vec)  \
    PRODUCT_KERNEL(name##_5, 5, n_vec)  \
    PRODUCT_KERNEL(name##_6, 6, n_vec)
PRODUCT_KERNELS(one, 1)
PRODUCT_KERNELS(two, 2)
PRODUCT_KERNELS(four, 4)
PRODUCT_KERNEL(one_12, 12, 1)
PRODUCT_KERNEL(two_12, 12, 2)

static void multiply_block(attention_job *job, const pair_product *p, size_t n_rows, size_t n_cols)
{
    static void (*const kernels[3][ROWS])(const pair_product *, size_t, size_t) = {
        {one_1, one_2, one_3, one_4, one_5, one_6},
        {two_1, two_2, two_3, two_4, two_5, two_6},
        {four_1, four_2, four_3, four_4, four_5, four_6},
    };
    (void)job;
    for (size_t col = 0, cols; col < n_cols; col += cols) {
        size_t left_cols = n_cols - col, kind = left_cols >= 64 ? 2 : left_cols >= 32 ? 1 : 0;
        cols = (size_t)16 << kind;
        for (size_t row = 0, rows; row < n_rows; row += rows) {
            size_t left = n_rows - row;
            if (kind < 2 && left >= 2 * ROWS) {
                rows = 2 * ROWS;
                (kind == 0 ? one_12 : two_12)(p, row, col);
                continue;
            }
            /* the last seven to ten rows in two halves: two rows alone leave the units waiting */
            rows = left > 6 && left <= 10 ? (left + 1) / 2 : left < ROWS ? left : ROWS;
            kernels[kind][rows - 1](p, row, col);
        }
    }
}

/* Pairs of any place can be broadcast: the block stays as it is. */
static void weights_by_lane(attention_job *job, size_t n_keys, pair_product *p)
{
    (void)n_keys;
    p->a = job->zipped;
    p->a_row = 2;
    p->a_pair = (size_t)2 * LANES;
}

static void job_end(attention_job *job)
{
    (void)job;
}

void graft_avx512bf16_attention(graft_kernels *table)
{
    table->attention = attention;
    table->attention_backward = attention_backward;
}
