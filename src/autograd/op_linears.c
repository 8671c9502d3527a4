/* Linear maps with their low-rank parts, all that share an input at once: one packing of it, the
 * part of rank r summed in the same registers, one sum of everything that flows back. */
#include <string.h>

#include "autograd/feed.h"
#include "autograd/live_rows.h"
#include "autograd/magnitude.h"
#include "autograd/rows.h"
#include "kernels/dropout.h"

/* A low-rank part while its op lives. */
typedef struct low_rank_saved {
    graft_weight a, b;
    graft_act *h;      /* [n_tok, rank] = scale * dropped A^T */
    graft_act *g;      /* in backward [n_tok, rank] = scale * dy B */
    graft_act *z;      /* [n_tok, n_out], what comes out before magnitudes; NULL: there are none */
    graft_dropout mask;
} low_rank_saved;

typedef struct linears_saved {
    graft_feed feed;
    graft_real *inv_rms;
    graft_linear maps[GRAFT_MAX_MAPS];
    low_rank_saved parts[GRAFT_MAX_MAPS];
    graft_tensor *outs[GRAFT_MAX_MAPS], *residual;
    size_t n, n_tok, n_in;
    graft_real scale; /* of all outputs */
    bool drops;
} linears_saved;

static size_t rank_of(const linears_saved *s, size_t i)
{
    return s->maps[i].low_rank->a.n_rows;
}

/* The first map with the same A. Maps that are rows of one matrix and adapted as one share what
 * depends on A alone: h, and the sum of what flows back to it. */
static size_t owner_of(const linears_saved *s, size_t i)
{
    const graft_real *a = s->maps[i].low_rank->a.data;
    size_t k = 0;
    while (s->maps[k].low_rank == NULL || s->maps[k].low_rank->a.data != a) {
        k++;
    }
    return k;
}

static bool owns(const linears_saved *s, size_t i)
{
    return s->maps[i].low_rank != NULL && owner_of(s, i) == i;
}

static bool has_magnitude(const linears_saved *s, size_t i)
{
    return s->maps[i].low_rank != NULL && s->maps[i].low_rank->magnitude.data != NULL;
}

static size_t act_ld(const graft_tape *tape, size_t n)
{
    return graft_act_ld(&tape->compute->kernels, n);
}

static double flop_of(const graft_product *products, size_t n, size_t n_tok)
{
    double weights = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < products[i].n_terms; t++) {
            const graft_weight *w = products[i].terms[t].w;
            weights += (double)w->n_out * (double)w->n_in;
        }
    }
    return 2 * weights * (double)n_tok;
}

static void run(graft_tape *tape, graft_part part, const graft_product *products, size_t n,
                size_t n_tok)
{
    double begin = graft_clock_seconds();
    graft_products_run(&tape->compute->kernels, &tape->compute->workspace, products, n, n_tok);
    graft_profile_add(&tape->compute->profile, part, begin, flop_of(products, n, n_tok));
}

/* --- forward --- */

/* dropout(x) for map i, or x itself. */
static graft_status dropped(graft_tape *tape, const graft_act **out, const linears_saved *s,
                            size_t i, const graft_act *x)
{
    graft_status status = GRAFT_OK;
    graft_act *y = NULL;
    *out = x;
    if (s->drops && s->maps[i].low_rank->dropout > 0) {
        GRAFT_TRY(graft_act_alloc(tape, &y, s->n_tok, s->n_in));
        graft_dropout_apply(&tape->compute->kernels, y, x, act_ld(tape, s->n_in), s->n_tok,
                            s->n_in, &s->parts[i].mask);
        *out = y;
    }
done:
    return status;
}

/* h of all low-rank parts. */
static graft_status reduce(graft_tape *tape, linears_saved *s, const graft_act *x)
{
    graft_status status = GRAFT_OK;
    graft_product products[GRAFT_MAX_MAPS];
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const graft_low_rank *lr = s->maps[i].low_rank;
        const graft_act *in = NULL;
        if (!owns(s, i)) {
            continue;
        }
        GRAFT_TRY(dropped(tape, &in, s, i, x));
        products[n++] = (graft_product){
            .terms = {{in, act_ld(tape, s->n_in), &s->parts[i].a, false, NULL}}, .n_terms = 1,
            .y = s->parts[i].h, .ldy = act_ld(tape, rank_of(s, i)), .y_act = true,
            .scale = lr->scale};
    }
    run(tape, GRAFT_PART_REDUCE, products, n, s->n_tok);
done:
    return status;
}

/* What is added to every row of an output: its bias, scaled. */
typedef struct bias_rows {
    const graft_kernels *kernels;
    const graft_tensor *residual;
    graft_tensor *out;
    const graft_real *bias;
} bias_rows;

static void add_bias_rows(const void *context, size_t begin, size_t end)
{
    const bias_rows *b = context;
    for (size_t i = begin; i < end; i++) {
        graft_real *to = graft_tensor_reals(b->out, i);
        memcpy(to, graft_tensor_reals(b->residual, i), b->out->n_cols * sizeof *to);
        b->kernels->axpy(to, b->bias, GRAFT_REAL(1.0), b->out->n_cols);
    }
}

/* What a product adds: the bias as a matrix whose rows are all the same, or the residual, or with
 * both their sum in place of the output. */
static graft_status prepare_add(graft_tape *tape, const linears_saved *s, size_t i,
                                graft_product *p)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &tape->compute->kernels;
    const graft_real *bias = s->maps[i].bias;
    if (bias != NULL && s->scale != 1) {
        graft_real *scaled = NULL;
        GRAFT_TRY(graft_arena_calloc(&tape->compute->arena, &scaled, s->maps[i].w->n_out,
                                     sizeof *scaled));
        kernels->axpy(scaled, bias, s->scale, s->maps[i].w->n_out);
        bias = scaled;
    }
    if (bias != NULL && s->residual != NULL) {
        bias_rows rows = {kernels, s->residual, s->outs[i], bias};
        graft_rows_run(s->n_tok, add_bias_rows, &rows);
        p->add = p->y;
        p->ldadd = p->ldy;
    } else if (bias != NULL) {
        p->add = bias;
        p->ldadd = 0;
    } else if (s->residual != NULL) {
        p->add = s->residual->data;
        p->ldadd = s->residual->ld;
    }
done:
    return status;
}

/* Where a product with magnitudes goes first: kept, or for now, then where its output stands. */
static graft_status place_bare(graft_tape *tape, linears_saved *s, size_t i, graft_product *p)
{
    graft_status status = GRAFT_OK;
    const graft_tensor *out = s->outs[i];
    graft_act **z = &s->parts[i].z;
    if (*z == NULL && out->act) {
        *z = out->data;
    } else if (*z == NULL) {
        GRAFT_TRY(graft_act_alloc(tape, z, s->n_tok, out->n_cols));
    }
    p->y = *z;
    p->ldy = act_ld(tape, out->n_cols);
    p->y_act = true;
    p->scale = GRAFT_REAL(1.0);
done:
    return status;
}

static graft_status scale_outputs(graft_tape *tape, const linears_saved *s)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < s->n; i++) {
        if (has_magnitude(s, i)) {
            const graft_magnitude m = {s->maps[i].low_rank, s->maps[i].bias, s->scale,
                                       s->parts[i].z, s->n_tok, s->outs[i]->n_cols};
            GRAFT_TRY(graft_magnitude_apply(tape, &m, s->outs[i], s->residual));
        }
    }
done:
    return status;
}

static graft_status expand(graft_tape *tape, linears_saved *s, const graft_act *x)
{
    graft_status status = GRAFT_OK;
    graft_product products[GRAFT_MAX_MAPS];
    graft_bytes *bytes = NULL;
    double begin = graft_clock_seconds();
    GRAFT_TRY(graft_act_to_bytes(tape, &bytes, x, act_ld(tape, s->n_in), NULL, s->n_tok, s->n_in,
                                 false));
    graft_profile_add(&tape->compute->profile, GRAFT_PART_EXPAND, begin, 0);
    for (size_t i = 0; i < s->n; i++) {
        graft_tensor *out = s->outs[i];
        graft_product *p = &products[i];
        *p = (graft_product){.terms = {{x, act_ld(tape, s->n_in), s->maps[i].w, false, bytes}},
                             .n_terms = 1, .y = out->data, .ldy = out->ld, .y_act = out->act,
                             .scale = s->scale};
        if (s->maps[i].low_rank != NULL) {
            p->terms[p->n_terms++] = (graft_term){s->parts[i].h, act_ld(tape, rank_of(s, i)),
                                                  &s->parts[i].b, false, NULL};
        }
        GRAFT_TRY(has_magnitude(s, i) ? place_bare(tape, s, i, p) : prepare_add(tape, s, i, p));
    }
    run(tape, GRAFT_PART_EXPAND, products, s->n, s->n_tok);
    GRAFT_TRY(scale_outputs(tape, s));
done:
    return status;
}

/* --- backward --- */

/* The gradient of each map's output as activations. That of a residual stream is rounded. With
 * magnitudes, of which the gradient is made here, what came before them is the output. */
typedef struct out_grads {
    const graft_act *dy[GRAFT_MAX_MAPS];
    size_t ld[GRAFT_MAX_MAPS];
} out_grads;

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

static graft_status take_grads(graft_tape *tape, const linears_saved *s, out_grads *grads)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &tape->compute->kernels;
    for (size_t i = 0; i < s->n; i++) {
        const graft_tensor *out = s->outs[i];
        graft_act *rounded = NULL;
        grads->dy[i] = out->grad;
        grads->ld[i] = out->ld;
        if (!out->act && (kernels->half || has_magnitude(s, i))) {
            GRAFT_TRY(graft_act_alloc(tape, &rounded, out->n_rows, out->n_cols));
            grads->dy[i] = rounded;
            grads->ld[i] = act_ld(tape, out->n_cols);
            convert_rows rows = {kernels, out, rounded, grads->ld[i]};
            graft_rows_run(out->n_rows, to_act_rows, &rows);
        }
        if (has_magnitude(s, i)) {
            const graft_magnitude m = {s->maps[i].low_rank, s->maps[i].bias, s->scale,
                                       s->parts[i].z, s->n_tok, out->n_cols};
            GRAFT_TRY(graft_magnitude_backward(tape, &m, rounded != NULL ? rounded : out->grad));
        }
    }
done:
    return status;
}

/* g of all low-rank parts. */
static graft_status reduce_grads(graft_tape *tape, linears_saved *s, const out_grads *grads)
{
    graft_status status = GRAFT_OK;
    graft_product products[GRAFT_MAX_MAPS];
    size_t n = 0, of[GRAFT_MAX_MAPS] = {0};
    for (size_t i = 0; i < s->n; i++) {
        const graft_low_rank *lr = s->maps[i].low_rank;
        if (lr == NULL) {
            continue;
        }
        if (owns(s, i)) {
            GRAFT_TRY(graft_act_alloc(tape, &s->parts[i].g, s->n_tok, rank_of(s, i)));
            of[i] = n;
            products[n++] = (graft_product){
                .y = s->parts[i].g, .ldy = act_ld(tape, rank_of(s, i)), .y_act = true,
                .scale = lr->scale};
        }
        graft_product *p = &products[of[owner_of(s, i)]];
        p->terms[p->n_terms++] = (graft_term){grads->dy[i], grads->ld[i], &s->parts[i].b, true,
                                              NULL};
    }
    run(tape, GRAFT_PART_REDUCE_GRAD, products, n, s->n_tok);
done:
    return status;
}

/* What flows back through dropped inputs is masked before it is added: dx real, one map at a
 * time. */
static graft_status add_dropped(graft_tape *tape, const linears_saved *s, graft_real *dx)
{
    graft_status status = GRAFT_OK;
    graft_real *part = NULL;
    GRAFT_TRY(graft_arena_alloc(&tape->compute->arena, &part, s->n_tok * s->n_in, sizeof *part));
    for (size_t i = 0; i < s->n; i++) {
        if (owns(s, i)) {
            graft_product_run(&tape->compute->kernels, &tape->compute->workspace, part, s->n_in,
                              s->parts[i].g, act_ld(tape, rank_of(s, i)), &s->parts[i].a, true,
                              s->n_tok, s->scale, false);
            graft_dropout_add(dx, part, s->n_tok * s->n_in, &s->parts[i].mask);
        }
    }
done:
    return status;
}

/* Beside products in 8 bits, which change gradients by 0.1 to 0.3, what goes back into an attention or a gated unit
 * leaves out rows with less than this of the mean square: 0.06 of a gradient (tests/bench/RESULTS.md). Rows
 * keep what flows along the stream, and count in the gradients of these maps' own factors. Nothing is left out of
 * what goes back into queries, keys and values, whose rows are fewer and matter more. */
#define FAINT_SHARE (1.0 / 256)

static graft_status rows_back(graft_tape *tape, const linears_saved *s, graft_live_rows *live)
{
    double share = s->feed.kind == GRAFT_FEED_NORM ? 0 : FAINT_SHARE;
    *live = (graft_live_rows){NULL, s->n_tok, s->n_tok};
    return graft_tape_bytes(tape) ? graft_live_rows_find(tape, live, s->outs, s->n, share) : GRAFT_OK;
}

/* The rows of g that go back. */
static graft_status take_live(graft_tape *tape, const graft_act **out, const graft_live_rows *live,
                              const graft_act *g, size_t rank)
{
    graft_status status = GRAFT_OK;
    graft_act *taken = NULL;
    *out = g;
    if (live->n < live->of) {
        GRAFT_TRY(graft_act_alloc(tape, &taken, live->n, rank));
        graft_live_rows_gather(live, taken, g,
                               act_ld(tape, rank) * tape->compute->kernels.act_bytes);
        *out = taken;
    }
done:
    return status;
}

/* *dx = the gradient of the feed: reals for a norm, else activations. */
static graft_status input_grad(graft_tape *tape, const linears_saved *s, const out_grads *grads,
                               void **dx)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &tape->compute->kernels;
    bool act = s->feed.kind != GRAFT_FEED_NORM, staged = s->drops && act;
    graft_product p = {.y_act = act && !staged, .scale = s->scale};
    graft_real *sums = NULL;
    graft_live_rows live;
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
    GRAFT_TRY(rows_back(tape, s, &live));
    const uint32_t *rows = live.n < live.of ? live.rows : NULL;
    for (size_t i = 0; i < s->n; i++) {
        graft_bytes *bytes = NULL;
        const graft_act *g = NULL;
        GRAFT_TRY(graft_act_to_bytes(tape, &bytes, grads->dy[i], grads->ld[i], rows, live.n,
                                     s->maps[i].w->n_out, true));
        p.terms[p.n_terms++] = (graft_term){grads->dy[i], grads->ld[i], s->maps[i].w, true, bytes};
        if (owns(s, i) && !s->drops) {
            GRAFT_TRY(take_live(tape, &g, &live, s->parts[i].g, rank_of(s, i)));
            p.terms[p.n_terms++] =
                (graft_term){g, act_ld(tape, rank_of(s, i)), &s->parts[i].a, true, NULL};
        }
    }
    graft_products_run(kernels, &tape->compute->workspace, &p, 1, live.n);
    graft_live_rows_spread(&live, p.y, p.ldy * (sums != NULL ? sizeof *sums : kernels->act_bytes));
    graft_profile_add(&tape->compute->profile, GRAFT_PART_INPUT_GRAD, begin,
                      flop_of(&p, 1, live.n));
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
static graft_status factor_grads(graft_tape *tape, const linears_saved *s, const out_grads *grads,
                                 const graft_act *x)
{
    graft_status status = GRAFT_OK;
    graft_outer outers[2 * GRAFT_MAX_MAPS];
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const graft_low_rank *lr = s->maps[i].low_rank;
        const graft_act *in = NULL;
        if (lr == NULL) {
            continue;
        }
        size_t rank = rank_of(s, i), ld = act_ld(tape, rank);
        if (lr->a.grad != NULL && owns(s, i)) {
            GRAFT_TRY(dropped(tape, &in, s, i, x));
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
        flop += 2.0 * (double)(outers[i].m * outers[i].n) * (double)s->n_tok;
    }
    graft_outers_run(&tape->compute->kernels, &tape->compute->workspace, outers, n, s->n_tok);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_FACTOR_GRAD, begin, flop);
done:
    return status;
}

static bool adapted(const linears_saved *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        any = any || s->maps[i].low_rank != NULL;
    }
    return any;
}

static graft_status linears_backward(graft_tape *tape, void *saved)
{
    linears_saved *s = saved;
    graft_status status = GRAFT_OK;
    const graft_act *x = NULL;
    void *dx = NULL;
    out_grads grads;
    for (size_t i = 0; i < s->n; i++) {
        if (s->outs[i]->grad == NULL) {
            return GRAFT_OK;
        }
    }
    double begin = graft_clock_seconds();
    GRAFT_TRY(take_grads(tape, s, &grads));
    graft_profile_add(&tape->compute->profile, GRAFT_PART_FEED_BACK, begin, 0);
    GRAFT_TRY(reduce_grads(tape, s, &grads));
    if (graft_feed_wants_grad(&s->feed)) {
        GRAFT_TRY(input_grad(tape, s, &grads, &dx));
    }
    if (s->feed.kind == GRAFT_FEED_GATED && dx != NULL) {
        GRAFT_TRY(graft_feed_backward(tape, &s->feed, s->inv_rms, dx));
        x = dx; /* the unit itself came out of it again */
    } else if (adapted(s)) {
        GRAFT_TRY(graft_feed_make(tape, &x, &s->feed, s->inv_rms));
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

/* --- the op --- */

static graft_status prepare_parts(graft_tape *tape, linears_saved *s)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < s->n; i++) {
        const graft_low_rank *lr = s->maps[i].low_rank;
        low_rank_saved *part = &s->parts[i];
        if (lr == NULL) {
            continue;
        }
        part->a = graft_weight_dense(lr->a.data, lr->a.n_rows, lr->a.n_cols);
        part->b = graft_weight_dense(lr->b.data, lr->b.n_rows, lr->b.n_cols);
        if (owns(s, i)) {
            GRAFT_TRY(graft_act_alloc(tape, &part->h, s->n_tok, lr->a.n_rows));
        } else {
            part->h = s->parts[owner_of(s, i)].h;
        }
        if (has_magnitude(s, i) && s->outs[i]->wants_grad) {
            GRAFT_TRY(graft_act_alloc(tape, &part->z, s->n_tok, lr->b.n_rows));
        }
        if (lr->dropout > 0 && tape->training) {
            part->mask = graft_dropout_mask(tape->seed, tape->step, tape->pass, lr->site,
                                            lr->dropout);
            s->drops = true;
        }
    }
done:
    return status;
}

static void show_input(const graft_tape *tape, const linears_saved *s, const graft_act *x)
{
    const graft_input_watch *watch = tape->compute->watch;
    for (size_t i = 0; watch != NULL && x != NULL && i < s->n; i++) {
        watch->see(watch->context, s->maps[i].w, x, act_ld(tape, s->n_in), s->n_tok, i > 0);
    }
}

graft_status graft_op_linears(graft_tape *tape, graft_tensor **outs, const graft_feed *feed,
                              const graft_linear *maps, size_t n, graft_tensor *residual,
                              bool real)
{
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    linears_saved *s = NULL;
    const graft_act *x = NULL;
    bool wants_grad = graft_feed_wants_grad(feed) || (residual != NULL && residual->wants_grad);
    bool act = residual == NULL && !real;
    GRAFT_TRY(graft_arena_calloc(arena, &s, 1, sizeof *s));
    s->feed = *feed;
    s->n = n;
    s->n_tok = feed->x->n_rows;
    s->n_in = feed->x->n_cols;
    s->residual = residual;
    s->scale = maps[0].scale == 0 ? GRAFT_REAL(1.0) : maps[0].scale;
    for (size_t i = 0; i < n; i++) {
        if (maps[i].scale != maps[0].scale) {
            return graft_fail(GRAFT_E_FAILED, "maps that share what goes in differ in scale");
        }
        s->maps[i] = maps[i];
        wants_grad = wants_grad || maps[i].low_rank != NULL;
    }
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_tensor_new(tape, &s->outs[i], s->n_tok, maps[i].w->n_out, act,
                                   wants_grad && !real));
        outs[i] = s->outs[i];
    }
    GRAFT_TRY(prepare_parts(tape, s));
    if (feed->kind == GRAFT_FEED_NORM) {
        GRAFT_TRY(graft_arena_alloc(arena, &s->inv_rms, s->n_tok, sizeof *s->inv_rms));
    }
    if (outs[0]->wants_grad) {
        GRAFT_TRY(graft_tape_push(tape, linears_backward, s));
    }
    graft_arena_mark mark = graft_arena_save(arena);
    status = graft_feed_make(tape, &x, feed, s->inv_rms);
    show_input(tape, s, status == GRAFT_OK ? x : NULL);
    status = status == GRAFT_OK ? reduce(tape, s, x) : status;
    status = status == GRAFT_OK ? expand(tape, s, x) : status;
    graft_arena_release(arena, mark);
done:
    return status;
}
