#include <math.h>

#include "autograd/ops.h"
#include "autograd/rows.h"

typedef struct head_saved {
    graft_tensor *x;
    graft_real *dx; /* [n_rows, n_in], computed along with the loss */
} head_saved;

/* The part of a chunk that row jobs see. */
typedef struct head_rows {
    const graft_kernels *kernels;
    const graft_prediction *predictions;
    graft_real *logits;
    size_t n_vocab;
    double total_weight;
    double *nll; /* [rows]: -log p(target) */
    bool gradient;
} head_rows;

static void loss_rows(const void *context, size_t begin, size_t end)
{
    const head_rows *h = context;
    for (size_t i = begin; i < end; i++) {
        graft_real *logits = h->logits + i * h->n_vocab;
        size_t target = (size_t)h->predictions[i].target;
        double lse = h->kernels->log_sum_exp(logits, h->n_vocab);
        h->nll[i] = lse - (double)logits[target];
        if (h->gradient) {
            double weight = (double)h->predictions[i].weight / h->total_weight;
            h->kernels->softmax_gradient(logits, h->n_vocab, (graft_real)lse, target,
                                         (graft_real)weight);
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

graft_status graft_op_head_loss(graft_tape *tape, double *loss, float *logprobs, graft_tensor *x,
                                const graft_weight *w, const graft_prediction *predictions,
                                double total_weight)
{
    graft_status status = GRAFT_OK;
    graft_compute *compute = tape->compute;
    graft_arena *arena = &compute->arena;
    head_saved s = {x, NULL}, *saved = NULL;
    double nll[GRAFT_HEAD_CHUNK];
    head_rows h = {&compute->kernels, NULL, NULL, w->n_out, total_weight, nll, x->wants_grad};
    if (x->wants_grad) {
        GRAFT_TRY(graft_arena_alloc(arena, &s.dx, x->n_rows * x->n_cols, sizeof *s.dx));
        GRAFT_TRY(graft_tape_push(tape, head_backward, &saved, sizeof *saved));
        *saved = s;
    }
    graft_arena_mark mark = graft_arena_save(arena);
    size_t chunk = x->n_rows < GRAFT_HEAD_CHUNK ? x->n_rows : GRAFT_HEAD_CHUNK;
    GRAFT_TRY(graft_arena_alloc(arena, &h.logits, chunk * w->n_out, sizeof *h.logits));
    for (size_t begin = 0; begin < x->n_rows; begin += GRAFT_HEAD_CHUNK) {
        size_t n = x->n_rows - begin < GRAFT_HEAD_CHUNK ? x->n_rows - begin : GRAFT_HEAD_CHUNK;
        graft_product(&compute->kernels, &compute->workspace, h.logits, w->n_out,
                      x->data + begin * x->n_cols, x->n_cols, w, n, GRAFT_REAL(1.0), false);
        h.predictions = predictions + begin;
        graft_rows_run(n, loss_rows, &h);
        for (size_t i = 0; i < n; i++) {
            *loss += nll[i] * ((double)h.predictions[i].weight / total_weight);
            if (logprobs != NULL) {
                logprobs[begin + i] = (float)-nll[i];
            }
        }
        if (x->wants_grad) {
            graft_product_backward(&compute->kernels, &compute->workspace,
                                   s.dx + begin * x->n_cols, x->n_cols, h.logits, w->n_out, w, n,
                                   GRAFT_REAL(1.0), false);
        }
    }
    graft_arena_release(arena, mark);
done:
    return status;
}
