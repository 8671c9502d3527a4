#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/loss_tmpl.h"

void graft_avx2_loss(graft_kernels *table)
{
    table->log_sum_exp = log_sum_exp;
    table->softcap = softcap;
    table->softmax_gradient = softmax_gradient;
}
