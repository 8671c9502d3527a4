#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/avx512bf16/vec.h"
#include "kernels/vector/loss_tmpl.h"

void graft_avx512bf16_loss(graft_kernels *table)
{
    table->log_sum_exp = log_sum_exp;
    table->softcap = softcap;
    table->softmax_gradient = softmax_gradient;
}
