#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/loss_tmpl.h"

void graft_avx512_loss(graft_kernels *table)
{
    table->log_sum_exp = log_sum_exp;
    table->softcap = softcap;
    table->softmax_gradient = softmax_gradient;
}
