/* kernels/avx512bf16/bytes.c - products of 8-bit integers (VPDPBUSD) in tiles of 6 x 32.
 *
 * The instruction multiplies unsigned bytes with signed ones: W is stored plus 128. Parts of a panel
 * that are not bytes are those of unpack.h. */
#define STRIP_COLS 32
#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/avx512bf16/tile_out.h"
#include "kernels/avx512bf16/unpack.h"

/* --- numbers to bytes --- */

static const uint32_t odd_half = 0xffff0000u;

VEC_INLINE vec even_numbers(__m512i x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
}
VEC_INLINE vec odd_numbers(__m512i x)
{
    return _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32((int)odd_half)));
}
VEC_INLINE __m512i magnitudes(__m512i x)
{
    return _mm512_and_si512(x, _mm512_set1_epi16(0x7fff));
}

/* 127 over the largest magnitude. */
VEC_INLINE vec reciprocals(vec largest)
{
    __mmask16 tiny = _mm512_cmp_ps_mask(largest, vec_set(GRAFT_GROUP_TINY), _CMP_LT_OQ);
    vec r = _mm512_div_ps(vec_set((float)GRAFT_BYTE_MAX), largest);
    return _mm512_mask_mov_ps(r, tiny, vec_zero());
}

/* The larger magnitudes, as bits, so that what is not a number is larger than all. */
VEC_INLINE __m512i larger_of(__m512i largest, const vec v[4])
{
    const __m512i sign = _mm512_set1_epi32(0x7fffffff);
    for (int i = 0; i < 4; i++) {
        largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_castps_si512(v[i]), sign));
    }
    return largest;
}

VEC_INLINE float reduce_largest(__m512i largest)
{
    uint32_t bits = _mm512_reduce_max_epu32(largest);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* 32 numbers times 127 over the largest of their group, rounded. */
VEC_INLINE __m256i round_bytes(vec even, vec odd, vec reciprocal)
{
    __m512i e = _mm512_cvtps_epi32(vec_mul(even, reciprocal));
    __m512i o = _mm512_cvtps_epi32(vec_mul(odd, reciprocal));
    return _mm512_cvtepi16_epi8(_mm512_mask_blend_epi16(0xaaaaaaaa, e, _mm512_slli_epi32(o, 16)));
}

/* Sums and differences of lanes whose numbers differ in one bit; `keep` is 1 or -1. */
#define TURN_LANES(v, swapped, keep)               \
    for (int i = 0; i < 4; i++) {                  \
        v[i] = vec_fma(v[i], keep, swapped(v[i])); \
    }
#define SWAP_1(a) _mm512_permute_ps(a, 0xb1)
#define SWAP_2(a) _mm512_permute_ps(a, 0x4e)
#define SWAP_4(a) _mm512_shuffle_f32x4(a, a, 0xb1)
#define SWAP_8(a) _mm512_shuffle_f32x4(a, a, 0x4e)

/* 1, or -1 where the lane's number has the bit. */
VEC_INLINE vec signs(__mmask16 with_bit)
{
    return _mm512_mask_mov_ps(vec_set(1.0f), with_bit, vec_set(-1.0f));
}

/* The Walsh-Hadamard transform of a group (kernels/bytes.h), in its order of steps. */
VEC_INLINE void turn(vec v[4])
{
    vec a = vec_add(v[0], v[1]), b = vec_sub(v[0], v[1]);
    vec c = vec_add(v[2], v[3]), d = vec_sub(v[2], v[3]);
    v[0] = vec_add(a, c);
    v[1] = vec_add(b, d);
    v[2] = vec_sub(a, c);
    v[3] = vec_sub(b, d);
    TURN_LANES(v, SWAP_1, signs(0xaaaa))
    TURN_LANES(v, SWAP_2, signs(0xcccc))
    TURN_LANES(v, SWAP_4, signs(0xf0f0))
    TURN_LANES(v, SWAP_8, signs(0xff00))
}

/* A group of 64 numbers in single precision: even and odd ones of each half. */
VEC_INLINE void widen_group(vec v[4], __m512i low, __m512i high, bool turned)
{
    v[0] = even_numbers(low);
    v[1] = odd_numbers(low);
    v[2] = even_numbers(high);
    v[3] = odd_numbers(high);
    if (turned) {
        turn(v);
    }
}

VEC_INLINE __m512i round_group(const vec v[4], vec reciprocal)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(round_bytes(v[0], v[1], reciprocal)),
                              round_bytes(v[2], v[3], reciprocal), 1);
}

/* What a byte is worth if this is the largest number. */
VEC_INLINE float unit_of(float largest, bool turned)
{
    return largest / (float)GRAFT_BYTE_MAX * (turned ? GRAFT_TURNED : 1.0f);
}

/* The groups of a run, of which n numbers are left in the row. */
VEC_INLINE void run_to_bytes(int8_t *q, graft_byte_group *groups, const act *x, size_t n,
                             size_t n_groups, bool turned)
{
    vec v[GRAFT_RUN_GROUPS][4];
    __m512i largest = _mm512_setzero_si512();
    for (size_t g = 0; g < n_groups; g++) {
        const act *at = x + g * GRAFT_GROUP;
        size_t left = n - g * GRAFT_GROUP;
        __m512i high = _mm512_setzero_si512();
        if (left > 32) {
            high = act_load32(at + 32, left - 32);
        }
        widen_group(v[g], act_load32(at, left), high, turned);
        largest = larger_of(largest, v[g]);
    }
    float number = reduce_largest(largest);
    vec reciprocal = reciprocals(vec_set(number));
    for (size_t g = 0; g < n_groups; g++) {
        __m512i bytes = round_group(v[g], reciprocal);
        __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), bytes);
        groups[g].scale = unit_of(number, turned);
        groups[g].centre = -128 * _mm512_reduce_add_epi32(sums);
        _mm512_storeu_si512(q + g * GRAFT_GROUP, bytes);
    }
}

/* --- panels --- */

VEC_INLINE __m512i load_or_zero(load32 *load, const uint8_t *row, size_t k, size_t at, size_t end)
{
    return at < end ? load(row, k + at, end - at < 32 ? end - at : 32) : _mm512_setzero_si512();
}

VEC_INLINE void bytes_forward(load32 *load, const graft_weight *w, size_t c0, size_t k0,
                              size_t n_k, const graft_panel *panel, size_t k_at)
{
    for (size_t c = 0; c < panel->n_cols; c += 16) {
        size_t width = strip_width(panel->n_cols - c / STRIP * STRIP);
        uint8_t *out = (uint8_t *)panel_at(panel, c, k_at);
        const uint8_t *rows[16];
        for (size_t i = 0; i < 16; i++) {
            size_t column = c + i < panel->n_cols ? c + i : panel->n_cols - 1;
            rows[i] = (const uint8_t *)w->data + (c0 + column) * w->row_bytes;
        }
        for (size_t k = 0; k < n_k; k += GRAFT_GROUP) {
            __m512i a[16];
            float scales[16];
            for (int i = 0; i < 16; i++) {
                __m512i low = load_or_zero(load, rows[i], k0, k, n_k);
                __m512i high = load_or_zero(load, rows[i], k0, k + 32, n_k);
                vec v[4];
                widen_group(v, low, high, true);
                float largest = reduce_largest(larger_of(_mm512_setzero_si512(), v));
                a[i] = _mm512_xor_si512(round_group(v, reciprocals(vec_set(largest))),
                                        _mm512_set1_epi8((char)-128));
                scales[i] = unit_of(largest, true);
            }
            transpose16(a);
            for (size_t i = 0; i < GRAFT_QUADS; i++, out += 4 * width) {
                _mm512_storeu_si512(out, a[i]);
            }
            vec_store((float *)(void *)out, vec_load(scales));
            out += 4 * width;
        }
    }
}

/* Numbers 0, 2, 4, ... of 32 and 1, 3, 5, ...: the first or the last sixteen in order. */
VEC_INLINE __m512i mix_low(__m512i even, __m512i odd)
{
    const __m512i at = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_epi32(even, at, odd);
}
VEC_INLINE __m512i mix_high(__m512i even, __m512i odd)
{
    const __m512i at = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                         31);
    return _mm512_permutex2var_epi32(even, at, odd);
}

/* Four rows as bytes, plus 128: a column's four in a lane. */
VEC_INLINE __m512i join_rows(const vec rows[4], vec reciprocal)
{
    __m512i all = _mm512_set1_epi32((int)0x80808080u);
    for (int i = 0; i < 4; i++) {
        __m512i q = _mm512_cvtps_epi32(vec_mul(rows[i], reciprocal));
        all = _mm512_add_epi32(all, _mm512_slli_epi32(q, (unsigned)(8 * i)));
    }
    return all;
}

/* One group of rows, 32 columns, to strips of 16; high is NULL where the second is not there. */
VEC_INLINE void turn_group(const __m512i x[GRAFT_GROUP], uint8_t *low, uint8_t *high, size_t step)
{
    __m512i largest = _mm512_setzero_si512();
    for (int i = 0; i < GRAFT_GROUP; i++) {
        largest = _mm512_max_epu16(largest, magnitudes(x[i]));
    }
    vec even = even_numbers(largest), odd = odd_numbers(largest);
    vec to_even = reciprocals(even), to_odd = reciprocals(odd);
    for (int q = 0; q < GRAFT_QUADS; q++) {
        vec a[4], b[4];
        for (int i = 0; i < 4; i++) {
            a[i] = even_numbers(x[4 * q + i]);
            b[i] = odd_numbers(x[4 * q + i]);
        }
        __m512i e = join_rows(a, to_even), o = join_rows(b, to_odd);
        _mm512_storeu_si512(low + (size_t)q * step, mix_low(e, o));
        if (high != NULL) {
            _mm512_storeu_si512(high + (size_t)q * step, mix_high(e, o));
        }
    }
    vec unit = vec_set((float)GRAFT_BYTE_MAX);
    __m512i e = _mm512_castps_si512(_mm512_div_ps(even, unit));
    __m512i o = _mm512_castps_si512(_mm512_div_ps(odd, unit));
    _mm512_storeu_si512(low + GRAFT_QUADS * step, mix_low(e, o));
    if (high != NULL) {
        _mm512_storeu_si512(high + GRAFT_QUADS * step, mix_high(e, o));
    }
}

VEC_INLINE void bytes_backward(load32 *load, const graft_weight *w, size_t c0, size_t k0,
                               size_t n_k, const graft_panel *panel, size_t k_at)
{
    for (size_t k = 0; k < n_k; k += GRAFT_GROUP) {
        const uint8_t *rows = (const uint8_t *)w->data + (k0 + k) * w->row_bytes;
        for (size_t c = 0; c < panel->n_cols; c += 32) {
            size_t n = panel->n_cols - c < 32 ? panel->n_cols - c : 32;
            size_t step = 4 * strip_width(panel->n_cols - c);
            uint8_t *out = (uint8_t *)panel_at(panel, c, k_at);
            out += k / GRAFT_GROUP * (GRAFT_QUADS + 1) * step;
            __m512i x[GRAFT_GROUP];
            for (size_t i = 0; i < GRAFT_GROUP; i++) {
                const uint8_t *row = rows + i * w->row_bytes;
                if (c == 0 && k + i + AHEAD < n_k) {
                    fetch_ahead(w, row, c0, panel->n_cols);
                }
                x[i] = k + i < n_k ? load(row, c0 + c, n) : _mm512_setzero_si512();
            }
            turn_group(x, out, n > 16 ? out + 64 : NULL, step);
        }
    }
}

/* --- products --- */

/* sum + a0 b0 + ... + a3 b3, lane by lane, a unsigned and b signed. With the intrinsic gcc 12 copies
 * every sum around every instruction. */
VEC_INLINE __m512i dot_bytes(__m512i sum, __m512i a, __m512i b)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}

VEC_INLINE size_t add_numbers(vec *acc, int n_rows, int n_vec, const graft_slice *s, size_t r,
                              const act *b)
{
    size_t n_pairs = (s->n_k + 1) / 2;
    const act *a = (const act *)s->x + r * s->row_step;
    pair_sum(acc, n_rows, n_vec, n_pairs, a, s->row_step, 2, b, 2 * (size_t)n_vec * VEC_N);
    return 2 * n_pairs;
}

enum { BYTE_CHAINS = 24 };

#include "kernels/vector/bytes_tmpl.h"

static const struct graft_gemm gemm = {
    .kc = KC, .nc = GRAFT_NC, .k_step = 2, .element_bytes = sizeof(act), .rows = GRAFT_ROWS,
    .row_block = GRAFT_ROW_BLOCK, .unpack = unpack, .unpack_bytes = unpack_bytes,
    .multiply = multiply, .spin = spin, .spin_flops = SPIN_FLOPS,
};

void graft_avx512bf16_bytes(graft_kernels *table)
{
    table->byte_limits = GRAFT_BYTE_LIMITS_HALF;
    table->to_bytes = to_bytes;
    table->gemm_bytes = &gemm;
}
