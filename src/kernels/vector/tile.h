/* kernels/vector/tile.h - the one inner loop of products and attention: a small block of the
 * result stays in registers while the reduction runs. Included after a level's vec.h. */
#ifndef GRAFT_KERNELS_VECTOR_TILE_H
#define GRAFT_KERNELS_VECTOR_TILE_H

enum {
    GEMM_ROWS = 6,
    STRIP = GEMM_VECS * VEC_N,
    TILE_MAX = GEMM_ROWS * GEMM_VECS /* most accumulators of any tile */
};

/* A step is two loads, six broadcasts and twelve multiply-adds (AVX2), 20 operations; with counting and
 * moving pointers in each it would be 24. Medians say that it matters, the best of many runs does not
 * (tests/bench/RESULTS.md). */
#define UNROLL_STEPS _Pragma("GCC unroll 8")

/* acc[i * n_strips * n_vec + j] += sum over k of a[i * a_row + k * a_k] * b[.., k * b_k], k in
 * order, each step one fused multiply-add. b is n_strips strips, b_strip apart, of n_vec vectors.
 * The counts are constants where this is inlined. */
VEC_INLINE void tile_sum(vec acc[TILE_MAX], int n_rows, int n_strips, int n_vec, size_t n_k,
                         const float *a, size_t a_row, size_t a_k, const float *b,
                         size_t b_strip, size_t b_k)
{
    int across = n_strips * n_vec;
    UNROLL_STEPS
    for (size_t k = 0; k < n_k; k++, a += a_k, b += b_k) {
        vec right[TILE_MAX];
        for (int j = 0; j < across; j++) {
            right[j] = vec_load(b + (size_t)(j / n_vec) * b_strip + (size_t)(j % n_vec) * VEC_N);
        }
        for (int i = 0; i < n_rows; i++) {
            vec left = vec_set(a[(size_t)i * a_row]);
            for (int j = 0; j < across; j++) {
                acc[i * across + j] = vec_fma(left, right[j], acc[i * across + j]);
            }
        }
    }
}

/* Loops over the sums of a tile are unrolled to the end: they are registers then, and neither
 * cleared nor stored by way of memory. */
#define UNROLL_TILE _Pragma("GCC unroll 24")

VEC_INLINE void tile_clear(vec acc[TILE_MAX], int n)
{
    UNROLL_TILE
    for (int i = 0; i < n; i++) {
        acc[i] = vec_zero();
    }
}

#endif
