#include "adapter/dora.h"

#include <math.h>

#include "autograd/rows.h"
#include "core/memory.h"

/* --- W, once --- */

enum { SQUARED_ROWS = 16 };

typedef struct square_job {
    const graft_kernels *kernels;
    const graft_weight *w;
    graft_real *rows; /* one per thread */
    double *out;
} square_job;

static void square_rows(void *context, size_t job, int thread)
{
    const square_job *s = context;
    graft_real *row = s->rows + (size_t)thread * s->w->n_in;
    size_t begin = job * SQUARED_ROWS, end = begin + SQUARED_ROWS;
    for (size_t i = begin; i < end && i < s->w->n_out; i++) {
        s->kernels->decode_row(s->w, i, row);
        s->out[i] = s->kernels->sum_squares(row, s->w->n_in);
    }
}

graft_status graft_dora_square_rows(double *out, const graft_weight *w)
{
    graft_status status = GRAFT_OK;
    graft_kernels kernels;
    square_job job = {&kernels, w, NULL, out};
    GRAFT_TRY(graft_kernels_init(&kernels, GRAFT_CPU_PORTABLE, false)); /* the same at every level */
    GRAFT_TRY(graft_alloc(&job.rows, (size_t)graft_threads() * w->n_in, sizeof *job.rows));
    graft_parallel((w->n_out + SQUARED_ROWS - 1) / SQUARED_ROWS, square_rows, &job);
done:
    graft_free(job.rows);
    return status;
}

/* --- W + scale B A --- */

typedef struct measure_rows {
    const graft_low_rank *map;
    const graft_real *aw;  /* [rank, n_out] = A W^T */
    const graft_real *baa; /* [n_out, rank] = B A A^T */
} measure_rows;

/* A row that rounding makes shorter than nothing has no direction; one that is not a number shows. */
static void measure(const void *context, size_t begin, size_t end)
{
    const measure_rows *m = context;
    const graft_low_rank *map = m->map;
    size_t rank = map->b.n_cols, n_out = map->b.n_rows;
    double scale = (double)map->scale;
    for (size_t i = begin; i < end; i++) {
        double along = 0, own = 0;
        for (size_t k = 0; k < rank; k++) {
            double b = (double)map->b.data[i * rank + k];
            along += b * (double)m->aw[k * n_out + i];
            own += b * (double)m->baa[i * rank + k];
        }
        double square = map->w_squares[i] + 2 * scale * along + scale * scale * own;
        double inverse = square <= 0 ? 0 : 1 / sqrt(square);
        map->inv_norm[i] = (graft_real)inverse;
        map->factor[i] = (graft_real)((double)map->magnitude.data[i] * inverse);
    }
}

static graft_status measure_map(const graft_low_rank *map, const graft_weight *w,
                                const graft_kernels *kernels, graft_compute *compute)
{
    graft_status status = GRAFT_OK;
    graft_arena *arena = &compute->arena;
    graft_workspace *workspace = &compute->workspace;
    size_t rank = map->a.n_rows, n_in = map->a.n_cols, n_out = map->b.n_rows;
    graft_real *aw = NULL, *aa = NULL, *baa = NULL;
    graft_arena_mark mark = graft_arena_save(arena);
    GRAFT_TRY(graft_arena_alloc(arena, &aw, rank * n_out, sizeof *aw));
    GRAFT_TRY(graft_arena_alloc(arena, &aa, rank * rank, sizeof *aa));
    GRAFT_TRY(graft_arena_alloc(arena, &baa, n_out * rank, sizeof *baa));
    const graft_weight a = graft_weight_dense(map->a.data, rank, n_in);
    const graft_weight gram = graft_weight_dense(aa, rank, rank);
    graft_product_run(kernels, workspace, aw, n_out, map->a.data, n_in, w, false, rank, 1, false);
    graft_product_run(kernels, workspace, aa, rank, map->a.data, n_in, &a, false, rank, 1, false);
    graft_product_run(kernels, workspace, baa, rank, map->b.data, rank, &gram, false, n_out, 1,
                      false);
    const measure_rows rows = {map, aw, baa};
    graft_rows_run(n_out, measure, &rows);
done:
    graft_arena_release(arena, mark);
    return status;
}

graft_status graft_slots_measure(const graft_slot *slots, size_t n_slots, graft_compute *compute)
{
    graft_status status = GRAFT_OK;
    graft_kernels kernels = {0};
    bool ready = false;
    for (size_t i = 0; i < n_slots; i++) {
        const graft_low_rank *map = slots[i].low_rank;
        if (map == NULL || map->magnitude.data == NULL) {
            continue;
        }
        if (!ready) {
            GRAFT_TRY(graft_compute_single(compute, &kernels));
            ready = true;
        }
        GRAFT_TRY(measure_map(map, &slots[i].weight, &kernels, compute));
    }
done:
    return status;
}
