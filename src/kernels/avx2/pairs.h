/* kernels/avx2/pairs.h - products of 8-bit integers without VNNI, in tiles of 6 x 16. Included once by
 * a bytes.c, after its activations.
 *
 * VPMADDUBSW multiplies unsigned bytes with signed ones and sums pairs in 16 bits: W is stored raised,
 * and no sum of what bytes may be leaves them (GRAFT_BYTE_LIMITS). VPMADDWD with ones and VPADDD bring
 * the pairs to sums in 32 bits. Parts of a panel that are not bytes are those of unpack_tmpl.h. */
#include "kernels/vector/tile_out.h"

enum { KC = 2048 };

#include "kernels/vector/unpack_tmpl.h"

enum {
    VECS = GRAFT_GROUP / VEC_N,
    RAISED = GRAFT_PAIR_W_MAX, /* by which bytes of W are */
};

/* --- numbers to bytes --- */

/* Sums and differences of lanes whose numbers differ in one bit; `keep` is 1 or -1. */
#define TURN_LANES(v, swapped, keep)               \
    for (int i = 0; i < VECS; i++) {               \
        v[i] = vec_fma(v[i], keep, swapped(v[i])); \
    }
/* The same of vectors `step` apart. */
#define TURN_VECTORS(v, step)                         \
    for (int i = 0; i < VECS; i++) {                  \
        if ((i & (step)) == 0) {                      \
            vec low = v[i], high = v[i + (step)];     \
            v[i] = vec_add(low, high);                \
            v[i + (step)] = vec_sub(low, high);       \
        }                                             \
    }
#define SWAP_2(a) _mm256_permute_ps(a, 0x4e)
#define SWAP_4(a) _mm256_permute2f128_ps(a, a, 1)

/* The Walsh-Hadamard transform of a group (kernels/bytes.h), in its order of steps. */
VEC_INLINE void turn(vec v[VECS])
{
    const vec bit0 = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
    const vec bit1 = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
    const vec bit2 = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);
    TURN_LANES(v, vec_swap_pairs, bit0)
    TURN_VECTORS(v, 4)
    TURN_LANES(v, SWAP_2, bit1)
    TURN_LANES(v, SWAP_4, bit2)
    TURN_VECTORS(v, 1)
    TURN_VECTORS(v, 2)
}

/* The larger magnitudes, as bits, so that what is not a number is larger than all. */
VEC_INLINE __m256i larger_of(__m256i largest, vec v)
{
    const __m256i sign = _mm256_set1_epi32(0x7fffffff);
    return _mm256_max_epu32(largest, _mm256_and_si256(_mm256_castps_si256(v), sign));
}

VEC_INLINE float reduce_largest(__m256i largest)
{
    __m128i a = _mm_max_epu32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
    a = _mm_max_epu32(a, _mm_shuffle_epi32(a, 0x4e));
    a = _mm_max_epu32(a, _mm_shuffle_epi32(a, 0xb1));
    return _mm_cvtss_f32(_mm_castsi128_ps(a));
}

/* `most` over the largest magnitude. */
VEC_INLINE vec reciprocals(vec largest, float most)
{
    vec tiny = _mm256_cmp_ps(largest, vec_set(GRAFT_GROUP_TINY), _CMP_LT_OQ);
    return _mm256_andnot_ps(tiny, vec_div(vec_set(most), largest));
}

/* 32 numbers, rounded. */
VEC_INLINE __m256i round_bytes(const vec v[4], vec reciprocal)
{
    __m256i q[4];
    for (int i = 0; i < 4; i++) {
        q[i] = vec_to_int(vec_mul(v[i], reciprocal));
    }
    __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]),
                                        _mm256_packs_epi32(q[2], q[3]));
    return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* What a byte is worth if this is the largest number. */
VEC_INLINE float unit_of(float largest, float most, bool turned)
{
    return largest / most * (turned ? GRAFT_TURNED : 1.0f);
}

VEC_INLINE int sum_of(__m256i low, __m256i high)
{
    const __m256i ones = _mm256_set1_epi8(1);
    __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(ones, low),
                                     _mm256_maddubs_epi16(ones, high));
    __m256i wide = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    __m128i a = _mm_add_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(a, _mm_shuffle_epi32(a, 0xb1)));
}

/* The groups of a run, of which n numbers are left in the row. */
VEC_INLINE void run_to_bytes(int8_t *q, graft_byte_group *groups, const act *x, size_t n,
                             size_t n_groups, bool turned)
{
    vec v[GRAFT_RUN_GROUPS][VECS];
    __m256i largest = _mm256_setzero_si256();
    for (size_t g = 0; g < n_groups; g++) {
        for (size_t i = 0, k = g * GRAFT_GROUP; i < VECS; i++, k += VEC_N) {
            size_t left = k < n ? n - k : 0;
            v[g][i] = left >= VEC_N ? act_load(x + k) : left > 0 ? act_load_part(x + k, left)
                                                                 : vec_zero();
        }
        if (turned) {
            turn(v[g]);
        }
        for (size_t i = 0; i < VECS; i++) {
            largest = larger_of(largest, v[g][i]);
        }
    }
    float number = reduce_largest(largest), most = (float)GRAFT_PAIR_X_MAX;
    vec reciprocal = reciprocals(vec_set(number), most);
    for (size_t g = 0; g < n_groups; g++, q += GRAFT_GROUP) {
        __m256i low = round_bytes(v[g], reciprocal), high = round_bytes(v[g] + 4, reciprocal);
        groups[g].scale = unit_of(number, most, turned);
        groups[g].centre = -RAISED * sum_of(low, high);
        _mm256_storeu_si256((__m256i *)(void *)q, low);
        _mm256_storeu_si256((__m256i *)(void *)(q + 32), high);
    }
}

/* --- panels --- */

/* 32 numbers of a row from element k on: n of them, then zeros. */
typedef void load32(const uint8_t *row, size_t k, size_t n, float out[32]);

#define LOAD_BLOCKS(name)                                                                       \
    VEC_INLINE void load_##name(const uint8_t *row, size_t k, size_t n, float out[32])          \
    {                                                                                           \
        graft_run32 x = expand_##name(row, k / 32);                                             \
        (void)n; /* rows are whole blocks, and panels whole runs */                             \
        vec_emit_row(out, _mm256_castsi256_si128(x.q), x.scale[0], x.offset[0]);                \
        vec_emit_row(out + 16, _mm256_extracti128_si256(x.q, 1), x.scale[1], x.offset[1]);      \
    }
#define LOAD_PLAIN(name, size)                                                                  \
    VEC_INLINE void load_##name(const uint8_t *row, size_t k, size_t n, float out[32])          \
    {                                                                                           \
        uint8_t part[32 * (size)] = {0};                                                        \
        const uint8_t *from = row + k * (size);                                                 \
        if (n < 32) {                                                                           \
            memcpy(part, from, n * (size));                                                     \
            from = part;                                                                        \
        }                                                                                       \
        for (size_t i = 0; i < 32; i += VEC_N) {                                                \
            vec_store(out + i, load8_##name(from + i * (size)));                                \
        }                                                                                       \
    }
GRAFT_EXPANDED(LOAD_BLOCKS)
LOAD_PLAIN(f32, 4)
LOAD_PLAIN(f16, 2)
LOAD_PLAIN(bf16, 2)

/* n <= GRAFT_GROUP numbers of a row from k on, as raised bytes. Returns their scale. */
VEC_INLINE float group_to_bytes(load32 *load, const uint8_t *row, size_t k, size_t n,
                                uint8_t out[GRAFT_GROUP])
{
    float numbers[GRAFT_GROUP] = {0}, most = (float)GRAFT_PAIR_W_MAX;
    const __m256i raised = _mm256_set1_epi8(RAISED);
    __m256i largest = _mm256_setzero_si256();
    vec v[VECS];
    load(row, k, n < 32 ? n : 32, numbers);
    if (n > 32) {
        load(row, k + 32, n - 32, numbers + 32);
    }
    for (size_t i = 0; i < VECS; i++) {
        v[i] = vec_load(numbers + i * VEC_N);
    }
    turn(v);
    for (size_t i = 0; i < VECS; i++) {
        largest = larger_of(largest, v[i]);
    }
    float number = reduce_largest(largest);
    vec reciprocal = reciprocals(vec_set(number), most);
    for (size_t i = 0; i < 2; i++) {
        _mm256_storeu_si256((__m256i *)(void *)(out + 32 * i),
                            _mm256_add_epi8(round_bytes(v + 4 * i, reciprocal), raised));
    }
    return unit_of(number, most, true);
}

VEC_INLINE void bytes_forward(load32 *load, const graft_weight *w, size_t c0, size_t k0,
                              size_t n_k, const graft_panel *panel, size_t k_at)
{
    for (size_t c = 0; c < panel->n_cols; c += VEC_N) {
        size_t step = 4 * strip_width(panel->n_cols - c / STRIP * STRIP);
        uint8_t *out = (uint8_t *)panel_at(panel, c, k_at);
        for (size_t k = 0; k < n_k; k += GRAFT_GROUP, out += step) {
            uint8_t bytes[VEC_N][GRAFT_GROUP];
            float scales[VEC_N];
            size_t n = n_k - k < GRAFT_GROUP ? n_k - k : GRAFT_GROUP;
            for (size_t i = 0; i < VEC_N; i++) {
                size_t column = c0 + (c + i < panel->n_cols ? c + i : panel->n_cols - 1);
                scales[i] = group_to_bytes(load, (const uint8_t *)w->data + column * w->row_bytes,
                                           k0 + k, n, bytes[i]);
            }
            for (size_t q = 0; q < GRAFT_QUADS; q += VEC_N) {
                vec a[VEC_N];
                for (size_t i = 0; i < VEC_N; i++) {
                    a[i] = vec_load((const float *)(const void *)(bytes[i] + 4 * q));
                }
                transpose8(a);
                for (size_t i = 0; i < VEC_N; i++, out += step) {
                    vec_store((float *)(void *)out, a[i]);
                }
            }
            vec_store((float *)(void *)out, vec_load(scales));
        }
    }
}

/* Four rows of eight columns, 32 numbers apart, as raised bytes: a column's four in a lane. */
VEC_INLINE __m256i join_rows(const float *rows, vec reciprocal)
{
    __m256i all = _mm256_set1_epi32(RAISED * 0x01010101);
    for (int i = 0; i < 4; i++) {
        __m256i q = vec_to_int(vec_mul(vec_load(rows + 32 * i), reciprocal));
        all = _mm256_add_epi32(all, _mm256_slli_epi32(q, 8 * i));
    }
    return all;
}

/* A group of rows, eight columns of it. */
VEC_INLINE void columns_to_bytes(const float *x, uint8_t *out, size_t step)
{
    const float most = (float)GRAFT_PAIR_W_MAX;
    __m256i bits = _mm256_setzero_si256();
    for (size_t i = 0; i < GRAFT_GROUP; i++) {
        bits = larger_of(bits, vec_load(x + 32 * i));
    }
    vec largest = _mm256_castsi256_ps(bits), reciprocal = reciprocals(largest, most);
    for (size_t q = 0; q < GRAFT_QUADS; q++, out += step) {
        _mm256_storeu_si256((__m256i *)(void *)out, join_rows(x + 128 * q, reciprocal));
    }
    vec_store((float *)(void *)out, vec_div(largest, vec_set(most)));
}

VEC_INLINE void bytes_backward(load32 *load, const graft_weight *w, size_t c0, size_t k0,
                               size_t n_k, const graft_panel *panel, size_t k_at)
{
    float x[GRAFT_GROUP * 32];
    for (size_t k = 0; k < n_k; k += GRAFT_GROUP) {
        const uint8_t *rows = (const uint8_t *)w->data + (k0 + k) * w->row_bytes;
        size_t n_rows = n_k - k < GRAFT_GROUP ? n_k - k : GRAFT_GROUP;
        memset(x + 32 * n_rows, 0, (GRAFT_GROUP - n_rows) * 32 * sizeof *x);
        for (size_t c = 0; c < panel->n_cols; c += 32) {
            size_t n = panel->n_cols - c < 32 ? panel->n_cols - c : 32;
            for (size_t i = 0; i < n_rows; i++) {
                load(rows + i * w->row_bytes, c0 + c, n, x + 32 * i);
            }
            for (size_t j = 0; j < n; j += VEC_N) {
                size_t step = 4 * strip_width(panel->n_cols - (c + j) / STRIP * STRIP);
                uint8_t *out = (uint8_t *)panel_at(panel, c + j, k_at);
                columns_to_bytes(x + j, out + k / GRAFT_GROUP * (GRAFT_QUADS + 1) * step, step);
            }
        }
    }
}

/* --- products --- */

static const int16_t pair_ones[16] __attribute__((aligned(32))) = {1, 1, 1, 1, 1, 1, 1, 1,
                                                                   1, 1, 1, 1, 1, 1, 1, 1};

/* sum + a0 b0 + ... + a3 b3, lane by lane, a unsigned and b signed. Of the three instructions gcc 12
 * would move all sums to the end, and spill. */
VEC_INLINE __m256i dot_bytes(__m256i sum, __m256i a, __m256i b)
{
    __m256i pairs;
    __asm__("vpmaddubsw %2, %3, %1\n\tvpmaddwd %4, %1, %1\n\tvpaddd %1, %0, %0"
            : "+x"(sum), "=&x"(pairs)
            : "x"(b), "x"(a), "m"(pair_ones));
    return sum;
}

/* Its x is floats, whatever activations are. */
VEC_INLINE size_t add_numbers(vec *acc, int n_rows, int n_vec, const graft_slice *s, size_t r,
                              const float *b)
{
    tile_sum(acc, n_rows, 1, n_vec, s->n_k, (const float *)s->x + r * s->row_step, s->row_step, 1,
             b, 0, (size_t)n_vec * VEC_N);
    return s->n_k;
}

enum { BYTE_CHAINS = TILE_MAX };

#include "kernels/vector/bytes_tmpl.h"
