#include "autograd/ops.h"
#include "autograd/rows.h"

typedef struct add_saved {
    const graft_kernels *kernels;
    graft_tensor *a, *b, *out;
} add_saved;

static void forward_rows(const void *context, size_t begin, size_t end)
{
    const add_saved *s = context;
    size_t n = s->out->n_cols;
    s->kernels->axpy(s->out->data + begin * n, s->a->data + begin * n, GRAFT_REAL(1.0),
                     (end - begin) * n);
}

/* The gradient of a sum is the gradient of both terms: b's maker reads it before anything adds
 * to a's (see ops.h). */
static graft_status add_backward(graft_tape *tape, void *saved)
{
    add_saved *s = saved;
    (void)tape;
    if (s->out->grad != NULL) {
        s->b->grad = s->out->grad;
        if (s->a->wants_grad) {
            s->a->grad = s->out->grad;
        }
    }
    return GRAFT_OK;
}

graft_status graft_op_add(graft_tape *tape, graft_tensor **out, graft_tensor *a, graft_tensor *b)
{
    graft_status status = GRAFT_OK;
    add_saved s = {&tape->compute->kernels, a, b, NULL}, *saved = NULL;
    bool wants_grad = a->wants_grad || b->wants_grad;
    GRAFT_TRY(graft_tensor_wrap(tape, out, b->data, b->n_rows, b->n_cols, wants_grad));
    s.out = *out;
    graft_rows_run(b->n_rows, forward_rows, &s);
    if (s.out->wants_grad) {
        GRAFT_TRY(graft_tape_push(tape, add_backward, &saved, sizeof *saved));
        *saved = s;
    }
done:
    return status;
}
