#include "kernels/bytes.h"

#include "core/threads.h"
#include "kernels/portable/act.h"

enum { ROWS = 32 }; /* of a job */

typedef struct make_job {
    const graft_kernels *kernels;
    const graft_bytes *out;
    const graft_act *x;
    size_t ldx;
    const uint32_t *rows;
    size_t n_tok, n;
    bool backward;
} make_job;

size_t graft_bytes_groups(size_t n)
{
    return (n + GRAFT_GROUP - 1) / GRAFT_GROUP;
}

size_t graft_bytes_ld(size_t n)
{
    size_t ld = graft_bytes_groups(n) * GRAFT_GROUP;
    return ld % 512 == 0 ? ld + GRAFT_GROUP : ld; /* rows 512 bytes apart share lines */
}

size_t graft_bytes_size(size_t n)
{
    return graft_bytes_ld(n) + graft_bytes_groups(n) * sizeof(graft_byte_group);
}

/* n rows of x from one on. */
static void make_some(const make_job *j, size_t row, size_t from, size_t n)
{
    graft_bytes out = {j->out->q + row * j->out->ld, j->out->groups + row * j->out->n_groups,
                       j->out->ld, j->out->n_groups};
    j->kernels->to_bytes(&out, act_at(j->x, from * j->ldx, j->kernels->half), j->ldx, n, j->n,
                         j->backward);
}

static void make_rows(void *context, size_t job, int thread)
{
    const make_job *j = context;
    size_t begin = job * ROWS, end = j->n_tok - begin < ROWS ? j->n_tok : begin + ROWS;
    (void)thread;
    if (j->rows == NULL) {
        make_some(j, begin, begin, end - begin);
        return;
    }
    for (size_t row = begin; row < end; row++) {
        make_some(j, row, j->rows[row], 1);
    }
}

void graft_bytes_make(const graft_kernels *kernels, const graft_bytes *out, const graft_act *x,
                      size_t ldx, const uint32_t *rows, size_t n_tok, size_t n, bool backward)
{
    make_job job = {kernels, out, x, ldx, rows, n_tok, n, backward};
    graft_parallel((n_tok + ROWS - 1) / ROWS, make_rows, &job);
}
