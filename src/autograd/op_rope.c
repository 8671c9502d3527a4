#include "autograd/ops.h"
#include "autograd/rows.h"

typedef struct rope_saved {
    const graft_kernels *kernels;
    graft_tensor *x, *out;
    graft_rope rope;
} rope_saved;

static void *act_row(const rope_saved *s, void *data, size_t row)
{
    return (char *)data + row * s->out->ld * s->kernels->act_bytes;
}

/* Rows of data, or of the gradient with the sign -1. */
static void rotate(const rope_saved *s, void *rows, size_t begin, size_t end, graft_real sign)
{
    const graft_rope *rope = &s->rope;
    if (rope->cos_sin != NULL) {
        (rope->halves ? s->kernels->rope_halves : s->kernels->rope_pairs)(
            act_row(s, rows, begin), s->out->ld, rope->cos_sin + begin * rope->d_rope, end - begin,
            rope->n_head, rope->d_head, rope->d_rope, sign);
    }
}

static void forward_rows(const void *context, size_t begin, size_t end)
{
    const rope_saved *s = context;
    const graft_rope *rope = &s->rope;
    if (rope->gain != NULL) {
        s->kernels->head_norm(act_row(s, s->out->data, begin), s->out->ld,
                              act_row(s, s->x->data, begin), s->x->ld, rope->gain, rope->eps,
                              end - begin, rope->n_head, rope->d_head);
    }
    rotate(s, s->out->data, begin, end, GRAFT_REAL(1.0));
}

static void backward_rows(const void *context, size_t begin, size_t end)
{
    const rope_saved *s = context;
    const graft_rope *rope = &s->rope;
    rotate(s, s->out->grad, begin, end, GRAFT_REAL(-1.0));
    if (rope->gain != NULL) {
        s->kernels->head_norm_backward(act_row(s, s->out->grad, begin), s->out->ld,
                                       act_row(s, s->x->data, begin), s->x->ld, rope->gain,
                                       rope->eps, end - begin, rope->n_head, rope->d_head);
    }
}

/* In the buffer of the gradient: a rotation's is rotated back. */
static graft_status rope_backward(graft_tape *tape, void *saved)
{
    rope_saved *s = saved;
    double begin = graft_clock_seconds();
    if (s->out->grad != NULL) {
        graft_rows_run(s->out->n_rows, backward_rows, s);
        s->x->grad = s->out->grad;
        graft_profile_add(&tape->compute->profile, GRAFT_PART_ROPE, begin, 0);
    }
    return GRAFT_OK;
}

graft_status graft_op_rope(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                           const graft_rope *rope)
{
    graft_status status = GRAFT_OK;
    rope_saved s = {&tape->compute->kernels, x, NULL, *rope};
    double begin = graft_clock_seconds();
    if (rope->gain != NULL && x->wants_grad && tape->recording) {
        GRAFT_TRY(graft_tensor_new(tape, out, x->n_rows, x->n_cols, true, true));
    } else {
        GRAFT_TRY(graft_tensor_alias(tape, out, x));
    }
    s.out = *out;
    graft_rows_run(x->n_rows, forward_rows, &s);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_ROPE, begin, 0);
    if (s.out->wants_grad) {
        GRAFT_TRY(graft_tape_push_copy(tape, rope_backward, &s, sizeof s));
    }
done:
    return status;
}
