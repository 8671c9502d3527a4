/* kernels/vector/gemm_tmpl.h - packed products of one level: GEMM_ROWS x STRIP register tiles.
 *
 * Included once by the gemm.c of a level, after its vec.h. X is packed in tiles of GEMM_ROWS rows,
 * [n_k][rows of the tile]; the panel of W as unpack_tmpl.h writes it. Every element of the result
 * is one chain of fused multiply-adds along k, so its bits do not depend on the tile it is in. */

#include "kernels/vector/tile.h"
#include "kernels/vector/unpack_tmpl.h"

/* Rows [r, r + 4) interleaved with `stride` between steps of k. */
VEC_INLINE void pack_four(const float *x, size_t ldx, size_t n_k, float *out, size_t stride)
{
    size_t k = 0;
    for (; k + 4 <= n_k; k += 4) {
        __m128 a = _mm_loadu_ps(x + k), b = _mm_loadu_ps(x + ldx + k);
        __m128 c = _mm_loadu_ps(x + 2 * ldx + k), d = _mm_loadu_ps(x + 3 * ldx + k);
        __m128 ab = _mm_unpacklo_ps(a, b), cd = _mm_unpacklo_ps(c, d);
        __m128 ab2 = _mm_unpackhi_ps(a, b), cd2 = _mm_unpackhi_ps(c, d);
        _mm_storeu_ps(out + k * stride, _mm_movelh_ps(ab, cd));
        _mm_storeu_ps(out + (k + 1) * stride, _mm_movehl_ps(cd, ab));
        _mm_storeu_ps(out + (k + 2) * stride, _mm_movelh_ps(ab2, cd2));
        _mm_storeu_ps(out + (k + 3) * stride, _mm_movehl_ps(cd2, ab2));
    }
    for (; k < n_k; k++) {
        for (size_t i = 0; i < 4; i++) {
            out[k * stride + i] = x[i * ldx + k];
        }
    }
}

VEC_INLINE void pack_two(const float *x, size_t ldx, size_t n_k, float *out, size_t stride)
{
    size_t k = 0;
    for (; k + 4 <= n_k; k += 4) {
        __m128 a = _mm_loadu_ps(x + k), b = _mm_loadu_ps(x + ldx + k);
        __m128 low = _mm_unpacklo_ps(a, b), high = _mm_unpackhi_ps(a, b);
        _mm_storel_pi((__m64 *)(void *)(out + k * stride), low);
        _mm_storeh_pi((__m64 *)(void *)(out + (k + 1) * stride), low);
        _mm_storel_pi((__m64 *)(void *)(out + (k + 2) * stride), high);
        _mm_storeh_pi((__m64 *)(void *)(out + (k + 3) * stride), high);
    }
    for (; k < n_k; k++) {
        out[k * stride] = x[k];
        out[k * stride + 1] = x[ldx + k];
    }
}

static void pack(const float *x, size_t ldx, size_t n_rows, size_t n_k, float *out)
{
    for (size_t r = 0; r < n_rows; r += GEMM_ROWS, x += GEMM_ROWS * ldx) {
        size_t rows = n_rows - r < GEMM_ROWS ? n_rows - r : GEMM_ROWS, i = 0;
        for (; i + 4 <= rows; i += 4) {
            pack_four(x + i * ldx, ldx, n_k, out + i, rows);
        }
        for (; i + 2 <= rows; i += 2) {
            pack_two(x + i * ldx, ldx, n_k, out + i, rows);
        }
        for (size_t k = 0; i < rows && k < n_k; k++) {
            out[k * rows + i] = x[i * ldx + k];
        }
        out += rows * n_k;
    }
}

/* Where a tile of the result goes. */
typedef struct tile_out {
    float *y;
    size_t ldy, cols; /* of the last strip */
    float scale;
    bool accumulate;
} tile_out;

VEC_INLINE void store_vec(const tile_out *out, float *y, vec acc, size_t cols)
{
    vec scale = vec_set(out->scale);
    if (cols >= VEC_N) {
        vec_store(y, out->accumulate ? vec_fma(scale, acc, vec_load(y)) : vec_mul(scale, acc));
    } else if (cols > 0) {
        vec old = out->accumulate ? vec_load_part(y, cols) : vec_zero();
        vec_store_part(y, out->accumulate ? vec_fma(scale, acc, old) : vec_mul(scale, acc), cols);
    }
}

VEC_INLINE void store_tile(const tile_out *out, const vec acc[TILE_MAX], int n_rows, int n_vec)
{
    for (int i = 0; i < n_rows; i++) {
        for (int j = 0; j < n_vec; j++) {
            size_t c = (size_t)j * VEC_N, cols = out->cols > c ? out->cols - c : 0;
            store_vec(out, out->y + (size_t)i * out->ldy + c, acc[i * n_vec + j], cols);
        }
    }
}

/* One tile: a is its packed rows, b its strips (strip_step apart when there are several). */
typedef void tile_kernel(const float *a, const float *b, size_t n_k, const tile_out *out);

VEC_INLINE void run_tile(int n_rows, int n_strips, int n_vec, const float *a, const float *b,
                         size_t n_k, const tile_out *out)
{
    vec acc[TILE_MAX];
    size_t width = (size_t)n_vec * VEC_N;
    tile_clear(acc, n_rows * n_strips * n_vec);
    tile_sum(acc, n_rows, n_strips, n_vec, n_k, a, 1, (size_t)n_rows, b, n_k * width, width);
    store_tile(out, acc, n_rows, n_strips * n_vec);
}

/* Two full tiles of rows on a strip of one vector, for enough accumulators. */
static void narrow_pair(const float *a, const float *b, size_t n_k, const tile_out *out)
{
    vec acc[TILE_MAX];
    const float *a2 = a + GEMM_ROWS * n_k;
    tile_clear(acc, 2 * GEMM_ROWS);
    for (size_t k = 0; k < n_k; k++, a += GEMM_ROWS, a2 += GEMM_ROWS, b += VEC_N) {
        vec right = vec_load(b);
        for (int i = 0; i < GEMM_ROWS; i++) {
            acc[i] = vec_fma(vec_set(a[i]), right, acc[i]);
            acc[GEMM_ROWS + i] = vec_fma(vec_set(a2[i]), right, acc[GEMM_ROWS + i]);
        }
    }
    store_tile(out, acc, 2 * GEMM_ROWS, 1);
}

#define TILE_KERNEL(name, n_rows, n_strips, n_vec)                                    \
    static void name(const float *a, const float *b, size_t n_k, const tile_out *out) \
    {                                                                                 \
        run_tile(n_rows, n_strips, n_vec, a, b, n_k, out);                            \
    }
#define TILE_KERNELS(name, n_vec)         \
    TILE_KERNEL(name##_1, 1, 1, n_vec)    \
    TILE_KERNEL(name##_2, 2, 1, n_vec)    \
    TILE_KERNEL(name##_3, 3, 1, n_vec)    \
    TILE_KERNEL(name##_4, 4, 1, n_vec)    \
    TILE_KERNEL(name##_5, 5, 1, n_vec)    \
    TILE_KERNEL(name##_6, 6, 1, n_vec)
TILE_KERNELS(one, 1)
TILE_KERNELS(two, 2)
TILE_KERNELS(full, GEMM_VECS)

VEC_INLINE size_t strip_kind(size_t width)
{
    return width == VEC_N ? 0 : width == 2 * VEC_N ? 1 : 2;
}

/* [width in vectors: 1, 2, more][rows - 1] */
static tile_kernel *const tiles[3][GEMM_ROWS] = {
    {one_1, one_2, one_3, one_4, one_5, one_6},
    {two_1, two_2, two_3, two_4, two_5, two_6},
    {full_1, full_2, full_3, full_4, full_5, full_6},
};

/* One to three rows take several full strips at once, for the same reason. */
enum { SEVERAL_1 = 8 / GEMM_VECS, SEVERAL_2 = 4 / GEMM_VECS };
TILE_KERNEL(several_1, 1, SEVERAL_1, GEMM_VECS)
TILE_KERNEL(several_2, 2, SEVERAL_2, GEMM_VECS)
TILE_KERNEL(several_3, 3, SEVERAL_2, GEMM_VECS)

static void multiply(const float *x, size_t ldx, const float *panel, bool backward, size_t n_rows,
                     size_t n_cols, size_t n_k, float *y, size_t ldy, float scale, bool accumulate)
{
    static tile_kernel *const several[3] = {several_1, several_2, several_3};
    static const size_t n_several[3] = {SEVERAL_1, SEVERAL_2, SEVERAL_2};
    (void)ldx;      /* packed */
    (void)backward; /* panels of both directions look the same */
    for (size_t c = 0, strips; c < n_cols; c += strips * STRIP) {
        size_t width = strip_width(n_cols - c), rows;
        size_t kind = strip_kind(width);
        strips = 1;
        for (size_t r = 0; r < n_rows; r += rows) {
            tile_out out = {y + r * ldy + c, ldy, n_cols - c, scale, accumulate};
            const float *a = x + r * n_k, *b = panel + c * n_k;
            rows = n_rows - r < GEMM_ROWS ? n_rows - r : GEMM_ROWS;
            if (kind == 0 && n_rows - r >= 2 * GEMM_ROWS) {
                rows = 2 * GEMM_ROWS;
                narrow_pair(a, b, n_k, &out);
            } else if (n_rows <= 3 && n_cols - c >= n_several[n_rows - 1] * STRIP) {
                strips = n_several[n_rows - 1];
                several[n_rows - 1](a, b, n_k, &out);
            } else {
                tiles[kind][rows - 1](a, b, n_k, &out);
            }
        }
    }
}

/* Gradients of a narrow factor: rows of dy broadcast, rows of x as vectors. */
typedef void outer_kernel(const float *dy, size_t lddy, const float *x, size_t n_tok,
                          const tile_out *out);

VEC_INLINE void run_outer(int n_rows, int n_vec, const float *dy, size_t lddy, const float *x,
                          size_t n_tok, const tile_out *out)
{
    vec acc[TILE_MAX];
    tile_clear(acc, n_rows * n_vec);
    tile_sum(acc, n_rows, 1, n_vec, n_tok, dy, 1, lddy, x, 0, (size_t)n_vec * VEC_N);
    store_tile(out, acc, n_rows, n_vec);
}

#define OUTER_KERNEL(name, n_rows, n_vec)                                                 \
    static void name(const float *dy, size_t lddy, const float *x, size_t n_tok,          \
                     const tile_out *out)                                                 \
    {                                                                                     \
        run_outer(n_rows, n_vec, dy, lddy, x, n_tok, out);                                \
    }
#define OUTER_KERNELS(name, n_vec)     \
    OUTER_KERNEL(name##_1, 1, n_vec)   \
    OUTER_KERNEL(name##_2, 2, n_vec)   \
    OUTER_KERNEL(name##_3, 3, n_vec)   \
    OUTER_KERNEL(name##_4, 4, n_vec)   \
    OUTER_KERNEL(name##_5, 5, n_vec)   \
    OUTER_KERNEL(name##_6, 6, n_vec)
OUTER_KERNELS(outer_one, 1)
OUTER_KERNELS(outer_two, 2)
OUTER_KERNELS(outer_full, GEMM_VECS)

static outer_kernel *const outers[3][GEMM_ROWS] = {
    {outer_one_1, outer_one_2, outer_one_3, outer_one_4, outer_one_5, outer_one_6},
    {outer_two_1, outer_two_2, outer_two_3, outer_two_4, outer_two_5, outer_two_6},
    {outer_full_1, outer_full_2, outer_full_3, outer_full_4, outer_full_5, outer_full_6},
};

static void outer(float *dw, size_t lddw, const float *dy, size_t lddy, const float *x, size_t ldx,
                  size_t n_tok, size_t m, size_t n, float scale, float *scratch)
{
    for (size_t t = 0; t < n_tok; t++) { /* rows far apart, which no hardware foresees */
        for (size_t i = 0; i < m; i += 16) {
            _mm_prefetch((const char *)(dy + t * lddy + i), _MM_HINT_T0);
        }
    }
    for (size_t c = 0; c < n; c += STRIP) {
        size_t width = strip_width(n - c), cols = n - c < width ? n - c : width;
        for (size_t t = 0; t < n_tok; t++) { /* neighbouring and padded */
            memcpy(scratch + t * width, x + t * ldx + c, cols * sizeof *x);
            memset(scratch + t * width + cols, 0, (width - cols) * sizeof *x);
        }
        for (size_t i = 0; i < m; i += GEMM_ROWS) {
            size_t rows = m - i < GEMM_ROWS ? m - i : GEMM_ROWS;
            tile_out out = {dw + i * lddw + c, lddw, cols, scale, true};
            outers[strip_kind(width)][rows - 1](dy + i, lddy, scratch, n_tok, &out);
        }
    }
}

/* As many independent chains of multiply-adds as a tile has. */
enum { SPIN_FLOPS = 2 * TILE_MAX * VEC_N };

static float spin(size_t rounds, float *scratch)
{
    vec acc[TILE_MAX], factor = vec_set(0x1p-40f), sum = vec_zero();
    for (int i = 0; i < TILE_MAX; i++) {
        acc[i] = vec_set((float)i);
    }
    for (size_t k = 0; k < rounds; k++) {
        for (int i = 0; i < TILE_MAX; i++) {
            acc[i] = vec_fma(acc[i], factor, acc[i]);
        }
    }
    for (int i = 0; i < TILE_MAX; i++) {
        sum = vec_add(sum, acc[i]);
    }
    vec_store(scratch, sum);
    return scratch[0];
}
