#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/optimizer_tmpl.h"

void graft_avx2_optimizer(graft_kernels *table)
{
    table->axpy = axpy;
    table->sum_squares = sum_squares;
    table->adamw = adamw;
}
