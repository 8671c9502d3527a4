#include "autograd/ops.h"
#include "autograd/rows.h"

typedef struct rmsnorm_saved {
    const graft_kernels *kernels;
    graft_tensor *x, *out;
    const graft_real *gain;
    graft_real *inv_rms; /* [n_rows] */
    graft_real eps;
} rmsnorm_saved;

static void forward_rows(const void *context, size_t begin, size_t end)
{
    const rmsnorm_saved *s = context;
    size_t n = s->x->n_cols;
    s->kernels->rmsnorm(s->out->data + begin * n, n, s->inv_rms + begin, s->x->data + begin * n, n,
                        s->gain, s->eps, end - begin, n);
}

static void backward_rows(const void *context, size_t begin, size_t end)
{
    const rmsnorm_saved *s = context;
    size_t n = s->x->n_cols;
    s->kernels->rmsnorm_backward(s->x->grad + begin * n, n, s->out->grad + begin * n, n,
                                 s->x->data + begin * n, n, s->inv_rms + begin, s->gain,
                                 end - begin, n);
}

static graft_status rmsnorm_backward(graft_tape *tape, void *saved)
{
    rmsnorm_saved *s = saved;
    graft_status status = GRAFT_OK;
    if (s->out->grad != NULL) {
        GRAFT_TRY(graft_tensor_grad_add(tape, s->x));
        graft_rows_run(s->x->n_rows, backward_rows, s);
    }
done:
    return status;
}

graft_status graft_op_rmsnorm(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                              const graft_real *gain, graft_real eps)
{
    graft_status status = GRAFT_OK;
    rmsnorm_saved s = {&tape->compute->kernels, x, NULL, gain, NULL, eps}, *saved = NULL;
    GRAFT_TRY(graft_tensor_new(tape, out, x->n_rows, x->n_cols, x->wants_grad));
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &s.inv_rms, x->n_rows, sizeof *s.inv_rms));
    s.out = *out;
    graft_rows_run(x->n_rows, forward_rows, &s);
    if (s.out->wants_grad) {
        GRAFT_TRY(graft_tape_push(tape, rmsnorm_backward, &saved, sizeof *saved));
        *saved = s;
    }
done:
    return status;
}
