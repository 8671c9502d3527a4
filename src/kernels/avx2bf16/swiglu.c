#include "kernels/avx2bf16/avx2bf16.h"
#include "kernels/avx2bf16/act.h"
#include "kernels/vector/swiglu_tmpl.h"

void graft_avx2bf16_swiglu(graft_kernels *table)
{
    table->swiglu = swiglu;
    table->swiglu_backward = swiglu_backward;
    table->geglu = geglu;
    table->geglu_backward = geglu_backward;
}
