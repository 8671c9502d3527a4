#include "autograd/ops.h"
#include "autograd/rows.h"

typedef struct embedding_rows {
    const graft_kernels *kernels;
    const graft_weight *w;
    const int32_t *ids;
    graft_real *out, scale;
} embedding_rows;

static void forward_rows(const void *context, size_t begin, size_t end)
{
    const embedding_rows *e = context;
    for (size_t i = begin; i < end; i++) {
        e->kernels->decode_row(e->w, (size_t)e->ids[i], e->out + i * e->w->n_in);
        if (e->scale != 0) {
            e->kernels->scale(e->out + i * e->w->n_in, e->scale, e->w->n_in);
        }
    }
}

graft_status graft_op_embedding(graft_tape *tape, graft_tensor **out, const graft_weight *w,
                                const int32_t *ids, size_t n_tok, graft_real scale,
                                bool wants_grad)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_tensor_new(tape, out, n_tok, w->n_in, false, wants_grad));
    embedding_rows rows = {&tape->compute->kernels, w, ids, (*out)->data, scale};
    double begin = graft_clock_seconds();
    graft_rows_run(n_tok, forward_rows, &rows);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_OTHER, begin, 0);
done:
    return status;
}
