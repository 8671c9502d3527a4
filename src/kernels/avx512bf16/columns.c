#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/avx512bf16/vec.h"
#include "kernels/vector/columns_tmpl.h"

void graft_avx512bf16_columns(graft_kernels *table)
{
    table->columns = columns;
    table->columns_add = columns_add;
    table->columns_backward = columns_backward;
}
