#include "kernels/avx512bf16/avx512bf16.h"
#include "kernels/avx512bf16/vec.h"
#include "kernels/vector/swiglu_tmpl.h"

void graft_avx512bf16_swiglu(graft_kernels *table)
{
    table->swiglu = swiglu;
    table->swiglu_backward = swiglu_backward;
    table->geglu = geglu;
    table->geglu_backward = geglu_backward;
}
