/* linears_back.c - gradients of linear maps and their low-rank parts (autograd/linears.h). */
#include <string.h>

#include "autograd/linears.h"
#include "autograd/rows.h"

/* The gradient of each map's output as activations. That of a residual stream is rounded. With
 * magnitudes, of which the gradient is made here, what came before them is the output. */
typedef struct out_grads {
    graft_act *dy[GRAFT_MAX_MAPS];
    size_t ld[GRAFT_MAX_MAPS];
    graft_live_rows live; /* which rows go back */
    bool closed;          /* the others are gone from dy and h */
} out_grads;

static size_t act_ld(const graft_tape *tape, size_t n)
{
    return graft_act_ld(&tape->compute->kernels, n);
}

static size_t row_bytes(const graft_tape *tape, size_t ld)
{
    return ld * tape->compute->kernels.act_bytes;
}

/* Of dy and h, and so of what is made of them. */
static size_t rows_of(const graft_linears *s, const out_grads *grads)
{
    return grads->closed ? grads->live.n : s->n_tok;
}

typedef struct convert_rows {
    const graft_kernels *kernels;
    const graft_tensor *from;
    char *to;
    size_t ld;
} convert_rows;

static void to_act_rows(const void *context, size_t begin, size_t end)
{
    const convert_rows *c = context;
    c->kernels->to_act(c->to + begin * c->ld * c->kernels->act_bytes, c->ld,
                       graft_tensor_grads(c->from, begin), c->from->ld, end - begin,
                       c->from->n_cols);
}

static graft_status take_grads(graft_tape *tape, const graft_linears *s, out_grads *grads)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &tape->compute->kernels;
    for (size_t i = 0; i < s->n; i++) {
        const graft_tensor *out = s->outs[i];
        graft_act *rounded = NULL;
        grads->dy[i] = out->grad;
        grads->ld[i] = out->ld;
        if (!out->act && (kernels->half || graft_linears__scales(s, i))) {
            GRAFT_TRY(graft_act_alloc(tape, &rounded, out->n_rows, out->n_cols));
            grads->dy[i] = rounded;
            grads->ld[i] = act_ld(tape, out->n_cols);
            convert_rows rows = {kernels, out, rounded, grads->ld[i]};
            graft_rows_run(out->n_rows, to_act_rows, &rows);
        }
        if (graft_linears__scales(s, i)) {
            const graft_magnitude m = {s->maps[i].low_rank, s->maps[i].bias, s->scale,
                                       s->parts[i].z, s->n_tok, out->n_cols};
            GRAFT_TRY(graft_magnitude_backward(tape, &m, rounded != NULL ? rounded : out->grad));
        }
    }
done:
    return status;
}

/* --- rows that go back --- */

/* Closes the ranks of dy and h where other rows have gradients of zeros, of which nothing comes. */
static void close_ranks(graft_tape *tape, const graft_linears *s, out_grads *grads)
{
    for (size_t i = 0; i < s->n; i++) {
        graft_live_rows_gather(&grads->live, grads->dy[i], grads->dy[i],
                               row_bytes(tape, grads->ld[i]));
        if (graft_linears__owns(s, i)) {
            size_t ld = act_ld(tape, graft_linears__rank(s, i));
            graft_live_rows_gather(&grads->live, s->parts[i].h, s->parts[i].h, row_bytes(tape, ld));
        }
    }
    grads->closed = grads->live.n < grads->live.of;
}

/* Behind a norm, where rows of queries and of units that were left out are zeros, those are gone for good. Behind an
 * attention or a gated unit rows may be left out that are next to nothing (graft_left_out): they keep what
 * flows along the stream, and count in the gradients of these maps' own factors. Nothing else is left out of what goes
 * back into queries, keys and values, whose rows are fewer and matter more. With dropout ranks stay open, and of rows
 * that are not made into bytes none is left out: copies of the others are not planned for. */
static graft_status find_rows(graft_tape *tape, const graft_linears *s, out_grads *grads)
{
    graft_status status = GRAFT_OK;
    bool norm = s->feed.kind == GRAFT_FEED_NORM;
    if (norm && s->drops && !graft_tape_bytes(tape)) {
        grads->live = (graft_live_rows){NULL, s->n_tok, s->n_tok};
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_live_rows_find(tape, &grads->live, s->outs, s->n,
                                   norm ? 0 : tape->compute->left_out.rows));
    if (norm && !s->drops && s->residual == NULL) {
        close_ranks(tape, s, grads);
    }
done:
    return status;
}

/* The rows of x that go back, if others are there. */
static graft_status take_live(graft_tape *tape, const graft_act **out, const out_grads *grads,
                              const graft_act *x, size_t ld)
{
    graft_status status = GRAFT_OK;
    graft_act *taken = NULL;
    *out = x;
    if (!grads->closed && grads->live.n < grads->live.of) {
        GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &taken, grads->live.n,
                                    row_bytes(tape, ld)));
        graft_live_rows_gather(&grads->live, taken, x, row_bytes(tape, ld));
        *out = taken;
    }
done:
    return status;
}

/* --- backward --- */

/* g of all low-rank parts. */
static graft_status reduce_grads(graft_tape *tape, graft_linears *s, const out_grads *grads)
{
    graft_status status = GRAFT_OK;
    graft_product products[GRAFT_MAX_MAPS];
    size_t n = 0, of[GRAFT_MAX_MAPS] = {0};
    for (size_t i = 0; i < s->n; i++) {
        const graft_low_rank *lr = s->maps[i].low_rank;
        if (lr == NULL) {
            continue;
        }
        if (graft_linears__owns(s, i)) {
            GRAFT_TRY(graft_act_alloc(tape, &s->parts[i].g, rows_of(s, grads),
                                      graft_linears__rank(s, i)));
            of[i] = n;
            products[n++] = (graft_product){
                .y = s->parts[i].g, .ldy = act_ld(tape, graft_linears__rank(s, i)), .y_act = true,
                .scale = lr->scale};
        }
        graft_product *p = &products[of[graft_linears__owner(s, i)]];
        p->terms[p->n_terms++] = (graft_term){grads->dy[i], grads->ld[i], &s->parts[i].b, true,
                                              NULL};
    }
    graft_linears__run(tape, GRAFT_PART_REDUCE_GRAD, products, n, rows_of(s, grads));
done:
    return status;
}

/* What flows back through dropped inputs is masked before it is added: dx real, one map at a
 * time. */
static graft_status add_dropped(graft_tape *tape, const graft_linears *s, graft_real *dx)
{
    graft_status status = GRAFT_OK;
    graft_real *part = NULL;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &part, s->n_tok * s->n_in, sizeof *part));
    for (size_t i = 0; i < s->n; i++) {
        if (graft_linears__owns(s, i)) {
            graft_product_run(&tape->compute->kernels, &tape->compute->workspace, part, s->n_in,
                              s->parts[i].g, act_ld(tape, graft_linears__rank(s, i)),
                              &s->parts[i].a, true, s->n_tok, s->scale, false);
            graft_dropout_add(dx, part, s->n_tok * s->n_in, &s->parts[i].mask);
        }
    }
done:
    return status;
}

/* One map's part of what flows back: from its matrix, and from its A. */
static graft_status add_terms(graft_tape *tape, graft_product *p, const graft_linears *s,
                              const out_grads *grads, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_live_rows *live = &grads->live;
    const uint32_t *rows = grads->closed || live->n == live->of ? NULL : live->rows;
    const graft_act *dy = grads->dy[i], *g = NULL;
    size_t ld = act_ld(tape, s->maps[i].low_rank != NULL ? graft_linears__rank(s, i) : 0);
    graft_bytes *bytes = NULL;
    GRAFT_TRY(graft_act_to_bytes(tape, &bytes, dy, grads->ld[i], rows, live->n,
                                 s->maps[i].w->n_out, true));
    if (bytes == NULL) {
        GRAFT_TRY(take_live(tape, &dy, grads, dy, grads->ld[i]));
    }
    p->terms[p->n_terms++] = (graft_term){dy, grads->ld[i], s->maps[i].w, true, bytes};
    if (graft_linears__owns(s, i) && !s->drops) {
        GRAFT_TRY(take_live(tape, &g, grads, s->parts[i].g, ld));
        p->terms[p->n_terms++] = (graft_term){g, ld, &s->parts[i].a, true, NULL};
    }
done:
    return status;
}

/* *dx = the gradient of the feed: reals for a norm, else activations. */
static graft_status input_grad(graft_tape *tape, const graft_linears *s, const out_grads *grads,
                               void **dx)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &tape->compute->kernels;
    bool act = s->feed.kind != GRAFT_FEED_NORM, staged = s->drops && act;
    graft_product p = {.y_act = act && !staged, .scale = s->scale};
    graft_real *sums = NULL;
    if (act) {
        GRAFT_TRY(graft_act_alloc(tape, dx, s->n_tok, s->n_in));
    }
    if (!act || staged) {
        GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &sums, s->n_tok * s->n_in,
                                    sizeof *sums));
        *dx = act ? *dx : sums;
    }
    p.y = sums != NULL ? sums : *dx;
    p.ldy = sums != NULL ? s->n_in : act_ld(tape, s->n_in);
    double begin = graft_clock_seconds();
    for (size_t i = 0; i < s->n; i++) {
        GRAFT_TRY(add_terms(tape, &p, s, grads, i));
    }
    size_t n = grads->live.n, size = sums != NULL ? sizeof *sums : kernels->act_bytes;
    graft_products_run(kernels, &tape->compute->workspace, &p, 1, n);
    graft_live_rows_spread(&grads->live, p.y, p.ldy * size);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_INPUT_GRAD, begin,
                      graft_linears__flop(&p, 1, n));
    if (s->drops) {
        GRAFT_TRY(add_dropped(tape, s, sums));
    }
    if (staged) {
        kernels->to_act(*dx, act_ld(tape, s->n_in), sums, s->n_in, s->n_tok, s->n_in);
    }
done:
    return status;
}

/* Gradients of A and B of all low-rank parts. */
static graft_status factor_grads(graft_tape *tape, const graft_linears *s, const out_grads *grads,
                                 const graft_act *x)
{
    graft_status status = GRAFT_OK;
    graft_outer outers[2 * GRAFT_MAX_MAPS];
    size_t n = 0, n_rows = rows_of(s, grads);
    for (size_t i = 0; i < s->n; i++) {
        const graft_low_rank *lr = s->maps[i].low_rank;
        const graft_act *in = NULL;
        if (lr == NULL) {
            continue;
        }
        size_t rank = graft_linears__rank(s, i), ld = act_ld(tape, rank);
        if (lr->a.grad != NULL && graft_linears__owns(s, i)) {
            GRAFT_TRY(graft_linears__drop(tape, &in, s, i, x));
            outers[n++] = (graft_outer){lr->a.grad, s->n_in, 1, s->parts[i].g, in, ld,
                                        act_ld(tape, s->n_in), rank, s->n_in, s->scale};
        }
        if (lr->b.grad != NULL) {
            outers[n++] = (graft_outer){lr->b.grad, 1, rank, s->parts[i].h, grads->dy[i], ld,
                                        grads->ld[i], rank, lr->b.n_rows, s->scale};
        }
    }
    double begin = graft_clock_seconds(), flop = 0;
    for (size_t i = 0; i < n; i++) {
        flop += 2.0 * (double)(outers[i].m * outers[i].n) * (double)n_rows;
    }
    graft_outers_run(&tape->compute->kernels, &tape->compute->workspace, outers, n, n_rows);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_FACTOR_GRAD, begin, flop);
done:
    return status;
}

graft_status graft_linears__backward(graft_tape *tape, void *saved)
{
    graft_linears *s = saved;
    graft_status status = GRAFT_OK;
    const graft_act *x = NULL;
    void *dx = NULL;
    out_grads grads = {.closed = false};
    for (size_t i = 0; i < s->n; i++) {
        if (s->outs[i]->grad == NULL) {
            return GRAFT_OK;
        }
    }
    double begin = graft_clock_seconds();
    GRAFT_TRY(take_grads(tape, s, &grads));
    GRAFT_TRY(find_rows(tape, s, &grads));
    graft_profile_add(&tape->compute->profile, GRAFT_PART_FEED_BACK, begin, 0);
    GRAFT_TRY(reduce_grads(tape, s, &grads));
    if (graft_feed_wants_grad(&s->feed)) {
        GRAFT_TRY(input_grad(tape, s, &grads, &dx));
    }
    if (s->feed.kind == GRAFT_FEED_GATED && dx != NULL) {
        GRAFT_TRY(graft_feed_backward(tape, &s->feed, s->inv_rms, dx));
        x = dx; /* the unit itself came out of it again */
    } else if (graft_linears__adapted(s)) {
        GRAFT_TRY(graft_feed_make(tape, &x, &s->feed, s->inv_rms,
                                  grads.closed ? &grads.live : NULL));
    }
    GRAFT_TRY(factor_grads(tape, s, &grads, x));
    if (s->residual != NULL && s->residual->wants_grad) {
        s->residual->grad = s->outs[0]->grad;
    }
    if (s->feed.kind != GRAFT_FEED_GATED && dx != NULL) {
        GRAFT_TRY(graft_feed_backward(tape, &s->feed, s->inv_rms, dx));
    }
done:
    return status;
}

