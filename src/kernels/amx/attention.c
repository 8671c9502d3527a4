/* kernels/amx/attention.c - the products of attention in tiles. VDPBF16PS runs at the rate of single
 * precision on processors that have tiles, so nothing is left to it. */
#include "kernels/amx/amx.h"
#include "kernels/amx/tiles.h"
#include "kernels/vector/attention_pairs.h"

/* Operands at a step of the reduction that does not fill a tile, zeros beside. */
typedef struct tile_end {
    _Alignas(64) act a[BLOCK][2 * PAIRS];
    _Alignas(64) act b[PAIRS][2 * BLOCK];
} tile_end;

static void fill_end(tile_end *end, const act *a, size_t a_row, size_t n_rows, const act *b,
                     size_t b_pair, size_t cols, size_t n_pairs)
{
    for (size_t i = 0; i < n_rows; i++) {
        _mm512_store_si512(end->a[i], act_load32(a + i * a_row, 2 * n_pairs));
    }
    memset(end->b, 0, sizeof end->b);
    for (size_t k = 0; k < n_pairs; k++) {
        memcpy(end->b[k], b + k * b_pair, 2 * cols * sizeof *b);
    }
}

static void scale_rows(const pair_product *p, size_t n_rows, size_t n_cols)
{
    for (size_t i = 0; i < n_rows; i++) {
        vec keep = vec_set(p->keep[i]);
        for (size_t j = 0; j < n_cols; j += VEC_N) {
            float *c = p->c + i * p->ldc + j;
            vec_store(c, vec_mul(vec_load(c), keep));
        }
    }
}

static void multiply_block(attention_job *job, const pair_product *p, size_t n_rows, size_t n_cols)
{
    size_t n_steps = p->n_pairs / PAIRS, n_end = p->n_pairs % PAIRS;
    if (p->keep != NULL) {
        scale_rows(p, n_rows, n_cols);
    }
    for (size_t r = 0; r < n_rows; r += BLOCK) {
        size_t rows = n_rows - r < BLOCK ? n_rows - r : BLOCK;
        if (rows != job->state) {
            tiles_configure(rows);
            job->state = rows;
        }
        for (size_t c = 0; c < n_cols; c += BLOCK) {
            size_t cols = n_cols - c < BLOCK ? n_cols - c : BLOCK;
            tile_shape shape = {rows > TILE_ROWS, cols > 16};
            const act *a = p->a + r * p->a_row, *b = p->b + 2 * c;
            float *sums = p->c + r * p->ldc + c;
            if (p->add) {
                block_load(shape, sums, p->ldc);
            } else {
                block_clear(shape);
            }
            block_add(shape, a, p->a_row, b, p->b_pair, n_steps);
            if (n_end > 0) {
                tile_end end;
                fill_end(&end, a + n_steps * 2 * PAIRS, p->a_row, rows,
                         b + n_steps * PAIRS * p->b_pair, p->b_pair, cols, n_end);
                block_add(shape, end.a[0], 2 * PAIRS, end.b[0], 2 * BLOCK, 1);
            }
            block_store(shape, sums, p->ldc);
        }
    }
}

/* Tiles read rows: the block is turned, 16 lanes of 16 pairs of keys at a time. */
static void weights_by_lane(attention_job *job, size_t n_keys, pair_product *p)
{
    act *out = (act *)(void *)job->scores; /* which are not needed any more */
    for (size_t lane = 0; lane < job->width; lane += VEC_N) {
        for (size_t k = 0; k < n_keys; k += 2 * PAIRS) {
            __m512i rows[PAIRS];
            for (size_t i = 0; i < PAIRS; i++) {
                rows[i] = _mm512_setzero_si512();
                if (k + 2 * i < n_keys) {
                    rows[i] = _mm512_loadu_si512(job->zipped + (k + 2 * i) * LANES + 2 * lane);
                }
            }
            transpose16(rows);
            for (size_t i = 0; i < PAIRS; i++) {
                _mm512_storeu_si512(out + (lane + i) * KEYS + k, rows[i]);
            }
        }
    }
    p->a = out;
    p->a_row = KEYS;
    p->a_pair = 2;
}

static void job_end(attention_job *job)
{
    (void)job;
    tiles_end();
}

void graft_amx_attention(graft_kernels *table)
{
    table->attention = attention;
    table->attention_backward = attention_backward;
}
