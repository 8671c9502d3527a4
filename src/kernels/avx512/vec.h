/* kernels/avx512/vec.h - sixteen floats at a time, for the templates in kernels/vector. */
#ifndef GRAFT_KERNELS_AVX512_VEC_H
#define GRAFT_KERNELS_AVX512_VEC_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))

enum { VEC_N = 16, GEMM_VECS = 4 }; /* tiles of 6 x 64: 24 accumulators of 32 registers */

typedef __m512 vec;
typedef __m512i vec_int;

VEC_INLINE vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
VEC_INLINE void vec_store(float *p, vec a) { _mm512_storeu_ps(p, a); }
VEC_INLINE vec vec_set(float a) { return _mm512_set1_ps(a); }
VEC_INLINE vec vec_zero(void) { return _mm512_setzero_ps(); }
VEC_INLINE vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
VEC_INLINE vec vec_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
VEC_INLINE vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
VEC_INLINE vec vec_div(vec a, vec b) { return _mm512_div_ps(a, b); }
VEC_INLINE vec vec_sqrt(vec a) { return _mm512_sqrt_ps(a); }
VEC_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
/* b where either is NaN. */
VEC_INLINE vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
VEC_INLINE vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }
VEC_INLINE vec vec_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VEC_INLINE vec_int vec_to_int(vec a) { return _mm512_cvtps_epi32(a); }
VEC_INLINE vec vec_from_int(vec_int a) { return _mm512_cvtepi32_ps(a); }
VEC_INLINE vec_int vec_load_int(const void *p) { return _mm512_loadu_si512(p); }
VEC_INLINE void vec_store_int(void *p, vec_int a) { _mm512_storeu_si512(p, a); }
VEC_INLINE vec_int vec_set_int(int32_t a) { return _mm512_set1_epi32(a); }
VEC_INLINE vec_int vec_add_int(vec_int a, vec_int b) { return _mm512_add_epi32(a, b); }
VEC_INLINE vec_int vec_half_int(vec_int a) { return _mm512_srai_epi32(a, 1); }
VEC_INLINE vec_int vec_sub_int(vec_int a, vec_int b) { return _mm512_sub_epi32(a, b); }
/* 2^a for a in [-126, 127]. */
VEC_INLINE vec vec_exp2_int(vec_int a)
{
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_add_epi32(a, _mm512_set1_epi32(127)), 23));
}
/* a 2^n by adding to the exponent: a and the result are normal numbers, or a is NaN. */
VEC_INLINE vec vec_scale_exponent(vec a, vec_int n)
{
    return _mm512_castsi512_ps(
        _mm512_add_epi32(_mm512_castps_si512(a), _mm512_slli_epi32(n, 23)));
}

VEC_INLINE __mmask16 vec__mask(size_t n)
{
    return (__mmask16)((1u << n) - 1u);
}
/* The first n lanes, n <= VEC_N, touching no other memory; the rest is zero. */
VEC_INLINE vec vec_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(vec__mask(n), p);
}
VEC_INLINE void vec_store_part(float *p, vec a, size_t n)
{
    _mm512_mask_storeu_ps(p, vec__mask(n), a);
}
/* The first n lanes of a, the others of b. */
VEC_INLINE vec vec_first(vec a, vec b, size_t n)
{
    return _mm512_mask_blend_ps(vec__mask(n), b, a);
}

VEC_INLINE __m256 vec__high(vec a)
{
    return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1));
}
/* A bit for each lane in which a is not less than b, or either is NaN. */
VEC_INLINE unsigned vec_not_less(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }
VEC_INLINE float vec_largest(vec a)
{
    __m256 half = _mm256_max_ps(_mm512_castps512_ps256(a), vec__high(a));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}

/* Sums of floats kept in double. */
typedef struct vec_wide {
    __m512d low, high;
} vec_wide;
VEC_INLINE vec_wide vec_wide_zero(void)
{
    return (vec_wide){_mm512_setzero_pd(), _mm512_setzero_pd()};
}
VEC_INLINE vec_wide vec_wide_add(vec_wide s, vec a)
{
    s.low = _mm512_add_pd(s.low, _mm512_cvtps_pd(_mm512_castps512_ps256(a)));
    s.high = _mm512_add_pd(s.high, _mm512_cvtps_pd(vec__high(a)));
    return s;
}
VEC_INLINE vec_wide vec_wide_fma(vec_wide s, vec a, vec b)
{
    __m512d a0 = _mm512_cvtps_pd(_mm512_castps512_ps256(a)), a1 = _mm512_cvtps_pd(vec__high(a));
    __m512d b0 = _mm512_cvtps_pd(_mm512_castps512_ps256(b)), b1 = _mm512_cvtps_pd(vec__high(b));
    s.low = _mm512_fmadd_pd(a0, b0, s.low);
    s.high = _mm512_fmadd_pd(a1, b1, s.high);
    return s;
}
/* Always in the same order. */
VEC_INLINE double vec_wide_sum(vec_wide s)
{
    __m512d t = _mm512_add_pd(s.low, s.high);
    __m256d u = _mm256_add_pd(_mm512_castpd512_pd256(t), _mm512_extractf64x4_pd(t, 1));
    __m128d v = _mm_add_pd(_mm256_castpd256_pd128(u), _mm256_extractf128_pd(u, 1));
    return _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v)));
}

/* Neighbours: (a b) -> (b a), (a a), (b b). */
VEC_INLINE vec vec_swap_pairs(vec a) { return _mm512_permute_ps(a, 0xb1); }
VEC_INLINE vec vec_even(vec a) { return _mm512_moveldup_ps(a); }
VEC_INLINE vec vec_odd(vec a) { return _mm512_movehdup_ps(a); }
/* a b - c at even lanes, a b + c at odd ones. */
VEC_INLINE vec vec_fma_alternate(vec a, vec b, vec c) { return _mm512_fmaddsub_ps(a, b, c); }
/* 16 rows of 16 dwords, turned. */
VEC_INLINE void transpose16(__m512i a[16])
{
    __m512i b[16];
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (int h = 0; h < 16; h += 8) {
        for (int i = 0; i < 4; i++) {
            b[h + i] = _mm512_shuffle_i32x4(a[h + i], a[h + 4 + i], 0x88);
            b[h + 4 + i] = _mm512_shuffle_i32x4(a[h + i], a[h + 4 + i], 0xdd);
        }
    }
    for (int i = 0; i < 8; i++) {
        /* lanes 0 and 2 of the eight rows stand in b[i], 1 and 3 in b[i + 4] */
        a[i] = _mm512_shuffle_i32x4(b[i], b[i + 8], 0x88);
        a[i + 8] = _mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd);
    }
}

/* VEC_N rows, turned. */
VEC_INLINE void vec_transpose(vec a[VEC_N])
{
    __m512i b[VEC_N];
    for (int i = 0; i < VEC_N; i++) {
        b[i] = _mm512_castps_si512(a[i]);
    }
    transpose16(b);
    for (int i = 0; i < VEC_N; i++) {
        a[i] = _mm512_castsi512_ps(b[i]);
    }
}

/* Splits 2 VEC_N interleaved numbers. */
VEC_INLINE void vec_deinterleave(const float *p, vec *even, vec *odd)
{
    const __m512i at_even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26,
                                              28, 30);
    const __m512i at_odd = _mm512_add_epi32(at_even, _mm512_set1_epi32(1));
    __m512 a = _mm512_loadu_ps(p), b = _mm512_loadu_ps(p + 16);
    *even = _mm512_permutex2var_ps(a, at_even, b);
    *odd = _mm512_permutex2var_ps(a, at_odd, b);
}

/* Sixteen signed bytes times sixteen scales plus sixteen offsets; a strip has room for all. */
VEC_INLINE void vec_emit_columns(float *out, const int8_t *q, const float *scale,
                                 const float *offset, size_t n)
{
    (void)n;
    __m512i wide = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)q));
    _mm512_storeu_ps(out, _mm512_fmadd_ps(_mm512_cvtepi32_ps(wide), _mm512_loadu_ps(scale),
                                          _mm512_loadu_ps(offset)));
}
/* Sixteen signed bytes times one scale plus one offset. */
VEC_INLINE void vec_emit_row(float *out, __m128i q, float scale, float offset)
{
    __m512 wide = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q));
    _mm512_storeu_ps(out, _mm512_fmadd_ps(wide, _mm512_set1_ps(scale), _mm512_set1_ps(offset)));
}

#endif
