#include "kernels/levels.h"
#include "kernels/portable/portable.h"

void graft_kernels_portable(graft_kernels *table)
{
    *table = (graft_kernels){
        .level = GRAFT_CPU_PORTABLE,
        .decode_row = graft_portable_decode_row,
        .rmsnorm = graft_portable_rmsnorm,
        .rmsnorm_backward = graft_portable_rmsnorm_backward,
        .rope_pairs = graft_portable_rope_pairs,
        .rope_halves = graft_portable_rope_halves,
        .swiglu = graft_portable_swiglu,
        .swiglu_backward = graft_portable_swiglu_backward,
        .axpy = graft_portable_axpy,
        .attention = graft_portable_attention,
        .attention_backward_q = graft_portable_attention_backward_q,
        .attention_backward_kv = graft_portable_attention_backward_kv,
        .log_sum_exp = graft_portable_log_sum_exp,
        .softmax_gradient = graft_portable_softmax_gradient,
        .sum_squares = graft_portable_sum_squares,
        .adamw = graft_portable_adamw,
        .gemm = &graft_portable_gemm,
    };
}
