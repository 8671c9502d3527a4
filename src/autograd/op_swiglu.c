#include "autograd/ops.h"
#include "autograd/rows.h"

typedef struct swiglu_saved {
    const graft_kernels *kernels;
    graft_tensor *gate, *up, *out;
} swiglu_saved;

static void forward_rows(const void *context, size_t begin, size_t end)
{
    const swiglu_saved *s = context;
    size_t n = s->out->n_cols;
    s->kernels->swiglu(s->out->data + begin * n, s->gate->data + begin * n,
                       s->up->data + begin * n, end - begin, n);
}

static void backward_rows(const void *context, size_t begin, size_t end)
{
    const swiglu_saved *s = context;
    size_t n = s->out->n_cols;
    s->kernels->swiglu_backward(s->gate->grad + begin * n, s->up->grad + begin * n,
                                s->out->grad + begin * n, s->gate->data + begin * n,
                                s->up->data + begin * n, end - begin, n);
}

static graft_status swiglu_backward(graft_tape *tape, void *saved)
{
    swiglu_saved *s = saved;
    graft_status status = GRAFT_OK;
    if (s->out->grad != NULL) {
        GRAFT_TRY(graft_tensor_grad_add(tape, s->gate));
        GRAFT_TRY(graft_tensor_grad_add(tape, s->up));
        graft_rows_run(s->out->n_rows, backward_rows, s);
    }
done:
    return status;
}

graft_status graft_op_swiglu(graft_tape *tape, graft_tensor **out, graft_tensor *gate,
                             graft_tensor *up)
{
    graft_status status = GRAFT_OK;
    swiglu_saved s = {&tape->compute->kernels, gate, up, NULL}, *saved = NULL;
    bool wants_grad = gate->wants_grad || up->wants_grad;
    GRAFT_TRY(graft_tensor_new(tape, out, gate->n_rows, gate->n_cols, wants_grad));
    s.out = *out;
    graft_rows_run(gate->n_rows, forward_rows, &s);
    if (wants_grad && tape->recording) {
        GRAFT_TRY(graft_tape_push(tape, swiglu_backward, &saved, sizeof *saved));
        *saved = s;
    }
done:
    return status;
}
