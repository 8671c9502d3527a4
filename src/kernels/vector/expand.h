/* kernels/vector/expand.h - blocks of quantised formats as 32 signed bytes, a scale and an offset
 * for each half: value = scale * q + offset. Products of a block scale, a group scale and a
 * quantum need at most 24 bits, so these are the values of the format's own decoder bit for bit
 * (but for the sign of a zero). Needs AVX2 and F16C. Formats with code books: expand_grid.h. */
#ifndef GRAFT_KERNELS_VECTOR_EXPAND_H
#define GRAFT_KERNELS_VECTOR_EXPAND_H

#include <immintrin.h>
#include <string.h>

#include "quant/bytes.h"
#include "quant/formats.h"

typedef struct graft_run32 {
    __m256i q;
    float scale[2], offset[2];
} graft_run32;

/* Run `run` (elements 32 run .. 32 run + 31) of a row of blocks. */
typedef graft_run32 graft_expand(const uint8_t *row, size_t run);

#define EXPAND_INLINE static inline __attribute__((always_inline))

EXPAND_INLINE float expand__half(const uint8_t *p)
{
    uint16_t bits;
    memcpy(&bits, p, sizeof bits);
    return _cvtsh_ss(bits);
}

EXPAND_INLINE graft_run32 expand__whole(__m256i q, float scale, float offset)
{
    return (graft_run32){q, {scale, scale}, {offset, offset}};
}

/* Sixteen bytes: low nibbles first, then high nibbles. */
EXPAND_INLINE __m256i expand__nibbles(const uint8_t *p)
{
    __m128i low = _mm_loadu_si128((const __m128i *)p);
    __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), _mm_srli_epi16(low, 4), 1);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* value in every byte whose bit in the 32-bit word is set, else 0. */
EXPAND_INLINE __m256i expand__bits(const uint8_t *p, char value)
{
    int word;
    memcpy(&word, p, sizeof word);
    const __m256i which = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
                                           2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(word), which);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
    return _mm256_and_si256(set, _mm256_set1_epi8(value));
}

/* value in every byte of p[0..32) that has bit `bit`, else 0. */
EXPAND_INLINE __m256i expand__plane(const uint8_t *p, int bit, char value)
{
    __m256i mask = _mm256_set1_epi8((char)(1 << bit));
    __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, mask), mask);
    return _mm256_and_si256(set, _mm256_set1_epi8(value));
}

/* (p[i] >> shift) & mask for 32 bytes. */
EXPAND_INLINE __m256i expand__field(const uint8_t *p, int shift, char mask)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
    __m256i shifted = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(shift));
    return _mm256_and_si256(shifted, _mm256_set1_epi8(mask));
}

EXPAND_INLINE __m256i expand__minus(__m256i q, char centre)
{
    return _mm256_sub_epi8(q, _mm256_set1_epi8(centre));
}

EXPAND_INLINE graft_run32 expand_q4_0(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 18 * run;
    return expand__whole(expand__minus(expand__nibbles(b + 2), 8), expand__half(b), 0.0f);
}

EXPAND_INLINE graft_run32 expand_q4_1(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 20 * run;
    return expand__whole(expand__nibbles(b + 4), expand__half(b), expand__half(b + 2));
}

EXPAND_INLINE graft_run32 expand_q5_0(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 22 * run;
    __m256i q = _mm256_or_si256(expand__nibbles(b + 6), expand__bits(b + 2, 16));
    return expand__whole(expand__minus(q, 16), expand__half(b), 0.0f);
}

EXPAND_INLINE graft_run32 expand_q5_1(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 24 * run;
    __m256i q = _mm256_or_si256(expand__nibbles(b + 8), expand__bits(b + 4, 16));
    return expand__whole(q, expand__half(b), expand__half(b + 2));
}

EXPAND_INLINE graft_run32 expand_q8_0(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 34 * run;
    return expand__whole(_mm256_loadu_si256((const __m256i *)(b + 2)), expand__half(b), 0.0f);
}

/* table[i] for 32 indices below 16. */
EXPAND_INLINE __m256i expand__lookup(const int8_t table[16], __m256i i)
{
    __m128i values = _mm_loadu_si128((const __m128i *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), i);
}

EXPAND_INLINE graft_run32 expand_iq4_nl(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 18 * run;
    __m256i q = expand__lookup(graft_iq4_nl_values, expand__nibbles(b + 2));
    return expand__whole(q, expand__half(b), 0.0f);
}

EXPAND_INLINE graft_run32 expand_iq4_xs(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 136 * (run / 8);
    size_t r = run % 8;
    __m256i q = expand__lookup(graft_iq4_nl_values, expand__nibbles(b + 8 + 16 * r));
    return expand__whole(q, expand__half(b) * (float)graft_iq4_xs_scale(b + 2, (int)r), 0.0f);
}

EXPAND_INLINE graft_run32 expand_mxfp4(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 17 * run;
    __m256i q = expand__lookup(graft_fp4_values, expand__nibbles(b + 1));
    return expand__whole(q, graft_e8m0_half(b[0]), 0.0f);
}

EXPAND_INLINE graft_run32 expand_nvfp4(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 36 * (run / 2), *s = b + 2 * (run % 2);
    __m256i q = expand__nibbles(b + 4 + 16 * (run % 2)); /* of both groups, low ones first */
    q = _mm256_permute4x64_epi64(expand__lookup(graft_fp4_values, q), 0xd8);
    return (graft_run32){q, {graft_ue4m3_half(s[0]), graft_ue4m3_half(s[1])}, {0.0f, 0.0f}};
}

EXPAND_INLINE graft_run32 expand_q2_k(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 84 * (run / 8);
    size_t r = run % 8;
    float d = expand__half(b + 80), dmin = expand__half(b + 82);
    const uint8_t *s = b + 2 * r;
    return (graft_run32){expand__field(b + 16 + 32 * (r / 4), (int)(2 * (r % 4)), 3),
                         {d * (float)(s[0] & 15), d * (float)(s[1] & 15)},
                         {-(dmin * (float)(s[0] >> 4)), -(dmin * (float)(s[1] >> 4))}};
}

EXPAND_INLINE graft_run32 expand_q3_k(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 110 * (run / 8);
    size_t r = run % 8;
    float d = expand__half(b + 108);
    __m256i low = expand__field(b + 32 + 32 * (r / 4), (int)(2 * (r % 4)), 3);
    __m256i q = expand__minus(_mm256_or_si256(low, expand__plane(b, (int)r, 4)), 4);
    return (graft_run32){q,
                         {d * (float)graft_q3_k_scale(b + 96, (int)(2 * r)),
                          d * (float)graft_q3_k_scale(b + 96, (int)(2 * r) + 1)},
                         {0.0f, 0.0f}};
}

EXPAND_INLINE graft_run32 expand_q4_k(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 144 * (run / 8);
    size_t r = run % 8;
    int scale, min;
    graft_k_scale_min(b + 4, (int)r, &scale, &min);
    return expand__whole(expand__field(b + 16 + 32 * (r / 2), (int)(4 * (r % 2)), 15),
                         expand__half(b) * (float)scale, -(expand__half(b + 2) * (float)min));
}

EXPAND_INLINE graft_run32 expand_q5_k(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 176 * (run / 8);
    size_t r = run % 8;
    int scale, min;
    graft_k_scale_min(b + 4, (int)r, &scale, &min);
    __m256i low = expand__field(b + 48 + 32 * (r / 2), (int)(4 * (r % 2)), 15);
    return expand__whole(_mm256_or_si256(low, expand__plane(b + 16, (int)r, 16)),
                         expand__half(b) * (float)scale, -(expand__half(b + 2) * (float)min));
}

EXPAND_INLINE graft_run32 expand_q6_k(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 210 * (run / 8);
    size_t r = run % 8, half = r / 4;
    float d = expand__half(b + 208);
    __m256i low = expand__field(b + 64 * half + 32 * (r % 2), (int)(4 * (r % 4 / 2)), 15);
    __m256i high = expand__field(b + 128 + 32 * half, (int)(2 * (r % 4)), 3);
    __m256i q = expand__minus(_mm256_or_si256(low, _mm256_slli_epi16(high, 4)), 32);
    return (graft_run32){q,
                         {d * (float)(int8_t)b[192 + 2 * r], d * (float)(int8_t)b[193 + 2 * r]},
                         {0.0f, 0.0f}};
}

EXPAND_INLINE graft_run32 expand_q1_0(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 18 * (run / 4);
    __m256i q = expand__minus(expand__bits(b + 2 + 4 * (run % 4), 2), 1);
    return expand__whole(q, expand__half(b), 0.0f);
}

/* 32 neighbouring fields of two bits, the lowest bits first. */
EXPAND_INLINE __m256i expand__pairs(const uint8_t *p)
{
    __m256i x = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    x = _mm256_or_si256(x, _mm256_slli_epi32(x, 12)); /* byte j of a number is its field j on top */
    x = _mm256_or_si256(x, _mm256_slli_epi32(x, 6));
    return _mm256_and_si256(x, _mm256_set1_epi8(3));
}

EXPAND_INLINE graft_run32 expand_q2_0(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 18 * (run / 2);
    __m256i q = expand__minus(expand__pairs(b + 2 + 8 * (run % 2)), 1);
    return expand__whole(q, expand__half(b), 0.0f);
}

EXPAND_INLINE graft_run32 expand_tq2_0(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 66 * (run / 8);
    size_t r = run % 8;
    __m256i q = expand__minus(expand__field(b + 32 * (r / 4), (int)(2 * (r % 4)), 3), 1);
    return expand__whole(q, expand__half(b + 64), 0.0f);
}

/* The digit to base 3 in front of 16 products of bytes. */
EXPAND_INLINE __m256i expand__digits(__m256i bytes, __m256i powers)
{
    __m256i x = _mm256_mullo_epi16(bytes, powers);
    x = _mm256_and_si256(x, _mm256_set1_epi16(255));
    return _mm256_srli_epi16(_mm256_mullo_epi16(x, _mm256_set1_epi16(3)), 8);
}

/* Runs 0-4: a digit of 32 bytes; 5, 6: two digits of 16; 7: the last of those, four digits of 4. */
EXPAND_INLINE graft_run32 expand_tq1_0(const uint8_t *row, size_t run)
{
    static const short powers[8][2] = {{1, 1},   {3, 3}, {9, 9},  {27, 27},
                                       {81, 81}, {1, 3}, {9, 27}, {81, 0}};
    const uint8_t *b = row + 54 * (run / 8);
    size_t r = run % 8;
    __m256i x, power;
    if (r < 5) {
        x = _mm256_loadu_si256((const __m256i *)b);
    } else {
        x = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(b + 32)));
    }
    power = _mm256_inserti128_si256(_mm256_set1_epi16(powers[r][0]),
                                    _mm_set1_epi16(powers[r][1]), 1);
    if (r == 7) {
        int last;
        memcpy(&last, b + 48, sizeof last);
        x = _mm256_inserti128_si256(x, _mm_set1_epi32(last), 1);
        power = _mm256_inserti128_si256(power, _mm_setr_epi16(1, 1, 3, 3, 9, 9, 27, 27), 1);
    }
    __m256i even = expand__digits(_mm256_and_si256(x, _mm256_set1_epi16(255)), power);
    __m256i odd = expand__digits(_mm256_srli_epi16(x, 8), power);
    __m256i q = _mm256_or_si256(even, _mm256_slli_epi16(odd, 8));
    return expand__whole(expand__minus(q, 1), expand__half(b + 52), 0.0f);
}

#endif
