#include "autograd/rows.h"

typedef struct rows_job {
    size_t n_rows;
    graft_row_range *range;
    const void *context;
} rows_job;

static void run(void *context, size_t job, int thread)
{
    const rows_job *rows = context;
    size_t begin = job * GRAFT_ROW_TILE;
    size_t end = begin + GRAFT_ROW_TILE;
    (void)thread;
    rows->range(rows->context, begin, end < rows->n_rows ? end : rows->n_rows);
}

void graft_rows_run(size_t n_rows, graft_row_range *range, const void *context)
{
    rows_job job = {n_rows, range, context};
    graft_parallel((n_rows + GRAFT_ROW_TILE - 1) / GRAFT_ROW_TILE, run, &job);
}
