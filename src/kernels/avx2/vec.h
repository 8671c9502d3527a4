/* kernels/avx2/vec.h - eight floats at a time, for the templates in kernels/vector. */
#ifndef GRAFT_KERNELS_AVX2_VEC_H
#define GRAFT_KERNELS_AVX2_VEC_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))

enum { VEC_N = 8, GEMM_VECS = 2 }; /* tiles of 6 x 16: twelve accumulators of sixteen registers */

typedef __m256 vec;
typedef __m256i vec_int;

VEC_INLINE vec vec_load(const float *p) { return _mm256_loadu_ps(p); }
VEC_INLINE void vec_store(float *p, vec a) { _mm256_storeu_ps(p, a); }
VEC_INLINE vec vec_set(float a) { return _mm256_set1_ps(a); }
VEC_INLINE vec vec_zero(void) { return _mm256_setzero_ps(); }
VEC_INLINE vec vec_add(vec a, vec b) { return _mm256_add_ps(a, b); }
VEC_INLINE vec vec_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
VEC_INLINE vec vec_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
VEC_INLINE vec vec_div(vec a, vec b) { return _mm256_div_ps(a, b); }
VEC_INLINE vec vec_sqrt(vec a) { return _mm256_sqrt_ps(a); }
VEC_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
/* b where either is NaN. */
VEC_INLINE vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }
VEC_INLINE vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }
VEC_INLINE vec vec_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VEC_INLINE vec_int vec_to_int(vec a) { return _mm256_cvtps_epi32(a); }
VEC_INLINE vec vec_from_int(vec_int a) { return _mm256_cvtepi32_ps(a); }
VEC_INLINE vec_int vec_load_int(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
VEC_INLINE void vec_store_int(void *p, vec_int a) { _mm256_storeu_si256((__m256i *)p, a); }
VEC_INLINE vec_int vec_set_int(int32_t a) { return _mm256_set1_epi32(a); }
VEC_INLINE vec_int vec_add_int(vec_int a, vec_int b) { return _mm256_add_epi32(a, b); }
VEC_INLINE vec_int vec_half_int(vec_int a) { return _mm256_srai_epi32(a, 1); }
VEC_INLINE vec_int vec_sub_int(vec_int a, vec_int b) { return _mm256_sub_epi32(a, b); }
/* 2^a for a in [-126, 127]. */
VEC_INLINE vec vec_exp2_int(vec_int a)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_add_epi32(a, _mm256_set1_epi32(127)), 23));
}

/* a 2^n by adding to the exponent: a and the result are normal numbers, or a is NaN. */
VEC_INLINE vec vec_scale_exponent(vec a, vec_int n)
{
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(n, 23)));
}

VEC_INLINE __m256i vec__mask(size_t n)
{
    __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lanes);
}
/* The first n lanes, n <= VEC_N, touching no other memory; the rest is zero. */
VEC_INLINE vec vec_load_part(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, vec__mask(n));
}
VEC_INLINE void vec_store_part(float *p, vec a, size_t n)
{
    _mm256_maskstore_ps(p, vec__mask(n), a);
}
/* The first n lanes of a, the others of b. */
VEC_INLINE vec vec_first(vec a, vec b, size_t n)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(vec__mask(n)));
}
/* A bit for each lane in which a is not less than b, or either is NaN. */
VEC_INLINE unsigned vec_not_less(vec a, vec b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NLT_UQ));
}
VEC_INLINE float vec_largest(vec a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}

/* Sums of floats kept in double. */
typedef struct vec_wide {
    __m256d low, high;
} vec_wide;
VEC_INLINE vec_wide vec_wide_zero(void)
{
    return (vec_wide){_mm256_setzero_pd(), _mm256_setzero_pd()};
}
VEC_INLINE vec_wide vec_wide_add(vec_wide s, vec a)
{
    s.low = _mm256_add_pd(s.low, _mm256_cvtps_pd(_mm256_castps256_ps128(a)));
    s.high = _mm256_add_pd(s.high, _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)));
    return s;
}
VEC_INLINE vec_wide vec_wide_fma(vec_wide s, vec a, vec b)
{
    __m256d a0 = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
    __m256d b0 = _mm256_cvtps_pd(_mm256_castps256_ps128(b));
    __m256d a1 = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
    __m256d b1 = _mm256_cvtps_pd(_mm256_extractf128_ps(b, 1));
    s.low = _mm256_fmadd_pd(a0, b0, s.low);
    s.high = _mm256_fmadd_pd(a1, b1, s.high);
    return s;
}
/* Always in the same order. */
VEC_INLINE double vec_wide_sum(vec_wide s)
{
    __m256d t = _mm256_add_pd(s.low, s.high);
    __m128d u = _mm_add_pd(_mm256_castpd256_pd128(t), _mm256_extractf128_pd(t, 1));
    return _mm_cvtsd_f64(_mm_add_sd(u, _mm_unpackhi_pd(u, u)));
}

/* Neighbours: (a b) -> (b a), (a a), (b b). */
VEC_INLINE vec vec_swap_pairs(vec a) { return _mm256_permute_ps(a, 0xb1); }
VEC_INLINE vec vec_even(vec a) { return _mm256_moveldup_ps(a); }
VEC_INLINE vec vec_odd(vec a) { return _mm256_movehdup_ps(a); }
/* a b - c at even lanes, a b + c at odd ones. */
VEC_INLINE vec vec_fma_alternate(vec a, vec b, vec c) { return _mm256_fmaddsub_ps(a, b, c); }
/* VEC_N rows, turned. */
VEC_INLINE void vec_transpose(vec a[VEC_N])
{
    vec b[VEC_N];
    for (int i = 0; i < 8; i += 4) {
        vec lo = _mm256_unpacklo_ps(a[i], a[i + 1]), hi = _mm256_unpackhi_ps(a[i], a[i + 1]);
        vec lo2 = _mm256_unpacklo_ps(a[i + 2], a[i + 3]), hi2 = _mm256_unpackhi_ps(a[i + 2], a[i + 3]);
        b[i] = _mm256_shuffle_ps(lo, lo2, 0x44);
        b[i + 1] = _mm256_shuffle_ps(lo, lo2, 0xee);
        b[i + 2] = _mm256_shuffle_ps(hi, hi2, 0x44);
        b[i + 3] = _mm256_shuffle_ps(hi, hi2, 0xee);
    }
    for (int i = 0; i < 4; i++) {
        a[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        a[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}
/* Splits 2 VEC_N interleaved numbers. */
VEC_INLINE void vec_deinterleave(const float *p, vec *even, vec *odd)
{
    __m256 a = _mm256_loadu_ps(p), b = _mm256_loadu_ps(p + 8);
    __m256 e = _mm256_shuffle_ps(a, b, 0x88), o = _mm256_shuffle_ps(a, b, 0xdd);
    *even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(e), 0xd8));
    *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(o), 0xd8));
}

/* Sixteen signed bytes times sixteen scales plus sixteen offsets; only `n` (8 or 16) are kept. */
VEC_INLINE void vec_emit_columns(float *out, const int8_t *q, const float *scale,
                                 const float *offset, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(q + i)));
        _mm256_storeu_ps(out + i, _mm256_fmadd_ps(_mm256_cvtepi32_ps(wide),
                                                  _mm256_loadu_ps(scale + i),
                                                  _mm256_loadu_ps(offset + i)));
    }
}
/* Sixteen signed bytes times one scale plus one offset. */
VEC_INLINE void vec_emit_row(float *out, __m128i q, float scale, float offset)
{
    __m256 s = _mm256_set1_ps(scale), o = _mm256_set1_ps(offset);
    __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q));
    __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(q, 8)));
    _mm256_storeu_ps(out, _mm256_fmadd_ps(low, s, o));
    _mm256_storeu_ps(out + 8, _mm256_fmadd_ps(high, s, o));
}

#endif
