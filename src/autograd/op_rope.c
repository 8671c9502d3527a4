#include "autograd/ops.h"
#include "autograd/rows.h"

typedef struct rope_saved {
    const graft_kernels *kernels;
    graft_tensor *x, *out;
    graft_rope rope;
    char *rows; /* what is rotated: data or gradient */
    graft_real sign;
} rope_saved;

static void rotate_rows(const void *context, size_t begin, size_t end)
{
    const rope_saved *s = context;
    const graft_rope *rope = &s->rope;
    size_t ld = s->out->ld;
    void (*rotate)(graft_act *, size_t, const graft_real *, size_t, size_t, size_t, size_t,
                   graft_real) = rope->halves ? s->kernels->rope_halves : s->kernels->rope_pairs;
    rotate(s->rows + begin * ld * s->kernels->act_bytes, ld, rope->cos_sin + begin * rope->d_rope, end - begin, rope->n_head,
           rope->d_head, rope->d_rope, s->sign);
}

/* A rotation's gradient is rotated back, in the same buffer. */
static graft_status rope_backward(graft_tape *tape, void *saved)
{
    rope_saved *s = saved;
    double begin = graft_clock_seconds();
    if (s->out->grad != NULL) {
        s->rows = s->out->grad;
        s->sign = GRAFT_REAL(-1.0);
        graft_rows_run(s->out->n_rows, rotate_rows, s);
        s->x->grad = s->out->grad;
        graft_profile_add(&tape->compute->profile, GRAFT_PART_ROPE, begin, 0);
    }
    return GRAFT_OK;
}

graft_status graft_op_rope(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                           const graft_rope *rope)
{
    graft_status status = GRAFT_OK;
    rope_saved s = {&tape->compute->kernels, x, NULL, *rope, x->data, GRAFT_REAL(1.0)};
    double begin = graft_clock_seconds();
    GRAFT_TRY(graft_tensor_alias(tape, out, x));
    s.out = *out;
    graft_rows_run(x->n_rows, rotate_rows, &s);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_ROPE, begin, 0);
    if (s.out->wants_grad) {
        GRAFT_TRY(graft_tape_push_copy(tape, rope_backward, &s, sizeof s));
    }
done:
    return status;
}
