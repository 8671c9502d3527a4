#include <math.h>
#include <string.h>

#include "autograd/feed.h"
#include "autograd/rows.h"

typedef struct head_saved {
    graft_tensor *x;
    graft_real *dx; /* [n_rows, n_in], computed along with the loss */
} head_saved;

/* The part of a chunk that row jobs see. */
typedef struct head_rows {
    const graft_kernels *kernels;
    const graft_prediction *predictions;
    graft_real *logits; /* become their gradients, as activations in the front of each row */
    size_t n_vocab;
    double total_weight;
    double *nll; /* [rows]: -log p(target) */
    int32_t *best; /* [rows], or NULL */
    graft_real softcap;
    bool gradient;
} head_rows;

static void loss_rows(const void *context, size_t begin, size_t end)
{
    const head_rows *h = context;
    for (size_t i = begin; i < end; i++) {
        graft_real *logits = h->logits + i * h->n_vocab;
        size_t target = (size_t)h->predictions[i].target;
        if (h->softcap > 0) {
            h->kernels->softcap(logits, h->softcap, h->n_vocab);
        }
        if (h->best != NULL) {
            h->best[i] = graft_argmax(logits, h->n_vocab);
        }
        double lse = h->kernels->log_sum_exp(logits, h->n_vocab);
        h->nll[i] = lse - (double)logits[target];
        if (h->gradient) {
            double weight = (double)h->predictions[i].weight / h->total_weight;
            h->kernels->softmax_gradient(logits, logits, h->n_vocab, (graft_real)lse, target,
                                         (graft_real)weight, h->softcap);
            if (h->kernels->half && h->n_vocab % 2 != 0) {
                ((uint16_t *)logits)[h->n_vocab] = 0; /* products walk pairs */
            }
        }
    }
}

static graft_status head_backward(graft_tape *tape, void *saved)
{
    head_saved *s = saved;
    (void)tape;
    s->x->grad = s->dx;
    return GRAFT_OK;
}

/* Everything of one op. */
typedef struct head_run {
    graft_tensor *x;
    const graft_weight *w;
    graft_real scale;
    head_rows rows;
    graft_tensor part; /* the rows of x in a chunk, their gradient in dx */
    graft_feed feed;
    graft_real *inv_rms, *dnorm;
} head_run;

/* y [n, width of W] = scale x W^T, or x W. */
static graft_status multiply(graft_tape *tape, const head_run *h, graft_real *y, const graft_act *x,
                             size_t ldx, size_t n, bool backward)
{
    graft_status status = GRAFT_OK;
    graft_compute *compute = tape->compute;
    graft_bytes *bytes = NULL;
    GRAFT_TRY(graft_act_to_bytes(tape, &bytes, x, ldx, NULL, n,
                                 backward ? h->w->n_out : h->w->n_in, backward));
    graft_product p = {.terms = {{x, ldx, h->w, backward, bytes}}, .n_terms = 1, .y = y,
                       .ldy = backward ? h->w->n_in : h->w->n_out, .scale = h->scale};
    graft_products_run(&compute->kernels, &compute->workspace, &p, 1, n);
done:
    return status;
}

/* Rows [begin, begin + n) of x. */
static graft_status run_chunk(graft_tape *tape, head_run *h, graft_real *dx, size_t begin, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_compute *compute = tape->compute;
    size_t n_in = h->x->n_cols, n_vocab = h->w->n_out;
    size_t ld = n_vocab * sizeof(graft_real) / compute->kernels.act_bytes;
    const graft_act *in = NULL;
    h->part.n_rows = n;
    h->part.data = graft_tensor_reals(h->x, begin);
    h->part.grad = dx == NULL ? NULL : dx + begin * n_in;
    h->feed.x = &h->part;
    GRAFT_TRY(graft_feed_make(tape, &in, &h->feed, h->inv_rms, NULL));
    size_t ldx = graft_act_ld(&compute->kernels, n_in);
    GRAFT_TRY(multiply(tape, h, h->rows.logits, in, ldx, n, false));
    graft_rows_run(n, loss_rows, &h->rows);
    if (dx != NULL) {
        memset(h->part.grad, 0, n * n_in * sizeof *dx);
        GRAFT_TRY(multiply(tape, h, h->dnorm, h->rows.logits, ld, n, true));
        GRAFT_TRY(graft_feed_backward(tape, &h->feed, h->inv_rms, h->dnorm));
    }
done:
    return status;
}

/* Room for one chunk, given back by the caller. */
static graft_status prepare_chunk(graft_tape *tape, head_run *h)
{
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    size_t n = h->x->n_rows < GRAFT_HEAD_CHUNK ? h->x->n_rows : GRAFT_HEAD_CHUNK;
    GRAFT_TRY(graft_arena_alloc(arena, &h->rows.logits, n * h->w->n_out, sizeof(graft_real)));
    GRAFT_TRY(graft_arena_alloc(arena, &h->inv_rms, n, sizeof *h->inv_rms));
    GRAFT_TRY(graft_arena_alloc(arena, &h->dnorm, n * h->x->n_cols, sizeof *h->dnorm));
done:
    return status;
}

static graft_real scale_of(const graft_head *head)
{
    return head->logit_scale == 0 ? GRAFT_REAL(1.0) : head->logit_scale;
}

graft_status graft_op_head_loss(graft_tape *tape, double *loss, float *logprobs, int32_t *best,
                                graft_tensor *x, const graft_head *head,
                                const graft_prediction *predictions, double total_weight)
{
    graft_status status = GRAFT_OK;
    graft_compute *compute = tape->compute;
    graft_arena *arena = &compute->arena;
    head_saved s = {x, NULL};
    double nll[GRAFT_HEAD_CHUNK];
    const graft_weight *w = head->w;
    head_run h = {.x = x, .w = w, .scale = scale_of(head), .part = *x,
                     .feed = {.kind = GRAFT_FEED_NORM, .gain = head->gain, .eps = head->eps}};
    h.rows = (head_rows){&compute->kernels, NULL, NULL, w->n_out, total_weight, nll,
                         NULL, head->softcap, x->wants_grad};
    if (x->wants_grad) {
        GRAFT_TRY(graft_arena_alloc(arena, &s.dx, x->n_rows * x->n_cols, sizeof *s.dx));
        GRAFT_TRY(graft_tape_push_copy(tape, head_backward, &s, sizeof s));
    }
    graft_arena_mark outer = graft_arena_save(arena);
    double start = graft_clock_seconds(), weights = (double)w->n_out * (double)w->n_in;
    GRAFT_TRY(prepare_chunk(tape, &h));
    for (size_t begin = 0; begin < x->n_rows; begin += GRAFT_HEAD_CHUNK) {
        size_t n = x->n_rows - begin < GRAFT_HEAD_CHUNK ? x->n_rows - begin : GRAFT_HEAD_CHUNK;
        graft_arena_mark mark = graft_arena_save(arena);
        h.rows.predictions = predictions + begin;
        h.rows.best = best == NULL ? NULL : best + begin;
        GRAFT_TRY(run_chunk(tape, &h, s.dx, begin, n));
        graft_arena_release(arena, mark);
        for (size_t i = 0; i < n; i++) {
            *loss += nll[i] * ((double)h.rows.predictions[i].weight / total_weight);
            if (logprobs != NULL) {
                logprobs[begin + i] = (float)-nll[i];
            }
        }
    }
    graft_arena_release(arena, outer);
    graft_profile_add(&compute->profile, GRAFT_PART_HEAD, start,
                      (x->wants_grad ? 4 : 2) * weights * (double)x->n_rows);
done:
    return status;
}
