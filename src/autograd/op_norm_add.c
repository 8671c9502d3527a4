#include "autograd/ops.h"
#include "autograd/rows.h"

typedef struct norm_add_saved {
    const graft_kernels *kernels;
    graft_tensor *residual, *y, *out;
    const graft_real *gain;
    graft_real eps;
} norm_add_saved;

static void *act_row(const norm_add_saved *s, void *data, size_t row)
{
    return (char *)data + row * s->y->ld * s->kernels->act_bytes;
}

static void forward_rows(const void *context, size_t begin, size_t end)
{
    const norm_add_saved *s = context;
    s->kernels->norm_add(graft_tensor_reals(s->out, begin), s->out->ld,
                         graft_tensor_reals(s->residual, begin), s->residual->ld,
                         act_row(s, s->y->data, begin), s->y->ld, s->gain, s->eps, end - begin,
                         s->y->n_cols);
}

/* The stream's gradient as activations, then through the norm: a row is one head. */
static void backward_rows(const void *context, size_t begin, size_t end)
{
    const norm_add_saved *s = context;
    size_t n = s->y->n_cols;
    void *dy = act_row(s, s->y->grad, begin);
    s->kernels->to_act(dy, s->y->ld, graft_tensor_grads(s->out, begin), s->out->ld, end - begin,
                       n);
    s->kernels->head_norm_backward(dy, s->y->ld, act_row(s, s->y->data, begin), s->y->ld, s->gain,
                                   s->eps, end - begin, 1, n);
}

static graft_status norm_add_backward(graft_tape *tape, void *saved)
{
    norm_add_saved *s = saved;
    graft_status status = GRAFT_OK;
    double begin = graft_clock_seconds();
    if (s->out->grad == NULL) {
        return GRAFT_OK;
    }
    if (s->y->wants_grad) {
        GRAFT_TRY(graft_tensor_grad_new(tape, s->y));
        graft_rows_run(s->y->n_rows, backward_rows, s);
    }
    if (s->residual->wants_grad) {
        s->residual->grad = s->out->grad;
    }
    graft_profile_add(&tape->compute->profile, GRAFT_PART_FEED_BACK, begin, 0);
done:
    return status;
}

graft_status graft_op_norm_add(graft_tape *tape, graft_tensor **out, graft_tensor *residual,
                               graft_tensor *y, const graft_real *gain, graft_real eps)
{
    graft_status status = GRAFT_OK;
    norm_add_saved s = {&tape->compute->kernels, residual, y, NULL, gain, eps};
    double begin = graft_clock_seconds();
    GRAFT_TRY(graft_tensor_new(tape, out, y->n_rows, y->n_cols, false,
                               residual->wants_grad || y->wants_grad));
    s.out = *out;
    graft_rows_run(y->n_rows, forward_rows, &s);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_FEED, begin, 0);
    if (s.out->wants_grad) {
        GRAFT_TRY(graft_tape_push_copy(tape, norm_add_backward, &s, sizeof s));
    }
done:
    return status;
}
