#include "autograd/feed.h"

#include "autograd/rows.h"

/* What row jobs see. */
typedef struct feed_rows {
    const graft_kernels *kernels;
    const graft_feed *feed;
    graft_real *inv_rms;
    void *rows; /* the feed, or its gradient */
    size_t ld;
    const graft_live_rows *live;
} feed_rows;

static void *act_row(const feed_rows *f, void *data, size_t row)
{
    return (char *)data + row * f->ld * f->kernels->act_bytes;
}

static void norm_rows(const void *context, size_t begin, size_t end)
{
    const feed_rows *f = context;
    const graft_tensor *x = f->feed->x;
    f->kernels->rmsnorm(act_row(f, f->rows, begin), f->ld, f->inv_rms + begin,
                        graft_tensor_reals(x, begin), x->ld, f->feed->gain, f->feed->eps,
                        end - begin, x->n_cols);
}

static void live_norm_rows(const void *context, size_t begin, size_t end)
{
    const feed_rows *f = context;
    const graft_tensor *x = f->feed->x;
    for (size_t i = begin; i < end; i++) {
        size_t row = f->live->rows[i];
        f->kernels->rmsnorm(act_row(f, f->rows, i), f->ld, f->inv_rms + row,
                            graft_tensor_reals(x, row), x->ld, f->feed->gain, f->feed->eps, 1,
                            x->n_cols);
    }
}

static void gated_rows(const void *context, size_t begin, size_t end)
{
    const feed_rows *f = context;
    const graft_tensor *x = f->feed->x;
    bool gelu = f->feed->gate == GRAFT_GATE_GELU;
    (gelu ? f->kernels->geglu : f->kernels->swiglu)(
        act_row(f, f->rows, begin), act_row(f, x->data, begin),
        act_row(f, f->feed->up->data, begin), f->ld, end - begin, x->n_cols);
}

graft_status graft_feed_make(graft_tape *tape, const graft_act **out, const graft_feed *feed,
                             graft_real *inv_rms, const graft_live_rows *live)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &tape->compute->kernels;
    size_t n_rows = live != NULL ? live->n : feed->x->n_rows;
    graft_row_range *make = live != NULL ? live_norm_rows
                            : feed->kind == GRAFT_FEED_NORM ? norm_rows : gated_rows;
    graft_act *made = NULL;
    if (feed->kind == GRAFT_FEED_PLAIN) {
        *out = feed->x->data;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_act_alloc(tape, &made, n_rows, feed->x->n_cols));
    feed_rows rows = {kernels, feed, inv_rms, made, graft_act_ld(kernels, feed->x->n_cols), live};
    double begin = graft_clock_seconds();
    graft_rows_run(n_rows, make, &rows);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_FEED, begin, 0);
    *out = made;
done:
    return status;
}

bool graft_feed_wants_grad(const graft_feed *feed)
{
    return feed->x->wants_grad || (feed->kind == GRAFT_FEED_GATED && feed->up->wants_grad);
}

static void norm_backward_rows(const void *context, size_t begin, size_t end)
{
    const feed_rows *f = context;
    const graft_tensor *x = f->feed->x;
    f->kernels->rmsnorm_backward(graft_tensor_grads(x, begin), x->ld,
                                 (const graft_real *)f->rows + begin * x->n_cols, x->n_cols,
                                 graft_tensor_reals(x, begin), x->ld, f->inv_rms + begin,
                                 f->feed->gain, end - begin, x->n_cols);
}

static void gated_backward_rows(const void *context, size_t begin, size_t end)
{
    const feed_rows *f = context;
    const graft_tensor *x = f->feed->x;
    bool gelu = f->feed->gate == GRAFT_GATE_GELU;
    (gelu ? f->kernels->geglu_backward : f->kernels->swiglu_backward)(
        act_row(f, f->rows, begin), act_row(f, x->data, begin),
        act_row(f, f->feed->up->data, begin), f->ld, end - begin, x->n_cols);
}

graft_status graft_feed_backward(graft_tape *tape, const graft_feed *feed,
                                 const graft_real *inv_rms, void *grad)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &tape->compute->kernels;
    graft_tensor *x = feed->x;
    feed_rows rows = {kernels, feed, (graft_real *)inv_rms, grad, x->ld, NULL};
    double begin = graft_clock_seconds();
    if (feed->kind == GRAFT_FEED_NORM) {
        GRAFT_TRY(graft_tensor_grad_add(tape, x));
        graft_rows_run(x->n_rows, norm_backward_rows, &rows);
    } else if (feed->kind == GRAFT_FEED_GATED) {
        graft_rows_run(x->n_rows, gated_backward_rows, &rows);
        x->grad = x->data;
        feed->up->grad = feed->up->data;
    } else {
        x->grad = grad;
    }
    graft_profile_add(&tape->compute->profile, GRAFT_PART_FEED_BACK, begin, 0);
done:
    return status;
}
