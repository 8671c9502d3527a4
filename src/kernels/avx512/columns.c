#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/columns_tmpl.h"

void graft_avx512_columns(graft_kernels *table)
{
    table->columns = columns;
    table->columns_add = columns_add;
    table->columns_backward = columns_backward;
}
