#include "kernels/bytes.h"

#include "core/threads.h"
#include "kernels/portable/act.h"

enum { ROWS = 32 }; /* of a job */

typedef struct make_job {
    const graft_kernels *kernels;
    const graft_bytes *out;
    const graft_act *x;
    size_t ldx, n_tok, n;
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

static void make_rows(void *context, size_t job, int thread)
{
    const make_job *j = context;
    size_t row = job * ROWS, n_rows = j->n_tok - row < ROWS ? j->n_tok - row : ROWS;
    (void)thread;
    graft_bytes out = {j->out->q + row * j->out->ld, j->out->groups + row * j->out->n_groups,
                       j->out->ld, j->out->n_groups};
    j->kernels->to_bytes(&out, act_at(j->x, row * j->ldx, j->kernels->half), j->ldx, n_rows, j->n,
                         j->backward);
}

void graft_bytes_make(const graft_kernels *kernels, const graft_bytes *out, const graft_act *x,
                      size_t ldx, size_t n_tok, size_t n, bool backward)
{
    make_job job = {kernels, out, x, ldx, n_tok, n, backward};
    graft_parallel((n_tok + ROWS - 1) / ROWS, make_rows, &job);
}
