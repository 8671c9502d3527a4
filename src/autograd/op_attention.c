#include <string.h>

#include "autograd/live_rows.h"
#include "autograd/ops.h"
#include "autograd/rows.h"
#include "kernels/spans.h"

typedef struct attention_block {
    uint32_t span, begin, end; /* rows of the span's queries */
} attention_block;

/* The blocks of one root span and all its descendants. */
typedef struct attention_tree {
    size_t root, first_block, n_blocks;
} attention_tree;

/* All queries of a pass, as they are worked on. */
typedef struct attention_forest {
    const attention_block *blocks;
    const attention_tree *trees;
    size_t n_blocks, n_trees;
} attention_forest;

typedef struct attention_saved {
    graft_compute *compute;
    graft_attention args;
    graft_tensor *q, *k, *v, *out;
    attention_forest forest;
    graft_real *stats;      /* [n_tok, n_head] */
    graft_real *dk, *dv;    /* in backward, per query head: [n_parts][n_head][n_tok, d_head] */
    size_t n_parts;
} attention_saved;

/* A few large trees are cut in two, each half with sums of its own, so that all threads have
 * something to do to the end. From shapes alone: the order of sums depends on it. */
enum { FEW_JOBS = 32 };

static graft_real *scratch_of(const attention_saved *s, int thread)
{
    return s->compute->workspace.per_thread[thread];
}

/* One head of a block; of a single query all that share keys, with the first of them. */
static void forward_job(void *context, size_t job, int thread)
{
    const attention_saved *s = context;
    const attention_block *block = &s->forest.blocks[job / s->args.n_head];
    size_t head = job % s->args.n_head, n_heads = 1;
    if (block->end - block->begin == 1) {
        size_t group = s->args.n_head / s->args.n_kv, at = head % group;
        if (at % GRAFT_ATTENTION_ROWS != 0) {
            return;
        }
        n_heads = group - at < GRAFT_ATTENTION_ROWS ? group - at : GRAFT_ATTENTION_ROWS;
    }
    s->compute->kernels.attention(&s->args, block->span, block->begin, block->end, head, n_heads,
                                  s->out->data, s->out->ld, s->stats, scratch_of(s, thread));
}

/* One head of one tree, every second block if it is cut: a key is added to by this job alone, in
 * order of the queries. */
static void backward_job(void *context, size_t job, int thread)
{
    const attention_saved *s = context;
    size_t part = job % s->n_parts, head = job / s->n_parts % s->args.n_head;
    const attention_tree *tree = &s->forest.trees[job / s->n_parts / s->args.n_head];
    const attention_block *blocks = s->forest.blocks + tree->first_block;
    size_t d_head = s->args.d_head, at = (part * s->args.n_head + head) * s->k->n_rows * d_head;
    graft_real *dk = s->dk + at, *dv = s->dv + at;
    for (size_t i = tree->root; i < s->args.n_spans; i++) {
        const graft_span *span = &s->args.spans[i];
        size_t n = graft_span_within(&s->args, i, tree->root) ? span->n_key * d_head : 0;
        memset(dk + span->key_begin * d_head, 0, n * sizeof *dk);
        memset(dv + span->key_begin * d_head, 0, n * sizeof *dv);
    }
    for (size_t i = part; i < tree->n_blocks; i += s->n_parts) {
        s->compute->kernels.attention_backward(
            &s->args, blocks[i].span, blocks[i].begin, blocks[i].end, head, s->out->data,
            s->out->grad, s->out->ld, s->stats, s->q->grad, s->q->ld, dk, d_head, dv, d_head,
            scratch_of(s, thread));
    }
}

/* Sums over the query heads of a group, then activations. */
static void sum_group(const attention_saved *s, graft_real *heads, graft_tensor *to, size_t row)
{
    const graft_kernels *kernels = &s->compute->kernels;
    size_t group = s->args.n_head / s->args.n_kv, d = s->args.d_head, n_tok = to->n_rows;
    for (size_t kv = 0; kv < s->args.n_kv; kv++) {
        graft_real *sum = heads + (kv * group * n_tok + row) * d;
        for (size_t i = 1; i < group * s->n_parts; i++) {
            size_t head = i % group + i / group * s->args.n_head;
            kernels->axpy(sum, sum + head * n_tok * d, GRAFT_REAL(1.0), d);
        }
        size_t at = row * to->ld + kv * d;
        kernels->to_act((char *)to->grad + at * kernels->act_bytes, to->ld, sum, d, 1, d);
    }
}

static void sum_rows(const void *context, size_t begin, size_t end)
{
    const attention_saved *s = context;
    for (size_t row = begin; row < end; row++) {
        sum_group(s, s->dk, s->k, row);
        sum_group(s, s->dv, s->v, row);
    }
}

/* Pairs of a query that sees n keys and a key, for n in [first, first + count), at most `most`. */
static double pairs_of(double first, double count, double most)
{
    double whole = most - first < 0 ? 0 : most - first < count ? most - first : count;
    return whole * (first + (whole - 1) / 2) + (count - whole) * most;
}

/* Products of queries and keys: each row of q with what it sees (keys that gradients leave out, too),
 * 2 d_head operations per pair. */
static double flop_of(const attention_saved *s, double products)
{
    const graft_attention *a = &s->args;
    double pairs = 0, window = a->window > 0 ? (double)a->window : UINT32_MAX;
    for (size_t i = 0; i < a->n_spans; i++) {
        const graft_span *span = &a->spans[i];
        for (size_t row = 0; a->seen != NULL && row < span->n_query; row++) {
            pairs += pairs_of((double)graft_query_sees(a, span, row), 1, window);
        }
        if (a->seen == NULL) {
            pairs += pairs_of((double)graft_keys_seen(span, 0), span->n_query, window);
        }
    }
    return products * 2 * pairs * (double)(a->n_head * a->d_head);
}

static uint32_t root_of(const graft_attention *a, size_t span)
{
    while (a->spans[span].parent >= 0) {
        span = (size_t)a->spans[span].parent;
    }
    return (uint32_t)span;
}

/* Cuts the queries of all spans into blocks of fixed size, tree after tree. */
static graft_status make_forest(graft_tape *tape, attention_forest *out, const graft_attention *a)
{
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    attention_block *blocks = NULL;
    attention_tree *trees = NULL;
    uint32_t *roots = NULL;
    size_t n = 0;
    for (size_t i = 0; i < a->n_spans; i++) {
        n += (a->spans[i].n_query + GRAFT_ATTENTION_ROWS - 1) / GRAFT_ATTENTION_ROWS;
    }
    GRAFT_TRY(graft_arena_alloc(arena, &blocks, n, sizeof *blocks));
    GRAFT_TRY(graft_arena_alloc(arena, &trees, a->n_spans, sizeof *trees));
    GRAFT_TRY(graft_arena_alloc(arena, &roots, a->n_spans, sizeof *roots));
    for (size_t i = 0; i < a->n_spans; i++) {
        roots[i] = root_of(a, i);
    }
    *out = (attention_forest){.blocks = blocks, .trees = trees};
    for (uint32_t root = 0; root < a->n_spans; root++) {
        if (roots[root] != root) {
            continue;
        }
        attention_tree *tree = &trees[out->n_trees++];
        *tree = (attention_tree){.root = root, .first_block = out->n_blocks};
        for (uint32_t i = root; i < a->n_spans; i++) {
            uint32_t n_query = roots[i] == root ? a->spans[i].n_query : 0;
            for (uint32_t begin = 0; begin < n_query; begin += GRAFT_ATTENTION_ROWS) {
                uint32_t end = begin + GRAFT_ATTENTION_ROWS;
                blocks[out->n_blocks++] = (attention_block){i, begin, end < n_query ? end : n_query};
            }
        }
        tree->n_blocks = out->n_blocks - tree->first_block;
    }
done:
    return status;
}

/* --- queries that get no gradient: nothing goes back from them --- */

/* The spans with what is left of their queries. */
static graft_status thin_out(graft_tape *tape, graft_attention *a, const graft_live_rows *live)
{
    graft_status status = GRAFT_OK;
    graft_span *spans = NULL;
    uint32_t *seen = NULL;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &spans, a->n_spans, sizeof *spans));
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &seen, live->n, sizeof *seen));
    uint32_t at = 0;
    for (size_t i = 0; i < a->n_spans; i++) {
        const graft_span *all = &a->spans[i];
        spans[i] = *all;
        spans[i].query_begin = at;
        for (; at < live->n && live->rows[at] < all->query_begin + all->n_query; at++) {
            seen[at] = (uint32_t)graft_keys_seen(all, live->rows[at] - all->query_begin);
        }
        spans[i].n_query = at - spans[i].query_begin;
    }
    a->spans = spans;
    a->seen = seen;
done:
    return status;
}

/* Closes the ranks of queries, outputs and their gradients, and of what is kept for them: nothing reads
 * them behind this. */
static graft_status keep_live(graft_tape *tape, attention_saved *s, const graft_live_rows *live)
{
    graft_status status = GRAFT_OK;
    size_t act = tape->compute->kernels.act_bytes;
    graft_live_rows_gather(live, s->q->data, s->q->data, s->q->ld * act);
    graft_live_rows_gather(live, s->out->data, s->out->data, s->out->ld * act);
    graft_live_rows_gather(live, s->out->grad, s->out->grad, s->out->ld * act);
    graft_live_rows_gather(live, s->stats, s->stats, s->args.n_head * sizeof *s->stats);
    GRAFT_TRY(thin_out(tape, &s->args, live));
    GRAFT_TRY(make_forest(tape, &s->forest, &s->args));
done:
    return status;
}

static graft_status attention_backward(graft_tape *tape, void *saved)
{
    attention_saved *s = saved;
    double begin = graft_clock_seconds();
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    size_t n_jobs = s->forest.n_trees * s->args.n_head;
    size_t n = s->args.n_head * s->k->n_rows * s->args.d_head;
    graft_live_rows live;
    if (s->out->grad == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_tensor_grad_new(tape, s->q));
    GRAFT_TRY(graft_tensor_grad_new(tape, s->k));
    GRAFT_TRY(graft_tensor_grad_new(tape, s->v));
    graft_arena_mark mark = graft_arena_save(arena);
    GRAFT_TRY(graft_live_rows_find(tape, &live, &s->out, 1, 0));
    if (live.n < live.of) {
        GRAFT_TRY(keep_live(tape, s, &live));
    }
    s->n_parts = n_jobs < FEW_JOBS ? 2 : 1;
    GRAFT_TRY(graft_arena_alloc(arena, &s->dk, s->n_parts * n, sizeof *s->dk));
    GRAFT_TRY(graft_arena_alloc(arena, &s->dv, s->n_parts * n, sizeof *s->dv));
    graft_parallel(n_jobs * s->n_parts, backward_job, s);
    graft_live_rows_spread(&live, s->q->grad, s->q->ld * tape->compute->kernels.act_bytes);
    graft_rows_run(s->k->n_rows, sum_rows, s);
    graft_arena_release(arena, mark);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_ATTENTION_BACK, begin, flop_of(s, 5));
done:
    return status;
}

/* The heads of a row go apart, row `row` of `from` to row `to` of the cache. */
static void cache_row(const attention_saved *s, graft_act *cache, size_t n_rows, size_t to,
                      const graft_tensor *from, size_t row)
{
    size_t act = s->compute->kernels.act_bytes, bytes = s->args.d_head * act;
    const char *heads = (const char *)from->data + row * from->ld * act;
    for (size_t kv = 0; kv < s->args.n_kv; kv++) {
        memcpy((char *)cache + (kv * n_rows + to) * bytes, heads + kv * bytes, bytes);
    }
}

/* Keys are read from the cache, where those of the pass are now. */
static void use_cache(attention_saved *s, const graft_pass *pass, const graft_key_cache *cache)
{
    for (size_t i = 0; i < pass->n_spans; i++) {
        const graft_span *span = &pass->spans[i];
        size_t to = (size_t)span->key_begin + span->n_key - span->n_query;
        for (size_t k = 0; k < span->n_query; k++) {
            cache_row(s, cache->k, cache->n_rows, to + k, s->k, span->query_begin + k);
            cache_row(s, cache->v, cache->n_rows, to + k, s->v, span->query_begin + k);
        }
    }
    s->args.k = cache->k;
    s->args.v = cache->v;
    s->args.ldk = s->args.ldv = s->args.d_head;
    s->args.kv_step = cache->n_rows * s->args.d_head;
}

graft_status graft_op_attention(graft_tape *tape, graft_tensor **out, graft_tensor *q,
                                graft_tensor *k, graft_tensor *v, const graft_pass *pass,
                                const graft_attention_shape *shape, const graft_key_cache *cache)
{
    graft_status status = GRAFT_OK;
    attention_saved s = {.compute = tape->compute, .q = q, .k = k, .v = v};
    bool wants_grad = q->wants_grad || k->wants_grad || v->wants_grad;
    s.args = (graft_attention){pass->spans, pass->n_spans, shape->n_head, shape->n_kv,
                               shape->d_head, shape->scale, q->data, k->data, v->data,
                               q->ld, k->ld, v->ld, shape->d_head, shape->softcap, shape->window,
                               tape->compute->left_out.keys, NULL};
    if (shape->window > UINT32_MAX) {
        s.args.window = 0; /* no position is so far away */
    }
    if (shape->d_head > GRAFT_MAX_D_HEAD) {
        return graft_fail(GRAFT_E_MODEL, "heads of width %zu are not supported (at most %d)",
                          shape->d_head, GRAFT_MAX_D_HEAD);
    }
    GRAFT_TRY(graft_tensor_new(tape, out, q->n_rows, q->n_cols, true, wants_grad));
    s.out = *out;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &s.stats, q->n_rows * shape->n_head,
                                sizeof *s.stats));
    GRAFT_TRY(make_forest(tape, &s.forest, &s.args));
    if (cache != NULL) {
        use_cache(&s, pass, cache);
    }
    double begin = graft_clock_seconds();
    graft_parallel(s.forest.n_blocks * shape->n_head, forward_job, &s);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_ATTENTION, begin, flop_of(&s, 2));
    if (s.out->wants_grad) {
        GRAFT_TRY(graft_tape_push_copy(tape, attention_backward, &s, sizeof s));
    }
done:
    return status;
}
