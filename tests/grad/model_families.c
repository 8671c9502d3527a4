/* The whole model in double precision: the loss of a pass against central differences in every
 * adapter parameter, with layers kept and recomputed, on a span tree with weighted predictions; for
 * every family. */
#include <stdio.h>
#include <string.h>

#include "adapter/adapter.h"
#include "model/families.h"
#include "support/gradcheck.h"
#include "support/test.h"
#include "support/tiny_model.h"

static const int32_t ids[] = {3, 17, 8, 22, 5, 30, 11, 2, 39, 8, 1, 0, 14, 27};
static const uint32_t positions[] = {0, 1, 2, 3, 4, 4, 5, 6, 4, 5, 0, 1, 2, 3};
static const graft_span spans[] = {
    {0, 5, 0, 5, -1, 0}, {5, 3, 5, 3, 0, 4}, {8, 2, 8, 2, 0, 4}, {10, 4, 10, 4, -1, 0}};
static const graft_prediction predictions[] = {
    {1, 8, 0.5f, 0, 2}, {3, 5, 1.0f, 0, 4}, {5, 11, 2.0f, 1, 6}, {5, 3, -0.7f, 1, 6},
    {8, 8, 1.0f, 2, 5}, {12, 27, 1.0f, 3, 3}};

typedef struct model_case {
    graft_model *model;
    graft_adapter *adapter;
    graft_pass pass;
    bool recompute;
} model_case;

static graft_status build(graft_tape *tape, gradcheck *check, graft_tensor **out)
{
    graft_status status = GRAFT_OK;
    model_case *c = check->context;
    double loss = 0;
    tape->training = true; /* so that dropout acts in the differences too */
    GRAFT_TRY(graft_model_loss(c->model, tape, &c->pass, c->recompute ? 99 : 0, 3.0, &loss, NULL));
    GRAFT_TRY(graft_tensor_new(tape, out, 1, 1, false, true));
    *graft_tensor_reals(*out, 0) = (graft_real)loss;
done:
    return status;
}

static void run(const tiny_options *options, const char *targets, double dropout, bool recompute,
                const char *name)
{
    gradcheck check;
    graft_adapter_options adapter = {.rank = 3, .alpha = 6.0, .dropout = dropout, .seed = 5,
                                     .targets = targets, .arch = options->arch};
    model_case c = {.recompute = recompute};
    graft_param all;
    gradcheck_init(&check);
    assert_ok(graft_model_open(&c.model, tiny_model("tiny.gguf", options)));
    assert_ok(graft_adapter_new(&c.adapter, &adapter, c.model->slots, c.model->n_slots));
    for (size_t i = 0; i < c.adapter->n_params; i++) { /* B is zero at first: gradients of A too */
        c.adapter->params[i] = (graft_real)(0.2 * graft_rng_normal(&check.rng));
    }
    c.pass = (graft_pass){14, ids, positions, spans, 4, predictions, 6};
    all = (graft_param){c.adapter->params, c.adapter->grads, 1, c.adapter->n_params};
    check.params[check.n_params++] = &all;
    check.build = build;
    check.context = &c;
    check.unit_output = true;
    check.max_samples = 250;
    gradcheck_run(&check, name);
    check.n_params = 0; /* they belong to the adapter */
    graft_adapter_free(c.adapter);
    graft_model_close(c.model);
    gradcheck_clear(&check);
}

static void tied_kept(void **state)
{
    (void)state;
    run(&tiny_default, "all-linear", 0, false, "llama, tied head, layers kept");
}

static void tied_recomputed(void **state)
{
    (void)state;
    run(&tiny_default, "all-linear", 0, true, "llama, tied head, layers recomputed");
}

static void untied_with_factors(void **state)
{
    tiny_options o = tiny_default;
    (void)state;
    o.untied = o.rope_factors = true;
    o.n_kv = 1;
    o.n_layer = 3;
    run(&o, "all-linear", 0, false, "llama, untied head, rope factors, one kv head");
}

static void subset_with_dropout(void **state)
{
    (void)state;
    run(&tiny_default, "v_proj,ffn_down,q_proj", 0.3, true, "llama, q v down, dropout 0.3");
}

/* 5 layers, so that SmolLM3 has one that does not turn its heads; dropout, since maps that are rows
 * of one matrix must drop alike. */
static void every_family(void **state)
{
    (void)state;
    for (size_t i = 0; graft_families[i] != NULL; i++) {
        tiny_options o = tiny_default;
        char name[64];
        o.arch = graft_families[i]->arch;
        o.n_layer = strcmp(o.arch, "smollm3") == 0 ? 5 : 2;
        snprintf(name, sizeof name, "%s, layers kept", o.arch);
        run(&o, "all-linear", 0, false, name);
        snprintf(name, sizeof name, "%s, layers recomputed, dropout 0.3", o.arch);
        run(&o, "all-linear", 0.3, true, name);
    }
}

/* Both maps of a unit in one matrix, adapted alone. */
static void fused_names(void **state)
{
    tiny_options o = tiny_default;
    (void)state;
    o.arch = "phi3";
    run(&o, "gate_up_proj,attn_qkv", 0, false, "phi3, gate_up qkv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family), cmocka_unit_test(fused_names),
        cmocka_unit_test(tied_kept), cmocka_unit_test(tied_recomputed),
        cmocka_unit_test(untied_with_factors), cmocka_unit_test(subset_with_dropout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
