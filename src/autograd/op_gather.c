#include <string.h>

#include "autograd/ops.h"

typedef struct gather_saved {
    graft_tensor *x, *out;
    const uint32_t *rows;
} gather_saved;

static size_t row_bytes(const graft_tape *tape, const graft_tensor *x)
{
    return x->ld * (x->act ? tape->compute->kernels.act_bytes : sizeof(graft_real));
}

/* Activations: every row of x is read at most once. */
static graft_status scatter_acts(graft_tape *tape, const gather_saved *s)
{
    graft_status status = GRAFT_OK;
    size_t bytes = row_bytes(tape, s->x);
    GRAFT_TRY(graft_tensor_grad_new(tape, s->x));
    memset(s->x->grad, 0, s->x->n_rows * bytes);
    for (size_t i = 0; i < s->out->n_rows; i++) {
        memcpy((char *)s->x->grad + s->rows[i] * bytes, (char *)s->out->grad + i * bytes, bytes);
    }
done:
    return status;
}

/* In order and on one thread: rows may repeat, and there are few of them. */
static graft_status gather_backward(graft_tape *tape, void *saved)
{
    gather_saved *s = saved;
    graft_status status = GRAFT_OK;
    if (s->out->grad == NULL || !s->x->wants_grad) {
        return GRAFT_OK;
    }
    if (s->x->act) {
        return scatter_acts(tape, s);
    }
    GRAFT_TRY(graft_tensor_grad_add(tape, s->x));
    for (size_t i = 0; i < s->out->n_rows; i++) {
        tape->compute->kernels.axpy(graft_tensor_grads(s->x, s->rows[i]),
                                    graft_tensor_grads(s->out, i), GRAFT_REAL(1.0),
                                    s->x->n_cols);
    }
done:
    return status;
}

graft_status graft_op_gather(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                             const uint32_t *rows, size_t n_rows)
{
    graft_status status = GRAFT_OK;
    size_t bytes = row_bytes(tape, x);
    GRAFT_TRY(graft_tensor_new(tape, out, n_rows, x->n_cols, x->act, x->wants_grad));
    for (size_t i = 0; i < n_rows; i++) {
        memcpy((char *)(*out)->data + i * bytes, (const char *)x->data + rows[i] * bytes, bytes);
    }
    if ((*out)->wants_grad) {
        gather_saved s = {x, *out, rows};
        GRAFT_TRY(graft_tape_push_copy(tape, gather_backward, &s, sizeof s));
    }
done:
    return status;
}
