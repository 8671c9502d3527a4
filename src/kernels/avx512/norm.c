#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/norm_tmpl.h"

void graft_avx512_norm(graft_kernels *table)
{
    table->rmsnorm = rmsnorm;
    table->rmsnorm_backward = rmsnorm_backward;
}
