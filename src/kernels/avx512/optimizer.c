#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/optimizer_tmpl.h"

void graft_avx512_optimizer(graft_kernels *table)
{
    table->axpy = axpy;
    table->sum_squares = sum_squares;
    table->adamw = adamw;
}
