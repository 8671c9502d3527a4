#include <string.h>

#include "autograd/ops.h"
#include "autograd/rows.h"
#include "kernels/head_dots.h"

typedef struct attention_block {
    uint32_t span, begin, end; /* rows of the span's queries, or of its keys */
} attention_block;

typedef struct attention_saved {
    graft_compute *compute;
    graft_attention args;
    graft_tensor *q, *k, *v, *out;
    const attention_block *blocks;
    size_t n_blocks;
    graft_real *stats, *delta; /* [n_tok, n_head] */
} attention_saved;

static graft_real *scratch_of(const attention_saved *s, int thread)
{
    return s->compute->workspace.per_thread[thread];
}

static void forward_job(void *context, size_t job, int thread)
{
    const attention_saved *s = context;
    const attention_block *block = &s->blocks[job / s->args.n_head];
    s->compute->kernels.attention(&s->args, block->span, block->begin, block->end,
                                  job % s->args.n_head, s->out->data, s->out->n_cols, s->stats,
                                  scratch_of(s, thread));
}

static void backward_q_job(void *context, size_t job, int thread)
{
    const attention_saved *s = context;
    const attention_block *block = &s->blocks[job / s->args.n_head];
    s->compute->kernels.attention_backward_q(
        &s->args, block->span, block->begin, block->end, job % s->args.n_head, s->out->grad,
        s->out->n_cols, s->stats, s->delta, s->q->grad, s->q->n_cols, scratch_of(s, thread));
}

static void backward_kv_job(void *context, size_t job, int thread)
{
    const attention_saved *s = context;
    const attention_block *block = &s->blocks[job / s->args.n_kv];
    s->compute->kernels.attention_backward_kv(
        &s->args, block->span, block->begin, block->end, job % s->args.n_kv, s->out->grad,
        s->out->n_cols, s->stats, s->delta, s->k->grad, s->k->n_cols, s->v->grad, s->v->n_cols,
        scratch_of(s, thread));
}

static void delta_rows(const void *context, size_t begin, size_t end)
{
    const attention_saved *s = context;
    graft_head_dots(s->delta + begin * s->args.n_head, s->out->data + begin * s->out->n_cols,
                    s->out->grad + begin * s->out->n_cols, end - begin, s->args.n_head,
                    s->args.d_head);
}

static graft_status attention_backward(graft_tape *tape, void *saved)
{
    attention_saved *s = saved;
    graft_status status = GRAFT_OK;
    if (s->out->grad == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_tensor_grad_add(tape, s->q));
    GRAFT_TRY(graft_tensor_grad_add(tape, s->k));
    GRAFT_TRY(graft_tensor_grad_add(tape, s->v));
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &s->delta,
                                s->out->n_rows * s->args.n_head, sizeof *s->delta));
    graft_rows_run(s->out->n_rows, delta_rows, s);
    graft_parallel(s->n_blocks * s->args.n_head, backward_q_job, s);
    graft_parallel(s->n_blocks * s->args.n_kv, backward_kv_job, s);
done:
    return status;
}

/* Cuts the queries of all spans into blocks of fixed size. */
static graft_status make_blocks(graft_tape *tape, attention_saved *s, const graft_pass *pass)
{
    graft_status status = GRAFT_OK;
    attention_block *blocks = NULL;
    size_t n = 0;
    for (size_t i = 0; i < pass->n_spans; i++) {
        n += (pass->spans[i].n_query + GRAFT_ATTENTION_ROWS - 1) / GRAFT_ATTENTION_ROWS;
    }
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &blocks, n, sizeof *blocks));
    s->blocks = blocks;
    s->n_blocks = n;
    for (size_t i = 0; i < pass->n_spans; i++) {
        uint32_t n_query = pass->spans[i].n_query;
        for (uint32_t begin = 0; begin < n_query; begin += GRAFT_ATTENTION_ROWS) {
            uint32_t end = begin + GRAFT_ATTENTION_ROWS;
            *blocks++ = (attention_block){(uint32_t)i, begin, end < n_query ? end : n_query};
        }
    }
done:
    return status;
}

static void fill_cache(const attention_saved *s, const graft_pass *pass,
                       const graft_key_cache *cache)
{
    size_t n = s->k->n_cols;
    for (size_t i = 0; i < pass->n_spans; i++) {
        const graft_span *span = &pass->spans[i];
        size_t to = ((size_t)span->key_begin + span->n_key - span->n_query) * n;
        size_t from = (size_t)span->query_begin * n, bytes = span->n_query * n * sizeof *cache->k;
        memcpy(cache->k + to, s->k->data + from, bytes);
        memcpy(cache->v + to, s->v->data + from, bytes);
    }
}

graft_status graft_op_attention(graft_tape *tape, graft_tensor **out, graft_tensor *q,
                                graft_tensor *k, graft_tensor *v, const graft_pass *pass,
                                const graft_attention_shape *shape, const graft_key_cache *cache)
{
    graft_status status = GRAFT_OK;
    attention_saved s = {.compute = tape->compute, .q = q, .k = k, .v = v}, *saved = NULL;
    bool wants_grad = q->wants_grad || k->wants_grad || v->wants_grad;
    s.args = (graft_attention){pass->spans, pass->n_spans, shape->n_head, shape->n_kv,
                               shape->d_head, shape->scale, q->data, k->data, v->data,
                               q->n_cols, k->n_cols, v->n_cols};
    GRAFT_TRY(graft_tensor_new(tape, out, q->n_rows, q->n_cols, wants_grad));
    s.out = *out;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &s.stats, q->n_rows * shape->n_head,
                                sizeof *s.stats));
    GRAFT_TRY(make_blocks(tape, &s, pass));
    if (cache != NULL) {
        fill_cache(&s, pass, cache);
        s.args.k = cache->k;
        s.args.v = cache->v;
    }
    graft_parallel(s.n_blocks * shape->n_head, forward_job, &s);
    if (s.out->wants_grad) {
        GRAFT_TRY(graft_tape_push(tape, attention_backward, &saved, sizeof *saved));
        *saved = s;
    }
done:
    return status;
}
