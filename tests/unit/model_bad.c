/* Model files that contradict themselves or their architecture: each is refused by name. */
#include <math.h>
#include <string.h>

#include "adapter/adapter.h"
#include "core/memory.h"
#include "model/families.h"
#include "support/test.h"
#include "support/tiny_model.h"

static void refused(const tiny_options *o, const char *message)
{
    graft_model *model = NULL;
    assert_fails(graft_model_open(&model, tiny_model("bad.gguf", o)), GRAFT_E_MODEL, message);
    assert_contains(graft_error_message(), "bad.gguf: ");
    assert_null(model);
}

static void opens(const tiny_options *o)
{
    graft_model *model = NULL;
    assert_ok(graft_model_open(&model, tiny_model("good.gguf", o)));
    graft_model_close(model);
}

#define ZERO 1e-60 /* written in single precision: whole numbers are written as such */

/* What any family asks. */
static const struct {
    const char *key;
    double value;
    const char *message;
} values[] = {
    {"block_count", 0, "block_count"},
    {"block_count", 2147483648.0, "block_count"},
    {"block_count", 1.5, "block_count"},
    {"attention.head_count", 0, "attention.head_count"},
    {"attention.head_count", 3, "embedding_length 16 is not a multiple of attention.head_count 3"},
    {"embedding_length", 4100, "make heads of width 1025; at most 1024 is supported"},
    {"attention.head_count_kv", 3, "head_count 4 is not a multiple of attention.head_count_kv 3"},
    {"attention.head_count_kv", 8, "head_count 4 is not a multiple of attention.head_count_kv 8"},
    {"embedding_length", 4294967295.0, "embedding_length"},
    {"embedding_length", 32, "expected 32"},
    {"feed_forward_length", 0, "feed_forward_length"},
    {"feed_forward_length", 25, "ffn_"},
    {"context_length", 0, "context_length"},
    {"attention.layer_norm_rms_epsilon", NAN, "layer_norm_rms_epsilon"},
    {"attention.layer_norm_rms_epsilon", INFINITY, "layer_norm_rms_epsilon"},
    {"attention.layer_norm_rms_epsilon", -1e-5, "layer_norm_rms_epsilon must be positive"},
    {"attention.key_length", 4096, "attention.key_length"},
    {"attention.value_length", 2, "keys of width 4 and values of width 2"},
    {"rope.dimension_count", 3, "rope.dimension_count 3 must be even"},
    {"rope.dimension_count", 6, "at most the head's width 4"},
    {"rope.dimension_count_swa", 2, "rope.dimension_count_swa 2 is not that of other layers (4)"},
    {"rope.freq_base", -1, "the base of rope must be above 1"},
    {"rope.freq_base", NAN, "rope.freq_base"},
    {"rope.scaling.factor", -2, "rope.scaling.factor is negative"},
    {"rope.scaling.attn_factor", -1, "its attn_factor positive"},
    {"rope.scaling.original_context_length", 0, "rope.scaling.original_context_length"},
    {"expert_count", 8, "mixtures of experts are not supported"},
};

static void contradictory_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        tiny_options o = tiny_default;
        o.key = values[i].key;
        o.value = values[i].value;
        refused(&o, values[i].message);
    }
}

static void unknown_scaling(void **state)
{
    tiny_options o = tiny_default;
    (void)state;
    o.key = "rope.scaling.type";
    o.text = "dynamic";
    refused(&o, "rope scaling \"dynamic\" (known: none, linear, yarn, longrope,");
    for (const char *const *type = (const char *const[]){"none", "linear", "yarn", "longrope", NULL};
         *type != NULL; type++) {
        o.text = *type;
        opens(&o);
    }
}

static void unknown_architecture(void **state)
{
    tiny_options o = tiny_default;
    (void)state;
    o.arch = "mamba";
    refused(&o, "unknown architecture \"mamba\" (known: llama, mistral3, smollm3, qwen2, qwen3, phi3, "
                "gemma2, gemma3, granite)");
}

static void missing_keys(void **state)
{
    static const char *const keys[] = {"block_count", "embedding_length", "feed_forward_length",
                                       "attention.head_count", "context_length",
                                       "attention.layer_norm_rms_epsilon"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        tiny_options o = tiny_default;
        o.without = keys[i];
        refused(&o, keys[i]);
        assert_contains(graft_error_message(), "is missing");
    }
}

/* Every tensor of every family: left out, and with a column too many. */
static void tensors(void **state)
{
    (void)state;
    for (size_t f = 0; graft_families[f] != NULL; f++) {
        tiny_options o = tiny_default;
        graft_gguf *file = NULL;
        o.n_layer = 1;
        o.arch = graft_families[f]->arch;
        assert_ok(graft_gguf_open(&file, tiny_model("all.gguf", &o)));
        for (size_t i = 0; i < graft_gguf_n_tensors(file); i++) {
            const char *name = graft_gguf_tensor_at(file, i)->name;
            bool bias = strstr(name, ".bias") != NULL;
            o.without = name;
            o.wider = NULL;
            refused(&o, bias ? "lacks a bias of attn_q, attn_k or attn_v" : name);
            o.wider = o.without;
            o.without = NULL;
            refused(&o, name);
            assert_contains(graft_error_message(), "expected ");
        }
        graft_gguf_close(file);
        o.wider = NULL;
        opens(&o);
        o.extra = "blk.0.ssm_a.weight";
        refused(&o, "tensor \"blk.0.ssm_a.weight\" is unknown to architecture ");
        assert_contains(graft_error_message(), o.arch);
    }
}

static const struct {
    const char *arch, *key, *message;
    double value;
} own_values[] = {
    {"granite", "logit_scale", "must be positive and finite", ZERO},
    {"granite", "logit_scale", "must be positive and finite", -1},
    {"granite", "residual_scale", "must be positive and finite", -0.5},
    {"granite", "attention.scale", "attention.scale", NAN},
    {"mistral3", "rope.scaling.yarn_beta_slow", "must be positive and in order", 64.5},
    {"qwen3", "rope.dimension_count", "which architecture qwen3 does not have", 2},
    {"gemma2", "attn_logit_softcapping", "soft caps must be positive", -5},
    {"gemma2", "final_logit_softcapping", "soft caps must be positive", ZERO},
    {"gemma2", "attention.sliding_window", "attention.sliding_window", 0},
    {"gemma2", "attention.sliding_window_pattern", "attention.sliding_window_pattern", 0},
    {"gemma3", "final_logit_softcapping", "soft caps must not be negative", -1},
    {"gemma3", "attention.sliding_window_pattern", "attention.sliding_window_pattern", 0},
    {"gemma3", "rope.freq_base_swa", "the base of rope", -1},
};

static void own_keys(void **state)
{
    tiny_options o = tiny_default;
    (void)state;
    for (size_t i = 0; i < sizeof own_values / sizeof *own_values; i++) {
        o.arch = own_values[i].arch;
        o.key = own_values[i].key;
        o.value = own_values[i].value;
        refused(&o, own_values[i].message);
    }
    o = tiny_default;
    o.arch = "granite";
    o.without = "logit_scale";
    refused(&o, "\"granite.logit_scale\" is missing");
    o = tiny_default;
    o.arch = "phi3";
    o.extra = "rope_factors_long.weight"; /* 4 elements where 2 belong */
    refused(&o, "rope_factors_long.weight");
    o = tiny_default;
    o.arch = "gemma2";
    o.untied = true;
    refused(&o, "tensor \"output.weight\" is unknown to architecture gemma2");
}

static void targets(void **state)
{
    tiny_options o = tiny_default;
    graft_model *model = NULL;
    graft_adapter *adapter = NULL;
    static const struct {
        const char *targets, *message;
        size_t n;
    } cases[] = {
        {"qkv_proj,down_proj", NULL, 4},
        {"ffn_up", NULL, 2},
        {"gate_up_proj, o_proj", NULL, 4},
        {"up_proj", "this model has no module \"up_proj\"", 0},
        {"q_proj", "this model has no module \"q_proj\"", 0},
        {"lm_head", "unknown module \"lm_head\" (known: all-linear, q_proj, ", 0},
        {"", "names no module", 0},
        {" ,", "names no module", 0},
        {",ffn_up", NULL, 2},
        {"ffn_up,all-linear", NULL, 8},
        {"all-linear", NULL, 8},
    };
    (void)state;
    o.arch = "phi3";
    assert_ok(graft_model_open(&model, tiny_model("targets.gguf", &o)));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graft_adapter_options options = {.rank = 1, .alpha = 1, .targets = cases[i].targets,
                                         .arch = "phi3"};
        if (cases[i].message != NULL) {
            assert_fails(graft_adapter_new(&adapter, &options, model->slots, model->n_slots),
                         GRAFT_E_CONFIG, cases[i].message);
            continue;
        }
        assert_ok(graft_adapter_new(&adapter, &options, model->slots, model->n_slots));
        assert_int_equal(adapter->n_maps, cases[i].n);
        graft_adapter_free(adapter);
    }
    graft_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contradictory_values), cmocka_unit_test(unknown_scaling),
        cmocka_unit_test(unknown_architecture), cmocka_unit_test(missing_keys),
        cmocka_unit_test(tensors),              cmocka_unit_test(own_keys),
        cmocka_unit_test(targets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
