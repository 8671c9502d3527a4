/* kernels/avx512bf16/vec.h - sixteen floats at a time, activations in bfloat16, and sums of products
 * of pairs (VDPBF16PS). The instructions round to nearest even and take denormals for zero. */
#ifndef GRAFT_KERNELS_AVX512BF16_VEC_H
#define GRAFT_KERNELS_AVX512BF16_VEC_H

#include <string.h>

#include "kernels/avx512/vec.h"

typedef uint16_t act;

/* The portable kernel for such activations. */
#define PORTABLE(name) graft_portable_##name##_half

/* a b - c */
VEC_INLINE vec vec_fms(vec a, vec b, vec c)
{
    return _mm512_fmsub_ps(a, b, c);
}

VEC_INLINE vec vec_widen(__m256i a)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(a), 16));
}
VEC_INLINE __m256i vec_narrow(vec a)
{
    return (__m256i)_mm512_cvtneps_pbh(a);
}
/* 32 numbers in order: those of `low` first. */
VEC_INLINE __m512i vec_narrow_two(vec low, vec high)
{
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

VEC_INLINE vec act_load(const act *p)
{
    return vec_widen(_mm256_loadu_si256((const __m256i *)p));
}
VEC_INLINE void act_store(act *p, vec a)
{
    _mm256_storeu_si256((__m256i *)p, vec_narrow(a));
}
VEC_INLINE vec act_load_part(const act *p, size_t n)
{
    return vec_widen(_mm256_maskz_loadu_epi16(vec__mask(n), p));
}
VEC_INLINE void act_store_part(act *p, vec a, size_t n)
{
    _mm256_mask_storeu_epi16(p, vec__mask(n), vec_narrow(a));
}

/* The first n <= 32 numbers at p, then zeros. */
VEC_INLINE __m512i act_load32(const act *p, size_t n)
{
    return n >= 32 ? _mm512_loadu_si512(p)
                   : _mm512_maskz_loadu_epi16((__mmask32)((1ull << n) - 1), p);
}

/* Pairs (a_i, b_i) of the first or last sixteen numbers. */
VEC_INLINE __m512i vec_zip_low(__m512i a, __m512i b)
{
    const __m512i at = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40,
                                        8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    return _mm512_permutex2var_epi16(a, at, b);
}
VEC_INLINE __m512i vec_zip_high(__m512i a, __m512i b)
{
    const __m512i at = _mm512_set_epi16(63, 31, 62, 30, 61, 29, 60, 28, 59, 27, 58, 26, 57, 25, 56,
                                        24, 55, 23, 54, 22, 53, 21, 52, 20, 51, 19, 50, 18, 49, 17,
                                        48, 16);
    return _mm512_permutex2var_epi16(a, at, b);
}
/* Pairs (a_i, b_i) of sixteen floats, rounded. */
VEC_INLINE __m512i vec_zip(vec a, vec b)
{
    __m512i low = _mm512_cvtepu16_epi32(vec_narrow(a));
    __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(vec_narrow(b)), 16);
    return _mm512_or_si512(low, high);
}

/* The pair at p in all lanes. */
VEC_INLINE __m512i vec_set_pair(const act *p)
{
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_set1_epi32(pair);
}
/* sum + a0 b0 + a1 b1, lane by lane. */
VEC_INLINE vec vec_dot(vec sum, __m512i a, __m512i b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

/* acc[i * n_vec + j] += sum over n_pairs of a[i * a_row + k * a_pair ..] b[k][j]: pairs of a are
 * broadcast, b is rows of n_vec vectors of pairs, b_pair elements apart. The counts are constants
 * where this is inlined. */
VEC_INLINE void pair_sum(vec *acc, int n_rows, int n_vec, size_t n_pairs, const act *a,
                         size_t a_row, size_t a_pair, const act *b, size_t b_pair)
{
    for (size_t k = 0; k < n_pairs; k++, a += a_pair, b += b_pair) {
        __m512i right[4];
        for (int j = 0; j < n_vec; j++) {
            right[j] = _mm512_loadu_si512(b + 32 * j);
        }
        for (int i = 0; i < n_rows; i++) {
            __m512i left = vec_set_pair(a + (size_t)i * a_row);
            for (int j = 0; j < n_vec; j++) {
                acc[i * n_vec + j] = vec_dot(acc[i * n_vec + j], left, right[j]);
            }
        }
    }
}

#endif
