/* kernels/avx2bf16/act.h - activations in bfloat16 where the CPU has no instructions for it: integer
 * ones widen and round them, as core/half.h does, and arithmetic is that of AVX2. */
#ifndef GRAFT_KERNELS_AVX2BF16_ACT_H
#define GRAFT_KERNELS_AVX2BF16_ACT_H

#include "core/half.h"
#include "kernels/avx2/vec.h"

typedef uint16_t act;

/* The portable kernel for such activations. */
#define PORTABLE(name) graft_portable_##name##_half

VEC_INLINE vec vec_widen(__m128i a)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(a), 16));
}

/* Rounded to nearest even, NaN made quiet. */
VEC_INLINE __m128i vec_narrow(vec a)
{
    __m256i bits = _mm256_castps_si256(a);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    bits = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
}

VEC_INLINE vec act_load(const act *p)
{
    return vec_widen(_mm_loadu_si128((const __m128i *)(const void *)p));
}
VEC_INLINE void act_store(act *p, vec a)
{
    _mm_storeu_si128((__m128i *)(void *)p, vec_narrow(a));
}
/* There are no masks for 16 bits: what is not there is neither read nor written. */
VEC_INLINE vec act_load_part(const act *p, size_t n)
{
    act all[VEC_N] = {0};
    for (size_t i = 0; i < n; i++) {
        all[i] = p[i];
    }
    return act_load(all);
}
VEC_INLINE void act_store_part(act *p, vec a, size_t n)
{
    act all[VEC_N];
    act_store(all, a);
    for (size_t i = 0; i < n; i++) {
        p[i] = all[i];
    }
}

VEC_INLINE float act_one(const act *p) { return graft_bf16_to_f32(*p); }

/* A matrix as floats: a copy in `room`, whose rows lie *ld apart. */
VEC_INLINE const float *act_rows(float *room, const act *x, size_t ldx, size_t n_rows, size_t n,
                                 size_t *ld)
{
    *ld = (n + VEC_N - 1) / VEC_N * VEC_N;
    for (size_t i = 0; i < n_rows; i++, x += ldx) {
        float *row = room + i * *ld;
        size_t whole = n / VEC_N * VEC_N;
        for (size_t j = 0; j < whole; j += VEC_N) {
            vec_store(row + j, act_load(x + j));
        }
        if (whole < n) {
            vec_store(row + whole, act_load_part(x + whole, n - whole));
        }
    }
    return room;
}

/* Where the floats of a result are summed up, and putting them where they belong. */
VEC_INLINE float *act_sums(float *room, act *y, size_t ldy, size_t n, size_t *ld)
{
    (void)y;
    (void)ldy;
    *ld = n;
    return room;
}
VEC_INLINE void act_put_sums(act *y, size_t ldy, const float *sums, size_t ld, size_t n_rows,
                             size_t n)
{
    for (size_t i = 0; i < n_rows; i++, y += ldy, sums += ld) {
        size_t whole = n / VEC_N * VEC_N;
        for (size_t j = 0; j < whole; j += VEC_N) {
            act_store(y + j, vec_load(sums + j));
        }
        if (whole < n) {
            act_store_part(y + whole, vec_load_part(sums + whole, n - whole), n - whole);
        }
    }
}

#endif
