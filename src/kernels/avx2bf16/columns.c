#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/avx2bf16/act.h"
#include "kernels/vector/columns_tmpl.h"

void graft_avx2bf16_columns(graft_kernels *table)
{
    table->columns = columns;
    table->columns_add = columns_add;
    table->columns_backward = columns_backward;
}
