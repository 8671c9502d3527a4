/* Linear maps with their low-rank parts, all that share an input at once (autograd/linears.h). The way back is in
 * linears_back.c. */
#include <string.h>

#include "autograd/linears.h"
#include "autograd/rows.h"

size_t graft_linears__rank(const graft_linears *s, size_t i)
{
    return s->maps[i].low_rank->a.n_rows;
}

size_t graft_linears__owner(const graft_linears *s, size_t i)
{
    const graft_real *a = s->maps[i].low_rank->a.data;
    size_t k = 0;
    while (s->maps[k].low_rank == NULL || s->maps[k].low_rank->a.data != a) {
        k++;
    }
    return k;
}

bool graft_linears__owns(const graft_linears *s, size_t i)
{
    return s->maps[i].low_rank != NULL && graft_linears__owner(s, i) == i;
}

bool graft_linears__scales(const graft_linears *s, size_t i)
{
    return s->maps[i].low_rank != NULL && s->maps[i].low_rank->magnitude.data != NULL;
}

static size_t act_ld(const graft_tape *tape, size_t n)
{
    return graft_act_ld(&tape->compute->kernels, n);
}

double graft_linears__flop(const graft_product *products, size_t n, size_t n_tok)
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

void graft_linears__run(graft_tape *tape, graft_part part, const graft_product *products, size_t n,
                        size_t n_tok)
{
    double begin = graft_clock_seconds();
    graft_products_run(&tape->compute->kernels, &tape->compute->workspace, products, n, n_tok);
    graft_profile_add(&tape->compute->profile, part, begin, graft_linears__flop(products, n, n_tok));
}

/* --- forward --- */

graft_status graft_linears__drop(graft_tape *tape, const graft_act **out, const graft_linears *s,
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
static graft_status reduce(graft_tape *tape, graft_linears *s, const graft_act *x)
{
    graft_status status = GRAFT_OK;
    graft_product products[GRAFT_MAX_MAPS];
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const graft_low_rank *lr = s->maps[i].low_rank;
        const graft_act *in = NULL;
        if (!graft_linears__owns(s, i)) {
            continue;
        }
        GRAFT_TRY(graft_linears__drop(tape, &in, s, i, x));
        products[n++] = (graft_product){
            .terms = {{in, act_ld(tape, s->n_in), &s->parts[i].a, false, NULL}}, .n_terms = 1,
            .y = s->parts[i].h, .ldy = act_ld(tape, graft_linears__rank(s, i)), .y_act = true,
            .scale = lr->scale};
    }
    graft_linears__run(tape, GRAFT_PART_REDUCE, products, n, s->n_tok);
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
static graft_status prepare_add(graft_tape *tape, const graft_linears *s, size_t i,
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
static graft_status place_bare(graft_tape *tape, graft_linears *s, size_t i, graft_product *p)
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

static graft_status scale_outputs(graft_tape *tape, const graft_linears *s)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < s->n; i++) {
        if (graft_linears__scales(s, i)) {
            const graft_magnitude m = {s->maps[i].low_rank, s->maps[i].bias, s->scale,
                                       s->parts[i].z, s->n_tok, s->outs[i]->n_cols};
            GRAFT_TRY(graft_magnitude_apply(tape, &m, s->outs[i], s->residual));
        }
    }
done:
    return status;
}

static graft_status expand(graft_tape *tape, graft_linears *s, const graft_act *x)
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
            p->terms[p->n_terms++] = (graft_term){s->parts[i].h, act_ld(tape, graft_linears__rank(s, i)),
                                                  &s->parts[i].b, false, NULL};
        }
        GRAFT_TRY(graft_linears__scales(s, i) ? place_bare(tape, s, i, p) : prepare_add(tape, s, i, p));
    }
    graft_linears__run(tape, GRAFT_PART_EXPAND, products, s->n, s->n_tok);
    GRAFT_TRY(scale_outputs(tape, s));
done:
    return status;
}

/* --- the op --- */

static graft_status prepare_parts(graft_tape *tape, graft_linears *s)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < s->n; i++) {
        const graft_low_rank *lr = s->maps[i].low_rank;
        graft_low_rank_saved *part = &s->parts[i];
        if (lr == NULL) {
            continue;
        }
        part->a = graft_weight_dense(lr->a.data, lr->a.n_rows, lr->a.n_cols);
        part->b = graft_weight_dense(lr->b.data, lr->b.n_rows, lr->b.n_cols);
        if (graft_linears__owns(s, i)) {
            GRAFT_TRY(graft_act_alloc(tape, &part->h, s->n_tok, lr->a.n_rows));
        } else {
            part->h = s->parts[graft_linears__owner(s, i)].h;
        }
        if (graft_linears__scales(s, i) && s->outs[i]->wants_grad) {
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

bool graft_linears__adapted(const graft_linears *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        any = any || s->maps[i].low_rank != NULL;
    }
    return any;
}

static void show_input(const graft_tape *tape, const graft_linears *s, const graft_act *x)
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
    graft_linears *s = NULL;
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
        GRAFT_TRY(graft_tape_push(tape, graft_linears__backward, s));
    }
    graft_arena_mark mark = graft_arena_save(arena);
    status = graft_feed_make(tape, &x, feed, s->inv_rms, NULL);
    show_input(tape, s, status == GRAFT_OK ? x : NULL);
    status = status == GRAFT_OK ? reduce(tape, s, x) : status;
    status = status == GRAFT_OK ? expand(tape, s, x) : status;
    graft_arena_release(arena, mark);
done:
    return status;
}
