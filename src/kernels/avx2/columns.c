#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/columns_tmpl.h"

void graft_avx2_columns(graft_kernels *table)
{
    table->columns = columns;
    table->columns_add = columns_add;
    table->columns_backward = columns_backward;
}
