/* kernels/avx512bf16/tile_out.h - a block of sums in registers on its way to the result. */
#ifndef GRAFT_KERNELS_AVX512BF16_TILE_OUT_H
#define GRAFT_KERNELS_AVX512BF16_TILE_OUT_H

#include "kernels/avx512bf16/vec.h"
#include "kernels/gemm.h"

/* Where a tile of the result goes; y and add point at its first element. */
typedef struct tile_out {
    void *y;
    const float *add;
    size_t ldy, ldadd, cols;
    float scale;
    bool y_act;
} tile_out;

VEC_INLINE vec load_cols(const float *p, size_t cols)
{
    return cols >= VEC_N ? vec_load(p) : vec_load_part(p, cols);
}

/* Loops over the sums of a tile are unrolled to the end: they are registers then, and neither
 * cleared nor stored by way of memory. */
#define UNROLL_TILE _Pragma("GCC unroll 24")

/* A tile none of whose columns is missing. */
VEC_INLINE void store_whole_tile(const tile_out *out, const vec *acc, int n_rows, int n_vec)
{
    vec scale = vec_set(out->scale);
    UNROLL_TILE
    for (int i = 0; i < n_rows * n_vec; i++) {
        size_t row = (size_t)(i / n_vec), c = (size_t)(i % n_vec) * VEC_N;
        vec sum = vec_mul(scale, acc[i]);
        if (out->add != NULL) {
            sum = vec_fma(scale, acc[i], vec_load(out->add + row * out->ldadd + c));
        }
        if (out->y_act) {
            act_store((act *)out->y + row * out->ldy + c, sum);
        } else {
            vec_store((float *)out->y + row * out->ldy + c, sum);
        }
    }
}

VEC_INLINE void store_part_of_tile(const tile_out *out, const vec *acc, int n_rows, int n_vec)
{
    vec scale = vec_set(out->scale);
    for (int i = 0; i < n_rows; i++) {
        for (int j = 0; j < n_vec; j++) {
            size_t c = (size_t)j * VEC_N, at = (size_t)i * out->ldy + c;
            size_t cols = out->cols > c ? out->cols - c : 0;
            vec sum = vec_mul(scale, acc[i * n_vec + j]);
            if (cols == 0) {
                break;
            }
            if (out->add != NULL) {
                vec old = load_cols(out->add + (size_t)i * out->ldadd + c, cols);
                sum = vec_fma(scale, acc[i * n_vec + j], old);
            }
            if (out->y_act && cols >= VEC_N) {
                act_store((act *)out->y + at, sum);
            } else if (out->y_act) {
                act_store_part((act *)out->y + at, sum, cols);
            } else if (cols >= VEC_N) {
                vec_store((float *)out->y + at, sum);
            } else {
                vec_store_part((float *)out->y + at, sum, cols);
            }
        }
    }
}

VEC_INLINE void store_tile(const tile_out *out, const vec *acc, int n_rows, int n_vec)
{
    if (out->cols >= (size_t)n_vec * VEC_N) {
        store_whole_tile(out, acc, n_rows, n_vec);
    } else {
        store_part_of_tile(out, acc, n_rows, n_vec);
    }
}

/* Asks for the lines that a tile will write: its stores would wait for one after the other, and what
 * comes next for room in their queue. */
VEC_INLINE void ask_for_tile(const tile_out *out, int n_rows, int n_vec)
{
    size_t row_bytes = (size_t)n_vec * VEC_N * (out->y_act ? sizeof(act) : sizeof(float));
    size_t step = out->ldy * (out->y_act ? sizeof(act) : sizeof(float));
    const char *y = out->y;
    for (int i = 0; i < n_rows; i++, y += step) {
        for (size_t at = 0; at < row_bytes; at += 64) {
            __builtin_prefetch(y + at, 1);
        }
    }
}

VEC_INLINE tile_out tile_out_at(const graft_multiply *m, size_t r, size_t c)
{
    size_t at = r * m->ldy + c;
    return (tile_out){m->y_act ? (void *)((act *)m->y + at) : (void *)((float *)m->y + at),
                      m->add == NULL ? NULL : m->add + r * m->ldadd + c, m->ldy, m->ldadd,
                      m->panel.n_cols - c, m->scale, m->y_act};
}

#endif
