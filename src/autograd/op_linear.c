#include "autograd/ops.h"
#include "kernels/dropout.h"

typedef struct linear_saved {
    graft_tensor *x, *out;
    const graft_weight *w;
    const graft_low_rank *low_rank;
    graft_real *dropped; /* dropout(x), or x itself */
    graft_real *h;       /* [n_tok, rank] = dropped A^T */
    graft_dropout mask;
} linear_saved;

static graft_status low_rank_backward(graft_tape *tape, linear_saved *s, bool *accumulate)
{
    graft_status status = GRAFT_OK;
    const graft_low_rank *lr = s->low_rank;
    const graft_kernels *kernels = &tape->compute->kernels;
    graft_workspace *workspace = &tape->compute->workspace;
    graft_arena *arena = &tape->compute->arena;
    graft_weight a = graft_weight_dense(lr->a.data, lr->a.n_rows, lr->a.n_cols);
    graft_weight b = graft_weight_dense(lr->b.data, lr->b.n_rows, lr->b.n_cols);
    size_t n_tok = s->x->n_rows, n_in = s->x->n_cols, n_out = s->out->n_cols;
    size_t rank = lr->a.n_rows;
    graft_real *dh = NULL, *dx = NULL;
    if (lr->b.grad != NULL) {
        graft_product_outer(kernels, workspace, lr->b.grad, rank, s->out->grad, n_out, s->h, rank,
                            n_tok, n_out, rank, lr->scale);
    }
    GRAFT_TRY(graft_arena_alloc(arena, &dh, n_tok * rank, sizeof *dh));
    graft_product_backward(kernels, workspace, dh, rank, s->out->grad, n_out, &b, n_tok, lr->scale,
                           false);
    if (lr->a.grad != NULL) {
        graft_product_outer(kernels, workspace, lr->a.grad, n_in, dh, rank, s->dropped, n_in,
                            n_tok, rank, n_in, GRAFT_REAL(1.0));
    }
    if (!s->x->wants_grad) {
        goto done;
    }
    if (s->dropped != s->x->data) {
        GRAFT_TRY(graft_tensor_grad_add(tape, s->x));
        GRAFT_TRY(graft_arena_alloc(arena, &dx, n_tok * n_in, sizeof *dx));
        graft_product_backward(kernels, workspace, dx, n_in, dh, rank, &a, n_tok, GRAFT_REAL(1.0),
                               false);
        graft_dropout_add(s->x->grad, dx, n_tok * n_in, &s->mask);
    } else {
        GRAFT_TRY(graft_tensor_grad(tape, s->x, accumulate));
        graft_product_backward(kernels, workspace, s->x->grad, n_in, dh, rank, &a, n_tok,
                               GRAFT_REAL(1.0), *accumulate);
    }
done:
    return status;
}

static graft_status linear_backward(graft_tape *tape, void *saved)
{
    linear_saved *s = saved;
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    bool accumulate = false;
    if (s->out->grad == NULL) {
        return GRAFT_OK;
    }
    if (s->x->wants_grad) {
        GRAFT_TRY(graft_tensor_grad(tape, s->x, &accumulate));
        graft_product_backward(&tape->compute->kernels, &tape->compute->workspace, s->x->grad,
                               s->x->n_cols, s->out->grad, s->out->n_cols, s->w, s->x->n_rows,
                               GRAFT_REAL(1.0), accumulate);
    }
    if (s->low_rank != NULL) {
        graft_arena_mark mark = graft_arena_save(arena);
        status = low_rank_backward(tape, s, &accumulate);
        graft_arena_release(arena, mark);
    }
done:
    return status;
}

/* Adds the low-rank part to s->out; keeps what backward needs when `keep`. */
static graft_status low_rank_forward(graft_tape *tape, linear_saved *s)
{
    graft_status status = GRAFT_OK;
    const graft_low_rank *lr = s->low_rank;
    const graft_kernels *kernels = &tape->compute->kernels;
    graft_workspace *workspace = &tape->compute->workspace;
    graft_arena *arena = &tape->compute->arena;
    graft_weight a = graft_weight_dense(lr->a.data, lr->a.n_rows, lr->a.n_cols);
    graft_weight b = graft_weight_dense(lr->b.data, lr->b.n_rows, lr->b.n_cols);
    size_t n_tok = s->x->n_rows, n_in = s->x->n_cols;
    s->dropped = s->x->data;
    if (lr->dropout > 0 && tape->training) {
        s->mask = graft_dropout_mask(tape->seed, tape->step, tape->pass, lr->site, lr->dropout);
        GRAFT_TRY(graft_arena_calloc(arena, &s->dropped, n_tok * n_in, sizeof *s->dropped));
        graft_dropout_add(s->dropped, s->x->data, n_tok * n_in, &s->mask);
    }
    GRAFT_TRY(graft_arena_alloc(arena, &s->h, n_tok * lr->a.n_rows, sizeof *s->h));
    graft_product(kernels, workspace, s->h, lr->a.n_rows, s->dropped, n_in, &a, n_tok,
                  GRAFT_REAL(1.0), false);
    graft_product(kernels, workspace, s->out->data, s->out->n_cols, s->h, lr->a.n_rows, &b, n_tok,
                  lr->scale, true);
done:
    return status;
}

graft_status graft_op_linear(graft_tape *tape, graft_tensor **out, graft_tensor *x,
                             const graft_weight *w, const graft_low_rank *low_rank)
{
    graft_status status = GRAFT_OK;
    linear_saved s = {.x = x, .w = w, .low_rank = low_rank}, *saved = NULL;
    bool wants_grad = x->wants_grad || low_rank != NULL;
    GRAFT_TRY(graft_tensor_new(tape, out, x->n_rows, w->n_out, wants_grad));
    s.out = *out;
    graft_product(&tape->compute->kernels, &tape->compute->workspace, s.out->data, w->n_out,
                  x->data, x->n_cols, w, x->n_rows, GRAFT_REAL(1.0), false);
    if (low_rank != NULL) {
        GRAFT_TRY(low_rank_forward(tape, &s));
    }
    if (s.out->wants_grad) {
        GRAFT_TRY(graft_tape_push(tape, linear_backward, &saved, sizeof *saved));
        *saved = s;
    }
done:
    return status;
}
