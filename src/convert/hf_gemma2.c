/* convert/hf_gemma2.c - Gemma2ForCausalLM: norms on both sides, capped scores and logits, a
 * window in every other layer. Gains are stored less one. */
#include "convert/architectures.h"


enum { LAYERS_27B = 46 };

static graft_status prepare(graft_hf_model *model)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_hf_check_windows(model, 2));
    GRAFT_TRY(graft_hf_check_scale(model, LAYERS_27B));
    if (model->rope.theta != 10000) {
        status = graft_hf_config_fail(&model->config, "rope_theta is %g; the runtime takes 10000",
                                      model->rope.theta);
    }
done:
    return status;
}

static graft_status keys(const graft_hf_model *model, const graft_hf_keys *out)
{
    graft_status status = GRAFT_OK;
    const graft_hf_dims *d = &model->dims;
    const graft_hf_config *c = &model->config;
    double attention, final;
    size_t window;
    GRAFT_TRY(graft_hf_config_real(c, "attn_logit_softcapping", &attention));
    GRAFT_TRY(graft_hf_config_real(c, "final_logit_softcapping", &final));
    GRAFT_TRY(graft_hf_config_size(c, "sliding_window", 1, INT32_MAX, &window));
    GRAFT_TRY(graft_hf_key_u32(out, ".context_length", d->n_ctx));
    GRAFT_TRY(graft_hf_key_u32(out, ".embedding_length", d->n_embd));
    GRAFT_TRY(graft_hf_key_u32(out, ".block_count", d->n_layer));
    GRAFT_TRY(graft_hf_key_u32(out, ".feed_forward_length", d->n_ff));
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.head_count", d->n_head));
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.head_count_kv", d->n_kv));
    GRAFT_TRY(graft_hf_key_f32(out, ".attention.layer_norm_rms_epsilon", d->rms_eps));
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.key_length", d->d_head));
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.value_length", d->d_head));
    GRAFT_TRY(graft_hf_key_f32(out, ".attn_logit_softcapping", attention));
    GRAFT_TRY(graft_hf_key_f32(out, ".final_logit_softcapping", final));
    GRAFT_TRY(graft_hf_key_u32(out, ".attention.sliding_window", window));
done:
    return status;
}

static const graft_hf_default defaults[] = {
    {"max_position_embeddings", 8192}, {"rms_norm_eps", 1e-6}, {"num_key_value_heads", 4},
    {"head_dim", 256}, {"sliding_window", 4096}, {"query_pre_attn_scalar", 256},
    {"attn_logit_softcapping", 50}, {"final_logit_softcapping", 30}, {"tie_word_embeddings", 1},
    {NULL, 0},
};

const graft_hf_architecture graft_hf_gemma2 = {
    .name = "Gemma2ForCausalLM", .arch = "gemma2", .defaults = defaults,
    .rules = {graft_hf_sandwich_rules, graft_hf_attention_rules,
              graft_hf_gated_rules},
    .activation = "gelu_pytorch_tanh", .gain_shift = 1, .own_head_dim = true,
    .no_space_prefix = true, .prepare = prepare, .keys = keys,
};
