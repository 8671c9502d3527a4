/* convert/hf_gemma3.c - Gemma3ForCausalLM, and the text part of Gemma3ForConditionalGeneration:
 * norms on both sides and on heads; five layers with a window and a rotation of their own to one
 * without. Gains are stored less one. */
#include "convert/architectures.h"


enum { LAYERS_27B = 62 };

static graft_status prepare(graft_hf_model *model)
{
    graft_status status = GRAFT_OK;
    bool both_ways = false;
    GRAFT_TRY(graft_hf_check_windows(model, 6));
    GRAFT_TRY(graft_hf_check_scale(model, LAYERS_27B));
    GRAFT_TRY(graft_hf_config_bool(&model->config, "use_bidirectional_attention", &both_ways));
    if (both_ways) {
        GRAFT_TRY(graft_hf_config_fail(&model->config, "attention in both directions is not "
                                       "supported"));
    }
    if (graft_hf_config_get(&model->config, "attn_logit_softcapping") != NULL) {
        GRAFT_TRY(graft_hf_config_fail(&model->config, "attn_logit_softcapping: the runtime does "
                                       "not cap the scores of this architecture"));
    }
    if (model->rope.local_theta == 0) {
        model->rope.local_theta = 10000; /* what the model's class assumes */
    }
done:
    return status;
}

static graft_status keys(const graft_hf_model *model, const graft_hf_keys *out)
{
    graft_status status = GRAFT_OK;
    size_t window;
    double final = 0;
    GRAFT_TRY(graft_hf_common_keys(model, out));
    GRAFT_TRY(graft_hf_config_size(&model->config, "sliding_window", 1, INT32_MAX, &window));
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.sliding_window", window));
    if (graft_hf_config_get(&model->config, "final_logit_softcapping") != NULL) {
        GRAFT_TRY(graft_hf_config_real(&model->config, "final_logit_softcapping", &final));
        GRAFT_TRY(graft_hf_key_f32(out, ".final_logit_softcapping", final));
    }
done:
    return status;
}

static const graft_hf_default defaults[] = {
    {"num_attention_heads", 8}, {"num_key_value_heads", 4}, {"head_dim", 256},
    {"vocab_size", 262208}, {"max_position_embeddings", 131072}, {"rms_norm_eps", 1e-6},
    {"rope_theta", 1000000}, {"sliding_window", 4096}, {"query_pre_attn_scalar", 256},
    {"tie_word_embeddings", 1}, {NULL, 0},
};

const graft_hf_architecture graft_hf_gemma3 = {
    .name = "Gemma3ForCausalLM", .arch = "gemma3", .defaults = defaults,
    .rules = {graft_hf_sandwich_rules, graft_hf_attention_rules, graft_hf_head_norm_rules,
              graft_hf_gated_rules},
    .activation = "gelu_pytorch_tanh", .gain_shift = 1, .own_head_dim = true,
    .no_space_prefix = true, .prepare = prepare, .keys = keys,
};

const graft_hf_architecture graft_hf_gemma3_vision = {
    .name = "Gemma3ForConditionalGeneration", .arch = "gemma3", .defaults = defaults,
    .rules = {graft_hf_sandwich_rules, graft_hf_attention_rules, graft_hf_head_norm_rules,
              graft_hf_gated_rules},
    .activation = "gelu_pytorch_tanh", .gain_shift = 1,
    .own_head_dim = true, .no_space_prefix = true, .has_vision = true, .prepare = prepare,
    .keys = keys,
};
