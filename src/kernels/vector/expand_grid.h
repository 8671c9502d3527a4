/* kernels/vector/expand_grid.h - the formats with code books, as expand.h has the others; and the
 * list of all. */
#ifndef GRAFT_KERNELS_VECTOR_EXPAND_GRID_H
#define GRAFT_KERNELS_VECTOR_EXPAND_GRID_H

#include "kernels/vector/expand.h"
#include "quant/grids.h"

/* ROW(name) for every format that has an expand_<name>. */
#define GRAFT_EXPANDED(ROW)                                                                     \
    ROW(q4_0) ROW(q4_1) ROW(q5_0) ROW(q5_1) ROW(q8_0) ROW(q2_k) ROW(q3_k) ROW(q4_k) ROW(q5_k)   \
    ROW(q6_k) ROW(iq4_nl) ROW(iq4_xs) ROW(iq3_s) ROW(iq3_xxs) ROW(iq2_s) ROW(iq2_xs)            \
    ROW(iq2_xxs) ROW(iq1_m) ROW(iq1_s) ROW(tq1_0) ROW(tq2_0) ROW(mxfp4) ROW(nvfp4) ROW(q1_0)    \
    ROW(q2_0)

/* q, negative where one of 32 bits of `signs` is set. */
EXPAND_INLINE __m256i expand__signed(__m256i q, uint32_t signs)
{
    __m256i mask = expand__bits((const uint8_t *)&signs, (char)-1);
    return _mm256_sub_epi8(_mm256_xor_si256(q, mask), mask);
}

/* The signs of 32 numbers from four times seven bits. */
EXPAND_INLINE uint32_t expand__even_signs(uint32_t sevens)
{
    uint32_t x = (sevens & 0x7f) | (sevens & 0x3f80) << 1 | (sevens & 0x1fc000) << 2 |
                 (sevens & 0xfe00000) << 3;
    uint32_t parity = x ^ x >> 4; /* of every byte, in its lowest bit */
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return x | (parity & 0x01010101) << 7;
}

/* The codes of four words of IQ1 or IQ2. */
EXPAND_INLINE __m256i expand__four(uint16_t a, uint16_t b, uint16_t c, uint16_t d)
{
    const uint64_t words = a | (uint64_t)b << 16 | (uint64_t)c << 32 | (uint64_t)d << 48;
    return expand__pairs((const uint8_t *)&words);
}

EXPAND_INLINE __m256i expand__iq2(__m256i codes, uint32_t signs)
{
    static const int8_t values[16] = {GRAFT_IQ2_VALUES};
    return expand__signed(expand__lookup(values, codes), signs);
}

/* d (s + 1/2) / 4 for the two scales in a byte. */
EXPAND_INLINE graft_run32 expand__iq2_scaled(__m256i q, float d, unsigned scales)
{
    return (graft_run32){q,
                         {d * (0.5f + (float)(scales & 15)) * 0.25f,
                          d * (0.5f + (float)(scales >> 4)) * 0.25f},
                         {0.0f, 0.0f}};
}

EXPAND_INLINE graft_run32 expand_iq2_xxs(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 66 * (run / 8), *q = b + 2 + 8 * (run % 8);
    const uint16_t *grid = graft_grid_iq2_xxs;
    uint32_t rest = graft_get_u32(q + 4);
    __m256i codes = expand__four(grid[q[0]], grid[q[1]], grid[q[2]], grid[q[3]]);
    float scale = expand__half(b) * (0.5f + (float)(rest >> 28)) * 0.25f;
    return expand__whole(expand__iq2(codes, expand__even_signs(rest)), scale, 0.0f);
}

EXPAND_INLINE graft_run32 expand_iq2_xs(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 74 * (run / 8);
    const uint16_t *grid = graft_grid_iq2_xs;
    size_t r = run % 8;
    uint32_t sevens = 0;
    unsigned q[4];
    for (size_t l = 0; l < 4; l++) {
        q[l] = graft_get_u16(b + 2 + 8 * r + 2 * l);
        sevens |= (q[l] >> 9) << 7 * l;
    }
    __m256i codes = expand__four(grid[q[0] & 511], grid[q[1] & 511], grid[q[2] & 511],
                                 grid[q[3] & 511]);
    codes = expand__iq2(codes, expand__even_signs(sevens));
    return expand__iq2_scaled(codes, expand__half(b), b[66 + r]);
}

EXPAND_INLINE graft_run32 expand_iq2_s(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 82 * (run / 8);
    const uint16_t *grid = graft_grid_iq2_s;
    size_t r = run % 8;
    const uint8_t *q = b + 2 + 4 * r;
    unsigned high = b[66 + r];
    __m256i codes = expand__four(grid[q[0] | (high & 3) << 8], grid[q[1] | (high & 12) << 6],
                                 grid[q[2] | (high & 48) << 4], grid[q[3] | (high & 192) << 2]);
    codes = expand__iq2(codes, graft_get_u32(b + 34 + 4 * r));
    return expand__iq2_scaled(codes, expand__half(b), b[74 + r]);
}

/* The magnitudes of eight words of IQ3. */
EXPAND_INLINE __m256i expand__iq3(const uint16_t word[8], const int8_t values[16])
{
    __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)word));
    x = _mm256_or_si256(x, _mm256_slli_epi32(x, 10)); /* two codes to a half, then one to a byte */
    x = _mm256_and_si256(x, _mm256_set1_epi16(63));
    x = _mm256_or_si256(x, _mm256_slli_epi32(x, 5));
    return expand__lookup(values, _mm256_and_si256(x, _mm256_set1_epi8(7)));
}

EXPAND_INLINE graft_run32 expand_iq3_xxs(const uint8_t *row, size_t run)
{
    static const int8_t values[16] = {GRAFT_IQ3_XXS_VALUES};
    const uint8_t *b = row + 98 * (run / 8);
    size_t r = run % 8;
    uint32_t rest = graft_get_u32(b + 66 + 4 * r);
    uint16_t word[8];
    for (size_t l = 0; l < 8; l++) {
        word[l] = graft_grid_iq3_xxs[b[2 + 8 * r + l]];
    }
    float scale = expand__half(b) * (0.5f + (float)(rest >> 28)) * 0.5f;
    return expand__whole(expand__signed(expand__iq3(word, values), expand__even_signs(rest)), scale,
                         0.0f);
}

EXPAND_INLINE graft_run32 expand_iq3_s(const uint8_t *row, size_t run)
{
    static const int8_t values[16] = {1, 3, 5, 7, 9, 11, 13, 15};
    const uint8_t *b = row + 110 * (run / 8);
    size_t r = run % 8;
    unsigned high = b[66 + r], s = b[106 + r / 2] >> 4 * (r % 2) & 15;
    uint16_t word[8];
    for (size_t l = 0; l < 8; l++) {
        word[l] = graft_grid_iq3_s[b[2 + 8 * r + l] | (high >> l & 1) << 8];
    }
    __m256i q = expand__signed(expand__iq3(word, values), graft_get_u32(b + 74 + 4 * r));
    return expand__whole(q, expand__half(b) * (float)(1 + 2 * s), 0.0f);
}

/* Eight times codes - 1, and one more or (where a bit of `minus` is set) less for each eight. */
EXPAND_INLINE __m256i expand__iq1(__m256i codes, unsigned minus)
{
    static const int8_t values[16] = {-8, 0, 8, 16};
    const __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
    __m256i set = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(minus), bit), bit);
    __m256i delta = _mm256_or_si256(set, _mm256_set1_epi8(1)); /* -1 or 1 */
    return _mm256_add_epi8(expand__lookup(values, codes), delta);
}

EXPAND_INLINE graft_run32 expand_iq1_s(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 50 * (run / 8);
    const uint16_t *grid = graft_grid_iq1;
    size_t r = run % 8;
    const uint8_t *q = b + 2 + 4 * r;
    unsigned high = graft_get_u16(b + 34 + 2 * r);
    __m256i codes = expand__four(grid[q[0] | (high & 7) << 8], grid[q[1] | (high >> 3 & 7) << 8],
                                 grid[q[2] | (high >> 6 & 7) << 8],
                                 grid[q[3] | (high >> 9 & 7) << 8]);
    float scale = expand__half(b) * (float)(2 * (high >> 12 & 7) + 1) * 0.125f;
    return expand__whole(expand__iq1(codes, high >> 15 ? 15 : 0), scale, 0.0f);
}

EXPAND_INLINE graft_run32 expand_iq1_m(const uint8_t *row, size_t run)
{
    const uint8_t *b = row + 56 * (run / 8);
    const uint16_t *grid = graft_grid_iq1;
    size_t r = run % 8;
    const uint8_t *q = b + 4 * r;
    unsigned high = graft_get_u16(b + 32 + 2 * r), s = graft_get_u16(b + 48 + 2 * (r / 2));
    __m256i codes = expand__four(grid[q[0] | (high & 7) << 8], grid[q[1] | (high >> 4 & 7) << 8],
                                 grid[q[2] | (high >> 8 & 7) << 8],
                                 grid[q[3] | (high >> 12 & 7) << 8]);
    unsigned minus = (high >> 3 & 1) | (high >> 6 & 2) | (high >> 9 & 4) | (high >> 12 & 8);
    float d = graft_f16_to_f32(graft_iq1_m_scale(b + 48)) * 0.125f;
    s >>= 6 * (r % 2);
    return (graft_run32){expand__iq1(codes, minus),
                         {d * (float)(2 * (s & 7) + 1), d * (float)(2 * (s >> 3 & 7) + 1)},
                         {0.0f, 0.0f}};
}

#endif
