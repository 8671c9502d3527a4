#include "autograd/live_rows.h"

#include <string.h>

#include "autograd/rows.h"
#include "core/half.h"

/* --- which --- */

typedef struct squares_job {
    const graft_kernels *kernels;
    graft_tensor *const *tensors;
    size_t n;
    double *squares; /* of each row */
} squares_job;

/* Several sums at once: one alone waits for its last addition each time. */
static double half_squares(const uint16_t *x, size_t n)
{
    enum { SUMS = 8 };
    float sums[SUMS] = {0};
    double all = 0;
    for (size_t i = 0; i < n; i += SUMS) {
        for (size_t k = 0; k < SUMS && i + k < n; k++) {
            float value = graft_bf16_to_f32(x[i + k]);
            sums[k] += value * value;
        }
    }
    for (size_t k = 0; k < SUMS; k++) {
        all += (double)sums[k];
    }
    return all;
}

static void square_rows(const void *context, size_t begin, size_t end)
{
    const squares_job *job = context;
    for (size_t row = begin; row < end; row++) {
        job->squares[row] = 0;
        for (size_t i = 0; i < job->n; i++) {
            const graft_tensor *t = job->tensors[i];
            bool half = t->act && job->kernels->half;
            job->squares[row] += half ? half_squares((uint16_t *)t->grad + row * t->ld, t->n_cols)
                                      : job->kernels->sum_squares(graft_tensor_grads(t, row),
                                                                  t->n_cols);
        }
    }
}

/* Zeros of either sign: a gated unit makes both of a row of zeros. */
static bool is_zero(const graft_kernels *kernels, const graft_tensor *t, size_t row)
{
    bool half = t->act && kernels->half;
    size_t i = 0;
    if (half) {
        const uint16_t *x = (uint16_t *)t->grad + row * t->ld;
        for (; i < t->n_cols && graft_bf16_to_f32(x[i]) == 0; i++) {
        }
    } else {
        const graft_real *x = graft_tensor_grads(t, row);
        for (; i < t->n_cols && x[i] == 0; i++) {
        }
    }
    return i == t->n_cols;
}

static graft_status find_share(graft_tape *tape, uint32_t *rows, graft_live_rows *out,
                               const squares_job *job, double share)
{
    graft_status status = GRAFT_OK;
    squares_job all = *job;
    double sum = 0;
    graft_arena_mark mark = graft_arena_save(&tape->compute->arena);
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &all.squares, out->of, sizeof *all.squares));
    graft_rows_run(out->of, square_rows, &all);
    for (size_t i = 0; i < out->of; i++) {
        sum += all.squares[i];
    }
    double least = share * sum / (double)out->of;
    for (uint32_t i = 0; i < out->of; i++) {
        if (!(all.squares[i] < least)) {
            rows[out->n++] = i;
        }
    }
    graft_arena_release(&tape->compute->arena, mark);
done:
    return status;
}

static void find_any(const squares_job *job, uint32_t *rows, graft_live_rows *out)
{
    for (uint32_t row = 0; row < out->of; row++) {
        bool zero = true;
        for (size_t i = 0; zero && i < job->n; i++) {
            zero = is_zero(job->kernels, job->tensors[i], row);
        }
        if (!zero) {
            rows[out->n++] = row;
        }
    }
}

graft_status graft_live_rows_find(graft_tape *tape, graft_live_rows *out,
                                  graft_tensor *const *tensors, size_t n, double share)
{
    graft_status status = GRAFT_OK;
    squares_job job = {&tape->compute->kernels, tensors, n, NULL};
    uint32_t *rows = NULL;
    *out = (graft_live_rows){.of = tensors[0]->n_rows};
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &rows, out->of, sizeof *rows));
    out->rows = rows;
    if (share > 0) {
        GRAFT_TRY(find_share(tape, rows, out, &job, share));
    } else {
        find_any(&job, rows, out);
    }
done:
    return status;
}

/* --- moving: a job takes some bytes of all rows, one after the other --- */

enum { BYTES = 1024 };

typedef struct move_job {
    const graft_live_rows *live;
    char *to;
    const char *from;
    size_t row_bytes;
} move_job;

static size_t bytes_of(const move_job *m, size_t job)
{
    size_t left = m->row_bytes - job * BYTES;
    return left < BYTES ? left : BYTES;
}

static void gather(void *context, size_t job, int thread)
{
    const move_job *m = context;
    size_t at = job * BYTES, n = bytes_of(m, job);
    (void)thread;
    for (size_t i = 0; i < m->live->n; i++) {
        memmove(m->to + i * m->row_bytes + at, m->from + m->live->rows[i] * m->row_bytes + at, n);
    }
}

/* From the last row on, so that none is overwritten before it is moved. */
static void spread(void *context, size_t job, int thread)
{
    const move_job *m = context;
    size_t at = job * BYTES, n = bytes_of(m, job), left = m->live->n;
    (void)thread;
    for (size_t row = m->live->of; row-- > 0;) {
        char *to = m->to + row * m->row_bytes + at;
        if (left > 0 && m->live->rows[left - 1] == row) {
            left--;
            memmove(to, m->to + left * m->row_bytes + at, n);
        } else {
            memset(to, 0, n);
        }
    }
}

static void move(const move_job *m, graft_job *job)
{
    graft_parallel((m->row_bytes + BYTES - 1) / BYTES, job, (void *)m);
}

void graft_live_rows_gather(const graft_live_rows *live, void *to, const void *from,
                            size_t row_bytes)
{
    const move_job m = {live, to, from, row_bytes};
    if (live->n < live->of || to != from) {
        move(&m, gather);
    }
}

void graft_live_rows_spread(const graft_live_rows *live, void *matrix, size_t row_bytes)
{
    const move_job m = {live, matrix, matrix, row_bytes};
    if (live->n < live->of) {
        move(&m, spread);
    }
}
