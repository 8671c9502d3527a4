/* kernels/vector/tile_out.h - where the sums of a tile go. Included after a level's vec.h. */
#ifndef GRAFT_KERNELS_VECTOR_TILE_OUT_H
#define GRAFT_KERNELS_VECTOR_TILE_OUT_H

#include "kernels/gemm.h"
#include "kernels/vector/tile.h"

/* Where a tile of the result goes. */
typedef struct tile_out {
    float *y;
    const float *add; /* or NULL */
    size_t ldy, ldadd, cols; /* cols: of the last strip */
    float scale;
} tile_out;

VEC_INLINE void store_vec(const tile_out *out, float *y, const float *add, vec acc, size_t cols)
{
    vec scale = vec_set(out->scale);
    if (cols >= VEC_N) {
        vec_store(y, add != NULL ? vec_fma(scale, acc, vec_load(add)) : vec_mul(scale, acc));
    } else if (cols > 0) {
        vec old = add != NULL ? vec_load_part(add, cols) : vec_zero();
        vec_store_part(y, add != NULL ? vec_fma(scale, acc, old) : vec_mul(scale, acc), cols);
    }
}

VEC_INLINE void store_cols(const tile_out *out, const vec acc[TILE_MAX], int n_rows, int n_vec,
                           size_t cols)
{
    UNROLL_TILE
    for (int i = 0; i < n_rows * n_vec; i++) {
        size_t row = (size_t)(i / n_vec), c = (size_t)(i % n_vec) * VEC_N;
        store_vec(out, out->y + row * out->ldy + c,
                  out->add == NULL ? NULL : out->add + row * out->ldadd + c, acc[i],
                  cols > c ? cols - c : 0);
    }
}

VEC_INLINE void store_tile(const tile_out *out, const vec acc[TILE_MAX], int n_rows, int n_vec)
{
    size_t whole = (size_t)n_vec * VEC_N;
    if (out->cols >= whole) {
        store_cols(out, acc, n_rows, n_vec, whole);
    } else {
        store_cols(out, acc, n_rows, n_vec, out->cols);
    }
}

VEC_INLINE tile_out tile_out_at(const graft_multiply *m, size_t r, size_t c)
{
    return (tile_out){(float *)m->y + r * m->ldy + c,
                      m->add == NULL ? NULL : m->add + r * m->ldadd + c, m->ldy, m->ldadd,
                      m->panel.n_cols - c, m->scale};
}

/* Asks for the lines that a tile will write: its stores would wait for one after the other, and what
 * comes next for room in their queue. */
VEC_INLINE void ask_for_tile(const tile_out *out, int n_rows, int n_vec)
{
    enum { LINE = 16 };
    for (int i = 0; i < n_rows; i++) {
        for (size_t c = 0; c < (size_t)n_vec * VEC_N; c += LINE) {
            __builtin_prefetch(out->y + (size_t)i * out->ldy + c, 1);
        }
    }
}

#endif
