#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/avx2bf16/act.h"
#include "kernels/vector/loss_tmpl.h"

void graft_avx2bf16_loss(graft_kernels *table)
{
    table->log_sum_exp = log_sum_exp;
    table->softcap = softcap;
    table->softmax_gradient = softmax_gradient;
}
