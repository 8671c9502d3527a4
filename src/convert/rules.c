/* convert/rules.c - the tensors that several architectures have. */
#include "convert/architecture.h"

const graft_hf_rule graft_hf_model_rules[] = {
    {"embed_tokens.weight", "token_embd.weight", GRAFT_HF_VOCAB, GRAFT_HF_EMBD, GRAFT_HF_PLAIN,
     false},
    {"norm.weight", "output_norm.weight", GRAFT_HF_EMBD, GRAFT_HF_NONE, GRAFT_HF_GAIN, false},
    {0},
};

const graft_hf_rule graft_hf_attention_rules[] = {
    {"self_attn.q_proj.weight", "attn_q.weight", GRAFT_HF_Q, GRAFT_HF_EMBD, GRAFT_HF_QUERY, false},
    {"self_attn.k_proj.weight", "attn_k.weight", GRAFT_HF_KV, GRAFT_HF_EMBD, GRAFT_HF_KEY, false},
    {"self_attn.v_proj.weight", "attn_v.weight", GRAFT_HF_KV, GRAFT_HF_EMBD, GRAFT_HF_PLAIN, false},
    {"self_attn.o_proj.weight", "attn_output.weight", GRAFT_HF_EMBD, GRAFT_HF_Q, GRAFT_HF_PLAIN,
     false},
    {0},
};

const graft_hf_rule graft_hf_bias_rules[] = {
    {"self_attn.q_proj.bias", "attn_q.bias", GRAFT_HF_Q, GRAFT_HF_NONE, GRAFT_HF_QUERY, true},
    {"self_attn.k_proj.bias", "attn_k.bias", GRAFT_HF_KV, GRAFT_HF_NONE, GRAFT_HF_KEY, true},
    {"self_attn.v_proj.bias", "attn_v.bias", GRAFT_HF_KV, GRAFT_HF_NONE, GRAFT_HF_PLAIN, true},
    {"self_attn.o_proj.bias", "attn_output.bias", GRAFT_HF_EMBD, GRAFT_HF_NONE, GRAFT_HF_PLAIN,
     true},
    {0},
};

const graft_hf_rule graft_hf_head_norm_rules[] = {
    {"self_attn.q_norm.weight", "attn_q_norm.weight", GRAFT_HF_HEAD, GRAFT_HF_NONE, GRAFT_HF_GAIN,
     false},
    {"self_attn.k_norm.weight", "attn_k_norm.weight", GRAFT_HF_HEAD, GRAFT_HF_NONE, GRAFT_HF_GAIN,
     false},
    {0},
};

const graft_hf_rule graft_hf_gated_rules[] = {
    {"mlp.gate_proj.weight", "ffn_gate.weight", GRAFT_HF_FF, GRAFT_HF_EMBD, GRAFT_HF_PLAIN, false},
    {"mlp.up_proj.weight", "ffn_up.weight", GRAFT_HF_FF, GRAFT_HF_EMBD, GRAFT_HF_PLAIN, false},
    {"mlp.down_proj.weight", "ffn_down.weight", GRAFT_HF_EMBD, GRAFT_HF_FF, GRAFT_HF_PLAIN, false},
    {0},
};

const graft_hf_rule graft_hf_norm_rules[] = {
    {"input_layernorm.weight", "attn_norm.weight", GRAFT_HF_EMBD, GRAFT_HF_NONE, GRAFT_HF_GAIN,
     false},
    {"post_attention_layernorm.weight", "ffn_norm.weight", GRAFT_HF_EMBD, GRAFT_HF_NONE,
     GRAFT_HF_GAIN, false},
    {0},
};

const graft_hf_rule graft_hf_sandwich_rules[] = {
    {"input_layernorm.weight", "attn_norm.weight", GRAFT_HF_EMBD, GRAFT_HF_NONE, GRAFT_HF_GAIN,
     false},
    {"post_attention_layernorm.weight", "post_attention_norm.weight", GRAFT_HF_EMBD, GRAFT_HF_NONE,
     GRAFT_HF_GAIN, false},
    {"pre_feedforward_layernorm.weight", "ffn_norm.weight", GRAFT_HF_EMBD, GRAFT_HF_NONE,
     GRAFT_HF_GAIN, false},
    {"post_feedforward_layernorm.weight", "post_ffw_norm.weight", GRAFT_HF_EMBD, GRAFT_HF_NONE,
     GRAFT_HF_GAIN, false},
    {0},
};
