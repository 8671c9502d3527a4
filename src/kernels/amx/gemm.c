/* kernels/amx/gemm.c - products of bfloat16 in blocks of 32 x 32, four tiles of sums. Panels are
 * those of avx512bf16; what does not fill a tile is copied into one with zeros beside it, which
 * adds nothing, so a row's bits do not depend on the block it is in. */
#include "kernels/amx/amx.h"
#include "kernels/amx/tiles.h"
#include "kernels/avx512bf16/unpack.h"

enum { BLOCK = 32, PAIRS = 16 };

/* Rows and columns of one block, and room for operands that have to be filled up. */
typedef struct block {
    const graft_multiply *m;
    size_t r, n_rows, c, width; /* width of the strip */
    act (*x)[BLOCK][2 * PAIRS];
    act (*w)[PAIRS][2 * BLOCK];
} block;

/* Rows of X at k, whole tiles of them or a copy. */
static const act *left(const block *b, const graft_slice *s, size_t k, size_t *stride)
{
    const act *x = (const act *)s->x + b->r * s->row_step + k;
    size_t n = s->n_k - k < 2 * PAIRS ? s->n_k - k : 2 * PAIRS;
    *stride = s->row_step * sizeof *x;
    if (b->n_rows == BLOCK && n == 2 * PAIRS) {
        return x;
    }
    memset(*b->x, 0, sizeof *b->x);
    for (size_t i = 0; i < b->n_rows; i++) {
        memcpy((*b->x)[i], x + i * s->row_step, n * sizeof *x);
    }
    *stride = sizeof(*b->x)[0];
    return (*b->x)[0];
}

/* n_pairs rows of the panel, or a copy. */
static const act *right(const block *b, const act *w, size_t n_pairs, size_t *stride)
{
    size_t cols = b->width < BLOCK ? b->width : BLOCK;
    *stride = b->width * 2 * sizeof *w;
    if (n_pairs >= PAIRS) {
        return w;
    }
    memset(*b->w, 0, sizeof *b->w);
    for (size_t k = 0; k < n_pairs; k++) {
        memcpy((*b->w)[k], w + k * b->width * 2, cols * 2 * sizeof *w);
    }
    *stride = sizeof(*b->w)[0];
    return (*b->w)[0];
}

static void sum_block(const block *b, float sums[BLOCK][BLOCK])
{
    bool wide = b->width > 16, tall = b->n_rows > 16;
    const act *w = (const act *)b->m->panel.data + b->c / STRIP * STRIP * b->m->panel.n_k +
                   2 * (b->c % STRIP);
    tile_clear(0);
    tile_clear(1);
    tile_clear(2);
    tile_clear(3);
    for (size_t i = 0; i < b->m->n_slices; i++) {
        const graft_slice *s = &b->m->slices[i];
        for (size_t k = 0; k < s->n_k; k += 2 * PAIRS) {
            size_t n_pairs = (s->n_k - k + 1) / 2, x_stride, w_stride;
            n_pairs = n_pairs < PAIRS ? n_pairs : PAIRS;
            const act *x = left(b, s, k, &x_stride), *p = right(b, w, n_pairs, &w_stride);
            tile_load(4, x, x_stride);
            tile_load(6, p, w_stride);
            tile_dot(0, 4, 6);
            if (tall) {
                tile_load(5, (const char *)x + 16 * x_stride, x_stride);
                tile_dot(2, 5, 6);
            }
            if (wide) {
                tile_load(7, p + 32, w_stride);
                tile_dot(1, 4, 7);
            }
            if (wide && tall) {
                tile_dot(3, 5, 7);
            }
            w += n_pairs * b->width * 2;
        }
    }
    tile_store(0, &sums[0][0], sizeof sums[0]);
    tile_store(1, &sums[0][16], sizeof sums[0]);
    tile_store(2, &sums[16][0], sizeof sums[0]);
    tile_store(3, &sums[16][16], sizeof sums[0]);
}

static void store_row(const graft_multiply *m, size_t r, size_t c, const float *sums, size_t cols)
{
    vec scale = vec_set(m->scale);
    for (size_t j = 0; j < cols; j += VEC_N) {
        size_t n = cols - j < VEC_N ? cols - j : VEC_N;
        vec sum = vec_mul(scale, vec_load(sums + j));
        if (m->add != NULL) {
            sum = vec_fma(scale, vec_load(sums + j),
                          vec_load_part(m->add + r * m->ldadd + c + j, n));
        }
        if (m->y_act) {
            act_store_part((act *)m->y + r * m->ldy + c + j, sum, n);
        } else {
            vec_store_part((float *)m->y + r * m->ldy + c + j, sum, n);
        }
    }
}

static void multiply(const graft_multiply *m, bool backward)
{
    _Alignas(64) float sums[BLOCK][BLOCK];
    _Alignas(64) act x[BLOCK][2 * PAIRS], w[PAIRS][2 * BLOCK];
    (void)backward; /* panels of both directions look the same */
    tiles_begin();
    for (size_t c = 0; c < m->panel.n_cols; c += BLOCK) {
        size_t cols = m->panel.n_cols - c < BLOCK ? m->panel.n_cols - c : BLOCK;
        size_t width = strip_width(m->panel.n_cols - c / STRIP * STRIP);
        for (size_t r = 0; r < m->n_rows; r += BLOCK) {
            block b = {m, r, m->n_rows - r < BLOCK ? m->n_rows - r : BLOCK, c, width, &x, &w};
            sum_block(&b, sums);
            for (size_t i = 0; i < b.n_rows; i++) {
                store_row(m, r + i, c, sums[i], cols);
            }
        }
    }
    tiles_end();
}

/* Four tiles of sums, one product of 16 x 16 x 32 each. */
enum { SPIN_FLOPS = 4 * 2 * 16 * 16 * 32 };

static float spin(size_t rounds, void *scratch)
{
    memset(scratch, 0, 4096);
    tiles_begin();
    tile_load(4, scratch, 64);
    tile_load(6, scratch, 64);
    for (size_t i = 0; i < rounds; i++) {
        tile_dot(0, 4, 6);
        tile_dot(1, 4, 6);
        tile_dot(2, 4, 6);
        tile_dot(3, 4, 6);
    }
    tile_store(0, scratch, 64);
    tiles_end();
    return *(const float *)scratch;
}

/* The rest is that of the level below. */
void graft_amx_gemm(graft_kernels *table, struct graft_gemm *gemm)
{
    *gemm = *table->gemm;
    gemm->unpack = unpack;
    gemm->multiply = multiply;
    gemm->spin = spin;
    gemm->spin_flops = SPIN_FLOPS;
}
