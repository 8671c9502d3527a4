#include <string.h>

#include "autograd/ops.h"

typedef struct gather_saved {
    graft_tensor *x, *out;
    const uint32_t *rows;
} gather_saved;

/* In order and on one thread: rows may repeat, and there are few of them. */
static graft_status gather_backward(graft_tape *tape, void *saved)
{
    gather_saved *s = saved;
    graft_status status = GRAFT_OK;
    size_t n = s->x->n_cols;
    if (s->out->grad == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_tensor_grad_add(tape, s->x));
    for (size_t i = 0; i < s->out->n_rows; i++) {
        tape->compute->kernels.axpy(s->x->grad + s->rows[i] * n, s->out->grad + i * n,
                                    GRAFT_REAL(1.0), n);
    }
done:
    return status;
}

graft_status graft_op_gather(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                             const uint32_t *rows, size_t n_rows)
{
    graft_status status = GRAFT_OK;
    gather_saved *saved = NULL;
    size_t n = x->n_cols;
    GRAFT_TRY(graft_tensor_new(tape, out, n_rows, n, x->wants_grad));
    for (size_t i = 0; i < n_rows; i++) {
        memcpy((*out)->data + i * n, x->data + rows[i] * n, n * sizeof *x->data);
    }
    if ((*out)->wants_grad) {
        GRAFT_TRY(graft_tape_push(tape, gather_backward, &saved, sizeof *saved));
        *saved = (gather_saved){x, *out, rows};
    }
done:
    return status;
}
