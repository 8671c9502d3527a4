/* Linear maps over every kind of feed, alone and several at once, frozen and adapted, with dropout
 * and on a residual stream. */
#include "support/gradcheck.h"
#include "support/test.h"

typedef struct linears_case {
    graft_feed feed; /* x and up are the inputs */
    graft_weight w[GRAFT_MAX_MAPS];
    graft_low_rank low_rank[GRAFT_MAX_MAPS];
    const graft_real *bias[GRAFT_MAX_MAPS];
    graft_real scale;
    size_t n, n_adapted;
    bool residual;      /* x itself for a norm, else the last input */
    graft_weight mix;   /* what two outputs are put together with */
} linears_case;

/* One output of two, as a layer puts gate and up together. */
static graft_status put_together(graft_tape *tape, graft_tensor **out, graft_tensor **outs,
                                 const linears_case *c)
{
    graft_linear map = {.w = &c->mix};
    graft_feed unit = {.kind = GRAFT_FEED_GATED, .x = outs[0], .up = outs[1]};
    if (c->n == 1) {
        *out = outs[0];
        return GRAFT_OK;
    }
    return graft_op_linears(tape, out, &unit, &map, 1, NULL, false);
}

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    graft_status status = GRAFT_OK;
    linears_case *c = check->context;
    graft_linear maps[GRAFT_MAX_MAPS];
    graft_tensor *outs[GRAFT_MAX_MAPS] = {NULL}, *residual = NULL;
    tape->seed = 11;
    tape->training = true; /* so that dropout acts in the differences too */
    c->feed.x = check->inputs[0].tensor;
    if (c->feed.kind == GRAFT_FEED_GATED) {
        c->feed.up = check->inputs[1].tensor;
    }
    if (c->residual) {
        residual = check->inputs[check->n_inputs - 1].tensor;
    }
    for (size_t i = 0; i < c->n; i++) {
        const graft_low_rank *lr = &c->low_rank[i];
        for (size_t k = 0; k < lr->magnitude.n_rows; k++) { /* lengths are constants */
            lr->factor[k] = lr->magnitude.data[k] * lr->inv_norm[k];
        }
        maps[i] = (graft_linear){&c->w[i], i < c->n_adapted ? &c->low_rank[i] : NULL, c->bias[i],
                                 c->scale};
    }
    GRAFT_TRY(graft_op_linears(tape, outs, &c->feed, maps, c->n, residual, false));
    GRAFT_TRY(put_together(tape, out, outs, c));
done:
    return status;
}

typedef struct linears_shape {
    graft_feed_kind kind;
    size_t n_tok, n_in, n_out, n, n_adapted, rank;
    double dropout;
    bool residual;
    double size; /* of x */
} linears_shape;

/* What only some families have. */
typedef struct linears_extras {
    graft_gate gate;
    bool bias;
    double scale;
    bool magnitudes;
} linears_extras;

static void run_with(const linears_shape *s, const linears_extras *more, const char *name)
{
    gradcheck check;
    linears_case c = {.feed = {.kind = s->kind, .gate = more->gate, .eps = GRAFT_REAL(1e-5)},
                      .n = s->n, .n_adapted = s->n_adapted, .residual = s->residual,
                      .scale = (graft_real)more->scale};
    gradcheck_init(&check);
    c.feed.gain = gradcheck_constant(&check, s->n_in, 1.0);
    c.mix = graft_weight_dense(gradcheck_constant(&check, 3 * s->n_out, 0.5), 3, s->n_out);
    gradcheck_input(&check, s->n_tok, s->n_in, s->size);
    if (s->kind == GRAFT_FEED_GATED) {
        gradcheck_input(&check, s->n_tok, s->n_in, 1.0);
    }
    if (s->residual && s->kind != GRAFT_FEED_NORM) {
        gradcheck_input(&check, s->n_tok, s->n_out, 1.0);
    }
    for (size_t i = 0; i < s->n; i++) {
        graft_low_rank *lr = &c.low_rank[i];
        c.w[i] = graft_weight_dense(gradcheck_constant(&check, s->n_out * s->n_in, 0.3), s->n_out,
                                    s->n_in);
        c.bias[i] = more->bias ? gradcheck_constant(&check, s->n_out, 1.0) : NULL;
        if (i < s->n_adapted) {
            gradcheck_param(&check, &lr->a, s->rank, s->n_in, 0.3);
            gradcheck_param(&check, &lr->b, s->n_out, s->rank, 0.3);
            lr->scale = GRAFT_REAL(1.7);
            lr->dropout = (graft_real)s->dropout;
            lr->site = (uint32_t)(3 + i);
            if (more->magnitudes) {
                gradcheck_param(&check, &lr->magnitude, s->n_out, 1, 1.0);
                lr->inv_norm = gradcheck_constant(&check, s->n_out, 1.0);
                lr->factor = gradcheck_constant(&check, s->n_out, 1.0);
            }
        }
    }
    check.build = build;
    check.context = &c;
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
}

static void run(const linears_shape *s, const char *name)
{
    run_with(s, &(linears_extras){GRAFT_GATE_SILU, false, 0, false}, name);
}

static void plain(void **state)
{
    (void)state;
    run(&(linears_shape){GRAFT_FEED_PLAIN, 5, 17, 13, 1, 0, 0, 0, false, 1}, "plain, frozen");
    run(&(linears_shape){GRAFT_FEED_PLAIN, 9, 33, 20, 1, 1, 4, 0, false, 1}, "plain, rank 4");
    run(&(linears_shape){GRAFT_FEED_PLAIN, 1, 7, 5, 1, 1, 1, 0, false, 1}, "plain, one token");
    run(&(linears_shape){GRAFT_FEED_PLAIN, 6, 9, 8, 1, 1, 3, 0, true, 1}, "plain, on a stream");
}

static void normed(void **state)
{
    (void)state;
    run(&(linears_shape){GRAFT_FEED_NORM, 7, 19, 6, 1, 0, 0, 0, false, 1}, "norm, frozen");
    run(&(linears_shape){GRAFT_FEED_NORM, 3, 8, 6, 1, 1, 2, 0, false, 3e-3}, "norm near zero");
    run(&(linears_shape){GRAFT_FEED_NORM, 5, 12, 12, 1, 1, 2, 0, true, 1},
        "x and a map of its norm");
}

static void gated(void **state)
{
    (void)state;
    run(&(linears_shape){GRAFT_FEED_GATED, 6, 21, 9, 1, 0, 0, 0, false, 3}, "gated, frozen");
    run(&(linears_shape){GRAFT_FEED_GATED, 5, 10, 7, 1, 1, 3, 0, true, 2}, "gated, on a stream");
}

static void several(void **state)
{
    (void)state;
    run(&(linears_shape){GRAFT_FEED_NORM, 5, 11, 8, 2, 2, 3, 0, false, 1}, "two maps of a norm");
    run(&(linears_shape){GRAFT_FEED_PLAIN, 4, 11, 8, 2, 1, 3, 0, false, 1},
        "two maps, one adapted");
}

static void with_dropout(void **state)
{
    (void)state;
    run(&(linears_shape){GRAFT_FEED_PLAIN, 6, 12, 10, 1, 1, 3, 0.4, false, 1}, "plain, dropout");
    run(&(linears_shape){GRAFT_FEED_NORM, 6, 12, 10, 2, 2, 3, 0.3, false, 1}, "norm, dropout");
    run(&(linears_shape){GRAFT_FEED_GATED, 6, 12, 10, 1, 1, 3, 0.3, true, 1}, "gated, dropout");
}

static void gelu_gated(void **state)
{
    linears_extras gelu = {GRAFT_GATE_GELU, false, 0, false};
    (void)state;
    run_with(&(linears_shape){GRAFT_FEED_GATED, 6, 21, 9, 1, 0, 0, 0, false, 2}, &gelu,
             "gated by gelu, frozen");
    run_with(&(linears_shape){GRAFT_FEED_GATED, 5, 10, 7, 1, 1, 3, 0.3, true, 2}, &gelu,
             "gated by gelu, on a stream, dropout");
}

static void biased_and_scaled(void **state)
{
    linears_extras bias = {.bias = true}, scale = {.scale = 0.22};
    linears_extras both = {.bias = true, .scale = -1.5};
    (void)state;
    run_with(&(linears_shape){GRAFT_FEED_NORM, 5, 11, 8, 2, 2, 3, 0, false, 1}, &bias,
             "two maps of a norm, biased");
    run_with(&(linears_shape){GRAFT_FEED_PLAIN, 6, 9, 8, 1, 1, 3, 0, true, 1}, &scale,
             "plain, scaled onto a stream");
    run_with(&(linears_shape){GRAFT_FEED_PLAIN, 6, 9, 8, 1, 1, 3, 0.3, true, 1}, &both,
             "plain, biased and scaled onto a stream, dropout");
    run_with(&(linears_shape){GRAFT_FEED_GATED, 5, 10, 7, 1, 1, 3, 0.3, true, 2}, &both,
             "gated, biased and scaled onto a stream, dropout");
    run_with(&(linears_shape){GRAFT_FEED_NORM, 5, 11, 8, 2, 1, 3, 0, false, 1}, &both,
             "two maps of a norm, biased and scaled");
}

/* DoRA: the gradients of A, B and magnitudes, with the lengths of rows held. */
static void magnitudes(void **state)
{
    linears_extras plain = {.magnitudes = true}, biased = {.magnitudes = true, .bias = true};
    linears_extras all = {.magnitudes = true, .bias = true, .scale = -1.5};
    (void)state;
    run_with(&(linears_shape){GRAFT_FEED_PLAIN, 9, 33, 20, 1, 1, 4, 0, false, 1}, &plain,
             "magnitudes");
    run_with(&(linears_shape){GRAFT_FEED_PLAIN, 1, 7, 5, 1, 1, 1, 0, false, 1}, &plain,
             "magnitudes, one token");
    run_with(&(linears_shape){GRAFT_FEED_PLAIN, 35, 6, 8, 1, 1, 3, 0, true, 1}, &plain,
             "magnitudes on a stream, three tiles of tokens");
    run_with(&(linears_shape){GRAFT_FEED_NORM, 5, 11, 8, 2, 2, 3, 0, false, 1}, &biased,
             "two maps of a norm, magnitudes and biased");
    run_with(&(linears_shape){GRAFT_FEED_NORM, 5, 11, 8, 2, 1, 3, 0, false, 1}, &plain,
             "two maps of a norm, one with magnitudes");
    run_with(&(linears_shape){GRAFT_FEED_GATED, 5, 10, 7, 1, 1, 3, 0, true, 2}, &all,
             "gated, magnitudes, biased and scaled onto a stream");
    run_with(&(linears_shape){GRAFT_FEED_NORM, 5, 12, 12, 1, 1, 2, 0, true, 1}, &all,
             "x and a map of its norm with magnitudes");
}

/* Two maps that are rows of one: they share an A, also its dropout; or have magnitudes. */
static void run_shared_a(bool scaled, const char *name)
{
    gradcheck check;
    linears_case c = {.feed = {.kind = GRAFT_FEED_PLAIN}, .n = 2, .n_adapted = 2};
    gradcheck_init(&check);
    c.mix = graft_weight_dense(gradcheck_constant(&check, 3 * 8, 0.5), 3, 8);
    gradcheck_input(&check, 5, 11, 1.0);
    for (size_t i = 0; i < 2; i++) {
        graft_low_rank *lr = &c.low_rank[i];
        c.w[i] = graft_weight_dense(gradcheck_constant(&check, 8 * 11, 0.3), 8, 11);
        if (i == 0) {
            gradcheck_param(&check, &lr->a, 3, 11, 0.3);
        } else {
            lr->a = c.low_rank[0].a;
        }
        gradcheck_param(&check, &lr->b, 8, 3, 0.3);
        lr->scale = GRAFT_REAL(1.7);
        lr->dropout = scaled ? 0 : GRAFT_REAL(0.3);
        lr->site = 5;
        if (scaled) {
            gradcheck_param(&check, &lr->magnitude, 8, 1, 1.0);
            lr->inv_norm = gradcheck_constant(&check, 8, 1.0);
            lr->factor = gradcheck_constant(&check, 8, 1.0);
        }
    }
    check.build = build;
    check.context = &c;
    gradcheck_run(&check, name);
    gradcheck_clear(&check);
}

static void shared_a(void **state)
{
    (void)state;
    run_shared_a(false, "two maps that share their A");
    run_shared_a(true, "two maps with magnitudes that share their A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(normed),
                                       cmocka_unit_test(gated), cmocka_unit_test(several),
                                       cmocka_unit_test(with_dropout),
                                       cmocka_unit_test(gelu_gated),
                                       cmocka_unit_test(biased_and_scaled),
                                       cmocka_unit_test(magnitudes),
                                       cmocka_unit_test(shared_a)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
