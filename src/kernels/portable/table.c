#include "kernels/levels.h"
#include "kernels/portable/portable.h"

void graft_kernels_portable(graft_kernels *table)
{
    *table = (graft_kernels){
        .level = GRAFT_CPU_PORTABLE,
        .half = false,
        .act_bytes = sizeof(graft_real),
        .decode_row = graft_portable_decode_row,
        .byte_limits = GRAFT_BYTE_LIMITS,
        .to_act = graft_portable_to_act,
        .to_bytes = graft_portable_to_bytes,
        .rmsnorm = graft_portable_rmsnorm,
        .rmsnorm_backward = graft_portable_rmsnorm_backward,
        .head_norm = graft_portable_head_norm,
        .head_norm_backward = graft_portable_head_norm_backward,
        .norm_add = graft_portable_norm_add,
        .columns = graft_portable_columns,
        .columns_add = graft_portable_columns_add,
        .columns_backward = graft_portable_columns_backward,
        .columns_grad = graft_portable_columns_grad,
        .rope_pairs = graft_portable_rope_pairs,
        .rope_halves = graft_portable_rope_halves,
        .swiglu = graft_portable_swiglu,
        .swiglu_backward = graft_portable_swiglu_backward,
        .geglu = graft_portable_geglu,
        .geglu_backward = graft_portable_geglu_backward,
        .axpy = graft_portable_axpy,
        .scale = graft_portable_scale,
        .softcap = graft_portable_softcap,
        .attention = graft_portable_attention,
        .attention_backward = graft_portable_attention_backward,
        .log_sum_exp = graft_portable_log_sum_exp,
        .softmax_gradient = graft_portable_softmax_gradient,
        .sum_squares = graft_portable_sum_squares,
        .adamw = graft_portable_adamw,
        .gemm = &graft_portable_gemm,
        .gemm_bytes = &graft_portable_gemm_bytes,
    };
}

void graft_kernels_portable_half(graft_kernels *table)
{
    table->half = true;
    table->act_bytes = sizeof(uint16_t);
    table->to_act = graft_portable_to_act_half;
    table->rmsnorm = graft_portable_rmsnorm_half;
    table->head_norm = graft_portable_head_norm_half;
    table->head_norm_backward = graft_portable_head_norm_backward_half;
    table->norm_add = graft_portable_norm_add_half;
    table->columns = graft_portable_columns_half;
    table->columns_add = graft_portable_columns_add_half;
    table->columns_backward = graft_portable_columns_backward_half;
    table->rope_pairs = graft_portable_rope_pairs_half;
    table->rope_halves = graft_portable_rope_halves_half;
    table->swiglu = graft_portable_swiglu_half;
    table->swiglu_backward = graft_portable_swiglu_backward_half;
    table->geglu = graft_portable_geglu_half;
    table->geglu_backward = graft_portable_geglu_backward_half;
    table->attention = graft_portable_attention_half;
    table->attention_backward = graft_portable_attention_backward_half;
    table->softmax_gradient = graft_portable_softmax_gradient_half;
    table->byte_limits = GRAFT_BYTE_LIMITS_HALF;
    table->to_bytes = graft_portable_to_bytes_half;
    table->gemm = &graft_portable_gemm_half;
    table->gemm_bytes = &graft_portable_gemm_half_bytes;
}
