/* export/rounding.c - weights rounded so that what a linear map puts out stays. */
#include "export/rounding_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "kernels/symmetric.h"

/* The diagonal of M is made larger by the first share of each entry and the second of the median. */
#define DAMP_OWN 0.01f
#define DAMP_ALL 0.01f

enum { ROWS = GRAFT__ROWS, PANEL = 64, HEADERS = 3, SCALE_ROUNDS = 1 };

typedef graft__column column;

/* --- the factor --- */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* R of M with its diagonal raised, rows divided by their diagonals, whose squares become D. */
static graft_status make_factor(graft_rounding *r, float *scratch)
{
    const size_t n = r->n;
    float *sorted = scratch;
    memcpy(sorted, r->importance, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    float floor = DAMP_ALL * sorted[n / 2];
    floor = floor > 0 ? floor : sorted[n - 1] > 0 ? DAMP_ALL * sorted[n - 1] : 1;
    for (size_t k = 0; k < n; k++) {
        memcpy(r->factor + k * n + k, r->moments + k * n + k, (n - k) * sizeof *r->factor);
        r->damping[k] = DAMP_OWN * r->importance[k] + floor;
        r->factor[k * n + k] += r->damping[k];
    }
    if (!graft_symmetric_factor(r->factor, n, scratch)) {
        return graft_fail(GRAFT_E_NUMERICS, "the second moments of what goes in have no factor");
    }
    for (size_t k = 0; k < n; k++) {
        float *row = r->factor + k * n, diagonal = row[k];
        r->weights[k] = diagonal * diagonal;
        for (size_t j = k; j < n; j++) {
            row[j] /= diagonal;
        }
    }
    return GRAFT_OK;
}

graft_status graft_rounding_open(graft_rounding *out, size_t n, const float *moments)
{
    graft_status status = GRAFT_OK;
    float *scratch = NULL;
    size_t square;
    *out = (graft_rounding){.n = n, .moments = moments};
    if (n == 0 || !graft_size_mul(n, n, &square)) {
        return graft_fail(GRAFT_E_MEMORY, "second moments of %zu columns", n);
    }
    GRAFT_TRY(graft_alloc(&out->factor, square, sizeof *out->factor));
    GRAFT_TRY(graft_alloc(&out->weights, n, sizeof *out->weights));
    GRAFT_TRY(graft_alloc(&out->importance, n, sizeof *out->importance));
    GRAFT_TRY(graft_alloc(&out->damping, n, sizeof *out->damping));
    GRAFT_TRY(graft_alloc(&scratch, graft_symmetric_packed(n, PANEL), sizeof *scratch));
    for (size_t k = 0; k < n; k++) {
        out->importance[k] = moments[k * n + k];
    }
    GRAFT_TRY(make_factor(out, scratch));
done:
    graft_free(scratch);
    if (status != GRAFT_OK) {
        graft_rounding_close(out);
    }
    return status;
}

void graft_rounding_close(graft_rounding *rounding)
{
    graft_free(rounding->factor);
    graft_free(rounding->weights);
    graft_free(rounding->importance);
    graft_free(rounding->damping);
    *rounding = (graft_rounding){0};
}

/* --- costs --- */

/* e M e^T for each row. */
static void find_costs(const graft_rounding *r, const column *e, double costs[ROWS])
{
    const size_t n = r->n;
    memset(costs, 0, ROWS * sizeof *costs);
    for (size_t k = 0; k < n; k++) {
        const float *row = r->moments + k * n;
        column sums = {{0}};
        graft__columns_add(sums, row, e, k + 1, n);
        for (size_t i = 0; i < ROWS; i++) {
            double error = (double)e[k][i / 4][i % 4];
            costs[i] += error * (2 * (double)sums[i / 4][i % 4] + (double)row[k] * error);
        }
    }
}

/* --- one block --- */

/* A block of one row: where its values can lie. */
typedef struct block_grid {
    float scale[GRAFT_LEVELS_BLOCK], offset[GRAFT_LEVELS_BLOCK];
} block_grid;

static int nearest_level(const graft_levels *l, float scale, float offset, float x)
{
    float level = scale != 0 ? (x - offset) / scale : 0;
    level = level < (float)l->high ? level : (float)l->high;
    level = level > (float)l->low ? level : (float)l->low;
    return (int)lrintf(level);
}

/* What the nearest levels cost, each column by itself. */
static double grid_cost(const graft_levels *l, const block_grid *grid, const float *x,
                        const float *weights, size_t n)
{
    double cost = 0;
    for (size_t k = 0; k < n; k++) {
        float level = (float)nearest_level(l, grid->scale[k], grid->offset[k], x[k]);
        double e = (double)(grid->scale[k] * level + grid->offset[k]) - (double)x[k];
        cost += (double)weights[k] * e * e;
    }
    return cost;
}

/* Writes to `block` the header that suits x best, and its grid. */
static void choose_header(const graft_levels *l, const float *x, const float *weights,
                          const uint8_t *own, uint8_t *block, block_grid *grid)
{
    const size_t n = l->format->block_elems;
    uint8_t candidate[HEADERS][GRAFT_LEVELS_BLOCK + GRAFT_LEVELS_BLOCK / 8];
    block_grid other;
    size_t n_candidates = 2;
    double best = INFINITY;
    l->format->encode(x, candidate[0], 1, NULL);
    l->format->encode(x, candidate[1], 1, weights);
    if (own != NULL) {
        memcpy(candidate[n_candidates++], own, l->format->block_bytes);
    }
    for (size_t c = n_candidates; c-- > 0;) { /* the base's own first: it wins draws */
        l->grid(candidate[c], other.scale, other.offset);
        double cost = grid_cost(l, &other, x, weights, n);
        if (cost < best || c + 1 == n_candidates) {
            best = cost;
            *grid = other;
            memcpy(block, candidate[c], l->format->block_bytes);
        }
    }
}

/* --- rows --- */

/* In scratch, all of GRAFT_ROUNDING_ROWS rows. */
typedef struct work {
    column *w, *e;     /* [n]: W; errors, and before a column is rounded what it has to make good */
    block_grid *grids; /* of the blocks at work */
    float *decoded;    /* [n] */
    float *scales;     /* for graft_rounding__solve_scales */
    uint8_t *blocks;   /* rows->row_bytes apart */
    double best[ROWS]; /* costs of rows->blocks */
} work;

/* No format here takes more than 34 bytes for 32 numbers. */
static size_t most_row_bytes(size_t n)
{
    return (n / 32 + 1) * 34;
}

size_t graft_rounding_scratch(const graft_levels *levels, size_t n)
{
    size_t floats = 2 * n * (sizeof(column) / (sizeof(float))) +
                    graft_rounding__scales_scratch(levels, n) + n;
    size_t bytes = floats * sizeof(float) + ROWS * (sizeof(block_grid) + most_row_bytes(n));
    return (bytes / GRAFT_ALIGN + 1) * (GRAFT_ALIGN / sizeof(float));
}

static work lay_out(const graft_rounding *r, const graft_levels *levels, float *scratch)
{
    work w = {.w = (column *)scratch};
    w.e = w.w + r->n;
    w.scales = (float *)(w.e + r->n);
    w.grids = (block_grid *)(w.scales + graft_rounding__scales_scratch(levels, r->n));
    w.decoded = (float *)(w.grids + ROWS);
    w.blocks = (uint8_t *)(w.decoded + r->n);
    return w;
}

/* The errors that blocks make; rows that are not there have none. */
static void find_errors(const graft_rounding *r, const graft_rounding_rows *rows,
                        const uint8_t *blocks, const work *w)
{
    const graft_format *f = rows->levels->format;
    memset(w->e, 0, r->n * sizeof *w->e);
    for (size_t i = 0; i < rows->n_rows; i++) {
        f->decode(blocks + i * rows->row_bytes, w->decoded, r->n / f->block_elems);
        for (size_t k = 0; k < r->n; k++) {
            graft__column_put(w->e, k, i, rows->values[i * r->n + k] - w->decoded[k]);
        }
    }
}

/* Headers for columns [begin, end) of all rows, from what the errors behind them add: chosen, or those that
 * are there. */
static void begin_block(const graft_rounding *r, const graft_rounding_rows *rows, const work *w,
                        size_t begin, size_t end, bool choose)
{
    const graft_format *f = rows->levels->format;
    size_t at = begin / f->block_elems * f->block_bytes;
    for (size_t k = begin; k < end; k++) {
        column sums = {{0}};
        graft__columns_add(sums, r->factor + k * r->n, w->e, end, r->n);
        memcpy(w->e[k], sums, sizeof sums);
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        float x[GRAFT_LEVELS_BLOCK];
        uint8_t *block = w->blocks + i * rows->row_bytes + at;
        if (!choose) {
            rows->levels->grid(block, w->grids[i].scale, w->grids[i].offset);
            continue;
        }
        for (size_t k = begin; k < end; k++) {
            x[k - begin] = graft__column_get(w->w, k, i) + graft__column_get(w->e, k, i);
        }
        choose_header(rows->levels, x, r->weights + begin,
                      rows->own == NULL ? NULL : rows->own + i * rows->row_bytes + at, block,
                      &w->grids[i]);
    }
}

/* Their levels, from the last column to the first. */
static void round_block(const graft_rounding *r, const graft_rounding_rows *rows, const work *w,
                        size_t begin, size_t end)
{
    const graft_format *f = rows->levels->format;
    size_t at = begin / f->block_elems * f->block_bytes;
    int8_t levels[ROWS][GRAFT_LEVELS_BLOCK];
    for (size_t k = end; k-- > begin;) {
        graft__columns_add(w->e[k], r->factor + k * r->n, w->e, k + 1, end);
        for (size_t i = 0; i < rows->n_rows; i++) {
            float scale = w->grids[i].scale[k - begin], offset = w->grids[i].offset[k - begin];
            float wanted = graft__column_get(w->w, k, i) + graft__column_get(w->e, k, i);
            int level = nearest_level(rows->levels, scale, offset, wanted);
            levels[i][k - begin] = (int8_t)level;
            graft__column_put(w->e, k, i, graft__column_get(w->w, k, i) - (scale * (float)level + offset));
        }
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        rows->levels->put(w->blocks + i * rows->row_bytes + at, levels[i]);
    }
}

static void round_all(const graft_rounding *r, const graft_rounding_rows *rows, const work *w,
                      bool choose)
{
    const size_t block = rows->levels->format->block_elems;
    memset(w->e, 0, r->n * sizeof *w->e);
    for (size_t end = r->n; end > 0; end -= block) {
        begin_block(r, rows, w, end - block, end, choose);
        round_block(r, rows, w, end - block, end);
    }
}

/* Rows that are better than what is there so far replace it; w->e: their errors. */
static void keep_better(const graft_rounding *r, const graft_rounding_rows *rows, work *w)
{
    double costs[ROWS];
    find_costs(r, w->e, costs);
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (costs[i] < w->best[i]) {
            w->best[i] = costs[i];
            memcpy(rows->blocks + i * rows->row_bytes, w->blocks + i * rows->row_bytes,
                   rows->row_bytes);
        }
    }
}

void graft_rounding_run(const graft_rounding *rounding, const graft_rounding_rows *rows,
                        float *scratch)
{
    const size_t n = rounding->n;
    work w = lay_out(rounding, rows->levels, scratch);
    find_errors(rounding, rows, rows->blocks, &w);
    find_costs(rounding, w.e, w.best);
    memset(w.w, 0, n * sizeof *w.w);
    for (size_t i = 0; i < rows->n_rows; i++) {
        for (size_t k = 0; k < n; k++) {
            graft__column_put(w.w, k, i, rows->values[i * n + k]);
        }
    }
    round_all(rounding, rows, &w, true);
    keep_better(rounding, rows, &w);
    for (int round = 0; round < SCALE_ROUNDS; round++) {
        graft_rounding__solve_scales(rounding, rows, w.blocks, w.e, w.scales);
        round_all(rounding, rows, &w, false);
        keep_better(rounding, rows, &w);
    }
    graft_rounding__solve_scales(rounding, rows, w.blocks, w.e, w.scales);
    find_errors(rounding, rows, w.blocks, &w);
    keep_better(rounding, rows, &w);
    memcpy(rows->costs, w.best, rows->n_rows * sizeof *w.best);
}
