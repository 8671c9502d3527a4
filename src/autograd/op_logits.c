#include "autograd/ops.h"
#include "autograd/rows.h"

int32_t graft_argmax(const graft_real *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        if (logits[i] > logits[best]) {
            best = i;
        }
    }
    return (int32_t)best;
}

typedef struct cap_rows {
    const graft_kernels *kernels;
    graft_tensor *logits;
    graft_real softcap;
} cap_rows;

static void softcap_rows(const void *context, size_t begin, size_t end)
{
    const cap_rows *c = context;
    for (size_t i = begin; i < end; i++) {
        c->kernels->softcap(graft_tensor_reals(c->logits, i), c->softcap, c->logits->n_cols);
    }
}

graft_status graft_op_logits(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                             const graft_head *head)
{
    graft_status status = GRAFT_OK;
    graft_feed normed = {.kind = GRAFT_FEED_NORM, .x = x, .gain = head->gain, .eps = head->eps};
    graft_linear map = {.w = head->w, .scale = head->logit_scale};
    GRAFT_TRY(graft_op_linears(tape, out, &normed, &map, 1, NULL, true));
    if (head->softcap > 0) {
        cap_rows rows = {&tape->compute->kernels, *out, head->softcap};
        graft_rows_run((*out)->n_rows, softcap_rows, &rows);
    }
done:
    return status;
}
