#include "kernels/avx2/avx2.h"
#include "kernels/avx2/vec.h"
#include "kernels/vector/act_real.h"
#include "kernels/vector/swiglu_tmpl.h"

void graft_avx2_swiglu(graft_kernels *table)
{
    table->swiglu = swiglu;
    table->swiglu_backward = swiglu_backward;
    table->geglu = geglu;
    table->geglu_backward = geglu_backward;
}
