#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/avx2bf16/act.h"
#include "kernels/vector/norm_tmpl.h"

void graft_avx2bf16_norm(graft_kernels *table)
{
    table->to_act = to_act;
    table->rmsnorm = rmsnorm;
    table->rmsnorm_backward = rmsnorm_backward;
    table->head_norm = head_norm;
    table->head_norm_backward = head_norm_backward;
    table->norm_add = norm_add;
}
